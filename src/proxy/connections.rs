//! Connections to one destination, kept between requests by the thread that uses them.
//!
//! Nobody but the request on it drives a connection: no other task has to wake for an answer.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::header::HeaderMap;
use hyper::http::response::Parts;
use hyper::{Method, Request, Response, Uri};
use tokio::task::coop::unconstrained;
use tokio::time::timeout;

use super::destination::{CONNECT_TIMEOUT, Destination, Stream};
use crate::http::with_causes;

/// Connections that nobody used are looked for so often, and closed when they are found a third time:
/// most servers hang up after a minute or two.
pub(super) const TIDY_EVERY: Duration = Duration::from_secs(30);
const FOUND_IDLE: u32 = 3;

/// A request that can be sent.
pub(super) type Asked = Request<Full<Bytes>>;

/// Connections to a destination, and how to make more.
pub(super) struct Connections {
    destination: Destination,
    idle: Arc<Idle>,
}

/// Why there is no answer, or no more of it. Without addresses.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("no connection: {}", with_causes(.0.as_ref()))]
    NotConnected(Box<dyn std::error::Error + Send + Sync>),
    #[error("no connection within {} s", CONNECT_TIMEOUT.as_secs())]
    NotConnectedInTime,
    #[error("the connection broke: {}", with_causes(.0))]
    Broken(hyper::Error),
    #[error("nothing more came for {} s", .0.as_secs())]
    Silent(Duration),
}

/// A request with a body.
pub(super) fn post(target: Uri, headers: HeaderMap, body: Bytes) -> Asked {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target;
    *request.headers_mut() = headers;
    request
}

impl Connections {
    /// None yet.
    pub fn new(destination: Destination) -> Connections {
        Connections {
            destination,
            idle: Arc::default(),
        }
    }

    /// Sends a request; the answer is there when its head is.
    pub async fn ask(&self, mut asked: Asked) -> Result<(Parts, Pieces), AskError> {
        while let Some(link) = self.idle.take().await {
            let mut error = match link.ask(asked).await {
                Ok(answer) => return Ok(self.in_pieces(answer)),
                Err(error) => error,
            };
            // It was closed by the other side before anything was sent: another is as good.
            let Some(unsent) = error.take_message() else {
                return Err(AskError::Broken(error.into_error()));
            };
            asked = unsent;
        }
        let link = self.connect().await?;
        let answer = link.ask(asked).await;
        let answer = answer.map_err(|error| AskError::Broken(error.into_error()))?;
        Ok(self.in_pieces(answer))
    }

    async fn connect(&self) -> Result<Box<Link>, AskError> {
        let stream = timeout(CONNECT_TIMEOUT, self.destination.connect()).await;
        let stream = stream
            .map_err(|_| AskError::NotConnectedInTime)?
            .map_err(AskError::NotConnected)?;
        let (sender, driver) = http1::Builder::new()
            .handshake(stream)
            .await
            .map_err(AskError::Broken)?;
        Ok(Box::new(Link {
            sender,
            driver: Some(driver),
            found_idle: 0,
        }))
    }

    fn in_pieces(&self, (link, answer): (Box<Link>, Response<Incoming>)) -> (Parts, Pieces) {
        let (head, incoming) = answer.into_parts();
        let mut pieces = Pieces {
            incoming,
            link: Some(link),
            idle: Arc::clone(&self.idle),
        };
        pieces.keep_link_at_end();
        (head, pieces)
    }

    /// Closes those that nobody has used for long. To be called every [`TIDY_EVERY`].
    pub fn tidy(&self) {
        self.idle.links().retain_mut(|link| {
            link.found_idle += 1;
            link.found_idle < FOUND_IDLE
        });
    }
}

/// Connections with no request on them, the last used at the end.
#[derive(Default)]
#[expect(
    clippy::vec_box,
    reason = "a link comes and goes with each request: a pointer is moved, and not a kilobyte"
)]
struct Idle(Mutex<Vec<Box<Link>>>);

impl Idle {
    /// One that is still open.
    async fn take(&self) -> Option<Box<Link>> {
        poll_fn(|context| {
            while let Some(mut link) = self.pop() {
                if link.is_open(context) {
                    return Poll::Ready(Some(link));
                }
            }
            Poll::Ready(None)
        })
        .await
    }

    fn pop(&self) -> Option<Box<Link>> {
        self.links().pop()
    }

    fn keep(&self, mut link: Box<Link>) {
        link.found_idle = 0;
        self.links().push(link);
    }

    #[expect(clippy::vec_box, reason = "as above")]
    fn links(&self) -> MutexGuard<'_, Vec<Box<Link>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection.
struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// Absent when it has ended.
    driver: Option<Connection<Stream, Full<Bytes>>>,
    /// So often since its last use.
    found_idle: u32,
}

impl Link {
    /// Reads and writes whatever can be read and written now.
    fn drive(&mut self, context: &mut Context<'_>) {
        let Some(driver) = &mut self.driver else {
            return;
        };
        // How it ended, the request on it is told.
        if Pin::new(driver).poll(context).is_ready() {
            self.driver = None;
        }
    }

    /// True when the next request can be sent on it.
    fn is_open(&mut self, context: &mut Context<'_>) -> bool {
        self.drive(context);
        self.driver.is_some() && self.sender.is_ready()
    }

    async fn ask(
        mut self: Box<Link>,
        asked: Asked,
    ) -> Result<(Box<Link>, Response<Incoming>), TrySendError<Asked>> {
        // Without a budget of its own: that it is used up would be told to nobody.
        let mut answer = pin!(unconstrained(self.sender.try_send_request(asked)));
        let answer = poll_fn(|context| {
            self.drive(context);
            // Only the line above can have brought it: nothing else has to wake us.
            answer
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        });
        let answer = answer.await?;
        Ok((self, answer))
    }
}

/// The body of an answer. Its connection is kept when it has been read to its end, and closed when it is
/// dropped before: the server hears that nobody listens.
pub(super) struct Pieces {
    incoming: Incoming,
    /// Absent after the end.
    link: Option<Box<Link>>,
    idle: Arc<Idle>,
}

impl Pieces {
    /// What is there now, or could be read now.
    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        // Only its connection brings more, and that is driven here.
        let mut unwoken = Context::from_waker(Waker::noop());
        let there = Pin::new(&mut self.incoming).poll_frame(&mut unwoken);
        let (Poll::Pending, Some(link)) = (&there, &mut self.link) else {
            return there;
        };
        link.drive(context);
        Pin::new(&mut self.incoming).poll_frame(&mut unwoken)
    }

    /// Nobody wants the rest. The connection can be kept if there is none on its way.
    pub fn forgo(mut self) {
        self.keep_link();
    }

    fn keep_link_at_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.keep_link();
        }
    }

    fn keep_link(&mut self) {
        if let Some(link) = self.link.take() {
            self.idle.keep(link);
        }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = AskError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AskError>>> {
        let this = self.get_mut();
        let piece = ready!(this.next(context));
        match &piece {
            Some(Ok(piece)) if piece.is_data() => this.keep_link_at_end(),
            Some(Err(_)) => this.link = None,
            // Trailers are the last.
            Some(Ok(_)) | None => this.keep_link(),
        }
        Poll::Ready(piece.map(|piece| piece.map_err(AskError::Broken)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
