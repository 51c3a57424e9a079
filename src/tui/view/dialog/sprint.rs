//! Dialogs about the sprint, the mode and the end of the program.

use ratatui::text::Line;

use crate::domain::{Duration, GateKind, Mode, Usd, UsdPerHour};
use crate::engine::{Condition, QuitChoice, RentalSnapshot};
use crate::tui::keymap::Action;
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::view::format;

use super::Question;

/// A release takes about this long; the rental costs money until it is gone.
const RELEASE_TAKES: Duration = Duration::minutes(2);

fn epoch(model: &Model) -> String {
    match model.next_epoch() {
        Some(epoch) => format!("epoch {epoch}"),
        None => "the sprint".to_owned(),
    }
}

/// What runs costs now, and so far.
fn running(rental: &RentalSnapshot) -> String {
    let so_far = format::estimate(rental.cost);
    format!("{} now, {so_far} est. so far", rental.price)
}

/// What a rental costs until its lease ends.
fn rest_of_lease(rental: &RentalSnapshot, model: &Model) -> String {
    let left = rental.lease_until - model.now();
    format!(
        "until {} ({}, {} more)",
        format::clock(rental.lease_until, model.now()),
        format::short(left),
        format::estimate(rental.price.times(left))
    )
}

pub(super) fn auto(model: &Model) -> Question {
    let caps = model.snapshot.money.caps.iter();
    let caps: Vec<String> = caps
        .map(|cap| format!("{} {} of {}", cap.name, cap.left(), cap.limit))
        .collect();
    let left = if caps.is_empty() {
        "Caps: none known".to_owned()
    } else {
        format!("Caps left: {}", caps.join(", "))
    };
    let lines = vec![
        Line::raw(
            "It rents, registers and releases without asking, within the caps. m switches back.",
        ),
        Line::raw(left),
        Line::raw(format!(
            "If you do nothing, manual stays. {}",
            next_decision(model)
        )),
    ];
    Question::new("Let auto run?", lines).asks("let auto run", "stay in manual")
}

/// What manual mode asks next, and by when.
pub(in crate::tui) fn next_decision(model: &Model) -> String {
    let sprint = &model.snapshot.sprint;
    let (name, at) = match model.gate().unwrap_or_else(|| gate_after(model)) {
        GateKind::Start => ("start", model.latest_start()),
        GateKind::Rent => ("rent", model.latest_start()),
        GateKind::Hedge => ("a second machine", model.deadline()),
        GateKind::Register => ("register", model.deadline()),
        GateKind::Release => ("release", sprint.release_at.map(|band| band.p50)),
    };
    let by = at.filter(|at| *at > model.now());
    let by = by.map(|at| format!(", by {}", format::clock(at, model.now())));
    format!("The next decision is {name}{}.", by.unwrap_or_default())
}

/// The decision that comes after this step, and its key; none while one waits, and in auto.
pub(in crate::tui::view) fn next_gate(model: &Model) -> Option<(&'static str, Action)> {
    if model.gate().is_some() || model.snapshot.mode == Mode::Auto {
        return None;
    }
    Some(match gate_after(model) {
        GateKind::Start => ("start", Action::Start),
        GateKind::Rent | GateKind::Hedge => ("rent", Action::Open),
        GateKind::Register => ("register", Action::Approve),
        GateKind::Release => ("release", Action::Approve),
    })
}

/// The gate that comes after a step.
fn gate_after(model: &Model) -> GateKind {
    use crate::domain::Step;
    match model.snapshot.sprint.step {
        Step::Waiting | Step::Done => GateKind::Start,
        Step::Choosing => GateKind::Rent,
        Step::Renting | Step::Booting | Step::Warming | Step::Registering => GateKind::Register,
        Step::Proving | Step::Confirming | Step::Serving | Step::Releasing => GateKind::Release,
    }
}

pub(super) fn accept_journal(model: &Model, theme: Theme) -> Question {
    let lost = model.snapshot.lost_journal();
    let lost = lost.map(|alert| Line::styled(alert.text.clone(), theme.bad()));
    let effect = "From now on it rents again, and no cap counts what only the older journal knows to be spent: look into the Vast console first.";
    let other = "Or quit, and restore the state directory from a backup.";
    let idle = "If you do nothing, nothing is rented.";
    let lines = lost.into_iter().chain([effect, other, idle].map(Line::raw));
    Question::new("Go on with this journal?", lines.collect())
        .asks("go on with this journal", "rent nothing")
}

pub(super) fn orphaned(model: &Model) -> Question {
    let mut lines = vec![
        Line::raw("The main cockpit has exited; this view is frozen."),
        Line::raw("Quit, and start pocpit again to take over."),
    ];
    lines.extend(were_running(model).map(Line::raw));
    Question::new("Quit the viewer?", lines).asks("quit; this changes nothing", "keep the view")
}

/// What was rented when the main cockpit exited.
fn were_running(model: &Model) -> Option<String> {
    let rentals = rentals(model);
    if let [rental] = rentals[..] {
        let (id, price) = (rental.id, rental.price);
        let lease = format::clock(rental.lease_until, model.now());
        return Some(format!(
            "Rental {id} was running when it exited, at {price}; its lease ends {lease}."
        ));
    }
    let running = running_all(&rentals, model)?;
    Some(format!("When it exited: {running}"))
}

pub(super) fn abort(model: &Model) -> Question {
    let epoch = epoch(model);
    let rental = model.snapshot.rental.as_ref();
    let title = match rental {
        Some(rental) => format!("Abort {epoch} and release rental {}?", rental.id),
        None => format!("Abort {epoch}?"),
    };
    let mut lines = vec![Line::raw(
        "The registration is removed, the rental destroyed, and the reward of this epoch given up. This cannot be undone.",
    )];
    lines.push(Line::raw(rental.map_or_else(
        || "Nothing is rented.".to_owned(),
        |rental| format!("{}.", running(rental)),
    )));
    lines.extend(
        model
            .snapshot
            .hedge
            .as_ref()
            .map(|hedge| Line::raw(format!("Rental {} too: {}.", hedge.id, running(hedge)))),
    );
    lines.extend(challenge(model));
    let next = model.upcoming().into_iter().next();
    let next = next.map(|next| {
        let at = format::clock(next.at.p50, model.now());
        format!(": next {} {at}", next.name)
    });
    lines.push(Line::raw(format!(
        "If you do nothing, the sprint goes on{}.",
        next.unwrap_or_default()
    )));
    Question::new(title, lines).asks("abort and release everything", "let the sprint go on")
}

pub(super) fn abort_all(model: &Model) -> Question {
    let mut lines = vec![Line::raw(
        "Every registration is removed, every rental destroyed, and the rewards of this epoch given up. This cannot be undone.",
    )];
    let running = running_all(&rentals(model), model);
    lines.push(Line::raw(
        running.unwrap_or_else(|| "Nothing is rented.".to_owned()),
    ));
    lines.extend(challenge(model));
    lines.push(Line::raw("If you do nothing, every sprint goes on."));
    Question::new("Abort every sprint and release everything?", lines)
        .asks("abort every sprint", "let them go on")
}

/// What an abort costs while a challenge is open.
fn challenge(model: &Model) -> Option<Line<'static>> {
    let mut alerts = model.snapshot.alerts.iter();
    let is_open = alerts.any(|alert| matches!(alert.condition, Condition::Challenge(_)));
    is_open.then(|| Line::raw("A PoC Challenge is open: part of the collateral is lost too."))
}

pub(super) fn approve(kind: GateKind, model: &Model, theme: Theme) -> Question {
    match kind {
        GateKind::Register => register(model, theme),
        GateKind::Release => release(model, theme),
        GateKind::Start | GateKind::Rent | GateKind::Hedge => start(model, theme),
    }
}

/// What the engine says of the gate: the risk, a challenge.
fn gate_question(model: &Model, theme: Theme) -> Option<Line<'static>> {
    let gate = model.snapshot.sprint.gate.as_ref()?;
    Some(Line::styled(gate.question.clone(), theme.strong()))
}

fn start(model: &Model, theme: Theme) -> Question {
    let mut lines: Vec<Line<'_>> = gate_question(model, theme).into_iter().collect();
    lines.push(Line::raw(
        "Offers are searched and compared. Renting asks again, with its cost.",
    ));
    let latest = model.latest_start();
    lines.extend(latest.map(|latest| {
        let after = format::clock(latest, model.now());
        Line::raw(format!(
            "If you do nothing, {} is skipped after {after}.",
            epoch(model)
        ))
    }));
    Question::new(format!("Start {}?", epoch(model)), lines).asks("start it", "do not start")
}

fn register(model: &Model, theme: Theme) -> Question {
    let rental = model.snapshot.rental.as_ref();
    let what = rental.map_or_else(
        || "the node".to_owned(),
        |rental| format!("rental {}", rental.id),
    );
    let mut lines: Vec<Line<'_>> = gate_question(model, theme).into_iter().collect();
    lines.push(Line::raw(
        "The node enters the Network Node's list and takes part in PoC.",
    ));
    lines.extend(rental.map(|rental| Line::raw(format!("{}.", running(rental)))));
    let gate = model.snapshot.sprint.gate.as_ref();
    lines.extend(gate.and_then(|gate| gate.until).map(|until| {
        let now = model.now();
        let text = format!(
            "If you do nothing, {} is lost at {} ({}), and the rental runs until you release it.",
            epoch(model),
            format::clock(until, now),
            format::short(until - now)
        );
        Line::styled(text, theme.warn())
    }));
    Question::new(format!("Register {what} at the Network Node?"), lines)
        .asks("register it", "do not register")
}

fn release(model: &Model, theme: Theme) -> Question {
    let Some(rental) = &model.snapshot.rental else {
        let lines = gate_question(model, theme).into_iter().collect();
        return Question::new("Release everything?", lines).asks("release it", "keep it");
    };
    let mut lines = vec![Line::raw(
        "The node is disabled, the rental destroyed, the registration removed. This cannot be undone.",
    )];
    lines.extend(gate_question(model, theme));
    lines.push(Line::raw(format!("{}.", running(rental))));
    lines.push(Line::styled(
        format!(
            "If you do nothing, it runs {}.",
            rest_of_lease(rental, model)
        ),
        theme.warn(),
    ));
    Question::new(format!("Release rental {} now?", rental.id), lines)
        .asks("release it", "keep it running")
}

/// What the sprints of all replicas have rented.
fn rentals(model: &Model) -> Vec<&RentalSnapshot> {
    model.snapshot.rentals().collect()
}

/// What they cost now and so far, and when the last lease ends; `None` without any.
fn running_all(rentals: &[&RentalSnapshot], model: &Model) -> Option<String> {
    let last = rentals.iter().map(|rental| rental.lease_until).max()?;
    let lease = format::clock(last, model.now());
    if let [rental] = rentals {
        return Some(format!("{}, lease ends {lease}.", running(rental)));
    }
    let price: UsdPerHour = rentals.iter().map(|rental| rental.price).sum();
    let cost: Usd = rentals.iter().map(|rental| rental.cost).sum();
    Some(format!(
        "{price} now for {}, {} est. so far, the last lease ends {lease}.",
        format::count(rentals.len(), "rental"),
        format::estimate(cost),
    ))
}

pub(super) fn quit(choice: Option<QuitChoice>, model: &Model, theme: Theme) -> Question {
    let rentals = rentals(model);
    let title = match rentals[..] {
        [] => "Quit while something is rented?".to_owned(),
        [rental] => format!("Quit while rental {} runs?", rental.id),
        _ => format!("Quit while {} run?", format::count(rentals.len(), "rental")),
    };
    let leave = match rentals[..] {
        [] => "quit, leave it running".to_owned(),
        [rental] => format!("quit, leave it running {}", rest_of_lease(rental, model)),
        _ => "quit, leave them running".to_owned(),
    };
    let money = running_all(&rentals, model).map(Line::raw);
    let option = |text: &str, of: Option<QuitChoice>| {
        let (mark, style) = if choice == of {
            (theme.glyph("▸", ">"), theme.accent())
        } else {
            (" ", theme.text())
        };
        Line::styled(format!("{mark} {text}"), style)
    };
    let price: UsdPerHour = rentals.iter().map(|rental| rental.price).sum();
    let price = price.times(RELEASE_TAKES);
    let release = format!(
        "release everything, then quit: about {}, {}",
        format::roughly(RELEASE_TAKES),
        format::estimate(price)
    );
    let mut lines: Vec<Line<'_>> = money.into_iter().collect();
    lines.push(Line::raw(""));
    lines.push(option("stay (default)", None));
    lines.push(option(&release, Some(QuitChoice::Release)));
    lines.push(option(&leave, Some(QuitChoice::Detach)));
    lines.push(Line::raw("  the next start takes over what runs"));
    lines.push(Line::raw(""));
    let keys = format!("{:<12} choose", theme.glyph("↑ ↓", "Up Down"));
    lines.push(Line::styled(keys, theme.dim()));
    let question = Question::new(title, lines);
    match choice {
        Some(QuitChoice::Release) => question.asks("release everything, then quit", "stay"),
        Some(QuitChoice::Detach) if rentals.len() > 1 => {
            question.asks("quit and leave them running", "stay")
        }
        Some(QuitChoice::Detach) => question.asks("quit and leave it running", "stay"),
        None => Question {
            no: "stay",
            ..question
        },
    }
}
