//! The Python client of `OpenAI` through the proxy. It is installed into an environment of the test's own.

use std::future::pending;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::stream;
use pocpit::config::{AccessLog, CallerRules, FieldRules, ProxyConfig, UpstreamConfig};
use pocpit::domain::{Hardware, NodeId};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::python::{environment, without_proxy};

const TOKEN: &str = "callers-token";

/// An upstream that counts to three, or does what the request's `user` says.
async fn answer(body: String) -> Response {
    let asked: Value = serde_json::from_str(&body).unwrap();
    match asked["user"].as_str() {
        Some("busy") => return (StatusCode::TOO_MANY_REQUESTS, "slower").into_response(),
        Some("broken") => {
            return (StatusCode::INTERNAL_SERVER_ERROR, "sk-very-secret").into_response();
        }
        Some("silent") => return std::future::pending().await,
        _ => {}
    }
    let words = ["one", " two", " three"];
    let chunk = |delta: Value, finish: Value| {
        let chunk = json!({"id": "1", "object": "chat.completion.chunk", "created": 1,
            "model": asked["model"], "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
        format!("data: {chunk}\n\n")
    };
    if asked["stream"] == true {
        let pieces = words.map(|word| chunk(json!({"content": word}), Value::Null));
        let last = chunk(json!({}), "stop".into());
        let all = pieces
            .into_iter()
            .chain([last, "data: [DONE]\n\n".to_owned()]);
        let all = all.map(Ok::<_, std::io::Error>);
        let reply = Response::builder().header("content-type", "text/event-stream");
        return reply.body(Body::from_stream(stream::iter(all))).unwrap();
    }
    let usage = json!({"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4});
    if asked.get("prompt").is_some() {
        let choice = json!({"index": 0, "text": "one two three", "finish_reason": "length"});
        let reply = json!({"id": "1", "object": "text_completion", "created": 1,
            "model": asked["model"], "choices": [choice], "usage": usage});
        return axum::Json(reply).into_response();
    }
    let top = json!([{"token": "one", "logprob": -0.25}, {"token": "uno", "logprob": -1.5}]);
    let logprobs = json!({"content": [{"token": "one", "logprob": -0.25, "top_logprobs": top}]});
    let message = json!({"role": "assistant", "content": "one two three"});
    let choice =
        json!({"index": 0, "message": message, "finish_reason": "stop", "logprobs": logprobs});
    let reply = json!({"id": "1", "object": "chat.completion", "created": 1,
        "model": asked["model"], "choices": [choice], "usage": usage});
    axum::Json(reply).into_response()
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    (listener, base)
}

/// A proxy before this upstream.
async fn proxy(upstream: &str, place: &Path) -> String {
    let config = ProxyConfig {
        network_node: None,
        node_id: NodeId("proxy".into()),
        host: "10.0.0.2".into(),
        inference_port: 5000,
        poc_port: 8080,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        model: "net/Model".into(),
        upstream: UpstreamConfig {
            url: upstream.parse().unwrap(),
            key: "sk-very-secret".to_owned().into(),
            model: "their-model".into(),
            features: std::collections::BTreeSet::new(),
        },
        fallbacks: Vec::new(),
        fields: FieldRules::default(),
        callers: CallerRules {
            token: Some(TOKEN.to_owned().into()),
            ..CallerRules::default()
        },
        access_log: AccessLog::Requests,
        max_body: 100_000,
        max_concurrent: 8,
        request_timeout: Duration::from_secs(2),
        hardware: Hardware {
            name: "none".into(),
            count: 1,
        },
    };
    let (listener, base) = listen().await;
    let state = place.join(format!("{}.json", listener.local_addr().unwrap().port()));
    tokio::spawn(async move {
        let served = pocpit::proxy::serve_on(listener, &config, &state, pending(), pending());
        served.await.unwrap();
    });
    base
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "deep: installs packages from PyPI"]
async fn openai_client_works_through_the_proxy() {
    let install = || environment("openai", "POCPIT_REQUIRE_OPENAI");
    let Some(bin) = tokio::task::spawn_blocking(install).await.unwrap() else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let (listener, upstream) = listen().await;
    let app = Router::new()
        .route("/v1/chat/completions", post(answer))
        .route("/v1/completions", post(answer));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let (nobody, gone) = listen().await;
    drop(nobody);
    let well = proxy(&upstream, scratch.path()).await;
    let orphan = proxy(&gone, scratch.path()).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/openai/client.py");
    let run = move || -> Output {
        let mut command = Command::new(bin.join("python"));
        command.args([script, &well, TOKEN, &orphan]);
        without_proxy(&mut command);
        command.output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "all of it works"
    );
}
