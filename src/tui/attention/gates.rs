//! What waits for the operator: `KEY: do what within TIME; CONSEQUENCE`.

use crate::domain::{Duration, EpochIndex, GateKind, Mode, ReplicaId, Step, Time};
use crate::engine::GateSnapshot;
use crate::tui::keymap::{Action, Keymap};
use crate::tui::model::{Model, Role};
use crate::tui::pane::Pane;
use crate::tui::view::format;

use super::{Attention, Rank};

/// A decision with less time left is urgent.
const LAST: Duration = Duration::minutes(5);
/// A start or a rent is due this long before the latest start, whatever the plan says.
const DUE_BEFORE_LATEST: Duration = Duration::minutes(15);
/// A rental that waits longer for its release is urgent.
const RELEASE_WAITS: Duration = Duration::minutes(10);

/// The decision that waits, if any.
pub(super) fn decision(model: &Model, keys: &Keymap) -> Option<Attention> {
    if matches!(model.role, Role::Orphaned { .. }) {
        return None;
    }
    let sprint = &model.snapshot.sprint;
    let Some(gate) = &sprint.gate else {
        let begins_next = sprint.step == Step::Done && model.snapshot.mode == Mode::Manual;
        return begins_next.then(|| start(model, keys));
    };
    Some(match gate.kind {
        GateKind::Start => start(model, keys),
        GateKind::Rent => rent(model, keys),
        GateKind::Hedge => hedge(gate, model, keys),
        GateKind::Register => register(gate, model, keys),
        GateKind::Release => release(gate, model, keys),
    })
}

/// The decision of a replica that is not shown: the one with the least time.
pub(super) fn elsewhere(model: &Model, keys: &Keymap) -> Option<Attention> {
    if matches!(model.role, Role::Orphaned { .. }) {
        return None;
    }
    let snapshot = &model.snapshot;
    let others = snapshot.replicas.iter();
    let others = others.filter(|replica| replica.id != snapshot.replica);
    let waiting: Vec<(&ReplicaId, &GateSnapshot)> = others
        .filter_map(|replica| Some((&replica.id, replica.sprint.gate.as_ref()?)))
        .collect();
    let by_time = |(_, gate): &&(&ReplicaId, &GateSnapshot)| gate.until.unwrap_or(Time::MAX_UTC);
    let (id, gate) = waiting.iter().min_by_key(by_time)?;
    let now = model.now();
    let rank = match gate.kind {
        GateKind::Start => Rank::Early,
        _ => rank_by(gate.until, now),
    };
    let within = gate.until.map_or_else(String::new, |until| {
        format!(" within {}", format::short(until - now))
    });
    let more = match waiting.len() - 1 {
        0 => String::new(),
        more => format!("; {} waiting too", format::count(more, "more replica")),
    };
    let key = keys.key_of(Action::Pane(Pane::Fleet));
    let text = format!("{key}: {id} waits for you ({}){within}{more}", gate.kind);
    Some(Attention::new(rank, text))
}

/// How urgent a decision is that must be made by `until`.
fn rank_by(until: Option<Time>, now: Time) -> Rank {
    match until {
        Some(until) if until - now <= LAST => Rank::Urgent,
        _ => Rank::Due,
    }
}

fn start(model: &Model, keys: &Keymap) -> Attention {
    let (key, now) = (keys.key_of(Action::Start), model.now());
    let epoch = epoch_name(model);
    let rent_at = model.rent_at();
    let latest = model.latest_start();
    let is_due = rent_at.is_none_or(|at| at <= now)
        || latest.is_some_and(|latest| latest - now <= DUE_BEFORE_LATEST);
    let after = |latest| format::clock(latest, now);
    if is_due {
        let consequence = latest.map_or_else(String::new, |latest| {
            let left = format::short(latest - now);
            format!("; after {} ({left}) it is skipped", after(latest))
        });
        let rank = rank_by(latest, now);
        return Attention::new(rank, format!("{key}: start {epoch} now{consequence}"));
    }
    let when = rent_at.map_or_else(String::new, |at| {
        let left = format::short(at - now);
        format!(" at {} ({left})", format::clock(at, now))
    });
    let consequence = latest.map_or_else(String::new, |latest| {
        format!("; after {} {}", after(latest), too_late(model))
    });
    Attention::new(
        Rank::Early,
        format!("{key}: start {epoch}{when}{consequence}"),
    )
}

fn rent(model: &Model, keys: &Keymap) -> Attention {
    let now = model.now();
    let key = rent_key(model, keys);
    let Some(latest) = model.latest_start() else {
        return Attention::new(Rank::Due, format!("{key}: rent an offer"));
    };
    let within = if latest > now {
        format!(" within {}", format::short(latest - now))
    } else {
        " now".to_owned()
    };
    let after = format::clock(latest, now);
    let text = format!(
        "{key}: rent an offer{within}; after {after} {}",
        too_late(model)
    );
    let more = format!(" and {} is skipped", epoch_name(model));
    Attention::new(rank_by(Some(latest), now), text).with_more(&more)
}

/// Enter rents in the offers only.
fn rent_key(model: &Model, keys: &Keymap) -> String {
    let key = keys.key_of(Action::Open);
    if model.focus == Pane::Offers {
        return key;
    }
    format!("{}, {key}", keys.key_of(Action::Pane(Pane::Offers)))
}

fn hedge(gate: &GateSnapshot, model: &Model, keys: &Keymap) -> Attention {
    let now = model.now();
    let ready = model
        .snapshot
        .rental
        .as_ref()
        .and_then(|it| it.boot.ready_at);
    let ready = ready.map(|at| format!("; ready ~{}", format::clock(at, now)));
    let deadline = model
        .deadline()
        .map(|at| format!(", deadline {}", format::clock(at, now)));
    let text = format!(
        "{}: rent a second machine? The boot is slower than 9 in 10{}{}",
        rent_key(model, keys),
        ready.unwrap_or_default(),
        deadline.unwrap_or_default()
    );
    Attention::new(rank_by(gate.until, now), text)
}

fn register(gate: &GateSnapshot, model: &Model, keys: &Keymap) -> Attention {
    let now = model.now();
    let key = keys.key_of(Action::Approve);
    let left = gate.until.map(|until| format::short(until - now));
    let within = left.map_or_else(String::new, |left| format!(" within {left}"));
    let money = &model.snapshot.money;
    let cost = format!(
        "({} spent, {})",
        format::estimate(money.sprint),
        money.per_hour
    );
    let text = format!(
        "{key}: register the node{within}, or {} is lost {cost}",
        epoch_name(model)
    );
    Attention::new(rank_by(gate.until, now), text)
}

fn release(gate: &GateSnapshot, model: &Model, keys: &Keymap) -> Attention {
    let now = model.now();
    let key = keys.key_of(Action::Approve);
    let waits = now - gate.since;
    let Some(rental) = &model.snapshot.rental else {
        return Attention::new(Rank::Due, format!("{key}: release everything"));
    };
    let cost = rental.price.times(waits);
    let text = format!(
        "{key}: release rental {}; {} wait cost {}, lease ends {}",
        rental.id,
        format::short(waits),
        format::estimate(cost),
        format::clock(rental.lease_until, now)
    );
    let rank = if waits >= RELEASE_WAITS {
        Rank::Urgent
    } else {
        rank_by(Some(rental.lease_until), now)
    };
    Attention::new(rank, text)
}

/// Without offers only the planned lead is known, which most boots do not need.
fn too_late(model: &Model) -> &'static str {
    if model.snapshot.offers.rows.is_empty() {
        "a boot may be late"
    } else {
        "no boot is in time"
    }
}

fn epoch_name(model: &Model) -> String {
    match model.next_epoch() {
        Some(EpochIndex(epoch)) => format!("epoch {epoch}"),
        None => "the sprint".to_owned(),
    }
}
