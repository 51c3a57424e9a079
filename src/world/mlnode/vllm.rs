//! vLLM's own image: its log, and its server once the model is loaded.

use serde_json::{Value, json};

use crate::domain::Time;

use crate::world::clock::seconds;
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::mlnode::boot::GRAPHS;
use crate::world::model::{ModelLoad, SimMlNode, VllmServer};

/// The image's name, without its tag.
pub(in crate::world) const IMAGE: &str = "vllm/vllm-openai";
const VERSION: &str = "0.11.2";
/// Seconds of imports before the load.
const PRELUDE: f64 = 45.0;
/// Longer than any test runs.
const NEVER: f64 = 1e8;

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
pub(in crate::world) fn run(mut node: SimMlNode, running_at: Time, command: &str) -> SimMlNode {
    node.api_at = running_at + seconds(NEVER);
    let server = match VllmServer::parse(command) {
        Ok(server) => server,
        Err(words) => {
            node.write_log(running_at + seconds(3.0), &words);
            return node;
        }
    };
    let loads_at = running_at + seconds(PRELUDE);
    node.started_at = Some(loads_at);
    node.model.clone_from(&server.model);
    introduce(&mut node, running_at, &server);
    load(&mut node, loads_at, &server);
    node.vllm = Some(server);
    node
}

fn introduce(node: &mut SimMlNode, running_at: Time, server: &VllmServer) {
    let prefix = "\u{1b}[1;36m(APIServer pid=41)\u{1b}[0;0m INFO 11-24 11:42:50";
    let (model, port) = (&server.model, server.port);
    let version = format!("{prefix} [api_server.py:1912] vLLM API server version {VERSION}\n");
    node.write_log(running_at + seconds(12.0), &version);
    let arguments = format!(
        "{prefix} [utils.py:253] non-default args: {{'model_tag': '{model}', 'host': '127.0.0.1', 'port': {port}}}\n"
    );
    node.write_log(running_at + seconds(12.5), &arguments);
    let engine = format!(
        "(EngineCore_DP0 pid=441) INFO 11-24 11:43:10 [core.py:93] Initializing a V1 LLM engine (v{VERSION}) with config: model='{model}'\n"
    );
    node.write_log(running_at + seconds(30.0), &engine);
}

/// The download is silent between its start and end.
fn load(node: &mut SimMlNode, at: Time, server: &VllmServer) {
    let worker = "(Worker_TP0 pid=512) INFO 11-24 11:43:12";
    let model = &server.model;
    let line = format!("{worker} [gpu_model_runner.py:3259] Starting to load model {model}...\n");
    node.write_log(at, &line);
    if node.load_outcome == ModelLoad::Stalls {
        return;
    }
    let loaded = at + seconds(node.download);
    let line = format!(
        "{worker} [weight_utils.py:440] Time spent downloading weights for {model}: {:.6} seconds\n",
        node.download
    );
    node.write_log(loaded, &line);
    node.log_shards(loaded);
    let graphs = loaded + seconds(node.load);
    if let ModelLoad::Fails(why) = node.load_outcome.clone() {
        let line = format!(
            "\n(EngineCore_DP0 pid=441) ERROR 11-24 11:54:11 [core.py:843] {why}\nRuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {{}}\n"
        );
        return node.write_log(graphs, &line);
    }
    capture(node, graphs, server);
    node.api_at = graphs + seconds(GRAPHS);
}

fn capture(node: &mut SimMlNode, graphs: Time, server: &VllmServer) {
    let worker = "(Worker_TP0 pid=512) INFO 11-24 11:54:11";
    let line = format!(
        "\n{worker} [gpu_model_runner.py:3338] Model loading took 54.1377 GiB memory and {:.6} seconds\n",
        node.load
    );
    node.write_log(graphs, &line);
    let line = format!("{worker} [monitor.py:34] torch.compile takes 8.00 s in total\n");
    node.write_log(graphs + seconds(8.0), &line);
    let what = "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE)";
    node.log_graphs(graphs, what);
    let up = format!(
        "\n(APIServer pid=41) INFO 11-24 11:55:11 [api_server.py:1977] Starting vLLM API server 0 on http://127.0.0.1:{}\n(APIServer pid=41) INFO:     Application startup complete.\n",
        server.port
    );
    node.write_log(graphs + seconds(GRAPHS), &up);
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
