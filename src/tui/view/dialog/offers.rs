//! Dialogs about offers and machines, with all costs.

use std::iter;

use ratatui::text::Line;

use crate::domain::{MachineId, RankedOffer, Usd};
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::view::format;

/// Width of a reason's name.
const NAME: usize = 14;
/// Width of the text of a dialog.
const COLUMNS: usize = super::WIDTH as usize - 2;

pub(super) fn rent(row: &RankedOffer, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let offer = &row.offer;
    let (gpus, location) = (row.offer.gpus(), location(row));
    let verified = if offer.verified {
        "verified"
    } else {
        "NOT VERIFIED"
    };
    let reliability = percent(offer.reliability);
    let (median, slow) = (
        format::length(row.boot.median),
        format::length(row.boot.p90()),
    );
    let chance = row.chance() * 100.0;
    let mut lines = vec![
        Line::styled(format!("{gpus}, {location}"), theme.strong()),
        Line::raw(format!(
            "offer {}, machine {}, {verified}, reliability {reliability}",
            offer.id, offer.machine
        )),
        Line::raw(format!(
            "price {}{}, expected cost {}",
            row.price,
            offer.surcharge_text(),
            row.expected_cost()
        )),
        Line::raw(format!(
            "boot {median}, slow {slow}; {chance:.0}% to be ready in time"
        )),
        Line::styled(
            format!("WORST CASE {} for the whole session", row.worst_cost),
            theme.warn(),
        ),
    ];
    let money = &model.snapshot.money;
    if let (Some(first), true) = (&model.snapshot.rental, model.is_hedging()) {
        let both = row.price + money.per_hour;
        lines.push(Line::raw(format!(
            "hedge for #{}: both {both} until one is ready",
            first.id
        )));
    }
    let hour = money.hour_limit.0.left_after(money.hour_used.0);
    lines.push(cap_line("hour", hour, row.price.0, theme));
    lines.extend(money.caps.iter().map(|cap| {
        let left = cap.limit.left_after(cap.used);
        cap_line(&cap.name, left, row.worst_cost, theme)
    }));
    let unknown = "credit unknown: nothing is rented until it is read";
    lines.push(match money.credit {
        Some(credit) => {
            let left = credit.left_after(money.credit_floor);
            cap_line("credit", left, row.worst_cost, theme)
        }
        None => Line::styled(unknown, theme.bad()),
    });
    lines
}

fn location(row: &RankedOffer) -> String {
    row.offer
        .location
        .as_deref()
        .unwrap_or("unknown location")
        .to_owned()
}

fn percent(part: f64) -> String {
    format!("{:.1}%", part * 100.0)
}

/// What is left of a cap, now and with this cost.
fn cap_line(name: &str, left: Usd, cost: Usd, theme: Theme) -> Line<'static> {
    let then = left - cost;
    let (style, word) = if then < Usd::ZERO {
        (theme.bad(), " TOO MUCH")
    } else {
        (theme.text(), "")
    };
    let text = format!("cap {name:<7} {left} left, {then} after{word}");
    Line::styled(text, style)
}

pub(super) fn offer_reasons(row: &RankedOffer, model: &Model, theme: Theme) -> Vec<Line<'static>> {
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
    lines
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
pub(super) fn compare([a, b]: &[RankedOffer; 2], theme: Theme) -> Vec<Line<'static>> {
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
    lines
}

pub(super) fn avoid(machine: MachineId, model: &Model) -> Vec<Line<'static>> {
    let rows = model.snapshot.offers.rows.iter();
    let count = rows.filter(|row| row.offer.machine == machine).count();
    let offers = format::count(count, "usable offer");
    vec![
        Line::raw(format!("Machine {machine} has {offers} now.")),
        Line::raw(
            "It is avoided for as long as after a failed boot, in auto mode too. v lists avoided machines, u uses one again.",
        ),
    ]
}

pub(super) fn allow(machine: MachineId, model: &Model) -> Vec<Line<'static>> {
    let avoided = model.snapshot.offers.avoided.iter();
    let avoided = avoided.filter(|avoided| avoided.machine == machine);
    let mut lines = vec![Line::raw(format!("Machine {machine} is avoided because:"))];
    lines.extend(avoided.map(|avoided| Line::raw(avoided.reason.clone())));
    lines.push(Line::raw(
        "Its offers will be usable again, in auto mode too.",
    ));
    lines
}
