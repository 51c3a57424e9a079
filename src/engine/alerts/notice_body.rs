//! What an operator is told beside what happened: what to do, what is at stake, how much time is left,
//! what the program does, and one command.

use std::fmt::Write as _;

use crate::domain::{Duration, InstanceId, Mode, UsdPerHour};
use crate::engine::snapshot::{CapSnapshot, Snapshot};

pub(crate) struct NoticeBody<'a> {
    pub(crate) action: &'a str,
    pub(crate) money: String,
    pub(crate) activity: String,
    pub(crate) command: &'a str,
}

impl NoticeBody<'_> {
    /// Its text, with the time that is left by what there is to see.
    pub(crate) fn text(&self, snapshot: &Snapshot) -> String {
        let mut text = format!("To do: {}.", self.action.trim_end_matches('.'));
        // Writing to a String cannot fail.
        let _ = write!(text, "\nMoney: {}.", self.money);
        if let Some(left) = time_left(snapshot) {
            let _ = write!(text, "\nTime: {left}.");
        }
        let _ = write!(text, "\npocpit: {}.", self.activity);
        let _ = write!(text, "\nLook: {}", self.command);
        text
    }
}

/// A rental that something is told of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AffectedRental {
    pub(crate) instance: InstanceId,
    /// By its row or the journal; absent when neither has it.
    pub(crate) price: Option<UsdPerHour>,
}

/// What is at stake: of a rental that is named, and in this sprint.
pub(crate) fn money(snapshot: &Snapshot, named: Option<AffectedRental>) -> String {
    let own = [&snapshot.rental, &snapshot.hedge].into_iter().flatten();
    let is_own = |named: &AffectedRental| own.clone().any(|rental| rental.id == named.instance);
    let sprint = money_of_sprint(snapshot);
    match named.filter(|named| !is_own(named)) {
        Some(AffectedRental {
            instance,
            price: Some(price),
        }) => format!("instance {instance} costs {price} as long as it is there; {sprint}"),
        Some(AffectedRental { instance, .. }) => {
            format!("what instance {instance} costs is not known; {sprint}")
        }
        None if running_price(snapshot).exceeds(snapshot.money.per_hour) => {
            format!(
                "{sprint}, and {} may be running by the journal",
                running_price(snapshot)
            )
        }
        None => sprint,
    }
}

/// The page of an epoch that is over. What the program does about the next one is the same of each.
pub(crate) fn epoch_body(
    snapshot: &Snapshot,
    next: NextEpoch,
    action: &str,
    money: String,
    command: &str,
) -> String {
    let activity = match next {
        NextEpoch::Automatic => "it goes on with the next epoch by itself",
        NextEpoch::Manual => "it begins nothing new before your word",
    };
    let page = NoticeBody {
        action,
        money,
        activity: activity.to_owned(),
        command,
    };
    page.text(snapshot)
}

/// Who begins with the next epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextEpoch {
    Automatic,
    Manual,
}

/// What may be running, whatever it is for.
pub(crate) fn running_price(snapshot: &Snapshot) -> UsdPerHour {
    snapshot.money.hour_used
}

fn money_of_sprint(snapshot: &Snapshot) -> String {
    let money = &snapshot.money;
    if money.per_hour == UsdPerHour::ZERO {
        return "this sprint has nothing rented".to_owned();
    }
    let until = snapshot
        .rental
        .as_ref()
        .map(|rental| rental.lease_until.format(", until %H:%M UTC at the latest"));
    format!(
        "{} is running, {} so far in this sprint{}",
        money.per_hour,
        money.sprint,
        until.map(|until| until.to_string()).unwrap_or_default()
    )
}

/// What ends by itself, and when: the rental, the money, the time to register.
pub(crate) fn time_left(snapshot: &Snapshot) -> Option<String> {
    let all = [
        rental_ends(snapshot),
        cap_ends(snapshot),
        poc_starts(snapshot),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn rental_ends(snapshot: &Snapshot) -> Option<String> {
    let until = snapshot.rental.as_ref()?.lease_until;
    Some(format!(
        "the rental ends itself in {} unless its lease is renewed",
        format_duration(until - snapshot.at)
    ))
}

/// When the cap that is reached first is used up, if what is rented goes on at its price. What is
/// reserved for it is not spent yet.
fn cap_ends(snapshot: &Snapshot) -> Option<String> {
    let money = &snapshot.money;
    let left = |cap: &CapSnapshot| cap.limit - cap.used + money.reserved;
    let first = money.caps.iter().min_by_key(|cap| left(cap))?;
    let time = money.per_hour.lasts(left(first))?;
    Some(format!(
        "the cap of the {}, {}, is used up in {} at this price",
        first.name,
        first.limit,
        format_duration(time)
    ))
}

fn poc_starts(snapshot: &Snapshot) -> Option<String> {
    let reading = snapshot.chain.reading.as_ref()?;
    let start = reading.poc_start.expected?.p50;
    let deadline = reading.registration_deadline.expected?.p50;
    Some(format!(
        "PoC of the next epoch starts in {}, a node must be registered within {}",
        format_duration(start - snapshot.at),
        format_duration(deadline - snapshot.at)
    ))
}

fn format_duration(time: Duration) -> String {
    let minutes = time.num_minutes().max(0);
    match minutes / 60 {
        0 => format!("{minutes} min"),
        hours => format!("{hours} h {} min", minutes % 60),
    }
}

pub(crate) fn current_activity(snapshot: &Snapshot) -> String {
    let step = snapshot.sprint.step;
    match (snapshot.mode, &snapshot.sprint.gate) {
        (Mode::Manual, Some(_)) => format!("it is {step}, and waits for your word"),
        (Mode::Manual, None) => format!("it is {step}, and goes on until the next word is yours"),
        (Mode::Auto, _) => format!("it is {step}, and goes on by itself"),
    }
}

#[cfg(test)]
mod tests;
