//! Dialogs about offers and machines.

use std::iter;

use ratatui::text::Line;

use crate::domain::{MachineId, RankedOffer};
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::view::format;

use super::{COLUMNS, Question};

/// Width of a reason's name.
const NAME: usize = 14;

fn percent(part: f64) -> String {
    format!("{:.1}%", part * 100.0)
}

pub(super) fn explain(row: &RankedOffer, model: &Model, theme: Theme) -> Question {
    let (id, machine) = (row.offer.id, row.offer.machine);
    let head = format!("offer {id}: {} on machine {machine}", row.offer.gpus());
    let mut lines = vec![Line::styled(head, theme.strong()), Line::raw("")];
    let reasons = row.reasons().into_iter();
    lines.extend(reasons.flat_map(|(name, text)| named(name, &text)));
    let rows = &model.snapshot.offers.rows;
    let index = rows.iter().position(|row| row.offer.id == id);
    let rank = match (index, rows.first()) {
        (Some(0), _) => format!("1 of {}: best offer", rows.len()),
        (Some(index), Some(best)) => {
            let behind = row.cost_of_success() - best.cost_of_success();
            let (rank, all, best) = (index + 1, rows.len(), best.offer.id);
            format!("{rank} of {all}: {behind} behind offer {best}, the best")
        }
        _ => "no longer offered".to_owned(),
    };
    lines.push(Line::styled(
        format!("{:<NAME$} {rank}", "rank"),
        theme.accent(),
    ));
    Question::new(format!("Why has offer {id} its rank?"), lines)
}

/// A name and its text, whose further rows begin below its first.
fn named(name: &'static str, text: &str) -> impl Iterator<Item = Line<'static>> + use<> {
    let rows = format::wrap(text, COLUMNS - NAME - 1);
    let names = iter::once(name).chain(iter::repeat(""));
    let rows = names.zip(rows);
    rows.map(|(name, row)| Line::raw(format!("{name:<NAME$} {row}")))
}

/// A property of an offer, by name.
type Property = (&'static str, fn(&RankedOffer) -> String);

const PROPERTIES: [Property; 12] = [
    ("GPUs", |row| row.offer.gpus()),
    ("price", |row| row.price.to_string()),
    ("expected", |row| row.expected_cost().to_string()),
    ("worst case", |row| row.worst_cost.to_string()),
    ("chance", |row| format!("{:.0}%", row.chance() * 100.0)),
    ("a success", |row| row.cost_of_success().to_string()),
    ("boot", |row| {
        let (median, slow) = (row.boot.median, row.boot.p90());
        format!("{}, slow {}", format::length(median), format::length(slow))
    }),
    ("reliability", |row| percent(row.offer.reliability)),
    ("download", |row| {
        format!("{:.0} Mb/s", row.offer.download_mbps)
    }),
    ("own boots", |row| {
        let boots = row.own_boots;
        format!(
            "{} here, {} failed",
            boots.machine_ready, boots.machine_failed
        )
    }),
    ("machine", |row| row.offer.machine.to_string()),
    ("location", |row| row.offer.country_and_region()),
];

/// Two offers side by side.
pub(super) fn compare([a, b]: &[RankedOffer; 2], theme: Theme) -> Question {
    let row = |name: &str, a: String, b: String| format!("{name:<11} {a:<26.26} {b:.26}");
    let offer = |row: &RankedOffer| format!("offer {}", row.offer.id);
    let mut lines = vec![Line::styled(row("", offer(a), offer(b)), theme.strong())];
    lines.extend(PROPERTIES.map(|(name, text)| Line::raw(row(name, text(a), text(b)))));
    let (better, other) = if a.cost_of_success() <= b.cost_of_success() {
        (a, b)
    } else {
        (b, a)
    };
    let less = other.cost_of_success() - better.cost_of_success();
    let text = format!("offer {} costs {less} less a success", better.offer.id);
    lines.push(Line::styled(text, theme.accent()));
    Question::new("Which of the two?", lines)
}

pub(super) fn avoid(machine: MachineId, model: &Model) -> Question {
    let rows = model.snapshot.offers.rows.iter();
    let count = rows.filter(|row| row.offer.machine == machine).count();
    let offers = format::count(count, "usable offer");
    let lines = vec![
        Line::raw(format!("It has {offers} now.")),
        Line::raw(
            "It is avoided for as long as after a failed boot, in auto mode too. v lists avoided machines, u uses one again.",
        ),
        Line::raw("If you do nothing, its offers stay in the list."),
    ];
    Question::new(format!("Avoid machine {machine}?"), lines).asks("avoid it", "keep its offers")
}

pub(super) fn allow(machine: MachineId, model: &Model) -> Question {
    let now = model.now();
    let avoided = model.snapshot.offers.avoided.iter();
    let avoided = avoided.filter(|avoided| avoided.machine == machine);
    let mut lines = vec![Line::raw("It is avoided because:")];
    for one in avoided {
        let until = format::clock(one.until, now);
        lines.push(Line::raw(one.reason.clone()));
        lines.push(Line::raw(format!(
            "If you do nothing, it is avoided until {until}."
        )));
    }
    lines.push(Line::raw(
        "Its offers will be usable again, in auto mode too.",
    ));
    Question::new(format!("Use machine {machine} again?"), lines)
        .asks("use it again", "keep avoiding it")
}
