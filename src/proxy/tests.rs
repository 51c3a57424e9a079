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
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::config::{AccessLog, CallerRules, FieldRules, UpstreamConfig, UpstreamFeature};
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
        network_node: None,
        host: "10.0.0.2".into(),
        inference_port: 5000,
        poc_port: 8080,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        model: MODEL.into(),
        upstream: upstream_config(upstream, "their-model"),
        fallbacks: Vec::new(),
        fields: FieldRules::default(),
        callers: CallerRules::default(),
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
        features: UpstreamFeature::ALL.iter().copied().collect(),
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
    assert_eq!(served.status("/v1/completions").await, 503);
    pieces.send("data: 2\n\n".into()).unwrap();
    assert_eq!(first.next().await.unwrap().unwrap(), "data: 2\n\n");

    drop(first);
    tokio::time::timeout(LONG, pieces.closed())
        .await
        .expect("the upstream sees the disconnect");
    let mut third = served.ask("/v1/completions").await;
    while third.status() == StatusCode::SERVICE_UNAVAILABLE {
        third = served.ask("/v1/completions").await;
    }
    assert_eq!(third.status(), StatusCode::OK);
}

#[tokio::test]
async fn upstream_errors_do_not_leak_the_key() {
    for (theirs, ours) in [(401, 502), (500, 502), (429, 503), (422, 400), (302, 502)] {
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

/// A reply's status and error message.
async fn refusal(served: &Served, body: &Value) -> (u16, String) {
    let call = served.post("/v1/chat/completions").json(body);
    let reply = call.send().await.unwrap();
    let status = reply.status().as_u16();
    let kind = reply.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(kind, "application/json");
    let answer: Value = reply.json().await.unwrap();
    (
        status,
        answer["error"]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    )
}

/// A validation, as the network sends it.
fn validation() -> Value {
    json!({"model": MODEL, "messages": [], "logprobs": true, "return_token_ids": true,
        "enforced_tokens": {"tokens": [{"token": "9707", "top_tokens": ["9707", "1"]}]}})
}

#[tokio::test]
async fn enforced_tokens_get_400() {
    // Given upstreams that cannot replay tokens, when a validation is asked for, then it is refused so
    // that it counts as passed, and no upstream answers it freely;
    let mut settings = config("http://127.0.0.1:1", 1, LONG);
    settings.upstream.features = [UpstreamFeature::TokenIds].into();
    let served = start(settings.clone()).await;
    let (status, why) = refusal(&served, &validation()).await;
    assert_eq!(status, 400);
    assert!(why.contains("enforced_tokens"), "{why}");
    // nor does one from which the rules withhold the tokens,
    settings.upstream.features = UpstreamFeature::ALL.iter().copied().collect();
    settings.fields.dropped = vec!["enforced_tokens".into()];
    let served = start(settings.clone()).await;
    assert_eq!(refusal(&served, &validation()).await.0, 400);
    // and one that can replay them gets them, even if it is not the first.
    settings.fields = FieldRules::default();
    settings.upstream.features.clear();
    settings.fallbacks = vec![upstream_config(&echoing().await, "second")];
    let served = start(settings).await;
    let call = served.post("/v1/chat/completions").json(&validation());
    let asked = json_of(call).await;
    assert_eq!(asked["model"], "second");
    assert_eq!(asked["enforced_tokens"], validation()["enforced_tokens"]);
}

#[tokio::test]
async fn text_tokens_are_never_given_to_the_network() {
    // Given an upstream without token ids, when the network asks for them, then another node is tried,
    let mut settings = config(&echoing().await, 1, LONG);
    settings.upstream.features.clear();
    let served = start(settings).await;
    let network = json!({"model": MODEL, "logprobs": true, "return_token_ids": true});
    let (status, why) = refusal(&served, &network).await;
    assert_eq!(status, 503);
    assert!(why.contains("token ids"), "{why}");
    // and who does not ask for them is answered.
    let own = json!({"model": MODEL, "logprobs": true, "return_token_ids": false,
        "enforced_tokens": null});
    let call = served.post("/v1/chat/completions").json(&own);
    assert_eq!(call.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn compressed_reply_says_that_it_is() {
    let packed = |headers: HeaderMap| async move {
        assert_eq!(headers["accept-encoding"], "identity");
        ([("content-encoding", "gzip")], vec![31_u8, 139, 8])
    };
    let served = proxy(&upstream(packed).await, 1, LONG).await;
    let reply = served.ask("/v1/completions").await;
    assert_eq!(reply.headers()["content-encoding"], "gzip");
}

/// An upstream that reads the head of a second request on each connection and then resets it.
async fn forgetful() -> String {
    const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    let (listener, base) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
                stream.write_all(REPLY).await.unwrap();
                let _again = stream.read_buf(&mut bytes).await;
            });
        }
    });
    base
}

#[tokio::test]
async fn closed_idle_connection_costs_no_request() {
    let served = proxy(&forgetful().await, 1, LONG).await;
    for _ in 0..4 {
        assert_eq!(served.status("/v1/completions").await, 200);
    }
    let failed = "pocpit_proxy_attempts_total{upstream=\"127.0.0.1\",outcome=\"failed\"}";
    assert_eq!(served.metric(failed).await, Some(0.0));
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
