//! Blocks as a node announces them: a subscription at the WebSocket of its RPC. What is announced
//! decides nothing by itself; it is one more witness, and tells when to look.

use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::time::{sleep, timeout};
use url::Url;

use super::wire::Announcement;
use crate::domain::{BlockHeader, ChainSource, ReportedHead, SourceReport, SyncState};
use crate::http::{HttpClient, Messages};

/// Headers, not blocks: a block carries every transaction.
const SUBSCRIBE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"query":"tm.event='NewBlockHeader'"}}"#;
/// A connection over which nothing comes for so long is given up (real time).
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
const INITIAL_BACKOFF: Duration = Duration::from_secs(5);
/// Many operators' proxies pass no WebSocket on: then there is nothing to wait for.
const MAX_BACKOFF: Duration = Duration::from_mins(10);

/// What one source announces, over as many connections as it takes.
pub(super) fn subscribe(
    http: HttpClient,
    source: ChainSource,
    url: Url,
) -> BoxStream<'static, SourceReport> {
    let listener = Subscriber {
        http,
        source,
        url,
        messages: None,
        backoff: INITIAL_BACKOFF,
    };
    let reports = stream::unfold(listener, |mut listener| async move {
        let report = listener.next().await;
        Some((report, listener))
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
                Ok(None) => "it closed the connection".to_owned(),
                Err(_) => "nothing came for a while".to_owned(),
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

    /// That a source announces nothing is no fault: it is asked all the same.
    async fn back_off(&mut self, why: &str) {
        tracing::debug!(source = %self.source, "blocks are not announced: {why}");
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
    let announcement: Announcement = serde_json::from_str(text)
        .map_err(|_| "what it sends is no announcement of a block".to_owned())?;
    Ok(announcement.header())
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;

    use super::*;
    use crate::domain::{Height, SourceKind};
    use crate::http::{Answer, HttpRequest, Transport, TransportError};

    /// Connections to come, each with what it carries until it closes; none is one that is refused.
    #[derive(Default)]
    struct Script {
        connections: Mutex<VecDeque<Option<Vec<String>>>>,
        asked: Mutex<Vec<String>>,
    }

    #[async_trait]
    impl Transport for Script {
        async fn exchange(&self, _: &HttpRequest) -> Result<Answer, TransportError> {
            Err(TransportError::NotSent("not asked here".into()))
        }

        async fn messages(&self, url: &Url, first: &str) -> Result<Messages, TransportError> {
            self.asked.lock().unwrap().push(format!("{url} {first}"));
            let connection = self.connections.lock().unwrap().pop_front();
            match connection {
                Some(Some(texts)) => Ok(stream::iter(texts.into_iter().map(Ok)).boxed()),
                Some(None) => Err(TransportError::NotSent("connection refused".into())),
                // It stays open, and says nothing.
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

    fn listening(script: &Arc<Script>) -> BoxStream<'static, SourceReport> {
        let source = ChainSource {
            kind: SourceKind::Rpc,
            name: "node".into(),
        };
        let url = "http://node:26657/websocket".parse().unwrap();
        subscribe(HttpClient::over(script.clone()), source, url)
    }

    #[tokio::test(start_paused = true)]
    async fn blocks_are_heard_over_as_many_connections_as_it_takes() {
        let script = Arc::new(Script::default());
        *script.connections.lock().unwrap() = [
            None,
            Some(vec![accepted(), block(100), block(101)]),
            Some(vec![accepted(), "<html>".into(), block(102)]),
            None,
            Some(vec![accepted(), block(103)]),
        ]
        .into();
        let heard: Vec<SourceReport> = listening(&script).take(3).collect().await;
        let heights: Vec<Height> = heard
            .iter()
            .map(|report| report.head.as_ref().unwrap().height)
            .collect();
        assert_eq!(heights, [100, 101, 103].map(Height));
        let time = heard[0].head.as_ref().unwrap().block_time.unwrap();
        assert_eq!(time.to_rfc3339(), "2026-11-25T03:00:00.123456789+00:00");
        let asked = script.asked.lock().unwrap().clone();
        let wanted = format!("http://node:26657/websocket {SUBSCRIBE}");
        assert_eq!(asked, vec![wanted; 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_is_given_up_and_tried_more_and_more_rarely() {
        let script = Arc::new(Script::default());
        let hour = Duration::from_secs(3600);
        let heard = timeout(hour, listening(&script).next()).await;
        assert!(heard.is_err(), "{heard:?}");
        let tries = script.asked.lock().unwrap().len();
        assert!((8..=15).contains(&tries), "{tries} tries in an hour");
    }
}
