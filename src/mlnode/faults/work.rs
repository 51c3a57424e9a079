//! What log lines of the `PoC` plugin mean (gonka-poc ece7c2b `poc/callbacks.py`, `poc/routes.py`,
//! `poc/generate_queue.py`, `poc/poc_model_runner.py`). None of them ends anything: work is lost, and the
//! node keeps running.

use super::fault::{Fault, nobody, ours};

const VOTE_MISSING: &str =
    "its vote is missing; many of them count against this host: see the rental's log";

pub(super) const FAULTS: &[Fault] = &[
    // After ten attempts over about 2.5 minutes. Until then it retries, and so it does for a moment after
    // each PoC, whose end the node learns of last.
    ours(
        "the Network Node did not take proofs, and they are lost",
        "see whether this rental reaches the callback (pocpit check; api.poc_callback_url), and what the Network Node's log says about poc-batches",
        &["attempts, dropping", "attempts, giving up"],
    ),
    ours(
        "results of validations are lost: too many wait for the callback",
        "see whether this rental reaches the callback (pocpit check; api.poc_callback_url)",
        &["callback queue full"],
    ),
    nobody(
        "results of validations are no longer sent",
        "the node keeps running, but its votes are missing until its model is started again: rent another machine if it goes on after this PoC",
        &["callback worker loop crashed", "skipping callback for"],
    ),
    nobody(
        "the PoC waits for vLLM, which is busy with something else",
        "it retries by itself; if it goes on, the node proves too little: abort, and rent another machine",
        &["poc timed out (#"],
    ),
    nobody(
        "the PoC computes nothing any more",
        "the model or the machine is at fault. The Network Node starts it again while generation lasts; if it fails again, abort, and rent another machine",
        &[
            "poc generation crashed",
            "poc generation task failed",
            "poc init: failed",
        ],
    ),
    nobody(
        "the GPUs compute values that are no numbers, and those proofs are lost",
        "a GPU is broken, or the model's arguments do not fit it: abort, and rent another machine",
        &["(gpu fault?)", "nonces produced nan", "nan in fp16 output"],
    ),
    nobody(
        "a validation of another host's proofs failed",
        VOTE_MISSING,
        &["generate worker error"],
    ),
    nobody(
        "a validation of another host's proofs failed",
        VOTE_MISSING,
        &["generate job "],
    )
    .besides(&[" failed:"]),
];
