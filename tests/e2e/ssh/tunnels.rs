//! The tunnel: requests through it, over drops and in crowds.

use std::net::SocketAddr;

use pocpit::ports::{CallbackForward, TunnelSpec};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::ssh::wire::Wire;

/// A server that answers every request with its request line, and streams on request.
async fn http_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve_http(stream));
        }
    });
    address
}

async fn serve_http(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        let count = stream.read(&mut buffer).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        request.extend_from_slice(&buffer[..count]);
    }
    let line = String::from_utf8_lossy(&request)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    if line.contains("/hang") {
        // The client's end is the only one.
        let _ = stream.read(&mut buffer).await;
        return;
    }
    if line.contains("/stream") {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        for piece in ["one", "two"] {
            let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
            stream.write_all(chunk.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            // The second piece waits until the test has received the first: it reads a byte for that.
            if piece == "one" {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
        return;
    }
    let reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{line}",
        line.len()
    );
    stream.write_all(reply.as_bytes()).await.unwrap();
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn spec(api: SocketAddr) -> TunnelSpec {
    TunnelSpec {
        api_listen: any(),
        inference_listen: any(),
        api_port: api.port(),
        inference_port: api.port(),
    }
}

fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

/// Two hundred concurrent requests, each with its own answer.
async fn crowd(http: &reqwest::Client, end: SocketAddr) {
    let requests = (0..200).map(|number| {
        let request = http
            .post(format!("http://{end}/{number}"))
            .body(vec![b'x'; 2_000]);
        async move { request.send().await?.text().await }
    });
    let answers = futures_util::future::join_all(requests).await;
    for (number, text) in answers.into_iter().enumerate() {
        assert_eq!(text.unwrap(), format!("POST /{number} HTTP/1.1"));
    }
}

/// `POCPIT_LOAD_SECONDS` says for how long; ten minutes without it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes ten minutes"]
async fn ten_minutes_of_requests_lose_none() {
    let Some(scene) = Scene::new(Kind::Sshd).await else {
        return;
    };
    let seconds = std::env::var("POCPIT_LOAD_SECONDS");
    let seconds = seconds.map_or(600, |seconds| seconds.parse().unwrap());
    let session = scene.connect().await;
    let ends = session
        .open_tunnel(&spec(http_server().await))
        .await
        .unwrap();
    let (http, begin) = (http(), std::time::Instant::now());
    let (mut rounds, mut slowest) = (0_u64, Duration::ZERO);
    while begin.elapsed() < Duration::from_secs(seconds) {
        let round = std::time::Instant::now();
        crowd(&http, ends.inference).await;
        slowest = slowest.max(round.elapsed());
        rounds += 1;
    }
    let took = begin.elapsed();
    println!(
        "{} requests in {took:.0?}, none lost; the slowest two hundred took {slowest:.2?}",
        rounds * 200
    );
    assert_eq!(session.traffic().sent, rounds * 200 * 2_000);
    session.close().await;
}

for_both_peers! {
    async fn tunnel_serves_versioned_and_unversioned_paths(scene: Scene) {
        let session = scene.connect().await;
        let ends = session.open_tunnel(&spec(http_server().await)).await.unwrap();
        let http = http();
        for (path, arrives) in [("/v3.0.8/api/v1/state?x=1", "GET /api/v1/state?x=1 HTTP/1.1"), ("/v1/models", "GET /v1/models HTTP/1.1")] {
            for end in [ends.api, ends.inference] {
                let text = http.get(format!("http://{end}{path}")).send().await.unwrap().text().await.unwrap();
                assert_eq!(text, arrives);
            }
        }
        session.close().await;
    }

    async fn stream_arrives_piece_by_piece(scene: Scene) {
        let session = scene.connect().await;
        let ends = session.open_tunnel(&spec(http_server().await)).await.unwrap();
        let mut reply = http().get(format!("http://{}/stream", ends.api)).send().await.unwrap();
        assert_eq!(reply.chunk().await.unwrap().unwrap(), "one", "the first piece does not wait for the second");
        assert_eq!(reply.chunk().await.unwrap().unwrap(), "two");
        session.close().await;
    }

    async fn callback_reaches_the_operator(scene: Scene) {
        let session = scene.connect().await;
        let target = http_server().await;
        let remote_port = free_port().await;
        let callback = CallbackForward { remote_port, target: target.to_string() };
        session.forward_callback(&callback).await.unwrap();
        // When something on the rental calls the port,
        let mut inside = scene.peer.connect_inside(remote_port).await;
        inside.write_all(b"POST /v2/poc-batches/generated HTTP/1.1\r\n\r\n").await.unwrap();
        let mut reply = String::new();
        inside.read_to_string(&mut reply).await.unwrap();
        // then it reaches the target here.
        assert!(reply.ends_with("POST /v2/poc-batches/generated HTTP/1.1"), "{reply}");
        session.close().await;
    }

    async fn dead_link_blocks_no_port(scene: Scene) {
        let target = http_server().await;
        let remote_port = free_port().await;
        let callback = CallbackForward { remote_port, target: target.to_string() };
        let wire = Wire::to(&scene.peer.endpoint()).await;
        let session = scene.remote.connect(ID, &wire.endpoint()).await.unwrap();
        session.forward_callback(&callback).await.unwrap();
        // When the link goes silent and the host does not notice that the client is gone,
        wire.die();
        session.close().await;
        // then the next session has the callback's port all the same.
        let next = scene.connect().await;
        next.forward_callback(&callback).await.unwrap();
        let mut inside = scene.peer.connect_inside(remote_port).await;
        inside.write_all(b"GET /again HTTP/1.1\r\n\r\n").await.unwrap();
        let mut reply = String::new();
        inside.read_to_string(&mut reply).await.unwrap();
        assert!(reply.ends_with("GET /again HTTP/1.1"), "{reply}");
        next.close().await;
    }

    async fn foreign_listener_keeps_its_port(scene: Scene) {
        let target = http_server().await;
        let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let remote_port = match scene.peer {
            Peer::Sshd(_) => other.local_addr().unwrap().port(),
            // The played machine has ports of its own, and no program that takes one.
            Peer::Played { .. } => return,
        };
        let callback = CallbackForward { remote_port, target: target.to_string() };
        let session = scene.connect().await;
        let refused = session.forward_callback(&callback).await;
        let error = refused.unwrap_err();
        assert!(matches!(error, LinkError::Refused(_)), "{error}");
        let error = error.to_string();
        assert!(error.contains(&format!("port {remote_port}")), "{error}");
        // The other program still has it.
        let client = tokio::net::TcpStream::connect(("127.0.0.1", remote_port));
        let (accepted, connected) = tokio::join!(other.accept(), client);
        assert!(accepted.is_ok() && connected.is_ok());
        session.close().await;
    }

    async fn two_hundred_concurrent_requests_are_answered(scene: Scene) {
        let session = scene.connect().await;
        let ends = session.open_tunnel(&spec(http_server().await)).await.unwrap();
        for _ in 0..3 {
            crowd(&http(), ends.inference).await;
        }
        // What went through was counted.
        let traffic = session.traffic();
        assert_eq!(traffic.sent, 3 * 200 * 2_000);
        assert!(traffic.received > 3 * 200 * 16, "{traffic:?}");
        session.close().await;
    }

    async fn slow_link_round_trip_is_measured(scene: Scene) {
        let wire = Wire::to(&scene.peer.endpoint()).await;
        let session = scene.remote.connect(ID, &wire.endpoint()).await.unwrap();
        let ends = session.open_tunnel(&spec(http_server().await)).await.unwrap();
        assert_eq!(session.traffic().round_trip, None);
        wire.delay(Duration::from_millis(40));
        http().get(format!("http://{}/x", ends.api)).send().await.unwrap();
        let round_trip = session.traffic().round_trip.unwrap();
        assert!(round_trip >= Duration::from_millis(80), "{round_trip:?}");
        session.close().await;
    }

    async fn reconnect_serves_waiting_requests(scene: Scene) {
        let session = scene.connect().await;
        let spec = spec(http_server().await);
        let ends = session.open_tunnel(&spec).await.unwrap();
        let get = |path: &str| tokio::spawn(http().get(format!("http://{}/{path}", ends.api)).send());
        let before = get("before").await.unwrap().unwrap();
        assert_eq!(before.text().await.unwrap(), "GET /before HTTP/1.1");
        let hanging = http().post(format!("http://{}/hang", ends.api)).body("x");
        let under_way = tokio::spawn(hanging.send());
        tokio::time::sleep(Duration::from_millis(300)).await;
        // When the link is lost,
        scene.peer.cut_links();
        // then the request in flight fails,
        let reply = under_way.await.unwrap().unwrap();
        assert_eq!(reply.status(), 502);
        assert!(reply.text().await.unwrap().contains("the connection failed during the request"));
        // and one that comes now waits for the next session at the same address.
        let waiting = get("waiting");
        session.close().await;
        let session = scene.connect().await;
        assert_eq!(session.open_tunnel(&spec).await.unwrap(), ends);
        let reply = waiting.await.unwrap().unwrap();
        assert_eq!(reply.text().await.unwrap(), "GET /waiting HTTP/1.1");
        // What was measured is that of the rental and not of the session.
        assert!(session.traffic().received > 0);
        session.close().await;
        // The ends close on request, and not before.
        TcpStream::connect(ends.api).await.unwrap();
        scene.remote.close_tunnel(ID).await;
        eventually("the end of the listener", async || TcpListener::bind(ends.api).await.is_ok()).await;
    }
}

#[tokio::test]
async fn occupied_port_is_named() {
    let scene = Scene::new(Kind::Played).await.unwrap();
    let session = scene.connect().await;
    let taken = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let _held = TcpListener::bind(taken).await.unwrap();
    let spec = TunnelSpec {
        api_listen: taken,
        ..spec(any())
    };
    let error = session.open_tunnel(&spec).await.unwrap_err();
    assert!(
        matches!(&error, LinkError::Listen { address, .. } if *address == taken.to_string()),
        "{error}"
    );
    session.close().await;
}
