//! Converts the `.env` of the Python scripts, pocpit's predecessor, into settings; and what both kinds of
//! import share.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use secrecy::SecretString;

use super::schema::Setting;
use super::table::{OPTIONAL_SECTIONS, SETTINGS};
use super::value;
use crate::domain::nearest;

#[derive(Debug, Default)]
pub struct Imported {
    pub values: BTreeMap<&'static str, String>,
    /// Secrets by setting; each goes to a file of its own beside the configuration.
    pub secrets: BTreeMap<&'static str, SecretString>,
    /// One note per variable, in order.
    pub notes: Vec<ImportNote>,
    /// Arguments of vLLM.
    arguments: Vec<String>,
}

#[derive(Debug)]
pub struct ImportNote {
    pub variable: String,
    pub fate: Fate,
}

/// The settings that something is mapped to, or why there are none.
pub type Fate = Result<Vec<&'static str>, String>;

/// Settings with their TOML values, or why the variable is not mapped.
type Converted = Result<Vec<(&'static str, String)>, String>;

enum Rule {
    Text(&'static str),
    Number(&'static str),
    Seconds(&'static str),
    Gigabytes(&'static str),
    Secret(&'static str),
    /// An argument of vLLM.
    Argument(&'static str),
    /// The same, but left out when the value is vLLM's default.
    ArgumentUnless {
        flag: &'static str,
        default: &'static str,
        why: &'static str,
    },
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
    ("MLNODE_QUANTIZATION", Rule::ArgumentUnless { flag: "--quantization", default: "auto", why: "auto is the default of vLLM" }),
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
pub(super) fn of_env(text: &str) -> Imported {
    let mut imported = Imported::default();
    for (variable, value) in variables(text) {
        let fate = value.and_then(|value| imported.add(&variable, &value));
        imported.note(&variable, fate);
    }
    if imported.values.contains_key("chain.public_api") {
        imported.note("chain.rest, chain.rpc", Err(CHAIN_APIS.to_owned()));
    }
    imported.finish();
    imported
}

impl Imported {
    fn add(&mut self, name: &str, value: &str) -> Fate {
        let rule = RULES.iter().find(|(known, _)| *known == name);
        let (_, rule) = rule.ok_or_else(|| unknown(name))?;
        let values = match rule {
            Rule::Dropped(why) => return Err((*why).to_owned()),
            _ if is_placeholder(value) => return Err("empty or still a placeholder".to_owned()),
            Rule::Text(path) => vec![(*path, quoted(value))],
            Rule::Number(path) => vec![(*path, number(value)?)],
            Rule::Seconds(path) => vec![(*path, quoted(format!("{}s", seconds(value)?)))],
            Rule::Gigabytes(path) => vec![(*path, quoted(format!("{} GB", number(value)?)))],
            Rule::With(convert) => convert(value)?,
            Rule::Secret(path) => {
                self.secrets.insert(path, SecretString::from(value));
                return Ok(vec![path]);
            }
            Rule::ArgumentUnless { default, why, .. } if value == *default => {
                return Err((*why).to_owned());
            }
            Rule::Argument(flag) | Rule::ArgumentUnless { flag, .. } => {
                let argument = [*flag, value].map(str::to_owned);
                self.arguments.extend(argument);
                return Ok(vec!["mlnode.args"]);
            }
        };
        let settings = values.iter().map(|(path, _)| *path).collect();
        self.values.extend(values);
        Ok(settings)
    }

    pub(super) fn note(&mut self, variable: &str, fate: Fate) {
        let variable = variable.to_owned();
        self.notes.push(ImportNote { variable, fate });
    }

    /// Settings that depend on several variables.
    fn finish(&mut self) {
        let gpus = self.values.get("vast.gpu_count");
        if let Some(gpus) = gpus.filter(|count| *count != "1") {
            let argument = ["--tensor-parallel-size", gpus].map(str::to_owned);
            self.arguments.extend(argument);
        }
        if !self.arguments.is_empty() {
            self.values.insert("mlnode.args", list(&self.arguments));
        }
        // Without an upstream there is no proxy to describe.
        if !self.secrets.contains_key("inference_proxy.upstream_key") {
            self.values
                .retain(|path, _| !path.starts_with("inference_proxy."));
        }
        // The scripts rented unverified machines too.
        let verification = self.values.entry("vast.verification");
        verification.or_insert_with(|| quoted("any"));
    }

    /// Required settings that are still missing.
    pub fn missing(&self) -> Vec<&'static str> {
        let is_on = |section: &str| {
            let mut given = self.values.keys();
            !OPTIONAL_SECTIONS.contains(&section) || given.any(|path| path.starts_with(section))
        };
        let is_given = |setting: &Setting| {
            let secret = setting.path.trim_end_matches("_file");
            self.values.contains_key(setting.path) || self.secrets.contains_key(secret)
        };
        let missing = SETTINGS.iter().filter(|setting| {
            setting.is_needed() && is_on(setting.section()) && !is_given(setting)
        });
        missing.map(|setting| setting.path).collect()
    }
}

/// A variable's value, or why only a shell could tell it.
type EnvValue = Result<String, String>;

fn variables(text: &str) -> Vec<(String, EnvValue)> {
    let mut variables: Vec<(String, EnvValue)> = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else {
            continue;
        };
        let value = value.trim();
        let literal = value.starts_with('\'');
        let value = unquoted(value);
        let value = if literal {
            Ok(value)
        } else {
            expand(&value, &variables)
        };
        let name = name.trim().to_owned();
        variables.retain(|(earlier, _)| *earlier != name);
        variables.push((name, value));
    }
    variables
}

/// A value without quotes or trailing comment.
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

/// Replaces `${NAME}` by an earlier value. What a shell would run or look up elsewhere is not known here;
/// the value may be a secret and is not shown.
fn expand(value: &str, variables: &[(String, EnvValue)]) -> EnvValue {
    if value.contains("$(") || value.contains('`') {
        let why = "a shell would run a command for its value: set it by hand";
        return Err(why.to_owned());
    }
    let mut expanded = value.to_owned();
    for (name, earlier) in variables {
        if let Ok(earlier) = earlier {
            expanded = expanded.replace(&format!("${{{name}}}"), earlier);
        }
    }
    if expanded.contains("${") {
        let why = "it refers to a variable that has no value here: set it by hand";
        return Err(why.to_owned());
    }
    Ok(expanded)
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

pub(super) fn quoted(text: impl Into<toml::Value>) -> String {
    text.into().to_string()
}

pub(super) fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text.as_str())).collect();
    format!("[{}]", texts.join(", "))
}

fn parsed<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not {what}"))
}

fn number(text: &str) -> Result<String, String> {
    let trimmed = text.trim();
    // As TOML writes it: `.5`, `5.` and `+5` are numbers to others.
    if let Ok(whole) = trimmed.parse::<i64>() {
        return Ok(whole.to_string());
    }
    let number: Option<f64> = trimmed
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite());
    let number = number.ok_or_else(|| format!("{text:?} is not a number"))?;
    Ok(format!("{number:?}"))
}

fn seconds(text: &str) -> Result<u64, String> {
    let seconds: u64 = parsed(text.trim(), "a whole number of seconds")?;
    let is_duration = value::duration(&format!("{seconds}s")).is_some();
    is_duration
        .then_some(seconds)
        .ok_or_else(|| format!("{text:?} is too many seconds"))
}

fn proxy_port(value: &str) -> Converted {
    let port: u16 = parsed(value, "a port")?;
    let address = quoted(format!("0.0.0.0:{port}"));
    Ok(vec![("inference_proxy.listen", address)])
}

fn gpu_names(value: &str) -> Converted {
    let any = value.eq_ignore_ascii_case("any");
    let names = value.split(',').map(|name| name.trim().replace('_', " "));
    let names: Vec<String> = names.filter(|name| !any && !name.is_empty()).collect();
    if names.is_empty() && !any {
        return Err("no GPU is named".to_owned());
    }
    Ok(vec![("vast.gpu_names", list(&names))])
}

/// The scripts ran on the machine that the Network Node reaches.
fn own_address(value: &str) -> Converted {
    let address: IpAddr = parsed(value, "an IP address; set network_node.host yourself")?;
    let listen = |port| quoted(SocketAddr::from((address, port)).to_string());
    let host = match address {
        IpAddr::V4(_) => quoted(value),
        IpAddr::V6(address) => quoted(format!("[{address}]")),
    };
    Ok(vec![
        ("network_node.host", host.clone()),
        ("network_node.api_listen", listen(18_080)),
        ("network_node.inference_listen", listen(15_000)),
        ("inference_proxy.host", host),
    ])
}

/// The node's proxy on port 8000 serves the public API below `/api`. The chain's own APIs are off there by
/// default.
fn public_api(value: &str) -> Converted {
    let url: url::Url = parsed(value, "an address")?;
    let plain = url.as_str().trim_end_matches('/');
    let path = match url.port() {
        Some(8000) => "/api",
        _ => "",
    };
    let api = list(&[format!("{plain}{path}")]);
    Ok(vec![("chain.public_api", api)])
}

/// gonka v0.2.14 deploy/join/docker-compose.yml has both switches at `true`.
const CHAIN_APIS: &str = "a Network Node's proxy does not serve them unless DISABLE_CHAIN_API=false and DISABLE_CHAIN_RPC=false are set for it. Set chain.rest to port 1317 of the chain node, or to http://HOST:8000/chain-api/ then: the rules of the reward are read there before renting. chain.rpc (port 26657, or /chain-rpc/) may stay empty";

/// The scripts had one cap, which a single sprint could use up.
fn budget(value: &str) -> Converted {
    let day: f64 = parsed(&number(value)?, "a number")?;
    if value::dollars_of(day * 30.0).is_none() {
        return Err(format!("{value:?} is not a sum for a day"));
    }
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
    let env = format!("{{ HF_HOME = {} }}", quoted(value));
    Ok(vec![("vast.env", env)])
}
