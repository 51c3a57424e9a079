//! Callers and upstreams that hang, stall and leave, and the end.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::*;
use crate::proxy::connections::AskError;
use crate::proxy::forward::{Passing, UnderWay};
use crate::proxy::patience::Patience;

/// Long enough for whatever must happen, if this machine is slow.
const IN_TIME: Duration = Duration::from_secs(20);

/// A request by hand, for callers that are not as other clients.
fn by_hand(path: &str) -> String {
    let body = json!({"model": "net/Model"}).to_string();
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: proxy\r\nContent-Length: {length}\r\n\r\n{body}")
}

async fn connect(served: &Served) -> TcpStream {
    let address = &served.base["http://".len()..];
    TcpStream::connect(address).await.unwrap()
}

#[tokio::test]
async fn an_upstream_that_hangs_leaves_time_for_the_next_one() {
    let silent = || async { pending::<String>().await };
    let hanging = upstream(Router::new().route("/v1/completions", post(silent))).await;
    let mut config = config(&hanging, 1, Duration::from_secs(1));
    config.fallbacks = vec![named(&echoing().await, "model-of-the-second")];
    let served = start(config).await;
    let started = Instant::now();
    let reply = ask(&served.base, "/v1/completions", "net/Model").await;
    assert_eq!(reply.status(), StatusCode::OK);
    assert!(started.elapsed() >= Duration::from_millis(500));
    let labels = "{upstream=\"127.0.0.1\",outcome=\"failed\"}";
    let failed = served_metric(&served, format!("pocpit_proxy_attempts_total{labels}"));
    assert_eq!(failed.await, Some(1.0));
}

/// Sends when it is dropped.
struct Gone(mpsc::UnboundedSender<()>);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_first_byte_cancels_the_upstream() {
    let (gone, mut left) = mpsc::unbounded_channel();
    let (came, mut here) = mpsc::unbounded_channel();
    let waiting = move || {
        let (gone, came) = (Gone(gone.clone()), came.clone());
        async move {
            came.send(()).unwrap();
            pending::<()>().await;
            drop(gone);
        }
    };
    let up = upstream(Router::new().route("/v1/completions", post(waiting))).await;
    let served = proxy(&up, 1, LONG).await;
    let mut caller = connect(&served).await;
    let request = by_hand("/v1/completions");
    caller.write_all(request.as_bytes()).await.unwrap();
    here.recv().await.unwrap();
    drop(caller);
    let heard = timeout(IN_TIME, left.recv()).await;
    assert_eq!(heard.expect("the upstream hears of it"), Some(()));
}

#[tokio::test]
async fn a_caller_that_takes_nothing_holds_up_the_upstream_and_loses_its_place() {
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
    let up = upstream(Router::new().route("/v1/completions", post(endless))).await;
    // Given one place, and a caller that sends a request and then reads nothing,
    let served = proxy(&up, 1, Duration::from_secs(1)).await;
    let mut caller = connect(&served).await;
    let request = by_hand("/v1/completions");
    caller.write_all(request.as_bytes()).await.unwrap();
    // when it has taken nothing for the longest time that is waited, then its place is another's,
    let freed = async {
        while ask(&served.base, "/v1/completions", "other").await.status()
            == StatusCode::TOO_MANY_REQUESTS
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    while made.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let refused = ask(&served.base, "/v1/completions", "other").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    timeout(IN_TIME, freed)
        .await
        .expect("the place is free again");
    // and what was made for it fits into buffers: nobody reads ahead of a caller.
    let made = made.load(Ordering::Relaxed);
    assert!(made < 64_000_000, "{made} bytes were made for nobody");
    drop(caller);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_stops_in_the_middle_is_given_up() {
    let half = || async {
        let first = stream::once(async { Ok::<_, io::Error>(Bytes::from("data: 1\n\n")) });
        Body::from_stream(first.chain(stream::pending()))
    };
    let up = upstream(Router::new().route("/v1/completions", post(half))).await;
    let place = tempfile::tempdir().unwrap();
    let settings = config(&up, 1, LONG);
    let proxy = Proxy::new(&settings, &place.path().join(STATE_FILE)).unwrap();
    let line = &proxy.upstreams[0];
    let connections = connections::Connections::new(line.destination.clone());
    let asked = line.request(surface::Endpoint::Completions, "{}".into());
    let (_, pieces) = connections.ask(asked).await.unwrap();
    let under_way = UnderWay::sample(Arc::new(proxy));
    let mut passing = Passing::new(pieces, under_way, Patience::new());

    let first = passing.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "data: 1\n\n");
    let heard = Instant::now();
    let end = passing.frame().await.unwrap().unwrap_err();
    assert!(matches!(end, AskError::Silent(_)), "{end}");
    assert_eq!(heard.elapsed().as_secs(), LONG.as_secs() + 60);
    assert!(!passing.is_end_stream());
}

/// Reads to the end of the connection.
async fn rest(mut caller: TcpStream) -> String {
    let mut text = String::new();
    let read = timeout(IN_TIME, caller.read_to_string(&mut text)).await;
    read.expect("the connection is closed").unwrap();
    text
}

#[tokio::test]
async fn whoever_asked_before_the_end_is_answered_and_told_to_go_elsewhere() {
    let served = proxy(&echoing().await, 100, LONG).await;
    // Given a caller whose connection is idle, and many that have just come with a request,
    let mut idle = connect(&served).await;
    let request = by_hand("/v1/completions");
    idle.write_all(request.as_bytes()).await.unwrap();
    let mut first = vec![0; 4_096];
    let length = idle.read(&mut first).await.unwrap();
    assert!(first[..length].starts_with(b"HTTP/1.1 200"));
    let mut callers = Vec::new();
    for _ in 0..40 {
        let mut caller = connect(&served).await;
        caller.write_all(request.as_bytes()).await.unwrap();
        callers.push(caller);
    }
    // when the end comes, and the idle one asks once more,
    served.stop.send(()).unwrap();
    idle.write_all(request.as_bytes()).await.unwrap();
    callers.push(idle);
    // then all are answered, and know that it was the last time.
    for caller in callers {
        let answer = rest(caller).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
        assert!(answer.contains("their-model"), "{answer:?}");
    }
    timeout(IN_TIME, served.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn who_is_in_a_hurry_cuts_off_what_is_under_way() {
    let silent = || async { pending::<String>().await };
    let up = upstream(Router::new().route("/v1/completions", post(silent))).await;
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join(STATE_FILE);
    let (listener, base) = listen().await;
    let (hurry, hurried) = oneshot::channel::<()>();
    let config = config(&up, 1, LONG);
    let mut served = tokio::spawn(async move {
        let hurried = async {
            let _ = hurried.await;
        };
        serve_on(listener, &config, &file, std::future::ready(()), hurried).await
    });
    let mut caller = TcpStream::connect(&base["http://".len()..]).await.unwrap();
    let request = by_hand("/v1/completions");
    caller.write_all(request.as_bytes()).await.unwrap();
    let waits = timeout(Duration::from_millis(1_500), &mut served).await;
    assert!(waits.is_err(), "it waits for what is under way");
    hurry.send(()).unwrap();
    timeout(IN_TIME, served).await.unwrap().unwrap().unwrap();
    assert_eq!(rest(caller).await, "");
}

#[tokio::test]
async fn connections_to_an_upstream_are_kept_until_it_closes_them() {
    // Given an upstream that counts its connections and closes each after two answers,
    let (listener, base) = listen().await;
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            for _ in 0..2 {
                let mut seen = Vec::new();
                while !seen.ends_with(b"}") {
                    let Ok(1..) = stream.read_buf(&mut seen).await else {
                        return;
                    };
                }
                let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    let served = proxy(&base, 1, LONG).await;
    let mut caller = connect(&served).await;
    // when one caller asks eight times, one after the other, then none is lost with a connection that
    // was closed meanwhile, and each connection was used twice.
    for number in 0..8 {
        let request = by_hand("/v1/completions");
        caller.write_all(request.as_bytes()).await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\nhi") {
            let read = timeout(IN_TIME, caller.read_buf(&mut seen)).await;
            assert!(read.unwrap().unwrap() > 0, "{number}: {seen:?}");
        }
        assert!(seen.starts_with(b"HTTP/1.1 200"), "{number}");
        // So that the end of a connection has arrived.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(opened.load(Ordering::Relaxed), 4);
}
