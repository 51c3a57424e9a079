//! The notifier against a receiver on loopback.

use std::collections::VecDeque;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use chrono::{DateTime, TimeDelta};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;

const FAST: BackoffPolicy = BackoffPolicy {
    max_attempts: 3,
    initial_delay: Duration::from_millis(1),
    max_delay: Duration::from_millis(2),
};
const TIMEOUT: Duration = Duration::from_secs(30);

type Received = mpsc::UnboundedReceiver<(Option<String>, Value)>;

/// A webhook that answers with these statuses in turn, then with 204.
async fn receiver(statuses: &[u16]) -> (NotifyConfig, Received) {
    let (received, requests) = mpsc::unbounded_channel();
    let statuses = Arc::new(Mutex::new(VecDeque::from(statuses.to_vec())));
    let hook = move |headers: HeaderMap, Json(body): Json<Value>| async move {
        let token = headers.get("authorization");
        let token = token.map(|value| value.to_str().unwrap().to_owned());
        received.send((token, body)).unwrap();
        let status = statuses.lock().unwrap().pop_front().unwrap_or(204);
        StatusCode::from_u16(status).unwrap()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let app = Router::new().route("/hook", post(hook));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let config = NotifyConfig {
        webhook: Some(url.parse().unwrap()),
        webhook_token: Some("t0ken".to_owned().into()),
        ..NotifyConfig::default()
    };
    (config, requests)
}

fn notice(title: &str) -> Notice {
    Notice {
        level: NoticeLevel::Critical,
        title: title.into(),
        body: "look".into(),
        at: DateTime::UNIX_EPOCH,
    }
}

fn titles(received: &mut Received) -> Vec<String> {
    let mut titles = Vec::new();
    while let Ok((_, body)) = received.try_recv() {
        titles.push(body["title"].as_str().unwrap().to_owned());
    }
    titles
}

#[tokio::test]
async fn notice_arrives_as_json_with_token() {
    let (config, mut received) = receiver(&[]).await;
    let notifier = Notifier::new(HttpClient::new(), &config, None);
    notifier.notify(&notice("rental left"));
    notifier.close(TIMEOUT).await;
    let (token, body) = received.try_recv().expect("a notice");
    assert_eq!(token.as_deref(), Some("Bearer t0ken"));
    let expected = json!({"source": "pocpit", "level": "critical", "title": "rental left",
        "body": "look", "at": "1970-01-01T00:00:00Z"});
    assert_eq!(body, expected);
}

/// A webhook that keeps headers and raw body.
async fn receiver_of_bytes() -> (Url, mpsc::UnboundedReceiver<(HeaderMap, Bytes)>) {
    let (received, requests) = mpsc::unbounded_channel();
    let hook = move |headers: HeaderMap, body: Bytes| async move {
        received.send((headers, body)).unwrap();
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let app = Router::new().route("/hook", post(hook));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url.parse().unwrap(), requests)
}

/// Checks a signature as a receiver does, with nothing but the secret, headers and body.
fn is_signed(secret: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name: &str| headers[name].to_str().unwrap();
    let signature = header("x-pocpit-signature")
        .strip_prefix("sha256=")
        .unwrap();
    let pairs = (0..signature.len()).step_by(2);
    let bytes = pairs.map(|at| u8::from_str_radix(&signature[at..at + 2], 16).unwrap());
    let signature: Vec<u8> = bytes.collect();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(header("x-pocpit-timestamp").as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.verify_slice(&signature).is_ok()
}

#[tokio::test]
async fn signature_covers_exact_bytes_and_time() {
    // Given a webhook that shares a secret with us,
    let (url, mut received) = receiver_of_bytes().await;
    let config = NotifyConfig {
        webhook: Some(url),
        webhook_secret: Some("s3cret".to_owned().into()),
        ..NotifyConfig::default()
    };
    // when it gets a notice that JSON can encode in more than one way,
    let notice = notice("4×H100 \"left\" </b>\u{7}\n\u{1f4b8}");
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
async fn failing_webhook_is_retried_in_order() {
    let (config, mut received) = receiver(&[500, 429]).await;
    let notifier = Notifier::with_backoff(HttpClient::new(), &config, None, FAST);
    notifier.notify(&notice("a"));
    notifier.notify(&notice("b"));
    notifier.close(TIMEOUT).await;
    assert_eq!(titles(&mut received), ["a", "a", "a", "b"]);
}

#[tokio::test]
async fn dead_webhook_is_counted_as_lost() {
    let (config, mut received) = receiver(&[500, 500, 500]).await;
    let notifier = Notifier::with_backoff(HttpClient::new(), &config, None, FAST);
    let lost = Arc::clone(&notifier.lost);
    notifier.notify(&notice("a"));
    notifier.close(TIMEOUT).await;
    assert_eq!(titles(&mut received), ["a", "a", "a"]);
    assert_eq!(lost.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn rejected_notice_is_not_retried() {
    let (config, mut received) = receiver(&[401]).await;
    let notifier = Notifier::with_backoff(HttpClient::new(), &config, None, FAST);
    notifier.notify(&notice("a"));
    notifier.close(TIMEOUT).await;
    assert_eq!(titles(&mut received), ["a"]);
}

#[tokio::test]
async fn same_notice_is_sent_once_per_half_hour() {
    let (config, mut received) = receiver(&[]).await;
    let notifier = Notifier::new(HttpClient::new(), &config, None);
    let later = |title, minute| Notice {
        at: DateTime::UNIX_EPOCH + TimeDelta::minutes(minute),
        ..notice(title)
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
        notifier.notify(&notice(&number.to_string()));
    }
    assert_eq!(notifier.lost(), 3);
}

#[tokio::test]
async fn without_channels_nothing_is_sent() {
    let config = NotifyConfig::default();
    let notifier = Notifier::new(HttpClient::new(), &config, None);
    notifier.notify(&notice("a"));
    assert_eq!(notifier.lost(), 0);
    notifier.close(TIMEOUT).await;
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
    notifier.notify(&notice("rental left"));
    notifier.close(Duration::from_millis(50)).await;
    assert!(notifier.lost() == 0 && !titles(&mut received).is_empty());
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
    let pacing = FAST;
    let notifier = Notifier::with_backoff(HttpClient::new(), &config, None, pacing);
    notifier.notify(&notice("a"));
    notifier.notify(&notice("b"));
    notifier.close(TIMEOUT).await;
    assert_eq!(
        std::fs::read_to_string(received_by_command).unwrap(),
        "a\nb\n"
    );
    assert_eq!(titles(&mut received), ["a", "a", "a", "b", "b", "b"]);
    assert_eq!(notifier.lost(), 2, "both, by the webhook alone");
}

#[tokio::test]
async fn delivery_errors_hold_no_secret() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(|uri: axum::http::Uri| async move {
        let words = uri.path().replace("/bot", " your token ");
        (StatusCode::NOT_FOUND, format!("Cannot POST {uri}:{words}"))
    });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let config = NotifyConfig {
        telegram: Some(crate::config::TelegramConfig {
            api: host.parse().unwrap(),
            token: "123456:telegramsecret".to_owned().into(),
            chat: "1".into(),
        }),
        discord: Some(format!("{host}/api/webhooks/1/discordsecret").into()),
        ntfy: Some(crate::config::NtfyConfig {
            topic: format!("{host}/topicsecret").parse().unwrap(),
            token: Some("ntfysecret".to_owned().into()),
        }),
        ..NotifyConfig::default()
    };
    for channel in [Channel::Telegram, Channel::Discord, Channel::Ntfy] {
        let result = deliver(&HttpClient::new(), &config, channel, &notice("a")).await;
        let error = result.unwrap_err();
        assert_eq!(error.retry, Retry::Never, "{error}");
        assert!(
            error.why.contains("404") && !error.why.contains("secret"),
            "{error}"
        );
        assert!(error.hint.contains("notify."), "{error:?}");
    }
}
