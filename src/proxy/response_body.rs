//! The body of an upstream's reply on its way to the caller, unbuffered.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

use super::counters::BodyEnd;
use super::route::InferenceEndpoint;
use super::shared::Proxy;
use super::upstream_client::{UpstreamBody, UpstreamError};
use crate::config::AccessLog;
use crate::domain::PROXY_REQUESTS;

/// Accounts for a reply from its first byte until its body is sent or the caller disconnects. Holds
/// its place among the concurrent requests.
pub(super) struct InFlight {
    pub proxy: Arc<Proxy>,
    pub _permit: OwnedSemaphorePermit,
    pub endpoint: InferenceEndpoint,
    pub upstream: Arc<str>,
    pub started: Instant,
    pub first_byte: Duration,
    bytes: u64,
    end: BodyEnd,
}

impl InFlight {
    pub fn new(
        proxy: Arc<Proxy>,
        permit: OwnedSemaphorePermit,
        endpoint: InferenceEndpoint,
        upstream: Arc<str>,
        started: Instant,
    ) -> InFlight {
        let first_byte = started.elapsed();
        proxy.first_byte.observe(first_byte.as_secs_f64());
        InFlight {
            proxy,
            _permit: permit,
            endpoint,
            upstream,
            started,
            first_byte,
            bytes: 0,
            end: BodyEnd::Abandoned,
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.proxy.counters.record_body(self.bytes, self.end);
        if self.proxy.config.access_log == AccessLog::Off {
            return;
        }
        tracing::info!(
            target: PROXY_REQUESTS,
            endpoint = self.endpoint.path(),
            from = &*self.upstream,
            first_byte_ms = self.first_byte.as_millis(),
            whole_ms = self.started.elapsed().as_millis(),
            bytes = self.bytes,
            end = <&'static str>::from(self.end),
            "answered"
        );
    }
}

/// Passes each frame on as it arrives. Fails when the upstream is silent for too long.
pub(super) struct StreamingBody {
    upstream: UpstreamBody,
    idle_timeout: Duration,
    last_frame: Instant,
    timer: Pin<Box<Sleep>>,
    in_flight: InFlight,
}

impl StreamingBody {
    pub fn new(upstream: UpstreamBody, mut in_flight: InFlight) -> StreamingBody {
        // The first byte has a timeout of its own.
        let idle_timeout = in_flight.proxy.config.request_timeout + Duration::from_mins(1);
        let now = Instant::now();
        if upstream.is_end_stream() {
            in_flight.end = BodyEnd::Complete;
        }
        StreamingBody {
            upstream,
            idle_timeout,
            last_frame: now,
            timer: Box::pin(sleep_until(now + idle_timeout)),
            in_flight,
        }
    }

    /// The timer is not reset for each frame, only when it fires too early.
    fn poll_idle_timeout(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(context).is_ready() {
            let deadline = self.last_frame + self.idle_timeout;
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

impl Body for StreamingBody {
    type Data = Bytes;
    type Error = UpstreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.upstream).poll_frame(context) else {
            ready!(this.poll_idle_timeout(context));
            this.in_flight.end = BodyEnd::Broken;
            return Poll::Ready(Some(Err(UpstreamError::Idle(this.idle_timeout))));
        };
        this.last_frame = Instant::now();
        match &frame {
            Some(Ok(frame)) => {
                let data = frame.data_ref();
                this.in_flight.bytes += data.map_or(0, Bytes::len) as u64;
                // hyper may drop a body without polling past its last frame; trailers are the last.
                if data.is_none() || this.upstream.is_end_stream() {
                    this.in_flight.end = BodyEnd::Complete;
                }
            }
            Some(Err(_)) => this.in_flight.end = BodyEnd::Broken,
            None if this.in_flight.end == BodyEnd::Abandoned => {
                this.in_flight.end = BodyEnd::Complete;
            }
            None => {}
        }
        Poll::Ready(frame.map(|frame| frame.map_err(UpstreamError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.upstream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.upstream.size_hint()
    }
}
