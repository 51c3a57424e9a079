//! Reads the chain over its public API and its RPC. A poll of all sources requests each of them;
//! everything else fails over in the operator's order, starting with the source that answered last.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use futures_util::stream::{BoxStream, StreamExt};
use url::Url;

use super::{subscription, wire};
use crate::config::ChainConfig;
use crate::domain::{
    BlockHeader, CallError, CallErrorKind, ChainSource, EpochIndex, EpochView, Governance,
    GovernanceModel, Height, NodeId, Participant, ReportedHead, RewardRules, SourceKind,
    SourceReport, SyncState, Time,
};
use crate::http::json::Fields;
use crate::http::{HttpClient, HttpRequest, join};
use crate::ports::{Chain, ConfirmedWeight, SourceSelection, StoredBlocks, WeightReading};

/// Timeout of one request to a chain source (real time).
const TIMEOUT: Duration = Duration::from_secs(8);
const TRIES: u32 = 2;
const EPOCH_PATH: &str = "v1/epochs/latest";
/// The upgrade that brings the `PoC` Challenge.
const CHALLENGES_SINCE: &str = "v0.2.16";
const READ_EPOCH: &str = "read the epoch";
/// What the server replies for a path that it does not have; a missing record is "not found".
const UNROUTED: &str = "Not Found";
const READ_STATUS: &str = "read the chain's status";
pub(super) const READ_PARAMS: &str = "read the chain's parameters";
/// The inference module's paths in the REST API.
pub(super) const MODULE: &str = "productscience/inference/inference";

#[derive(Debug)]
pub struct ChainClient {
    http: HttpClient,
    public_api: SourceUrls,
    rpc: SourceUrls,
    pub(super) rest: SourceUrls,
    /// The last complete reading.
    pub(super) rules: Mutex<Option<RulesRead>>,
}

#[derive(Debug, Clone)]
pub(super) struct RulesRead {
    pub at: Time,
    pub rules: RewardRules,
}

#[derive(Debug)]
pub(super) struct SourceUrls {
    pub(super) urls: Vec<Url>,
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
            rules: Mutex::new(None),
        }
    }

    async fn get<T>(
        &self,
        sources: &SourceUrls,
        what: &str,
        path: &str,
        parse: impl Fn(Fields<'_>) -> Result<T, String>,
    ) -> Result<T, CallError> {
        let (_, value) = self.get_with_source(sources, what, path, parse).await?;
        Ok(value)
    }

    /// The value, with the source that it came from.
    pub(super) async fn get_with_source<'a, T>(
        &self,
        sources: &'a SourceUrls,
        what: &str,
        path: &str,
        parse: impl Fn(Fields<'_>) -> Result<T, String>,
    ) -> Result<(&'a Url, T), CallError> {
        let mut failures: Vec<CallError> = Vec::new();
        for (index, base) in sources.by_preference() {
            match self.request(base, what, path, &parse).await {
                Ok(value) => {
                    sources.preferred.store(index, Ordering::Relaxed);
                    return Ok((base, value));
                }
                Err(error) => failures.push(error),
            }
        }
        Err(combined(what, failures))
    }

    pub(super) async fn request<T>(
        &self,
        base: &Url,
        what: &str,
        path: &str,
        parse: impl Fn(Fields<'_>) -> Result<T, String>,
    ) -> Result<T, CallError> {
        let what = format!("{what} from {}", base.host_str().unwrap_or("the chain"));
        let request = HttpRequest::get(what.clone(), join(base, path));
        let request = request.timeout(TIMEOUT).tries(TRIES);
        self.http.send(request).await?.parse(&what, parse)
    }

    async fn query_public_api(&self, base: &Url) -> SourceReport {
        let view = self.request(base, READ_EPOCH, EPOCH_PATH, wire::epoch_view);
        SourceReport {
            source: source_of(SourceKind::PublicApi, base),
            head: view.await.map(|view| ReportedHead {
                height: view.height,
                block_time: None,
                sync: SyncState::Synced,
                view: Some(view),
            }),
        }
    }

    async fn query_rpc(&self, base: &Url) -> SourceReport {
        let status = self.request(base, READ_STATUS, "status", wire::status);
        let status = status.await.map_err(Service::Rpc.absent());
        SourceReport {
            source: source_of(SourceKind::Rpc, base),
            head: status.map(|status| ReportedHead {
                height: status.latest.height,
                block_time: Some(status.latest.time),
                sync: status.sync,
                view: None,
            }),
        }
    }
}

/// A service of a chain node that its proxy may not serve: `/chain-rpc/` and `/chain-api/` are off by
/// default (gonka v0.2.14 deploy/join/docker-compose.yml, `DISABLE_CHAIN_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Rpc,
    Rest,
}

impl Service {
    /// What "not found" means for a path that every such service has.
    pub(super) fn absent(self) -> impl Fn(CallError) -> CallError {
        let detail = match self {
            Service::Rpc => {
                "a Network Node's proxy does not serve the chain's RPC by default; set chain.rpc to port 26657 of the chain node or of another host, or leave it empty"
            }
            Service::Rest => {
                "a Network Node's proxy does not serve the chain's REST API by default; set chain.rest to port 1317 of the chain node or of another host, or leave it empty"
            }
        };
        move |error| match error.kind {
            CallErrorKind::NotFound => CallError {
                kind: CallErrorKind::NotServed,
                detail: detail.to_owned(),
                ..error
            },
            _ => error,
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
        0 => CallError::new(what, CallErrorKind::NotSent, "no source is configured"),
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
            let public = self.public_api.urls.iter();
            let public = public.map(|base| self.query_public_api(base));
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
        self.get(&self.public_api, READ_EPOCH, EPOCH_PATH, wire::epoch_view)
            .await
    }

    async fn stored_blocks(&self) -> Result<StoredBlocks, CallError> {
        let status = self.get(&self.rpc, READ_STATUS, "status", wire::status);
        let status = status.await.map_err(Service::Rpc.absent())?;
        match status.sync {
            SyncState::Synced => Ok(StoredBlocks {
                earliest: status.earliest,
                latest: status.latest,
            }),
            SyncState::CatchingUp => Err(CallError::new(
                READ_STATUS,
                CallErrorKind::Malformed,
                "the node is catching up: its height is outdated",
            )),
        }
    }

    async fn header(&self, height: Height) -> Result<BlockHeader, CallError> {
        let path = format!("block?height={height}");
        let header = self.get(&self.rpc, "read a block", &path, wire::block);
        header.await.map_err(Service::Rpc.absent())
    }

    async fn weight(
        &self,
        participant: &Participant,
        node: &NodeId,
    ) -> Result<WeightReading, CallError> {
        let path = "v1/epochs/current/participants";
        let parse = |reply: Fields<'_>| wire::weight(reply, participant, node);
        self.get(&self.public_api, "read the weights", path, parse)
            .await
    }

    async fn confirmed_weight(
        &self,
        participant: &Participant,
        epoch: EpochIndex,
    ) -> Result<Option<ConfirmedWeight>, CallError> {
        if self.rest.urls.is_empty() {
            return Ok(None);
        }
        let path = format!("{MODULE}/epoch_group_data/{epoch}");
        let parse = |reply: Fields<'_>| wire::confirmed_weight(reply, participant);
        self.get(&self.rest, "read the confirmed weights", &path, parse)
            .await
    }

    async fn governance(&self) -> Result<Option<Governance>, CallError> {
        if self.rest.urls.is_empty() {
            return Ok(None);
        }
        let path = "cosmos/upgrade/v1beta1/current_plan";
        let upgrade = self.get(&self.rest, "read the planned upgrade", path, wire::upgrade);
        let upgrade = upgrade.await.map_err(Service::Rest.absent())?;
        // Where this cannot be read, the risk of a challenge is unknown.
        let path = format!("cosmos/upgrade/v1beta1/applied_plan/{CHALLENGES_SINCE}");
        let what = "read the applied upgrade";
        let challenges = self
            .get(&self.rest, what, &path, wire::challenge_rule)
            .await;
        let path = format!("{MODULE}/params");
        let parse = wire::confirmation_params;
        let confirmation = self.get(&self.rest, READ_PARAMS, &path, parse).await;
        Ok(Some(Governance {
            upgrade,
            challenges: challenges.unwrap_or_default(),
            confirmation: confirmation.map_err(Service::Rest.absent())?,
        }))
    }

    async fn approved_models(&self) -> Result<Vec<GovernanceModel>, CallError> {
        let (what, path) = ("read the approved models", "v1/governance/models");
        self.get(&self.public_api, what, path, wire::approved_models)
            .await
    }

    /// Version 2 of the path is the participant; version 1 is the account, which everybody who ever signed
    /// something has (gonka v0.2.14 decentralized-api/internal/server/public/get_participants_handler.go).
    async fn is_participant(&self, participant: &Participant) -> Result<bool, CallError> {
        let path = format!("v2/participants/{participant}");
        let found = self.get(&self.public_api, "look up the participant", &path, |_| {
            Ok(())
        });
        match found.await {
            Ok(()) => Ok(true),
            Err(error) if error.detail == UNROUTED => Err(error),
            Err(error) if error.kind == CallErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn reward_rules(&self, participant: &Participant, now: Time) -> RewardRules {
        self.cached_reward_rules(participant, now).await
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

    use super::super::sources::ChainSources;
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

    fn broken() -> Router {
        Router::new().fallback(|| async { (StatusCode::BAD_GATEWAY, "<html>bad gateway</html>") })
    }

    #[tokio::test]
    async fn epoch_and_headers_are_parsed() {
        let url = serve(healthy()).await;
        let client = client(vec![url.clone()], vec![url]);
        assert_eq!(client.epoch().await.unwrap().height, Height(5_536_201));
        assert_eq!(
            client.stored_blocks().await.unwrap().latest.height,
            Height(5_536_201)
        );
        let height = Height(5_533_201);
        let header = client.header(height).await.unwrap();
        assert_eq!(header.height, height);
    }

    #[tokio::test]
    async fn failed_source_falls_back_to_next() {
        let client = client(vec![serve(broken()).await, serve(healthy()).await], vec![]);
        assert!(client.epoch().await.is_ok());
        assert_eq!(client.public_api.preferred.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn querying_all_sources_reports_each() {
        let (good, bad) = (serve(healthy()).await, serve(broken()).await);
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
        for expected in [2, 1] {
            let reports = client.query_sources(SourceSelection::Preferred).await;
            assert_eq!(reports.len(), expected);
        }
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
    async fn unserved_chain_api_is_not_an_error() {
        // Given a proxy that answers 404 below `/chain-rpc/` and `/chain-api/`, as by default.
        let proxy = Router::new()
            .route(
                "/api/v1/epochs/latest",
                get(|| async { Json(mainnet_json()) }),
            )
            .fallback(|| async { (StatusCode::NOT_FOUND, "<html>404 Not Found</html>") });
        let url = serve(proxy).await;
        let mut client = client(vec![join(&url, "api/")], vec![join(&url, "chain-rpc/")]);
        client.rest = SourceUrls::new(&[join(&url, "chain-api/")]);

        // When it is asked, then each refusal is "not served", with the port that serves it.
        let reports = client.query_sources(SourceSelection::All).await;
        let rpc = reports[1].head.clone().unwrap_err();
        let now = crate::domain::Time::from_timestamp(1_790_000_000, 0).unwrap();
        let ours = Participant("gonka1abc".into());
        let rules = client.reward_rules(&ours, now).await;
        for (error, port) in [
            (rpc, "26657"),
            (client.stored_blocks().await.unwrap_err(), "26657"),
            (client.header(Height(5)).await.unwrap_err(), "26657"),
            (client.governance().await.unwrap_err(), "1317"),
            (rules.models.unwrap_err(), "1317"),
        ] {
            assert_eq!(error.kind, CallErrorKind::NotServed, "{error}");
            assert!(
                error.detail.contains(port) && !error.is_passing(),
                "{error}"
            );
        }

        // And it neither counts as unhealthy nor keeps the epoch from being read.
        let mut sources = ChainSources::default();
        sources.anchor(now, Height(5_536_200));
        assert!(sources.observe(now, reports).is_ok());
        assert!(!sources.has_unhealthy_source());
        let status = &sources.statuses()[1];
        assert!(
            matches!(status.health, crate::domain::SourceHealth::NotServed(_)),
            "{status:?}"
        );
    }

    #[tokio::test]
    async fn young_chain_has_no_participants() {
        // Given epoch 0: gonka v0.2.14 says so with a status of 400.
        let young = Router::new().fallback(|| async {
            (
                StatusCode::BAD_REQUEST,
                Json(json!({ "error": "Epoch enumeration starts with 1" })),
            )
        });
        let client = client(vec![serve(young).await], vec![]);
        let (ours, node) = (Participant("gonka1abc".into()), NodeId("vast-1".into()));
        let error = client.weight(&ours, &node).await.unwrap_err();
        assert_eq!(
            (error.kind, error.status),
            (CallErrorKind::Refused, Some(400))
        );
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
        let unknown = Participant("gonka1abc".into());
        assert_eq!(client.is_participant(&unknown).await, Ok(false));
    }

    #[tokio::test]
    async fn syncing_node_gives_no_header() {
        let client = client(vec![], vec![serve(lagging()).await]);
        let error = client.stored_blocks().await.unwrap_err();
        assert!(error.detail.contains("catching up"), "{error}");
    }
}
