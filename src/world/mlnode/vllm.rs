//! vLLM's own image: its log, and its server once the model is loaded.

use serde_json::{Value, json};

use crate::domain::Time;

use crate::world::clock::seconds;
use crate::world::exchange::{ApiRequest, ApiResponse};

use super::lines::{self, Captures, GRAPHS};
use super::log::Writer;
use super::node::{ModelLoad, NEVER, Process, SimMlNode, VllmServer};
use super::weights::size_of;

/// The image's name, without its tag.
pub(in crate::world) const IMAGE: &str = "vllm/vllm-openai";
const VERSION: &str = "0.11.2";
/// Seconds of imports before the load.
const PRELUDE: f64 = 45.0;
const API_SERVER: &str = "APIServer pid=41";
const ENGINE: &str = "EngineCore_DP0 pid=441";
const WORKER: &str = "Worker_TP0 pid=512";

impl VllmServer {
    /// Parses `vllm serve MODEL --port 8000 …`; otherwise the shell's error.
    fn parse(command: &str) -> Result<VllmServer, String> {
        let words: Vec<&str> = command.split_whitespace().map(unquoted).collect();
        let words = match words.as_slice() {
            ["exec", rest @ ..] => rest,
            all => all,
        };
        let ["vllm", "serve", model, options @ ..] = words else {
            let word = words.first().copied().unwrap_or_default();
            return Err(format!("sh: 1: {word}: not found\n"));
        };
        let option = |name: &str| {
            let at = options.iter().position(|word| *word == name)?;
            options.get(at + 1).copied()
        };
        let port = option("--port").and_then(|port| port.parse().ok());
        Ok(VllmServer {
            port: port.unwrap_or(8000),
            model: (*model).to_owned(),
            name: option("--served-model-name").unwrap_or(model).to_owned(),
        })
    }

    pub fn answer(&self, request: &ApiRequest) -> ApiResponse {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/health") => ApiResponse::text(200, ""),
            ("GET", "/version") => ApiResponse::ok(&json!({"version": VERSION})),
            ("GET", "/v1/models") => {
                ApiResponse::ok(&json!({"object": "list", "data": [self.card()]}))
            }
            ("POST", "/v1/chat/completions") if request.body["model"] == json!(self.name) => {
                ApiResponse::ok(&self.completion())
            }
            ("POST", "/v1/chat/completions") => ApiResponse::new(
                404,
                &json!({"error": {"message": format!("The model {} does not exist.", request.body["model"]),
                    "type": "NotFoundError", "param": "model", "code": 404}}),
            ),
            _ => ApiResponse::new(404, &json!({"detail": "Not Found"})),
        }
    }

    fn card(&self) -> Value {
        json!({"id": self.name, "object": "model", "created": 1_764_000_000, "owned_by": "vllm", "root": self.model,
            "parent": null, "max_model_len": 196_608, "permission": []})
    }

    fn completion(&self) -> Value {
        let message = json!({"role": "assistant", "content": "A simulated answer."});
        json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1_764_000_000, "model": self.name,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}})
    }
}

fn unquoted(word: &str) -> &str {
    word.trim_matches('\'')
}

/// Runs the command from the start of the container.
pub(in crate::world) fn run(node: &mut SimMlNode, running_at: Time, command: &str) {
    let server = match VllmServer::parse(command) {
        Ok(server) => server,
        Err(words) => {
            let at = running_at + seconds(3.0);
            node.log.raw(at, Writer::Vllm, &words);
            return;
        }
    };
    node.run.began_at = running_at;
    introduce(node, running_at, &server);
    let loads_at = running_at + seconds(PRELUDE);
    let api_at = load(node, loads_at, &server);
    node.process = Process::Vllm {
        server,
        loads_at,
        api_at,
    };
}

fn introduce(node: &mut SimMlNode, running_at: Time, server: &VllmServer) {
    let (model, port) = (&server.model, server.port);
    let log = &mut node.log;
    let version = format!("vLLM API server version {VERSION}");
    let at = running_at + seconds(12.0);
    log.vllm(at, API_SERVER, "INFO", "api_server.py:1912", &version);
    let arguments = format!(
        "non-default args: {{'model_tag': '{model}', 'host': '127.0.0.1', 'port': {port}}}"
    );
    let at = running_at + seconds(12.5);
    log.vllm(at, API_SERVER, "INFO", "utils.py:253", &arguments);
    let engine = format!("Initializing a V1 LLM engine (v{VERSION}) with config: model='{model}'");
    let at = running_at + seconds(30.0);
    log.vllm(at, ENGINE, "INFO", "core.py:93", &engine);
}

/// Writes the load, whose download is silent. Returns when the server listens.
fn load(node: &mut SimMlNode, at: Time, server: &VllmServer) -> Time {
    let never = at + seconds(NEVER);
    let model = &server.model;
    let (size, load) = (size_of(model), node.spec.load);
    let download = size / node.spec.bandwidth;
    let outcome = node.spec.load_outcome.clone();
    let log = &mut node.log;
    let line = format!("Starting to load model {model}...");
    log.vllm(at, WORKER, "INFO", "gpu_model_runner.py:3259", &line);
    if outcome == ModelLoad::Stalls {
        return never;
    }
    let loaded = at + seconds(download);
    let line = format!("Time spent downloading weights for {model}: {download:.6} seconds");
    log.vllm(loaded, WORKER, "INFO", "weight_utils.py:440", &line);
    lines::shards(log, loaded, load, size);
    let graphs = loaded + seconds(load);
    if let ModelLoad::Fails(why) = outcome {
        lines::ended(log, graphs, &why);
        return never;
    }
    lines::compiling(log, graphs, size / 1.073_741_824, load, Captures::Graphs);
    let up = graphs + seconds(GRAPHS);
    let line = format!(
        "Starting vLLM API server 0 on http://127.0.0.1:{}",
        server.port
    );
    log.vllm(up, API_SERVER, "INFO", "api_server.py:1977", &line);
    let line = format!("({API_SERVER}) INFO:     Application startup complete.\n");
    log.raw(up, Writer::Vllm, &line);
    up
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vllm_command_gives_model_and_port() {
        let server = VllmServer::parse(
            "exec vllm serve 'org/model' '--tensor-parallel-size' '4' --host 127.0.0.1 --port 8100",
        )
        .unwrap();
        assert_eq!(
            (server.port, server.model.as_str(), server.name.as_str()),
            (8100, "org/model", "org/model")
        );
        let named = VllmServer::parse("vllm serve org/model --served-model-name short").unwrap();
        assert_eq!((named.port, named.name.as_str()), (8000, "short"));
    }

    #[test]
    fn unknown_command_is_not_found() {
        let said = VllmServer::parse("uvicorn api.app:app").unwrap_err();
        assert!(said.contains("uvicorn: not found"), "{said}");
    }
}
