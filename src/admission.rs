//! Which connections a listener keeps open. When there are too many, one that waits for a request gives way
//! to the newest: callers who are silent cannot keep the others out, nor use up the file descriptors.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::descriptors;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// For a caller to send the head of a request.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Most often, no file descriptors are left: open connections will free some.
pub const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// A listener's share of the file descriptors.
const SHARE: u64 = 8;

/// The open connections of a listener.
#[derive(Debug)]
pub struct Admission {
    most: usize,
    most_per_address: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// Oldest first.
    connections: BTreeMap<u64, (IpAddr, Arc<Place>)>,
}

#[derive(Debug, Default)]
struct Place {
    /// A request has arrived at some time.
    was_used: AtomicBool,
    /// A request is being answered.
    is_busy: AtomicBool,
    gives_way: Notify,
}

/// An open connection's place; free when dropped.
#[derive(Debug)]
pub struct Admitted {
    admission: Arc<Admission>,
    number: u64,
    place: Arc<Place>,
}

/// A request that is being answered: its connection does not give way.
#[derive(Debug)]
pub struct Answering(Arc<Place>);

impl Admission {
    pub fn new(most: usize, most_per_address: usize) -> Arc<Admission> {
        Arc::new(Admission {
            most,
            most_per_address,
            open: Mutex::default(),
        })
    }

    /// At most `most`, also from one address, and no more than a listener's share of the file descriptors.
    pub fn within_descriptors(most: usize) -> Arc<Admission> {
        let share = descriptors::limit() / SHARE;
        let most = most.min(usize::try_from(share).unwrap_or(most));
        Admission::new(most, most)
    }

    /// A place for a connection from this address, if need be another's. `None` if all of them are being
    /// answered.
    pub fn admit(self: &Arc<Self>, from: IpAddr) -> Option<Admitted> {
        let from = from.to_canonical();
        let mut open = self.lock();
        if open.count(from) >= self.most_per_address {
            open.make_room(|address| address == from)?;
        } else if open.connections.len() >= self.most {
            open.make_room(|_| true)?;
        }
        let number = open.next;
        open.next += 1;
        let place = Arc::new(Place::default());
        open.connections.insert(number, (from, Arc::clone(&place)));
        Some(Admitted {
            admission: Arc::clone(self),
            number,
            place,
        })
    }

    /// The next connection that is admitted. May be cancelled.
    pub async fn accept(self: &Arc<Self>, listener: &TcpListener) -> (TcpStream, Admitted) {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => match self.admit(from.ip()) {
                    Some(admitted) => return (stream, admitted),
                    None => {
                        tracing::debug!("too many requests: a connection from {from} is closed");
                    }
                },
                Err(_) => tokio::time::sleep(ACCEPT_RETRY_DELAY).await,
            }
        }
    }

    /// A poisoned lock only means that a caller panicked: its content is never half-written.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn count(&self, from: IpAddr) -> usize {
        let addresses = self.connections.values().map(|(address, _)| *address);
        addresses.filter(|address| *address == from).count()
    }

    /// Closes a waiting connection of these addresses: the oldest one that was never used, or else the
    /// oldest.
    fn make_room(&mut self, is_meant: impl Fn(IpAddr) -> bool) -> Option<()> {
        let all = self.connections.iter();
        let waiting = all.filter(|(_, (address, place))| {
            is_meant(*address) && !place.is_busy.load(Ordering::Relaxed)
        });
        // Of equal ones the first, which is the oldest.
        let closed = waiting.min_by_key(|(_, (_, place))| place.was_used.load(Ordering::Relaxed));
        let number = *closed?.0;
        let (_, place) = self.connections.remove(&number)?;
        place.gives_way.notify_one();
        Some(())
    }
}

impl Admitted {
    /// Marks the connection as busy until the answer, with its body, is dropped.
    pub fn answering(&self) -> Answering {
        self.place.was_used.store(true, Ordering::Relaxed);
        self.place.is_busy.store(true, Ordering::Relaxed);
        Answering(Arc::clone(&self.place))
    }

    /// Returns when the connection must be closed for another.
    pub async fn gives_way(&self) {
        self.place.gives_way.notified().await;
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.lock().connections.remove(&self.number);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.is_busy.store(false, Ordering::Relaxed);
    }
}

/// The body of an answer, with its connection's mark.
#[derive(Debug)]
pub struct AnswerBody<B> {
    body: B,
    _answering: Answering,
}

impl<B> AnswerBody<B> {
    pub fn new(body: B, answering: Answering) -> AnswerBody<B> {
        AnswerBody {
            body,
            _answering: answering,
        }
    }
}

impl<B: Body + Unpin> Body for AnswerBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Serves HTTP/1.1 on every admitted connection until it is dropped. Each connection has a service of its
/// own.
pub async fn serve<S, B>(
    listener: TcpListener,
    admission: Arc<Admission>,
    new_service: impl Fn() -> S,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Into<AnyError> + Send,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<AnyError>,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            (stream, admitted) = admission.accept(&listener) => {
                connections.spawn(serve_connection(stream, admitted, new_service()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection<S, B>(stream: TcpStream, admitted: Admitted, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<AnyError>,
    B: Body + Unpin + 'static,
    B::Error: Into<AnyError>,
{
    let _ = stream.set_nodelay(true);
    let admitted = Arc::new(admitted);
    let caller = Arc::clone(&admitted);
    let marked = service_fn(move |request| {
        let answering = caller.answering();
        let answer = service.call(request);
        async move {
            let answer = answer.await?;
            Ok::<_, S::Error>(answer.map(|body| AnswerBody::new(body, answering)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), marked);
    tokio::select! {
        // A connection that breaks off is its client's concern.
        _ = connection => {}
        () = admitted.gives_way() => {}
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hyper::body::Bytes;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    async fn has_ended(admitted: &Admitted) -> bool {
        let soon = Duration::from_millis(1);
        tokio::time::timeout(soon, admitted.gives_way())
            .await
            .is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn oldest_silent_connection_gives_way() {
        let admission = Admission::new(3, 3);
        let busy = admission.admit(HERE).unwrap();
        let _answering = busy.answering();
        let idle = admission.admit(HERE).unwrap();
        drop(idle.answering());
        let silent = admission.admit(HERE).unwrap();
        // One after the other: first those that never asked for anything.
        let _fourth = admission.admit(HERE).unwrap();
        assert!(has_ended(&silent).await);
        assert!(!has_ended(&idle).await);
        let fifth = admission.admit(HERE).unwrap();
        let _fifth = fifth.answering();
        let sixth = admission.admit(HERE).unwrap();
        let _sixth = sixth.answering();
        assert!(has_ended(&idle).await);
        // A busy connection stays.
        assert!(admission.admit(HERE).is_none());
        assert!(!has_ended(&busy).await);
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_takes_no_place_of_others() {
        let admission = Admission::new(4, 2);
        let other = admission.admit(THERE).unwrap();
        let flood: Vec<_> = (0..9).map(|_| admission.admit(HERE).unwrap()).collect();
        assert!(!has_ended(&other).await);
        assert_eq!(admission.lock().connections.len(), 3);
        // An IPv4 address of an IPv6 socket is the same.
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        let _mapped = admission.admit(mapped.into()).unwrap();
        assert_eq!(admission.lock().connections.len(), 3);
        drop((flood, other));
        assert_eq!(admission.lock().connections.len(), 1);
    }

    #[tokio::test]
    async fn silent_callers_keep_nobody_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = || {
            service_fn(async |_: Request<Incoming>| {
                let body = http_body_util::Full::new(Bytes::from_static(b"well"));
                Ok::<_, std::convert::Infallible>(Response::new(body))
            })
        };
        tokio::spawn(serve(listener, Admission::new(4, 4), service));
        let mut silent = Vec::new();
        for _ in 0..20 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let mut caller = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        caller.write_all(request).await.unwrap();
        let mut answer = String::new();
        caller.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("well"), "{answer}");
        // The first ones have been closed.
        assert_eq!(silent[0].read(&mut [0]).await.unwrap_or(0), 0);
    }
}
