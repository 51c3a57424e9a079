//! Whether a rental could work at all, judged before money is spent. Pure.

use std::collections::BTreeSet;

use super::diff::{Difference, NodePort, diff};
use crate::domain::{
    CallError, CallErrorKind, Finding, NodeConfig, NodeId, Participant, Preflight, RegisteredNode,
    Requirement, Time, Verdict,
};

/// What was read, with the error of each failed read.
#[derive(Debug, Clone)]
pub struct PreflightFacts {
    pub nodes: Result<Vec<RegisteredNode>, CallError>,
    pub approved_models: Result<Vec<String>, CallError>,
    pub is_participant: Result<bool, CallError>,
    /// Whether the chain node is in sync.
    pub chain: Result<(), CallError>,
    /// Whether the callback answers; absent when it is not reached from here.
    pub callback: Option<Result<(), CallError>>,
}

/// What will be registered and by whom.
#[derive(Debug, Clone)]
pub struct PreflightTarget {
    pub participant: Participant,
    pub model: String,
    pub callback: String,
    /// The future node, as far as it is known before a rental. Its id will end in the instance id,
    /// which is unique: the configuration requires a prefix that does not end in a digit.
    pub address: Option<NodeConfig>,
    /// Our registrations that will be removed before the next rental.
    pub leaving: Vec<NodeId>,
}

/// Evaluates what a rental needs that is not registered.
pub fn evaluate_chain(at: Time, synced: &Result<(), CallError>) -> Preflight {
    Preflight {
        at,
        findings: vec![finding(Requirement::ChainSynced, chain(synced))],
    }
}

/// Evaluates every requirement. What could not be read is unknown, never met.
pub fn evaluate(at: Time, intent: &PreflightTarget, facts: &PreflightFacts) -> Preflight {
    let mut findings = vec![
        finding(Requirement::AdminApi, admin_api(facts)),
        finding(Requirement::Model, model(intent, facts)),
        finding(Requirement::Participant, participant(intent, facts)),
        finding(Requirement::ChainSynced, chain(&facts.chain)),
    ];
    let callback = facts.callback.as_ref();
    findings.extend(
        callback.map(|answer| finding(Requirement::Callback, reached(&intent.callback, answer))),
    );
    let address = intent.address.as_ref();
    findings.extend(
        address.map(|wanted| finding(Requirement::Address, free_address(wanted, intent, facts))),
    );
    Preflight { at, findings }
}

fn finding(requirement: Requirement, verdict: Verdict) -> Finding {
    Finding {
        requirement,
        verdict,
    }
}

fn unmet(cause: String, remedy: &str) -> Verdict {
    Verdict::Unmet {
        cause,
        remedy: remedy.to_owned(),
    }
}

/// `cause` says what is unknown.
fn unknown(cause: &str, error: &CallError, remedy: &str) -> Verdict {
    Verdict::Unknown {
        cause: format!("{cause}: {error}"),
        remedy: remedy.to_owned(),
    }
}

fn admin_api(facts: &PreflightFacts) -> Verdict {
    match &facts.nodes {
        Ok(_) => Verdict::Met,
        Err(error) => unknown(
            "the Network Node's admin API does not answer",
            error,
            "check network_node.admin_api and that the Network Node is running",
        ),
    }
}

fn model(intent: &PreflightTarget, facts: &PreflightFacts) -> Verdict {
    match &facts.approved_models {
        Ok(approved) if approved.contains(&intent.model) => Verdict::Met,
        Ok(approved) => unmet(
            format!(
                "governance does not approve the model {}; approved: {}",
                intent.model,
                listed(approved)
            ),
            "set mlnode.model to an approved model: the Network Node drops any other",
        ),
        Err(error) => unknown(
            &format!("unknown whether governance approves {}", intent.model),
            error,
            "check chain.public_api",
        ),
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

fn participant(intent: &PreflightTarget, facts: &PreflightFacts) -> Verdict {
    match &facts.is_participant {
        Ok(true) => Verdict::Met,
        Ok(false) => unmet(
            format!("{} is not a participant of the chain", intent.participant),
            "register the host on the chain, or correct chain.participant",
        ),
        Err(error) => unknown(
            &format!(
                "unknown whether {} is a participant of the chain",
                intent.participant
            ),
            error,
            "check chain.public_api",
        ),
    }
}

fn chain(synced: &Result<(), CallError>) -> Verdict {
    match synced {
        Ok(()) => Verdict::Met,
        Err(error) => unknown(
            "unknown whether the chain node is in sync",
            error,
            "wait until the chain node has caught up, or set another one in chain.rpc",
        ),
    }
}

fn reached(callback: &str, answer: &Result<(), CallError>) -> Verdict {
    match answer {
        Ok(()) => Verdict::Met,
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

fn free_address(wanted: &NodeConfig, intent: &PreflightTarget, facts: &PreflightFacts) -> Verdict {
    let Ok(nodes) = &facts.nodes else {
        return Verdict::Unknown {
            cause: "unknown which addresses are taken".into(),
            remedy: "see the admin API above".into(),
        };
    };
    let differences = diff(std::slice::from_ref(wanted), nodes, |_| false);
    let clashes: Vec<AddressClash<'_>> = differences
        .iter()
        .filter_map(|difference| match difference {
            Difference::Clash {
                holder,
                address,
                port,
                ..
            } if !intent.leaving.contains(holder) => Some(AddressClash {
                holder,
                address,
                port: *port,
            }),
            _ => None,
        })
        .collect();
    if clashes.is_empty() {
        return Verdict::Met;
    }
    let causes = clashes.iter().map(|clash| {
        format!(
            "{} is already registered at {}, needed for the {} of our node",
            clash.holder, clash.address, clash.port
        )
    });
    let settings: BTreeSet<&str> = clashes.iter().map(|clash| setting(clash.port)).collect();
    let holders: BTreeSet<&str> = clashes
        .iter()
        .map(|clash| clash.holder.0.as_str())
        .collect();
    let remedy = format!(
        "choose another port in {}, or remove {} from the Network Node; our own leftovers are removed automatically or by `pocpit gc`",
        joined(&settings),
        joined(&holders)
    );
    unmet(causes.collect::<Vec<_>>().join("; "), &remedy)
}

/// Another node at our future address.
struct AddressClash<'a> {
    holder: &'a NodeId,
    address: &'a str,
    port: NodePort,
}

fn setting(port: NodePort) -> &'static str {
    match port {
        NodePort::Api => "network_node.api_listen",
        NodePort::Inference => "network_node.inference_listen",
    }
}

fn joined(names: &BTreeSet<&str>) -> String {
    let names: Vec<&str> = names.iter().copied().collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::super::wire::{self, tests::a_row};
    use super::*;
    use crate::domain::NodeId;

    const MODEL: &str = "MiniMaxAI/MiniMax-M2.7";

    fn now() -> Time {
        Time::from_timestamp(1_790_000_000, 0).unwrap()
    }

    fn silent() -> CallError {
        CallError {
            what: "list nodes".into(),
            kind: CallErrorKind::Ambiguous,
            status: None,
            detail: "timed out".into(),
        }
    }

    fn refused() -> CallError {
        CallError {
            kind: CallErrorKind::NotSent,
            ..silent()
        }
    }

    /// Ours will be at 10.0.0.5, inference on 5050 and the API on 8080.
    fn intent() -> PreflightTarget {
        let mut address = wire::row(&a_row()).unwrap().config;
        address.id = NodeId("vastai-1".into());
        PreflightTarget {
            participant: Participant("gonka1abc".into()),
            model: MODEL.into(),
            callback: "127.0.0.1:9100".into(),
            address: Some(address),
            leaving: Vec::new(),
        }
    }

    fn good() -> PreflightFacts {
        PreflightFacts {
            nodes: Ok(Vec::new()),
            approved_models: Ok(vec![MODEL.into()]),
            is_participant: Ok(true),
            chain: Ok(()),
            callback: Some(Ok(())),
        }
    }

    fn verdict_on(requirement: Requirement, facts: &PreflightFacts) -> Verdict {
        let preflight = evaluate(now(), &intent(), facts);
        let found = preflight
            .findings
            .into_iter()
            .find(|finding| finding.requirement == requirement);
        found.expect("a finding").verdict
    }

    fn cause_of(verdict: &Verdict) -> &str {
        match verdict {
            Verdict::Met => "",
            Verdict::Unmet { cause, .. } | Verdict::Unknown { cause, .. } => cause,
        }
    }

    #[test]
    fn all_met_requirements_are_clear() {
        assert!(evaluate(now(), &intent(), &good()).is_clear());
    }

    #[test]
    fn unapproved_model_lists_approved_ones() {
        let facts = PreflightFacts {
            approved_models: Ok(vec!["Qwen/Qwen3-235B".into()]),
            ..good()
        };
        let verdict = verdict_on(Requirement::Model, &facts);
        assert!(matches!(verdict, Verdict::Unmet { .. }));
        let cause = cause_of(&verdict);
        assert!(
            cause.contains(MODEL) && cause.contains("Qwen/Qwen3-235B"),
            "{cause}"
        );
    }

    #[test]
    fn unknown_participant_blocks() {
        let facts = PreflightFacts {
            is_participant: Ok(false),
            ..good()
        };
        let verdict = verdict_on(Requirement::Participant, &facts);
        assert!(cause_of(&verdict).contains("gonka1abc"), "{verdict:?}");
    }

    #[test]
    fn closed_callback_blocks() {
        let facts = PreflightFacts {
            callback: Some(Err(refused())),
            ..good()
        };
        let verdict = verdict_on(Requirement::Callback, &facts);
        assert!(cause_of(&verdict).contains("127.0.0.1:9100"), "{verdict:?}");
    }

    #[test]
    fn foreign_node_at_our_address_blocks() {
        let facts = PreflightFacts {
            nodes: Ok(vec![wire::row(&a_row()).unwrap()]),
            ..good()
        };
        let verdict = verdict_on(Requirement::Address, &facts);
        let cause = cause_of(&verdict);
        for said in [
            "vastai-31415926 is already registered at 10.0.0.5:8080, needed for the API",
            "at 10.0.0.5:5050, needed for the inference",
        ] {
            assert!(cause.contains(said), "{said}: {cause}");
        }
        let Verdict::Unmet { remedy, .. } = &verdict else {
            panic!("{verdict:?}");
        };
        for said in [
            "network_node.api_listen and network_node.inference_listen",
            "remove vastai-31415926",
        ] {
            assert!(remedy.contains(said), "{said}: {remedy}");
        }
    }

    #[test]
    fn foreign_node_elsewhere_does_not_block() {
        let mut theirs = wire::row(&a_row()).unwrap();
        theirs.config.host = "10.0.0.6".into();
        let facts = PreflightFacts {
            nodes: Ok(vec![theirs]),
            ..good()
        };
        assert_eq!(verdict_on(Requirement::Address, &facts), Verdict::Met);
    }

    #[test]
    fn leaving_registration_frees_its_address() {
        let held = wire::row(&a_row()).unwrap();
        let leaving = vec![held.config.id.clone()];
        let facts = PreflightFacts {
            nodes: Ok(vec![held]),
            ..good()
        };
        assert!(!evaluate(now(), &intent(), &facts).is_clear());
        let intent = PreflightTarget {
            leaving,
            ..intent()
        };
        assert!(evaluate(now(), &intent, &facts).is_clear());
    }

    #[test]
    fn unreadable_requirements_are_unknown() {
        let each = [
            (
                Requirement::AdminApi,
                PreflightFacts {
                    nodes: Err(silent()),
                    ..good()
                },
            ),
            (
                Requirement::Address,
                PreflightFacts {
                    nodes: Err(silent()),
                    ..good()
                },
            ),
            (
                Requirement::Model,
                PreflightFacts {
                    approved_models: Err(silent()),
                    ..good()
                },
            ),
            (
                Requirement::Participant,
                PreflightFacts {
                    is_participant: Err(silent()),
                    ..good()
                },
            ),
            (
                Requirement::ChainSynced,
                PreflightFacts {
                    chain: Err(silent()),
                    ..good()
                },
            ),
            (
                Requirement::Callback,
                PreflightFacts {
                    callback: Some(Err(silent())),
                    ..good()
                },
            ),
        ];
        for (requirement, facts) in each {
            let verdict = verdict_on(requirement, &facts);
            assert!(
                matches!(verdict, Verdict::Unknown { .. }),
                "{requirement}: {verdict:?}"
            );
            assert!(
                !evaluate(now(), &intent(), &facts).is_clear(),
                "{requirement}"
            );
        }
    }
}
