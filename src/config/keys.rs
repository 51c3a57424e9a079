//! Every setting, declared once: the loader, the report's hints, the example file, `config show` and
//! the names of environment variables all come from this table.

/// What a value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text that is never printed.
    Secret,
    /// `http://…` or `https://…`, without user and password.
    Url,
    /// A list of addresses.
    Urls,
    /// A list of texts.
    Texts,
    /// A whole number.
    Count,
    /// A number.
    Number,
    /// Dollars: `12.5` or `"$12.50"`.
    Money,
    /// `"80 GB"`.
    Memory,
    /// `"45m"`, `"2h"`, `"90s"`.
    Duration,
    /// `"127.0.0.1:8080"`.
    Address,
    /// 1 to 65535.
    Port,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A file or directory; `~/` is the home directory.
    Path,
    /// A point in time, RFC 3339.
    Time,
    /// A table of texts.
    Table,
    /// A list of tables of texts, each with these names.
    Tables(&'static [&'static str]),
}

/// Whether a value must be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// There is no safe default: identity, addresses, templates, keys.
    Required,
    /// Absent means what the text says.
    Optional,
    /// One of several ways to give something that must be given: the usual one.
    Suggested,
    /// This TOML value, when nothing is given.
    Default(&'static str),
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// `section.name`.
    pub path: &'static str,
    /// What its value must look like.
    pub kind: Kind,
    /// Whether it must be given.
    pub need: Need,
    /// What it means, for the example file.
    pub text: &'static str,
    /// A value for the example file when there is no default.
    pub example: &'static str,
}

const fn key(
    path: &'static str,
    kind: Kind,
    need: Need,
    example: &'static str,
    text: &'static str,
) -> Key {
    Key {
        path,
        kind,
        need,
        text,
        example,
    }
}

const fn required(
    path: &'static str,
    kind: Kind,
    example: &'static str,
    text: &'static str,
) -> Key {
    key(path, kind, Need::Required, example, text)
}

const fn optional(
    path: &'static str,
    kind: Kind,
    example: &'static str,
    text: &'static str,
) -> Key {
    key(path, kind, Need::Optional, example, text)
}

const fn suggested(
    path: &'static str,
    kind: Kind,
    example: &'static str,
    text: &'static str,
) -> Key {
    key(path, kind, Need::Suggested, example, text)
}

const fn default(path: &'static str, kind: Kind, value: &'static str, text: &'static str) -> Key {
    key(path, kind, Need::Default(value), value, text)
}

/// The sections in the order of the example file, each with a sentence.
pub const SECTIONS: &[(&str, &str)] = &[
    ("cockpit", "Who this cockpit is."),
    ("chain", "Where the chain is read."),
    (
        "vast",
        "The GPU market: the account and what to rent on it.",
    ),
    ("ssh", "SSH to rentals."),
    ("mlnode", "What runs on a rental."),
    (
        "vllm",
        "vLLM alone, which `pocpit serve` rents; model, arguments and startup timeout are those of [mlnode].",
    ),
    ("poc", "Times and policy of a sprint."),
    (
        "budget",
        "Caps: a step whose worst case does not fit is refused.",
    ),
    ("network_node", "Your Network Node."),
    (
        "inference_proxy",
        "The inference proxy. Leave the whole section out when you have none.",
    ),
    ("notify", "Whom to tell."),
    ("paths", "Where files are."),
    (
        "simulation",
        "Set by `pocpit sim` only: the clock of a simulated world.",
    ),
];

/// Sections that count as absent when none of their keys is given.
pub const OPTIONAL_SECTIONS: &[&str] = &["inference_proxy", "simulation"];

/// Every setting, in the order of the example file.
pub const KEYS: &[Key] = &[
    required(
        "cockpit.id",
        Kind::Text,
        "\"home\"",
        "Name of this cockpit on the Vast account: 1 to 32 of a-z, 0-9 and -. Every rental is labelled with it; two cockpits on one account need two names.",
    ),
    default(
        "cockpit.neighbours",
        Kind::Texts,
        "[]",
        "Ids of other cockpits that may work on the same Vast account. Auto mode refuses while a rental of any other one is there.",
    ),
    default(
        "cockpit.mouse",
        Kind::Choice(&["on", "off"]),
        "\"on\"",
        "Whether clicks and the wheel come to the cockpit. on: text is selected with Shift held (Option in some terminals); off: the terminal keeps the mouse.",
    ),
    default(
        "cockpit.ring",
        Kind::Choice(&["notify", "bell", "off"]),
        "\"notify\"",
        "What tells an operator who looks elsewhere that more is wrong or a gate waits: notify is a bell and a notification of the terminal (the bell alone in tmux, screen and the Linux console), bell a bell, off nothing.",
    ),
    default(
        "cockpit.keys",
        Kind::Table,
        "{}",
        "Other keys for actions, in place of the usual ones: { abort = \"X\", \"boot.search\" = \"/ Ctrl-f\" }. The README's table of keys has the names. Keys of dialogs stay as they are.",
    ),
    default(
        "cockpit.colors",
        Kind::Table,
        "{}",
        "Other colours: { accent = \"#79c0ff\", dim = \"250\", bad = \"light red\" }, for ok, warn, bad, dim and accent. A terminal with fewer colours gets the nearest one; without colours there are none.",
    ),
    required(
        "chain.public_api",
        Kind::Urls,
        "[\"http://10.0.0.5:9000\"]",
        "Public API of your own node first (port 9000, or http://HOST:8000/api), others after it.",
    ),
    default(
        "chain.rpc",
        Kind::Urls,
        "[]",
        "CometBFT RPC (port 26657, or http://HOST:8000/chain-rpc/): block times are measured with it, and new blocks are heard as it announces them, if its WebSocket is reached.",
    ),
    default(
        "chain.rest",
        Kind::Urls,
        "[]",
        "The chain's own REST API (port 1317, or http://HOST:8000/chain-api/): planned upgrades and the odds of a confirmation PoC.",
    ),
    required(
        "chain.participant",
        Kind::Text,
        "\"gonka1youraddress\"",
        "Your participant's address on the chain.",
    ),
    default(
        "chain.poll",
        Kind::Duration,
        "\"6s\"",
        "How often the chain is read.",
    ),
    optional(
        "vast.api_key",
        Kind::Secret,
        "\"\"",
        "The Vast API key. Give it here, in the environment, or better by file.",
    ),
    suggested(
        "vast.api_key_file",
        Kind::Path,
        "\"~/.config/pocpit/vast.key\"",
        "A file that holds the key and nothing else, mode 0600.",
    ),
    default(
        "vast.base_url",
        Kind::Url,
        "\"https://console.vast.ai\"",
        "Address of the Vast API.",
    ),
    default(
        "vast.gpu_names",
        Kind::Texts,
        "[\"H100 SXM\"]",
        "GPUs that will do, as Vast names them; [] for any.",
    ),
    default("vast.gpu_count", Kind::Count, "4", "Number of GPUs."),
    default(
        "vast.min_gpu_memory",
        Kind::Memory,
        "\"78 GB\"",
        "Least memory of each GPU.",
    ),
    default(
        "vast.min_total_gpu_memory",
        Kind::Memory,
        "\"0 GB\"",
        "Least memory of all GPUs together; 0 for whatever the others make.",
    ),
    default(
        "vast.max_price",
        Kind::Money,
        "14.0",
        "Most that an hour may cost in dollars, disk included.",
    ),
    default(
        "vast.disk",
        Kind::Memory,
        "\"250 GB\"",
        "Disk to rent: image and model must fit.",
    ),
    default(
        "vast.min_reliability",
        Kind::Number,
        "0.95",
        "Least reliability of a host, 0 to 1.",
    ),
    default(
        "vast.min_download_mbps",
        Kind::Number,
        "500.0",
        "Least download bandwidth in Mbit/s.",
    ),
    optional(
        "vast.min_cuda",
        Kind::Number,
        "12.4",
        "Least CUDA version of the driver; any when absent.",
    ),
    default(
        "vast.min_direct_ports",
        Kind::Count,
        "1",
        "Least number of ports that can be mapped directly.",
    ),
    default(
        "vast.verification",
        Kind::Choice(&["required", "any"]),
        "\"required\"",
        "Only machines that Vast verified, or any.",
    ),
    default(
        "vast.countries",
        Kind::Texts,
        "[]",
        "Two-letter country codes that will do; [] for any.",
    ),
    suggested(
        "vast.image",
        Kind::Text,
        "\"ghcr.io/gonka-ai/mlnode:3.0.16\"",
        "Image of the MLNode. This or a template must be given.",
    ),
    optional(
        "vast.template_hash",
        Kind::Text,
        "\"0123456789abcdef\"",
        "Vast template by its hash, beside or instead of the image.",
    ),
    default(
        "vast.image_gb",
        Kind::Number,
        "15.0",
        "Gigabytes of the image, for costs and boot times.",
    ),
    default(
        "vast.model_gb",
        Kind::Number,
        "60.0",
        "Gigabytes of the model, likewise.",
    ),
    default(
        "vast.onstart_extra",
        Kind::Text,
        "\"\"",
        "Shell lines of your own, run on the rental before the workload starts.",
    ),
    default(
        "vast.env",
        Kind::Table,
        "{}",
        "Environment of the container. The host can read it: no secrets that matter elsewhere.",
    ),
    default(
        "vast.request_timeout",
        Kind::Duration,
        "\"30s\"",
        "Time-out of one request.",
    ),
    default(
        "vast.read_tries",
        Kind::Count,
        "3",
        "Tries of a reading request. The rent call is never repeated.",
    ),
    default(
        "vast.avoid_for",
        Kind::Duration,
        "\"24h\"",
        "How long a machine that failed is avoided.",
    ),
    default(
        "vast.max_attempts",
        Kind::Count,
        "3",
        "Rentals in one sprint at most; offers that are gone before we take them do not count.",
    ),
    required(
        "ssh.key_file",
        Kind::Path,
        "\"~/.ssh/id_ed25519\"",
        "Private key for rentals alone, without a passphrase: nobody is there to type one.",
    ),
    optional(
        "ssh.known_hosts_dir",
        Kind::Path,
        "\"~/.local/state/pocpit/known_hosts\"",
        "Directory of our own known-hosts files, one per rental; in the state directory when absent.",
    ),
    default("ssh.user", Kind::Text, "\"root\"", "User on the rental."),
    default(
        "ssh.connect_timeout",
        Kind::Duration,
        "\"20s\"",
        "Time-out of a connection attempt.",
    ),
    default(
        "ssh.keepalive",
        Kind::Duration,
        "\"3s\"",
        "Interval of keep-alives: a link that is silent for four of them is dead.",
    ),
    required(
        "mlnode.model",
        Kind::Text,
        "\"MiniMaxAI/MiniMax-M2.7\"",
        "Model by its Hugging Face id; governance must approve it.",
    ),
    optional(
        "mlnode.revision",
        Kind::Text,
        "\"main\"",
        "Revision of the model; the newest when absent.",
    ),
    default(
        "mlnode.args",
        Kind::Texts,
        "[\"--tensor-parallel-size\", \"4\"]",
        "Arguments for vLLM.",
    ),
    default(
        "mlnode.api_port",
        Kind::Port,
        "8080",
        "Port of the API in the container.",
    ),
    default(
        "mlnode.inference_port",
        Kind::Port,
        "5000",
        "Port of inference in the container.",
    ),
    default(
        "mlnode.poc_segment",
        Kind::Text,
        "\"\"",
        "Path prefix of the API; empty today.",
    ),
    default(
        "mlnode.inference_segment",
        Kind::Text,
        "\"\"",
        "Path prefix of inference; empty today.",
    ),
    default(
        "mlnode.max_concurrent",
        Kind::Count,
        "500",
        "Requests at once.",
    ),
    default(
        "mlnode.startup_timeout",
        Kind::Duration,
        "\"50m\"",
        "Longest time from renting to a loaded model.",
    ),
    default(
        "mlnode.command",
        Kind::Text,
        "\"cd /app && . /app/packages/api/.venv/bin/activate && PYTHONPATH=/app:/app/packages/api/src exec uvicorn api.app:app --host=0.0.0.0 --port=8080\"",
        "Command that starts the MLNode in the container: SSH instances do not run the image's own.",
    ),
    default(
        "vllm.image",
        Kind::Text,
        "\"vllm/vllm-openai:v0.11.2\"",
        "Image of vLLM, with the tag that is meant.",
    ),
    default(
        "vllm.port",
        Kind::Port,
        "8000",
        "Port of vLLM in the container; on its loopback alone.",
    ),
    default(
        "vllm.listen",
        Kind::Address,
        "\"127.0.0.1:8000\"",
        "Where requests are taken here and led to it through SSH. Nobody is asked who they are: on another address than loopback, let nobody reach it who is not meant.",
    ),
    default(
        "poc.lead",
        Kind::Duration,
        "\"45m\"",
        "How long a slow boot takes: renting begins this long, plus the margin, before PoC. Once five boots of the model are measured, it is what 95 % of them took and poc.registration_margin, if that is more; at most twice this.",
    ),
    default("poc.margin", Kind::Duration, "\"5m\"", "Added to the lead."),
    default(
        "poc.registration_margin",
        Kind::Duration,
        "\"4m\"",
        "A registration must be done this long before PoC starts.",
    ),
    default(
        "poc.release",
        Kind::Text,
        "\"after_validation\"",
        "When the rental is given back: after_validation, after_weight, after_confirmation (the first confirmation PoC), whole_epoch, or after PoC start: \"blocks:2000\", \"time:6h\". `pocpit plan` says what each costs and risks; poc.execution_timeout cuts all of them short.",
    ),
    default(
        "poc.execution_timeout",
        Kind::Duration,
        "\"3h\"",
        "A rental lives no longer than this after PoC started, whatever the policy.",
    ),
    default(
        "poc.lease",
        Kind::Duration,
        "\"30m\"",
        "What the lease on the rental adds to the planned release: it ends itself then.",
    ),
    default(
        "poc.hedge",
        Kind::Choice(&["off", "on"]),
        "\"off\"",
        "What is done about a boot that falls behind nine in ten: off waits for it as long as it can be in time; on rents a second machine beside it, once in a sprint, keeps the one that is ready first and destroys the other. Both must fit into every cap, so budget.per_hour must be given.",
    ),
    optional(
        "budget.per_hour",
        Kind::Money,
        "14.0",
        "Most that everything rented at the same time may cost in an hour; as vast.max_price when absent.",
    ),
    required(
        "budget.per_sprint",
        Kind::Money,
        "40.0",
        "Most that one sprint may cost at worst.",
    ),
    required(
        "budget.per_day",
        Kind::Money,
        "60.0",
        "Most in any 24 hours.",
    ),
    required(
        "budget.per_month",
        Kind::Money,
        "900.0",
        "Most in any 30 days.",
    ),
    default(
        "budget.credit_floor",
        Kind::Money,
        "1.0",
        "Credit that must be left on the account after the worst case.",
    ),
    default(
        "budget.typed_above",
        Kind::Money,
        "100.0",
        "A rental whose worst case is above this is agreed to in the cockpit by typing the sum; y is enough for the others.",
    ),
    required(
        "network_node.admin_api",
        Kind::Url,
        "\"http://10.0.0.5:9200\"",
        "Admin API of the Network Node, in a private network.",
    ),
    default(
        "network_node.request_timeout",
        Kind::Duration,
        "\"30s\"",
        "Time-out of one request.",
    ),
    default(
        "network_node.exposure",
        Kind::Choice(&["tunnel", "direct"]),
        "\"tunnel\"",
        "tunnel: through SSH, nothing of the rental is public. direct: public ports of the rental are registered, anyone who finds them can stop the node, and the callback must have a public address.",
    ),
    suggested(
        "network_node.host",
        Kind::Text,
        "\"172.17.0.1\"",
        "This machine as the Network Node sees it (tunnel); no scheme, no port.",
    ),
    suggested(
        "network_node.api_listen",
        Kind::Address,
        "\"172.17.0.1:18080\"",
        "Where the rental's API appears here (tunnel).",
    ),
    suggested(
        "network_node.inference_listen",
        Kind::Address,
        "\"172.17.0.1:15000\"",
        "Where the rental's inference appears here (tunnel).",
    ),
    default(
        "network_node.callback_target",
        Kind::Text,
        "\"127.0.0.1:9100\"",
        "The PoC callback of the Network Node as reached from here (tunnel).",
    ),
    default(
        "network_node.callback_port",
        Kind::Port,
        "9100",
        "Port of the callback's address on the rental (tunnel).",
    ),
    default(
        "network_node.node_prefix",
        Kind::Text,
        "\"vastai-\"",
        "Prefix of our node ids; the contract's id is added.",
    ),
    optional(
        "network_node.hardware_name",
        Kind::Text,
        "\"NVIDIA H100 80GB HBM3\"",
        "GPU name to register; the driver's own when absent.",
    ),
    required(
        "inference_proxy.node_id",
        Kind::Text,
        "\"inference-proxy\"",
        "Its id in the Network Node.",
    ),
    required(
        "inference_proxy.host",
        Kind::Text,
        "\"172.17.0.1\"",
        "Its address as the Network Node sees it.",
    ),
    required(
        "inference_proxy.inference_port",
        Kind::Port,
        "8090",
        "Its inference port.",
    ),
    required(
        "inference_proxy.poc_port",
        Kind::Port,
        "8091",
        "Its API port.",
    ),
    required(
        "inference_proxy.listen",
        Kind::Address,
        "\"172.17.0.1:8090\"",
        "Where `pocpit proxy` listens.",
    ),
    required(
        "inference_proxy.model",
        Kind::Text,
        "\"MiniMaxAI/MiniMax-M2.7\"",
        "Model by the network's name.",
    ),
    default(
        "inference_proxy.upstream",
        Kind::Url,
        "\"https://api.hyperbolic.xyz/v1\"",
        "OpenAI-compatible upstream.",
    ),
    optional(
        "inference_proxy.upstream_key",
        Kind::Secret,
        "\"\"",
        "The upstream's key; better by file.",
    ),
    optional(
        "inference_proxy.upstream_key_file",
        Kind::Path,
        "\"~/.config/pocpit/upstream.key\"",
        "A file that holds the upstream's key, mode 0600.",
    ),
    required(
        "inference_proxy.upstream_model",
        Kind::Text,
        "\"MiniMaxAI/MiniMax-M2.7\"",
        "Model by the upstream's name.",
    ),
    default(
        "inference_proxy.fallbacks",
        Kind::Tables(&["upstream", "key_file", "model"]),
        "[]",
        "Others to ask when it fails: [{ upstream = \"https://host/v1\", key_file = \"k\", model = \"m\" }].",
    ),
    default(
        "inference_proxy.rename_fields",
        Kind::Table,
        "{}",
        "Fields of a request that upstreams know by another name: { max_completion_tokens = \"max_tokens\" }.",
    ),
    default(
        "inference_proxy.drop_fields",
        Kind::Texts,
        "[]",
        "Fields of a request that upstreams refuse: [\"return_token_ids\"]. Never logprobs: validators need them.",
    ),
    optional(
        "inference_proxy.token",
        Kind::Secret,
        "\"\"",
        "Bearer token that callers must send; better by file. The Network Node sends none: leave it out when it calls directly.",
    ),
    optional(
        "inference_proxy.token_file",
        Kind::Path,
        "\"~/.config/pocpit/proxy.token\"",
        "A file that holds the token, mode 0600.",
    ),
    default(
        "inference_proxy.allow",
        Kind::Texts,
        "[]",
        "Networks that may ask, such as [\"172.16.0.0/12\"]; [] for all that reach it.",
    ),
    optional(
        "inference_proxy.executor",
        Kind::Url,
        "\"http://10.0.0.9:8080\"",
        "Where requests without X-Inference-Id and X-Seed are sent (transfer routing); absent to answer them here.",
    ),
    optional(
        "inference_proxy.transfer_address",
        Kind::Text,
        "\"gonka1youraddress\"",
        "X-Transfer-Address of such requests.",
    ),
    optional(
        "inference_proxy.requester_address",
        Kind::Text,
        "\"gonka1theiraddress\"",
        "X-Requester-Address of such requests, when the caller sends none.",
    ),
    default(
        "inference_proxy.transfer_signature",
        Kind::Choice(&["optional", "required"]),
        "\"optional\"",
        "Whether such requests must carry X-TA-Signature.",
    ),
    default(
        "inference_proxy.access_log",
        Kind::Choice(&["requests", "off", "prompts"]),
        "\"requests\"",
        "What is logged of requests; \"prompts\" adds what was asked.",
    ),
    default(
        "inference_proxy.max_body",
        Kind::Memory,
        "\"8 MB\"",
        "Largest request.",
    ),
    default(
        "inference_proxy.max_concurrent",
        Kind::Count,
        "100",
        "Requests at once.",
    ),
    default(
        "inference_proxy.request_timeout",
        Kind::Duration,
        "\"2m\"",
        "Time-out until the first byte of an answer, shared by the upstreams that are asked in turn; a caller that takes nothing for so long is hung up on.",
    ),
    default(
        "inference_proxy.hardware",
        Kind::Text,
        "\"PROXY\"",
        "GPU name that is registered for it.",
    ),
    default(
        "inference_proxy.hardware_count",
        Kind::Count,
        "1",
        "GPUs that are registered for it.",
    ),
    optional(
        "notify.webhook",
        Kind::Url,
        "\"https://example.org/hook\"",
        "Where alerts and outcomes are posted as JSON; nobody when absent.",
    ),
    optional(
        "notify.webhook_token",
        Kind::Secret,
        "\"\"",
        "Sent as a bearer token; better by file.",
    ),
    optional(
        "notify.webhook_token_file",
        Kind::Path,
        "\"~/.config/pocpit/webhook.token\"",
        "A file that holds the token, mode 0600.",
    ),
    optional(
        "notify.webhook_secret",
        Kind::Secret,
        "\"\"",
        "Signs what is posted: header x-pocpit-signature is sha256= and the HMAC-SHA256, in hexadecimal, of header x-pocpit-timestamp, a full stop and the body; better by file.",
    ),
    optional(
        "notify.webhook_secret_file",
        Kind::Path,
        "\"~/.config/pocpit/webhook.secret\"",
        "A file that holds it, mode 0600.",
    ),
    optional(
        "notify.telegram_token",
        Kind::Secret,
        "\"\"",
        "Token of a Telegram bot that tells you; better by file.",
    ),
    optional(
        "notify.telegram_token_file",
        Kind::Path,
        "\"~/.config/pocpit/telegram.token\"",
        "A file that holds it, mode 0600.",
    ),
    optional(
        "notify.telegram_chat",
        Kind::Text,
        "\"123456789\"",
        "Id of the chat that the bot tells, or @channel.",
    ),
    default(
        "notify.telegram_api",
        Kind::Url,
        "\"https://api.telegram.org\"",
        "Address of Telegram's Bot API.",
    ),
    optional(
        "notify.discord_webhook",
        Kind::Secret,
        "\"\"",
        "Address of a Discord webhook; better by file.",
    ),
    optional(
        "notify.discord_webhook_file",
        Kind::Path,
        "\"~/.config/pocpit/discord.webhook\"",
        "A file that holds it, mode 0600.",
    ),
    optional(
        "notify.ntfy",
        Kind::Url,
        "\"https://ntfy.sh/a-name-nobody-guesses\"",
        "Server and topic of ntfy.",
    ),
    optional(
        "notify.ntfy_token",
        Kind::Secret,
        "\"\"",
        "Access token of ntfy, for protected topics; better by file.",
    ),
    optional(
        "notify.ntfy_token_file",
        Kind::Path,
        "\"~/.config/pocpit/ntfy.token\"",
        "A file that holds it, mode 0600.",
    ),
    default(
        "notify.command",
        Kind::Texts,
        "[]",
        "A program and its arguments, run without a shell for every notice: [\"/usr/local/bin/tell\", \"me\"]. It gets the notice as JSON on its standard input, and POCPIT_LEVEL and POCPIT_TITLE.",
    ),
    optional(
        "notify.heartbeat",
        Kind::Url,
        "\"https://hc-ping.com/your-id\"",
        "Asked as long as the chain and your rentals can be read. A service that waits for it tells you when pocpit or its machine is gone.",
    ),
    default(
        "notify.heartbeat_every",
        Kind::Duration,
        "\"5m\"",
        "Between two heartbeats.",
    ),
    optional(
        "notify.metrics_listen",
        Kind::Address,
        "\"127.0.0.1:9464\"",
        "Where the cockpit and auto serve /metrics (OpenMetrics) and /healthz, on loopback; nowhere when absent.",
    ),
    optional(
        "paths.state_dir",
        Kind::Path,
        "\"~/.local/state/pocpit\"",
        "Journal, lock and known hosts; the XDG state directory when absent.",
    ),
    optional(
        "paths.log_dir",
        Kind::Path,
        "\"~/.local/state/pocpit/log\"",
        "The program's own log files, 128 MiB at most; in the state directory when absent.",
    ),
    optional(
        "paths.runtime_dir",
        Kind::Path,
        "\"/run/user/1000/pocpit\"",
        "SSH control sockets; must be short. The XDG runtime directory when absent.",
    ),
    required(
        "simulation.speed",
        Kind::Number,
        "60.0",
        "World seconds per second.",
    ),
    required(
        "simulation.world_start",
        Kind::Time,
        "\"2026-01-01T00:00:00Z\"",
        "World time at real_start.",
    ),
    required(
        "simulation.real_start",
        Kind::Time,
        "\"2026-01-01T00:00:00Z\"",
        "When the world was started.",
    ),
];

impl Key {
    /// The section it is in.
    pub fn section(&self) -> &'static str {
        self.path.split('.').next().unwrap_or_default()
    }

    /// Its name in the section.
    pub fn name(&self) -> &'static str {
        self.path.split('.').next_back().unwrap_or_default()
    }

    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("POCPIT_{}", self.path.replace('.', "_").to_uppercase())
    }

    /// True when a wrong value must not be repeated: a secret, the address of a webhook, which is
    /// its password, and the name of a secret's file, where the secret itself is easily put.
    pub fn may_hold_a_secret(&self) -> bool {
        let is_secret = |key: &Key| matches!(key.kind, Kind::Secret);
        let beside = self.path.strip_suffix("_file").and_then(Key::find);
        is_secret(self) || beside.is_some_and(is_secret) || self.is_secret_address()
    }

    /// An address that is a password too: who knows it can do all that it is for.
    pub fn is_secret_address(&self) -> bool {
        matches!(
            self.path,
            "notify.webhook" | "notify.ntfy" | "notify.heartbeat"
        )
    }

    /// The setting with this path.
    pub fn find(path: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.path == path)
    }
}

impl Kind {
    /// What is right, for reports.
    pub fn expected(self) -> String {
        match self {
            Kind::Text | Kind::Secret => "a text in quotes".into(),
            Kind::Url => {
                "an address such as \"https://host:port\", without user and password".into()
            }
            Kind::Urls => "a list of addresses such as [\"http://host:9000\"]".into(),
            Kind::Texts => "a list of texts such as [\"one\", \"two\"]".into(),
            Kind::Count => "a whole number, 0 or more".into(),
            Kind::Number => "a number".into(),
            Kind::Money => "dollars such as 12.5 or \"$12.50\"".into(),
            Kind::Memory => "a size such as \"80 GB\"".into(),
            Kind::Duration => "a length of time such as \"90s\", \"45m\" or \"2h\"".into(),
            Kind::Address => "an address and port such as \"127.0.0.1:8080\"".into(),
            Kind::Port => "a port from 1 to 65535".into(),
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
            Kind::Path => "a path in quotes".into(),
            Kind::Time => "a time such as \"2026-01-01T00:00:00Z\"".into(),
            Kind::Table => "a table of texts such as { NAME = \"value\" }".into(),
            Kind::Tables(names) => {
                let fields: Vec<String> =
                    names.iter().map(|name| format!("{name} = \"…\"")).collect();
                format!("a list of tables, each {{ {} }}", fields.join(", "))
            }
        }
    }
}
