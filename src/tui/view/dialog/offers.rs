//! Questions about offers and machines, with the whole reckoning.

use ratatui::text::Line;

use crate::domain::{MachineId, RankedOffer, Usd};
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::view::format;

pub(super) fn rent(row: &RankedOffer, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let offer = &row.offer;
    let place = offer.location.as_deref().unwrap_or("unknown place");
    let verified = if offer.verified {
        "verified"
    } else {
        "NOT VERIFIED"
    };
    let mut lines = vec![
        Line::styled(
            format!("{}x {}, {place}", offer.gpu_count, offer.gpu_name),
            theme.strong(),
        ),
        Line::raw(format!(
            "offer {}, machine {}, {verified}, reliability {:.1}%",
            offer.id,
            offer.machine,
            offer.reliability * 100.0
        )),
        Line::raw(format!(
            "price {}, expected cost {}",
            row.price,
            row.expected_cost()
        )),
        Line::raw(format!(
            "boot {}, slow {}; {:.0}% to be ready in time",
            format::length(row.boot.median),
            format::length(row.boot.p90()),
            row.chance() * 100.0
        )),
        Line::styled(
            format!("WORST CASE {} for the whole session", row.worst_cost),
            theme.warn(),
        ),
    ];
    let money = &model.snapshot.money;
    if let (Some(first), true) = (&model.snapshot.rental, model.is_hedging()) {
        lines.push(Line::raw(format!(
            "beside #{}, which goes on: both {} until one is ready",
            first.id,
            row.price + money.per_hour
        )));
    }
    let hour = money.hour_limit.0.left_after(money.hour_used.0);
    lines.push(cap_line("hour", hour, row.price.0, theme));
    for cap in &money.caps {
        let left = cap.limit.left_after(cap.used);
        lines.push(cap_line(&cap.name, left, row.worst_cost, theme));
    }
    lines.push(match money.credit {
        Some(credit) => {
            let left = credit.left_after(money.credit_floor);
            cap_line("credit", left, row.worst_cost, theme)
        }
        None => Line::styled(
            "credit unknown: nothing is rented until it is read",
            theme.bad(),
        ),
    });
    lines
}

/// What is left of a cap, now and with this cost.
fn cap_line(name: &str, left: Usd, cost: Usd, theme: Theme) -> Line<'static> {
    let then = left - cost;
    let (style, word) = if then < Usd::ZERO {
        (theme.bad(), " TOO MUCH")
    } else {
        (theme.text(), "")
    };
    Line::styled(
        format!("cap {name:<7} {left} left, {then} after{word}"),
        style,
    )
}

pub(super) fn offer_reasons(row: &RankedOffer, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let offer = &row.offer;
    let mut lines = vec![
        Line::styled(
            format!(
                "offer {}: {}x {} on machine {}",
                offer.id, offer.gpu_count, offer.gpu_name, offer.machine
            ),
            theme.strong(),
        ),
        Line::raw(""),
    ];
    let reasons = row.reasons().into_iter();
    lines.extend(reasons.map(|(name, text)| Line::raw(format!("{name:<14} {text}"))));
    let best = model.snapshot.offers.rows.first();
    let dearer = best.map_or(Usd::ZERO, |best| {
        row.cost_of_success() - best.cost_of_success()
    });
    let place = match best {
        Some(best) if best.offer.id == offer.id => "the best there is".to_owned(),
        Some(best) => format!("{dearer} behind offer {}, the best", best.offer.id),
        None => "no other offer is known now".to_owned(),
    };
    lines.push(Line::styled(
        format!("{:<14} {place}", "so it is"),
        theme.accent(),
    ));
    lines
}

/// A name, and what there is to say of an offer.
type Told = (&'static str, fn(&RankedOffer) -> String);

/// Two offers beside each other, the reckoning of both.
pub(super) fn compare(two: &[RankedOffer; 2], theme: Theme) -> Vec<Line<'static>> {
    let row = |name: &str, [a, b]: [String; 2]| format!("{name:<11} {a:<26.26} {b:.26}");
    let both = |tell: fn(&RankedOffer) -> String| [tell(&two[0]), tell(&two[1])];
    let head = row("", both(|row| format!("offer {}", row.offer.id)));
    let rows: [Told; 12] = [
        ("GPUs", |row| {
            format!("{}x {}", row.offer.gpu_count, row.offer.gpu_name)
        }),
        ("price", |row| row.price.to_string()),
        ("expected", |row| row.expected_cost().to_string()),
        ("worst case", |row| row.worst_cost.to_string()),
        ("chance", |row| format!("{:.0}%", row.chance() * 100.0)),
        ("a success", |row| row.cost_of_success().to_string()),
        ("boot", |row| {
            let boot = row.boot;
            format!(
                "{}, slow {}",
                format::length(boot.median),
                format::length(boot.p90())
            )
        }),
        ("reliability", |row| {
            format!("{:.1}%", row.offer.reliability * 100.0)
        }),
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
        ("place", |row| {
            row.offer
                .location
                .clone()
                .unwrap_or_else(|| "unknown".into())
        }),
    ];
    let mut lines = vec![Line::styled(head, theme.strong())];
    lines.extend(rows.map(|(name, tell)| Line::raw(row(name, both(tell)))));
    let [a, b] = [&two[0], &two[1]];
    let (better, other) = if a.cost_of_success() <= b.cost_of_success() {
        (a, b)
    } else {
        (b, a)
    };
    let less = other.cost_of_success() - better.cost_of_success();
    lines.push(Line::styled(
        format!("offer {} costs {less} less a success", better.offer.id),
        theme.accent(),
    ));
    lines
}

pub(super) fn avoid(machine: MachineId, model: &Model) -> Vec<Line<'static>> {
    let rows = model.snapshot.offers.rows.iter();
    let count = rows.filter(|row| row.offer.machine == machine).count();
    vec![
        Line::raw(format!("Machine {machine} has {count} usable offers now.")),
        Line::raw(
            "They are left out for as long as after a failed boot, in auto mode too. v lists what is avoided, u takes it back.",
        ),
    ]
}

pub(super) fn allow(machine: MachineId, model: &Model) -> Vec<Line<'static>> {
    let avoided = model.snapshot.offers.avoided.iter();
    let evidence = avoided
        .filter(|avoided| avoided.machine == machine)
        .map(|avoided| avoided.reason.clone());
    let mut lines = vec![Line::raw(format!(
        "Machine {machine} was left out for this:"
    ))];
    lines.extend(evidence.map(Line::raw));
    lines.push(Line::raw(
        "Its offers will be usable again, in auto mode too.",
    ));
    lines
}
