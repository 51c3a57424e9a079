//! Client of an `MLNode`, reached through its tunnel.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use super::endpoint::NodeEndpoint;
use super::vllm::VllmClient;
use super::wire;
use crate::domain::{CallError, MlNodeStatus, StartupState, Workload, WorkloadModel};
use crate::http::{HttpClient, HttpRequest};
use crate::ports::MlNode;

/// Accepting the start of vLLM may take longer (real time).
const START_TIMEOUT: Duration = Duration::from_secs(20);

const STATE: &str = "api/v1/state";
const STARTUP: &str = "api/v1/inference/up/status";
const GPUS: &str = "api/v1/gpu/devices";
const DRIVER: &str = "api/v1/gpu/driver";

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

    /// `api` is the tunnel's local end of the port with the workload's status.
    pub fn at(&self, workload: Workload, api: SocketAddr) -> Box<dyn MlNode> {
        let endpoint = NodeEndpoint {
            http: self.http.clone(),
            api,
        };
        match workload {
            Workload::MlNode => Box::new(MlNodeClient { endpoint }),
            Workload::Vllm => Box::new(VllmClient { endpoint }),
        }
    }
}

#[derive(Debug)]
pub struct MlNodeClient {
    endpoint: NodeEndpoint,
}

#[async_trait]
impl MlNode for MlNodeClient {
    /// Old images lack some of the other endpoints: what they would report is unknown, not wrong.
    async fn status(&self) -> Result<MlNodeStatus, CallError> {
        let node = &self.endpoint;
        let status = node.read("read the node's state", STATE, wire::state);
        let status = status.await?;
        let (startup, gpus, driver) = tokio::join!(
            node.read("read the node's start-up", STARTUP, wire::startup),
            node.read("read the node's GPUs", GPUS, wire::gpus),
            node.read("read the node's GPU driver", DRIVER, wire::driver),
        );
        Ok(MlNodeStatus {
            startup: startup.unwrap_or(StartupState::Unknown),
            gpus: gpus.unwrap_or_default(),
            driver: driver.ok(),
            ..status
        })
    }

    async fn start_model(&self, model: &WorkloadModel) -> Result<(), CallError> {
        let body = json!({ "model": model.id, "dtype": "auto", "additional_args": model.args });
        let url = self.endpoint.url("api/v1/inference/up/async")?;
        let request = HttpRequest::post("start the model", url)
            .json(body)
            .timeout(START_TIMEOUT);
        match self.endpoint.http.send(request).await {
            Ok(_) => Ok(()),
            // "VLLM is already running" and "startup is already in progress" are fine.
            Err(error) if error.status == Some(409) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use axum::routing::{get, post};
    use axum::{Json, Router};

    use super::*;
    use crate::domain::{GpuDriver, PocStatus, ServiceState};

    async fn client(router: Router) -> Box<dyn MlNode> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        MlNodeFactory::new(HttpClient::new()).at(Workload::MlNode, addr)
    }

    fn model() -> WorkloadModel {
        WorkloadModel {
            id: "org/model".into(),
            revision: None,
            args: vec!["--tensor-parallel-size".into(), "4".into()],
        }
    }

    #[tokio::test]
    async fn new_image_reports_full_status() {
        let router = Router::new()
            .route("/api/v1/state", get(|| async {
                Json(json!({ "state": "INFERENCE", "version": "3.0.16", "poc_status": "GENERATING", "inference_healthy": true, "loaded_model": "org/model" }))
            }))
            .route("/api/v1/inference/up/status", get(|| async { Json(json!({ "status": "completed", "is_running": true })) }))
            .route("/api/v1/gpu/devices", get(|| async {
                Json(json!({ "devices": [{ "index": 0, "name": "NVIDIA H100", "total_memory_mb": 81_559, "is_available": true }], "count": 1 }))
            }))
            .route("/api/v1/gpu/driver", get(|| async {
                Json(json!({ "driver_version": "535.104.05", "cuda_driver_version": "12.2", "nvml_version": "12.535.104" }))
            }));
        let status = client(router).await.status().await.unwrap();
        assert_eq!(
            (status.state, status.poc),
            (ServiceState::Inference, Some(PocStatus::Generating))
        );
        assert_eq!(
            (status.startup, status.gpus.len()),
            (StartupState::Completed, 1)
        );
        let driver = GpuDriver {
            version: "535.104.05".into(),
            cuda: Some(12.2),
        };
        assert_eq!(status.driver, Some(driver));
    }

    #[tokio::test]
    async fn old_image_reports_only_state() {
        let router = Router::new().route(
            "/api/v1/state",
            get(|| async { Json(json!({ "state": "STOPPED" })) }),
        );
        let status = client(router).await.status().await.unwrap();
        assert_eq!(
            (status.state, status.startup, status.loaded_model),
            (ServiceState::Stopped, StartupState::Unknown, None)
        );
    }

    #[tokio::test]
    async fn starting_twice_is_accepted() {
        let router = Router::new().route(
            "/api/v1/inference/up/async",
            post(|| async {
                (
                    StatusCode::CONFLICT,
                    Json(json!({ "detail": "VLLM startup is already in progress" })),
                )
            }),
        );
        assert_eq!(client(router).await.start_model(&model()).await, Ok(()));
    }

    #[tokio::test]
    async fn start_request_names_model_and_args() {
        let router = Router::new().route(
            "/api/v1/inference/up/async",
            post(|Json(body): Json<serde_json::Value>| async move {
                let right = body["model"] == "org/model"
                    && body["additional_args"][1] == "4"
                    && body["dtype"] == "auto";
                if right {
                    StatusCode::OK
                } else {
                    StatusCode::UNPROCESSABLE_ENTITY
                }
            }),
        );
        assert_eq!(client(router).await.start_model(&model()).await, Ok(()));
    }
}
