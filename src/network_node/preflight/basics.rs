//! What the cockpit needs to operate a sprint: admin API, chain, callback, a free address.

use std::collections::BTreeSet;

use super::facts::{PreflightFacts, PreflightTarget};
use super::judged::{Judged, met, unknown, unmet, unread};
use crate::domain::{CallError, CallErrorKind, NodeConfig, UnknownEffect};
use crate::network_node::diff::{AddressClash, NodePort, clashes};

pub(super) fn admin_api(facts: &PreflightFacts) -> Judged {
    match &facts.nodes {
        Ok(_) => met(""),
        Err(error) => unknown(
            "the Network Node's admin API does not answer",
            error,
            "check network_node.admin_api and that the Network Node is running",
        ),
    }
}

pub(super) fn chain(synced: &Result<(), CallError>) -> Judged {
    match synced {
        Ok(()) => met(""),
        Err(error) => unknown(
            "unknown whether the chain node is in sync",
            error,
            "wait until the chain node has caught up, or set another one in chain.rpc",
        ),
    }
}

pub(super) fn reached(callback: &str, answer: &Result<(), CallError>) -> Judged {
    match answer {
        Ok(()) => met(""),
        Err(error) if error.kind == CallErrorKind::NotSent => unmet(
            format!("nothing listens on the callback address {callback}"),
            "correct network_node.callback_target: proofs that do not arrive there do not count",
        ),
        Err(error) => unknown(
            &format!("unknown whether the callback address {callback} answers"),
            error,
            "check network_node.callback_target",
        ),
    }
}

pub(super) fn free_address(
    wanted: &NodeConfig,
    target: &PreflightTarget,
    facts: &PreflightFacts,
) -> Judged {
    let Ok(nodes) = &facts.nodes else {
        let cause = "unknown which addresses are taken".to_owned();
        return unread(cause, "see the admin API above", UnknownEffect::Blocks);
    };
    let mut causes = Vec::new();
    let (mut settings, mut holders) = (BTreeSet::new(), BTreeSet::new());
    for clash in clashes(wanted, nodes) {
        let AddressClash {
            holder,
            address,
            port,
        } = clash;
        if target.leaving.contains(&holder) {
            continue;
        }
        causes.push(format!(
            "{holder} is already registered at {address}, needed for the {port} of our node"
        ));
        settings.insert(match port {
            NodePort::Api => "network_node.api_listen".to_owned(),
            NodePort::Inference => "network_node.inference_listen".to_owned(),
        });
        holders.insert(holder.0);
    }
    if causes.is_empty() {
        return met("");
    }
    let joined = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(" and ");
    let remedy = format!(
        "choose another port in {}, or remove {} from the Network Node; our own leftovers are removed automatically or by `pocpit gc`",
        joined(settings),
        joined(holders)
    );
    unmet(causes.join("; "), remedy)
}
