//! The clients against misbehaving servers, over real sockets on loopback.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pocpit::config::{Exposure, NetworkNodeConfig, VastConfig};
use pocpit::domain::{
    CallErrorKind, InstanceId, NodeId, OfferId, OfferQuery, RentOrder, UsdPerHour, Verification,
};
use pocpit::http::{HttpClient, HttpRequest};
use pocpit::network_node::NetworkNodeClient;
use pocpit::ports::{Market, NetworkNode, RentError};
use pocpit::vast::{RateLimit, VastClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

const CANARY: &str = "canary-secret-key";

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
        gpu_count: 1,
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
        reply(200, r#"{"success":false,"new_contract":5}"#),
        reply(200, r#"{"success":false,"msg":"hm"}"#),
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
    let (result, _) = rent(reply(200, r#"{"success":true,"new_contract":12345678}"#)).await;
    assert_eq!(result.unwrap(), InstanceId(12_345_678));
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
        reply(200, r#"{"next_token":null,"instances":[{"id":null}]}"#),
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
        reply(404, "<html>404 Not Found</html>"),
        reply(200, "{}"),
        reply(200, r#"{"instances":{"id":6}}"#),
        reply(500, ""),
    ] {
        let (url, _) = server(vec![unknown.clone()]).await;
        assert!(
            vast(url).instance(InstanceId(5)).await.is_err(),
            "{unknown}"
        );
    }
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
