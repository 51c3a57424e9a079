//! Client of an `MLNode`, reached through its tunnel.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use url::Url;

use super::endpoint::NodeEndpoint;
use super::vllm::VllmClient;
use super::wire::{self, DownloadReply};
use crate::domain::{
    Backends, CallError, InferencePort, MlNodeStatus, ServiceState, StartStep, StartupState,
    Weights, Workload, WorkloadModel,
};
use crate::http::{HttpClient, HttpReply, HttpRequest};
use crate::ports::{MlNode, TunnelEnds};

/// For calls about files the API compares them with Hugging Face in its only thread (real time).
const FILES_TIMEOUT: Duration = Duration::from_secs(20);
/// Accepting the start of vLLM may take longer (real time).
const START_TIMEOUT: Duration = Duration::from_secs(20);

const STATE: &str = "api/v1/state";
const STARTUP: &str = "api/v1/inference/up/status";
const START: &str = "api/v1/inference/up/async";
const GPUS: &str = "api/v1/gpu/devices";
const DRIVER: &str = "api/v1/gpu/driver";
const WEIGHTS: &str = "api/v1/models/status";
const DOWNLOAD: &str = "api/v1/models/download";
const CACHE: &str = "api/v1/models/space";
const BACKENDS: &str = "api/v1/inference/pow/status";

/// Makes the client for the workload behind a tunnel.
#[derive(Debug, Clone)]
pub struct MlNodeFactory {
    http: HttpClient,
}

impl MlNodeFactory {
    /// All clients share one connection pool.
    pub fn new(http: HttpClient) -> MlNodeFactory {
        MlNodeFactory { http }
    }

    /// `ends` are the tunnel's local ends.
    pub fn at(&self, workload: Workload, ends: TunnelEnds) -> Box<dyn MlNode> {
        let endpoint = |api| NodeEndpoint {
            http: self.http.clone(),
            api,
        };
        match workload {
            Workload::MlNode => Box::new(MlNodeClient {
                endpoint: endpoint(ends.api),
                inference: endpoint(ends.inference),
            }),
            Workload::Vllm => Box::new(VllmClient {
                endpoint: endpoint(ends.api),
            }),
        }
    }
}

#[derive(Debug)]
pub struct MlNodeClient {
    endpoint: NodeEndpoint,
    /// Listens only while an instance of vLLM is healthy.
    inference: NodeEndpoint,
}

#[async_trait]
impl MlNode for MlNodeClient {
    /// Old images lack some of the other endpoints: what they would report is unknown, not wrong.
    async fn status(&self, model: &WorkloadModel) -> Result<MlNodeStatus, CallError> {
        let node = &self.endpoint;
        let status = node.read("read the node's state", STATE, wire::state);
        let status = status.await?;
        let (startup, weights, port, backends, gpus, driver) = tokio::join!(
            node.read("read the node's start-up", STARTUP, wire::startup),
            self.weights_of(&status, model),
            self.port_of(&status),
            self.backends_of(&status),
            node.read("read the node's GPUs", GPUS, wire::gpus),
            node.read("read the node's GPU driver", DRIVER, wire::driver),
        );
        Ok(MlNodeStatus {
            startup: startup.unwrap_or(StartupState::Unknown),
            weights,
            port,
            backends,
            gpus: gpus.ok(),
            driver: driver.ok(),
            ..status
        })
    }

    async fn start_model(&self, model: &WorkloadModel) -> Result<StartStep, CallError> {
        match self.weights(model).await? {
            Weights::Downloading { .. } => Ok(StartStep::DownloadUnderWay),
            Weights::Absent | Weights::Partial { .. } => self.download(model).await,
            Weights::Downloaded | Weights::Unknown => self.load(model).await,
        }
    }
}

impl MlNodeClient {
    /// While vLLM runs, its files are there.
    async fn weights_of(&self, status: &MlNodeStatus, model: &WorkloadModel) -> Weights {
        if status.state != ServiceState::Stopped {
            return Weights::Unknown;
        }
        match self.weights(model).await {
            Ok(Weights::Downloading {
                elapsed_seconds, ..
            }) => {
                let what = "read the size of the node's cache";
                let cached = self.endpoint.read(what, CACHE, wire::cached_gb);
                Weights::Downloading {
                    elapsed_seconds,
                    cached_gb: cached.await.ok(),
                }
            }
            Ok(weights) => weights,
            Err(_) => Weights::Unknown,
        }
    }

    async fn port_of(&self, status: &MlNodeStatus) -> InferencePort {
        if !is_in_service(status) {
            return InferencePort::Silent;
        }
        self.inference.inference_port().await.unwrap_or_default()
    }

    async fn backends_of(&self, status: &MlNodeStatus) -> Option<Backends> {
        if status.inference_healthy != Some(true) {
            return None;
        }
        let what = "read the status of vLLM's instances";
        let backends = self.endpoint.read(what, BACKENDS, wire::backends).await;
        backends.ok().filter(|backends| backends.all > 0)
    }

    /// `Unknown`: an old image, which has no such call.
    async fn weights(&self, model: &WorkloadModel) -> Result<Weights, CallError> {
        let what = "read which files of the model the node has";
        match self.post_files(what, WEIGHTS, model).await {
            Ok(reply) => reply.parse(what, wire::weights),
            Err(error) if error.status == Some(404) => Ok(Weights::Unknown),
            Err(error) => Err(error),
        }
    }

    async fn download(&self, model: &WorkloadModel) -> Result<StartStep, CallError> {
        let what = "download the model";
        let reply = match self.post_files(what, DOWNLOAD, model).await {
            Ok(reply) => reply.parse(what, wire::download)?,
            Err(error) => match error.status {
                Some(404) => DownloadReply::Ignored,
                Some(409) => DownloadReply::UnderWay,
                Some(429) => return Ok(StartStep::DownloadWaits),
                _ => return Err(error),
            },
        };
        match reply {
            DownloadReply::UnderWay => Ok(StartStep::DownloadOrdered),
            DownloadReply::Downloaded | DownloadReply::Ignored => self.load(model).await,
        }
    }

    /// The node knows a download by its repository and revision: every call about it has the same body.
    async fn post_files(
        &self,
        what: &str,
        path: &str,
        model: &WorkloadModel,
    ) -> Result<HttpReply, CallError> {
        let body = json!({ "hf_repo": model.id, "hf_commit": model.revision });
        self.post(what, self.endpoint.url(path)?, body, FILES_TIMEOUT)
            .await
    }

    async fn load(&self, model: &WorkloadModel) -> Result<StartStep, CallError> {
        let body = json!({ "model": model.id, "dtype": "auto", "additional_args": model.args });
        let url = self.endpoint.url(START)?;
        match self.post("start the model", url, body, START_TIMEOUT).await {
            Ok(_) => Ok(StartStep::LoadOrdered),
            // "VLLM is already running" and "startup is already in progress" are fine.
            Err(error) if error.status == Some(409) => Ok(StartStep::LoadUnderWay),
            Err(error) => Err(error),
        }
    }

    async fn post(
        &self,
        what: &str,
        url: Url,
        body: serde_json::Value,
        timeout: Duration,
    ) -> Result<HttpReply, CallError> {
        let request = HttpRequest::post(what, url).json(body).timeout(timeout);
        self.endpoint.http.send(request).await
    }
}

/// vLLM may answer.
fn is_in_service(status: &MlNodeStatus) -> bool {
    let serves = !matches!(status.state, ServiceState::Stopped | ServiceState::Train);
    serves && status.inference_healthy != Some(false)
}

#[cfg(test)]
mod tests;
