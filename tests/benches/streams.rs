//! Streams of pieces with the time at which each was sent, as a model that writes 25 tokens a second
//! to each of many callers at once: how much later they come through a proxy.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::IntoResponse as _;
use futures_util::{StreamExt as _, stream};

/// Streams at once.
pub const STREAMS: usize = 500;
const PIECES: usize = 75;
const EVERY: Duration = Duration::from_millis(40);

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_nanos()).unwrap()
}

/// The model: answers every request with a stream.
pub fn serve(listen: SocketAddr) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await.unwrap();
        axum::serve(listener, Router::new().fallback(answer))
            .await
            .unwrap();
    });
}

async fn answer() -> axum::response::Response {
    let pieces = stream::unfold(0, |sent| async move {
        if sent == PIECES {
            return None;
        }
        if sent > 0 {
            tokio::time::sleep(EVERY).await;
        }
        let piece = format!("data: {:020}\n\n", now());
        Some((Ok::<_, Infallible>(Bytes::from(piece)), sent + 1))
    });
    let kind = [("content-type", "text/event-stream")];
    (kind, Body::from_stream(pieces)).into_response()
}

/// How late things came, in microseconds.
#[derive(Debug, Default)]
pub struct Late {
    /// First bytes, from the request on.
    first: Vec<u64>,
    /// Pieces, from when the model wrote them.
    pieces: Vec<u64>,
}

/// The middle and the 99th of a hundred, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub p50: f64,
    pub p99: f64,
}

impl Late {
    pub fn first(&self) -> Shape {
        shape(&self.first)
    }

    pub fn pieces(&self) -> Shape {
        shape(&self.pieces)
    }
}

#[allow(clippy::cast_precision_loss, reason = "for people")]
fn shape(all: &[u64]) -> Shape {
    let mut all = all.to_vec();
    all.sort_unstable();
    let at = |hundredth: usize| all[(all.len() - 1) * hundredth / 100] as f64 / 1000.0;
    Shape {
        p50: at(50),
        p99: at(99),
    }
}

/// Reads so many streams at once through a port, each begun at another moment of the model's beat.
pub fn read(port: u16, streams: usize, model: &str) -> Late {
    // Whoever came first has installed one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let begun = (0..streams).map(|number| {
            let ask = http
                .post(format!(
                    "http://{}/v1/chat/completions",
                    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
                ))
                .json(&serde_json::json!({"model": model, "stream": true, "messages": []}));
            let offset = EVERY * u32::try_from(number).unwrap() / u32::try_from(streams).unwrap();
            tokio::spawn(async move {
                tokio::time::sleep(offset * 25).await;
                one(ask).await
            })
        });
        let mut all = Late::default();
        for stream in begun.collect::<Vec<_>>() {
            let late = stream.await.unwrap();
            all.first.extend(late.first);
            all.pieces.extend(late.pieces);
        }
        assert_eq!(all.pieces.len(), streams * PIECES, "pieces are missing");
        all
    })
}

async fn one(ask: reqwest::RequestBuilder) -> Late {
    let mut late = Late::default();
    let asked = Instant::now();
    let answer = ask.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let mut bytes = answer.bytes_stream();
    let mut text = Vec::new();
    while let Some(piece) = bytes.next().await {
        let came = now();
        if late.first.is_empty() {
            late.first
                .push(u64::try_from(asked.elapsed().as_micros()).unwrap());
        }
        text.extend_from_slice(&piece.unwrap());
        // Each is `data: ` with twenty digits and an empty line.
        while text.len() >= 28 {
            let sent: u64 = std::str::from_utf8(&text[6..26]).unwrap().parse().unwrap();
            late.pieces.push(came.saturating_sub(sent) / 1000);
            text.drain(..28);
        }
    }
    late
}
