//! The plan as text.

use super::fleet::{FleetPlan, NotRented, PoolPlan};
use super::obstacles::Certainty;
use super::report::{Arguments, Cost, ExpectedHeight, KnownBy, PlanReport, Policy, SecondRental};
use crate::cli::page::{Look, Page};
use crate::cli::table::{Cell, Table, cell, number, or_none, words};
use crate::domain::format::{clock, count, estimate, grouped, roughly};
use crate::domain::{ChallengeRule, Duration, Time, Usd, UsdPerHour};
use crate::flow::BootTime;

/// Columns of the labels.
const LABEL: usize = 7;

pub(super) fn of(plan: &PlanReport, page: &Page) -> String {
    let mut lines = vec![title(plan)];
    lines.extend(schedule(plan, page));
    let mut add = |label: &str, look: Look, text: &str| {
        lines.extend(page.labelled(label, look, LABEL, text));
    };
    if plan.chain.block_seconds.is_none() {
        let guess = "Block time is not measured (chain.rpc): 5.6 s a block is assumed.";
        add("Time", Look::Dim, guess);
    }
    let cost = cost(plan.cost.as_ref(), page);
    let each = plan.pools.first();
    let cost = each.map_or(cost.clone(), |pool| {
        format!("A replica of {}: {cost}", pool.name)
    });
    add("Cost", Look::Dim, &cost);
    if let Some(hedge) = &plan.hedge {
        add("Hedge", Look::Dim, &second_rental(hedge));
    }
    for text in plan.arguments.iter().flat_map(arguments) {
        add("vLLM", Look::Dim, &text);
    }
    if plan.could_stop.is_empty() {
        add("Block", Look::Good, "No blockers found.");
    }
    for obstacle in &plan.could_stop {
        let pool = obstacle.pool.as_ref();
        let what = match pool {
            Some(pool) => format!("{pool}: {}", obstacle.what),
            None => obstacle.what.clone(),
        };
        match obstacle.certainty {
            Certainty::Stops => add("STOPS", Look::Bad, &what),
            Certainty::May => add("may", Look::Warn, &what),
        }
        if let Some(remedy) = &obstacle.remedy {
            add("", Look::Plain, &format!("-> {remedy}"));
        }
    }
    for (index, text) in risk(plan).iter().enumerate() {
        add(if index == 0 { "Risk" } else { "" }, Look::Dim, text);
    }
    if let Some(fleet) = &plan.fleet {
        lines.push(String::new());
        lines.extend(pools_text(fleet, plan, page));
    }
    lines.push(String::new());
    lines.extend(policies(&plan.policies, page));
    lines.join("\n")
}

/// A row a pool, what all cost together, and which replicas rent nothing.
fn pools_text(fleet: &FleetPlan, plan: &PlanReport, page: &Page) -> Vec<String> {
    let columns = [
        words("pool"),
        number("rent"),
        number("replicas"),
        number("offers"),
        number("$/h"),
        number("est."),
        number("worst"),
    ];
    let mut table = Table::new(columns);
    for pool in &plan.pools {
        let prices = pool.rentals.iter();
        let prices = prices.map(|rental| Usd::from_dollars(rental.price_per_hour_usd));
        let per_hour = prices.sum::<Usd>().figure();
        let row = [
            Cell::from(&pool.name),
            or_none(pool.rent_at.map(|at| clock(at, plan.at))),
            format!("{} of {}", pool.rentals.len(), pool.replicas).into(),
            pool.usable_offers.into(),
            per_hour.into(),
            Usd::from_dollars(pool.expected_usd).figure().into(),
            Usd::from_dollars(pool.worst_usd).figure().into(),
        ];
        table.row_with(row, not_rented(pool));
    }
    let mut lines = table.lines(page);
    let dollars = Usd::from_dollars;
    let sum = format!(
        "{} of {} rent: {} est., {} worst, {} in all.",
        fleet.rentals,
        count(fleet.replicas, "replica"),
        estimate(dollars(fleet.expected_usd)),
        page.worst(dollars(fleet.worst_usd)),
        UsdPerHour(dollars(fleet.price_per_hour_usd)),
    );
    lines.extend(page.paragraph(&sum, 0));
    if let [first, _, ..] = plan.pools.as_slice() {
        let first = format!(
            "Times, risk and release policies are those of a replica of {}, the first pool.",
            first.name
        );
        lines.extend(page.paragraph(&first, 0));
    }
    lines
}

/// Replicas that rent nothing, together where the reason is the same.
fn not_rented(pool: &PoolPlan) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for NotRented { replica, why } in &pool.not_rented {
        let replica = replica.to_string();
        match reasons.iter_mut().find(|(known, _)| known == why) {
            Some((_, replicas)) => replicas.push(replica),
            None => reasons.push((why, vec![replica])),
        }
    }
    let reasons = reasons.iter();
    reasons
        .map(|(why, replicas)| format!("not rented: {}: {why}", replicas.join(", ")))
        .collect()
}

fn title(plan: &PlanReport) -> String {
    let day = plan.poc_start.p50.unwrap_or(plan.at);
    format!(
        "PoC {}, times in UTC on {}",
        plan.epoch,
        day.format("%Y-%m-%d")
    )
}

/// The milestones, each with its time, how long until then, and what decides it.
fn schedule(plan: &PlanReport, page: &Page) -> Vec<String> {
    let mut table = Table::new([words(""), words(""), words(""), words(""), words("")]);
    let lead = &plan.lead;
    let margin = roughly(Duration::seconds(lead.margin_seconds));
    let because = format!("lead {}, and {margin} of margin", lead.because);
    let rent = [plan
        .rent_at
        .map(|at| [clock(at, plan.at), String::new(), until(at, plan.at)])];
    let [rent] = rent;
    let unknown = || ["unknown".to_owned(), String::new(), String::new()];
    let mut row = |name: &str, when: [String; 3], detail: String| {
        let [at, band, left] = when;
        table.row([
            Cell::from(name),
            at.into(),
            band.into(),
            left.into(),
            detail.into(),
        ]);
    };
    row("rent", rent.unwrap_or_else(unknown), because);
    let after = plan.rent_at.zip(plan.register_by.p50);
    let after = after.map(|(rent, by)| format!(", {} after renting", roughly(by - rent)));
    for (name, moment, detail) in [
        ("register by", &plan.register_by, after.unwrap_or_default()),
        ("PoC starts", &plan.poc_start, String::new()),
        ("release", &plan.release, in_force(plan)),
    ] {
        let when = when(moment, plan.at, page).unwrap_or_else(unknown);
        row(
            name,
            when,
            format!("height {}{detail}", grouped(moment.height.0)),
        );
    }
    let lines = table.lines(&page.narrower(2)).into_iter();
    lines.map(|line| format!("  {line}")).collect()
}

fn in_force(plan: &PlanReport) -> String {
    let policy = plan.policies.iter().find(|policy| policy.in_force);
    policy.map_or_else(String::new, |policy| format!(", {}", policy.policy))
}

/// The clock, half of its band, and how long until then.
fn when(moment: &ExpectedHeight, now: Time, page: &Page) -> Option<[String; 3]> {
    let at = moment.p50?;
    let band = moment.p10.zip(moment.p90);
    let band = band.map(|(early, late)| page.half_of(late - early));
    Some([clock(at, now), band.unwrap_or_default(), until(at, now)])
}

fn until(at: Time, now: Time) -> String {
    if at <= now {
        return "now".to_owned();
    }
    format!("in {}", roughly(at - now))
}

fn cost(cost: Option<&Cost>, page: &Page) -> String {
    let Some(cost) = cost else {
        return "Unknown: no offer is usable now.".to_owned();
    };
    let dollars = Usd::from_dollars;
    let fee = cost.fee_per_hour_usd;
    let fee = fee.map(|fee| format!(" ({} of it a fee of the market)", dollars(fee)));
    format!(
        "{} est., {} worst: {} at {}/h{}, best of {}",
        estimate(dollars(cost.expected_usd)),
        page.worst(dollars(cost.worst_usd)),
        cost.gpus,
        dollars(cost.price_per_hour_usd),
        fee.unwrap_or_default(),
        count(cost.usable_offers, "offer")
    )
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

fn second_rental(hedge: &SecondRental) -> String {
    let if_behind = "If the boot falls behind, poc.hedge";
    match hedge {
        SecondRental::Affordable { offer, worst_usd } => format!(
            "{if_behind} lets a second machine race it (now offer {offer}): {} more at worst.",
            Usd::from_dollars(*worst_usd)
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
    let mut words = Vec::new();
    if let Some(policy) = plan.policies.iter().find(|policy| policy.in_force) {
        words.push(format!(
            "{:.0}%: a confirmation PoC after release ({}) loses this epoch's reward, if the rental is most of your weight.",
            100.0 * policy.chance_of_losing_reward,
            policy.policy
        ));
    }
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
    words.push(format!(
        "{} per epoch on average, {by}. {rule}.",
        count(confirmation.expected_per_epoch, "confirmation PoC"),
    ));
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
    words
}

/// Why a policy may not do, with the letter that stands for it.
const NOTES: [(&str, &str); 4] = [
    ("a", "over the caps"),
    ("b", "poc.execution_timeout must be raised"),
    ("c", "little time to boot for the next epoch"),
    ("d", "no time to boot for the next epoch"),
];

fn policies(policies: &[Policy], page: &Page) -> Vec<String> {
    let columns = [
        words("release"),
        number("hours"),
        number("est."),
        number("worst"),
        number("loses"),
        number("worth it above"),
        words("notes"),
    ];
    let mut table = Table::new(columns);
    for policy in policies {
        let mark = if policy.in_force { " *" } else { "" };
        let look = if policy.in_force {
            Look::Strong
        } else {
            Look::Plain
        };
        let reward = policy.pays_from_reward_usd;
        let notes: String = notes(policy).iter().map(|(letter, _)| *letter).collect();
        table.row([
            cell(format!("{}{mark}", policy.policy), look),
            Cell::from(format!("{:.1}", policy.hours)),
            Usd::from_dollars(policy.expected_cost_usd).figure().into(),
            Usd::from_dollars(policy.worst_cost_usd).figure().into(),
            format!("{:.0}%", 100.0 * policy.chance_of_losing_reward).into(),
            or_none(reward.map(|reward| Usd::from_dollars(reward.round()).whole())),
            notes.into(),
        ]);
    }
    let mut legend = vec!["* in force".to_owned()];
    for note @ (letter, meaning) in NOTES {
        if policies.iter().any(|policy| notes(policy).contains(&note)) {
            legend.push(format!("{letter}: {meaning}"));
        }
    }
    let mut lines = table.lines(page);
    lines.extend(page.paragraph(&legend.join("; "), 0));
    lines
}

fn notes(policy: &Policy) -> Vec<(&'static str, &'static str)> {
    let [over_caps, timeout, short, too_short] = NOTES;
    let boot = match policy.next_boot {
        BootTime::Enough => None,
        BootTime::Short => Some(short),
        BootTime::TooShort => Some(too_short),
    };
    let over_caps = (!policy.fits_budget).then_some(over_caps);
    let timeout = policy.needs_execution_timeout_hours.map(|_| timeout);
    [over_caps, timeout, boot].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::super::fleet::PlannedRental;
    use super::super::obstacles::Obstacle;
    use super::super::report::{Chain, Confirmation, LeadTime};
    use super::*;
    use crate::domain::Height;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn at(height: u64, clock: &str) -> ExpectedHeight {
        let middle = time(&format!("2026-11-29T{clock}:00Z"));
        ExpectedHeight {
            height: Height(height),
            p10: Some(middle - Duration::minutes(1)),
            p50: Some(middle),
            p90: Some(middle + Duration::minutes(1)),
        }
    }

    fn policy(name: &str, in_force: bool) -> Policy {
        Policy {
            policy: name.to_owned(),
            in_force,
            release_height: Height(5_536_909),
            hours: 1_234.5,
            expected_cost_usd: 1_234_567.89,
            worst_cost_usd: 2_345_678.90,
            chance_of_losing_reward: 0.63,
            fits_budget: in_force,
            next_boot: BootTime::TooShort,
            needs_execution_timeout_hours: None,
            pays_from_reward_usd: Some(459.0),
        }
    }

    fn plan() -> PlanReport {
        PlanReport {
            at: time("2026-11-29T02:51:00Z"),
            chain: Chain {
                height: Height(5_535_734),
                epoch: 358,
                block_seconds: Some(5.6),
                sources: Vec::new(),
            },
            epoch: 359,
            poc_start: at(5_536_724, "04:24"),
            rent_at: Some(time("2026-11-29T03:34:00Z")),
            lead: LeadTime {
                lead_seconds: 45 * 60,
                margin_seconds: 5 * 60,
                because: "45 min by poc.lead: no boot has been measured yet".to_owned(),
            },
            register_by: at(5_536_681, "04:20"),
            release: at(5_536_909, "04:41"),
            cost: Some(Cost {
                expected_usd: 9.47,
                worst_usd: 13.63,
                price_per_hour_usd: 8.31,
                fee_per_hour_usd: None,
                offer: 20_040_000,
                gpus: "4x H100 SXM".to_owned(),
                usable_offers: 1,
            }),
            hedge: None,
            could_stop: Vec::new(),
            confirmation: Confirmation {
                expected_per_epoch: 1.0,
                alpha_threshold: 0.5,
                fails_below: Some(0.4545),
                known_by: KnownBy::Chain,
            },
            challenges: ChallengeRule::InForce,
            policies: vec![
                policy("after_validation", true),
                policy("blocks:18446744073709551615", false),
            ],
            arguments: None,
            fleet: None,
            pools: Vec::new(),
        }
    }

    /// A pool that rents two of four, and one that rents nothing.
    fn of_a_fleet() -> PlanReport {
        let replica = |name: &str| name.parse().unwrap();
        let rental = |name: &str| PlannedRental {
            replica: replica(name),
            offer: 20_040_000,
            machine: 7,
            gpus: "4x H100 SXM".to_owned(),
            price_per_hour_usd: 8.5,
            expected_usd: 9.5,
            worst_usd: 13.5,
        };
        let not = |name: &str, why: &str| NotRented {
            replica: replica(name),
            why: why.to_owned(),
        };
        let pool = |name: &str, replicas| PoolPlan {
            name: name.parse().unwrap(),
            model: "MiniMaxAI/MiniMax-M2.7".to_owned(),
            replicas,
            min_replicas: 1,
            rent_at: Some(time("2026-11-29T03:33:55Z")),
            usable_offers: 5,
            rentals: Vec::new(),
            not_rented: Vec::new(),
            expected_usd: 0.0,
            worst_usd: 0.0,
        };
        let capped = "over the budget of 24 hours (budget.per_day)";
        let minimax = PoolPlan {
            rentals: vec![rental("minimax/1"), rental("minimax/2")],
            not_rented: vec![not("minimax/3", capped), not("minimax/4", capped)],
            expected_usd: 19.0,
            worst_usd: 27.0,
            ..pool("minimax", 4)
        };
        let glm = PoolPlan {
            not_rented: vec![not("glm/1", "the model is not approved")],
            ..pool("glm", 1)
        };
        let obstacle = Obstacle {
            certainty: Certainty::Stops,
            pool: Some("glm".parse().unwrap()),
            what: "the model is not approved".to_owned(),
            remedy: None,
        };
        PlanReport {
            could_stop: vec![obstacle],
            fleet: Some(FleetPlan {
                replicas: 5,
                rentals: 2,
                expected_usd: 19.0,
                worst_usd: 27.0,
                price_per_hour_usd: 17.0,
            }),
            pools: vec![minimax, glm],
            ..plan()
        }
    }

    #[test]
    fn plan_of_a_fleet_says_what_each_pool_rents() {
        // Given pools of which one is cut by a cap and one has a model that is not approved,
        let text = of(&of_a_fleet(), &Page::plain(80));
        // then each has a row with its sums, and replicas without a rental have their reason once,
        for said in [
            "minimax  03:33    2 of 4       5  17.00  19.00  27.00",
            "not rented: minimax/3, minimax/4: over the budget of 24 hours",
            "STOPS  glm: the model is not approved",
            "2 of 5 replicas rent: ~$19.00 est., ≤$27.00 worst, $17.00/h in all.",
            "those of a replica of minimax, the first",
            "0 of 1       5   0.00   0.00   0.00",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        // and without pools there is none of it.
        let alone = of(&plan(), &Page::plain(80));
        assert!(
            !alone.contains("pool") && !alone.contains("replica"),
            "{alone}"
        );
    }

    #[test]
    fn plan_fits_into_eighty_columns() {
        // Given a plan with a blocker, an address without an end and millions of dollars,
        let mut plan = plan();
        plan.could_stop.push(Obstacle {
            certainty: Certainty::Stops,
            pool: None,
            what: format!("http://{}/ does not answer", "a".repeat(120)),
            remedy: Some(
                "look at the address and at everything else that could be wrong ".repeat(3),
            ),
        });
        let text = of(&plan, &Page::plain(80));
        // then no line is wider than the page, and the numbers are whole.
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        assert!(text.contains(" 2,345,678.90 "), "{text}");
        assert!(text.contains("STOPS  http://"), "{text}");
    }

    #[test]
    fn plan_says_times_money_and_letters() {
        let text = of(&plan(), &Page::plain(80));
        for said in [
            "PoC 359, times in UTC on 2026-11-29",
            "  register by  04:20  ±1m  in 1h 29m  height 5,536,681, 46m after renting",
            "Cost   ~$9.47 est., ≤$13.63 worst: 4x H100 SXM at $8.31/h, best of 1 offer\n",
            "Block  No blockers found.",
            "Risk   63%: a confirmation PoC after release",
            "* in force; a: over the caps; d: no time to boot for the next epoch",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }
}
