//! Requests to the HTTP API of a workload, behind its tunnel.

use std::net::SocketAddr;
use std::time::Duration;

use url::Url;

use super::wire;
use crate::domain::{CallError, CallErrorKind, InferencePort};
use crate::http::json::Fields;
use crate::http::{HttpClient, HttpReply, HttpRequest, join};

/// The node answers within milliseconds, or is busy loading (real time).
const TIMEOUT: Duration = Duration::from_secs(6);

/// The HTTP API of one workload.
#[derive(Debug)]
pub(super) struct NodeEndpoint {
    pub(super) http: HttpClient,
    pub(super) api: SocketAddr,
}

impl NodeEndpoint {
    pub(super) fn url(&self, path: &str) -> Result<Url, CallError> {
        let base = Url::parse(&format!("http://{}/", self.api));
        base.map(|base| join(&base, path)).map_err(|error| {
            CallError::new("reach the node", CallErrorKind::NotSent, error.to_string())
        })
    }

    pub(super) async fn get(&self, what: &str, path: &str) -> Result<HttpReply, CallError> {
        let request = HttpRequest::get(what, self.url(path)?).timeout(TIMEOUT);
        self.http.send(request.tries(1)).await
    }

    pub(super) async fn read<T>(
        &self,
        what: &str,
        path: &str,
        parse: fn(Fields<'_>) -> Result<T, String>,
    ) -> Result<T, CallError> {
        self.get(what, path).await?.parse(what, parse)
    }

    /// What answers requests for inference here; an error when nothing does.
    pub(super) async fn inference_port(&self) -> Result<InferencePort, CallError> {
        let unhealthy = |error: CallError| match error.status {
            Some(_) => Ok(InferencePort::Unhealthy),
            None => Err(error),
        };
        if let Err(error) = self.get("read vLLM's health", "health").await {
            return unhealthy(error);
        }
        let what = "read the models that vLLM serves";
        match self.read(what, "v1/models", wire::served_models).await {
            Ok(models) => Ok(InferencePort::Healthy { models }),
            Err(error) => unhealthy(error),
        }
    }
}
