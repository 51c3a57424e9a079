//! The notifier against a receiver on loopback.

use std::collections::VecDeque;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use chrono::{DateTime, TimeDelta};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;
use crate::config::{NtfyConfig, TelegramConfig};
use crate::domain::hexadecimal;

const FAST: BackoffPolicy = BackoffPolicy {
    max_attempts: 3,
    initial_delay: Duration::from_millis(1),
    max_delay: Duration::from_millis(2),
};
const TIMEOUT: Duration = Duration::from_secs(30);

type Received = mpsc::UnboundedReceiver<(HeaderMap, Bytes)>;

async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    base
}

/// A webhook that answers with these statuses in turn, then with 204.
async fn receiver(statuses: &[u16]) -> (NotifyConfig, Received) {
    let (received, requests) = mpsc::unbounded_channel();
    let statuses = Arc::new(Mutex::new(VecDeque::from(statuses.to_vec())));
    let hook = move |headers: HeaderMap, body: Bytes| async move {
        assert_eq!(headers["content-type"], "application/json");
        received.send((headers, body)).unwrap();
        let status = statuses.lock().unwrap().pop_front().unwrap_or(204);
        StatusCode::from_u16(status).unwrap()
    };
    let base = serve(Router::new().route("/hook", post(hook))).await;
    let config = NotifyConfig {
        webhook: Some(format!("{base}/hook").parse().unwrap()),
        webhook_token: Some("t0ken".to_owned().into()),
        ..NotifyConfig::default()
    };
    (config, requests)
}

pub(super) fn notice(level: NoticeLevel, title: &str) -> Notice {
    Notice {
        level,
        title: title.into(),
        body: "look".into(),
        at: DateTime::UNIX_EPOCH,
    }
}

fn critical(title: &str) -> Notice {
    notice(NoticeLevel::Critical, title)
}

pub(super) fn telegram(api: &str, token: &str) -> TelegramConfig {
    TelegramConfig {
        api: api.parse().unwrap(),
        token: token.to_owned().into(),
        chat: "-100".into(),
    }
}

pub(super) fn ntfy(topic: &str, token: Option<&str>) -> NtfyConfig {
    NtfyConfig {
        topic: topic.parse().unwrap(),
        token: token.map(|token| token.to_owned().into()),
    }
}

fn titles(received: &mut Received) -> Vec<String> {
    let mut titles = Vec::new();
    while let Ok((_, body)) = received.try_recv() {
        let body: Value = serde_json::from_slice(&body).unwrap();
        titles.push(body["title"].as_str().unwrap().to_owned());
    }
    titles
}

/// Sends notices with little patience, and returns how many were lost.
async fn send(config: &NotifyConfig, titles: &[&str]) -> u64 {
    let notifier = Notifier::with_backoff(HttpClient::new(), config, None, FAST);
    for title in titles {
        notifier.notify(&critical(title));
    }
    notifier.close(TIMEOUT).await;
    notifier.lost()
}

#[tokio::test]
async fn notice_arrives_as_json_with_token() {
    let (config, mut received) = receiver(&[]).await;
    send(&config, &["rental left"]).await;
    let (headers, body) = received.try_recv().expect("a notice");
    assert_eq!(headers["authorization"], "Bearer t0ken");
    let body: Value = serde_json::from_slice(&body).unwrap();
    let expected = json!({"source": "pocpit", "level": "critical", "title": "rental left",
        "body": "look", "at": "1970-01-01T00:00:00Z"});
    assert_eq!(body, expected);
}

/// Checks a signature as a receiver does, with nothing but the secret, headers and body.
fn is_signed(secret: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name: &str| headers[name].to_str().unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(header("x-pocpit-timestamp").as_bytes());
    mac.update(b".");
    mac.update(body);
    let expected = format!("sha256={}", hexadecimal(&mac.finalize().into_bytes()));
    header("x-pocpit-signature") == expected
}

#[tokio::test]
async fn signature_covers_exact_bytes_and_time() {
    // Given a webhook that shares a secret with us,
    let (mut config, mut received) = receiver(&[]).await;
    config.webhook_secret = Some("s3cret".to_owned().into());
    // when it gets a notice that JSON can encode in more than one way,
    let notice = critical("4×H100 \"left\" </b>\u{7}\n\u{1f4b8}");
    let http = HttpClient::new();
    deliver(&http, &config, Channel::Webhook, &notice)
        .await
        .unwrap();
    // then the signature matches what arrived,
    let (mut headers, body) = received.try_recv().expect("a notice");
    assert!(is_signed("s3cret", &headers, &body));
    assert!(!is_signed("another", &headers, &body));
    // fails when any byte is changed,
    for at in 0..body.len() {
        let mut forged = body.to_vec();
        forged[at] ^= 1;
        assert!(!is_signed("s3cret", &headers, &forged), "byte {at}");
    }
    // and fails for another time: an old request cannot be replayed.
    headers.insert("x-pocpit-timestamp", "1".parse().unwrap());
    assert!(!is_signed("s3cret", &headers, &body));
}

#[tokio::test]
async fn webhook_status_decides_on_retry() {
    for (case, statuses, delivered, lost) in [
        (
            "retried in order",
            &[500, 429][..],
            &["a", "a", "a", "b"][..],
            0,
        ),
        (
            "dead for one notice",
            &[500, 500, 500],
            &["a", "a", "a", "b"],
            1,
        ),
        ("rejected", &[401], &["a", "b"], 1),
    ] {
        let (config, mut received) = receiver(statuses).await;
        assert_eq!(send(&config, &["a", "b"]).await, lost, "{case}");
        assert_eq!(titles(&mut received), delivered, "{case}");
    }
}

#[tokio::test]
async fn same_notice_is_sent_once_per_half_hour() {
    let (config, mut received) = receiver(&[]).await;
    let notifier = Notifier::new(HttpClient::new(), &config, None);
    let later = |title, minute| Notice {
        at: DateTime::UNIX_EPOCH + TimeDelta::minutes(minute),
        ..critical(title)
    };
    for minute in [0, 5, 29, -3, 31] {
        notifier.notify(&later("a", minute));
    }
    notifier.notify(&later("b", 31));
    notifier.close(TIMEOUT).await;
    assert_eq!(titles(&mut received), ["a", "a", "b"]);
}

#[tokio::test]
async fn full_queue_drops_and_counts() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let config = NotifyConfig {
        webhook: Some(url.parse().unwrap()),
        ..NotifyConfig::default()
    };
    let notifier = Notifier::new(HttpClient::new(), &config, None);
    // Nothing is awaited here, so the worker cannot take one off the queue.
    for number in 0..QUEUE + 3 {
        notifier.notify(&critical(&number.to_string()));
    }
    assert_eq!(notifier.lost(), 3);
}

#[tokio::test]
async fn without_channels_nothing_is_sent() {
    assert_eq!(send(&NotifyConfig::default(), &["a"]).await, 0);
}

#[tokio::test]
async fn next_run_delivers_the_rest_once() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("outbox.json");
    // Given a webhook that is down,
    let (config, mut received) = receiver(&[503; 100]).await;
    let patient = BackoffPolicy {
        max_attempts: 99,
        ..FAST
    };
    let start = |config: &NotifyConfig| {
        Notifier::with_backoff(HttpClient::new(), config, Some(file.clone()), patient)
    };
    let notifier = start(&config);
    notifier.notify(&critical("rental left"));
    received.recv().await.expect("an attempt");
    notifier.close(Duration::from_millis(50)).await;
    assert_eq!(notifier.lost(), 0);
    // when the next run finds it up, then the notice arrives,
    let (config, mut received) = receiver(&[]).await;
    start(&config).close(TIMEOUT).await;
    assert_eq!(titles(&mut received), ["rental left"]);
    // and a third run has nothing to send.
    start(&config).close(TIMEOUT).await;
    assert!(titles(&mut received).is_empty());
}

#[tokio::test]
async fn channels_do_not_block_each_other() {
    let scratch = tempfile::tempdir().unwrap();
    let received_by_command = scratch.path().join("received");
    let (mut config, mut received) = receiver(&[503; 100]).await;
    let script = format!(
        "echo \"$POCPIT_TITLE\" >> {}",
        received_by_command.display()
    );
    config.command = vec!["sh".into(), "-c".into(), script];
    let lost = send(&config, &["a", "b"]).await;
    let by_command = std::fs::read_to_string(received_by_command).unwrap();
    assert_eq!(by_command, "a\nb\n");
    assert_eq!(titles(&mut received), ["a", "a", "a", "b", "b", "b"]);
    assert_eq!(lost, 2, "both, by the webhook only");
}

#[tokio::test]
async fn delivery_errors_hold_no_secret() {
    let app = Router::new().fallback(|uri: axum::http::Uri| async move {
        let words = uri.path().replace("/bot", " your token ");
        (StatusCode::NOT_FOUND, format!("Cannot POST {uri}:{words}"))
    });
    let host = serve(app).await;
    let config = NotifyConfig {
        telegram: Some(telegram(&host, "123456:telegramsecret")),
        discord: Some(format!("{host}/api/webhooks/1/discordsecret").into()),
        ntfy: Some(ntfy(&format!("{host}/topicsecret"), Some("ntfysecret"))),
        ..NotifyConfig::default()
    };
    for channel in [Channel::Telegram, Channel::Discord, Channel::Ntfy] {
        let result = deliver(&HttpClient::new(), &config, channel, &critical("a")).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind, FailureKind::Permanent, "{error}");
        assert!(
            error.why.contains("404") && !error.why.contains("secret"),
            "{error}"
        );
        assert!(error.hint.contains("notify."), "{error:?}");
    }
}

#[tokio::test]
async fn moved_telegram_group_is_followed() {
    let (received, mut requests) = mpsc::unbounded_channel();
    let answer = move |body: Bytes| async move {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let is_old = body["chat_id"] == "-100";
        received.send(body).unwrap();
        if !is_old {
            return (StatusCode::OK, json!({"ok": true}).to_string());
        }
        // <https://core.telegram.org/bots/api#responseparameters>
        let moved = json!({"ok": false, "error_code": 400,
            "description": "Bad Request: group chat was upgraded to a supergroup chat",
            "parameters": {"migrate_to_chat_id": -1_001_557_i64}});
        (StatusCode::BAD_REQUEST, moved.to_string())
    };
    let host = serve(Router::new().fallback(answer)).await;
    let config = NotifyConfig {
        telegram: Some(telegram(&host, "123456:secret")),
        ..NotifyConfig::default()
    };
    assert_eq!(send(&config, &["rental left"]).await, 0);
    requests.recv().await.expect("the old group");
    let second = requests.recv().await.expect("the new group");
    assert_eq!(second["chat_id"], "-1001557");
    // Its members see what to set.
    let text = second["text"].as_str().unwrap();
    assert!(
        text.contains("set notify.telegram_chat to -1001557"),
        "{text}"
    );
}

#[tokio::test]
async fn login_page_is_no_delivery() {
    let answers = Arc::new(Mutex::new(VecDeque::from(["<html>sign in</html>", "{}"])));
    let answer = move || async move {
        let next = answers.lock().unwrap().pop_front().unwrap_or("{}");
        (StatusCode::OK, next)
    };
    let host = serve(Router::new().fallback(answer)).await;
    let config = NotifyConfig {
        webhook: Some(format!("{host}/hook").parse().unwrap()),
        heartbeat: Some(format!("{host}/alive").parse().unwrap()),
        ..NotifyConfig::default()
    };
    let http = HttpClient::new();
    let attempt = async || deliver(&http, &config, Channel::Webhook, &critical("a")).await;
    // A page is retried, and the error says what it was,
    let error = attempt().await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Transient);
    assert!(error.why.contains("sign in"), "{error}");
    assert!(error.hint.contains("login"), "{error:?}");
    // until the service answers itself.
    attempt().await.unwrap();
}
