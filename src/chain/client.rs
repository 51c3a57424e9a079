//! Reads the chain over its public API and its RPC. A poll of all sources requests each of them;
//! everything else fails over in the operator's order, starting with the source that answered last.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use futures_util::stream::{BoxStream, StreamExt};
use serde::de::DeserializeOwned;
use url::Url;

use super::{subscription, wire};
use crate::config::ChainConfig;
use crate::domain::{
    BlockHeader, CallError, CallErrorKind, ChainSource, EpochIndex, EpochView, Governance, Height,
    NodeId, Participant, ReportedHead, SourceKind, SourceReport, SyncState,
};
use crate::http::{HttpClient, HttpRequest, join};
use crate::ports::{Chain, ConfirmedWeight, SourceSelection, WeightReading};

/// Timeout of one request to a chain source (real time).
const TIMEOUT: Duration = Duration::from_secs(8);
const TRIES: u32 = 2;
const EPOCH_PATH: &str = "v1/epochs/latest";

#[derive(Debug)]
pub struct ChainClient {
    http: HttpClient,
    public_api: SourceUrls,
    rpc: SourceUrls,
    rest: SourceUrls,
}

#[derive(Debug)]
struct SourceUrls {
    urls: Vec<Url>,
    /// Index of the source that answered last.
    preferred: AtomicUsize,
}

impl SourceUrls {
    fn new(urls: &[Url]) -> SourceUrls {
        SourceUrls {
            urls: urls.to_vec(),
            preferred: AtomicUsize::new(0),
        }
    }

    fn by_preference(&self) -> impl Iterator<Item = (usize, &Url)> {
        let count = self.urls.len();
        let first = self.preferred.load(Ordering::Relaxed);
        (0..count)
            .map(move |step| (first + step) % count)
            .map(|index| (index, &self.urls[index]))
    }
}

impl ChainClient {
    pub fn new(http: HttpClient, config: &ChainConfig) -> ChainClient {
        ChainClient {
            http,
            public_api: SourceUrls::new(&config.public_api),
            rpc: SourceUrls::new(&config.rpc),
            rest: SourceUrls::new(&config.rest),
        }
    }

    async fn get<T: DeserializeOwned>(
        &self,
        sources: &SourceUrls,
        what: &str,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, CallError> {
        let mut failures: Vec<CallError> = Vec::new();
        for (index, base) in sources.by_preference() {
            match self.request(base, what, path, query).await {
                Ok(value) => {
                    sources.preferred.store(index, Ordering::Relaxed);
                    return Ok(value);
                }
                Err(error) => failures.push(error),
            }
        }
        Err(combined(what, failures))
    }
}

impl ChainClient {
    async fn request<T: DeserializeOwned>(
        &self,
        base: &Url,
        what: &str,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, CallError> {
        let what = format!("{what} from {}", base.host_str().unwrap_or("the chain"));
        let mut request = HttpRequest::get(what.clone(), join(base, path))
            .timeout(TIMEOUT)
            .tries(TRIES);
        for (key, value) in query {
            request = request.query(*key, value.clone());
        }
        let reply = self.http.send(request).await?;
        reply.json(&what)
    }

    async fn query_public_api(&self, base: &Url) -> SourceReport {
        let latest: Result<wire::Latest, CallError> =
            self.request(base, "read the epoch", EPOCH_PATH, &[]).await;
        let head = latest.map(|latest| {
            let view = EpochView::from(latest);
            ReportedHead {
                height: view.height,
                block_time: None,
                sync: SyncState::Synced,
                view: Some(view),
            }
        });
        SourceReport {
            source: source_of(SourceKind::PublicApi, base),
            head,
        }
    }

    async fn query_rpc(&self, base: &Url) -> SourceReport {
        let status: Result<wire::Status, CallError> = self
            .request(base, "read the chain's status", "status", &[])
            .await;
        let head = status.map(|status| {
            let sync = status.result.sync_info;
            ReportedHead {
                height: Height(sync.latest_block_height),
                block_time: Some(sync.latest_block_time),
                sync: if sync.catching_up {
                    SyncState::CatchingUp
                } else {
                    SyncState::Synced
                },
                view: None,
            }
        });
        SourceReport {
            source: source_of(SourceKind::Rpc, base),
            head,
        }
    }
}

/// Host and explicit port of a source. Never its password.
fn source_of(kind: SourceKind, base: &Url) -> ChainSource {
    let host = base.host_str().unwrap_or("?");
    let name = base
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    ChainSource { kind, name }
}

/// Merges the errors of all sources: the first gives the kind, the detail lists all.
fn combined(what: &str, mut failures: Vec<CallError>) -> CallError {
    match failures.len() {
        0 => CallError {
            what: what.to_owned(),
            kind: CallErrorKind::NotSent,
            status: None,
            detail: "no source is configured".to_owned(),
        },
        1 => failures.remove(0),
        _ => {
            let details: Vec<String> = failures.iter().map(ToString::to_string).collect();
            let first = failures.remove(0);
            CallError {
                what: format!("{what} from every source"),
                detail: details.join("; "),
                ..first
            }
        }
    }
}

#[async_trait]
impl Chain for ChainClient {
    fn announced(&self) -> BoxStream<'static, SourceReport> {
        let listening = self.rpc.urls.iter().map(|base| {
            let source = source_of(SourceKind::Rpc, base);
            subscription::subscribe(self.http.clone(), source, join(base, "websocket"))
        });
        futures_util::stream::select_all(listening).boxed()
    }

    async fn query_sources(&self, sources: SourceSelection) -> Vec<SourceReport> {
        if sources == SourceSelection::All {
            let public = self
                .public_api
                .urls
                .iter()
                .map(|base| self.query_public_api(base));
            let rpc = self.rpc.urls.iter().map(|base| self.query_rpc(base));
            let (mut public, rpc) = tokio::join!(join_all(public), join_all(rpc));
            public.extend(rpc);
            return public;
        }
        let mut reports = Vec::new();
        for (index, base) in self.public_api.by_preference() {
            let report = self.query_public_api(base).await;
            let answered = report.head.is_ok();
            reports.push(report);
            if answered {
                self.public_api.preferred.store(index, Ordering::Relaxed);
                break;
            }
        }
        reports
    }

    async fn epoch(&self) -> Result<EpochView, CallError> {
        let latest: wire::Latest = self
            .get(&self.public_api, "read the epoch", EPOCH_PATH, &[])
            .await?;
        Ok(latest.into())
    }

    async fn header(&self, height: Option<Height>) -> Result<BlockHeader, CallError> {
        let Some(height) = height else {
            let status: wire::Status = self
                .get(&self.rpc, "read the chain's status", "status", &[])
                .await?;
            let sync = status.result.sync_info;
            if sync.catching_up {
                return Err(CallError {
                    what: "read the chain's status".to_owned(),
                    kind: CallErrorKind::Malformed,
                    status: None,
                    detail: "the node is catching up: its height is outdated".to_owned(),
                });
            }
            return Ok(BlockHeader {
                height: Height(sync.latest_block_height),
                time: sync.latest_block_time,
            });
        };
        let query = [("height", height.to_string())];
        let block: wire::Block = self.get(&self.rpc, "read a block", "block", &query).await?;
        let header = block.result.block.header;
        Ok(BlockHeader {
            height: Height(header.height),
            time: header.time,
        })
    }

    async fn weight(
        &self,
        participant: &Participant,
        node: &NodeId,
    ) -> Result<WeightReading, CallError> {
        let list: wire::Participants = self
            .get(
                &self.public_api,
                "read the weights",
                "v1/epochs/current/participants",
                &[],
            )
            .await?;
        let active = list.active_participants;
        let ours = active
            .participants
            .iter()
            .find(|listed| listed.index == participant.0);
        Ok(WeightReading {
            epoch: active.epoch_id.or(active.epoch_group_id).map(EpochIndex),
            participant: ours.map(wire::ActiveParticipant::weight),
            node: ours.and_then(|listed| listed.node_weight(&node.0)),
        })
    }

    async fn confirmed_weight(
        &self,
        participant: &Participant,
        epoch: EpochIndex,
    ) -> Result<Option<ConfirmedWeight>, CallError> {
        if self.rest.urls.is_empty() {
            return Ok(None);
        }
        let path = format!("productscience/inference/inference/epoch_group_data/{epoch}");
        let group: wire::EpochGroup = self
            .get(&self.rest, "read the confirmed weights", &path, &[])
            .await?;
        Ok(group.epoch_group_data.of(participant))
    }

    async fn governance(&self) -> Result<Option<Governance>, CallError> {
        if self.rest.urls.is_empty() {
            return Ok(None);
        }
        let path = "cosmos/upgrade/v1beta1/current_plan";
        let upgrade: wire::CurrentPlan = self
            .get(&self.rest, "read the planned upgrade", path, &[])
            .await?;
        let path = "productscience/inference/inference/params";
        let params: wire::ModuleParams = self
            .get(&self.rest, "read the chain's parameters", path, &[])
            .await?;
        Ok(Some(Governance {
            upgrade: upgrade.plan.map(Into::into),
            confirmation: params.params.confirmation_poc_params.into(),
        }))
    }

    async fn approved_models(&self) -> Result<Vec<String>, CallError> {
        let list: wire::ApprovedModels = self
            .get(
                &self.public_api,
                "read the approved models",
                "v1/governance/models",
                &[],
            )
            .await?;
        Ok(list.models.into_iter().map(|model| model.id).collect())
    }

    async fn is_participant(&self, participant: &Participant) -> Result<bool, CallError> {
        let path = format!("v1/participants/{participant}");
        let found: Result<serde_json::Value, CallError> = self
            .get(&self.public_api, "look up the participant", &path, &[])
            .await;
        match found {
            Ok(_) => Ok(true),
            Err(error) if error.kind == CallErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Json;
    use axum::Router;
    use axum::extract::Query;
    use axum::http::StatusCode;
    use axum::routing::get;
    use serde_json::json;

    use super::super::wire::tests::mainnet_json;
    use super::*;

    async fn serve(router: Router) -> Url {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn client(public_api: Vec<Url>, rpc: Vec<Url>) -> ChainClient {
        let config = ChainConfig {
            public_api,
            rpc,
            rest: Vec::new(),
            participant: Participant("gonka1abc".into()),
            poll: crate::domain::Duration::seconds(5),
        };
        ChainClient::new(HttpClient::new(), &config)
    }

    fn healthy() -> Router {
        Router::new()
            .route("/v1/epochs/latest", get(|| async { Json(mainnet_json()) }))
            .route(
                "/status",
                get(|| async {
                    Json(json!({ "result": { "sync_info": {
                        "latest_block_height": "5536201",
                        "latest_block_time": "2026-08-12T20:24:11.123456789Z",
                        "catching_up": false
                    } } }))
                }),
            )
            .route(
                "/block",
                get(
                    |Query(query): Query<std::collections::HashMap<String, String>>| async move {
                        Json(json!({ "result": { "block": { "header": {
                        "height": query["height"], "time": "2026-08-12T15:00:00Z"
                    } } } }))
                    },
                ),
            )
    }

    #[tokio::test]
    async fn epoch_and_headers_are_parsed() {
        let url = serve(healthy()).await;
        let client = client(vec![url.clone()], vec![url]);
        assert_eq!(client.epoch().await.unwrap().height, Height(5_536_201));
        assert_eq!(client.header(None).await.unwrap().height, Height(5_536_201));
        assert_eq!(
            client.header(Some(Height(5_533_201))).await.unwrap().height,
            Height(5_533_201)
        );
    }

    #[tokio::test]
    async fn failed_source_falls_back_to_next() {
        let broken = Router::new()
            .fallback(|| async { (StatusCode::BAD_GATEWAY, "<html>bad gateway</html>") });
        let client = client(vec![serve(broken).await, serve(healthy()).await], vec![]);
        assert!(client.epoch().await.is_ok());
        assert_eq!(client.public_api.preferred.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn querying_all_sources_reports_each() {
        let broken = Router::new()
            .fallback(|| async { (StatusCode::BAD_GATEWAY, "<html>bad gateway</html>") });
        let (good, bad) = (serve(healthy()).await, serve(broken).await);
        let client = client(vec![bad.clone(), good.clone()], vec![good, bad]);
        let reports = client.query_sources(SourceSelection::All).await;
        let answered: Vec<(SourceKind, bool)> = reports
            .iter()
            .map(|report| (report.source.kind, report.head.is_ok()))
            .collect();
        let (api, rpc) = (SourceKind::PublicApi, SourceKind::Rpc);
        assert_eq!(
            answered,
            [(api, false), (api, true), (rpc, true), (rpc, false)]
        );
        // A poll of the preferred source falls back to the next and reports the failure.
        let reports = client.query_sources(SourceSelection::Preferred).await;
        assert_eq!(reports.len(), 2);
        assert_eq!(
            client.query_sources(SourceSelection::Preferred).await.len(),
            1
        );
    }

    fn lagging() -> Router {
        Router::new().route(
            "/status",
            get(|| async {
                Json(json!({ "result": { "sync_info": {
                    "latest_block_height": "5", "latest_block_time": "2026-08-12T20:24:11Z", "catching_up": true
                } } }))
            }),
        )
    }

    #[tokio::test]
    async fn syncing_node_reports_catching_up() {
        let client = client(vec![], vec![serve(lagging()).await]);
        let reports = client.query_sources(SourceSelection::All).await;
        let head = reports[0].head.as_ref().unwrap();
        assert_eq!((head.height, head.sync), (Height(5), SyncState::CatchingUp));
    }

    #[tokio::test]
    async fn unknown_participant_is_not_an_error() {
        let missing = Router::new().fallback(|| async {
            (
                StatusCode::NOT_FOUND,
                Json(json!({ "error": "participant not found" })),
            )
        });
        let client = client(vec![serve(missing).await], vec![]);
        assert!(
            !client
                .is_participant(&Participant("gonka1abc".into()))
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn syncing_node_gives_no_header() {
        let client = client(vec![], vec![serve(lagging()).await]);
        assert!(
            client
                .header(None)
                .await
                .unwrap_err()
                .detail
                .contains("catching up")
        );
    }
}
