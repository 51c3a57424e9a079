//! What happens next by itself, and when the operator is needed: said when nothing needs attention.

use crate::domain::{Mode, PocActivity, Step};
use crate::engine::RentalSnapshot;
use crate::tui::keymap::{Action, Keymap};
use crate::tui::model::{Model, Role};
use crate::tui::view::format;

use super::groups::capitalized;
use super::{Attention, Rank};

pub(super) fn outlook(model: &Model, keys: &Keymap) -> Attention {
    let snapshot = &*model.snapshot;
    let text = match snapshot.sprint.step {
        Step::Waiting | Step::Done => return waiting(model),
        Step::Choosing => return choosing(model),
        Step::Renting => "Renting: waiting for Vast's answer".to_owned(),
        Step::Booting | Step::Warming => match &snapshot.rental {
            Some(rental) => return booting(rental, model, keys),
            None => capitalized(&doing(model)),
        },
        Step::Registering => capitalized(&doing(model)),
        Step::Proving => {
            return Attention::new(Rank::Ok, capitalized(&proving(model)))
                .with_more(&then_release(model, keys));
        }
        Step::Confirming | Step::Serving => {
            return Attention::new(Rank::Ok, capitalized(&doing(model)))
                .with_more(&then_release(model, keys));
        }
        Step::Releasing => format!("Releasing: {}", doing(model)),
    };
    Attention::new(Rank::Ok, text)
}

/// Without its full stop: more may follow.
fn doing(model: &Model) -> String {
    model.snapshot.sprint.doing.trim_end_matches('.').to_owned()
}

/// What the node has made, while it makes more.
fn proving(model: &Model) -> String {
    let proof = &model.snapshot.sprint.proof;
    let (Some(nonces), Some(last), None) =
        (proof.nonces, proof.last_nonces_at, proof.validating_since)
    else {
        return doing(model);
    };
    let age = model.now() - last;
    if age > PocActivity::STANDS_STILL_AFTER {
        return doing(model);
    }
    let (total, age) = (format::grouped(nonces.total), format::length(age));
    let epoch = model.snapshot.sprint.epoch;
    let epoch = epoch.map_or_else(String::new, |epoch| format!(" {epoch}"));
    format!("PoC{epoch} runs: the node generates, {total} nonces, last {age} ago")
}

fn waiting(model: &Model) -> Attention {
    let now = model.now();
    let Some(at) = model.rent_at() else {
        return Attention::new(Rank::Ok, doing(model));
    };
    let when = format!(
        "at {} ({})",
        format::clock(at, now),
        format::short(at - now)
    );
    if model.snapshot.mode == Mode::Manual {
        return Attention::new(Rank::Ok, format!("Started: offers are searched {when}"));
    }
    let epoch = model.next_epoch();
    let epoch = epoch.map_or_else(String::new, |epoch| format!(" for epoch {epoch}"));
    let text = format!("Nothing needs you. Auto rents {when}{epoch}");
    Attention::new(Rank::Ok, text).with_more(", within the caps, without asking.")
}

/// An epoch without an offer is about to be lost.
fn choosing(model: &Model) -> Attention {
    let (offers, now) = (&model.snapshot.offers, model.now());
    if offers.read_at.is_none() || !offers.rows.is_empty() {
        return Attention::new(Rank::Ok, "Searching for offers");
    }
    let until = model.deadline().filter(|at| *at > now);
    let epoch = model.next_epoch();
    let epoch = epoch.map_or_else(|| "the epoch".to_owned(), |epoch| format!("epoch {epoch}"));
    let Some(until) = until else {
        let text = format!("No usable offer yet: searching; without one {epoch} is lost");
        return Attention::new(Rank::Warning, text);
    };
    let (clock, left) = (format::clock(until, now), format::short(until - now));
    let text = |left: &str| {
        format!("No usable offer yet: searching until {clock}{left}; after that {epoch} is lost")
    };
    Attention::new(Rank::Warning, text("")).or_long(text(&format!(" ({left})")))
}

fn booting(rental: &RentalSnapshot, model: &Model, keys: &Keymap) -> Attention {
    let now = model.now();
    let deadline = model.deadline();
    let Some(ready) = rental.boot.ready_at else {
        let left = deadline.map(|at| {
            let left = format::short(at - now);
            format!("; deadline {} ({left})", format::clock(at, now))
        });
        let text = format!("Booting, no estimate yet{}", left.unwrap_or_default());
        return Attention::new(Rank::Ok, text);
    };
    let clock = format::clock(ready, now);
    match deadline {
        Some(deadline) if ready > deadline => {
            let late = format::short(ready - deadline);
            let text = format!("Ready about {clock}, {late} too late");
            Attention::new(Rank::Warning, text)
                .with_more(": it is stopped, and another offer rented while there is time")
        }
        Some(deadline) => {
            let spare = format::short(deadline - ready);
            let then = then_register(model, keys);
            let text = format!("On track: ready ~{clock}, {spare} to spare{then}");
            let long = format!("On track: ready about {clock}, {spare} before the deadline{then}.");
            Attention::new(Rank::Ok, text).or_long(long)
        }
        None => Attention::new(Rank::Ok, format!("On track: ready about {clock}")),
    }
}

fn then_register(model: &Model, keys: &Keymap) -> String {
    match (model.snapshot.mode, model.role) {
        (Mode::Manual, Role::Driver | Role::Viewer { .. }) => {
            format!(". Then {} registers the node", keys.key_of(Action::Approve))
        }
        _ => String::new(),
    }
}

fn then_release(model: &Model, keys: &Keymap) -> String {
    let at = model.snapshot.sprint.release_at;
    let Some(at) = at.filter(|band| band.p50 > model.now()) else {
        return String::new();
    };
    let clock = format::clock(at.p50, model.now());
    match model.snapshot.mode {
        Mode::Manual => format!(
            ". Then {} releases at {clock}",
            keys.key_of(Action::Approve)
        ),
        Mode::Auto => format!(". Released at {clock}"),
    }
}
