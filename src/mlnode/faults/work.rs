//! What log lines of the PoC plugin mean (gonka-poc `poc/callbacks.py`, `poc/routes.py`). None of them
//! ends anything: work is lost, and the node keeps running.

use super::fault::{Fault, nobody, ours};

pub(super) const FAULTS: &[Fault] = &[
    // After ten attempts over about 2.5 minutes; until then "next backoff" says that it retries.
    ours(
        "proofs do not get through to the Network Node",
        "check the tunnel and the callback's address (api.poc_callback_url)",
        &["attempts, dropping"],
    ),
    ours(
        "proofs do not get through to the Network Node",
        "check the tunnel and the callback's address (api.poc_callback_url)",
        &["giving up"],
    )
    .besides(&["callback"]),
    nobody(
        "the PoC computes nothing",
        "vLLM is busy with something else; it retries by itself",
        &["poc timed out (#"],
    ),
    nobody(
        "the PoC computes nothing",
        "the model or the machine is at fault; the Network Node restarts it in the same PoC",
        &["poc generation crashed"],
    ),
];
