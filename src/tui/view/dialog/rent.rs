//! Renting: what it costs and leaves, or which cap is in the way.

use ratatui::text::{Line, Span};

use crate::domain::{Preflight, RankedOffer, Usd};
use crate::engine::{Cap, CapCheck};
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::view::format;

use super::Question;

pub(super) fn rent(row: &RankedOffer, model: &Model, theme: Theme) -> Question {
    let (id, now) = (row.offer.id, model.now());
    let most = format::worst(row.worst_cost, theme);
    let estimate = format::estimate(row.expected_cost());
    let until = format::clock(now + row.session, now);
    let mut lines = vec![
        Line::styled(machine(row), theme.strong()),
        Line::raw(format!(
            "{}{} from now; {estimate} est. until {until}",
            row.price,
            row.offer.surcharge_text()
        )),
        Line::styled(
            format!("{most} worst case, if it runs until its lease ends"),
            theme.warn(),
        ),
        Line::raw(boot(row, model)),
    ];
    let money = &model.snapshot.money;
    if let (Some(first), true) = (&model.snapshot.rental, model.is_hedging()) {
        let both = row.price + money.per_hour;
        lines.push(Line::raw(format!(
            "with rental {}: both {both} until one is ready",
            first.id
        )));
    }
    lines.push(Line::raw(""));
    lines.extend(caps(row, model, theme));
    if let Some(latest) = model.latest_start().filter(|_| !model.is_hedging()) {
        let after = format::clock(latest, now);
        lines.push(Line::raw(format!(
            "If you do nothing, nothing is rented; too late after {after}."
        )));
    }
    Question::new(
        format!("Rent offer {id} for at most {}?", row.worst_cost),
        lines,
    )
    .asks(
        format!("rent it for at most {}", row.worst_cost),
        "do not rent",
    )
}

fn machine(row: &RankedOffer) -> String {
    let offer = &row.offer;
    let location = offer.location.as_deref().unwrap_or("unknown location");
    let verified = if offer.verified {
        "verified"
    } else {
        "NOT VERIFIED"
    };
    format!(
        "{}, machine {}, {location}, {verified}",
        offer.gpus(),
        offer.machine
    )
}

fn boot(row: &RankedOffer, model: &Model) -> String {
    let boot = &row.boot;
    let [p10, median, p90] = [boot.p10(), boot.median, boot.p90()];
    let chance = row.chance() * 100.0;
    let by = row.boot_within.and(model.deadline()).map_or_else(
        || "in time".to_owned(),
        |deadline| format!("by {}", format::clock(deadline, model.now())),
    );
    format!(
        "boot {} (80% range {} to {}), {chance:.0}% to be ready {by}",
        format::length(median),
        format::roughly(p10),
        format::roughly(p90)
    )
}

/// What is left of each cap now, and after renting at the worst case.
fn caps(row: &RankedOffer, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let money = &model.snapshot.money;
    let head = format!("{:<8} {:>10} {:>10}", "", "left", "after");
    let mut lines = vec![Line::styled(head, theme.dim())];
    lines.extend(money.checks(row).iter().map(|check| {
        let (left, note) = match check.cap {
            Cap::Credit => {
                let floor = money.credit_floor;
                let note = (floor > Usd::ZERO).then(|| format!("   at least {floor} stays"));
                (money.credit.unwrap_or(check.left), note)
            }
            _ => (check.left, None),
        };
        let after = left - check.needed;
        let text = format!(
            "{:<8} {:>10} {:>10}{}",
            check.cap.name(),
            left.to_string(),
            after.to_string(),
            note.unwrap_or_default()
        );
        Line::raw(text)
    }));
    lines
}

/// Nothing to agree to: which cap is in the way, by how much, and what would help.
pub(super) fn refused(row: &RankedOffer, model: &Model, theme: Theme) -> Question {
    let money = &model.snapshot.money;
    let offer = &row.offer;
    let head = format!(
        "{}, machine {}, {}, worst case {}",
        offer.gpus(),
        offer.machine,
        row.price,
        format::worst(row.worst_cost, theme)
    );
    let mut lines = vec![Line::raw(head), Line::raw("")];
    lines.extend(obstacles(model).map(|cause| check_line(false, "preflight", cause, theme)));
    lines.extend(money.checks(row).iter().map(|check| {
        let name = check.cap.title();
        check_line(check.holds(), &name, &figures(check, model), theme)
    }));
    lines.push(Line::raw(""));
    let mut rows = model.snapshot.offers.rows.iter();
    let fits = rows.find(|row| money.refusal(row).is_none());
    lines.push(Line::raw(match fits {
        Some(best) => format!(
            "Rows without ! fit every cap: offer {} is the best.",
            best.offer.id
        ),
        None => "No offer fits every cap.".to_owned(),
    }));
    let refused = money.checks(row).into_iter().find(|check| !check.holds());
    lines.extend(refused.map(|check| Line::raw(remedy(&check, model))));
    Question::new(format!("Offer {} cannot be rented", offer.id), lines)
}

/// What the preflight found that keeps a rental from its work.
fn obstacles(model: &Model) -> impl Iterator<Item = &str> {
    let preflight = model.snapshot.sprint.preflight.iter();
    let found = preflight.flat_map(Preflight::obstacles);
    found.filter_map(|finding| Some(finding.trouble()?.0))
}

fn check_line(holds: bool, name: &str, text: &str, theme: Theme) -> Line<'static> {
    let (mark, style) = if holds {
        (theme.glyph("✓", "+"), theme.ok())
    } else {
        (theme.glyph("✗", "x"), theme.bad())
    };
    let text_style = if holds { theme.text() } else { theme.bad() };
    Line::from(vec![
        Span::styled(mark, style),
        Span::styled(format!(" {name:<10} {text}"), text_style),
    ])
}

fn figures(check: &CapCheck, model: &Model) -> String {
    let left = check.left.to_string();
    if check.cap == Cap::Credit && model.snapshot.money.credit.is_none() {
        return "unknown: nothing is rented until it is read".to_owned();
    }
    match check.refusal() {
        Some(refusal) => format!(
            "{left:>8} left, {} needed: {} too little",
            refusal.cost, refusal.missing
        ),
        None => format!("{left:>8} left, {} needed", check.needed),
    }
}

/// What would let the offer through.
fn remedy(check: &CapCheck, model: &Model) -> String {
    let money = &model.snapshot.money;
    let missing = check.needed - check.left;
    let limit = match check.cap {
        Cap::Hour => money.hour_used.0 + check.needed,
        cap => {
            let mut caps = money.caps.iter();
            let used = caps.find(|one| one.name == cap.name()).map(|one| one.used);
            used.unwrap_or_default() + check.needed
        }
    };
    match check.cap.setting() {
        Some(setting) => format!("To allow it, raise {setting} to {limit} or more."),
        None if money.credit.is_none() => {
            "Check vast.api_key: the account was not read.".to_owned()
        }
        None => {
            let floor = money.credit_floor;
            format!(
                "To allow it, add {missing} or more to the Vast account, where {floor} must stay."
            )
        }
    }
}

/// The offer was taken while the question was open.
pub(super) fn gone(row: &RankedOffer, theme: Theme) -> Question {
    let lines = vec![
        Line::styled(machine(row), theme.strong()),
        Line::raw("Somebody else rented it, or its host took it back."),
        Line::raw("Nothing was rented; the list has the other offers."),
    ];
    Question::new(format!("Offer {} is gone", row.offer.id), lines)
}
