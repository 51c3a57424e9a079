//! The clients against misbehaving servers, over real sockets on loopback.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pocpit::config::{Exposure, NetworkNodeConfig, VastConfig};
use pocpit::domain::{
    AccountName, CallErrorKind, InstanceId, NetworkNodeName, NodeId, OfferId, OfferQuery,
    Participant, RentOrder, UsdPerHour, Verification,
};
use pocpit::http::{HttpClient, HttpRequest};
use pocpit::network_node::NetworkNodeClient;
use pocpit::ports::{Market, NetworkNode, RentError};
use pocpit::vast::{RateLimit, RateLimiter, VastClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

const CANARY: &str = "canary-secret-key";
/// Of a gateway in between.
const PAGE: &str = "<!DOCTYPE html><html><title>Just a moment...</title></html>";
/// A row with a label of ours, whose id cannot be read.
const OUR_ODD_ROW: &str =
    r#"{"next_token":null,"instances":[{"id":NaN,"label":"pocpit/home/3/1-abc"}]}"#;

/// Serves each reply once, verbatim, then repeats the last; records the requests.
async fn server(replies: Vec<String>) -> (Url, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let log = requests.clone();
    tokio::spawn(async move {
        for turn in 0.. {
            let (mut socket, _) = listener.accept().await.unwrap();
            let request = read_request(&mut socket).await;
            log.lock().unwrap().push(request);
            let reply = &replies[std::cmp::min(turn, replies.len() - 1)];
            let _ = socket.write_all(reply.as_bytes()).await;
        }
    });
    (url.parse().unwrap(), requests)
}

async fn read_request(socket: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = socket.read(&mut buffer).await.unwrap_or(0);
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if read == 0 {
                return text;
            }
            continue;
        };
        let length = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, value)| value.parse().unwrap());
        if body.len() >= length || read == 0 {
            return text;
        }
    }
}

fn reply(status: u16, body: &str) -> String {
    reply_with(status, "", body)
}

fn reply_with(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
}

fn query() -> OfferQuery {
    OfferQuery {
        gpu_names: vec!["RTX 4090".into()],
        gpu_counts: vec![1],
        min_gpu_memory_mb: 24_000,
        min_total_gpu_memory_mb: 0,
        disk_gb: 40.0,
        max_price: UsdPerHour::from_dollars(1.0),
        min_reliability: 0.9,
        min_download_mbps: 100.0,
        min_cuda: None,
        min_direct_ports: 1,
        min_duration: pocpit::domain::Duration::hours(2),
        verification: Verification::Required,
        countries: Vec::new(),
    }
}

fn vast(base_url: Url) -> VastClient {
    let config = VastConfig {
        account: AccountName::default(),
        api_key: CANARY.to_owned().into(),
        base_url,
        query: query(),
        image: "image".into(),
        template_hash: None,
        onstart_extra: String::new(),
        env: BTreeMap::new(),
        request_timeout: Duration::from_secs(5),
        read_attempts: 2,
        blocklist_ttl: pocpit::domain::Duration::hours(1),
        max_attempts: 3,
        image_gb: 1.0,
        model_gb: 1.0,
    };
    VastClient::new(HttpClient::new(), &config).with_rate_limit(RateLimit::Off)
}

fn order() -> RentOrder {
    RentOrder {
        offer: OfferId(7),
        label: "pocpit/home/3/1-abc".parse().unwrap(),
        image: "image".into(),
        template_hash: None,
        disk_gb: 40.0,
        env: BTreeMap::new(),
        ports: vec![8080],
        onstart: "true".into(),
    }
}

async fn rent(reply: String) -> (Result<InstanceId, RentError>, usize) {
    let (url, requests) = server(vec![reply]).await;
    let result = vast(url).rent(&order()).await;
    let calls = requests.lock().unwrap().len();
    (result, calls)
}

#[tokio::test]
async fn refused_connection_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(listener);
    let error = HttpClient::new()
        .send(HttpRequest::get("read", url))
        .await
        .unwrap_err();
    assert_eq!(error.kind, CallErrorKind::NotSent, "{error}");
}

#[tokio::test]
async fn lost_read_changed_nothing() {
    for (sent, kind) in [
        (String::new(), CallErrorKind::Unanswered),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"a\"".into(),
            CallErrorKind::Unanswered,
        ),
        ("nonsense\r\n\r\n".into(), CallErrorKind::Unanswered),
        (
            reply_with(302, "location: /elsewhere\r\n", ""),
            CallErrorKind::Refused,
        ),
    ] {
        let (url, requests) = server(vec![sent.clone()]).await;
        let error = HttpClient::new()
            .send(HttpRequest::get("read", url))
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind, "{sent:?}: {error}");
        assert!(
            !error.may_have_happened() && !error.to_string().contains("effect"),
            "{error}"
        );
        assert_eq!(requests.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn only_reads_are_retried() {
    let (url, requests) = server(vec![reply(503, "busy"), reply(200, "{}")]).await;
    let request = HttpRequest::get("read", url).tries(2);
    assert!(HttpClient::new().send(request).await.is_ok());
    assert_eq!(requests.lock().unwrap().len(), 2);

    let (url, requests) = server(vec![reply(503, "busy"), reply(200, "{}")]).await;
    let error = HttpClient::new()
        .send(HttpRequest::put("change", url))
        .await
        .unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Ambiguous);
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn long_retry_after_ends_retries() {
    for sent in [
        reply_with(429, "retry-after: 3600\r\n", "slow down"),
        reply(429, r#"{"error":"search_quota_exceeded"}"#),
    ] {
        let (url, requests) = server(vec![sent]).await;
        let request = HttpRequest::get("read", url).tries(5);
        let error = HttpClient::new().send(request).await.unwrap_err();
        assert_eq!(error.kind, CallErrorKind::RateLimited);
        assert_eq!(requests.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn key_never_appears_in_errors() {
    let echo = format!(r#"{{"msg":"bad key {CANARY}; api_key={CANARY}"}}"#);
    let (url, requests) = server(vec![reply(401, &echo)]).await;
    let client = vast(url.clone());
    let error = client.account().await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Unauthorized);
    assert!(
        !format!("{error} {error:?} {client:?}").contains(CANARY),
        "{error:?}"
    );
    let request = HttpRequest::get("read", url).bearer(CANARY.to_owned().into());
    assert!(!format!("{request:?}").contains(CANARY));
    let sent = requests.lock().unwrap()[0].clone();
    assert!(sent.contains(&format!("Bearer {CANARY}")));
    assert!(!sent.lines().next().unwrap().contains(CANARY));
}

#[tokio::test]
async fn rent_is_sent_only_once() {
    for sent in [
        String::new(),
        reply(500, "<html>oops</html>"),
        reply(503, r#"{"error":"no_such_ask"}"#),
        reply(200, "<html>"),
        reply(200, r#"{"success":true,"new_contra"#),
        reply(200, r#"{"success":true}"#),
        reply(200, r#"{"success":true,"new_contract":null}"#),
        reply(200, r#"{"success":false,"msg":"hm"}"#),
        reply(401, PAGE),
        reply(403, PAGE),
        reply(404, PAGE),
        reply(400, ""),
    ] {
        let (result, calls) = rent(sent.clone()).await;
        assert!(
            matches!(result, Err(RentError::Unknown(_))),
            "{sent}: {result:?}"
        );
        assert_eq!(calls, 1, "{sent}");
    }
}

#[tokio::test]
async fn rent_returns_contract_or_reason() {
    for success in ["true", "false"] {
        // Not successful: it "started in stopped state", and has to be destroyed.
        let body = format!(r#"{{"success":{success},"new_contract":12345678}}"#);
        let (result, _) = rent(reply(200, &body)).await;
        assert_eq!(result.unwrap(), InstanceId(12_345_678));
    }
    let odd = r#"{"success":true,"new_contract":5,"price":NaN}"#;
    assert_eq!(rent(reply(200, odd)).await.0.unwrap(), InstanceId(5));
    let gone = r#"{"success":false,"error":"no_such_ask","msg":"error 410/3907: gone"}"#;
    for status in [200, 400, 404, 410] {
        let (result, _) = rent(reply(status, gone)).await;
        assert!(
            matches!(result, Err(RentError::OfferGone(_))),
            "{status}: {result:?}"
        );
    }
    for status in [200, 400, 411] {
        let broke = r#"{"success":false,"error":"insufficient_credit","msg":"no credit"}"#;
        let (result, _) = rent(reply(status, broke)).await;
        assert!(
            matches!(result, Err(RentError::Refused(_))),
            "{status}: {result:?}"
        );
    }
}

#[tokio::test]
async fn instances_are_listed_across_pages() {
    let first = r#"{"success":true,"total_instances":2,"next_token":"t","instances":[{"id":1}]}"#;
    let last = r#"{"success":true,"total_instances":2,"next_token":null,"instances":[{"id":2}]}"#;
    let (url, requests) = server(vec![reply(200, first), reply(200, last)]).await;
    let ids: Vec<u64> = vast(url)
        .instances()
        .await
        .unwrap()
        .iter()
        .map(|i| i.id.0)
        .collect();
    assert_eq!(ids, [1, 2]);
    assert!(requests.lock().unwrap()[1].contains("after_token=t"));
}

#[tokio::test]
async fn incomplete_listing_is_an_error() {
    let first = reply(200, r#"{"next_token":"t","instances":[{"id":1}]}"#);
    for second in [
        reply(500, ""),
        reply(
            200,
            r#"{"next_token":null,"total_instances":3,"instances":[{"id":2}]}"#,
        ),
        reply(200, OUR_ODD_ROW),
        reply(
            200,
            r#"{"next_token":null,"instances":[{"id":null,"label":7}]}"#,
        ),
        reply(200, r#"{"next_token":null,"instances":null}"#),
        reply(200, r#"{"next_token":"t","instances":[]}"#),
        reply(200, r#"{"success":false,"instances":[]}"#),
        reply(200, r#"{"next_token":null,"instances":[{"id":2}"#),
        reply(200, "<html>maintenance</html>"),
    ] {
        let (url, _) = server(vec![first.clone(), second.clone()]).await;
        assert!(vast(url).instances().await.is_err(), "{second}");
    }
}

#[tokio::test]
async fn only_market_reply_means_gone() {
    for gone in [
        reply(200, r#"{"instances":null}"#),
        reply(
            404,
            r#"{"success":false,"error":"no_such_instance","msg":"x"}"#,
        ),
    ] {
        let (url, _) = server(vec![gone]).await;
        assert_eq!(vast(url).instance(InstanceId(5)).await.unwrap(), None);
    }
    for unknown in [
        reply(404, PAGE),
        reply(200, "{}"),
        reply(200, r#"{"instances":{"id":6}}"#),
        reply(500, ""),
        reply(401, r#"{"error":"auth_error","msg":"Invalid user key"}"#),
        reply(404, r#"{"error":"auth_error","msg":"Invalid user key"}"#),
    ] {
        let (url, _) = server(vec![unknown.clone()]).await;
        assert!(
            vast(url).instance(InstanceId(5)).await.is_err(),
            "{unknown}"
        );
    }
}

/// The single GET is gone, or replies in another shape.
fn moved() -> Vec<String> {
    let deprecated = r#"{"success":false,"error":"deprecated_endpoint","msg":"use v1"}"#;
    vec![
        reply(410, deprecated),
        reply(
            404,
            r#"{"success":false,"error":"x","msg":"no such route"}"#,
        ),
        reply(404, PAGE),
        reply(403, PAGE),
        reply(200, r#"{"success":true,"instance":{"id":5}}"#),
        reply(200, r#"{"success":true,"instances":[{"id":6},{"id":7}]}"#),
        reply(200, r#"{"success":true,"instances":{"id":null}}"#),
    ]
}

/// Replies by route: to the single GET, and to the v1 list.
async fn market_of(single: String, listed: &str) -> (VastClient, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let (log, listed) = (requests.clone(), reply(200, listed));
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let request = read_request(&mut socket).await;
            let is_list = request.starts_with("GET /api/v1/instances/?");
            let reply = if is_list { &listed } else { &single };
            let _ = socket.write_all(reply.as_bytes()).await;
            log.lock().unwrap().push(request);
        }
    });
    (vast(url.parse().unwrap()), requests)
}

#[tokio::test]
async fn moved_single_read_falls_back_to_list() {
    let listed = r#"{"total_instances":1,"next_token":null,"instances":[{"id":5}]}"#;
    let empty = r#"{"total_instances":0,"next_token":null,"instances":[]}"#;
    for single in moved() {
        let (market, requests) = market_of(single.clone(), listed).await;
        let found = market.instance(InstanceId(5)).await.unwrap();
        assert_eq!(found.unwrap().id, InstanceId(5), "{single}");
        let last = requests.lock().unwrap().last().unwrap().clone();
        let filter = "select_filters=%7B%22id%22%3A%7B%22eq%22%3A5%7D%7D";
        assert!(last.contains(filter), "{last}");
        assert!(market.try_single_read().await.is_err(), "{single}");
        let (market, _) = market_of(single.clone(), empty).await;
        let found = market.instance(InstanceId(5)).await.unwrap();
        assert_eq!(found, None, "{single}");
    }
}

#[tokio::test]
async fn single_read_takes_every_known_shape() {
    for (body, is_there) in [
        (r#"{"instances":{"id":5}}"#, true),
        (r#"{"instances":[{"id":5}]}"#, true),
        (r#"{"instances":{"id":5,"gpu_temp":NaN}}"#, true),
        (r#"{"instances":null}"#, false),
        (r#"{"instances":{}}"#, false),
        (r#"{"instances":[]}"#, false),
    ] {
        let (url, requests) = server(vec![reply(200, body)]).await;
        let found = vast(url.clone()).instance(InstanceId(5)).await.unwrap();
        assert_eq!(found.is_some(), is_there, "{body}");
        assert_eq!(requests.lock().unwrap().len(), 1, "{body}");
        if !is_there {
            vast(url).try_single_read().await.unwrap();
        }
    }
}

#[tokio::test]
async fn odd_rows_of_others_hide_nothing() {
    let listing = r#"{"total_instances":6,"next_token":null,"instances":[{"id":1,"gpu_temp":NaN},
        {"id":null,"label":"mine"},{},null,{"id":Infinity,"label":null},{"id":2,"dph_total":-Infinity}]}"#;
    let (url, _) = server(vec![reply(200, listing)]).await;
    let listed = vast(url).instances().await.unwrap();
    let ids: Vec<u64> = listed.iter().map(|instance| instance.id.0).collect();
    assert_eq!(ids, [1, 2]);

    let (url, _) = server(vec![reply(200, OUR_ODD_ROW)]).await;
    let error = vast(url).instances().await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Malformed);

    let row = r#"{"id":9,"machine_id":1,"gpu_name":"RTX 4090","num_gpus":1,"dph_base":0.4"#;
    let offers = format!(r#"{{"offers":[{row},"dlperf":NaN}},{{"id":NaN}},null,7]}}"#);
    let (url, _) = server(vec![reply(200, &offers)]).await;
    let now = pocpit::domain::Time::UNIX_EPOCH;
    let found = vast(url).search(&query(), now).await.unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn key_that_is_there_is_no_error() {
    let none = reply(200, "[]");
    let duplicate = r#"{"success":false,"error":"invalid_args","msg":"Duplicate SSH key"}"#;
    let associated = r#"{"success":false,"msg":"SSH key already associated with instance"}"#;
    for sent in [reply(400, duplicate), reply(200, associated)] {
        let (url, _) = server(vec![none.clone(), sent.clone()]).await;
        let key = "ssh-ed25519 AAAA x";
        vast(url).ensure_account_key(key).await.unwrap();
        let (url, _) = server(vec![sent]).await;
        vast(url).attach_key(InstanceId(5), key).await.unwrap();
    }
    let (url, _) = server(vec![reply(
        400,
        r#"{"error":"no_ssh_key","msg":"bad key"}"#,
    )])
    .await;
    assert!(vast(url).attach_key(InstanceId(5), "x").await.is_err());
}

#[tokio::test]
async fn gateway_page_is_not_the_market() {
    let listing = r#"{"total_instances":0,"next_token":null,"instances":[]}"#;
    for status in [401, 403, 404] {
        let replies = vec![reply(status, PAGE), reply(200, listing)];
        let (url, requests) = server(replies).await;
        assert_eq!(vast(url).instances().await.unwrap(), []);
        assert_eq!(requests.lock().unwrap().len(), 2, "a read is repeated");

        let (url, _) = server(vec![reply(status, PAGE)]).await;
        let error = vast(url).instances().await.unwrap_err();
        assert!(error.is_passing(), "{error}");
    }
    let two_factor = r#"{"success":false,"msg":"Your key lacks proper privileges: set up Two Factor Authentication"}"#;
    let (url, requests) = server(vec![reply(401, two_factor)]).await;
    let error = vast(url).instances().await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Unauthorized);
    assert!(error.detail.contains("Two Factor"), "{error}");
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn requested_wait_holds_for_every_client() {
    let slow = r#"{"error":"HTTPTooManyRequests","retry_after":3600,"remaining":0}"#;
    let reset = "x-ratelimit-reset: 99999999999\r\n";
    for sent in [
        reply(429, slow),
        reply_with(429, "retry-after: 3600\r\n", "API requests too frequent"),
        reply_with(429, reset, r#"{"error":"search_quota_exceeded"}"#),
    ] {
        let (url, requests) = server(vec![sent.clone()]).await;
        let limiter = RateLimiter::new(RateLimit::Off);
        let client = || vast(url.clone()).with_limiter(limiter.clone());
        assert!(client().instances().await.is_err());
        let error = client().instances().await.unwrap_err();
        assert_eq!(error.kind, CallErrorKind::RateLimited, "{sent}");
        assert_eq!(requests.lock().unwrap().len(), 1, "{sent}");
        // Another route has a limit of its own.
        assert!(client().account().await.is_err());
        assert_eq!(requests.lock().unwrap().len(), 2, "{sent}");
    }
}

#[tokio::test]
async fn charges_are_read_across_pages() {
    let row = |id: u64, amount: f64| {
        format!(r#"{{"source":"instance-{id}","amount":{amount},"items":[]}}"#)
    };
    let page = |row: String, token: &str| {
        reply(
            200,
            &format!(r#"{{"success":true,"next_token":{token},"results":[{row}]}}"#),
        )
    };
    let pages = vec![page(row(5, 1.25), "\"t\""), page(row(6, 2.5), "null")];
    let (url, requests) = server(pages).await;
    let from = pocpit::domain::Time::UNIX_EPOCH;
    let to = from + pocpit::domain::Duration::days(1);
    let charges = vast(url).charges(from, to).await.unwrap();
    let amounts: Vec<_> = charges.iter().map(|c| (c.instance.0, c.total.0)).collect();
    assert_eq!(amounts, [(5, 1_250_000), (6, 2_500_000)]);
    let requests = requests.lock().unwrap().clone();
    assert!(requests[0].starts_with("GET /api/v0/charges/?select_filters="));
    assert!(requests[0].contains("86400") && requests[1].contains("after_token=t"));

    let (url, _) = server(vec![page(row(5, 1.25), "\"t\"")]).await;
    assert!(vast(url).charges(from, to).await.is_err(), "endless");
    let forbidden = r#"{"success":false,"error":"auth_error","msg":"not permitted"}"#;
    let (url, _) = server(vec![reply(403, forbidden)]).await;
    let error = vast(url).charges(from, to).await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Unauthorized);
}

#[tokio::test]
async fn concurrent_listings_keep_their_distance() {
    let listing = r#"{"total_instances":0,"next_token":null,"instances":[]}"#;
    let (url, _) = server(vec![reply(200, listing)]).await;
    let limiter = RateLimiter::new(RateLimit::Documented);
    let client = || vast(url.clone()).with_limiter(limiter.clone());
    let (first, second) = (client(), client());
    let start = std::time::Instant::now();
    let (a, b) = tokio::join!(first.instances(), second.instances());
    assert!(a.is_ok() && b.is_ok());
    assert!(
        start.elapsed() >= Duration::from_secs(1),
        "the market's threshold"
    );
}

#[tokio::test]
async fn destroying_gone_instance_succeeds() {
    let gone = r#"{"success":false,"error":"no_such_instance","msg":"x"}"#;
    let (url, _) = server(vec![reply(404, gone)]).await;
    assert!(vast(url).destroy(InstanceId(5)).await.is_ok());
    for refused in [
        reply(200, r#"{"success":false}"#),
        reply(429, "slow"),
        reply(502, ""),
    ] {
        let (url, requests) = server(vec![refused]).await;
        assert!(vast(url).destroy(InstanceId(5)).await.is_err());
        assert_eq!(requests.lock().unwrap().len(), 1);
    }
}

fn network_node(admin_api: Url) -> NetworkNodeClient {
    let config = NetworkNodeConfig {
        name: NetworkNodeName::default(),
        participant: Participant::default(),
        models: std::collections::BTreeSet::new(),
        admin_api,
        request_timeout: Duration::from_secs(5),
        exposure: Exposure::Direct,
        node_prefix: "pocpit".into(),
        hardware_name: None,
    };
    NetworkNodeClient::new(HttpClient::new(), &config)
}

#[tokio::test]
async fn removing_node_reports_whether_it_existed() {
    for (body, was_there) in [("true", true), ("false\n", false)] {
        let (url, requests) = server(vec![reply(200, body)]).await;
        let id = NodeId("a/../b?c".into());
        assert_eq!(network_node(url).unregister(&id).await.unwrap(), was_there);
        let line = requests.lock().unwrap()[0]
            .lines()
            .next()
            .unwrap()
            .to_owned();
        assert_eq!(line, "DELETE /admin/v1/nodes/a%2F..%2Fb%3Fc HTTP/1.1");
    }
    let (url, _) = server(vec![reply(200, "{}")]).await;
    let error = network_node(url)
        .unregister(&NodeId("a".into()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Malformed);
}

#[tokio::test]
async fn malformed_node_list_is_an_error() {
    let (url, _) = server(vec![reply(200, r#"[{"node":{"id":"a"},"state":{}}]"#)]).await;
    assert_eq!(network_node(url).nodes().await.unwrap().len(), 1);
    for broken in [
        r#"[{"node":{"id":"a"}},{"node":{}}]"#,
        "null",
        "{}",
        "[{",
        "<html>",
    ] {
        let (url, _) = server(vec![reply(200, broken)]).await;
        let error = network_node(url).nodes().await.unwrap_err();
        assert_eq!(error.kind, CallErrorKind::Malformed, "{broken}");
    }
}
