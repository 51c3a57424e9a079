//! Every setting, declared once: loader, report, example file, `config show` and the names of
//! environment variables all come from this table.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::draft::ExposureKind;
use super::proxy::{AccessLog, UpstreamFeature};
use super::schema::{Credential, Kind, Parse, Set, Setting, setting};
use super::settings::{BellMode, MouseMode};
use super::value;
use crate::domain::{
    CockpitId, Duration, Hedging, NodeId, Participant, ReleasePolicy, UnknownRules, UsdPerHour,
    Verification,
};

/// The sections in the order of the example file, each with a sentence.
pub(super) const SECTIONS: &[(&str, &str)] = &[
    ("cockpit", "This cockpit."),
    ("chain", "Where the chain is read."),
    ("vast", "Vast.ai: the account, and what to rent."),
    ("ssh", "SSH to rentals."),
    ("mlnode", "What runs on a rental."),
    (
        "vllm",
        "vLLM on its own, for `pocpit serve`. Model, arguments and startup timeout are those of [mlnode].",
    ),
    ("poc", "Timing and policy of a sprint."),
    (
        "budget",
        "Spending caps. A step is refused if its worst case would exceed one.",
    ),
    ("network_node", "Your Network Node."),
    (
        "inference_proxy",
        "The inference proxy. Leave the whole section out if you do not run one.",
    ),
    ("notify", "Notifications."),
    ("paths", "Where files are."),
    (
        "simulation",
        "Clock of a simulated world. Only `pocpit sim` sets it.",
    ),
];

/// Sections that are off unless one of their settings is given.
pub(super) const OPTIONAL_SECTIONS: &[&str] = &["inference_proxy", "simulation"];

/// Longest time that any policy may keep a rental.
const LONGEST: Duration = Duration::days(7);
const MINUTE: Duration = Duration::minutes(1);

const RELEASE_FORM: &str = "after_validation, after_weight, after_confirmation, whole_epoch, a number of blocks such as \"blocks:2000\", or a time such as \"time:6h\"";

const NAME_FORM: &str = "1 to 32 of a-z, 0-9 and -";

const fn count(path: &'static str, min: u32, max: u32, set: Set<u32>) -> Setting {
    setting(path, Kind::Count { min, max, set })
}

const fn number(path: &'static str, min: f64, max: f64, set: Set<f64>) -> Setting {
    setting(path, Kind::Number { min, max, set })
}

const fn duration(path: &'static str, min: Duration, max: Duration, set: Set<Duration>) -> Setting {
    setting(path, Kind::Duration { min, max, set })
}

const fn parsed(path: &'static str, expected: &'static str, parse: Parse<str>) -> Setting {
    setting(path, Kind::Parsed { expected, parse })
}

const fn parsed_list(
    path: &'static str,
    expected: &'static str,
    parse: Parse<[String]>,
) -> Setting {
    setting(path, Kind::ParsedList { expected, parse })
}

const fn secret_file(path: &'static str) -> Setting {
    setting(path, Kind::SecretFile).doc("File that holds it and nothing else, mode 0600.")
}

/// Every setting, in the order of the example file.
#[rustfmt::skip]
pub(super) const SETTINGS: &[Setting] = &[
    parsed("cockpit.id", "1 to 32 of a-z, 0-9 and -", |d, text| {
        cockpit_id(text).map(|id| d.cockpit = Some(id))
    })
        .required("\"home\"")
        .doc("Name of this cockpit on the Vast account: 1 to 32 of a-z, 0-9 and -. Every rental is labelled with it, so two cockpits on one account need different names."),
    parsed_list("cockpit.peers", "a list of cockpit ids", |d, list| {
        all(list, cockpit_id).map(|ids| d.peers = ids)
    })
        .default("[]")
        .renamed_from(&["cockpit.neighbours"])
        .doc("Ids of other cockpits that may use the same Vast account. Auto mode refuses to run while any other cockpit has a rental there."),
    setting("cockpit.mouse", Kind::Choice(&[
        ("on", |d| d.mouse = MouseMode::Cockpit),
        ("off", |d| d.mouse = MouseMode::Terminal),
    ]))
        .default("\"on\"")
        .doc("Mouse in the cockpit. on: clicks and the wheel work, and text is selected with Shift held (Option in some terminals). off: the terminal keeps the mouse."),
    setting("cockpit.bell", Kind::Choice(&[
        ("notify", |d| d.bell = BellMode::Notify),
        ("bell", |d| d.bell = BellMode::Bell),
        ("off", |d| d.bell = BellMode::Off),
    ]))
        .default("\"notify\"")
        .renamed_from(&["cockpit.ring"])
        .doc("How the cockpit calls for attention when a new problem appears or a gate waits for approval. notify: bell and desktop notification (bell only in tmux, screen and the Linux console). bell: bell only. off: nothing."),
    setting("cockpit.keys", Kind::Table(|d, v| d.keys = v))
        .default("{}")
        .doc("Key bindings that replace the defaults: { abort = \"F8\", filter = \"/ Ctrl-g\" }. The README's table of keys lists the names. Keys of dialogs are fixed."),
    setting("cockpit.colors", Kind::Table(|d, v| d.colors = v))
        .default("{}")
        .doc("Colours for ok, warn, bad, dim and accent: { accent = \"#79c0ff\", dim = \"250\", bad = \"light red\" }. A terminal with fewer colours shows the nearest one."),
    setting("chain.public_api", Kind::Urls(|d, v| d.chain.public_api = v))
        .required("[\"http://10.0.0.5:9000\"]")
        .doc("Public API of your own node first (port 9000, or http://HOST:8000/api), then others."),
    setting("chain.rpc", Kind::Urls(|d, v| d.chain.rpc = v))
        .default("[]")
        .doc("CometBFT RPC (port 26657; a Network Node's proxy serves http://HOST:8000/chain-rpc/ only if that is enabled), to measure block times and to subscribe to new blocks over its WebSocket."),
    setting("chain.rest", Kind::Urls(|d, v| d.chain.rest = v))
        .default("[]")
        .doc("REST API of the chain itself (port 1317; a Network Node's proxy serves http://HOST:8000/chain-api/ only if that is enabled), for planned upgrades and the odds of a confirmation PoC."),
    parsed("chain.participant", "an address that begins with gonka1", |d, text| {
        participant(text).map(|participant| d.network_node.participant = participant)
    })
        .required("\"gonka1youraddress\"")
        .doc("Your participant's address on the chain; with several [[network_node]], that of those without one of their own."),
    duration("chain.poll", Duration::seconds(1), Duration::minutes(5), |d, v| d.chain.poll = v)
        .default("\"6s\"")
        .doc("Interval between reads of the chain."),
    setting("vast.api_key", Kind::Secret(|d, v| d.vast.api_key = v))
        .credential(Credential::Market)
        .shared()
        .doc("Vast API key. Prefer a file; the environment works too."),
    secret_file("vast.api_key_file").suggested("\"~/.config/pocpit/vast.key\"")
        .shared()
        .doc("File that holds the Vast API key and nothing else, mode 0600."),
    setting("vast.base_url", Kind::Url(|d, v| d.vast.base_url = v))
        .default("\"https://console.vast.ai\"")
        .shared()
        .doc("Base URL of the Vast API."),
    setting("vast.gpu_names", Kind::Texts(|d, v| d.vast.query.gpu_names = v))
        .default("[\"H100 SXM\"]")
        .doc("Acceptable GPUs, named as on Vast; [] for any."),
    setting("vast.gpu_count", Kind::Counts { min: 1, max: 64, set: |d, v| d.vast.query.gpu_counts = v })
        .default("4")
        .doc("Number of GPUs of a machine. A list, such as [4, 8], accepts each of them: the node runs as many instances of the model as fit. Offers rank by cost, so the smallest that works is usually first."),
    setting("vast.min_gpu_memory", Kind::Size(|d, v| d.vast.query.min_gpu_memory_mb = whole(v)))
        .default("\"78 GB\"")
        .doc("Minimum memory per GPU."),
    setting("vast.min_total_gpu_memory", Kind::Size(|d, v| d.given.min_total_gpu_memory_mb = Some(whole(v))))
        .optional("\"280 GB\"")
        .doc("Minimum memory of all GPUs together; 0 for no extra limit. Default: what the model needs, or 0 if the model is unknown."),
    setting("vast.max_price", Kind::Money(|d, v| d.vast.query.max_price = UsdPerHour(v)))
        .default("14.0")
        .doc("Maximum price in dollars per hour, disk included."),
    setting("vast.disk", Kind::Size(|d, v| d.given.disk_gb = Some(v / 1_000.0)))
        .optional("\"300 GB\"")
        .doc("Disk to rent. Image and model must fit. Default: vast.image_gb + 1.1 * vast.model_gb + 20 GB, but at least 250 GB."),
    number("vast.min_reliability", 0.0, 1.0, |d, v| d.vast.query.min_reliability = v)
        .default("0.95")
        .doc("Minimum reliability of the host, 0 to 1."),
    number("vast.min_download_mbps", 0.0, 1e6, |d, v| d.vast.query.min_download_mbps = v)
        .default("500.0")
        .doc("Minimum download bandwidth in Mbit/s."),
    number("vast.min_cuda", 0.0, 99.0, |d, v| d.given.min_cuda = Some(v))
        .optional("13.0")
        .doc("Minimum CUDA version of the driver. Default: by the tag of an official image (3.0.16 and later: 13.0; -cu129 and 3.0.14: 12.9), any for other images."),
    count("vast.min_direct_ports", 0, 1_000, |d, v| d.vast.query.min_direct_ports = v)
        .default("1")
        .doc("Minimum number of ports that can be mapped directly."),
    setting("vast.verification", Kind::Choice(&[
        ("required", |d| d.vast.query.verification = Verification::Required),
        ("any", |d| d.vast.query.verification = Verification::Any),
    ]))
        .default("\"required\"")
        .doc("required: only machines verified by Vast. any: all."),
    parsed_list("vast.countries", "two capital letters each, such as [\"US\"]", |d, list| {
        all(list, country_code).map(|codes| d.vast.query.countries = codes)
    })
        .default("[]")
        .doc("Acceptable two-letter country codes; [] for any."),
    setting("vast.image", Kind::Text(|d, v| d.vast.image = v))
        .suggested("\"ghcr.io/gonka-ai/mlnode:3.0.16\"")
        .doc("Image of the MLNode. Give this or a template."),
    setting("vast.template_hash", Kind::Text(|d, v| d.vast.template_hash = Some(v)))
        .optional("\"0123456789abcdef\"")
        .doc("Hash of a Vast template, with or instead of the image."),
    number("vast.image_gb", 0.0, 1_000.0, |d, v| d.vast.image_gb = v)
        .default("15.0")
        .doc("Size of the image in GB, to estimate costs and boot times."),
    number("vast.model_gb", 0.0, 5_000.0, |d, v| d.given.model_gb = Some(v))
        .optional("230.0")
        .doc("Size of the model's weights in GB, likewise. Default: known for MiniMax-M2.7 (230), DeepSeek-V4-Flash-0731 (170) and GLM-5.3-Flash (329), 60 for others."),
    setting("vast.onstart_extra", Kind::Text(|d, v| d.vast.onstart_extra = v))
        .default("\"\"")
        .doc("Shell lines to run on the rental before the workload starts."),
    setting("vast.env", Kind::Table(|d, v| d.vast.env = v))
        .default("{}")
        .doc("Environment variables of the container. They are added to those of the official deployment (HF_HOME, MLNODE_VLLM_MODULE, VLLM_RUNNER_TIMEOUT, MODEL_DOWNLOAD_STALL_TIMEOUT, POC_BATCH_SIZE_DEFAULT, HOST_UID, HOST_GID) and override them. The host can read it: do not put valuable secrets here."),
    setting("vast.request_timeout", Kind::Timeout(|d, v| d.vast.request_timeout = v))
        .default("\"30s\"")
        .shared()
        .doc("Timeout of a request."),
    count("vast.read_attempts", 1, 10, |d, v| d.vast.read_attempts = v)
        .default("3")
        .renamed_from(&["vast.read_tries"])
        .shared()
        .doc("Attempts per read request. The rent call is never repeated."),
    duration("vast.blocklist_ttl", Duration::zero(), Duration::days(90), |d, v| d.vast.blocklist_ttl = v)
        .default("\"24h\"")
        .renamed_from(&["vast.avoid_for"])
        .shared()
        .doc("How long a machine that failed is avoided; after a second one of the same host in this time, all of the host's are."),
    count("vast.max_attempts", 1, 20, |d, v| d.vast.max_attempts = v)
        .default("3")
        .doc("Maximum rentals per sprint. Offers taken by someone else do not count."),
    setting("ssh.key_file", Kind::Path(|d, v| d.ssh.key_file = v))
        .required("\"~/.ssh/id_ed25519\"")
        .doc("Private key used only for rentals. No passphrase: nobody is there to type it."),
    setting("ssh.known_hosts_dir", Kind::Path(|d, v| d.ssh.known_hosts_dir = v))
        .optional("\"~/.local/state/pocpit/known_hosts\"")
        .doc("Directory for known-hosts files, one per rental. Default: in the state directory."),
    parsed("ssh.user", "a user, such as \"root\"", |d, text| {
        ssh_user(text).map(|user| d.ssh.user = user)
    })
        .default("\"root\"")
        .doc("User on the rental."),
    setting("ssh.connect_timeout", Kind::Timeout(|d, v| d.ssh.connect_timeout = v))
        .default("\"20s\"")
        .doc("Timeout of a connection attempt."),
    setting("ssh.keepalive", Kind::Timeout(|d, v| d.ssh.keepalive = v))
        .default("\"3s\"")
        .doc("Keepalive interval. A connection is dead after four missed keepalives."),
    setting("mlnode.model", Kind::Text(|d, v| d.mlnode.model.id = v))
        .required("\"MiniMaxAI/MiniMax-M2.7\"")
        .doc("Hugging Face id of the model. Governance must have approved it."),
    setting("mlnode.revision", Kind::Text(|d, v| d.given.revision = Some(v)))
        .optional("\"main\"")
        .doc("Revision of the model to download; also passed as --revision. Default: the --revision of mlnode.args, otherwise the newest."),
    setting("mlnode.args", Kind::Texts(|d, v| d.given.args = Some(v)))
        .optional("[\"--tensor-parallel-size\", \"4\"]")
        .doc("The node's own arguments of vLLM: full names, each value as a separate item. Governance's values win; `pocpit plan` shows which. Default: those of the official deployment for the model and vast.gpu_names, if there is one, otherwise --tensor-parallel-size 4."),
    setting("mlnode.api_port", Kind::Port(|d, v| d.mlnode.api_port = v))
        .default("8080")
        .doc("API port in the container."),
    setting("mlnode.inference_port", Kind::Port(|d, v| d.mlnode.inference_port = v))
        .default("5000")
        .doc("Inference port in the container."),
    setting("mlnode.poc_segment", Kind::Text(|d, v| d.mlnode.poc_segment = v))
        .default("\"\"")
        .doc("Path prefix of the API; empty today."),
    setting("mlnode.inference_segment", Kind::Text(|d, v| d.mlnode.inference_segment = v))
        .default("\"\"")
        .doc("Path prefix of inference; empty today."),
    count("mlnode.max_concurrent", 1, 100_000, |d, v| d.mlnode.max_concurrent = v)
        .default("500")
        .doc("Maximum concurrent requests."),
    duration("mlnode.startup_timeout", MINUTE, Duration::hours(12), |d, v| d.mlnode.startup_timeout = v)
        .default("\"50m\"")
        .doc("Maximum time from renting to a loaded model."),
    parsed("mlnode.command", "the command that starts the MLNode", |d, text| {
        not_empty(text).map(|command| d.mlnode.command = command)
    })
        .default("\"cd /app && set -- uvicorn api.app:app --host=0.0.0.0 --port=8080 --no-access-log && { [ ! -x entrypoint.sh ] || exec /app/entrypoint.sh \\\"$@\\\"; . packages/api/.venv/bin/activate; export PYTHONPATH=/app:/app/packages/api/src; exec \\\"$@\\\"; }\"")
        .doc("Command that starts the MLNode in the container: SSH instances do not run the image's own. The default runs the image's entrypoint with its usual arguments, and without a line for each of pocpit's requests, or starts the server directly in old images without an entrypoint."),
    parsed("vllm.image", "an image, such as \"vllm/vllm-openai:v0.11.2\"", |d, text| {
        not_empty(text).map(|image| d.vllm.image = image)
    })
        .default("\"vllm/vllm-openai:v0.11.2\"")
        .doc("Image of vLLM, with its tag."),
    setting("vllm.port", Kind::Port(|d, v| d.vllm.port = v))
        .default("8000")
        .doc("Port of vLLM in the container, on loopback only."),
    setting("vllm.listen", Kind::Address(|d, v| d.vllm.listen = v))
        .default("\"127.0.0.1:8000\"")
        .doc("Local address whose requests are forwarded to vLLM through SSH. There is no authentication: on any address but loopback, restrict who can reach it."),
    duration("poc.lead", MINUTE, Duration::hours(20), |d, v| d.poc.lead = v)
        .default("\"45m\"")
        .doc("Time that a slow boot takes. Renting begins this long, plus the margin, before PoC. Once five boots of the model are measured, their 95th percentile plus poc.registration_margin replaces it if that is longer; at most twice this."),
    duration("poc.margin", Duration::zero(), Duration::hours(12), |d, v| d.poc.margin = v)
        .default("\"5m\"")
        .doc("Added to the lead."),
    duration("poc.registration_margin", Duration::zero(), Duration::hours(2), |d, v| d.poc.registration_margin = v)
        .default("\"4m\"")
        .doc("Time before PoC by which the node must be registered."),
    parsed("poc.release", RELEASE_FORM, |d, text| {
        release_policy(text).map(|policy| d.poc.release = policy)
    })
        .default("\"after_validation\"")
        .doc("When the rental is released: after_validation, after_weight, after_confirmation (the first confirmation PoC), whole_epoch, or some time after PoC starts: \"blocks:2000\", \"time:6h\". `pocpit plan` shows what each costs and risks. poc.execution_timeout limits all of them."),
    duration("poc.execution_timeout", Duration::minutes(20), LONGEST, |d, v| d.poc.execution_timeout = v)
        .default("\"3h\"")
        .doc("Maximum time that a rental lives after PoC starts, whatever the policy."),
    duration("poc.lease", Duration::minutes(5), Duration::hours(24), |d, v| d.poc.lease = v)
        .default("\"30m\"")
        .doc("How long after the planned release the lease expires and the rental destroys itself."),
    setting("poc.hedge", Kind::Choice(&[
        ("off", |d| d.poc.hedge = Hedging::Off),
        ("on", |d| d.poc.hedge = Hedging::On),
    ]))
        .default("\"off\"")
        .doc("What to do when a boot is slower than 90% of boots. off: wait as long as it can still be in time. on: rent a second machine, once per sprint, keep the one that is ready first and destroy the other. Both must fit every cap, so budget.per_hour must be set."),
    setting("poc.unknown_rules", Kind::Choice(&[
        ("refuse", |d| d.poc.unknown_rules = UnknownRules::Refuse),
        ("allow", |d| d.poc.unknown_rules = UnknownRules::Allow),
    ]))
        .default("\"refuse\"")
        .doc("Whether to rent while a rule that could reduce the reward to zero cannot be read from the chain or the Network Node, such as the models that PoC runs for (chain.rest). refuse: rent nothing until it can be read. allow: show it as unknown and rent."),
    setting("budget.per_hour", Kind::Money(|d, v| d.per_hour = Some(UsdPerHour(v))))
        .optional("14.0")
        .shared()
        .doc("Maximum cost per hour of everything rented at the same time. Default: vast.max_price; with pools, that of all their replicas together."),
    setting("budget.per_sprint", Kind::Money(|d, v| d.budget.per_sprint = v))
        .required("40.0")
        .doc("Maximum worst-case cost of one sprint."),
    setting("budget.per_epoch", Kind::Money(|d, v| d.budget.per_epoch = Some(v)))
        .optional("120.0")
        .shared()
        .doc("Maximum worst-case cost of all sprints of an epoch. Without it the other caps count."),
    setting("budget.per_day", Kind::Money(|d, v| d.budget.per_day = v))
        .required("60.0")
        .shared()
        .doc("Maximum cost in any 24 hours."),
    setting("budget.per_month", Kind::Money(|d, v| d.budget.per_month = v))
        .required("900.0")
        .shared()
        .doc("Maximum cost in any 30 days."),
    setting("budget.credit_floor", Kind::Money(|d, v| d.budget.credit_floor = v))
        .default("1.0")
        .shared()
        .doc("Credit that must remain on the account after the worst case."),
    setting("budget.confirm_above", Kind::Money(|d, v| d.budget.confirm_above = v))
        .default("100.0")
        .renamed_from(&["budget.typed_above"])
        .shared()
        .doc("If the worst case of a rental exceeds this, the cockpit asks for the sum to be typed; otherwise y approves it."),
    setting("network_node.admin_api", Kind::Url(|d, v| d.network_node.admin_api = v))
        .required("\"http://10.0.0.5:9200\"")
        .doc("Admin API of the Network Node, in a private network."),
    setting("network_node.request_timeout", Kind::Timeout(|d, v| d.network_node.request_timeout = v))
        .default("\"30s\"")
        .doc("Timeout of a request."),
    setting("network_node.exposure", Kind::Choice(&[
        ("tunnel", |d| d.exposure = ExposureKind::Tunnel),
        ("direct", |d| d.exposure = ExposureKind::Direct),
    ]))
        .default("\"tunnel\"")
        .doc("How the Network Node reaches a rental. tunnel: through SSH; no port of the rental is public. direct: the rental's public ports are registered; anyone who finds them can stop the node, and the callback needs a public address."),
    setting("network_node.host", Kind::Text(|d, v| d.tunnel.host = v))
        .suggested("\"172.17.0.1\"")
        .doc("Address of this machine as seen from the Network Node, without scheme and port (tunnel)."),
    setting("network_node.api_listen", Kind::Address(|d, v| d.tunnel.api_listen = Some(v)))
        .suggested("\"172.17.0.1:18080\"")
        .doc("Local address for the rental's API (tunnel). With several replicas, each further one takes the next port."),
    setting("network_node.inference_listen", Kind::Address(|d, v| d.tunnel.inference_listen = Some(v)))
        .suggested("\"172.17.0.1:15000\"")
        .doc("Local address for the rental's inference port (tunnel). With several replicas, each further one takes the next port."),
    setting("network_node.callback_target", Kind::Text(|d, v| d.tunnel.callback_target = v))
        .default("\"127.0.0.1:9100\"")
        .doc("PoC callback of the Network Node as reached from here (tunnel)."),
    setting("network_node.callback_port", Kind::Port(|d, v| d.tunnel.callback_port = v))
        .default("9100")
        .doc("Has no effect any more: on the rental, the callback has the port of the Network Node's api.poc_callback_url. A configuration that sets it gets a warning."),
    parsed("network_node.node_prefix", "a prefix that marks our nodes, such as \"vastai-\"", |d, text| {
        not_empty(text).map(|prefix| d.network_node.node_prefix = prefix)
    })
        .default("\"vastai-\"")
        .doc("Prefix of our node ids; the rental's contract number is appended."),
    setting("network_node.hardware_name", Kind::Text(|d, v| d.network_node.hardware_name = Some(v)))
        .optional("\"NVIDIA H100 80GB HBM3\"")
        .doc("GPU name to register. Default: the driver's own."),
    setting("inference_proxy.node_id", Kind::Text(|d, v| d.proxy.node_id = NodeId(v)))
        .required("\"inference-proxy\"")
        .doc("Id of the proxy in the Network Node."),
    parsed("inference_proxy.network_node", NAME_FORM, |d, text| {
        name(text, "a Network Node's name").map(|name| d.proxy.network_node = Some(name))
    })
        .optional("\"west\"")
        .doc("Name of the [[network_node]] that it is registered with. Default: the first one."),
    setting("inference_proxy.host", Kind::Text(|d, v| d.proxy.host = v))
        .required("\"172.17.0.1\"")
        .doc("Address of the proxy as seen from the Network Node."),
    setting("inference_proxy.inference_port", Kind::Port(|d, v| d.proxy.inference_port = v))
        .required("8090")
        .doc("Inference port to register."),
    setting("inference_proxy.poc_port", Kind::Port(|d, v| d.proxy.poc_port = v))
        .required("8091")
        .doc("API port to register."),
    setting("inference_proxy.listen", Kind::Address(|d, v| d.proxy.listen = v))
        .required("\"172.17.0.1:8090\"")
        .doc("Where `pocpit proxy` listens."),
    setting("inference_proxy.model", Kind::Text(|d, v| d.proxy.model = v))
        .required("\"MiniMaxAI/MiniMax-M2.7\"")
        .doc("Name of the model in the network."),
    setting("inference_proxy.upstream", Kind::Url(|d, v| d.proxy.upstream.url = v))
        .default("\"https://api.hyperbolic.xyz/v1\"")
        .doc("OpenAI-compatible upstream."),
    setting("inference_proxy.upstream_key", Kind::Secret(|d, v| d.proxy.upstream.key = v))
        .credential(Credential::Upstreams)
        .doc("API key of the upstream. Prefer a file."),
    secret_file("inference_proxy.upstream_key_file").optional("\"~/.config/pocpit/upstream.key\""),
    setting("inference_proxy.upstream_model", Kind::Text(|d, v| d.proxy.upstream.model = v))
        .required("\"MiniMaxAI/MiniMax-M2.7\"")
        .doc("Name of the model at the upstream."),
    parsed_list("inference_proxy.upstream_features", "a list of token_ids and enforced_tokens", |d, list| {
        all(list, UpstreamFeature::parse).map(|features| d.proxy.upstream.features = features.into_iter().collect())
    })
        .default("[]")
        .doc("Features of the upstream beyond OpenAI's API: token_ids (the tokens in logprobs are numeric ids; every request of the network needs this) and enforced_tokens (to validate other hosts). The vLLM of an MLNode has both. A request that needs a feature that no upstream has is refused: with 503 for token_ids, so that another node of the host is tried, with 400 for enforced_tokens."),
    setting("inference_proxy.fallbacks", Kind::Upstreams(|d, v| d.proxy.fallbacks = v))
        .default("[]")
        .credential(Credential::Upstreams)
        .doc("Upstreams to try, in order, when the first one fails: [{ upstream = \"https://host/v1\", key_file = \"k\", model = \"m\" }]; features = [\"token_ids\"] may be added."),
    setting("inference_proxy.rename_fields", Kind::Table(|d, v| d.proxy.fields.renamed = v))
        .default("{}")
        .doc("Request fields that upstreams know by another name: { max_completion_tokens = \"max_tokens\" }."),
    setting("inference_proxy.drop_fields", Kind::Texts(|d, v| d.proxy.fields.dropped = v))
        .default("[]")
        .doc("Request fields that upstreams reject: [\"logprobs_mode\"]. Never drop logprobs or return_token_ids: validators need them."),
    setting("inference_proxy.token", Kind::Secret(|d, v| d.proxy.callers.token = Some(v)))
        .doc("Bearer token that callers must send. Prefer a file. The Network Node sends none: leave it unset if it calls the proxy directly."),
    secret_file("inference_proxy.token_file").optional("\"~/.config/pocpit/proxy.token\""),
    parsed_list("inference_proxy.allow", "networks or addresses, such as [\"172.16.0.0/12\"]", |d, list| {
        all(list, network).map(|networks| d.proxy.callers.networks = networks)
    })
        .default("[]")
        .doc("Networks that may send requests, such as [\"172.16.0.0/12\"]; [] for any."),
    setting("inference_proxy.access_log", Kind::Choice(&[
        ("requests", |d| d.proxy.access_log = AccessLog::Requests),
        ("off", |d| d.proxy.access_log = AccessLog::Off),
        ("prompts", |d| d.proxy.access_log = AccessLog::WithPrompts),
    ]))
        .default("\"requests\"")
        .doc("What to log: requests, prompts (requests with their content) or off."),
    // At least a hundredth of a megabyte, at most a gigabyte.
    setting("inference_proxy.max_body", Kind::Size(|d, v| d.proxy.max_body = bytes(v.clamp(0.01, 1_000.0))))
        .default("\"8 MB\"")
        .doc("Maximum size of a request."),
    count("inference_proxy.max_concurrent", 1, 100_000, |d, v| d.proxy.max_concurrent = v)
        .default("100")
        .doc("Maximum concurrent requests."),
    setting("inference_proxy.request_timeout", Kind::Timeout(|d, v| d.proxy.request_timeout = v))
        .default("\"2m\"")
        .doc("Time to the first byte of a response, shared by all upstreams that are tried. A client that stops reading for this long is disconnected."),
    setting("inference_proxy.hardware", Kind::Text(|d, v| d.proxy.hardware.name = v))
        .default("\"PROXY\"")
        .doc("GPU name to register for the proxy."),
    count("inference_proxy.hardware_count", 1, 64, |d, v| d.proxy.hardware.count = v)
        .default("1")
        .doc("Number of GPUs to register for the proxy."),
    setting("notify.webhook", Kind::SecretUrl(|d, v| d.notify.webhook = Some(v)))
        .optional("\"https://example.org/hook\"")
        .doc("URL that alerts and outcomes are posted to as JSON."),
    setting("notify.webhook_token", Kind::Secret(|d, v| d.notify.webhook_token = Some(v)))
        .doc("Bearer token for the webhook. Prefer a file."),
    secret_file("notify.webhook_token_file").optional("\"~/.config/pocpit/webhook.token\""),
    setting("notify.webhook_secret", Kind::Secret(|d, v| d.notify.webhook_secret = Some(v)))
        .doc("Key that signs webhook posts. Header x-pocpit-signature is sha256= and the hexadecimal HMAC-SHA256 of header x-pocpit-timestamp, a full stop and the body. Prefer a file."),
    secret_file("notify.webhook_secret_file").optional("\"~/.config/pocpit/webhook.secret\""),
    setting("notify.telegram_token", Kind::Secret(|d, v| d.telegram_token = Some(v)))
        .doc("Token of a Telegram bot. Prefer a file."),
    secret_file("notify.telegram_token_file").optional("\"~/.config/pocpit/telegram.token\""),
    setting("notify.telegram_chat", Kind::Text(|d, v| d.telegram_chat = Some(v)))
        .optional("\"123456789\"")
        .doc("Id of the chat that the bot writes to, or @channel."),
    setting("notify.telegram_api", Kind::Url(|d, v| d.telegram_api = v))
        .default("\"https://api.telegram.org\"")
        .doc("Base URL of Telegram's Bot API."),
    setting("notify.discord_webhook", Kind::Secret(|d, v| d.notify.discord = Some(v)))
        .doc("URL of a Discord webhook. Prefer a file."),
    secret_file("notify.discord_webhook_file").optional("\"~/.config/pocpit/discord.webhook\""),
    setting("notify.ntfy", Kind::SecretUrl(|d, v| d.ntfy_topic = Some(v)))
        .optional("\"https://ntfy.sh/a-name-nobody-guesses\"")
        .doc("ntfy server and topic."),
    setting("notify.ntfy_token", Kind::Secret(|d, v| d.ntfy_token = Some(v)))
        .doc("Access token for a protected ntfy topic. Prefer a file."),
    secret_file("notify.ntfy_token_file").optional("\"~/.config/pocpit/ntfy.token\""),
    setting("notify.command", Kind::Texts(|d, v| d.notify.command = v))
        .default("[]")
        .doc("Program and arguments to run for each notice, without a shell: [\"/usr/local/bin/tell\", \"me\"]. It reads the notice as JSON from standard input; POCPIT_LEVEL and POCPIT_TITLE are set."),
    setting("notify.heartbeat", Kind::SecretUrl(|d, v| d.notify.heartbeat = Some(v)))
        .optional("\"https://hc-ping.com/your-id\"")
        .doc("URL that is requested as long as the chain and your rentals can be read. A monitoring service that expects it alerts you when pocpit or its machine is down."),
    duration("notify.heartbeat_interval", MINUTE, Duration::hours(12), |d, v| d.notify.heartbeat_interval = v)
        .default("\"5m\"")
        .renamed_from(&["notify.heartbeat_every"])
        .doc("Interval between heartbeats."),
    setting("notify.metrics_listen", Kind::Address(|d, v| d.notify.metrics_listen = Some(v)))
        .optional("\"127.0.0.1:9464\"")
        .doc("Loopback address where the cockpit and auto serve /metrics (OpenMetrics) and /healthz."),
    setting("paths.state_dir", Kind::Path(|d, v| d.paths.state_dir = v))
        .optional("\"~/.local/state/pocpit\"")
        .doc("Journal, lock and known hosts. Default: the XDG state directory."),
    setting("paths.log_dir", Kind::Path(|d, v| d.paths.log_dir = v))
        .optional("\"~/.local/state/pocpit/log\"")
        .doc("Log files of the program, at most 128 MiB. Default: in the state directory."),
    setting("paths.runtime_dir", Kind::Path(|d, v| d.paths.runtime_dir = v))
        .optional("\"/run/user/1000/pocpit\"")
        .doc("SSH control sockets; the path must be short. Default: the XDG runtime directory."),
    number("simulation.speed", 0.01, 100_000.0, |d, v| d.simulation.speed = v)
        .required("60.0")
        .doc("World seconds per second."),
    setting("simulation.world_start", Kind::Time(|d, v| d.simulation.world_start = v))
        .required("\"2026-01-01T00:00:00Z\"")
        .doc("World time at real_start."),
    setting("simulation.real_start", Kind::Time(|d, v| d.simulation.real_start = v))
        .required("\"2026-01-01T00:00:00Z\"")
        .doc("When the world was started."),
];

/// The keys that only one of several Network Nodes has; the others are those of the section.
#[rustfmt::skip]
pub(super) const NETWORK_NODE_SETTINGS: &[Setting] = &[
    parsed("network_node.name", NAME_FORM, |d, text| {
        name(text, "a Network Node's name").map(|name| d.network_node.name = name)
    })
        .required("\"west\"")
        .doc("Name of the Network Node: 1 to 32 of a-z, 0-9 and -."),
    parsed("network_node.participant", "an address that begins with gonka1", |d, text| {
        participant(text).map(|participant| d.network_node.participant = participant)
    })
        .optional("\"gonka1…\"")
        .doc("Its participant on the chain. Default: chain.participant."),
];

/// An account's own keys, in the order of the example file.
#[rustfmt::skip]
pub(super) const ACCOUNT_SETTINGS: &[Setting] = &[
    parsed("account.name", NAME_FORM, |d, text| {
        name(text, "an account's name").map(|name| d.vast.account = name)
    })
        .required("\"second\"")
        .doc("Name of the account: 1 to 32 of a-z, 0-9 and -; main is that of [vast]."),
    setting("account.api_key", Kind::Secret(|d, v| d.vast.api_key = v))
        .credential(Credential::Market)
        .doc("Its API key. Prefer a file."),
    secret_file("account.api_key_file").optional("\"~/.config/pocpit/second.key\""),
    setting("account.credit_floor", Kind::Money(|d, v| d.budget.credit_floor = v))
        .optional("1.0")
        .doc("Credit that must remain on it after the worst case. Default: budget.credit_floor."),
];

/// The most replicas that all pools may have together.
pub(super) const MAX_REPLICAS: u32 = 500;

/// A pool's own keys, in the order of the example file.
#[rustfmt::skip]
pub(super) const POOL_SETTINGS: &[Setting] = &[
    parsed("pool.name", NAME_FORM, |d, text| {
        name(text, "a pool's name").map(|name| d.pool.name = Some(name))
    })
        .required("\"minimax\"")
        .doc("Name of the pool: 1 to 32 of a-z, 0-9 and -. Its rentals are minimax/1, minimax/2 and so on."),
    count("pool.replicas", 1, MAX_REPLICAS, |d, v| d.pool.replicas = v)
        .default("1")
        .doc("Number of its rentals at the same time; at most 500 in all pools."),
    parsed("pool.network_node", NAME_FORM, |d, text| {
        name(text, "a Network Node's name").map(|name| d.pool.network_node = Some(name))
    })
        .optional("\"west\"")
        .doc("Name of the Network Node that its rentals register with. Default: the first one."),
    parsed("pool.account", NAME_FORM, |d, text| {
        name(text, "an account's name").map(|name| d.pool.account = Some(name))
    })
        .optional("\"second\"")
        .doc("Name of the account that pays for its rentals. Default: main, that of [vast]."),
    count("pool.min_replicas", 1, MAX_REPLICAS, |d, v| d.pool.min_replicas = v)
        .default("1")
        .doc("With fewer weights than this, the pool has failed its epoch."),
    count("pool.max_per_host", 1, MAX_REPLICAS, |d, v| d.pool.max_per_host = Some(v))
        .optional("2")
        .doc("Maximum number of its rentals on one host. Default: a third of the replicas, rounded up."),
    count("pool.hedges", 1, MAX_REPLICAS, |d, v| d.pool.hedges = Some(v))
        .optional("2")
        .doc("With poc.hedge on: maximum number of its replicas that have a second machine at the same time. Default: a fifth of the replicas, rounded up."),
    setting("pool.per_hour", Kind::Money(|d, v| d.pool.budget.per_hour = Some(UsdPerHour(v))))
        .optional("60.0")
        .doc("Maximum cost per hour of its rentals at the same time, within budget.per_hour."),
    setting("pool.per_epoch", Kind::Money(|d, v| d.pool.budget.per_epoch = Some(v)))
        .optional("100.0")
        .doc("Maximum worst-case cost of its sprints of an epoch, within budget.per_epoch."),
];

/// The settings of a section, in the order of the example file.
pub(super) fn settings_of(section: &str) -> impl Iterator<Item = &'static Setting> {
    let settings = SETTINGS.iter();
    settings.filter(move |setting| setting.section() == section)
}

/// Of the file's sections.
pub(super) fn find(path: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.path == path)
}

/// The setting that names the file of a secret.
pub(super) fn find_file_of(secret: &Setting) -> Option<&'static Setting> {
    let path = format!("{}_file", secret.path);
    let mut all = SETTINGS.iter().chain(ACCOUNT_SETTINGS);
    all.find(|setting| setting.path == path)
}

/// The environment variables whose values are secrets.
pub fn secret_variables() -> impl Iterator<Item = String> {
    let secrets = SETTINGS.iter().filter(|setting| setting.may_hold_secret());
    secrets.map(Setting::variable)
}

/// Each text parsed, or the first error.
pub(super) fn all<T>(
    list: &[String],
    parse: fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    list.iter().map(|text| parse(text)).collect()
}

fn text_if(is_right: bool, text: &str, what: &str) -> Result<String, String> {
    if is_right {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is not {what}"))
    }
}

fn cockpit_id(text: &str) -> Result<CockpitId, String> {
    let id = text.trim().parse();
    id.map_err(|_| format!("{:?} is not a cockpit id", text.trim()))
}

fn name<T: FromStr>(text: &str, what: &str) -> Result<T, String> {
    let name = text.trim().parse();
    name.map_err(|_| format!("{:?} is not {what}", text.trim()))
}

fn participant(text: &str) -> Result<Participant, String> {
    let is_right = text.starts_with("gonka1");
    text_if(is_right, text, "an address on the chain").map(Participant)
}

fn country_code(text: &str) -> Result<String, String> {
    let is_right = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    text_if(is_right, text, "a country code")
}

fn ssh_user(text: &str) -> Result<String, String> {
    let is_right = !text.is_empty() && !text.starts_with('-');
    text_if(is_right, text, "a user")
}

fn not_empty(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("empty".to_owned());
    }
    Ok(text.to_owned())
}

fn release_policy(text: &str) -> Result<ReleasePolicy, String> {
    use ReleasePolicy::{AfterConfirmation, AfterValidation, AfterWeight, WholeEpoch};
    let minutes = |time: &str| {
        let time = value::duration(time).filter(|time| *time > Duration::zero())?;
        u32::try_from(time.num_minutes())
            .ok()
            .filter(|_| time <= LONGEST)
    };
    let policy = match text.split_once(':').unwrap_or((text, "")) {
        ("blocks", blocks) => blocks.parse().ok().map(ReleasePolicy::BlocksAfterStart),
        ("time", time) => minutes(time).map(ReleasePolicy::MinutesAfterStart),
        _ => [AfterConfirmation, AfterValidation, AfterWeight, WholeEpoch]
            .into_iter()
            .find(|policy| policy.to_string() == text),
    };
    policy.ok_or_else(|| format!("{text:?} is not a policy"))
}

/// A single address is a network too.
fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    let network = text.parse().or_else(|_| address());
    network.map_err(|_| format!("{text:?} is not a network"))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are checked to be finite and not negative; `as` saturates"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

fn bytes(megabytes: f64) -> usize {
    usize::try_from(whole(megabytes * 1e6)).unwrap_or(usize::MAX)
}
