//! Body of a notice: what to do, cost, time left, what the program does, and one command.

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

/// The rental that an alert is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AffectedRental {
    pub(crate) instance: InstanceId,
    /// From its row or the journal, if one has it.
    pub(crate) price: Option<UsdPerHour>,
}

/// The cost of the affected rental and of this sprint.
pub(crate) fn money(snapshot: &Snapshot, affected: Option<AffectedRental>) -> String {
    let own = [&snapshot.rental, &snapshot.hedge].into_iter().flatten();
    let is_own = |other: &AffectedRental| own.clone().any(|rental| rental.id == other.instance);
    let sprint = money_of_sprint(snapshot);
    match affected.filter(|affected| !is_own(affected)) {
        Some(AffectedRental {
            instance,
            price: Some(price),
        }) => format!("instance {instance} costs {price} while it exists; {sprint}"),
        Some(AffectedRental { instance, .. }) => {
            format!("the price of instance {instance} is unknown; {sprint}")
        }
        None if running_price(snapshot).exceeds(snapshot.money.per_hour) => {
            format!(
                "{sprint}; by the journal {} may be running",
                running_price(snapshot)
            )
        }
        None => sprint,
    }
}

/// The body of a notice of an epoch that is over.
pub(crate) fn epoch_body(
    snapshot: &Snapshot,
    next: NextEpoch,
    action: &str,
    money: String,
    command: &str,
) -> String {
    let activity = match next {
        NextEpoch::Automatic => "it continues with the next epoch",
        NextEpoch::Manual => "it starts nothing new until you do",
    };
    let body = NoticeBody {
        action,
        money,
        activity: activity.to_owned(),
        command,
    };
    body.text(snapshot)
}

/// Who starts the next sprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextEpoch {
    Automatic,
    Manual,
}

/// The price of everything that may be running.
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

/// How long until the lease ends, a cap is used up, and a node must be registered.
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

/// When the first cap is used up at the current price. What is reserved is not spent yet.
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
        (Mode::Manual, Some(_)) => format!("it is {step} and waits for your approval"),
        (Mode::Manual, None) => format!("it is {step} and continues until it needs your approval"),
        (Mode::Auto, _) => format!("it is {step} and continues unattended"),
    }
}

#[cfg(test)]
mod tests;
