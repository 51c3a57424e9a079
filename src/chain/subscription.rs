//! New blocks, from a subscription to the WebSocket of a node's RPC. An announced block decides
//! nothing by itself: it corroborates other sources and triggers a poll.

use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::time::{sleep, timeout};
use url::Url;

use super::wire::announcement;
use crate::domain::{BlockHeader, ChainSource, ReportedHead, SourceReport, SyncState};
use crate::http::json::Fields;
use crate::http::{HttpClient, Messages};

/// Headers only: a block carries every transaction.
const SUBSCRIBE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"query":"tm.event='NewBlockHeader'"}}"#;
/// A connection that is silent for this long is closed (real time).
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
const INITIAL_BACKOFF: Duration = Duration::from_secs(5);
/// Many operators' proxies do not forward a `WebSocket`, so retries become rare.
const MAX_BACKOFF: Duration = Duration::from_mins(10);

/// Blocks that one source announces. Reconnects for as long as the stream is polled.
pub(super) fn subscribe(
    http: HttpClient,
    source: ChainSource,
    url: Url,
) -> BoxStream<'static, SourceReport> {
    let subscriber = Subscriber {
        http,
        source,
        url,
        messages: None,
        backoff: INITIAL_BACKOFF,
    };
    let reports = stream::unfold(subscriber, |mut subscriber| async move {
        let report = subscriber.next().await;
        Some((report, subscriber))
    });
    reports.boxed()
}

struct Subscriber {
    http: HttpClient,
    source: ChainSource,
    url: Url,
    messages: Option<Messages>,
    backoff: Duration,
}

impl Subscriber {
    async fn next(&mut self) -> SourceReport {
        loop {
            let Some(messages) = &mut self.messages else {
                self.connect().await;
                continue;
            };
            let why = match timeout(IDLE_TIMEOUT, messages.next()).await {
                Ok(Some(Ok(text))) => match header(&text) {
                    Ok(Some(header)) => {
                        self.backoff = INITIAL_BACKOFF;
                        return self.report(header);
                    }
                    Ok(None) => continue,
                    Err(why) => why,
                },
                Ok(Some(Err(error))) => error.to_string(),
                Ok(None) => "the node closed the connection".to_owned(),
                Err(_) => "no message for 90 s".to_owned(),
            };
            self.messages = None;
            self.back_off(&why).await;
        }
    }

    async fn connect(&mut self) {
        match self.http.messages(&self.url, SUBSCRIBE).await {
            Ok(messages) => self.messages = Some(messages),
            Err(error) => self.back_off(&error.to_string()).await,
        }
    }

    /// Not an alert: the source is polled anyway.
    async fn back_off(&mut self, why: &str) {
        tracing::debug!(source = %self.source, "no block subscription: {why}");
        sleep(self.backoff).await;
        self.backoff = (self.backoff * 2).min(MAX_BACKOFF);
    }

    fn report(&self, header: BlockHeader) -> SourceReport {
        SourceReport {
            source: self.source.clone(),
            head: Ok(ReportedHead {
                height: header.height,
                block_time: Some(header.time),
                sync: SyncState::Synced,
                view: None,
            }),
        }
    }
}

fn header(text: &str) -> Result<Option<BlockHeader>, String> {
    let message = serde_json::from_str(text).ok();
    let header = message.and_then(|message| announcement(Fields(&message)).ok());
    header.ok_or_else(|| "the message is not a block event".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;

    use super::*;
    use crate::domain::{Height, SourceKind};
    use crate::http::{Answer, HttpRequest, Transport, TransportError};

    /// Connections to come, each with its messages until it closes; `None` is refused.
    #[derive(Default)]
    struct ScriptedTransport {
        connections: Mutex<VecDeque<Option<Vec<String>>>>,
        requests: Mutex<Vec<String>>,
    }

    #[async_trait]
    impl Transport for ScriptedTransport {
        async fn exchange(&self, _: &HttpRequest) -> Result<Answer, TransportError> {
            Err(TransportError::NotSent("no requests in this test".into()))
        }

        async fn messages(&self, url: &Url, first: &str) -> Result<Messages, TransportError> {
            self.requests.lock().unwrap().push(format!("{url} {first}"));
            let connection = self.connections.lock().unwrap().pop_front();
            match connection {
                Some(Some(texts)) => Ok(stream::iter(texts.into_iter().map(Ok)).boxed()),
                Some(None) => Err(TransportError::NotSent("connection refused".into())),
                // An open but silent connection.
                None => Ok(stream::pending().boxed()),
            }
        }
    }

    fn accepted() -> String {
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned()
    }

    fn block(height: u64) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"query":"tm.event='NewBlockHeader'","data":{{"type":"tendermint/event/NewBlockHeader","value":{{"header":{{"chain_id":"gonka-mainnet","height":"{height}","time":"2026-11-25T03:00:00.123456789Z"}}}}}}}}}}"#
        )
    }

    fn subscription(script: &Arc<ScriptedTransport>) -> BoxStream<'static, SourceReport> {
        let source = ChainSource {
            kind: SourceKind::Rpc,
            name: "node".into(),
        };
        let url = "http://node:26657/websocket".parse().unwrap();
        subscribe(HttpClient::over(script.clone()), source, url)
    }

    #[tokio::test(start_paused = true)]
    async fn subscription_reconnects_after_failures() {
        let script = Arc::new(ScriptedTransport::default());
        *script.connections.lock().unwrap() = [
            None,
            Some(vec![accepted(), block(100), block(101)]),
            Some(vec![accepted(), "<html>".into(), block(102)]),
            None,
            Some(vec![accepted(), block(103)]),
        ]
        .into();
        let reports: Vec<SourceReport> = subscription(&script).take(3).collect().await;
        let heights: Vec<Height> = reports
            .iter()
            .map(|report| report.head.as_ref().unwrap().height)
            .collect();
        assert_eq!(heights, [100, 101, 103].map(Height));
        let time = reports[0].head.as_ref().unwrap().block_time.unwrap();
        assert_eq!(time.to_rfc3339(), "2026-11-25T03:00:00.123456789+00:00");
        let requests = script.requests.lock().unwrap().clone();
        let wanted = format!("http://node:26657/websocket {SUBSCRIBE}");
        assert_eq!(requests, vec![wanted; 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connection_is_retried_with_backoff() {
        let script = Arc::new(ScriptedTransport::default());
        let hour = Duration::from_secs(3600);
        let report = timeout(hour, subscription(&script).next()).await;
        assert!(report.is_err(), "{report:?}");
        let tries = script.requests.lock().unwrap().len();
        assert!((8..=15).contains(&tries), "{tries} tries in an hour");
    }
}
