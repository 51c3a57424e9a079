//! Checks of values that are well-formed.

use std::net::{Ipv6Addr, SocketAddr};

use url::Url;

use super::draft::{Draft, ExposureKind};
use super::onstart::onstart_script;
use super::read::Reader;
use crate::domain::{Hedging, is_host, is_private_url};

/// What is wrong and what was expected.
type Fault = (String, &'static str);

/// Settings, and a check that runs if none of them has a problem yet. A fault is reported for the first.
type Check = (&'static [&'static str], fn(&Draft) -> Option<Fault>);

/// Runs the checks whose first setting is in a section that `wanted` accepts.
pub(super) fn run(reader: &mut Reader<'_>, draft: &Draft, wanted: impl Fn(&str) -> bool) {
    for (settings, test) in CHECKS {
        let [reported, ..] = settings else { continue };
        let section = reported.split('.').next().unwrap_or_default();
        let is_read = wanted(section) && reader.is_on(section);
        if is_read
            && !settings.iter().any(|path| reader.has_problem(path))
            && let Some((what, expected)) = test(draft)
        {
            reader.contradiction(settings, what, expected);
        }
    }
}

/// The market's limits on a rent call: it refuses a longer image, script or label (256) with 400 and code
/// 3471 (field reports of six projects). Our labels are shorter.
const MAX_IMAGE_BYTES: usize = 1_024;
const MAX_ONSTART_BYTES: usize = 16_384;

/// Variables that break a node, and how (gonka v0.2.14 `mlnode/packages/api/src/api`).
const FORBIDDEN: [(&str, &str); 2] = [
    (
        "INFERENCE_PORT",
        "shifts the ports of vLLM in the container: the node would be healthy and unreachable",
    ),
    (
        "HF_HUB_OFFLINE",
        "makes the MLNode ignore the download of the model, which is not on a rental",
    ),
];

const CHECKS: &[Check] = &[
    (&["vast.base_url"], |d| {
        fault(
            is_exposed(&d.vast.base_url),
            "plain http: anyone on the network could read the API key and spend your credit",
            "https, or an address of this machine or of a private network",
        )
    }),
    (&["chain.public_api"], |d| {
        fault(
            d.chain.public_api.is_empty(),
            "the list is empty",
            "at least one URL",
        )
    }),
    (&["vast.image", "vast.template_hash"], |d| {
        let is_missing = d.vast.image.is_empty() && d.vast.template_hash.is_none();
        fault(is_missing, "missing", "vast.image or vast.template_hash")
    }),
    (&["vast.image"], |d| {
        let bytes = d.vast.image.len();
        let what = || format!("{bytes} bytes are more than the market accepts");
        (bytes > MAX_IMAGE_BYTES).then(|| (what(), "at most 1024 bytes"))
    }),
    (&["vast.onstart_extra"], |d| {
        let bytes = onstart_script(&d.vast.onstart_extra).len();
        let what =
            || format!("with it the start script has {bytes} bytes, more than the market accepts");
        (bytes > MAX_ONSTART_BYTES)
            .then(|| (what(), "at most 16384 bytes with the script around it"))
    }),
    (&["vast.env"], |d| {
        let wrong = d.vast.env.keys().find(|name| !is_variable(name))?;
        let what = format!("{wrong:?} is not a valid name of an environment variable");
        Some((what, "letters, digits and _"))
    }),
    (&["vast.env"], |d| {
        let (name, why) = FORBIDDEN
            .iter()
            .find(|(name, _)| d.vast.env.contains_key(*name))?;
        Some((format!("{name} {why}"), "an environment without it"))
    }),
    (&["vast.disk"], |d| {
        let disk = d.vast.query.disk_gb;
        (disk < 10.0).then(|| (format!("{disk} GB is too small"), "at least 10 GB"))
    }),
    (&["vast.disk", "vast.image_gb", "vast.model_gb"], |d| {
        let (disk, needed) = (d.vast.query.disk_gb, d.vast.image_gb + d.vast.model_gb);
        let what = || format!("{disk} GB is too small: image and model need {needed} GB");
        (disk < needed).then(|| (what(), "at least vast.image_gb plus vast.model_gb"))
    }),
    (&["mlnode.inference_port", "mlnode.api_port"], |d| {
        let is_same = d.mlnode.api_port == d.mlnode.inference_port;
        fault(is_same, "same as mlnode.api_port", "another port")
    }),
    (&["mlnode.args", "vast.gpu_count"], |d| {
        let gpus = d.vast.query.least_gpus();
        let parallel = tensor_parallel_size(&d.mlnode.model.args)?;
        let what = || format!("--tensor-parallel-size is {parallel}, but vast.gpu_count is {gpus}");
        (parallel > gpus).then(|| (what(), "at most the number of GPUs"))
    }),
    (
        &["poc.registration_margin", "poc.lead", "poc.margin"],
        |d| {
            fault(
                d.poc.registration_margin >= d.poc.lead + d.poc.margin,
                "the node would have to be registered before it is rented",
                "less than poc.lead plus poc.margin",
            )
        },
    ),
    (&["budget.per_hour", "poc.hedge"], |d| {
        fault(
            d.poc.hedge == Hedging::On && d.per_hour.is_none(),
            "missing: poc.hedge is on, and two rentals never fit without this cap",
            "what two rentals together may cost per hour",
        )
    }),
    (&["budget.per_day", "budget.per_sprint"], |d| {
        let is_less = d.budget.per_day < d.budget.per_sprint;
        fault(is_less, "less than budget.per_sprint", "at least as much")
    }),
    (&["budget.per_month", "budget.per_day"], |d| {
        let is_less = d.budget.per_month < d.budget.per_day;
        fault(is_less, "less than budget.per_day", "at least as much")
    }),
    (&["pool.min_replicas", "pool.replicas"], |d| {
        let (least, all) = (d.pool.min_replicas, d.pool.replicas);
        let what = || format!("{least} is more than replicas, which is {all}");
        (least > all).then(|| (what(), "at most replicas"))
    }),
    // An id is prefix and contract number: "vast" and 12 would be "vast1" and 2.
    (&["network_node.node_prefix"], |d| {
        let prefix = &d.network_node.node_prefix;
        let is_digit = prefix.ends_with(|last: char| last.is_ascii_digit());
        let what = || {
            format!(
                "{prefix:?} ends in a digit: with a contract number appended it could equal another node's id, which a registration would overwrite"
            )
        };
        is_digit.then(|| (what(), "a prefix that ends otherwise, such as \"vastai-\""))
    }),
    (&["network_node.host", "network_node.exposure"], |d| {
        unset_in_tunnel(d, d.tunnel.host.is_empty())
    }),
    (&["network_node.host", "network_node.exposure"], |d| {
        let host = &d.tunnel.host;
        is_tunnel(d).then(|| wrong_host(host)).flatten()
    }),
    (&["network_node.api_listen", "network_node.exposure"], |d| {
        unset_in_tunnel(d, d.tunnel.api_listen.is_none())
    }),
    (
        &["network_node.inference_listen", "network_node.exposure"],
        |d| unset_in_tunnel(d, d.tunnel.inference_listen.is_none()),
    ),
    (
        &["network_node.inference_listen", "network_node.api_listen"],
        |d| {
            let listen = d.tunnel.api_listen.filter(|listen| listen.port() != 0)?;
            let is_same = is_tunnel(d) && d.tunnel.inference_listen == Some(listen);
            fault(is_same, "same as network_node.api_listen", "another port")
        },
    ),
    (
        &["network_node.callback_target", "network_node.exposure"],
        |d| {
            let target = &d.tunnel.callback_target;
            let is_wrong = is_tunnel(d) && !is_host_and_port(target);
            let what = || format!("{target:?} is not a host and port");
            is_wrong.then(|| (what(), "a host and port, such as \"127.0.0.1:9100\""))
        },
    ),
    (
        &["inference_proxy.node_id", "network_node.node_prefix"],
        |d| {
            fault(
                d.proxy.node_id.0.starts_with(&d.network_node.node_prefix),
                "begins with network_node.node_prefix, so the proxy would be mistaken for a rental",
                "another id",
            )
        },
    ),
    (
        &["inference_proxy.inference_port", "network_node.host"],
        |d| shared_address(d, d.proxy.inference_port),
    ),
    (&["inference_proxy.poc_port", "network_node.host"], |d| {
        shared_address(d, d.proxy.poc_port)
    }),
    (
        &["notify.discord_webhook", "notify.discord_webhook_file"],
        |d| {
            use secrecy::ExposeSecret as _;
            let address = d.notify.discord.as_ref()?.expose_secret();
            let is_wrong = address.parse::<url::Url>().is_err();
            fault(
                is_wrong,
                "not a URL (not shown because it may hold a secret)",
                "the URL that Discord shows for the webhook",
            )
        },
    ),
    (
        &[
            "notify.telegram_chat",
            "notify.telegram_token",
            "notify.telegram_token_file",
        ],
        |d| {
            fault(
                d.telegram_token.is_some() != d.telegram_chat.is_some(),
                "only one of notify.telegram_token and notify.telegram_chat is set",
                "both or none",
            )
        },
    ),
    (&["notify.ntfy"], |d| {
        let topic = d.ntfy_topic.as_ref()?;
        let is_missing = topic.path().trim_matches('/').is_empty();
        let expected = "server and topic, such as https://ntfy.sh/a-name-nobody-guesses";
        fault(is_missing, "the URL has no topic", expected)
    }),
    (&["notify.metrics_listen"], |d| {
        fault(
            !d.notify.metrics_listen?.ip().is_loopback(),
            "not a loopback address, and what is served there has no password",
            "a loopback address, such as \"127.0.0.1:9464\"",
        )
    }),
];

/// Anyone on the network can read what is sent there.
pub(super) fn is_exposed(url: &Url) -> bool {
    url.scheme() == "http" && !is_private_url(url)
}

fn fault(is_wrong: bool, what: &str, expected: &'static str) -> Option<Fault> {
    is_wrong.then(|| (what.to_owned(), expected))
}

fn unset_in_tunnel(draft: &Draft, is_unset: bool) -> Option<Fault> {
    const EXPECTED: &str = "an address of this machine that the Network Node can reach, or network_node.exposure = \"direct\"";
    fault(is_tunnel(draft) && is_unset, "missing", EXPECTED)
}

fn is_tunnel(draft: &Draft) -> bool {
    draft.exposure == ExposureKind::Tunnel
}

fn is_variable(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_digit_or_letter = |c: char| c.is_ascii_digit() || is_letter(c);
    name.starts_with(is_letter) && name.chars().all(is_digit_or_letter)
}

/// The Network Node puts a node's host into `http://HOST:PORT` as it is (gonka v0.2.14
/// decentralized-api/broker/broker.go `InferenceUrl`, `PoCUrl`): an IPv6 address needs brackets.
fn wrong_host(host: &str) -> Option<Fault> {
    if host.parse::<Ipv6Addr>().is_ok() {
        let what = format!("{host} is an IPv6 address without brackets");
        return Some((
            what,
            "an IPv6 address in brackets, such as \"[2001:db8::1]\"",
        ));
    }
    let what = || format!("{host:?} is not a host");
    let is_wrong = !host.is_empty() && !is_written_host(host);
    is_wrong.then(|| (what(), "a name or address without scheme and port"))
}

/// A host as it is written before a port: an IPv6 address is in brackets.
fn is_written_host(text: &str) -> bool {
    let bracketed = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match bracketed {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => is_host(text) && !text.contains(':'),
    }
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        is_written_host(host) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

fn tensor_parallel_size(args: &[String]) -> Option<u32> {
    let mut args = args.iter();
    args.find(|arg| *arg == "--tensor-parallel-size")?;
    args.next()?.parse().ok()
}

/// The Network Node refuses two nodes at one address, and the second is the one that was rented.
fn shared_address(draft: &Draft, port: u16) -> Option<Fault> {
    let host = &draft.tunnel.host;
    let place = draft.proxy.network_node.as_ref();
    let is_elsewhere = place.is_some_and(|name| *name != draft.network_node.name);
    if is_elsewhere
        || !is_tunnel(draft)
        || host.is_empty()
        || !draft.proxy.host.eq_ignore_ascii_case(host)
    {
        return None;
    }
    let is_same = |end: Option<SocketAddr>| end.is_some_and(|end| end.port() == port);
    let name = if is_same(draft.tunnel.api_listen) {
        "network_node.api_listen"
    } else if is_same(draft.tunnel.inference_listen) {
        "network_node.inference_listen"
    } else {
        return None;
    };
    let what =
        format!("{host}:{port} is also {name}, and the Network Node accepts one node per address");
    Some((what, "another port"))
}
