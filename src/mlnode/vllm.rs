//! Client of vLLM's own server, running without an `MLNode`.
//!
//! It listens once its model is loaded. `GET /health` is 200 with an empty body, or 503 when the engine
//! has died; `GET /v1/models` lists the served models, with the model's original name as `root`
//! (`OpenAIModelRegistry.show_available_models` in `vllm/entrypoints/openai/models/serving.py`).

use async_trait::async_trait;
use serde::Deserialize;

use super::endpoint::NodeEndpoint;
use crate::domain::{CallError, MlNodeStatus, ServiceState, StartupState, WorkloadModel};
use crate::http::json::Fields;
use crate::ports::MlNode;

#[derive(Debug)]
pub(super) struct VllmClient {
    pub(super) endpoint: NodeEndpoint,
}

impl VllmClient {
    /// A dead engine is an answer; an unreachable server is an error.
    async fn is_healthy(&self) -> Result<bool, CallError> {
        match self.endpoint.get("read vLLM's health", "health").await {
            Ok(_) => Ok(true),
            Err(error) if error.status == Some(503) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A served model. `--served-model-name` gives it another id.
#[derive(Deserialize)]
struct ModelCard<'a> {
    id: &'a str,
    #[serde(borrow)]
    root: Option<&'a str>,
}

/// The original name of the first model.
fn served_model(reply: Fields<'_>) -> Result<Option<String>, String> {
    let cards: Vec<ModelCard<'_>> = reply.required("data")?;
    let first = cards.first();
    Ok(first.map(|card| card.root.unwrap_or(card.id).to_owned()))
}

fn server_version(reply: Fields<'_>) -> Result<String, String> {
    reply.required("version")
}

#[async_trait]
impl MlNode for VllmClient {
    async fn status(&self) -> Result<MlNodeStatus, CallError> {
        let inference_healthy = Some(self.is_healthy().await?);
        let node = &self.endpoint;
        let what = "read the models that vLLM serves";
        let (model, version) = tokio::join!(
            node.read(what, "v1/models", served_model),
            node.read("read vLLM's version", "version", server_version),
        );
        let model = model?;
        Ok(MlNodeStatus {
            state: match model {
                Some(_) => ServiceState::Inference,
                None => ServiceState::Stopped,
            },
            poc: None,
            inference_healthy,
            loaded_model: model,
            version: version.ok(),
            startup: StartupState::Completed,
            // vLLM does not report its hardware; with too few GPUs it does not start.
            gpus: Vec::new(),
            driver: None,
        })
    }

    /// The model is part of its command.
    async fn start_model(&self, _model: &WorkloadModel) -> Result<(), CallError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use axum::routing::get;
    use axum::{Json, Router};
    use serde_json::json;

    use super::super::client::MlNodeFactory;
    use super::served_model;
    use crate::domain::{ServiceState, Workload};
    use crate::http::HttpClient;
    use crate::http::json::Fields;
    use crate::ports::MlNode;

    async fn client(health: StatusCode) -> Box<dyn MlNode> {
        let models = json!({ "object": "list", "data": [{
            "id": "short", "object": "model", "created": 1_764_000_000, "owned_by": "vllm",
            "root": "org/model", "parent": null, "max_model_len": 32_768, "permission": []
        }] });
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
        MlNodeFactory::new(HttpClient::new()).at(Workload::Vllm, addr)
    }

    #[tokio::test]
    async fn vllm_model_uses_root_name() {
        let status = client(StatusCode::OK).await.status().await.unwrap();
        assert_eq!(status.state, ServiceState::Inference);
        assert_eq!(status.inference_healthy, Some(true));
        assert_eq!(status.loaded_model.as_deref(), Some("org/model"));
        assert_eq!(status.version.as_deref(), Some("0.11.2"));
    }

    #[test]
    fn every_model_card_is_checked() {
        let served = |cards: serde_json::Value| served_model(Fields(&json!({ "data": cards })));
        assert_eq!(served(json!([])), Ok(None));
        let first = Ok(Some("a".to_owned()));
        assert_eq!(
            served(json!([{ "id": "a", "root": null }, { "id": "b" }])),
            first
        );
        assert!(served(json!([{ "id": "a" }, {}])).is_err());
        assert!(served(json!(null)).is_err());
    }

    #[tokio::test]
    async fn dead_engine_is_unhealthy() {
        let dead = client(StatusCode::SERVICE_UNAVAILABLE).await;
        assert_eq!(dead.status().await.unwrap().inference_healthy, Some(false));
        let nobody = MlNodeFactory::new(HttpClient::new());
        let nobody = nobody.at(Workload::Vllm, ([127, 0, 0, 1], 1).into());
        assert!(nobody.status().await.is_err());
    }
}
