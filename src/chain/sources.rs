//! Several sources, one chain. Pure.
//!
//! A reading decides only when its height follows from what is known and no majority contradicts
//! it, when another source agrees with it, or when it stays so for minutes ([`HeightCheck`]). A
//! source that says itself that it is catching up is no witness.

use super::epoch;
use super::plausible::{HeightCheck, agree};
use super::stages::{self, Backing, StagesCheck};
use crate::domain::{
    Blocks, ChainSource, Duration, EpochView, Height, SourceHealth, SourceReport, SourceStatus,
    SyncState, Time, Told,
};

/// Everything that is known of the configured sources.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    list: Vec<Source>,
    heights: HeightCheck,
    stages: StagesCheck,
    /// The last change of a parameter or stage that was believed.
    changed: Option<(Time, String)>,
    believed: Option<(Time, Height)>,
}

#[derive(Debug, Clone)]
struct Source {
    source: ChainSource,
    told: Option<(Time, Told)>,
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

impl Sources {
    /// The height that an earlier life of the program knew.
    pub fn remember(&mut self, at: Time, height: Height) {
        self.heights.anchor(at, height);
    }

    /// Takes what sources told at `now` into account: the view to go by, or why there is none.
    pub fn take(&mut self, now: Time, reports: Vec<SourceReport>) -> Result<EpochView, String> {
        let asked: Vec<usize> = reports
            .into_iter()
            .map(|report| self.hear(now, report))
            .collect();
        let believed = self.believe(now, &asked);
        self.judge(now);
        believed
    }

    /// Takes a block that a source announced at `now` as one more thing that it told: a witness, and
    /// nothing to go by. False when it is no news: a node that catches up announces old blocks.
    pub fn witness(&mut self, now: Time, announced: SourceReport) -> bool {
        let Ok(told) = &announced.told else {
            return false;
        };
        let is_known = |(_, believed): (Time, Height)| {
            believed <= told.height && told.height <= believed + NEAR
        };
        if !self.believed.is_some_and(is_known) {
            return false;
        }
        self.hear(now, announced);
        self.judge(now);
        true
    }

    /// Every source as it was seen last, in the order in which they were met.
    pub fn statuses(&self) -> Vec<SourceStatus> {
        let best = self.best();
        let status = |source: &Source| {
            let height = source.told.as_ref().map(|(_, told)| told.height);
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
        self.changed.as_ref()
    }

    /// True when some source is not good: all are worth a look.
    pub fn is_in_doubt(&self) -> bool {
        self.list
            .iter()
            .any(|source| source.health.0 != SourceHealth::Good)
    }

    /// What speaks for a standstill since `since`.
    pub fn standstill(&self, now: Time, since: Time) -> Standstill {
        let still =
            |source: &&Source| source.is_witness(now) && source.moved <= since + SEEN_MOVING;
        let witnesses = self.list.iter().filter(still).count();
        let moves = |source: &Source| source.is_witness(now) && source.moved > since + SEEN_MOVING;
        if witnesses > 1 && !self.list.iter().any(moves) {
            Standstill::Halted { witnesses }
        } else {
            Standstill::Unproven
        }
    }

    fn hear(&mut self, now: Time, report: SourceReport) -> usize {
        let known = self
            .list
            .iter()
            .position(|source| source.source == report.source);
        let index = known.unwrap_or_else(|| {
            self.list.push(Source::new(now, report.source));
            self.list.len() - 1
        });
        if let Some(source) = self.list.get_mut(index) {
            match report.told {
                Ok(told) => source.hear(now, told),
                Err(error) => source.failure = Some(error.to_string()),
            }
        }
        index
    }

    /// The view of those that were asked just now that can be relied on, the highest first.
    fn believe(&mut self, now: Time, asked: &[usize]) -> Result<EpochView, String> {
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
                    self.believed = Some((now, view.height));
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
        let doubt = self.heights.doubt_of(now, view.height);
        let no_step_back = self
            .believed
            .is_none_or(|(_, believed)| view.height + NEAR >= believed);
        // That the chain goes back takes more than two sources that may ask the same node.
        if doubt.is_some() && for_it > 0 && no_step_back {
            self.heights.agreed(now, view.height);
        } else {
            self.heights
                .take(now, view.height)
                .map_err(|doubt| doubt.to_string())?;
        }
        let backing = if backing {
            Backing::Agreed
        } else {
            Backing::Alone
        };
        if let Some(change) = self.stages.take(now, view, backing)? {
            self.changed = Some((now, change.0));
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
        let believed = self.believed.map(|(_, height)| height);
        let good = self
            .list
            .iter()
            .filter(|source| source.health.0 == SourceHealth::Good);
        good.filter_map(|source| source.told.as_ref().map(|(_, told)| told.height))
            .chain(believed)
            .max()
    }

    /// Says of every source how far it can be relied on.
    fn judge(&mut self, now: Time) {
        let (heights, believed) = (&self.heights, self.believed);
        for source in &mut self.list {
            let health = source.judged(now, heights, believed);
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

impl Source {
    fn new(now: Time, source: ChainSource) -> Source {
        Source {
            source,
            told: None,
            moved: now,
            highest: Height(0),
            failure: None,
            health: (SourceHealth::Good, now),
        }
    }

    fn hear(&mut self, now: Time, told: Told) {
        self.failure = None;
        let before = self.told.as_ref().map(|(_, before)| before.height);
        if before != Some(told.height) {
            self.moved = now;
        }
        // One height that was never believed must not make all later ones a step back.
        if before.is_none_or(|before| agree((now, before), (now, told.height))) {
            self.highest = self.highest.max(told.height);
        }
        self.told = Some((now, told));
    }

    fn reading(&self) -> Option<(Time, Height)> {
        self.told.as_ref().map(|(at, told)| (*at, told.height))
    }

    fn view(&self) -> Option<&EpochView> {
        self.told.as_ref()?.1.view.as_ref()
    }

    /// What it told just now, when that can be gone by at all.
    fn candidate(&self) -> Result<Option<EpochView>, String> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let Some((_, told)) = &self.told else {
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
        let fresh = self.told.as_ref().filter(|(at, _)| now - *at <= FRESH);
        self.failure.is_none() && fresh.is_some_and(|(_, told)| told.sync == SyncState::Synced)
    }

    fn agrees(&self, told: (Time, Height)) -> bool {
        self.reading().is_some_and(|reading| agree(reading, told))
    }

    fn judged(
        &self,
        now: Time,
        heights: &HeightCheck,
        believed: Option<(Time, Height)>,
    ) -> SourceHealth {
        if let Some(failure) = &self.failure {
            return SourceHealth::Silent(failure.clone());
        }
        let Some((at, told)) = &self.told else {
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
        if told.height > best && heights.doubt_of(*at, told.height).is_some() {
            return SourceHealth::Ahead;
        }
        SourceHealth::Good
    }
}

#[cfg(test)]
mod tests;
