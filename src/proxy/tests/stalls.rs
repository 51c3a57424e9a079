//! Callers and upstreams that hang, stall and disconnect.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::*;
use crate::proxy::response_body::{InFlight, StreamingBody};
use crate::proxy::route::InferenceEndpoint;
use crate::proxy::upstream_client::{UpstreamClient, UpstreamError};

/// Enough on a slow machine.
pub(super) const IN_TIME: Duration = Duration::from_secs(20);

/// A raw request, for callers that misbehave.
pub(super) async fn send_raw(caller: &mut TcpStream) {
    let body = json!({"model": MODEL}).to_string();
    let head = "POST /v1/completions HTTP/1.1\r\nHost: proxy\r\nContent-Length:";
    let request = format!("{head} {}\r\n\r\n{body}", body.len());
    caller.write_all(request.as_bytes()).await.unwrap();
}

/// A caller that has sent a request.
pub(super) async fn raw_caller(base: &str) -> TcpStream {
    let mut caller = connect(base).await;
    send_raw(&mut caller).await;
    caller
}

async fn connect(base: &str) -> TcpStream {
    TcpStream::connect(&base["http://".len()..]).await.unwrap()
}

#[tokio::test]
async fn declared_excess_is_refused_at_once() {
    let served = proxy(&silent().await, 1, LONG).await;
    let mut caller = connect(&served.base).await;
    // Given a caller that announces more than the proxy takes, and sends nothing,
    let head = "POST /v1/completions HTTP/1.1\r\nHost: proxy\r\nContent-Length: 100001\r\n\r\n";
    caller.write_all(head.as_bytes()).await.unwrap();
    // then it is not waited for.
    let mut answer = [0; 12];
    let read = timeout(IN_TIME, caller.read_exact(&mut answer)).await;
    read.expect("an answer before the body").unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
}

#[tokio::test]
async fn hanging_upstream_leaves_time_for_fallback() {
    let config = with_fallback(&silent().await, Duration::from_secs(1)).await;
    let served = start(config).await;
    let started = Instant::now();
    assert_eq!(served.status("/v1/completions").await, 200);
    assert!(started.elapsed() >= Duration::from_millis(500));
    let labels = "{upstream=\"127.0.0.1\",outcome=\"failed\"}";
    let failed = format!("pocpit_proxy_attempts_total{labels}");
    assert_eq!(served.metric(&failed).await, Some(1.0));
}

/// Sends when it is dropped.
struct NotifyOnDrop(mpsc::UnboundedSender<()>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn early_disconnect_cancels_the_upstream() {
    let (gone, mut left) = mpsc::unbounded_channel();
    let (came, mut here) = mpsc::unbounded_channel();
    let waiting = move || {
        let (gone, came) = (NotifyOnDrop(gone.clone()), came.clone());
        async move {
            came.send(()).unwrap();
            pending::<()>().await;
            drop(gone);
        }
    };
    let up = upstream(waiting).await;
    let served = proxy(&up, 1, LONG).await;
    let caller = raw_caller(&served.base).await;
    here.recv().await.unwrap();
    drop(caller);
    let heard = timeout(IN_TIME, left.recv()).await;
    assert_eq!(heard.expect("the upstream sees the disconnect"), Some(()));
}

#[tokio::test]
async fn stalled_caller_applies_backpressure_and_is_dropped() {
    const PIECE: usize = 65_536;
    let made = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&made);
    let endless = move || {
        let counted = Arc::clone(&counted);
        async move {
            Body::from_stream(stream::repeat_with(move || {
                counted.fetch_add(PIECE, Ordering::Relaxed);
                Ok::<_, io::Error>(Bytes::from(vec![b'x'; PIECE]))
            }))
        }
    };
    let up = upstream(endless).await;
    // Given one permit, and a caller that sends a request and then reads nothing,
    let served = proxy(&up, 1, Duration::from_secs(1)).await;
    let caller = raw_caller(&served.base).await;
    // when it has read nothing for the request timeout, then its permit is free again,
    let freed = async {
        while ask(&served.base, "/v1/completions", "other").await.status()
            == StatusCode::SERVICE_UNAVAILABLE
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    while made.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let refused = ask(&served.base, "/v1/completions", "other").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    timeout(IN_TIME, freed)
        .await
        .expect("the permit is free again");
    // and no more was produced than fits into buffers: the proxy does not read ahead.
    let made = made.load(Ordering::Relaxed);
    assert!(made < 64_000_000, "{made} bytes were buffered");
    drop(caller);
}

#[tokio::test(start_paused = true)]
async fn silent_upstream_ends_the_stream() {
    let half = || async {
        let first = stream::once(async { Ok::<_, io::Error>(Bytes::from("data: 1\n\n")) });
        Body::from_stream(first.chain(stream::pending()))
    };
    let up = upstream(half).await;
    let scratch = tempfile::tempdir().unwrap();
    let settings = config(&up, 1, LONG);
    let proxy = Arc::new(Proxy::new(&settings, &scratch.path().join(STATE_FILE)).unwrap());
    let upstream = &proxy.upstreams[0];
    let client = UpstreamClient::new(&upstream.destination);
    let endpoint = InferenceEndpoint::Completions;
    let request = || upstream.request(endpoint, "{}".into());
    let reply = client.send(request).await.unwrap();
    let permit = Arc::clone(&proxy.requests).try_acquire_owned().unwrap();
    let in_flight = InFlight::new(proxy, permit, endpoint, "up".into(), Instant::now());
    let mut body = StreamingBody::new(reply.into_body(), in_flight);

    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "data: 1\n\n");
    let last_frame = Instant::now();
    let end = body.frame().await.unwrap().unwrap_err();
    assert!(matches!(end, UpstreamError::Idle(_)), "{end}");
    assert_eq!(last_frame.elapsed().as_secs(), LONG.as_secs() + 60);
    assert!(!body.is_end_stream());
}

#[tokio::test]
async fn upstream_connections_are_reused() {
    // Given an upstream that counts its connections and closes each after two answers,
    let (listener, base) = listen().await;
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            for _ in 0..2 {
                let mut received = Vec::new();
                while !received.ends_with(b"}") {
                    let Ok(1..) = stream.read_buf(&mut received).await else {
                        return;
                    };
                }
                let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    let served = proxy(&base, 1, LONG).await;
    let mut caller = connect(&served.base).await;
    // when one caller sends eight requests in turn, then none is lost with a connection that was
    // closed meanwhile, and each connection is used twice.
    for number in 0..8 {
        send_raw(&mut caller).await;
        let mut received = Vec::new();
        while !received.ends_with(b"\r\n\r\nhi") {
            let read = timeout(IN_TIME, caller.read_buf(&mut received)).await;
            assert!(read.unwrap().unwrap() > 0, "{number}: {received:?}");
        }
        assert!(received.starts_with(b"HTTP/1.1 200"), "{number}");
        // Lets the close of a connection arrive.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(opened.load(Ordering::Relaxed), 4);
}
