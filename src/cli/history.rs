//! `pocpit history`: past sprints as a table, JSON or CSV.

use color_eyre::eyre::Report;

use super::arguments::{Common, HistoryOutput};
use super::read_only::{row, table};
use super::{Exit, logging, print, print_json, runtime};
use crate::domain::{BootStage, BootTimes, Duration, SprintReport, Step};
use crate::journal::{self, PastSprint};

pub(crate) fn run(common: &Common, output: HistoryOutput) -> Result<Exit, Report> {
    logging::start_quiet();
    let config = runtime::load(common)?.config;
    let ledger = journal::read_only(&config.paths.state_dir)?;
    let history = ledger.history();
    if output.json {
        print_json(&history)?;
    } else if output.csv {
        print(&csv(&history))?;
    } else {
        print(&text(&history))?;
    }
    Ok(Exit::Done)
}

const NONE: &str = "-";

fn text(history: &[PastSprint<'_>]) -> String {
    let mut rows = vec![row([
        "ENDED",
        "EPOCH",
        "OUTCOME",
        "WEIGHT",
        "COST",
        "$/1000W",
        "CONFIRMED",
        "GPUS",
        "MACHINE",
        "BOOT",
        "CAUSE",
    ])];
    for past in history {
        let report = past.report;
        let boot = past.boot();
        rows.push(row([
            &past.at.format("%Y-%m-%d %H:%M").to_string(),
            &report
                .epoch
                .map_or_else(|| "?".to_owned(), |epoch| epoch.to_string()),
            report.outcome.name(),
            &or_none(report.weight),
            &format!("${:.2}", report.cost_usd),
            &or_none(
                report
                    .usd_per_weight()
                    .map(|usd| format!("{:.2}", 1000.0 * usd)),
            ),
            &or_none(
                past.confirmation_ratio
                    .map(|ratio| format!("{:.0}%", 100.0 * ratio)),
            ),
            &or_none(boot.map(|boot| format!("{}x {}", boot.gpu_count, boot.gpu_name))),
            &or_none(boot.map(|boot| boot.machine)),
            &or_none(boot.and_then(BootTimes::total).map(minutes)),
            &remark(report),
        ]));
    }
    table(&rows)
}

/// The cause, and how the boot was hedged.
fn remark(report: &SprintReport) -> String {
    let cause = report.cause.clone();
    let race = report.race.map(|race| match race.winner {
        Some(_) => format!("hedged: the {} rental was ready first", race.won_by()),
        None => "hedged: neither rental was ready".to_owned(),
    });
    let remarks: Vec<String> = cause.into_iter().chain(race).collect();
    remarks.join("; ")
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}

fn minutes(duration: Duration) -> String {
    format!("{}m", duration.num_minutes())
}

/// One line per sprint; times in seconds, money in dollars, empty if unknown.
fn csv(history: &[PastSprint<'_>]) -> String {
    let mut header: Vec<String> = row([
        "ended",
        "epoch",
        "outcome",
        "cause",
        "node",
        "weight",
        "participant_weight",
        "confirmation_ratio",
        "cost_usd",
        "usd_per_weight",
        "rentals",
        "race_won_by",
        "machine",
        "host",
        "gpu",
        "gpus",
        "boot_seconds",
    ]);
    header.extend(
        boot_stages().map(|stage| format!("boot_{}_seconds", stage.to_string().replace(' ', "_"))),
    );
    header.extend(steps().map(|step| format!("{step}_seconds")));
    let lines = history.iter().map(|past| csv_line(&cells(past)));
    let lines: Vec<String> = std::iter::once(csv_line(&header)).chain(lines).collect();
    lines.join("\n")
}

fn boot_stages() -> impl Iterator<Item = BootStage> {
    let stages = BootStage::ALL.into_iter();
    stages.filter(|stage| *stage != BootStage::Ready)
}

fn steps() -> impl Iterator<Item = Step> {
    Step::ALL.into_iter().filter(|step| *step != Step::Done)
}

fn cells(past: &PastSprint<'_>) -> Vec<String> {
    let report = past.report;
    let boot = past.boot();
    let text = |value: Option<String>| value.unwrap_or_default();
    let seconds = |duration: Duration| duration.num_seconds().to_string();
    let mut cells = vec![
        past.at.to_rfc3339(),
        text(report.epoch.map(|epoch| epoch.to_string())),
        report.outcome.to_string(),
        text(report.cause.clone()),
        text(report.node.as_ref().map(ToString::to_string)),
        text(report.weight.map(|weight| weight.to_string())),
        text(report.participant_weight.map(|weight| weight.to_string())),
        text(past.confirmation_ratio.map(|ratio| format!("{ratio:.4}"))),
        format!("{:.4}", report.cost_usd),
        text(past.usd_per_weight.map(|usd| format!("{usd:.6}"))),
        past.boots.len().to_string(),
        text(report.race.map(|race| race.won_by().to_owned())),
        text(boot.map(|boot| boot.machine.to_string())),
        text(
            boot.and_then(|boot| boot.host)
                .map(|host| host.0.to_string()),
        ),
        text(boot.map(|boot| boot.gpu_name.clone())),
        text(boot.map(|boot| boot.gpu_count.to_string())),
        text(boot.and_then(BootTimes::total).map(seconds)),
    ];
    let durations = boot.map(BootTimes::durations).unwrap_or_default();
    cells.extend(boot_stages().map(|stage| {
        let took = durations.iter().find(|(seen, _)| *seen == stage);
        text(took.map(|(_, took)| seconds(*took)))
    }));
    cells.extend(steps().map(|step| text(report.time_in(step).map(seconds))));
    cells
}

/// Quoted where RFC 4180 requires it.
fn csv_line(cells: &[String]) -> String {
    let cells = cells.iter().map(|cell| {
        if cell.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.clone()
        }
    });
    cells.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_cells_are_quoted() {
        let cells = ["plain".to_owned(), "a, \"b\"\nc".to_owned()];
        assert_eq!(csv_line(&cells), "plain,\"a, \"\"b\"\"\nc\"");
    }

    #[test]
    fn empty_history_is_header_only() {
        let header = csv(&[]);
        assert!(header.starts_with("ended,epoch,outcome,cause,node,weight,participant_weight,confirmation_ratio,cost_usd,usd_per_weight,"));
        assert!(
            header.contains("boot_image_pull_seconds") && header.ends_with("releasing_seconds")
        );
        assert_eq!(header.lines().count(), 1);
    }
}
