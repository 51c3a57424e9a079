//! The workload's settings, from an order's environment, command and start script. Pure.
//!
//! Whether the variables of an image reach a rental's start script is not known (guide, section 7), so
//! only what the order itself sets counts.

use serde_json::Value;

/// Where Hugging Face's files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HubFolder {
    /// `$HF_HOME/hub`, or `/root/.cache/hub`: that of the `MLNode`'s `models/*`.
    Node,
    /// `~/.cache/huggingface/hub`: vLLM's, without `HF_HOME`.
    User,
}

/// How the image's command is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// Through `/app/entrypoint.sh`, which links `libcuda.so` and raises the limit of open files.
    Entrypoint,
    Bare,
}

/// What becomes of the workload when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Supervision {
    /// The start script ends leftover vLLM processes and starts it again.
    Loop,
    Nobody,
}

/// Whether the workload may download from Hugging Face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HubAccess {
    Online,
    /// `HF_HUB_OFFLINE`.
    Offline,
}

/// Whether uvicorn logs each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccessLog {
    On,
    /// `--no-access-log`.
    Off,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::world) struct Settings {
    /// Where vLLM looks for a model.
    pub(super) vllm_folder: HubFolder,
    pub(super) hub_access: HubAccess,
    /// `VLLM_RUNNER_TIMEOUT`, in seconds.
    pub(super) runner_timeout: Option<f64>,
    /// `MODEL_DOWNLOAD_STALL_TIMEOUT`, in seconds.
    pub(super) stall_timeout: f64,
    /// `MLNODE_VLLM_MODULE`.
    pub(super) vllm_module: Option<String>,
    /// `INFERENCE_PORT`: vLLM's instances get the ports after it.
    pub(super) inference_port: u16,
    pub(super) entry: Entry,
    pub(super) supervision: Supervision,
    pub(super) access_log: AccessLog,
}

/// The record that a start script with a loop writes.
pub(in crate::world) const RECORD: &str = "/var/lib/pocpit/mlnode.status";

impl Settings {
    pub(in crate::world) fn of(order: &Value) -> Settings {
        let onstart = order["onstart"].as_str().unwrap_or_default();
        let command = order["env"]["POCPIT_COMMAND"].as_str().unwrap_or_default();
        let setting = |name: &str| {
            let given = order["env"][name].as_str();
            let given = given.or_else(|| assigned(command, name));
            given.or_else(|| assigned(onstart, name))
        };
        let contains = |word: &str| command.contains(word) || onstart.contains(word);
        let seconds = |name: &str| setting(name).and_then(|text| text.trim().parse().ok());
        Settings {
            vllm_folder: match setting("HF_HOME") {
                Some(_) => HubFolder::Node,
                None => HubFolder::User,
            },
            hub_access: match setting("HF_HUB_OFFLINE") {
                Some("1" | "ON" | "YES" | "TRUE" | "true") => HubAccess::Offline,
                _ => HubAccess::Online,
            },
            runner_timeout: seconds("VLLM_RUNNER_TIMEOUT"),
            stall_timeout: seconds("MODEL_DOWNLOAD_STALL_TIMEOUT").unwrap_or(600.0),
            vllm_module: setting("MLNODE_VLLM_MODULE").map(str::to_owned),
            inference_port: setting("INFERENCE_PORT")
                .and_then(|port| port.parse().ok())
                .unwrap_or(5000),
            entry: if contains("entrypoint.sh") {
                Entry::Entrypoint
            } else {
                Entry::Bare
            },
            access_log: if contains("--no-access-log") {
                AccessLog::Off
            } else {
                AccessLog::On
            },
            supervision: if contains("mlnode.status") {
                Supervision::Loop
            } else {
                Supervision::Nobody
            },
        }
    }
}

/// The value of `NAME=value`, or of `${NAME:=value}`, in a script.
fn assigned<'a>(script: &'a str, name: &str) -> Option<&'a str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    script.match_indices(name).find_map(|(at, _)| {
        let before = script[..at].chars().next_back();
        let rest = &script[at + name.len()..];
        let rest = rest.strip_prefix(':').unwrap_or(rest).strip_prefix('=')?;
        let rest = rest.trim_start_matches(['"', '\'']);
        let end = rest.find(|c: char| c.is_whitespace() || "\"';&})".contains(c));
        let value = &rest[..end.unwrap_or(rest.len())];
        (!before.is_some_and(is_word) && !value.is_empty()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn environment_comes_from_order_or_script() {
        let order = json!({
            "env": {"VLLM_RUNNER_TIMEOUT": "3600", "POCPIT_COMMAND": "cd /app && exec /app/entrypoint.sh uvicorn api.app:app"},
            "onstart": ": \"${HF_HOME:=/root/.cache}\"; export MLNODE_VLLM_MODULE='gonka_poc.entrypoint.api_router'\necho >mlnode.status",
        });
        let settings = Settings::of(&order);
        assert_eq!(settings.runner_timeout, Some(3_600.0));
        assert_eq!(settings.vllm_folder, HubFolder::Node);
        let module = settings.vllm_module.as_deref();
        assert_eq!(module, Some("gonka_poc.entrypoint.api_router"));
        assert_eq!(settings.entry, Entry::Entrypoint);
        assert_eq!(settings.supervision, Supervision::Loop);
        assert_eq!(settings.access_log, AccessLog::On);
    }

    #[test]
    fn bare_order_sets_nothing() {
        let order = json!({"env": {"MY_HF_HOME": "/x", "POCPIT_COMMAND": "uvicorn api.app:app"}, "onstart": "echo HF_HOME"});
        let settings = Settings::of(&order);
        assert_eq!(settings.vllm_folder, HubFolder::User);
        assert_eq!(
            (settings.runner_timeout, settings.vllm_module),
            (None, None)
        );
        assert_eq!(settings.inference_port, 5000);
        assert_eq!(settings.entry, Entry::Bare);
        assert_eq!(settings.supervision, Supervision::Nobody);
    }
}
