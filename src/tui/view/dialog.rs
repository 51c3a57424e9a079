//! Questions before anything that costs: what exactly, what it costs, what is left.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::domain::{GateKind, MachineId, RankedOffer, Usd};
use crate::engine::QuitChoice;
use crate::tui::layout::centered;
use crate::tui::model::{Dialog, Model};
use crate::tui::theme::Theme;

use super::{popup, words};

/// Draws the question.
pub fn draw(buf: &mut Buffer, screen: Rect, dialog: &Dialog, model: &Model, theme: Theme) {
    let (title, mut lines) = match dialog {
        Dialog::Rent(row) => ("Rent this offer?", rent(row, model, theme)),
        Dialog::Offer(row) => ("Why this rank?", offer_reasons(row, model, theme)),
        Dialog::LeaveViewer => ("Quit the viewer?", left_behind(model)),
        Dialog::Allow(machine) => ("Use this machine again?", allow(*machine, model)),
        Dialog::Abort => ("Abort the sprint?", abort(model)),
        Dialog::Approve(kind) => ("Approve?", approve(*kind, model, theme)),
        Dialog::Auto => (
            "Switch to auto?",
            vec![
                Line::raw("Auto passes every gate by itself: it rents, registers and"),
                Line::raw("releases without asking, within the caps. m takes it back."),
                Line::raw(left(model)),
            ],
        ),
        Dialog::Quit(choice) => (
            "Quit while something is rented?",
            quit(*choice, model, theme),
        ),
    };
    lines.push(Line::raw(""));
    if let Some(yes) = yes(dialog) {
        lines.push(Line::styled(format!(" y  {yes}"), theme.warn()));
    }
    let no = match dialog {
        Dialog::Offer(_) => " Enter, Esc  close ",
        _ => " Enter, Esc, n  cancel (default) ",
    };
    lines.push(Line::styled(no, theme.selected()));
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    popup(buf, centered(screen, 68, height), title, lines, 0, theme);
}

/// What `y` does, if anything.
fn yes(dialog: &Dialog) -> Option<String> {
    Some(match dialog {
        Dialog::Offer(_) | Dialog::Quit(None) => return None,
        Dialog::Rent(row) => format!("rent for at most {}", row.worst_cost),
        Dialog::LeaveViewer => "quit; this changes nothing".into(),
        Dialog::Allow(machine) => format!("no longer avoid machine {machine}"),
        Dialog::Abort => "abort and release everything".into(),
        Dialog::Approve(kind) => format!("approve: {kind}"),
        Dialog::Auto => "switch to auto".into(),
        Dialog::Quit(Some(QuitChoice::Release)) => "release everything, then quit".into(),
        Dialog::Quit(Some(QuitChoice::Detach)) => "quit and leave it running".into(),
    })
}

fn left(model: &Model) -> String {
    let caps: Vec<String> = model
        .snapshot
        .money
        .caps
        .iter()
        .map(|cap| {
            format!(
                "{} {} of {}",
                cap.name,
                cap.limit.left_after(cap.used),
                cap.limit
            )
        })
        .collect();
    if caps.is_empty() {
        "Caps: none known".into()
    } else {
        format!("Left now: {}", caps.join(", "))
    }
}

fn rent(row: &RankedOffer, model: &Model, theme: Theme) -> Vec<Line<'static>> {
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
            words::length(row.boot.median),
            words::length(row.boot.p90()),
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

fn offer_reasons(row: &RankedOffer, model: &Model, theme: Theme) -> Vec<Line<'static>> {
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

fn left_behind(model: &Model) -> Vec<Line<'static>> {
    let mut lines = vec![
        Line::raw("The process that drives has ended, so nothing more is shown."),
        Line::raw("Quit, and start pocpit again to drive from here."),
    ];
    if let Some(rental) = &model.snapshot.rental {
        lines.push(Line::raw(format!(
            "Rental {} was alive when it ended, at {}.",
            rental.id, rental.price
        )));
    }
    lines
}

fn allow(machine: MachineId, model: &Model) -> Vec<Line<'static>> {
    let avoided = model.snapshot.offers.avoided.iter();
    let evidence = avoided
        .filter(|avoided| avoided.machine == machine)
        .map(|avoided| avoided.reason.clone());
    let mut lines = vec![Line::raw(format!(
        "Machine {machine} was left out for this:"
    ))];
    // The box does not grow with what is wrapped.
    lines.extend(evidence.map(|why| Line::raw(why.chars().take(64).collect::<String>())));
    lines.push(Line::raw(
        "Its offers will be usable again, in auto mode too.",
    ));
    lines
}

fn abort(model: &Model) -> Vec<Line<'static>> {
    let mut lines = vec![
        Line::raw("The sprint ends: the registration is removed and the rental"),
        Line::raw("destroyed. The reward of this epoch is given up."),
    ];
    match &model.snapshot.rental {
        Some(rental) => lines.push(Line::raw(format!(
            "Spent so far: {}, running at {}.",
            rental.cost, rental.price
        ))),
        None => lines.push(Line::raw("Nothing is known to be rented.")),
    }
    if let Some(beside) = &model.snapshot.beside {
        lines.push(Line::raw(format!(
            "So is #{} beside it: {}, running at {}.",
            beside.id, beside.cost, beside.price
        )));
    }
    lines
}

fn approve(kind: GateKind, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let question = model
        .snapshot
        .sprint
        .gate
        .as_ref()
        .map(|g| g.question.clone())
        .unwrap_or_default();
    let means = match kind {
        GateKind::Register => "The node enters the Network Node's list and takes part in PoC.",
        GateKind::Release => "The rental is destroyed and unregistered; this cannot be undone.",
        GateKind::Start | GateKind::Rent | GateKind::Hedge => "The sprint goes on.",
    };
    let mut lines = vec![Line::styled(question, theme.strong()), Line::raw(means)];
    if let Some(rental) = &model.snapshot.rental {
        lines.push(Line::raw(format!(
            "It costs {} now; {} so far.",
            rental.price, rental.cost
        )));
    }
    if let Some(until) = model.snapshot.sprint.gate.as_ref().and_then(|g| g.until) {
        lines.push(Line::styled(
            format!("{} left to decide.", words::length(until - model.now())),
            theme.warn(),
        ));
    }
    lines
}

fn quit(choice: Option<QuitChoice>, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let lease = model.snapshot.rental.as_ref().map_or_else(
        || "until its lease ends".to_owned(),
        |r| {
            format!(
                "until {} ({}) at {}",
                r.lease_until.format("%H:%M UTC"),
                words::length(r.lease_until - model.now()),
                r.price
            )
        },
    );
    let option = |key: &str, text: String, is: bool| {
        let mark = if is { theme.glyph("▸", ">") } else { " " };
        Line::styled(
            format!("{mark} {key}  {text}"),
            if is { theme.accent() } else { theme.text() },
        )
    };
    vec![
        option(
            "r",
            "release everything, then quit".into(),
            choice == Some(QuitChoice::Release),
        ),
        option(
            "l",
            format!("leave it running {lease}"),
            choice == Some(QuitChoice::Detach),
        ),
        Line::styled("Choose with r or l, then y.", theme.dim()),
    ]
}
