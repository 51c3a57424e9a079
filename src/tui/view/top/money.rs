//! Row 2: what runs costs, until when, and what the caps leave.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::{Usd, UsdPerHour};
use crate::engine::{CapSnapshot, WorldKind};
use crate::tui::attention::{Feed, frozen_since};
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::view::format;

use super::super::widgets::Canvas;
use super::{Item, WIDE, fit, item, label};

pub(super) fn line(canvas: &Canvas<'_>, width: u16) -> Line<'static> {
    let (model, theme) = (canvas.model, canvas.theme);
    let head = match model.snapshot.world {
        WorldKind::Real => label("MONEY", theme.dim()),
        WorldKind::Simulated { .. } => label("DEMO", theme.warn()),
    };
    let is_wide = width >= WIDE;
    let mut items = if model.is_rented() {
        running(model, is_wide, theme)
    } else {
        vec![item("$0.00/h, nothing rented", theme.text())]
    };
    items.extend(caps(model, is_wide, theme));
    items.extend(speed(model, is_wide, theme));
    fit(head, items, width)
}

fn running(model: &Model, is_wide: bool, theme: Theme) -> Vec<Item> {
    let money = &model.snapshot.money;
    let now = model.now();
    if let Some(since) = frozen_since(model, Feed::Rentals) {
        let text = format!(
            "up to {}, unknown since {}",
            money.per_hour,
            format::clock(since, now)
        );
        return vec![item(text, theme.bad())];
    }
    let is_running = money.per_hour > UsdPerHour::ZERO;
    let price = if is_running {
        theme.strong()
    } else {
        theme.text()
    };
    let mut items = vec![item(money.per_hour.to_string(), price)];
    let rentals = model.snapshot.rentals().count();
    if rentals > 1 {
        items.push(item(format!(", {rentals} rentals"), theme.warn()));
    }
    let est = if is_wide { " est." } else { "" };
    items.push(item(
        format!("  {}{est}", format::estimate(money.sprint)),
        theme.text(),
    ));
    if money.reserved > Usd::ZERO {
        let most = format::worst(money.sprint + money.reserved, theme);
        let word = if is_wide { " worst" } else { "" };
        items.push(item(format!(" of {most}{word}"), theme.text()));
    }
    items.extend(until(model).map(|text| item(text, theme.text())));
    items
}

/// The planned release; the lease where there is none, or it has passed.
fn until(model: &Model) -> Option<String> {
    let rental = model.snapshot.rental.as_ref()?;
    if rental.releasing {
        return Some("  until gone".to_owned());
    }
    let now = model.now();
    let planned = model.snapshot.sprint.release_at.map(|band| band.p50);
    let planned = planned.filter(|at| *at > now && *at < rental.lease_until);
    let (word, at) = match planned {
        Some(at) => ("until", at),
        None => ("lease", rental.lease_until),
    };
    let left = format::short(at - now);
    Some(format!("  {word} {} ({left})", format::clock(at, now)))
}

/// What is left of each cap, the tightest first.
fn caps(model: &Model, is_wide: bool, theme: Theme) -> Vec<Item> {
    let money = &model.snapshot.money;
    let mut caps: Vec<&CapSnapshot> = money.caps.iter().collect();
    caps.sort_by_key(|cap| cap.limit.left_after(cap.used));
    let named = is_wide || !model.is_rented();
    // Where nothing runs there is room between the parts of the row.
    let space = if model.is_rented() { "  " } else { "    " };
    let caps = caps.into_iter().enumerate();
    let mut items: Vec<Item> = caps
        .map(|(index, cap)| {
            let left = cap.limit.left_after(cap.used);
            let has_intro = index == 0 && named;
            let gap = if has_intro { " " } else { "  " };
            let figure = format!("{gap}{} {}", cap.name, format::cap(left, is_wide));
            let figure = Span::styled(figure, cap_style(left, cap.limit, theme));
            let intro = format!("{space}caps left:");
            let intro = has_intro.then(|| Span::styled(intro, theme.dim()));
            intro.into_iter().chain([figure]).collect()
        })
        .collect();
    let credit = money.credit.map(|credit| format!("{space}credit {credit}"));
    items.extend(credit.map(|text| item(text, theme.dim())));
    items
}

/// Below a third and below a tenth a cap is in the way soon.
fn cap_style(left: Usd, limit: Usd, theme: Theme) -> Style {
    if left.0 < limit.0 / 10 {
        theme.bad()
    } else if left.0 < limit.0 / 10 * 3 {
        theme.warn()
    } else {
        theme.text()
    }
}

fn speed(model: &Model, is_wide: bool, theme: Theme) -> Option<Item> {
    let WorldKind::Simulated { speed } = model.snapshot.world else {
        return None;
    };
    is_wide.then(|| item(format!("  simulated, {speed:.0}x"), theme.warn()))
}
