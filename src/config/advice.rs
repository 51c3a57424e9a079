//! Settings that are valid but should be changed.

use secrecy::ExposeSecret as _;
use url::Url;

use super::checks::is_exposed;
use super::derived::{disk_floor, profile_of, revision_in};
use super::draft::Draft;
use super::values::{Source, Values};
use crate::domain::{Earning, image_needs, known_model};

/// A sentence for each: the setting, what it causes, and the remedy.
pub(super) fn of(draft: &Draft, values: &Values) -> Vec<String> {
    let all = [
        cuda(draft),
        disk(draft),
        earning(draft),
        revision(draft),
        too_few_gpus(draft),
        bare_arguments(draft),
        callback_port(values),
    ];
    let odd = draft
        .given
        .args
        .iter()
        .flatten()
        .filter_map(|arg| odd_form(arg));
    let all = all.into_iter().flatten().chain(odd);
    all.chain(exposed_keys(draft)).collect()
}

/// Keys that anyone on the network can read. For the market's key that is an error, not advice.
fn exposed_keys(draft: &Draft) -> Vec<String> {
    let notify = &draft.notify;
    let discord = notify.discord.as_ref();
    let discord: Option<Url> = discord.and_then(|url| url.expose_secret().parse().ok());
    let telegram = draft.telegram_token.as_ref();
    let telegram = telegram.map(|_| draft.telegram_api.clone());
    let settings = [
        ("notify.webhook", notify.webhook.clone()),
        ("notify.telegram_api", telegram),
        ("notify.discord_webhook", discord),
        ("notify.ntfy", draft.ntfy_topic.clone()),
        ("notify.heartbeat", notify.heartbeat.clone()),
    ];
    let settings = settings
        .into_iter()
        .filter_map(|(name, url)| Some((name, url?)));
    let upstreams = draft
        .proxy
        .upstreams()
        .filter(|upstream| upstream.has_key());
    let upstreams = upstreams.map(|upstream| ("inference_proxy.upstream", upstream.url.clone()));
    let exposed = settings.chain(upstreams).filter(|(_, url)| is_exposed(url));
    exposed
        .map(|(name, url)| {
            let host = url.host_str().unwrap_or_default();
            format!("{name} sends its key to {host} in plain http, which anyone on the network can read: use https")
        })
        .collect()
}

fn cuda(draft: &Draft) -> Option<String> {
    let (image, given) = (&draft.vast.image, draft.given.min_cuda?);
    let needs = image_needs(image)?;
    (given < needs.cuda).then(|| {
        format!(
            "vast.min_cuda = {given} is less than CUDA {:.1} (driver {} or later), which {image} needs: remove vast.min_cuda or raise it",
            needs.cuda, needs.driver
        )
    })
}

fn disk(draft: &Draft) -> Option<String> {
    let vast = &draft.vast;
    let (given, floor) = (
        draft.given.disk_gb?,
        disk_floor(vast.image_gb, vast.model_gb),
    );
    (given < floor).then(|| {
        format!(
            "vast.disk = \"{given} GB\" leaves no room for the download: the image has {} GB and the model {} GB. Remove vast.disk, or set at least \"{floor} GB\"",
            vast.image_gb, vast.model_gb
        )
    })
}

fn earning(draft: &Draft) -> Option<String> {
    let model = known_model(&draft.mlnode.model.id)?;
    (model.earning == Earning::NotProven).then(|| {
        format!(
            "{} was removed from the models that PoC runs for (2026-09-10): a node with it has weight 0. `pocpit check` reads the current list",
            model.id
        )
    })
}

fn revision(draft: &Draft) -> Option<String> {
    let wanted = draft.given.revision.as_ref()?;
    let named = revision_in(draft.given.args.as_ref()?)?;
    (named != wanted).then(|| {
        format!("mlnode.revision = \"{wanted}\" replaces --revision {named} of mlnode.args: set only one of them")
    })
}

fn too_few_gpus(draft: &Draft) -> Option<String> {
    let (profile, count) = (profile_of(draft)?, draft.vast.query.least_gpus());
    (count < profile.gpus).then(|| {
        format!(
            "vast.gpu_count = {count}, but the official deployment of {} has {} {} for one instance",
            draft.mlnode.model.id, profile.gpus, profile.gpu
        )
    })
}

/// Parallelism alone is no working deployment.
fn bare_arguments(draft: &Draft) -> Option<String> {
    let profile = profile_of(draft)?;
    let is_bare =
        matches!(draft.given.args.as_deref()?, [name, _] if name == "--tensor-parallel-size");
    is_bare.then(|| {
        format!(
            "mlnode.args names only --tensor-parallel-size: remove it to get the arguments of the official deployment on {} ({} of them)",
            profile.gpu,
            profile.args.iter().filter(|arg| arg.starts_with("--")).count()
        )
    })
}

/// The rental listens on the port of the callback's URL.
fn callback_port(values: &Values) -> Option<String> {
    let found = values.get("network_node.callback_port")?;
    (found.source != Source::Default).then(|| {
        "network_node.callback_port has no effect: the port of the Network Node's api.poc_callback_url decides. Remove it".to_owned()
    })
}

/// Up to v0.2.15 the Network Node compares names as whole tokens; later releases know every form. Only
/// full names with separate values mean the same to all of them.
fn odd_form(arg: &str) -> Option<String> {
    let advice = if let Some((name, _)) = arg.split_once('=').filter(|_| arg.starts_with("--")) {
        format!("write \"{name}\" and its value as two items")
    } else if arg.starts_with("--") && arg.contains('_') {
        format!("write \"{}\"", arg.replace('_', "-"))
    } else if is_short_name(arg) {
        "write the name in full, with two dashes".to_owned()
    } else {
        return None;
    };
    Some(format!(
        "releases of the Network Node differ in how they merge {arg:?} of mlnode.args with governance's arguments: {advice}"
    ))
}

/// `-tp`; a number is a value.
fn is_short_name(arg: &str) -> bool {
    let mut letters = arg.chars();
    letters.next() == Some('-')
        && letters
            .next()
            .is_some_and(|letter| letter.is_ascii_alphabetic())
}
