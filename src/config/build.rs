//! Values to a [`Config`], with the checks that need more than one of them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use url::Url;

use super::proxy;
use super::read::{KeyOf, Reader, dollars, is_open_to_others};
use super::settings::{
    BellMode, BudgetConfig, ChainConfig, Config, Exposure, MlNodeConfig, MouseMode,
    NetworkNodeConfig, Paths, PocConfig, SimulationConfig, SshConfig, VastConfig, VllmConfig,
};
use crate::domain::{
    CockpitId, Duration, Hedging, OfferQuery, Participant, ReleasePolicy, UsdPerHour, Verification,
    WorkloadModel,
};

/// Directories that are used when the configuration names none.
#[derive(Debug, Clone, Default)]
pub struct DefaultPaths {
    /// XDG state directory of the program.
    pub state_dir: PathBuf,
    /// XDG runtime directory of the program.
    pub runtime_dir: PathBuf,
}

/// Longest time that any policy may keep a rental.
const LONGEST: Duration = Duration::days(7);
const SECOND: Duration = Duration::seconds(1);

/// Builds the whole configuration. Every section is read before the first one is missed, so that the
/// reader has every problem afterwards; the result counts only when it has none.
pub(super) fn build(
    reader: &mut Reader<'_>,
    defaults: &DefaultPaths,
    warnings: &mut Vec<String>,
) -> Option<Config> {
    let cockpit = reader.parsed::<CockpitId>("cockpit.id");
    let neighbours = neighbours(reader);
    let mouse = match reader.choice("cockpit.mouse") {
        "off" => MouseMode::Terminal,
        _ => MouseMode::Cockpit,
    };
    let bell = match reader.choice("cockpit.ring") {
        "bell" => BellMode::Bell,
        "off" => BellMode::Off,
        _ => BellMode::Notify,
    };
    let keys = reader.table("cockpit.keys");
    let colors = reader.table("cockpit.colors");
    let chain = chain(reader);
    let poc = poc(reader);
    let vast = vast(reader, &poc, warnings);
    let paths = paths(reader, defaults);
    let ssh = ssh(reader, &paths);
    let mlnode = mlnode(reader);
    let vllm = vllm(reader);
    let budget = budget(reader, vast.query.max_price);
    let network_node = network_node(reader);
    let inference_proxy = proxy::read(reader, warnings);
    let notify = super::notify::read(reader, warnings);
    let simulation = simulation(reader);
    let config = Config {
        cockpit: cockpit?,
        neighbours,
        mouse,
        bell,
        keys,
        colors,
        chain,
        vast,
        ssh,
        mlnode,
        vllm,
        poc,
        budget,
        network_node: network_node?,
        inference_proxy,
        notify,
        paths,
        simulation,
    };
    agree(reader, &config);
    let cut_short = config.poc.cut_short();
    warnings.extend(cut_short.map(|cut| format!("{}: {}", cut.cause, cut.remedy)));
    Some(config)
}

fn neighbours(reader: &mut Reader<'_>) -> Vec<CockpitId> {
    let names = reader.texts("cockpit.neighbours");
    let parsed: Result<Vec<CockpitId>, _> = names.iter().map(|name| name.parse()).collect();
    parsed.unwrap_or_else(|error| {
        reader.problem("cockpit.neighbours", error.to_string(), "ids of cockpits");
        Vec::new()
    })
}

fn chain(reader: &mut Reader<'_>) -> ChainConfig {
    let chain = ChainConfig {
        public_api: reader.urls("chain.public_api"),
        rpc: reader.urls("chain.rpc"),
        rest: reader.urls("chain.rest"),
        participant: Participant(reader.text("chain.participant")),
        poll: reader.duration("chain.poll", SECOND, Duration::minutes(5)),
    };
    if reader.values.contains_key("chain.public_api") && chain.public_api.is_empty() {
        reader.problem(
            "chain.public_api",
            "the list is empty",
            "at least one address",
        );
    }
    if reader.is_given("chain.participant") && !chain.participant.0.starts_with("gonka1") {
        let what = format!("{:?} is not an address on the chain", chain.participant.0);
        reader.problem(
            "chain.participant",
            what,
            "an address that begins with gonka1",
        );
    }
    chain
}

pub(super) fn vast(
    reader: &mut Reader<'_>,
    poc: &PocConfig,
    warnings: &mut Vec<String>,
) -> VastConfig {
    let key = reader.key(KeyOf::Market, |reader| market_key(reader, warnings));
    let image = reader.some_text("vast.image");
    let template_hash = reader.some_text("vast.template_hash");
    if image.is_none() && template_hash.is_none() {
        reader.problem(
            "vast.image",
            "neither an image nor a template is given",
            "vast.image or vast.template_hash",
        );
    }
    let base_url = reader.url("vast.base_url");
    let query = query(reader, poc);
    let rest = VastConfig {
        api_key: key.unwrap_or_default(),
        base_url: base_url.unwrap_or_else(placeholder),
        query,
        image: image.unwrap_or_default(),
        template_hash,
        onstart_extra: reader.text("vast.onstart_extra"),
        env: reader.table("vast.env"),
        request_timeout: reader.real_time("vast.request_timeout"),
        read_tries: reader.count("vast.read_tries", 1, 10),
        avoid_for: reader.duration("vast.avoid_for", Duration::zero(), Duration::days(90)),
        max_attempts: reader.count("vast.max_attempts", 1, 20),
        image_gb: reader.number("vast.image_gb", 0.0, 1_000.0),
        model_gb: reader.number("vast.model_gb", 0.0, 5_000.0),
    };
    let variable = |name: &str| {
        let mut characters = name.chars();
        characters
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if let Some(name) = rest.env.keys().find(|name| !variable(name)) {
        let what = format!("{name:?} is not the name of an environment variable");
        reader.problem("vast.env", what, "letters, digits and _");
    }
    rest
}

fn market_key(reader: &mut Reader<'_>, warnings: &mut Vec<String>) -> Option<SecretString> {
    let key = secret(reader, "vast.api_key", "vast.api_key_file", warnings);
    if key.is_none() && !reader.is_given("vast.api_key_file") {
        let right = "vast.api_key_file (a file that holds it), vast.api_key or the variable POCPIT_VAST_API_KEY";
        reader.problem("vast.api_key", "there is no Vast API key", right);
    }
    key
}

fn query(reader: &mut Reader<'_>, poc: &PocConfig) -> OfferQuery {
    let verification = match reader.choice("vast.verification") {
        "any" => Verification::Any,
        _ => Verification::Required,
    };
    let query = OfferQuery {
        gpu_names: reader.texts("vast.gpu_names"),
        gpu_count: reader.count("vast.gpu_count", 1, 64),
        min_gpu_memory_mb: whole(reader.megabytes("vast.min_gpu_memory")),
        min_total_gpu_memory_mb: whole(reader.megabytes("vast.min_total_gpu_memory")),
        disk_gb: reader.megabytes("vast.disk") / 1_000.0,
        max_price: UsdPerHour(reader.money("vast.max_price")),
        min_reliability: reader.number("vast.min_reliability", 0.0, 1.0),
        min_download_mbps: reader.number("vast.min_download_mbps", 0.0, 1e6),
        min_cuda: reader.some_number("vast.min_cuda", 0.0, 99.0),
        min_direct_ports: reader.count("vast.min_direct_ports", 0, 1_000),
        // A measured lead is at most twice the setting.
        min_duration: poc.lead * 2 + poc.margin + Duration::minutes(30),
        verification,
        countries: reader.texts("vast.countries"),
    };
    if reader.values.contains_key("vast.disk") && query.disk_gb < 10.0 {
        reader.problem(
            "vast.disk",
            format!("it is {} GB", query.disk_gb),
            "at least 10 GB",
        );
    }
    let country = |code: &String| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
    if let Some(wrong) = query.countries.iter().find(|code| !country(code)) {
        let what = format!("{wrong:?} is not a country code");
        reader.problem(
            "vast.countries",
            what,
            "two capital letters, such as \"US\"",
        );
    }
    query
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are checked to be finite and not negative; `as` saturates"
)]
fn whole(megabytes: f64) -> u64 {
    megabytes.round() as u64
}

fn ssh(reader: &mut Reader<'_>, paths: &Paths) -> SshConfig {
    let user = reader.text("ssh.user");
    if user.is_empty() || user.starts_with('-') {
        reader.problem(
            "ssh.user",
            format!("{user:?} is not a user"),
            "a user such as \"root\"",
        );
    }
    SshConfig {
        key_file: reader.path("ssh.key_file"),
        known_hosts_dir: reader
            .some_path("ssh.known_hosts_dir")
            .unwrap_or_else(|| paths.state_dir.join("known_hosts")),
        user,
        connect_timeout: reader.real_time("ssh.connect_timeout"),
        keepalive: reader.real_time("ssh.keepalive"),
    }
}

fn mlnode(reader: &mut Reader<'_>) -> MlNodeConfig {
    let config = MlNodeConfig {
        model: WorkloadModel {
            id: reader.text("mlnode.model"),
            revision: reader.some_text("mlnode.revision"),
            args: reader.texts("mlnode.args"),
        },
        api_port: reader.port("mlnode.api_port"),
        inference_port: reader.port("mlnode.inference_port"),
        poc_segment: reader.text("mlnode.poc_segment"),
        inference_segment: reader.text("mlnode.inference_segment"),
        max_concurrent: reader.count("mlnode.max_concurrent", 1, 100_000),
        startup_timeout: reader.duration(
            "mlnode.startup_timeout",
            Duration::minutes(1),
            Duration::hours(12),
        ),
        command: reader.text("mlnode.command"),
    };
    if config.api_port == config.inference_port {
        reader.problem(
            "mlnode.inference_port",
            "it is the API's port too",
            "a port of its own",
        );
    }
    if config.command.trim().is_empty() {
        reader.problem(
            "mlnode.command",
            "it is empty",
            "the command that starts the MLNode",
        );
    }
    config
}

fn vllm(reader: &mut Reader<'_>) -> VllmConfig {
    let image = reader.text("vllm.image");
    if image.trim().is_empty() {
        reader.problem(
            "vllm.image",
            "it is empty",
            "an image such as \"vllm/vllm-openai:v0.11.2\"",
        );
    }
    VllmConfig {
        image,
        port: reader.port("vllm.port"),
        listen: reader
            .parsed("vllm.listen")
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8000))),
    }
}

pub(super) fn poc(reader: &mut Reader<'_>) -> PocConfig {
    let none = Duration::zero();
    PocConfig {
        lead: reader.duration("poc.lead", Duration::minutes(1), Duration::hours(20)),
        margin: reader.duration("poc.margin", none, Duration::hours(12)),
        registration_margin: reader.duration("poc.registration_margin", none, Duration::hours(2)),
        release: release(reader),
        execution_timeout: reader.duration("poc.execution_timeout", Duration::minutes(20), LONGEST),
        lease: reader.duration("poc.lease", Duration::minutes(5), Duration::hours(24)),
        hedge: match reader.choice("poc.hedge") {
            "on" => Hedging::On,
            _ => Hedging::Off,
        },
    }
}

fn release(reader: &mut Reader<'_>) -> ReleasePolicy {
    let text = reader.text("poc.release");
    if let Some(blocks) = text
        .strip_prefix("blocks:")
        .and_then(|blocks| blocks.parse().ok())
    {
        return ReleasePolicy::BlocksAfterStart(blocks);
    }
    let minutes = text
        .strip_prefix("time:")
        .and_then(super::value::duration)
        .filter(|time| *time > Duration::zero() && *time <= LONGEST);
    if let Some(minutes) = minutes.and_then(|time| u32::try_from(time.num_minutes()).ok()) {
        return ReleasePolicy::MinutesAfterStart(minutes);
    }
    match text.as_str() {
        "after_confirmation" => ReleasePolicy::AfterConfirmation,
        "after_validation" => ReleasePolicy::AfterValidation,
        "after_weight" => ReleasePolicy::AfterWeight,
        "whole_epoch" => ReleasePolicy::WholeEpoch,
        _ => {
            let right = "after_validation, after_weight, after_confirmation, whole_epoch, a number of blocks such as blocks:2000, or a time such as time:6h";
            reader.problem("poc.release", format!("{text:?} is no policy"), right);
            ReleasePolicy::default()
        }
    }
}

/// Without a cap of its own, an hour may cost what one rental may: two at once never fit.
fn budget(reader: &mut Reader<'_>, max_price: UsdPerHour) -> BudgetConfig {
    let budget = BudgetConfig {
        per_hour: reader
            .optional("budget.per_hour", dollars)
            .map_or(max_price, UsdPerHour),
        per_sprint: reader.money("budget.per_sprint"),
        per_day: reader.money("budget.per_day"),
        per_month: reader.money("budget.per_month"),
        credit_floor: reader.money("budget.credit_floor"),
        typed_above: reader.money("budget.typed_above"),
    };
    let all_given = ["budget.per_sprint", "budget.per_day", "budget.per_month"]
        .iter()
        .all(|path| reader.values.contains_key(path));
    if all_given && budget.per_day < budget.per_sprint {
        reader.problem(
            "budget.per_day",
            "it is less than budget.per_sprint",
            "as much or more",
        );
    }
    if all_given && budget.per_month < budget.per_day {
        reader.problem(
            "budget.per_month",
            "it is less than budget.per_day",
            "as much or more",
        );
    }
    budget
}

fn network_node(reader: &mut Reader<'_>) -> Option<NetworkNodeConfig> {
    let exposure = match reader.choice("network_node.exposure") {
        "direct" => Some(Exposure::Direct),
        _ => tunnel(reader),
    };
    let admin_api = reader.url("network_node.admin_api");
    let request_timeout = reader.real_time("network_node.request_timeout");
    let node_prefix = reader.text("network_node.node_prefix");
    if node_prefix.is_empty() {
        let right = "a prefix such as \"vastai-\", by which our nodes are known";
        reader.problem("network_node.node_prefix", "it is empty", right);
    }
    // An id is prefix and contract number: "vast" and 12 would be "vast1" and 2.
    if node_prefix.ends_with(|last: char| last.is_ascii_digit()) {
        let what = format!(
            "{node_prefix:?} ends in a digit: with a contract's number it could be the id of another node, which a registration would overwrite"
        );
        let right = format!("one that does not, such as \"{node_prefix}-\"");
        reader.problem("network_node.node_prefix", what, right);
    }
    Some(NetworkNodeConfig {
        admin_api: admin_api?,
        request_timeout,
        exposure: exposure?,
        node_prefix,
        hardware_name: reader.some_text("network_node.hardware_name"),
    })
}

fn tunnel(reader: &mut Reader<'_>) -> Option<Exposure> {
    let host = needed_for_tunnel(reader, "network_node.host");
    let api_listen = needed_for_tunnel(reader, "network_node.api_listen");
    let inference_listen = needed_for_tunnel(reader, "network_node.inference_listen");
    let callback_target = reader.text("network_node.callback_target");
    let callback_port = reader.port("network_node.callback_port");
    if !is_host_and_port(&callback_target) {
        let what = format!("{callback_target:?} is not a host and port");
        reader.problem(
            "network_node.callback_target",
            what,
            "such as \"127.0.0.1:9100\"",
        );
    }
    let (host, api_listen, inference_listen): (String, SocketAddr, SocketAddr) =
        (host?, api_listen?, inference_listen?);
    if host.contains("://") || host.contains(':') || host.is_empty() {
        reader.problem(
            "network_node.host",
            format!("{host:?} is not a host"),
            "a name or address without scheme and port",
        );
    }
    if api_listen == inference_listen && api_listen.port() != 0 {
        reader.problem(
            "network_node.inference_listen",
            "it is network_node.api_listen too",
            "another port",
        );
    }
    Some(Exposure::Tunnel {
        host,
        api_listen,
        inference_listen,
        callback_target,
        callback_port,
    })
}

fn needed_for_tunnel<T: std::str::FromStr>(
    reader: &mut Reader<'_>,
    path: &'static str,
) -> Option<T> {
    if !reader.is_given(path) {
        let right = "an address of this machine that the Network Node reaches, or network_node.exposure = \"direct\"";
        reader.problem(path, "the tunnel needs it", right);
        return None;
    }
    reader.some_parsed(path)
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

pub(super) fn paths(reader: &mut Reader<'_>, defaults: &DefaultPaths) -> Paths {
    let state_dir = reader
        .some_path("paths.state_dir")
        .unwrap_or_else(|| defaults.state_dir.clone());
    Paths {
        log_dir: reader
            .some_path("paths.log_dir")
            .unwrap_or_else(|| state_dir.join("log")),
        runtime_dir: reader
            .some_path("paths.runtime_dir")
            .unwrap_or_else(|| defaults.runtime_dir.clone()),
        state_dir,
    }
}

pub(super) fn simulation(reader: &mut Reader<'_>) -> Option<SimulationConfig> {
    if !reader.has_section("simulation") {
        return None;
    }
    let speed = reader.number("simulation.speed", 0.01, 100_000.0);
    let world_start = reader.time("simulation.world_start");
    let real_start = reader.time("simulation.real_start");
    Some(SimulationConfig {
        speed,
        world_start: world_start?,
        real_start: real_start?,
    })
}

/// A secret given as such or by file. A file that cannot be read is a problem.
pub(super) fn secret(
    reader: &mut Reader<'_>,
    path: &'static str,
    file: &'static str,
    warnings: &mut Vec<String>,
) -> Option<SecretString> {
    // A wrong type must not put the value into the report.
    if reader
        .values
        .get(path)
        .is_some_and(|found| found.value.as_str().is_none())
    {
        reader.problem(path, "it is not a text", "a text in quotes");
        return None;
    }
    let direct = reader.some_text(path).map(SecretString::from);
    if !reader.is_given(file) {
        return direct;
    }
    if direct.is_some() {
        reader.problem(path, format!("{file} is given as well"), "one of the two");
        return direct;
    }
    let place = reader.some_path(file)?;
    secret_of_file(reader, file, &place, warnings)
}

/// The secret that a file holds.
pub(super) fn secret_of_file(
    reader: &mut Reader<'_>,
    file: &'static str,
    place: &Path,
    warnings: &mut Vec<String>,
) -> Option<SecretString> {
    let text = match std::fs::read_to_string(place) {
        Ok(text) => text.trim().to_owned(),
        Err(error) => {
            let what = format!("{} cannot be read: {error}", place.display());
            reader.problem(
                file,
                what,
                "a readable file that holds the secret and nothing else",
            );
            return None;
        }
    };
    if text.is_empty() || text.contains(char::is_whitespace) {
        let what = format!("{} does not hold one word", place.display());
        reader.problem(file, what, "a file that holds the secret and nothing else");
        return None;
    }
    if is_open_to_others(place) {
        warnings.push(format!(
            "{} can be read by others on this machine: chmod 600 {}",
            place.display(),
            place.display()
        ));
    }
    Some(SecretString::from(text))
}

/// Stands in for an address that is wrong; never used, because the problem is reported.
#[expect(clippy::expect_used, reason = "the literal is a valid address")]
pub(super) fn placeholder() -> Url {
    "http://invalid.invalid/".parse().expect("a valid address")
}

/// What must agree between sections.
fn agree(reader: &mut Reader<'_>, config: &Config) {
    if config.poc.registration_margin >= config.poc.lead + config.poc.margin {
        let right = "less than poc.lead and poc.margin together";
        reader.problem(
            "poc.registration_margin",
            "a node would have to be registered before it is rented",
            right,
        );
    }
    if config.poc.hedge == Hedging::On && !reader.is_given("budget.per_hour") {
        let what = "poc.hedge is on, and without this cap two rentals at once never fit";
        let right = "what two rentals together may cost in an hour";
        reader.problem("budget.per_hour", what, right);
    }
    let parallel = config
        .mlnode
        .model
        .args
        .iter()
        .position(|arg| arg == "--tensor-parallel-size");
    let parallel: Option<u32> = parallel
        .and_then(|index| config.mlnode.model.args.get(index + 1))
        .and_then(|count| count.parse().ok());
    if let Some(parallel) = parallel
        && parallel > config.vast.query.gpu_count
    {
        let what = format!(
            "--tensor-parallel-size is {parallel}, but vast.gpu_count is {}",
            config.vast.query.gpu_count
        );
        reader.problem("mlnode.args", what, "at most the number of GPUs");
    }
    let needed = config.vast.image_gb + config.vast.model_gb;
    if config.vast.query.disk_gb < needed {
        let what = format!(
            "it is {} GB, but image and model need {needed} GB",
            config.vast.query.disk_gb
        );
        reader.problem(
            "vast.disk",
            what,
            "more than vast.image_gb and vast.model_gb together",
        );
    }
    let clash = config.inference_proxy.as_ref().is_some_and(|proxy| {
        proxy
            .node_id
            .0
            .starts_with(&config.network_node.node_prefix)
    });
    if clash {
        let what = "it begins with network_node.node_prefix, so the proxy would be taken for a rental of ours";
        reader.problem("inference_proxy.node_id", what, "another name");
    }
    apart(reader, config);
}

/// The Network Node refuses two nodes at one address, and the second is the one that was rented.
fn apart(reader: &mut Reader<'_>, config: &Config) {
    let Exposure::Tunnel {
        host,
        api_listen,
        inference_listen,
        ..
    } = &config.network_node.exposure
    else {
        return;
    };
    let Some(proxy) = &config.inference_proxy else {
        return;
    };
    if !proxy.host.eq_ignore_ascii_case(host) {
        return;
    }
    let ends = [
        ("network_node.api_listen", api_listen.port()),
        ("network_node.inference_listen", inference_listen.port()),
    ];
    for (key, port) in [
        ("inference_proxy.inference_port", proxy.inference_port),
        ("inference_proxy.poc_port", proxy.poc_port),
    ] {
        if let Some((end, _)) = ends.iter().find(|(_, end)| *end == port) {
            let what = format!(
                "{host}:{port} is {end} too: the Network Node lists one node at an address"
            );
            reader.problem(key, what, "a port of its own");
        }
    }
}
