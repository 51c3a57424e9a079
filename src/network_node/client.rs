//! Client of the admin API, which has no authentication and is on a private network.

use async_trait::async_trait;
use serde_json::json;
use url::Url;

use super::{setup_wire, wire};
use crate::config::NetworkNodeConfig;
use crate::domain::{
    ApiRelease, CallError, CallErrorKind, CallbackAddress, NodeConfig, NodeId, RegisteredNode,
    SetupReport,
};
use crate::http::json::Fields;
use crate::http::{HttpClient, HttpReply, HttpRequest, join};
use crate::ports::{NetworkNode, RegisterError};

const NODES: &str = "/admin/v1/nodes";
/// The whole configuration, including secret keys.
const CONFIG: &str = "/admin/v1/config";
const SETUP_REPORT: &str = "/admin/v1/setup/report";
const READ_TRIES: u32 = 3;
/// The report polls the nodes one after the other, each of them twice for up to 5 s.
const REPORT_TAKES: std::time::Duration = std::time::Duration::from_secs(60);

#[derive(Debug)]
pub struct NetworkNodeClient {
    http: HttpClient,
    base: Url,
    /// Its public API, which says its release.
    public_api: Option<Url>,
    /// `host:port` of the callback; absent when it is not reached from here.
    callback: Option<String>,
    timeout: std::time::Duration,
}

impl NetworkNodeClient {
    pub fn new(http: HttpClient, config: &NetworkNodeConfig) -> Self {
        NetworkNodeClient {
            http,
            base: config.admin_api.clone(),
            public_api: None,
            callback: config.exposure.callback_target().map(str::to_owned),
            timeout: config.request_timeout,
        }
    }

    /// Of these public APIs, the one on the same host is its own. Another host's release says nothing.
    #[must_use]
    pub fn with_public_api(self, urls: &[Url]) -> Self {
        let is_own = |url: &&Url| url.host() == self.base.host();
        NetworkNodeClient {
            public_api: urls.iter().find(is_own).cloned(),
            ..self
        }
    }

    fn what(&self, deed: &str) -> String {
        let host = self.base.host_str().unwrap_or("an unknown host");
        format!("{deed} at the Network Node {host}")
    }

    /// An id may contain any character, and must stay one path segment.
    fn node_url(&self, id: &NodeId, deed: Option<&str>) -> Url {
        let mut url = join(&self.base, NODES);
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(&id.0);
            path.extend(deed);
        }
        url
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpReply, CallError> {
        self.http.send(request.timeout(self.timeout)).await
    }

    async fn set_enabled(&self, id: &NodeId, deed: &str) -> Result<(), CallError> {
        let what = self.what(&format!("{deed} node {id}"));
        let request = HttpRequest::post(what, self.node_url(id, Some(deed))).json(json!({}));
        self.send(request).await.map(|_| ())
    }
}

#[async_trait]
impl NetworkNode for NetworkNodeClient {
    async fn nodes(&self) -> Result<Vec<RegisteredNode>, CallError> {
        let what = self.what("list nodes");
        let request = HttpRequest::get(what.clone(), join(&self.base, NODES)).tries(READ_TRIES);
        self.send(request).await?.parse(&what, |reply| {
            let rows = reply.0.as_array().ok_or("the reply is not a list")?;
            let node = |row| wire::row(Fields(row)).ok_or_else(|| "a row has no id".to_owned());
            rows.iter().map(node).collect()
        })
    }

    async fn register(&self, node: &NodeConfig) -> Result<(), RegisterError> {
        let what = self.what(&format!("register node {}", node.id));
        let request = HttpRequest::post(what, join(&self.base, NODES)).json(wire::body(node));
        match self.send(request).await {
            Ok(_) => Ok(()),
            Err(error) => wire::register_error(error),
        }
    }

    async fn unregister(&self, id: &NodeId) -> Result<bool, CallError> {
        let what = self.what(&format!("remove node {id}"));
        let request = HttpRequest::delete(what.clone(), self.node_url(id, None));
        // Bare JSON: `true`, or `false` when there was no such node; status 200 in both cases.
        self.send(request).await?.json(&what)
    }

    async fn enable(&self, id: &NodeId) -> Result<(), CallError> {
        self.set_enabled(id, "enable").await
    }

    async fn disable(&self, id: &NodeId) -> Result<(), CallError> {
        self.set_enabled(id, "disable").await
    }

    /// Reads one field of a reply that contains secrets, so no message quotes the reply.
    async fn callback_address(&self) -> Result<CallbackAddress, CallError> {
        let what = self.what("read the callback address (api.poc_callback_url)");
        let request = HttpRequest::get(what.clone(), join(&self.base, CONFIG)).tries(READ_TRIES);
        let reply = self.send(request).await?;
        reply.parse(&what, wire::callback_address)
    }

    /// From `GET /v1/versions`, cached there for 5 minutes (gonka v0.2.14
    /// decentralized-api/internal/server/public/app_info_handlers.go).
    async fn release(&self) -> Result<Option<ApiRelease>, CallError> {
        let Some(public_api) = &self.public_api else {
            return Ok(None);
        };
        let what = self.what("read the release");
        let request = HttpRequest::get(what.clone(), join(public_api, "v1/versions"));
        let reply = self.send(request.tries(READ_TRIES)).await?;
        reply.parse(&what, wire::release).map(Some)
    }

    async fn setup_report(&self) -> Result<SetupReport, CallError> {
        let what = self.what("read the setup report");
        let request = HttpRequest::get(what.clone(), join(&self.base, SETUP_REPORT));
        let request = request.timeout(self.timeout.max(REPORT_TAKES));
        let reply = self.http.send(request).await?;
        reply.parse(&what, setup_wire::report)
    }

    async fn callback_answers(&self) -> Result<(), CallError> {
        let target = self.callback.as_deref().unwrap_or_default();
        let what = format!("reach the PoC callback at {target}");
        let url = Url::parse(&format!("http://{target}/"))
            .map_err(|error| CallError::new(&what, CallErrorKind::NotSent, error.to_string()))?;
        let request = HttpRequest::get(what.clone(), url).tries(READ_TRIES);
        match self.send(request).await {
            // It accepts batches only, so any status proves that it is up.
            Err(error) if error.status.is_some() => Ok(()),
            other => other.map(|_| ()),
        }
    }
}
