//! Several sources, one chain. Pure.
//!
//! A reading decides only when its height follows from what is known and no majority contradicts
//! it, when another source agrees with it, or when it stays so for minutes ([`HeightCheck`]). A
//! source that says itself that it is catching up is no witness.

use super::epoch;
use super::height_check::{HeightCheck, agree};
use super::stages::{self, Corroboration, StagesCheck};
use crate::domain::{
    Blocks, ChainSource, Duration, EpochView, Height, ReportedHead, SourceHealth, SourceReport,
    SourceStatus, SyncState, Time,
};

/// Everything that is known of the configured sources.
#[derive(Debug, Clone, Default)]
pub struct ChainSources {
    list: Vec<SourceState>,
    heights: HeightCheck,
    stages: StagesCheck,
    /// The last change of a parameter or stage that was believed.
    last_change: Option<(Time, String)>,
    accepted: Option<(Time, Height)>,
}

#[derive(Debug, Clone)]
struct SourceState {
    source: ChainSource,
    last_head: Option<(Time, ReportedHead)>,
    /// When its height was another one last.
    moved: Time,
    highest: Height,
    failure: Option<String>,
    health: (SourceHealth, Time),
}

/// A chain without new blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standstill {
    /// Several sources answer and show the same: the chain is halted.
    Halted {
        /// How many.
        witnesses: usize,
    },
    /// One source shows it: the chain, or the source.
    Unproven,
}

/// Sources differ by some blocks.
const LAG: Blocks = Blocks(15);
/// A height that moved so long after the last block is one that moves.
const SEEN_MOVING: Duration = Duration::minutes(1);
/// Sources that are so little behind another are no chain that went back.
const NEAR: Blocks = Blocks(3 * LAG.0);
/// What a source told longer ago than this speaks for nothing.
const FRESH: Duration = Duration::minutes(6);

impl ChainSources {
    /// The height that an earlier life of the program knew.
    pub fn anchor(&mut self, at: Time, height: Height) {
        self.heights.anchor(at, height);
    }

    /// Takes what sources told at `now` into account: the view to go by, or why there is none.
    pub fn observe(&mut self, now: Time, reports: Vec<SourceReport>) -> Result<EpochView, String> {
        let asked: Vec<usize> = reports
            .into_iter()
            .map(|report| self.record_report(now, report))
            .collect();
        let believed = self.select_view(now, &asked);
        self.update_health(now);
        believed
    }

    /// Takes a block that a source announced at `now` as one more thing that it told: a witness, and
    /// nothing to go by. False when it is no news: a node that catches up announces old blocks.
    pub fn corroborate(&mut self, now: Time, announced: SourceReport) -> bool {
        let Ok(told) = &announced.head else {
            return false;
        };
        let is_known = |(_, believed): (Time, Height)| {
            believed <= told.height && told.height <= believed + NEAR
        };
        if !self.accepted.is_some_and(is_known) {
            return false;
        }
        self.record_report(now, announced);
        self.update_health(now);
        true
    }

    /// Every source as it was seen last, in the order in which they were met.
    pub fn statuses(&self) -> Vec<SourceStatus> {
        let best = self.best();
        let status = |source: &SourceState| {
            let height = source.last_head.as_ref().map(|(_, told)| told.height);
            SourceStatus {
                source: source.source.clone(),
                height,
                lag: height.zip(best).map(|(height, best)| height.until(best)),
                health: source.health.0.clone(),
                since: source.health.1,
            }
        };
        self.list.iter().map(status).collect()
    }

    /// The last change of stages or parameters, and when it was believed.
    pub fn changed(&self) -> Option<&(Time, String)> {
        self.last_change.as_ref()
    }

    /// True when some source is not good: all are worth a look.
    pub fn has_unhealthy_source(&self) -> bool {
        self.list
            .iter()
            .any(|source| source.health.0 != SourceHealth::Good)
    }

    /// What speaks for a standstill since `since`.
    pub fn standstill(&self, now: Time, since: Time) -> Standstill {
        let still =
            |source: &&SourceState| source.is_witness(now) && source.moved <= since + SEEN_MOVING;
        let witnesses = self.list.iter().filter(still).count();
        let moves =
            |source: &SourceState| source.is_witness(now) && source.moved > since + SEEN_MOVING;
        if witnesses > 1 && !self.list.iter().any(moves) {
            Standstill::Halted { witnesses }
        } else {
            Standstill::Unproven
        }
    }

    fn record_report(&mut self, now: Time, report: SourceReport) -> usize {
        let known = self
            .list
            .iter()
            .position(|source| source.source == report.source);
        let index = known.unwrap_or_else(|| {
            self.list.push(SourceState::new(now, report.source));
            self.list.len() - 1
        });
        if let Some(source) = self.list.get_mut(index) {
            match report.head {
                Ok(told) => source.record_head(now, told),
                Err(error) => source.failure = Some(error.to_string()),
            }
        }
        index
    }

    /// The view of those that were asked just now that can be relied on, the highest first.
    fn select_view(&mut self, now: Time, asked: &[usize]) -> Result<EpochView, String> {
        let mut candidates: Vec<(usize, EpochView)> = Vec::new();
        let mut troubles: Vec<String> = Vec::new();
        for &index in asked {
            let Some(source) = self.list.get(index) else {
                continue;
            };
            match source.candidate() {
                Ok(Some(view)) => candidates.push((index, view)),
                Ok(None) => {}
                Err(why) => troubles.push(why),
            }
        }
        candidates.sort_by_key(|(_, view)| std::cmp::Reverse(view.height));
        for (index, view) in &candidates {
            match self.admit(now, *index, view) {
                Ok(()) => {
                    self.accepted = Some((now, view.height));
                    return Ok(view.clone());
                }
                Err(why) => troubles.push(format!("{}: {why}", self.name(*index))),
            }
        }
        if troubles.is_empty() {
            troubles.push("no public API was asked: the clock is unknown".to_owned());
        }
        Err(troubles.join("; "))
    }

    fn admit(&mut self, now: Time, index: usize, view: &EpochView) -> Result<(), String> {
        let others = || {
            let others = self.list.iter().enumerate();
            others.filter(|(other, source)| *other != index && source.is_witness(now))
        };
        let told = (now, view.height);
        let for_it = others().filter(|(_, other)| other.agrees(told)).count();
        let against: Vec<(Time, Height)> = others()
            .filter(|(_, other)| !other.agrees(told))
            .filter_map(|(_, other)| other.reading())
            .collect();
        let outvoted =
            for_it == 0 && against.len() > 1 && against.iter().all(|one| agree(*one, against[0]));
        if outvoted {
            return Err(format!(
                "height {} is contradicted by {} sources that agree",
                view.height,
                against.len()
            ));
        }
        let backing = others()
            .filter_map(|(_, other)| other.view())
            .any(|other| stages::same(other, view));
        let doubt = self.heights.doubt_at(now, view.height);
        let no_step_back = self
            .accepted
            .is_none_or(|(_, believed)| view.height + NEAR >= believed);
        // That the chain goes back takes more than two sources that may ask the same node.
        if doubt.is_some() && for_it > 0 && no_step_back {
            self.heights.accept_corroborated(now, view.height);
        } else {
            self.heights
                .observe(now, view.height)
                .map_err(|doubt| doubt.to_string())?;
        }
        let backing = if backing {
            Corroboration::Agreed
        } else {
            Corroboration::Alone
        };
        if let Some(change) = self.stages.observe(now, view, backing)? {
            self.last_change = Some((now, change.0));
        }
        Ok(())
    }

    fn name(&self, index: usize) -> String {
        self.list
            .get(index)
            .map_or_else(String::new, |source| source.source.to_string())
    }

    /// The highest height that is believed or that a good witness tells.
    fn best(&self) -> Option<Height> {
        let believed = self.accepted.map(|(_, height)| height);
        let good = self
            .list
            .iter()
            .filter(|source| source.health.0 == SourceHealth::Good);
        good.filter_map(|source| source.last_head.as_ref().map(|(_, told)| told.height))
            .chain(believed)
            .max()
    }

    /// Says of every source how far it can be relied on.
    fn update_health(&mut self, now: Time) {
        let (heights, believed) = (&self.heights, self.accepted);
        for source in &mut self.list {
            let health = source.assess(now, heights, believed);
            let since =
                if std::mem::discriminant(&health) == std::mem::discriminant(&source.health.0) {
                    source.health.1
                } else {
                    now
                };
            source.health = (health, since);
        }
    }
}

impl SourceState {
    fn new(now: Time, source: ChainSource) -> SourceState {
        SourceState {
            source,
            last_head: None,
            moved: now,
            highest: Height(0),
            failure: None,
            health: (SourceHealth::Good, now),
        }
    }

    fn record_head(&mut self, now: Time, told: ReportedHead) {
        self.failure = None;
        let before = self.last_head.as_ref().map(|(_, before)| before.height);
        if before != Some(told.height) {
            self.moved = now;
        }
        // One height that was never believed must not make all later ones a step back.
        if before.is_none_or(|before| agree((now, before), (now, told.height))) {
            self.highest = self.highest.max(told.height);
        }
        self.last_head = Some((now, told));
    }

    fn reading(&self) -> Option<(Time, Height)> {
        self.last_head.as_ref().map(|(at, told)| (*at, told.height))
    }

    fn view(&self) -> Option<&EpochView> {
        self.last_head.as_ref()?.1.view.as_ref()
    }

    /// What it told just now, when that can be gone by at all.
    fn candidate(&self) -> Result<Option<EpochView>, String> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let Some((_, told)) = &self.last_head else {
            return Ok(None);
        };
        if told.sync == SyncState::CatchingUp {
            return Err(format!("{} is catching up: its height is old", self.source));
        }
        let Some(view) = &told.view else {
            return Ok(None);
        };
        epoch::consistent(view).map_err(|why| format!("{}: {why}", self.source))?;
        Ok(Some(view.clone()))
    }

    fn is_witness(&self, now: Time) -> bool {
        let fresh = self.last_head.as_ref().filter(|(at, _)| now - *at <= FRESH);
        self.failure.is_none() && fresh.is_some_and(|(_, told)| told.sync == SyncState::Synced)
    }

    fn agrees(&self, told: (Time, Height)) -> bool {
        self.reading().is_some_and(|reading| agree(reading, told))
    }

    fn assess(
        &self,
        now: Time,
        heights: &HeightCheck,
        believed: Option<(Time, Height)>,
    ) -> SourceHealth {
        if let Some(failure) = &self.failure {
            return SourceHealth::Silent(failure.clone());
        }
        let Some((at, told)) = &self.last_head else {
            return SourceHealth::Good;
        };
        if told.sync == SyncState::CatchingUp {
            return SourceHealth::CatchingUp;
        }
        if let Some(Err(why)) = told.view.as_ref().map(epoch::consistent) {
            return SourceHealth::Contradicts(why);
        }
        let Some((_, best)) = believed.filter(|(since, _)| now - *since <= FRESH) else {
            return SourceHealth::Good;
        };
        if told.height + LAG < best.min(self.highest) {
            return SourceHealth::WentBack { from: self.highest };
        }
        if told.height + LAG < best {
            return SourceHealth::Behind;
        }
        if told.height > best && heights.doubt_at(*at, told.height).is_some() {
            return SourceHealth::Ahead;
        }
        SourceHealth::Good
    }
}

#[cfg(test)]
mod tests;
