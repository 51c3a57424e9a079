//! Known ways in which a boot ends, by what hosts and containers say. Pure tables.

use crate::domain::Blame;

/// A failure that is worth recognising.
pub(super) struct Pattern {
    /// Found in a line, whatever its case.
    pub(super) text: &'static str,
    pub(super) name: &'static str,
    pub(super) blame: Blame,
    pub(super) advice: &'static str,
}

const fn pattern(
    text: &'static str,
    name: &'static str,
    blame: Blame,
    advice: &'static str,
) -> Pattern {
    Pattern {
        text,
        name,
        blame,
        advice,
    }
}

/// Lines of the workload's log after which it cannot come up.
pub(super) const LOG: &[Pattern] = &[
    pattern(
        "cuda out of memory",
        "GPU memory is too small",
        Blame::Ours,
        "rent more GPU memory or change mlnode.args",
    ),
    pattern(
        "no space left on device",
        "the disk is full",
        Blame::Ours,
        "raise vast.disk: image and model must fit",
    ),
    pattern(
        "401 client error",
        "the model is gated",
        Blame::Ours,
        "check the model's name and the access token in vast.env",
    ),
    pattern(
        "repository not found",
        "the model does not exist",
        Blame::Ours,
        "check mlnode.model",
    ),
    pattern(
        "no kernel image is available",
        "the GPU is too old for the image",
        Blame::Host,
        "raise vast.min_cuda or choose another GPU",
    ),
    pattern(
        "nccl error",
        "the GPUs cannot talk to each other",
        Blame::Host,
        "another machine is tried",
    ),
    pattern(
        "engine core initialization failed",
        "vLLM did not start",
        Blame::Host,
        "read the log above this line",
    ),
    pattern(
        "vllm server did not become available within timeout",
        "vLLM did not start in time",
        Blame::Host,
        "read the log above this line",
    ),
];

/// Words of the market's status message that mean our image or its login is wrong.
pub(super) const IMAGE: &[Pattern] = &[
    pattern(
        "manifest unknown",
        "the image does not exist",
        Blame::Ours,
        "check vast.image",
    ),
    pattern(
        "failed to resolve reference",
        "the image does not exist",
        Blame::Ours,
        "check vast.image",
    ),
    pattern(
        "repository does not exist",
        "the image does not exist",
        Blame::Ours,
        "check vast.image",
    ),
    pattern(
        "pull access denied",
        "the image is not public",
        Blame::Ours,
        "check vast.image and its login",
    ),
    pattern(
        "unauthorized",
        "the image is not public",
        Blame::Ours,
        "check vast.image and its login",
    ),
];

/// Words of the market's status message that mean the host is broken. Looked for after [`IMAGE`] and
/// before any progress word: "pull access denied" is not progress (acceptance case D44).
pub(super) const HOST: &[Pattern] = &[
    pattern(
        "oci runtime",
        "the host cannot start containers",
        Blame::Host,
        "another machine is tried",
    ),
    pattern(
        "unresolvable cdi devices",
        "the host has lost a GPU",
        Blame::Host,
        "another machine is tried",
    ),
    pattern(
        "error response from daemon",
        "the host's docker refuses",
        Blame::Host,
        "another machine is tried",
    ),
    pattern(
        "failed to start containers",
        "the host cannot start containers",
        Blame::Host,
        "another machine is tried",
    ),
    pattern(
        "no space left on device",
        "the host's disk is full",
        Blame::Host,
        "another machine is tried",
    ),
];

/// The first pattern that a text shows.
pub(super) fn find(patterns: &'static [Pattern], text: &str) -> Option<&'static Pattern> {
    let text = text.to_lowercase();
    patterns.iter().find(|pattern| text.contains(pattern.text))
}
