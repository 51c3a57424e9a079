//! How old a figure may be before it is frozen.

use crate::domain::{Duration, Time};
use crate::engine::WorldKind;
use crate::tui::model::{Model, Role};
use crate::tui::view::format;

use super::{AlertGroup, Attention, Rank};

/// A younger reading always counts.
const STALE_AFTER: Duration = Duration::seconds(30);
/// Rentals are listed every 30 s: three listings.
const RENTALS_STALE_AFTER: Duration = Duration::seconds(90);
/// Not knowing for this long is worth acting on.
const UNKNOWN_AFTER: Duration = Duration::minutes(2);
/// An engine publishes every second; after this time it is silent.
const SILENCE: Duration = Duration::seconds(5);
/// In a world that runs faster, snapshots are far apart: real time that counts as fresh.
const REAL_SECONDS: f64 = 3.0;

/// Something that is read again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    Chain,
    Rentals,
    Nodes,
}

impl Feed {
    fn read_at(self, model: &Model) -> Option<Time> {
        let snapshot = &model.snapshot;
        match self {
            Feed::Chain => snapshot.last_reads().chain,
            Feed::Rentals => snapshot.last_reads().rentals,
            // The oldest; unknown if one was never read.
            Feed::Nodes => snapshot
                .all_nodes()
                .map(|nodes| nodes.read_at)
                .min()
                .flatten(),
        }
    }

    fn stale_after(self, model: &Model) -> Duration {
        let limit = match self {
            Feed::Chain => model
                .snapshot
                .chain
                .stale_after
                .unwrap_or_default()
                .max(STALE_AFTER),
            Feed::Rentals | Feed::Nodes => RENTALS_STALE_AFTER,
        };
        limit.max(shortest(model.snapshot.world))
    }
}

/// World time between two snapshots that are no sign of anything.
#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` saturates, and a speed is some thousands at most"
)]
fn shortest(world: WorldKind) -> Duration {
    match world {
        WorldKind::Real => Duration::zero(),
        WorldKind::Simulated { speed } => {
            Duration::try_seconds((speed * REAL_SECONDS) as i64).unwrap_or_default()
        }
    }
}

/// When a figure was last read, if that is too long ago; `None` also if it was never read.
pub fn frozen_since(model: &Model, feed: Feed) -> Option<Time> {
    let is_old = |at: &Time| model.now() - *at > feed.stale_after(model);
    feed.read_at(model)
        .filter(|at| is_cut_off(model) || is_old(at))
}

/// The time that the figures of a feed are about: now, unless they are frozen.
pub fn time_of(model: &Model, feed: Feed) -> Time {
    frozen_since(model, feed).unwrap_or_else(|| model.now())
}

/// Nothing comes from the process that decides: every figure is frozen.
fn is_cut_off(model: &Model) -> bool {
    match model.role {
        Role::Driver => false,
        Role::Viewer { .. } => model.since_snapshot > SILENCE,
        Role::Orphaned { .. } => true,
    }
}

/// Never read, or too long ago.
pub fn is_stale(model: &Model, feed: Feed) -> bool {
    feed.read_at(model).is_none() || frozen_since(model, feed).is_some()
}

/// The process that decides is silent or gone.
pub(super) fn silence(model: &Model) -> Option<Attention> {
    let rank = if model.is_rented() {
        Rank::Critical
    } else {
        Rank::Warning
    };
    match model.role {
        Role::Driver => None,
        Role::Orphaned { .. } => Some(
            Attention::new(
                rank,
                format!(
                    "The main cockpit has exited; this view is frozen since {}",
                    format::clock(model.snapshot.at, model.now())
                ),
            )
            .with_more(". q quits, pocpit takes over"),
        ),
        Role::Viewer { driver } => (model.since_snapshot > SILENCE).then(|| {
            let silent = format::length(model.since_snapshot);
            let text = format!("The main cockpit is silent for {silent} (suspended?)");
            Attention::new(rank, text).with_more(&format!("; its pid is {driver}, all is frozen"))
        }),
    }
}

/// What is not read although no alert says so yet.
pub(super) fn unread(model: &Model, groups: &[AlertGroup]) -> Vec<Attention> {
    if is_cut_off(model) || groups.iter().any(AlertGroup::explains_silence) {
        return Vec::new();
    }
    let feeds = [(Feed::Chain, "chain"), (Feed::Rentals, "rentals")];
    let stale = feeds.into_iter().filter_map(|(feed, name)| {
        let Some(at) = feed.read_at(model) else {
            let text = format!("{name} not read yet");
            return Some(Attention::new(Rank::Notice, text));
        };
        frozen_since(model, feed)?;
        let age = model.now() - at;
        let rank = match (
            age > UNKNOWN_AFTER.max(feed.stale_after(model)),
            model.is_rented(),
        ) {
            (false, _) => Rank::Notice,
            (true, false) => Rank::Warning,
            (true, true) => Rank::Critical,
        };
        let text = format!("{name} not read for {}", format::short(age));
        Some(Attention::new(rank, text))
    });
    stale.collect()
}
