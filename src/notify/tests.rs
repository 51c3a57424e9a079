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

const FAST: Pacing = Pacing {
    tries: 3,
    first_wait: Duration::from_millis(1),
    longest_wait: Duration::from_millis(2),
};
const PATIENCE: Duration = Duration::from_secs(30);

type Seen = mpsc::UnboundedReceiver<(Option<String>, Value)>;

/// A receiver that answers with these statuses in turn, then with 204.
async fn receiver(statuses: &[u16]) -> (NotifyConfig, Seen) {
    let (seen, requests) = mpsc::unbounded_channel();
    let statuses = Arc::new(Mutex::new(VecDeque::from(statuses.to_vec())));
    let hook = move |headers: HeaderMap, Json(body): Json<Value>| async move {
        let token = headers.get("authorization");
        let token = token.map(|value| value.to_str().unwrap().to_owned());
        seen.send((token, body)).unwrap();
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

fn notice(title: &str, minute: i64) -> Notice {
    Notice {
        level: NoticeLevel::Critical,
        title: title.into(),
        body: "look".into(),
        at: DateTime::UNIX_EPOCH + TimeDelta::minutes(minute),
    }
}

fn titles(seen: &mut Seen) -> Vec<String> {
    let mut titles = Vec::new();
    while let Ok((_, body)) = seen.try_recv() {
        titles.push(body["title"].as_str().unwrap().to_owned());
    }
    titles
}

#[tokio::test]
async fn a_notice_arrives_as_json_with_the_token() {
    let (config, mut seen) = receiver(&[]).await;
    let notifier = Notifier::new(HttpClient::new(), &config, None);
    notifier.notify(&notice("rental left", 0));
    notifier.close(PATIENCE).await;
    let (token, body) = seen.try_recv().expect("a notice");
    assert_eq!(token.as_deref(), Some("Bearer t0ken"));
    let expected = json!({"source": "pocpit", "level": "critical", "title": "rental left",
        "body": "look", "at": "1970-01-01T00:00:00Z"});
    assert_eq!(body, expected);
}

/// A receiver that keeps what came as it came.
async fn receiver_of_bytes() -> (Url, mpsc::UnboundedReceiver<(HeaderMap, Bytes)>) {
    let (seen, requests) = mpsc::unbounded_channel();
    let hook = move |headers: HeaderMap, body: Bytes| async move {
        seen.send((headers, body)).unwrap();
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let app = Router::new().route("/hook", post(hook));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url.parse().unwrap(), requests)
}

/// As a receiver checks it, who has the secret, the headers and the bytes, and nothing of ours.
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
async fn a_signature_holds_for_the_very_bytes_that_arrive_and_for_no_others() {
    // Given a receiver that shares a secret with us,
    let (url, mut seen) = receiver_of_bytes().await;
    let config = NotifyConfig {
        webhook: Some(url),
        webhook_secret: Some("s3cret".to_owned().into()),
        ..NotifyConfig::default()
    };
    // when it is told something that JSON can write in more than one way,
    let notice = notice("4×H100 \"left\" </b>\u{7}\n\u{1f4b8}", 0);
    let http = HttpClient::new();
    deliver(&http, &config, Channel::Webhook, &notice)
        .await
        .unwrap();
    // then the signature is right for what came,
    let (mut headers, body) = seen.try_recv().expect("a notice");
    assert!(is_signed("s3cret", &headers, &body));
    assert!(!is_signed("another", &headers, &body));
    // and wrong as soon as one byte of it is another,
    for at in 0..body.len() {
        let mut forged = body.to_vec();
        forged[at] ^= 1;
        assert!(!is_signed("s3cret", &headers, &forged), "byte {at}");
    }
    // or the time: an old one cannot be sent again as new.
    headers.insert("x-pocpit-timestamp", "1".parse().unwrap());
    assert!(!is_signed("s3cret", &headers, &body));
}

#[tokio::test]
async fn a_failing_webhook_is_tried_again_in_order() {
    let (config, mut seen) = receiver(&[500, 429]).await;
    let notifier = Notifier::with_pacing(HttpClient::new(), &config, None, FAST);
    notifier.notify(&notice("a", 0));
    notifier.notify(&notice("b", 0));
    notifier.close(PATIENCE).await;
    assert_eq!(titles(&mut seen), ["a", "a", "a", "b"]);
}

#[tokio::test]
async fn a_dead_webhook_is_given_up_and_counted() {
    let (config, mut seen) = receiver(&[500, 500, 500]).await;
    let notifier = Notifier::with_pacing(HttpClient::new(), &config, None, FAST);
    let lost = Arc::clone(&notifier.lost);
    notifier.notify(&notice("a", 0));
    notifier.close(PATIENCE).await;
    assert_eq!(titles(&mut seen), ["a", "a", "a"]);
    assert_eq!(lost.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_webhook_that_refuses_is_not_asked_again() {
    let (config, mut seen) = receiver(&[401]).await;
    let notifier = Notifier::with_pacing(HttpClient::new(), &config, None, FAST);
    notifier.notify(&notice("a", 0));
    notifier.close(PATIENCE).await;
    assert_eq!(titles(&mut seen), ["a"]);
}

#[tokio::test]
async fn an_alert_that_stays_is_told_once_in_half_an_hour() {
    let (config, mut seen) = receiver(&[]).await;
    let notifier = Notifier::new(HttpClient::new(), &config, None);
    for minute in [0, 5, 29, -3, 31] {
        notifier.notify(&notice("a", minute));
    }
    notifier.notify(&notice("b", 31));
    notifier.close(PATIENCE).await;
    assert_eq!(titles(&mut seen), ["a", "a", "b"]);
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_instead_of_waiting() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let config = NotifyConfig {
        webhook: Some(url.parse().unwrap()),
        ..NotifyConfig::default()
    };
    let notifier = Notifier::new(HttpClient::new(), &config, None);
    // Nothing is awaited here, so the delivery cannot take one off the queue.
    for number in 0..QUEUE + 3 {
        notifier.notify(&notice(&number.to_string(), 0));
    }
    assert_eq!(notifier.lost(), 3);
}

#[tokio::test]
async fn without_a_webhook_nothing_happens() {
    let config = NotifyConfig::default();
    let notifier = Notifier::new(HttpClient::new(), &config, None);
    notifier.notify(&notice("a", 0));
    assert_eq!(notifier.lost(), 0);
    notifier.close(PATIENCE).await;
}

#[tokio::test]
async fn what_was_not_delivered_is_delivered_by_the_next_start_and_then_never_again() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("outbox.json");
    // Given a webhook that is away all the time,
    let (config, mut seen) = receiver(&[503; 100]).await;
    let patient = Pacing { tries: 99, ..FAST };
    let start = |config: &NotifyConfig| {
        Notifier::with_pacing(HttpClient::new(), config, Some(file.clone()), patient)
    };
    let notifier = start(&config);
    notifier.notify(&notice("rental left", 0));
    notifier.close(Duration::from_millis(50)).await;
    assert!(notifier.lost() == 0 && !titles(&mut seen).is_empty());
    // when the next run has one that is there,
    let (config, mut seen) = receiver(&[]).await;
    start(&config).close(PATIENCE).await;
    assert_eq!(titles(&mut seen), ["rental left"]);
    // then a third one has nothing to tell.
    start(&config).close(PATIENCE).await;
    assert!(titles(&mut seen).is_empty());
}

#[tokio::test]
async fn a_channel_that_is_away_holds_no_other_one_up() {
    let scratch = tempfile::tempdir().unwrap();
    let told = scratch.path().join("told");
    let (mut config, mut seen) = receiver(&[503; 100]).await;
    let script = format!("echo \"$POCPIT_TITLE\" >> {}", told.display());
    config.command = vec!["sh".into(), "-c".into(), script];
    let pacing = Pacing { tries: 3, ..FAST };
    let notifier = Notifier::with_pacing(HttpClient::new(), &config, None, pacing);
    notifier.notify(&notice("a", 0));
    notifier.notify(&notice("b", 0));
    notifier.close(PATIENCE).await;
    assert_eq!(std::fs::read_to_string(told).unwrap(), "a\nb\n");
    assert_eq!(titles(&mut seen), ["a", "a", "a", "b", "b", "b"]);
    assert_eq!(notifier.lost(), 2, "both, by the webhook alone");
}

#[tokio::test]
async fn what_goes_wrong_is_told_without_the_address_that_is_a_password() {
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
        let told = deliver(&HttpClient::new(), &config, channel, &notice("a", 0)).await;
        let error = told.unwrap_err();
        assert_eq!(error.again, Again::Never, "{error}");
        assert!(
            error.why.contains("404") && !error.why.contains("secret"),
            "{error}"
        );
        assert!(error.remedy.contains("notify."), "{error:?}");
    }
}
