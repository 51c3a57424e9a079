//! The proxy between a caller and an upstream, on loopback.

mod mlnode_api;
mod shutdown;
mod stalls;

use std::future::pending;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::handler::Handler;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::post;
use futures_util::StreamExt;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::config::{
    AccessLog, CallerRules, FieldRules, SignatureRule, TransferConfig, UpstreamConfig,
};
use crate::domain::{Hardware, NodeId, Serving, UpstreamHealth};
use crate::ports::InferenceProxy as _;

const KEY: &str = "sk-very-secret";
const MODEL: &str = "net/Model";

struct Served {
    base: String,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<io::Result<()>>,
    scratch: tempfile::TempDir,
}

impl Served {
    fn get(&self, path: &str) -> RequestBuilder {
        caller().get(format!("{}{path}", self.base))
    }

    fn post(&self, path: &str) -> RequestBuilder {
        caller().post(format!("{}{path}", self.base))
    }

    /// A request for the model that is served.
    async fn ask(&self, path: &str) -> reqwest::Response {
        ask(&self.base, path, MODEL).await
    }

    async fn status(&self, path: &str) -> u16 {
        self.ask(path).await.status().as_u16()
    }

    /// The value of a metric with exactly these labels.
    async fn metric(&self, name: &str) -> Option<f64> {
        let reply = self.get("/metrics").send().await;
        let page = reply.unwrap().text().await.unwrap();
        assert!(page.ends_with("# EOF\n"), "{page}");
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().parse().unwrap())
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    (listener, base)
}

pub(super) fn config(
    upstream: &str,
    max_concurrent: u32,
    request_timeout: Duration,
) -> ProxyConfig {
    ProxyConfig {
        node_id: NodeId("proxy".into()),
        host: "10.0.0.2".into(),
        inference_port: 5000,
        poc_port: 8080,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        model: MODEL.into(),
        upstream: upstream_config(upstream, "their-model"),
        fallbacks: Vec::new(),
        fields: FieldRules::default(),
        callers: CallerRules::default(),
        transfer: None,
        access_log: AccessLog::Requests,
        max_body: 100_000,
        max_concurrent,
        request_timeout,
        hardware: Hardware {
            name: "none".into(),
            count: 1,
        },
    }
}

fn upstream_config(url: &str, model: &str) -> UpstreamConfig {
    UpstreamConfig {
        url: url.parse().unwrap(),
        key: KEY.to_owned().into(),
        model: model.into(),
    }
}

async fn proxy(upstream: &str, max_concurrent: u32, request_timeout: Duration) -> Served {
    start(config(upstream, max_concurrent, request_timeout)).await
}

async fn start(config: ProxyConfig) -> Served {
    start_in(tempfile::tempdir().unwrap(), config).await
}

async fn start_in(scratch: tempfile::TempDir, config: ProxyConfig) -> Served {
    let file = scratch.path().join(STATE_FILE);
    let (listener, base) = listen().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        serve_on(listener, &config, &file, stopped, pending()).await
    });
    Served {
        base,
        stop,
        task,
        scratch,
    }
}

/// An upstream that answers both endpoints like this.
async fn upstream<H: Handler<T, ()>, T: 'static>(answer: H) -> String {
    let app = Router::new()
        .route("/v1/chat/completions", post(answer.clone()))
        .route("/v1/completions", post(answer));
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

pub(super) const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn upstream_gets_its_model_and_our_key() {
    let echo = |uri: Uri, headers: HeaderMap, body: String| async move {
        let key = headers["authorization"].to_str().unwrap().to_owned();
        let body = serde_json::from_str::<Value>(&body).unwrap();
        json!({"key": key, "body": body, "path": uri.path()}).to_string()
    };
    let up = upstream(echo).await;
    for base in [up.clone(), format!("{up}/v1"), format!("{up}/v1/")] {
        let served = proxy(&base, 1, LONG).await;
        for endpoint in ["/v1/chat/completions", "/v1/completions"] {
            let reply = served.ask(&format!("/v3.0.8{endpoint}")).await;
            let sent: Value = reply.json().await.unwrap();
            assert_eq!(sent["path"], endpoint);
            assert_eq!(sent["key"], format!("Bearer {KEY}"));
            let expected = json!({"model": "their-model", "seed": 7, "return_token_ids": true});
            assert_eq!(sent["body"], expected);
        }
    }
}

#[tokio::test]
async fn stream_is_unbuffered_and_disconnect_frees_permit() {
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
    let up = upstream(stream).await;
    let served = proxy(&up, 1, LONG).await;
    pieces.send("data: 1\n\n".into()).unwrap();
    let mut first = served.ask("/v1/completions").await.bytes_stream();
    // The second piece is only made after the first has arrived.
    assert_eq!(first.next().await.unwrap().unwrap(), "data: 1\n\n");
    assert_eq!(served.status("/v1/completions").await, 429);
    pieces.send("data: 2\n\n".into()).unwrap();
    assert_eq!(first.next().await.unwrap().unwrap(), "data: 2\n\n");

    drop(first);
    tokio::time::timeout(LONG, pieces.closed())
        .await
        .expect("the upstream sees the disconnect");
    let mut third = served.ask("/v1/completions").await;
    while third.status() == StatusCode::TOO_MANY_REQUESTS {
        third = served.ask("/v1/completions").await;
    }
    assert_eq!(third.status(), StatusCode::OK);
}

#[tokio::test]
async fn upstream_errors_do_not_leak_the_key() {
    for (theirs, ours) in [(401, 502), (500, 502), (429, 429), (422, 400), (302, 502)] {
        let refuse =
            move || async move { (StatusCode::from_u16(theirs).unwrap(), format!("bad {KEY}")) };
        let up = upstream(refuse).await;
        let served = proxy(&up, 1, LONG).await;
        let reply = served.ask("/v1/completions").await;
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
async fn silent_or_missing_upstream_is_an_error() {
    let served = proxy(&silent().await, 1, Duration::from_millis(20)).await;
    assert_eq!(served.status("/v1/completions").await, 504);

    let served = proxy(&gone().await, 1, LONG).await;
    assert_eq!(served.status("/v1/completions").await, 502);
}

#[tokio::test]
async fn invalid_requests_never_reach_the_upstream() {
    let served = proxy("http://127.0.0.1:1", 1, LONG).await;
    let other = ask(&served.base, "/v1/completions", "other/Model").await;
    assert_eq!(other.status(), StatusCode::BAD_REQUEST);
    for body in ["", "[]", "{}", "{\"model\":"] {
        let call = served.post("/v1/completions");
        let reply = call.body(body).send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::BAD_REQUEST, "{body:?}");
    }
}

#[tokio::test]
async fn shutdown_finishes_replies_in_flight() {
    let (go, wait) = oneshot::channel::<()>();
    let wait = Arc::new(std::sync::Mutex::new(Some(wait)));
    let (arrived, mut at_upstream) = mpsc::unbounded_channel();
    let slow = move || async move {
        let wait = wait.lock().unwrap().take().unwrap();
        arrived.send(()).unwrap();
        wait.await.unwrap();
        "done"
    };
    let up = upstream(slow).await;
    let served = proxy(&up, 1, LONG).await;
    let base = served.base.clone();
    let call = tokio::spawn(async move { ask(&base, "/v1/completions", MODEL).await });
    at_upstream.recv().await.unwrap();
    served.stop.send(()).unwrap();
    go.send(()).unwrap();
    assert_eq!(call.await.unwrap().text().await.unwrap(), "done");
    served.task.await.unwrap().unwrap();
}

/// An upstream that returns the request's body.
async fn echoing() -> String {
    upstream(|body: String| async move { body }).await
}

async fn failing(status: u16) -> String {
    upstream(move || async move { StatusCode::from_u16(status).unwrap() }).await
}

async fn silent() -> String {
    upstream(|| async { pending::<String>().await }).await
}

async fn json_of(call: RequestBuilder) -> Value {
    call.send().await.unwrap().json().await.unwrap()
}

/// An address that refuses connections.
async fn gone() -> String {
    listen().await.1
}

/// This upstream, and a fallback that returns the request's body.
async fn with_fallback(upstream: &str, request_timeout: Duration) -> ProxyConfig {
    let mut config = config(upstream, 1, request_timeout);
    config.fallbacks = vec![upstream_config(&echoing().await, "model-of-the-second")];
    config
}

#[tokio::test]
async fn fallback_answers_and_is_preferred_during_cooldown() {
    for first in [gone().await, failing(500).await, failing(401).await] {
        let served = start(with_fallback(&first, LONG).await).await;
        for _ in 0..2 {
            let reply = served.ask("/v1/completions").await;
            assert_eq!(reply.status(), StatusCode::OK);
            let asked: Value = reply.json().await.unwrap();
            assert_eq!(asked["model"], "model-of-the-second");
        }
        // Two upstreams on one host are counted separately.
        let attempts = |upstream: &str, outcome: &str| {
            let labels = format!("{{upstream=\"{upstream}\",outcome=\"{outcome}\"}}");
            let name = format!("pocpit_proxy_attempts_total{labels}");
            let served = &served;
            async move { served.metric(&name).await }
        };
        assert_eq!(attempts("127.0.0.1", "failed").await, Some(1.0));
        assert_eq!(attempts("127.0.0.1", "answered").await, Some(0.0));
        assert_eq!(attempts("127.0.0.1 (2)", "failed").await, Some(0.0));
        assert_eq!(attempts("127.0.0.1 (2)", "answered").await, Some(2.0));
    }
}

#[tokio::test]
async fn rejected_request_is_not_tried_elsewhere() {
    let served = start(with_fallback(&failing(422).await, LONG).await).await;
    assert_eq!(served.status("/v1/completions").await, 400);
}

#[tokio::test]
async fn network_seed_wins_and_fields_are_renamed() {
    let mut config = config(&echoing().await, 1, LONG);
    config.fields = FieldRules {
        renamed: [("max_completion_tokens".into(), "max_tokens".into())].into(),
        dropped: vec!["return_token_ids".into()],
    };
    let served = start(config).await;
    let body = json!({"model": MODEL, "seed": 1, "return_token_ids": true,
        "max_completion_tokens": 50, "logprobs": true, "top_logprobs": 5});
    let call = served.post("/v1/chat/completions");
    let asked = json_of(call.header("X-Seed", "42").json(&body)).await;
    let expected = json!({"model": "their-model", "seed": 42, "max_tokens": 50,
        "logprobs": true, "top_logprobs": 5});
    assert_eq!(asked, expected);

    let call = served.post("/v1/chat/completions");
    let reply = call.header("X-Seed", "many").json(&body).send().await;
    assert_eq!(reply.unwrap().status(), StatusCode::BAD_REQUEST);
}

/// An executor that returns the request's path, headers and body.
async fn executor() -> String {
    let echo = |uri: Uri, headers: HeaderMap, body: String| async move {
        let header = |name: &str| {
            headers
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        json!({"path": uri.path(), "id": header("x-inference-id"), "seed": header("x-seed"),
            "time": header("x-timestamp"), "hash": header("x-prompt-hash"),
            "transfer": header("x-transfer-address"), "requester": header("x-requester-address"),
            "signature": header("x-ta-signature"), "key": header("authorization"), "body": body})
        .to_string()
    };
    upstream(echo).await
}

async fn to_executor(executor: &str, signature: SignatureRule) -> ProxyConfig {
    let mut config = config(&echoing().await, 1, LONG);
    config.transfer = Some(TransferConfig {
        executor: executor.parse().unwrap(),
        transfer_address: Some("gonka1agent".into()),
        requester_address: Some("gonka1default".into()),
        signature,
    });
    config
}

async fn transferring(signature: SignatureRule) -> Served {
    start(to_executor(&executor().await, signature).await).await
}

#[tokio::test]
async fn unnumbered_request_goes_to_executor_unchanged() {
    let served = transferring(SignatureRule::Optional).await;
    let call = served.post("/v1/chat/completions");
    let call = call.bearer_auth("the caller's").body("hello");
    let sent = json_of(call).await;
    assert_eq!(sent["body"], "hello");
    // By `printf hello | sha256sum`.
    let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(sent["hash"], hash);
    assert_eq!(sent["transfer"], "gonka1agent");
    assert_eq!(sent["requester"], "gonka1default");
    assert_eq!(sent["key"], "Bearer the caller's");
    assert_eq!(sent["id"].as_str().unwrap().len(), 36);
    let number = |name: &str| sent[name].as_str().unwrap().parse::<i64>().unwrap();
    assert!((1..=2_000_000_000).contains(&number("seed")));
    assert!((chrono::Utc::now().timestamp() - number("time")).abs() < 600);
    assert!(sent["signature"].is_null());
}

#[tokio::test]
async fn caller_headers_win_and_signature_can_be_required() {
    let served = transferring(SignatureRule::Required).await;
    let url = format!("{}/v1/chat/completions", served.base);
    let reply = caller().post(&url).body("hello").send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::BAD_REQUEST);
    let call = caller()
        .post(&url)
        .body("hello")
        .header("X-Requester-Address", "gonka1caller")
        .header("X-TA-Signature", "signed");
    let sent = json_of(call).await;
    assert_eq!(sent["requester"], "gonka1caller");
    assert_eq!(sent["signature"], "signed");
}

#[tokio::test]
async fn executor_gets_same_endpoint_without_proxy_token() {
    let mut config = to_executor(&executor().await, SignatureRule::Optional).await;
    config.callers.token = Some("open sesame".to_owned().into());
    let served = start(config).await;
    for path in ["/v1/completions", "/v1/chat/completions"] {
        let call = served.post(&format!("/v3.0.8{path}"));
        // One of the two headers alone does not count as a number.
        let call = call.bearer_auth("open sesame").header("X-Seed", "9");
        let sent = json_of(call.body("hello")).await;
        assert_eq!(sent["path"], path);
        assert_eq!(sent["seed"], "9");
        assert!(sent["key"].is_null(), "{sent}");
    }
}

#[tokio::test]
async fn failed_or_missing_executor_is_an_error() {
    for (executor, ours) in [
        (gone().await, 502),
        (failing(500).await, 502),
        (failing(429).await, 429),
    ] {
        let served = start(to_executor(&executor, SignatureRule::Optional).await).await;
        let reply = served.ask("/v1/completions").await;
        assert_eq!(reply.status().as_u16(), ours);
        let error: Value = reply.json().await.unwrap();
        assert_eq!(error["error"]["code"], ours);
    }
}

#[tokio::test]
async fn numbered_request_is_answered_locally() {
    let served = transferring(SignatureRule::Required).await;
    let call = served
        .post("/v1/chat/completions")
        .header("X-Inference-Id", "1")
        .header("X-Seed", "9")
        .json(&json!({"model": MODEL}));
    let asked = json_of(call).await;
    assert_eq!(asked, json!({"model": "their-model", "seed": 9}));
}

#[tokio::test]
async fn without_token_only_health_is_answered() {
    let mut config = config(&echoing().await, 1, LONG);
    config.callers.token = Some("open sesame".to_owned().into());
    let served = start(config).await;
    let status = async |path: &str| served.get(path).send().await.unwrap().status();
    assert_eq!(status("/health").await, StatusCode::OK);
    assert_eq!(status("/v3.0.8/readyz").await, StatusCode::OK);
    assert_eq!(status("/v1/models").await, StatusCode::UNAUTHORIZED);
    assert_eq!(status("/metrics").await, StatusCode::UNAUTHORIZED);
    assert_eq!(served.status("/v1/completions").await, 401);
    let get = |path: &str| served.get(path).bearer_auth("open sesame").send();
    assert_eq!(get("/v1/models").await.unwrap().status(), StatusCode::OK);
    // Attempts without it are counted.
    let page = get("/metrics").await.unwrap().text().await.unwrap();
    let counted = "pocpit_proxy_answers_total{endpoint=\"completions\",status=\"401\"} 1";
    assert!(page.contains(counted), "{page}");
}

#[tokio::test]
async fn callers_outside_allowed_networks_are_refused() {
    let mut config = config(&echoing().await, 1, LONG);
    config.callers.networks = vec!["192.0.2.0/24".parse().unwrap()];
    let served = start(config).await;
    assert_eq!(served.status("/v1/completions").await, 403);
}

#[tokio::test]
async fn oversized_request_is_refused() {
    let served = proxy(&echoing().await, 1, LONG).await;
    let call = served.post("/v1/completions");
    let reply = call.body("x".repeat(100_001)).send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn state_and_counters_survive_a_restart() {
    let config = config(&echoing().await, 1, LONG);
    let served = start(config.clone()).await;
    let whole = served.ask("/v1/completions").await;
    let length = whole.bytes().await.unwrap().len();
    ask(&served.base, "/v1/completions", "other").await;
    let stop = served.post("/api/v1/stop");
    stop.send().await.unwrap();
    served.stop.send(()).unwrap();
    served.task.await.unwrap().unwrap();

    let again = start_in(served.scratch, config).await;
    let answers = |status: u16| {
        let labels = format!("{{endpoint=\"completions\",status=\"{status}\"}}");
        let name = format!("pocpit_proxy_answers_total{labels}");
        let again = &again;
        async move { again.metric(&name).await }
    };
    assert_eq!(answers(200).await, Some(1.0));
    assert_eq!(answers(400).await, Some(1.0));
    assert_eq!(again.metric("pocpit_proxy_up ").await, Some(0.0));
    #[expect(clippy::cast_precision_loss, reason = "a short answer")]
    let sent = Some(length as f64);
    assert_eq!(again.metric("pocpit_proxy_sent_bytes_total ").await, sent);
    assert_eq!(again.status("/v1/completions").await, 503);
}

#[tokio::test]
async fn local_status_needs_only_the_token() {
    let answer = || async { json!({"choices": []}).to_string() };
    let up = upstream(answer).await;
    let mut settings = config(&up, 3, LONG);
    settings.callers = CallerRules {
        networks: vec!["203.0.113.0/24".parse().unwrap()],
        token: Some("open sesame".to_owned().into()),
    };
    let served = start(settings.clone()).await;
    settings.listen = served.base["http://".len()..].parse().unwrap();
    // Given a network that this machine is not in, when it is asked for inference, then it refuses;
    assert_eq!(served.status("/v1/chat/completions").await, 403);
    // its status is for local callers with the token,
    let http = crate::http::HttpClient::new();
    let client = ProxyClient::new(http.clone(), &settings);
    let figures = client.figures().await.unwrap();
    assert_eq!((figures.serving, figures.under_way), (Serving::Up, 0));
    assert_eq!(figures.upstreams[0].health, UpstreamHealth::Well);
    // and for nobody without it.
    settings.callers.token = Some("wrong".to_owned().into());
    let stranger = ProxyClient::new(http, &settings).figures().await;
    assert_eq!(stranger.unwrap_err().status, Some(401));
}

#[tokio::test]
async fn status_counts_answered_refused_and_failed() {
    let answer = |body: String| async move {
        if body.contains("\"seed\":7") {
            (StatusCode::OK, "{}")
        } else {
            (StatusCode::INTERNAL_SERVER_ERROR, "no")
        }
    };
    let up = upstream(answer).await;
    let mut settings = config(&up, 3, LONG);
    let served = start(settings.clone()).await;
    settings.listen = served.base["http://".len()..].parse().unwrap();
    for (model, seed) in [(MODEL, "7"), ("another", "7"), (MODEL, "8")] {
        let call = served.post("/v1/chat/completions").header("x-seed", seed);
        let call = call.json(&json!({"model": model}));
        call.send().await.unwrap().bytes().await.unwrap();
    }
    let client = ProxyClient::new(crate::http::HttpClient::new(), &settings);
    let figures = client.figures().await.unwrap();
    let by_outcome = [figures.answered, figures.refused, figures.failed];
    assert_eq!((by_outcome, figures.requests()), ([1, 1, 1], 3));
    assert_eq!(figures.upstreams[0].health, UpstreamHealth::Resting);
}
