//! Past sprints as text.

use std::collections::BTreeMap;

use crate::cli::page::{Look, Page};
use crate::cli::table::{Cell, Table, cell, number, or_none, words};
use crate::domain::format::{count, grouped, roughly, tallied, tally};
use crate::domain::{BootTimes, OutcomeKind, PoolName, Spent};
use crate::flow::ASSUMED_CONFIRMATION;
use crate::journal::PastSprint;

pub(super) fn of(history: &[PastSprint<'_>], page: &Page) -> String {
    if history.is_empty() {
        return "No sprints yet.".to_owned();
    }
    let mut columns = vec![
        words("ended (UTC)"),
        number("epoch"),
        words("outcome"),
        number("weight"),
        number("cost"),
        number("$/1000"),
        number("conf."),
        number("boot"),
    ];
    let has_pools = history.iter().any(|past| !past.report.replica.is_default());
    // There is no room for both: JSON and CSV have the machine.
    columns.push(if has_pools {
        words("replica")
    } else {
        number("machine")
    });
    let mut table = Table::new(columns).below_at(2);
    for past in history {
        let last = if has_pools {
            Cell::from(&past.report.replica)
        } else {
            or_none(past.boot().map(|boot| boot.machine))
        };
        let cells: Vec<Cell> = cells(past).into_iter().chain([last]).collect();
        table.row_with(cells, [remark(past)]);
    }
    let mut lines = table.lines(page);
    lines.extend(
        summaries(history)
            .iter()
            .flat_map(|sum| page.paragraph(sum, 0)),
    );
    lines.join("\n")
}

/// The sum of each pool, where there are several, and that of all.
fn summaries(history: &[PastSprint<'_>]) -> Vec<String> {
    let mut pools: BTreeMap<&PoolName, Vec<&PastSprint<'_>>> = BTreeMap::new();
    for past in history {
        let pool = &past.report.replica.pool;
        pools.entry(pool).or_default().push(past);
    }
    let all: Vec<&PastSprint<'_>> = history.iter().collect();
    let of_pools = pools.iter().filter(|_| pools.len() > 1);
    of_pools
        .map(|(name, sprints)| format!("{name}: {}", summary(sprints)))
        .chain([summary(&all)])
        .collect()
}

fn cells(past: &PastSprint<'_>) -> [Cell; 8] {
    let (report, boot) = (past.report, past.boot());
    let spent = past.spent();
    let (word, look) = outcome(past);
    let confirmed = past.confirmation_ratio.map(|ratio| 100.0 * ratio);
    [
        past.at.format("%m-%d %H:%M").into(),
        or_none(report.epoch),
        cell(word, look),
        or_none(report.weight.map(|weight| grouped(weight.0))),
        spent.into(),
        or_none(report.per_1000_weight(spent)),
        or_none(confirmed.map(|percent| format!("{percent:.0}%"))),
        or_none(boot.and_then(BootTimes::total).map(roughly)),
    ]
}

fn outcome(past: &PastSprint<'_>) -> (&'static str, Look) {
    if is_reward_lost(past) {
        return ("REWARD LOST", Look::Bad);
    }
    let outcome = past.report.outcome;
    let look = match outcome {
        OutcomeKind::Confirmed | OutcomeKind::Rehearsed | OutcomeKind::Served => Look::Good,
        OutcomeKind::Aborted => Look::Plain,
        OutcomeKind::Unknown => Look::Warn,
        OutcomeKind::Failed | OutcomeKind::NoWeight | OutcomeKind::NotTried => Look::Bad,
    };
    (outcome.headline(), look)
}

/// A confirmation `PoC` saw too little of the weight. The limit is not in the journal: today's is assumed.
fn is_reward_lost(past: &PastSprint<'_>) -> bool {
    let limit = ASSUMED_CONFIRMATION.fails_below();
    let shown = past.confirmation_ratio.zip(limit);
    past.report.outcome == OutcomeKind::Confirmed
        && shown.is_some_and(|(shown, limit)| shown < limit)
}

/// Why it ended like that, and how the boot was hedged.
fn remark(past: &PastSprint<'_>) -> String {
    let report = past.report;
    let lost = is_reward_lost(past).then(|| {
        let shown = 100.0 * past.confirmation_ratio.unwrap_or_default();
        let needed = 100.0 * ASSUMED_CONFIRMATION.fails_below().unwrap_or_default();
        format!("confirmation {shown:.0}% of weight, {needed:.0}% needed")
    });
    let cause = report.cause_parts();
    let cause = cause.map(|(name, sentence)| format!("{}: {sentence}", name.replace('_', " ")));
    let race = report.race.map(|race| match race.winner {
        Some(_) => format!("hedged: the {} rental was ready first", race.won_by()),
        None => "hedged: neither rental was ready".to_owned(),
    });
    let remarks: Vec<String> = [lost, cause, race].into_iter().flatten().collect();
    remarks.join("; ")
}

/// `3 sprints: 1 confirmed, 1 failed; ~$23.37; ~$9.72 per 1000 weight`.
fn summary(history: &[&PastSprint<'_>]) -> String {
    let outcomes = tally(history.iter().map(|past| outcome(past).0));
    let total: Spent = history.iter().map(|past| past.spent()).sum();
    let kept = history.iter().filter(|past| !is_reward_lost(past));
    let weight: u64 = kept
        .filter_map(|past| past.report.weight)
        .map(|weight| weight.0)
        .sum();
    let sprints = count(history.len(), "sprint");
    let mut parts = vec![
        format!("{sprints}: {}", tallied(&outcomes)),
        total.to_string(),
    ];
    if weight > 0 {
        #[expect(clippy::cast_precision_loss, reason = "a price for people")]
        let per_1000 = total.scaled(1_000.0 / weight as f64);
        parts.push(format!("{per_1000} per 1000 weight"));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::domain::{EpochIndex, SprintReport, Weight};

    fn report(outcome: OutcomeKind, cost_usd: f64, weight: Option<u64>) -> SprintReport {
        SprintReport {
            outcome,
            epoch: Some(EpochIndex(358)),
            weight: weight.map(Weight),
            cost_usd,
            ..SprintReport::default()
        }
    }

    fn past(report: &SprintReport) -> PastSprint<'_> {
        PastSprint {
            at: "2026-11-28T04:47:00Z".parse().unwrap(),
            report,
            boots: Vec::new(),
            confirmations: Vec::new(),
            confirmation_ratio: None,
            usd_per_weight: None,
            charged_usd: None,
            charge_difference_usd: None,
        }
    }

    #[test]
    fn history_fits_into_eighty_columns() {
        // Given a billed sprint, one whose reward was lost, and one that failed for a long reason,
        let confirmed = report(OutcomeKind::Confirmed, 8.40, Some(2_405));
        let mut failed = report(OutcomeKind::Failed, 1_234.5, None);
        failed.cause = Some(format!("boot_failed: {}", "driver says no, ".repeat(12)));
        let history = [
            PastSprint {
                charged_usd: Some(8.40),
                ..past(&confirmed)
            },
            PastSprint {
                confirmation_ratio: Some(0.4),
                ..past(&confirmed)
            },
            past(&failed),
        ];
        let text = of(&history, &Page::plain(80));
        // then each row says how it ended, and what is not billed has its mark,
        for said in [
            "CONFIRMED    2,405       $8.40   $3.49",
            "REWARD       2,405      ~$8.40  ~$3.49    40%",
            "FAILED           -  ~$1,234.50",
            "confirmation 40% of weight, 45% needed",
            "boot failed: driver says no",
            "3 sprints: 1 confirmed, 1 reward lost, 1 failed; ~$1,251.30; ~$520.29 per 1000\nweight",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
        // and no line is wider than the page.
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
    }

    #[test]
    fn history_of_pools_names_replicas_and_adds_up_by_pool() {
        // Given sprints of two pools,
        let of = |replica: &str, report: SprintReport| SprintReport {
            replica: replica.parse().unwrap(),
            ..report
        };
        let reports = [
            of(
                "minimax/1",
                report(OutcomeKind::Confirmed, 8.0, Some(2_000)),
            ),
            of("minimax/12", report(OutcomeKind::Failed, 2.0, None)),
            of("glm/1", report(OutcomeKind::Confirmed, 4.0, Some(1_000))),
        ];
        let history: Vec<PastSprint<'_>> = reports.iter().map(past).collect();
        let text = super::of(&history, &Page::plain(80));
        // then each row says whose it is, and each pool has its sum,
        for said in [
            "FAILED          -  ~$2.00       -      -     -  minimax/12",
            "glm: 1 sprint: 1 confirmed; ~$4.00; ~$4.00 per 1000 weight",
            "minimax: 2 sprints: 1 confirmed, 1 failed; ~$10.00; ~$5.00 per 1000 weight",
            "3 sprints: 2 confirmed, 1 failed; ~$14.00; ~$4.67 per 1000 weight",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        // and one pool has no sum beside that of all.
        let text = super::of(&history[..2], &Page::plain(80));
        assert!(!text.contains("minimax: "), "{text}");
    }

    #[test]
    fn empty_history_is_a_sentence() {
        assert_eq!(of(&[], &Page::plain(80)), "No sprints yet.");
    }
}
