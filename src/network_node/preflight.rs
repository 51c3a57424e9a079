//! Whether a rental could work at all, judged before money is spent. Pure.

use std::collections::BTreeSet;

use super::diff::{AddressClash, NodePort, clashes};
use crate::domain::{
    CallError, CallErrorKind, Finding, GovernanceModel, NodeConfig, NodeId, Participant, Preflight,
    RegisteredNode, Requirement, Time, Verdict,
};

/// What was read, with the error of each failed read.
#[derive(Debug, Clone)]
pub struct PreflightFacts {
    pub nodes: Result<Vec<RegisteredNode>, CallError>,
    pub approved_models: Result<Vec<GovernanceModel>, CallError>,
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
    preflight(at, vec![(Requirement::ChainSynced, chain(synced))])
}

/// Evaluates every requirement. What could not be read is unknown, never met.
pub fn evaluate(at: Time, intent: &PreflightTarget, facts: &PreflightFacts) -> Preflight {
    let mut verdicts = vec![
        (Requirement::AdminApi, admin_api(facts)),
        (Requirement::Model, model(intent, facts)),
        (Requirement::Participant, participant(intent, facts)),
        (Requirement::ChainSynced, chain(&facts.chain)),
    ];
    if let Some(answer) = &facts.callback {
        verdicts.push((Requirement::Callback, reached(&intent.callback, answer)));
    }
    if let Some(wanted) = &intent.address {
        verdicts.push((Requirement::Address, free_address(wanted, intent, facts)));
    }
    preflight(at, verdicts)
}

fn preflight(at: Time, verdicts: Vec<(Requirement, Verdict)>) -> Preflight {
    let findings = verdicts.into_iter().map(|(requirement, verdict)| Finding {
        requirement,
        verdict,
    });
    Preflight {
        at,
        findings: findings.collect(),
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
        Ok(approved) if approved.iter().any(|model| model.id == intent.model) => Verdict::Met,
        Ok(approved) => {
            let approved = match approved.as_slice() {
                [] => "none".to_owned(),
                models => {
                    let names: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
                    names.join(", ")
                }
            };
            let model = &intent.model;
            unmet(
                format!("governance does not approve the model {model}; approved: {approved}"),
                "set mlnode.model to an approved model: the Network Node drops any other",
            )
        }
        Err(error) => unknown(
            &format!("unknown whether governance approves {}", intent.model),
            error,
            "check chain.public_api",
        ),
    }
}

fn participant(intent: &PreflightTarget, facts: &PreflightFacts) -> Verdict {
    let ours = &intent.participant;
    match &facts.is_participant {
        Ok(true) => Verdict::Met,
        Ok(false) => unmet(
            format!("{ours} is not a participant of the chain"),
            "register the host on the chain, or correct chain.participant",
        ),
        Err(error) => unknown(
            &format!("unknown whether {ours} is a participant of the chain"),
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
    let mut causes = Vec::new();
    let (mut settings, mut holders) = (BTreeSet::new(), BTreeSet::new());
    for clash in clashes(wanted, nodes) {
        let AddressClash {
            holder,
            address,
            port,
        } = clash;
        if intent.leaving.contains(&holder) {
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
        return Verdict::Met;
    }
    let joined = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(" and ");
    let remedy = format!(
        "choose another port in {}, or remove {} from the Network Node; our own leftovers are removed automatically or by `pocpit gc`",
        joined(settings),
        joined(holders)
    );
    unmet(causes.join("; "), &remedy)
}

#[cfg(test)]
mod tests {
    use super::super::wire::tests::a_node;
    use super::*;
    use crate::domain::NodeId;

    const MODEL: &str = "MiniMaxAI/MiniMax-M2.7";

    fn now() -> Time {
        Time::from_timestamp(1_790_000_000, 0).unwrap()
    }

    fn silent() -> CallError {
        CallError::new("list nodes", CallErrorKind::Ambiguous, "timed out")
    }

    /// Ours will be at 10.0.0.5, inference on 5050 and the API on 8080.
    fn intent() -> PreflightTarget {
        let mut address = a_node().config;
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
            approved_models: Ok(vec![GovernanceModel::named(MODEL)]),
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

    #[test]
    fn all_met_requirements_are_clear() {
        assert!(evaluate(now(), &intent(), &good()).is_clear());
    }

    #[test]
    fn unmet_requirements_name_their_cause() {
        type Change = fn(&mut PreflightFacts);
        let cases: [(Requirement, Change, &[&str]); 3] = [
            (
                Requirement::Model,
                |facts| facts.approved_models = Ok(vec![GovernanceModel::named("Qwen/Qwen3-235B")]),
                &[MODEL, "Qwen/Qwen3-235B"],
            ),
            (
                Requirement::Participant,
                |facts| facts.is_participant = Ok(false),
                &["gonka1abc"],
            ),
            (
                Requirement::Callback,
                |facts| {
                    let refused = CallError::new("reach it", CallErrorKind::NotSent, "refused");
                    facts.callback = Some(Err(refused));
                },
                &["127.0.0.1:9100"],
            ),
        ];
        for (requirement, change, parts) in cases {
            let mut facts = good();
            change(&mut facts);
            let verdict = verdict_on(requirement, &facts);
            let Verdict::Unmet { cause, .. } = &verdict else {
                panic!("{requirement}: {verdict:?}");
            };
            assert!(parts.iter().all(|part| cause.contains(part)), "{cause}");
        }
    }

    #[test]
    fn foreign_node_at_our_address_blocks() {
        let facts = PreflightFacts {
            nodes: Ok(vec![a_node()]),
            ..good()
        };
        let verdict = verdict_on(Requirement::Address, &facts);
        let Verdict::Unmet { cause, remedy } = &verdict else {
            panic!("{verdict:?}");
        };
        for (text, part) in [
            (
                cause,
                "vastai-31415926 is already registered at 10.0.0.5:8080, needed for the API",
            ),
            (cause, "at 10.0.0.5:5050, needed for the inference"),
            (
                remedy,
                "network_node.api_listen and network_node.inference_listen",
            ),
            (remedy, "remove vastai-31415926"),
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn foreign_node_elsewhere_does_not_block() {
        let mut theirs = a_node();
        theirs.config.host = "10.0.0.6".into();
        let facts = PreflightFacts {
            nodes: Ok(vec![theirs]),
            ..good()
        };
        assert_eq!(verdict_on(Requirement::Address, &facts), Verdict::Met);
    }

    #[test]
    fn leaving_registration_frees_its_address() {
        let held = a_node();
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
        type Change = fn(&mut PreflightFacts);
        let cases: [(Requirement, Change); 6] = [
            (Requirement::AdminApi, |facts| facts.nodes = Err(silent())),
            (Requirement::Address, |facts| facts.nodes = Err(silent())),
            (Requirement::Model, |facts| {
                facts.approved_models = Err(silent());
            }),
            (Requirement::Participant, |facts| {
                facts.is_participant = Err(silent());
            }),
            (Requirement::ChainSynced, |facts| {
                facts.chain = Err(silent());
            }),
            (Requirement::Callback, |facts| {
                facts.callback = Some(Err(silent()));
            }),
        ];
        for (requirement, change) in cases {
            let mut facts = good();
            change(&mut facts);
            let verdict = verdict_on(requirement, &facts);
            let is_unknown = matches!(verdict, Verdict::Unknown { .. });
            assert!(is_unknown, "{requirement}: {verdict:?}");
            let preflight = evaluate(now(), &intent(), &facts);
            assert!(!preflight.is_clear(), "{requirement}");
        }
    }
}
