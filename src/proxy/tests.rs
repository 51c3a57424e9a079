//! The proxy between a caller and an upstream, all on loopback.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::domain::{Hardware, NodeId};

const KEY: &str = "sk-very-secret";

struct Served {
    base: String,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<io::Result<()>>,
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    (listener, base)
}

async fn proxy(upstream: &str, places: u32, wait: Duration) -> Served {
    let (listener, base) = listen().await;
    let config = ProxyConfig {
        node_id: NodeId("proxy".into()),
        host: "10.0.0.2".into(),
        inference_port: 5000,
        poc_port: 8080,
        listen: listener.local_addr().unwrap(),
        model: "net/Model".into(),
        upstream: upstream.parse().unwrap(),
        upstream_key: KEY.to_owned().into(),
        upstream_model: "their-model".into(),
        max_concurrent: places,
        request_timeout: wait,
        hardware: Hardware {
            name: "none".into(),
            count: 1,
        },
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        serve_on(listener, &config, async {
            let _ = stopped.await;
        })
        .await
    });
    Served { base, stop, task }
}

async fn upstream(app: Router) -> String {
    let (listener, base) = listen().await;
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    base
}

fn caller() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn ask(base: &str, path: &str, model: &str) -> reqwest::Response {
    let body = json!({"model": model, "seed": 7, "return_token_ids": true});
    let call = caller().post(format!("{base}{path}")).json(&body);
    call.send().await.unwrap()
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_request_goes_up_with_their_model_and_our_key() {
    let echo = |headers: HeaderMap, body: String| async move {
        let key = headers["authorization"].to_str().unwrap().to_owned();
        json!({"key": key, "body": serde_json::from_str::<Value>(&body).unwrap()}).to_string()
    };
    let up = upstream(Router::new().route("/v1/chat/completions", post(echo))).await;
    for base in [up.clone(), format!("{up}/v1"), format!("{up}/v1/")] {
        let served = proxy(&base, 1, LONG).await;
        let reply = ask(&served.base, "/v3.0.8/v1/chat/completions", "net/Model").await;
        let seen: Value = reply.json().await.unwrap();
        assert_eq!(seen["key"], format!("Bearer {KEY}"));
        let expected = json!({"model": "their-model", "seed": 7, "return_token_ids": true});
        assert_eq!(seen["body"], expected);
    }
}

#[tokio::test]
async fn a_stream_comes_through_piece_by_piece_and_a_lost_caller_frees_the_place() {
    let (pieces, source) = mpsc::unbounded_channel::<Bytes>();
    let source = Arc::new(std::sync::Mutex::new(Some(source)));
    let stream = move || async move {
        let source = source.lock().unwrap().take();
        let stream = futures_util::stream::unfold(source, |source| async move {
            let mut source = source?;
            let piece = source.recv().await?;
            Some((Ok::<_, io::Error>(piece), Some(source)))
        });
        Body::from_stream(stream)
    };
    let up = upstream(Router::new().route("/v1/completions", post(stream))).await;
    let served = proxy(&up, 1, LONG).await;
    pieces.send("data: 1\n\n".into()).unwrap();
    let mut first = ask(&served.base, "/v1/completions", "net/Model")
        .await
        .bytes_stream();
    // The second piece is not even made before the first has arrived.
    assert_eq!(first.next().await.unwrap().unwrap(), "data: 1\n\n");
    let second = ask(&served.base, "/v1/completions", "net/Model").await;
    assert_eq!(second.status(), StatusCode::TOO_MANY_REQUESTS);
    pieces.send("data: 2\n\n".into()).unwrap();
    assert_eq!(first.next().await.unwrap().unwrap(), "data: 2\n\n");

    drop(first);
    tokio::time::timeout(LONG, pieces.closed())
        .await
        .expect("the upstream hears that the caller is gone");
    let mut third = ask(&served.base, "/v1/completions", "net/Model").await;
    while third.status() == StatusCode::TOO_MANY_REQUESTS {
        third = ask(&served.base, "/v1/completions", "net/Model").await;
    }
    assert_eq!(third.status(), StatusCode::OK);
}

#[tokio::test]
async fn errors_of_the_upstream_are_told_without_the_key() {
    for (theirs, ours) in [(401, 502), (500, 502), (429, 429), (422, 400), (302, 502)] {
        let refuse =
            move || async move { (StatusCode::from_u16(theirs).unwrap(), format!("bad {KEY}")) };
        let up = upstream(Router::new().route("/v1/completions", post(refuse))).await;
        let served = proxy(&up, 1, LONG).await;
        let reply = ask(&served.base, "/v1/completions", "net/Model").await;
        assert_eq!(reply.status().as_u16(), ours, "for {theirs}");
        let text = reply.text().await.unwrap();
        assert!(!text.contains(KEY), "{text}");
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap()["error"]["code"],
            ours
        );
    }
}

#[tokio::test]
async fn an_upstream_that_is_silent_or_gone_is_an_error_in_time() {
    let silent = || async { std::future::pending::<String>().await };
    let up = upstream(Router::new().route("/v1/completions", post(silent))).await;
    let served = proxy(&up, 1, Duration::from_millis(20)).await;
    let reply = ask(&served.base, "/v1/completions", "net/Model").await;
    assert_eq!(reply.status(), StatusCode::GATEWAY_TIMEOUT);

    let (listener, gone) = listen().await;
    drop(listener);
    let served = proxy(&gone, 1, LONG).await;
    let reply = ask(&served.base, "/v1/completions", "net/Model").await;
    assert_eq!(reply.status(), StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn requests_that_cannot_be_served_never_reach_the_upstream() {
    let served = proxy("http://127.0.0.1:1", 1, LONG).await;
    let other = ask(&served.base, "/v1/completions", "other/Model").await;
    assert_eq!(other.status(), StatusCode::BAD_REQUEST);
    for body in ["", "[]", "{}", "{\"model\":"] {
        let call = caller().post(format!("{}/v1/completions", served.base));
        let reply = call.body(body).send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::BAD_REQUEST, "{body:?}");
    }
}

#[tokio::test]
async fn the_network_node_sees_an_inference_node_that_computes_no_poc() {
    let served = proxy("http://127.0.0.1:1", 1, LONG).await;
    for prefix in ["", "/v3.0.8"] {
        let get = |path: &str| {
            caller()
                .get(format!("{}{prefix}{path}", served.base))
                .send()
        };
        let post = |path: &str| {
            caller()
                .post(format!("{}{prefix}{path}", served.base))
                .send()
        };
        let models: Value = get("/v1/models").await.unwrap().json().await.unwrap();
        assert_eq!(models["data"][0]["id"], "net/Model");
        assert_eq!(get("/health").await.unwrap().status(), StatusCode::OK);
        assert_eq!(post("/api/v1/stop").await.unwrap().status(), StatusCode::OK);
        let state: Value = get("/api/v1/state").await.unwrap().json().await.unwrap();
        assert_eq!(state["state"], "STOPPED");
        let refused = ask(&served.base, "/v1/completions", "net/Model").await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        post("/api/v1/inference/up").await.unwrap();
        let state: Value = get("/api/v1/state").await.unwrap().json().await.unwrap();
        assert_eq!(state["state"], "INFERENCE");
        for poc in [
            "/api/v1/inference/pow/init/generate",
            "/api/v1/pow/validate",
        ] {
            let reply = post(poc).await.unwrap();
            assert_eq!(reply.status(), StatusCode::NOT_IMPLEMENTED);
            assert!(reply.json::<Value>().await.unwrap()["error"]["message"].is_string());
        }
    }
}

#[tokio::test]
async fn an_end_lets_the_answer_under_way_finish() {
    let (go, wait) = oneshot::channel::<()>();
    let wait = Arc::new(std::sync::Mutex::new(Some(wait)));
    let (arrived, mut at_upstream) = mpsc::unbounded_channel();
    let slow = move || async move {
        let wait = wait.lock().unwrap().take().unwrap();
        arrived.send(()).unwrap();
        wait.await.unwrap();
        "done"
    };
    let up = upstream(Router::new().route("/v1/completions", post(slow))).await;
    let served = proxy(&up, 1, LONG).await;
    let base = served.base.clone();
    let call = tokio::spawn(async move { ask(&base, "/v1/completions", "net/Model").await });
    at_upstream.recv().await.unwrap();
    served.stop.send(()).unwrap();
    go.send(()).unwrap();
    assert_eq!(call.await.unwrap().text().await.unwrap(), "done");
    served.task.await.unwrap().unwrap();
}
