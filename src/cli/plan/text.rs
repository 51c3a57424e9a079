//! The plan as text.

use std::fmt::Write as _;

use super::report::{
    Arguments, Certainty, Cost, ExpectedHeight, KnownBy, PlanReport, Policy, SecondRental,
};
use crate::cli::table::table;
use crate::domain::{ChallengeRule, Time};
use crate::flow::BootTime;

pub(super) fn of(plan: &PlanReport) -> String {
    let mut text = String::new();
    let mut line = |words: String| {
        let _ = writeln!(text, "{words}");
    };
    let epoch = plan.epoch;
    line(format!("The next sprint is for the PoC of epoch {epoch}."));
    line(format!("  PoC starts   {}", moment(&plan.poc_start)));
    let rents = plan.rent_at.map(|at| due(at, plan.at));
    let rents = rents.unwrap_or_else(|| "unknown, until the chain can be read".to_owned());
    line(format!("  rents        {rents}"));
    let before = (plan.lead.lead_seconds + plan.lead.margin_seconds) / 60;
    let because = &plan.lead.because;
    let margin = plan.lead.margin_seconds / 60;
    line(format!(
        "               {before} min before it: the lead is {because}; the margin {margin} min"
    ));
    line(format!("  register by  {}", moment(&plan.register_by)));
    line(format!("  releases     {}", moment(&plan.release)));
    if plan.chain.block_seconds.is_none() {
        line(
            "  Block time is not measured (chain.rpc): times are a guess of 5.6 s a block."
                .to_owned(),
        );
    }
    match &plan.cost {
        Some(cost) => line(format!(
            "It costs about ${:.2}, at worst ${:.2}: {} at ${:.2} an hour{}, the best of {} usable offers now.",
            cost.expected_usd,
            cost.worst_usd,
            cost.gpus,
            cost.price_per_hour_usd,
            fee(cost),
            cost.usable_offers
        )),
        None => line("What it costs is unknown: no offer is usable now.".to_owned()),
    }
    if let Some(hedge) = &plan.hedge {
        line(second_rental(hedge));
    }
    for words in plan.arguments.iter().flat_map(arguments) {
        line(words);
    }
    line(String::new());
    if plan.could_stop.is_empty() {
        line("No blockers found.".to_owned());
    } else {
        line("What could stop it:".to_owned());
    }
    for obstacle in &plan.could_stop {
        let certainty = match obstacle.certainty {
            Certainty::Stops => "STOPS",
            Certainty::May => "may",
        };
        line(format!("  {certainty:<6} {}", obstacle.what));
        if let Some(remedy) = &obstacle.remedy {
            line(format!("  {:<6} {remedy}", ""));
        }
    }
    line(String::new());
    for words in risk(plan) {
        line(words);
    }
    text.push_str(&policies(&plan.policies));
    text
}

fn arguments(arguments: &Arguments) -> Vec<String> {
    let mut lines = Vec::new();
    if !arguments.overridden.is_empty() {
        let all: Vec<String> = arguments
            .overridden
            .iter()
            .map(ToString::to_string)
            .collect();
        lines.push(format!("Governance overrides {}.", all.join(", ")));
    }
    if !arguments.dropped.is_empty() {
        let dropped = arguments.dropped.join(" ");
        lines.push(format!(
            "The Network Node ignores these items of mlnode.args: {dropped}."
        ));
    }
    lines
}

fn fee(cost: &Cost) -> String {
    let fee = cost.fee_per_hour_usd;
    fee.map_or_else(String::new, |fee| {
        format!(" (${fee:.2} of it a fee of the market)")
    })
}

fn second_rental(hedge: &SecondRental) -> String {
    let if_behind = "If its boot falls behind, poc.hedge";
    match hedge {
        SecondRental::Affordable { offer, worst_usd } => format!(
            "{if_behind} lets a second machine race it (now offer {offer}): at worst ${worst_usd:.2} more."
        ),
        SecondRental::OverBudget { offer, refusal } => {
            format!("{if_behind} cannot rent a second machine (now offer {offer}): {refusal}.")
        }
        SecondRental::NotOffered => {
            format!("{if_behind} cannot rent a second machine: no other one is usable now.")
        }
    }
}

fn risk(plan: &PlanReport) -> Vec<String> {
    let confirmation = &plan.confirmation;
    let by = match confirmation.known_by {
        KnownBy::Chain => "by the chain's parameters",
        KnownBy::Documentation => "by the documentation: set chain.rest to read them",
    };
    let rule = match confirmation.fails_below {
        Some(share) => format!(
            "A participant whose nodes together show less than {:.0} % of their expected weight loses the epoch's reward",
            100.0 * share
        ),
        None => "No participant can fail one: the chain sets no threshold".to_owned(),
    };
    let mut words = vec![format!(
        "Confirmation PoC: {} per epoch on average, {by}. {rule}.",
        confirmation.expected_per_epoch,
    )];
    words.push(
        match plan.challenges {
            ChallengeRule::InForce => {
                "PoC Challenge: the network runs v0.2.16 or later. A host can be challenged at any block, without warning: each of its nodes with weight must then generate until shortly before the next PoC. A boot takes too long to answer, so a challenge after release costs the epoch's reward and part of the collateral. Its odds are unknown."
            }
            ChallengeRule::NotYet => {
                "PoC Challenge: none yet; the network runs a version before v0.2.16."
            }
            ChallengeRule::Unknown => {
                "PoC Challenge: from v0.2.16 on, a host can be challenged without warning, and a released rental cannot answer. Set chain.rest to see whether the network runs that version."
            }
        }
        .to_owned(),
    );
    if let Some(policy) = plan.policies.iter().find(|policy| policy.in_force) {
        words.push(format!(
            "{1:.0}% risk with poc.release = \"{0}\": a confirmation PoC after release loses this epoch's reward, if the rental is most of your weight.",
            policy.policy,
            100.0 * policy.chance_of_losing_reward
        ));
    }
    words
}

fn policies(policies: &[Policy]) -> String {
    let header = [
        "RELEASE",
        "HOURS",
        "COST",
        "AT WORST",
        "LOSES REWARD",
        "WORTH IT ABOVE",
        "NOTES",
    ];
    let rows = policies.iter().map(|policy| {
        let reward = policy.pays_from_reward_usd;
        let reward = reward.map(|reward| format!("${reward:.0} a reward"));
        [
            policy.policy.clone(),
            format!("{:.1}", policy.hours),
            format!("${:.2}", policy.expected_cost_usd),
            format!("${:.2}", policy.worst_cost_usd),
            format!("{:.0} %", 100.0 * policy.chance_of_losing_reward),
            reward.unwrap_or_else(|| "-".to_owned()),
            notes(policy),
        ]
    });
    table(header, rows)
}

fn notes(policy: &Policy) -> String {
    let mut notes = Vec::new();
    if policy.in_force {
        notes.push("in force".to_owned());
    }
    if !policy.fits_budget {
        notes.push("its worst case exceeds the budget".to_owned());
    }
    if let Some(hours) = policy.needs_execution_timeout_hours {
        notes.push(format!("needs poc.execution_timeout = \"{hours:.0}h\""));
    }
    match policy.next_boot {
        BootTime::Enough => {}
        BootTime::Short => notes.push("little time to boot for the next epoch".to_owned()),
        BootTime::TooShort => notes.push("misses the next epoch: no time to boot".to_owned()),
    }
    notes.join(", ")
}

fn moment(moment: &ExpectedHeight) -> String {
    let when = match (moment.p10, moment.p50, moment.p90) {
        (Some(early), Some(middle), Some(late)) => format!(
            "{} ({} to {})",
            middle.format("%Y-%m-%d %H:%M:%S UTC"),
            early.format("%H:%M:%S"),
            late.format("%H:%M:%S")
        ),
        (_, Some(middle), _) => format!("about {}", middle.format("%Y-%m-%d %H:%M UTC")),
        _ => "at an unknown time".to_owned(),
    };
    format!("height {}, {when}", moment.height)
}

fn due(at: Time, now: Time) -> String {
    let minutes = (at - now).num_minutes();
    let when = at.format("%Y-%m-%d %H:%M:%S UTC");
    if minutes <= 0 {
        return format!("{when}: now");
    }
    format!("{when}, in {} h {:02} min", minutes / 60, minutes % 60)
}
