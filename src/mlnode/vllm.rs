//! Client of vLLM's own server, running without an `MLNode`.
//!
//! It listens once its model is loaded. `GET /health` is 200 with an empty body, or 503 when the engine
//! has died; `GET /v1/models` lists the served models, with the model's original name as `root`
//! (`OpenAIModelRegistry.show_available_models` in `vllm/entrypoints/openai/models/serving.py`).

use async_trait::async_trait;

use super::endpoint::NodeEndpoint;
use crate::domain::{
    CallError, InferencePort, MlNodeStatus, ServiceState, StartStep, StartupState, Weights,
    WorkloadModel,
};
use crate::http::json::Fields;
use crate::ports::MlNode;

#[derive(Debug)]
pub(super) struct VllmClient {
    pub(super) endpoint: NodeEndpoint,
}

fn server_version(reply: Fields<'_>) -> Result<String, String> {
    reply.required("version")
}

#[async_trait]
impl MlNode for VllmClient {
    async fn status(&self, _model: &WorkloadModel) -> Result<MlNodeStatus, CallError> {
        let node = &self.endpoint;
        let (port, version) = tokio::join!(
            node.inference_port(),
            node.read("read vLLM's version", "version", server_version),
        );
        let port = port?;
        let served = match &port {
            InferencePort::Silent | InferencePort::Unhealthy => None,
            // The first is the original name of the model that it was started with.
            InferencePort::Healthy { models } => models.first().cloned(),
        };
        Ok(MlNodeStatus {
            state: match served {
                Some(_) => ServiceState::Inference,
                None => ServiceState::Stopped,
            },
            poc: None,
            inference_healthy: Some(port != InferencePort::Unhealthy),
            loaded_model: served,
            version: version.ok(),
            startup: StartupState::Unknown,
            weights: Weights::Unknown,
            port,
            backends: None,
            // vLLM does not report its hardware; with too few GPUs it does not start.
            gpus: None,
            driver: None,
        })
    }

    /// The model is part of its command.
    async fn start_model(&self, _model: &WorkloadModel) -> Result<StartStep, CallError> {
        Ok(StartStep::LoadUnderWay)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use axum::routing::get;
    use axum::{Json, Router};
    use serde_json::json;

    use super::super::client::MlNodeFactory;
    use super::super::wire::served_models;
    use crate::domain::{ServiceState, Workload, WorkloadModel};
    use crate::http::HttpClient;
    use crate::http::json::Fields;
    use crate::ports::{MlNode, TunnelEnds};

    fn both(end: std::net::SocketAddr) -> TunnelEnds {
        TunnelEnds {
            api: end,
            inference: end,
        }
    }

    async fn client(health: StatusCode) -> Box<dyn MlNode> {
        let card = |id: &str, root: &str, parent: Option<&str>| {
            json!({ "id": id, "object": "model", "created": 1_764_000_000, "owned_by": "vllm",
                "root": root, "parent": parent, "max_model_len": 32_768, "permission": [] })
        };
        let models = json!({ "object": "list", "data": [
            card("short", "org/model", None),
            card("adapter", "/adapters/one", Some("short")),
        ] });
        let router = Router::new()
            .route("/health", get(move || async move { health }))
            .route(
                "/version",
                get(|| async { Json(json!({ "version": "0.11.2" })) }),
            )
            .route("/v1/models", get(move || async move { Json(models) }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        MlNodeFactory::new(HttpClient::new()).at(Workload::Vllm, both(addr))
    }

    #[tokio::test]
    async fn vllm_model_uses_root_name() {
        let status = client(StatusCode::OK)
            .await
            .status(&WorkloadModel::default())
            .await
            .unwrap();
        assert_eq!(status.state, ServiceState::Inference);
        assert_eq!(status.inference_healthy, Some(true));
        assert_eq!(status.loaded_model.as_deref(), Some("org/model"));
        assert_eq!(status.version.as_deref(), Some("0.11.2"));
    }

    #[test]
    fn every_model_card_is_checked() {
        let served = |cards: serde_json::Value| served_models(Fields(&json!({ "data": cards })));
        assert_eq!(served(json!([])), Ok(Vec::new()));
        let both = Ok(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(
            served(json!([{ "id": "a", "root": null }, { "id": "b", "root": "b" }])),
            both
        );
        assert!(served(json!([{ "id": "a" }, {}])).is_err());
        assert!(served(json!("none")).is_err());
    }

    #[tokio::test]
    async fn dead_engine_is_unhealthy() {
        let dead = client(StatusCode::SERVICE_UNAVAILABLE).await;
        assert_eq!(
            dead.status(&WorkloadModel::default())
                .await
                .unwrap()
                .inference_healthy,
            Some(false)
        );
        let nobody = MlNodeFactory::new(HttpClient::new());
        let nobody = nobody.at(Workload::Vllm, both(([127, 0, 0, 1], 1).into()));
        assert!(nobody.status(&WorkloadModel::default()).await.is_err());
    }
}
