//! Converts the `.env` of the Python scripts, pocpit's predecessor, into settings.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Serialize;

use super::schema::{Need, Setting};
use super::table::{OPTIONAL_SECTIONS, SETTINGS};
use crate::domain::nearest;

#[derive(Debug, Default)]
pub struct Imported {
    pub values: BTreeMap<&'static str, String>,
    /// Secrets by setting; each goes to a file of its own beside the configuration.
    pub secrets: BTreeMap<&'static str, SecretString>,
    /// One note per variable, in order.
    pub notes: Vec<ImportNote>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportNote {
    pub variable: String,
    pub fate: Fate,
    /// Why it was not mapped; empty when it was.
    pub remark: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    Mapped(Vec<&'static str>),
    NotMapped,
}

/// Settings with their TOML values, or why the variable is not mapped.
type Converted = Result<Vec<(&'static str, String)>, String>;

enum Rule {
    Text(&'static str),
    Number(&'static str),
    Seconds(&'static str),
    Gigabytes(&'static str),
    Secret(&'static str),
    Argument(&'static str),
    With(fn(&str) -> Converted),
    Dropped(&'static str),
}

#[rustfmt::skip]
const RULES: &[(&str, Rule)] = &[
    ("HYPERBOLIC_API_KEY", Rule::Secret("inference_proxy.upstream_key")),
    ("HYPERBOLIC_BASE_URL", Rule::Text("inference_proxy.upstream")),
    ("HYPERBOLIC_MODEL", Rule::Text("inference_proxy.upstream_model")),
    ("HYPERBOLIC_PROXY_PORT", Rule::With(proxy_port)),
    ("MLNODE_POC_MODEL", Rule::Text("mlnode.model")),
    ("MLNODE_INFERENCE_MODEL", Rule::Text("inference_proxy.model")),
    ("MLNODE_MODEL", Rule::Dropped("repeats MLNODE_POC_MODEL")),
    ("VASTAI_API_KEY", Rule::Secret("vast.api_key")),
    ("VASTAI_SSH_KEY_PATH", Rule::Text("ssh.key_file")),
    ("VASTAI_GPU_TYPE", Rule::With(gpu_names)),
    ("VASTAI_NUM_GPUS", Rule::Number("vast.gpu_count")),
    ("VASTAI_MAX_PRICE", Rule::Number("vast.max_price")),
    ("VASTAI_MIN_VRAM", Rule::Gigabytes("vast.min_gpu_memory")),
    ("VASTAI_DISK_SIZE", Rule::Gigabytes("vast.disk")),
    ("VASTAI_SSH_READY_TIMEOUT", Rule::Dropped("pocpit retries the connection for the life of the rental; mlnode.startup_timeout limits the whole boot")),
    ("VASTAI_SSH_AUTH_GRACE", Rule::Dropped("pocpit attaches a refused key again until it is accepted")),
    ("VPS_IP", Rule::With(own_address)),
    ("GONKA_ADMIN_API_URL", Rule::Text("network_node.admin_api")),
    ("GONKA_NETWORK_NODE_URL", Rule::With(public_api)),
    ("GONKA_HOST_ADDRESS", Rule::Text("chain.participant")),
    ("MLNODE_ID", Rule::Text("inference_proxy.node_id")),
    ("MLNODE_QUANTIZATION", Rule::With(quantization)),
    ("MLNODE_INFERENCE_PORT", Rule::Number("inference_proxy.inference_port")),
    ("MLNODE_POC_PORT", Rule::Number("inference_proxy.poc_port")),
    ("POC_PREP_TIME", Rule::Seconds("poc.lead")),
    ("POC_CHECK_INTERVAL", Rule::Dropped("the chain is read every chain.poll; minutes are too long near PoC")),
    ("MAX_POC_DURATION", Rule::Seconds("poc.execution_timeout")),
    ("MAX_DAILY_SPEND", Rule::With(budget)),
    ("DOCKER_IMAGE", Rule::Text("vast.image")),
    ("HF_HOME", Rule::With(hf_home)),
    ("VLLM_MAX_MODEL_LEN", Rule::Argument("--max-model-len")),
    ("VLLM_GPU_MEMORY_UTIL", Rule::Argument("--gpu-memory-utilization")),
    ("VLLM_MAX_NUM_SEQS", Rule::Argument("--max-num-seqs")),
    ("VLLM_STARTUP_TIMEOUT", Rule::Seconds("mlnode.startup_timeout")),
    ("VLLM_MODEL_DOWNLOAD_TIMEOUT", Rule::Dropped("the download is part of mlnode.startup_timeout")),
    ("ENABLE_ALERTS", Rule::Dropped("set notify.webhook or another channel to receive alerts")),
    ("ALERT_EMAIL", Rule::Dropped("pocpit sends no mail; a service behind notify.webhook can")),
];

/// Imports a `.env`. It never fails: the notes list what cannot be mapped.
pub fn import(text: &str) -> Imported {
    let variables = variables(text);
    let mut imported = Imported::default();
    let mut arguments: Vec<String> = Vec::new();
    for (name, value) in &variables {
        let rule = RULES
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, rule)| rule);
        let (fate, remark) = match rule {
            None => (Fate::NotMapped, unknown(name)),
            Some(Rule::Dropped(why)) => (Fate::NotMapped, (*why).to_owned()),
            Some(_) if is_placeholder(value) => {
                (Fate::NotMapped, "empty or still a placeholder".to_owned())
            }
            Some(rule) => match imported.apply(rule, value, &mut arguments) {
                Ok(settings) => (Fate::Mapped(settings), String::new()),
                Err(why) => (Fate::NotMapped, why),
            },
        };
        imported.notes.push(ImportNote {
            variable: name.clone(),
            fate,
            remark,
        });
    }
    imported.finish(arguments);
    imported
}

impl Imported {
    fn apply(
        &mut self,
        rule: &Rule,
        value: &str,
        arguments: &mut Vec<String>,
    ) -> Result<Vec<&'static str>, String> {
        let set = match rule {
            Rule::Text(path) => vec![(*path, quoted(value))],
            Rule::Number(path) => vec![(*path, number(value)?)],
            Rule::Seconds(path) => vec![(*path, quoted(&format!("{}s", whole(value)?)))],
            Rule::Gigabytes(path) => vec![(*path, quoted(&format!("{} GB", number(value)?)))],
            Rule::Secret(path) => {
                self.secrets
                    .insert(path, SecretString::from(value.to_owned()));
                return Ok(vec![path]);
            }
            Rule::Argument(flag) => {
                arguments.extend([(*flag).to_owned(), value.to_owned()]);
                return Ok(vec!["mlnode.args"]);
            }
            Rule::With(convert) => convert(value)?,
            Rule::Dropped(why) => return Err((*why).to_owned()),
        };
        let mut settings = Vec::new();
        for (path, value) in set {
            if path == "mlnode.args" {
                arguments.extend(value.split(' ').map(str::to_owned));
            } else {
                self.values.insert(path, value);
            }
            settings.push(path);
        }
        Ok(settings)
    }

    /// Settings that depend on several variables.
    fn finish(&mut self, mut arguments: Vec<String>) {
        if let Some(count) = self
            .values
            .get("vast.gpu_count")
            .filter(|count| *count != "1")
        {
            arguments.extend(["--tensor-parallel-size".to_owned(), count.clone()]);
        }
        let list: Vec<String> = arguments.iter().map(|argument| quoted(argument)).collect();
        self.values
            .insert("mlnode.args", format!("[{}]", list.join(", ")));
        // Without an upstream there is no proxy to describe.
        let proxied = self.secrets.contains_key("inference_proxy.upstream_key");
        if !proxied {
            self.values
                .retain(|path, _| !path.starts_with("inference_proxy."));
        }
        // The scripts rented unverified machines too.
        self.values
            .entry("vast.verification")
            .or_insert_with(|| quoted("any"));
    }

    /// Required settings that are still missing.
    pub fn missing(&self) -> Vec<&'static str> {
        let is_needed = |setting: &&Setting| {
            let (section, mut given) = (setting.section(), self.values.keys());
            matches!(setting.need, Need::Required | Need::Suggested)
                && (!OPTIONAL_SECTIONS.contains(&section)
                    || given.any(|path| path.starts_with(section)))
        };
        let is_given = |setting: &&Setting| {
            let secret = setting.path.trim_end_matches("_file");
            self.values.contains_key(setting.path) || self.secrets.contains_key(secret)
        };
        let needed = SETTINGS.iter().filter(is_needed);
        needed
            .filter(|setting| !is_given(setting))
            .map(|setting| setting.path)
            .collect()
    }
}

fn variables(text: &str) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else {
            continue;
        };
        let value = expand(&unquoted(value.trim()), &variables);
        let name = name.trim().to_owned();
        variables.retain(|(earlier, _)| *earlier != name);
        variables.push((name, value));
    }
    variables
}

/// A value without its quotes or its trailing comment.
fn unquoted(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote)
            && let Some((inner, _)) = rest.split_once(quote)
        {
            return inner.to_owned();
        }
    }
    value
        .split(" #")
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// Replaces `${NAME}` by an earlier value.
fn expand(value: &str, variables: &[(String, String)]) -> String {
    let mut expanded = value.to_owned();
    for (name, earlier) in variables {
        expanded = expanded.replace(&format!("${{{name}}}"), earlier);
    }
    expanded
}

fn is_placeholder(value: &str) -> bool {
    let value = value.to_lowercase();
    value.is_empty()
        || (value.starts_with("your_") && value.ends_with("_here"))
        || value == "gonka1youraddresshere"
        || value == "your_email@example.com"
}

fn unknown(name: &str) -> String {
    match nearest(name, RULES.iter().map(|(known, _)| *known)) {
        Some((near, likeness)) if likeness > 0.9 => {
            format!("unknown variable; did you mean {near}?")
        }
        _ => "no such setting".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn number(text: &str) -> Result<String, String> {
    let number: f64 = text
        .trim()
        .parse()
        .map_err(|_| format!("{text:?} is not a number"))?;
    if number.is_finite() {
        Ok(text.trim().to_owned())
    } else {
        Err(format!("{text:?} is not a number"))
    }
}

fn whole(text: &str) -> Result<u64, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("{text:?} is not a whole number of seconds"))
}

fn proxy_port(value: &str) -> Converted {
    let port: u16 = value
        .parse()
        .map_err(|_| format!("{value:?} is not a port"))?;
    Ok(vec![(
        "inference_proxy.listen",
        quoted(&format!("0.0.0.0:{port}")),
    )])
}

fn gpu_names(value: &str) -> Converted {
    let any = value.eq_ignore_ascii_case("any");
    let names = value
        .split(',')
        .map(|name| name.trim().replace('_', " "))
        .filter(|name| !any && !name.is_empty());
    let list: Vec<String> = names.map(|name| quoted(&name)).collect();
    if list.is_empty() && !any {
        return Err("no GPU is named".to_owned());
    }
    Ok(vec![("vast.gpu_names", format!("[{}]", list.join(", ")))])
}

/// The scripts ran on the machine that the Network Node reaches.
fn own_address(value: &str) -> Converted {
    let address: std::net::IpAddr = value
        .parse()
        .map_err(|_| format!("{value:?} is not an IP address; set network_node.host yourself"))?;
    Ok(vec![
        ("network_node.host", quoted(value)),
        (
            "network_node.api_listen",
            quoted(&std::net::SocketAddr::from((address, 18_080)).to_string()),
        ),
        (
            "network_node.inference_listen",
            quoted(&std::net::SocketAddr::from((address, 15_000)).to_string()),
        ),
        ("inference_proxy.host", quoted(value)),
    ])
}

/// The node's proxy on port 8000 serves the public API below `/api`.
fn public_api(value: &str) -> Converted {
    let url: url::Url = value
        .parse()
        .map_err(|_| format!("{value:?} is not an address"))?;
    let plain = url.as_str().trim_end_matches('/');
    let api = if url.port() == Some(8000) {
        format!("{plain}/api")
    } else {
        plain.to_owned()
    };
    let mut values = vec![("chain.public_api", format!("[{}]", quoted(&api)))];
    if url.port() == Some(8000) {
        values.push((
            "chain.rpc",
            format!("[{}]", quoted(&format!("{plain}/chain-rpc/"))),
        ));
    }
    Ok(values)
}

fn quantization(value: &str) -> Converted {
    match value {
        "auto" => Err("auto is the default of vLLM".to_owned()),
        other => Ok(vec![("mlnode.args", format!("--quantization {other}"))]),
    }
}

/// The scripts had one cap, which a single sprint could use up.
fn budget(value: &str) -> Converted {
    let day: f64 = number(value)?
        .parse()
        .map_err(|_| format!("{value:?} is not a number"))?;
    Ok(vec![
        ("budget.per_sprint", format!("{day:?}")),
        ("budget.per_day", format!("{day:?}")),
        ("budget.per_month", format!("{:?}", day * 30.0)),
    ])
}

fn hf_home(value: &str) -> Converted {
    if !value.starts_with('/') {
        return Err(format!(
            "{value:?} is not an absolute path in the container"
        ));
    }
    Ok(vec![(
        "vast.env",
        format!("{{ HF_HOME = {} }}", quoted(value)),
    )])
}
