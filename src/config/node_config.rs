//! Converts a `node-config.json` of the official deployment: the model and arguments of a host.
//!
//! Shape: gonka `deploy/join/node-config-<model>-<GPU>.json`, and the other fields that the Network Node
//! accepts (v0.2.14 `decentralized-api/apiconfig`, `InferenceNodeConfig`).

use serde_json::{Map, Value};

use super::derived::value_of;
use super::import::{Fate, Imported, list, quoted};
use crate::domain::GpuFamily;

/// Fields of a node that say where it is: a rental's are the tunnel's.
const PLACE: [&str; 3] = ["host", "inference_port", "poc_port"];

/// Whether a file is one, and not a `.env`.
pub(super) fn is_node_config(text: &str) -> bool {
    text.trim_start().starts_with(['[', '{'])
}

/// The first node of the file, or why there is none.
pub(super) fn import(text: &str) -> Result<Imported, String> {
    let file: Value = serde_json::from_str(text).map_err(|error| {
        format!("it looks like a node-config.json, but is not valid JSON: {error}")
    })?;
    let nodes = match &file {
        Value::Array(nodes) => nodes.as_slice(),
        one => std::slice::from_ref(one),
    };
    let Some((Value::Object(first), others)) = nodes.split_first() else {
        return Err("no node in the file: expected a list of objects".to_owned());
    };
    let mut imported = Imported::default();
    for (field, value) in first {
        imported.node_field(field, value);
    }
    if !first.contains_key("hardware") {
        let why = "not in the file: set vast.gpu_names to the GPUs for which these arguments are";
        imported.note("hardware", Err(why.to_owned()));
    }
    for (number, node) in (2..).zip(others) {
        let name = node["id"].as_str().unwrap_or("without an id");
        let why = "only the first node is imported: a cockpit rents one at a time";
        imported.note(&format!("node {number} ({name})"), Err(why.to_owned()));
    }
    Ok(imported)
}

impl Imported {
    fn node_field(&mut self, field: &str, value: &Value) {
        let fate = match field {
            "models" => return self.models(value),
            "max_concurrent" => self.whole("mlnode.max_concurrent", value),
            "inference_segment" => self.segment("mlnode.inference_segment", value),
            "poc_segment" => self.segment("mlnode.poc_segment", value),
            "hardware" => self.hardware(value),
            "id" => Err("a node of ours is named network_node.node_prefix and the rental's number".to_owned()),
            place if PLACE.contains(&place) => {
                Err("a rental is registered where the tunnel ends: network_node.host, api_listen and inference_listen".to_owned())
            }
            _ => Err("no such setting".to_owned()),
        };
        self.note(field, fate);
    }

    /// In the order of their ids, as the Network Node chooses among several.
    fn models(&mut self, value: &Value) {
        let empty = Map::new();
        let models = value.as_object().unwrap_or(&empty);
        let mut models = models.iter();
        let Some((id, model)) = models.next() else {
            return self.note("models", Err("no model is named".to_owned()));
        };
        self.values.insert("mlnode.model", quoted(id.as_str()));
        self.note("models", Ok(vec!["mlnode.model"]));
        let fields = model.as_object().unwrap_or(&empty);
        for (field, value) in fields {
            let fate = match field.as_str() {
                "args" => self.args(value),
                _ => Err(
                    "no such setting: the model is registered as governance lists it".to_owned(),
                ),
            };
            self.note(&format!("models.{id}.{field}"), fate);
        }
        for (other, _) in models {
            let why = format!("a node of ours serves one model, and {id} comes first");
            self.note(&format!("models.{other}"), Err(why));
        }
    }

    fn args(&mut self, value: &Value) -> Fate {
        let words = value.as_array().and_then(|args| {
            let words = args.iter().map(|arg| arg.as_str().map(str::to_owned));
            words.collect::<Option<Vec<String>>>()
        });
        let words = words.ok_or("not a list of strings")?;
        self.values.insert("mlnode.args", list(&words));
        let mut settings = vec!["mlnode.args"];
        let gpus = parallelism(&words).filter(|_| !self.values.contains_key("vast.gpu_count"));
        if let Some(gpus) = gpus {
            self.values.insert("vast.gpu_count", gpus.to_string());
            settings.push("vast.gpu_count");
        }
        Ok(settings)
    }

    /// `[{"type": "NVIDIA H100 80GB HBM3", "count": 4}]`.
    fn hardware(&mut self, value: &Value) -> Fate {
        let [only] = value.as_array().map_or(&[][..], Vec::as_slice) else {
            return Err("not one kind of GPU".to_owned());
        };
        let count = only["count"].as_u64().ok_or("its count is not a number")?;
        self.values.insert("vast.gpu_count", count.to_string());
        let name = only["type"].as_str().unwrap_or_default();
        let Some(family) = GpuFamily::of(name) else {
            return Err(format!(
                "vast.gpu_count is {count}, but the market's name of {name:?} is not known: set vast.gpu_names"
            ));
        };
        let names: Vec<String> = family
            .market_names()
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        self.values.insert("vast.gpu_names", list(&names));
        Ok(vec!["vast.gpu_count", "vast.gpu_names"])
    }

    fn whole(&mut self, setting: &'static str, value: &Value) -> Fate {
        let number = value
            .as_u64()
            .ok_or_else(|| format!("{value} is not a whole number"))?;
        self.values.insert(setting, number.to_string());
        Ok(vec![setting])
    }

    fn segment(&mut self, setting: &'static str, value: &Value) -> Fate {
        let text = value
            .as_str()
            .ok_or_else(|| format!("{value} is not a string"))?;
        self.values.insert(setting, quoted(text));
        Ok(vec![setting])
    }
}

/// GPUs of one instance.
fn parallelism(args: &[String]) -> Option<u32> {
    let number = |name: &str| value_of(args, name)?.parse::<u32>().ok();
    let tensor = number("--tensor-parallel-size")?;
    tensor.checked_mul(number("--pipeline-parallel-size").unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// gonka deploy/join/node-config-minimaxm27-H100.json, with a second node, and what a running host
    /// has beside it.
    const FILE: &str = r#"[
  {
    "id": "node1",
    "host": "inference",
    "inference_port": 5000,
    "poc_port": 8080,
    "max_concurrent": 500,
    "models": {
      "MiniMaxAI/MiniMax-M2.7": {
        "args": ["--revision", "d494266a4affc0d2995ba1fa35c8481cbd84294b", "--tensor-parallel-size", "8",
          "--compilation-config", "{\"max_cudagraph_capture_size\": 608}", "--trust-remote-code"],
        "model_override": {"hf_repo": "x/y"}
      },
      "zai-org/GLM-5.3-Flash": {"args": []}
    },
    "poc_hw": null
  },
  { "id": "node2", "host": "inference2" }
]"#;

    fn fates(imported: &Imported) -> Vec<(&str, bool)> {
        let notes = imported.notes.iter();
        notes
            .map(|note| (note.variable.as_str(), note.fate.is_ok()))
            .collect()
    }

    #[test]
    fn node_config_json_is_imported() {
        let imported = import(FILE).unwrap();
        let value = |path| imported.values.get(path).map(String::as_str);
        assert_eq!(value("mlnode.model"), Some("\"MiniMaxAI/MiniMax-M2.7\""));
        assert_eq!(value("mlnode.max_concurrent"), Some("500"));
        assert_eq!(value("vast.gpu_count"), Some("8"));
        let args: toml::Value = format!("a = {}", value("mlnode.args").unwrap())
            .parse::<toml::Table>()
            .unwrap()["a"]
            .clone();
        assert_eq!(
            args[5].as_str(),
            Some("{\"max_cudagraph_capture_size\": 608}")
        );
        // Every field is accounted for, taken or not.
        assert_eq!(
            fates(&imported),
            [
                ("host", false),
                ("id", false),
                ("inference_port", false),
                ("max_concurrent", true),
                ("models", true),
                ("models.MiniMaxAI/MiniMax-M2.7.args", true),
                ("models.MiniMaxAI/MiniMax-M2.7.model_override", false),
                ("models.zai-org/GLM-5.3-Flash", false),
                ("poc_hw", false),
                ("poc_port", false),
                ("hardware", false),
                ("node 2 (node2)", false),
            ]
        );
        assert!(imported.missing().contains(&"vast.image"));
    }

    #[test]
    fn hardware_names_the_gpus() {
        let node = r#"{"models": {"m": {"args": ["--tensor-parallel-size", "2"]}},
            "hardware": [{"type": "NVIDIA H200 | 141GB", "count": 4}]}"#;
        let imported = import(node).unwrap();
        assert_eq!(imported.values["vast.gpu_count"], "4");
        assert!(imported.values["vast.gpu_names"].contains("\"H200\""));
    }

    #[test]
    fn broken_file_is_refused() {
        for (text, says) in [
            ("[{", "not valid JSON"),
            ("[]", "no node"),
            ("[1]", "no node"),
        ] {
            assert!(is_node_config(text));
            let why = import(text).unwrap_err();
            assert!(why.contains(says), "{says}: {why}");
        }
        assert!(!is_node_config("A=1\n[x]"));
    }
}
