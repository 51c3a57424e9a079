//! `pocpit history`: past sprints as a table, JSON or CSV.

mod text;

use color_eyre::eyre::Report;

use super::arguments::{Common, History};
use super::page::Page;
use super::{Exit, pools, print, print_report, runtime};
use crate::config::Pools;
use crate::domain::{BootStage, BootTimes, Duration, ForeignText, PoolName, Race, Step};
use crate::journal::{self, PastSprint};

pub(crate) fn run(arguments: &History, common: &Common) -> Result<Exit, Report> {
    let config = runtime::load_quietly(common)?;
    let ledger = journal::read_only(&config.paths.state_dir)?;
    let history = match &arguments.pool {
        Some(pool) => of_pool(ledger.history(), pool, &config.pools)?,
        None => ledger.history(),
    };
    if arguments.csv {
        print(&csv(&history))?;
        return Ok(Exit::Done);
    }
    print_report(arguments.output, &history, || {
        text::of(&history, &Page::stdout(common, arguments.output))
    })
}

/// A pool may be known by its sprints alone: it was taken out of the configuration since.
fn of_pool<'a>(
    mut history: Vec<PastSprint<'a>>,
    pool: &PoolName,
    pools: &Pools,
) -> Result<Vec<PastSprint<'a>>, Report> {
    history.retain(|past| past.report.replica.pool == *pool);
    if history.is_empty() {
        pools::chosen(pools, Some(pool))?;
    }
    Ok(history)
}

fn or(value: Option<impl ToString>, none: &str) -> String {
    value.map_or_else(|| none.to_owned(), |value| value.to_string())
}

/// The columns before the durations. Scripts may read columns by position, so new ones go to the end.
const CSV_HEADER: &str = "ended,epoch,outcome,cause,node,weight,participant_weight,\
    confirmation_ratio,cost_usd,usd_per_weight,rentals,race_won_by,machine,host,gpu,gpus,boot_seconds";

/// Columns after the durations.
const LATER_COLUMNS: &str = "charged_usd,replica";

/// One line per sprint; times in seconds, money in dollars, empty if unknown.
fn csv(history: &[PastSprint<'_>]) -> String {
    let stages = boot_stages().map(|stage| format!("boot_{stage}_seconds").replace(' ', "_"));
    let steps = steps().map(|step| format!("{step}_seconds"));
    let columns: Vec<String> = stages.chain(steps).collect();
    let header = format!("{CSV_HEADER},{},{LATER_COLUMNS}", columns.join(","));
    let lines = history.iter().map(|past| csv_line(&cells(past)));
    let lines: Vec<String> = std::iter::once(header).chain(lines).collect();
    lines.join("\n")
}

fn boot_stages() -> impl Iterator<Item = BootStage> {
    let stages = BootStage::ALL.iter().copied();
    stages.filter(|stage| *stage != BootStage::Ready)
}

fn steps() -> impl Iterator<Item = Step> {
    Step::ALL.iter().copied().filter(|step| *step != Step::Done)
}

fn cells(past: &PastSprint<'_>) -> Vec<String> {
    let (report, boot) = (past.report, past.boot());
    let seconds = |duration: Duration| duration.num_seconds();
    let mut cells = vec![
        past.at.to_rfc3339(),
        or(report.epoch, ""),
        report.outcome.to_string(),
        or(report.cause.as_ref(), ""),
        or(report.node.as_ref(), ""),
        or(report.weight, ""),
        or(report.participant_weight, ""),
        or(
            past.confirmation_ratio.map(|ratio| format!("{ratio:.4}")),
            "",
        ),
        format!("{:.4}", report.cost_usd),
        or(past.usd_per_weight.map(|usd| format!("{usd:.6}")), ""),
        past.boots.len().to_string(),
        or(report.race.map(Race::won_by), ""),
        or(boot.map(|boot| boot.machine), ""),
        or(boot.and_then(|boot| boot.host).map(|host| host.0), ""),
        or(boot.map(|boot| &boot.gpu_name), ""),
        or(boot.map(|boot| boot.gpu_count), ""),
        or(boot.and_then(BootTimes::total).map(seconds), ""),
    ];
    let durations = boot.map(BootTimes::durations).unwrap_or_default();
    cells.extend(boot_stages().map(|stage| {
        let took = durations.iter().find(|(each, _)| *each == stage);
        or(took.map(|(_, took)| seconds(*took)), "")
    }));
    cells.extend(steps().map(|step| or(report.time_in(step).map(seconds), "")));
    cells.push(or(past.charged_usd.map(|usd| format!("{usd:.4}")), ""));
    cells.push(report.replica.to_string());
    cells
}

/// Quoted where RFC 4180 requires it. Cells are cleaned, because an older journal may have raw foreign texts.
fn csv_line(cells: &[String]) -> String {
    let cells = cells.iter().map(|cell| {
        let cell = ForeignText(cell).line(usize::MAX);
        if cell.contains([',', '"']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell
        }
    });
    cells.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_cells_are_quoted() {
        let cells = ["plain".to_owned(), "a, \"b\"\nc\x1b".to_owned()];
        assert_eq!(csv_line(&cells), "plain,\"a, \"\"b\"\" c\u{fffd}\"");
    }

    #[test]
    fn empty_history_is_header_only() {
        let header = csv(&[]);
        assert!(header.contains("boot_image_pull_seconds") && header.contains("releasing_seconds"));
        assert_eq!(header.lines().count(), 1);
    }

    #[test]
    fn csv_columns_keep_their_places() {
        let header = csv(&[]);
        // Given the columns of the first release, then they are still where they were,
        let first = "ended,epoch,outcome,cause,node,weight,participant_weight,confirmation_ratio,cost_usd,usd_per_weight,rentals,race_won_by,machine,host,gpu,gpus,boot_seconds,";
        assert!(header.starts_with(first), "{header}");
        // and later ones are behind them.
        assert!(
            header.ends_with("releasing_seconds,charged_usd,replica"),
            "{header}"
        );
    }
}
