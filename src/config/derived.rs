//! Settings that were not given and follow from the model, its image and the GPUs.

use toml::Value;

use super::draft::Draft;
use crate::domain::{GpuFamily, GpuProfile, KnownModel, WorkloadModel, image_needs, known_model};

/// The size of an unknown model.
const USUAL_MODEL_GB: f64 = 60.0;
const USUAL_DISK_GB: f64 = 250.0;
/// A download needs some room beside the finished files.
const DOWNLOAD_ROOM: f64 = 1.1;
/// Logs, caches of compiled kernels, the system's own files.
const OTHER_FILES_GB: f64 = 20.0;
/// Arguments for a model without an official deployment.
const USUAL_ARGS: [&str; 2] = ["--tensor-parallel-size", "4"];
const REVISION: &str = "--revision";

/// What is given of these is about the model that was given with them.
pub(super) const OF_MODEL: [&str; 5] = [
    "mlnode.revision",
    "mlnode.args",
    "vast.model_gb",
    "vast.disk",
    "vast.min_total_gpu_memory",
];

/// The least disk, in gigabytes, on which image and model fit with room for the download.
pub(super) fn disk_floor(image_gb: f64, model_gb: f64) -> f64 {
    (image_gb + model_gb * DOWNLOAD_ROOM + OTHER_FILES_GB).ceil()
}

/// The model of the configuration, if it is known.
pub(super) fn model_of(draft: &Draft) -> Option<&'static KnownModel> {
    known_model(&draft.mlnode.model.id)
}

/// How the official deployment runs this model on these GPUs.
pub(super) fn profile_of(draft: &Draft) -> Option<&'static GpuProfile> {
    let family = GpuFamily::common(&draft.vast.query.gpu_names)?;
    model_of(draft)?.profile(family)
}

/// The value of `--revision` among arguments.
pub(super) fn revision_in(args: &[String]) -> Option<&String> {
    value_of(args, REVISION)
}

/// The item after an argument's name.
pub(super) fn value_of<'a>(args: &'a [String], name: &str) -> Option<&'a String> {
    let mut args = args.iter();
    args.find(|arg| *arg == name)?;
    args.next()
}

/// Fills what was not given. Names each such setting with its value, for `config show`.
pub(super) fn fill(draft: &mut Draft) -> Vec<(&'static str, Value)> {
    let (known, profile) = (model_of(draft), profile_of(draft));
    let given = &draft.given;
    let official = || profile.map_or(&USUAL_ARGS[..], |profile| profile.args);
    let args = given.args.clone().unwrap_or_else(|| owned(official()));
    let args = with_revision(args, given.revision.as_ref());
    draft.vllm.model = WorkloadModel {
        id: draft.mlnode.model.id.clone(),
        revision: given.revision.clone(),
        // Another image with another vLLM, which may not know every argument of the official deployment.
        args: given.args.clone().unwrap_or_else(|| owned(&USUAL_ARGS)),
    };
    draft.mlnode.model.revision = revision_in(&args).cloned();
    draft.mlnode.model.args = args;

    let weights = known.and_then(|model| model.weights_gb);
    let vast = &mut draft.vast;
    vast.model_gb = given.model_gb.or(weights).unwrap_or(USUAL_MODEL_GB);
    let floor = disk_floor(vast.image_gb, vast.model_gb);
    vast.query.disk_gb = given.disk_gb.unwrap_or(floor.max(USUAL_DISK_GB));
    let memory = known.and_then(KnownModel::least_memory_gb);
    let memory = memory.map_or(0, |gb| u64::from(gb) * 1_000);
    vast.query.min_total_gpu_memory_mb = given.min_total_gpu_memory_mb.unwrap_or(memory);
    let cuda = image_needs(&vast.image).map(|needs| needs.cuda);
    vast.query.min_cuda = given.min_cuda.or(cuda);

    let query = &vast.query;
    let filled = [
        given
            .args
            .is_none()
            .then(|| ("mlnode.args", draft.mlnode.model.args.clone().into())),
        given
            .model_gb
            .is_none()
            .then(|| ("vast.model_gb", vast.model_gb.into())),
        given
            .disk_gb
            .is_none()
            .then(|| ("vast.disk", gigabytes(query.disk_gb))),
        given.min_total_gpu_memory_mb.is_none().then(|| {
            (
                "vast.min_total_gpu_memory",
                format!("{} GB", query.min_total_gpu_memory_mb / 1_000).into(),
            )
        }),
        cuda.filter(|_| given.min_cuda.is_none())
            .map(|cuda| ("vast.min_cuda", cuda.into())),
    ];
    filled.into_iter().flatten().collect()
}

fn owned(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

fn gigabytes(gb: f64) -> Value {
    format!("{gb:.0} GB").into()
}

/// A pinned revision must be among the node's own arguments: the Network Node starts the model with
/// nothing else (gonka v0.2.14 `decentralized-api/broker/broker.go`).
fn with_revision(mut args: Vec<String>, revision: Option<&String>) -> Vec<String> {
    let Some(revision) = revision else {
        return args;
    };
    let at = args.iter().position(|arg| arg == REVISION);
    match at.and_then(|at| args.get_mut(at + 1)) {
        Some(value) => value.clone_from(revision),
        None => args.extend([REVISION.to_owned(), revision.clone()]),
    }
    args
}
