//! The host's record on the chain.

use super::facts::{PreflightFacts, PreflightTarget};
use super::judged::{Judged, READ_REST, READ_RULES, met, unknown, unmet, unsure, warning};
use crate::domain::{AccessRule, Participant, ParticipantStatus, RewardRules};

pub(super) fn participant(target: &PreflightTarget, facts: &PreflightFacts) -> Judged {
    let ours = &target.participant;
    let is_one = match &facts.rules.participant {
        Ok(record) => Ok(record.is_some()),
        Err(_) => facts.is_participant.clone(),
    };
    match is_one {
        Ok(true) => met(""),
        Ok(false) => unmet(
            format!("{ours} is not a participant of the chain; an account is not enough"),
            "register the host on the chain, or correct chain.participant",
        ),
        Err(error) => unknown(
            &format!("unknown whether {ours} is a participant of the chain"),
            &error,
            "check chain.public_api",
        ),
    }
}

/// What happened in the running epoch is forgotten at the next `PoC`.
pub(super) fn status(rules: &RewardRules) -> Judged {
    let excluded = match &rules.exclusion {
        Ok(Some(reason)) => format!(", excluded: {reason}"),
        Ok(None) => String::new(),
        Err(error) => {
            return unsure(
                "unknown whether the participant is excluded",
                error,
                READ_REST,
            );
        }
    };
    let word = match &rules.participant {
        Ok(Some(ParticipantStatus::Inactive)) => "INACTIVE",
        Ok(Some(ParticipantStatus::Invalid)) => "INVALID",
        Ok(_) if !excluded.is_empty() => "not part of the epoch",
        Ok(_) => return met(""),
        Err(error) => return unsure("the participant's status is unknown", error, READ_REST),
    };
    warning(
        format!(
            "the participant is {word}{excluded}: it earns nothing in the running epoch; the next PoC counts again"
        ),
        "see the Network Node's log for what failed before it fails again",
    )
}

pub(super) fn access(ours: &Participant, rules: &RewardRules) -> Judged {
    match &rules.access {
        Ok(AccessRule::Open) => met(""),
        Ok(AccessRule::Listed) => met("on the list of allowed participants"),
        Ok(AccessRule::Blocked) => unmet(
            format!("governance blocks {ours}: its proofs are refused"),
            "ask governance why it is in blocked_participant_addresses",
        ),
        Ok(AccessRule::NotListed) => unmet(
            format!("governance forms epochs by a list, and {ours} is not on it"),
            "ask governance to add it to the list of allowed participants",
        ),
        Err(error) => unknown(
            &format!("unknown whether {ours} may take part"),
            error,
            READ_RULES,
        ),
    }
}
