//! Measures a tunnel's traffic.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Buf, Frame, SizeHint};

use crate::ports::TunnelTraffic;

/// The fastest of the last answers is the round trip: the others include the `MLNode`'s own time.
const ANSWERS: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Meter {
    sent: Arc<AtomicU64>,
    received: Arc<AtomicU64>,
    answers: Mutex<VecDeque<Duration>>,
}

impl Meter {
    pub(super) fn traffic(&self) -> TunnelTraffic {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        TunnelTraffic {
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            round_trip: answers.iter().min().copied(),
        }
    }

    pub(super) fn record_round_trip(&self, after: Duration) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.truncate(ANSWERS - 1);
        answers.push_front(after);
    }

    pub(super) fn count_sent<B>(&self, body: B) -> CountedBody<B> {
        let counter = self.sent.clone();
        CountedBody { body, counter }
    }

    pub(super) fn count_received<B>(&self, body: B) -> CountedBody<B> {
        let counter = self.received.clone();
        CountedBody { body, counter }
    }
}

/// Counts a body's bytes as they pass.
#[derive(Debug)]
pub(super) struct CountedBody<B> {
    body: B,
    counter: Arc<AtomicU64>,
}

impl<B: Body + Unpin> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let bytes = frame.data_ref().map_or(0, Buf::remaining);
            self.counter.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_is_fastest_recent_answer() {
        let meter = Meter::default();
        assert_eq!(meter.traffic(), TunnelTraffic::default());
        meter.record_round_trip(Duration::from_millis(7));
        for _ in 1..ANSWERS {
            meter.record_round_trip(Duration::from_millis(20));
        }
        let round_trip = || meter.traffic().round_trip;
        assert_eq!(round_trip(), Some(Duration::from_millis(7)));
        meter.record_round_trip(Duration::from_millis(30));
        assert_eq!(round_trip(), Some(Duration::from_millis(20)));
    }
}
