//! What works in a complete configuration and should still be changed.

use super::derived::{disk_floor, profile_of, revision_in};
use super::draft::Draft;
use crate::domain::{Earning, image_needs, known_model};

/// A sentence for each: what is so, what it means, what to do.
pub(super) fn of(draft: &Draft) -> Vec<String> {
    let all = [
        cuda(draft),
        disk(draft),
        earning(draft),
        revision(draft),
        too_few_gpus(draft),
        bare_arguments(draft),
    ];
    let odd = draft
        .given
        .args
        .iter()
        .flatten()
        .filter_map(|arg| odd_form(arg));
    all.into_iter().flatten().chain(odd).collect()
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
            "{} was taken out of the models that the chain proves (2026-09-10): a node with it has weight 0. `pocpit check` asks the chain",
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
    let (profile, count) = (profile_of(draft)?, draft.vast.query.gpu_count);
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

/// Up to v0.2.15 the Network Node compares names as whole tokens, later releases know every form: only
/// names in full with their values apart mean the same to all.
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
        "{arg:?} in mlnode.args is not merged with governance's arguments alike by all releases of the Network Node: {advice}"
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
