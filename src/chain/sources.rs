//! Several sources, one chain. Pure.
//!
//! A reading is accepted when its height follows from earlier ones and no majority contradicts it,
//! when another source agrees with it, or when it persists for minutes ([`HeightCheck`]). A source
//! that reports itself as catching up does not count as a witness.

use super::epoch;
use super::height_check::{HeightCheck, agree};
use super::stages::{self, Corroboration, StagesCheck};
use crate::domain::{
    Blocks, CallError, CallErrorKind, ChainSource, Duration, EpochView, Height, ParamsOrigin,
    ReportedHead, SourceHealth, SourceReport, SourceStatus, SyncState, Time,
};

#[derive(Debug, Clone, Default)]
pub struct ChainSources {
    list: Vec<SourceState>,
    heights: HeightCheck,
    stages: StagesCheck,
    /// The last accepted change of a parameter or stage.
    last_change: Option<(Time, String)>,
    accepted: Option<(Time, Height)>,
    /// The confirmation safety window of the last accepted reply that had parameters.
    safety_window: Option<Blocks>,
}

#[derive(Debug, Clone)]
struct SourceState {
    source: ChainSource,
    last_head: Option<(Time, ReportedHead)>,
    /// When its height last changed.
    moved: Time,
    highest: Height,
    failure: Option<CallError>,
    health: (SourceHealth, Time),
}

/// Evidence for a chain without new blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standstill {
    /// Several sources agree: the chain is halted.
    Halted { witnesses: usize },
    /// Only one source: the chain has halted, or the source is stuck.
    Unproven,
}

/// Sources differ by some blocks.
const LAG: Blocks = Blocks(15);
/// A height that changed this long after the last block means the chain moves.
const SEEN_MOVING: Duration = Duration::minutes(1);
/// A source this little behind is no chain that went back.
const NEAR: Blocks = Blocks(3 * LAG.0);
/// An older reading is no evidence.
const FRESH: Duration = Duration::minutes(6);

impl ChainSources {
    /// Sets the height that the journal knew at the last exit.
    pub fn anchor(&mut self, at: Time, height: Height) {
        self.heights.anchor(at, height);
    }

    /// Records the reports of a poll at `now`; returns the view to act on, or why there is none.
    pub fn observe(&mut self, now: Time, reports: Vec<SourceReport>) -> Result<EpochView, String> {
        let polled: Vec<usize> = reports
            .into_iter()
            .map(|report| self.record_report(now, report))
            .collect();
        let view = self.select_view(now, &polled);
        self.update_health(now);
        view
    }

    /// Records a block that a source announced at `now`: it corroborates others and decides nothing.
    /// False when it is implausible or old, as from a node that is catching up.
    pub fn corroborate(&mut self, now: Time, announced: SourceReport) -> bool {
        let Ok(head) = &announced.head else {
            return false;
        };
        let is_near = |(_, accepted): (Time, Height)| {
            accepted <= head.height && head.height <= accepted + NEAR
        };
        if !self.accepted.is_some_and(is_near) {
            return false;
        }
        self.record_report(now, announced);
        self.update_health(now);
        true
    }

    /// Every source with its last report, in the order of first contact.
    pub fn statuses(&self) -> Vec<SourceStatus> {
        let best = self.best();
        let status = |source: &SourceState| {
            let height = source.reading().map(|(_, height)| height);
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

    /// The last accepted change of stages or parameters, and when.
    pub fn changed(&self) -> Option<&(Time, String)> {
        self.last_change.as_ref()
    }

    /// True when some source is unhealthy, so all should be polled. Polling does not help one that is not
    /// served there.
    pub fn has_unhealthy_source(&self) -> bool {
        let sources = self.list.iter();
        let mut health = sources.map(|source| &source.health.0);
        health.any(|health| !matches!(health, SourceHealth::Good | SourceHealth::NotServed(_)))
    }

    /// Evidence for a standstill since `since`.
    pub fn standstill(&self, now: Time, since: Time) -> Standstill {
        let all: Vec<&SourceState> = self.list.iter().filter(|s| s.is_witness(now)).collect();
        let witnesses = all.len();
        let moves = all.iter().any(|source| source.moved > since + SEEN_MOVING);
        if witnesses > 1 && !moves {
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
                Ok(head) => source.record_head(now, head),
                Err(error) => source.failure = Some(error),
            }
        }
        index
    }

    /// The highest view of this poll that is accepted.
    fn select_view(&mut self, now: Time, polled: &[usize]) -> Result<EpochView, String> {
        let mut candidates: Vec<(usize, EpochView)> = Vec::new();
        let mut reasons: Vec<String> = Vec::new();
        for &index in polled {
            let Some(source) = self.list.get(index) else {
                continue;
            };
            match source.candidate() {
                Ok(Some(view)) => candidates.push((index, view)),
                Ok(None) => {}
                Err(why) => reasons.push(why),
            }
        }
        candidates.sort_by_key(|(_, view)| std::cmp::Reverse(view.height));
        for (index, view) in &candidates {
            match self.admit(now, *index, view) {
                Ok(()) => {
                    self.accepted = Some((now, view.height));
                    return Ok(self.with_known_params(view));
                }
                Err(why) => reasons.push(format!("{}: {why}", self.name(*index))),
            }
        }
        if reasons.is_empty() {
            reasons.push("no public API was polled: the block clock is unknown".to_owned());
        }
        Err(reasons.join("; "))
    }

    /// A reply without parameters has those that its stages show. The safety window is not among them: it
    /// comes from the last reply with parameters.
    fn with_known_params(&mut self, view: &EpochView) -> EpochView {
        let mut view = view.clone();
        if view.params_origin == ParamsOrigin::Told {
            self.safety_window = Some(view.params.confirmation_poc_safety_window);
        } else if let Some(window) = self.safety_window {
            view.params.confirmation_poc_safety_window = window;
            view.params_origin = ParamsOrigin::Earlier;
        }
        view
    }

    fn admit(&mut self, now: Time, index: usize, view: &EpochView) -> Result<(), String> {
        let others = || {
            let others = self.list.iter().enumerate();
            others.filter(|(other, source)| *other != index && source.is_witness(now))
        };
        let reading = (now, view.height);
        let in_favour = others().filter(|(_, other)| other.agrees(reading)).count();
        let against: Vec<(Time, Height)> = others()
            .filter(|(_, other)| !other.agrees(reading))
            .filter_map(|(_, other)| other.reading())
            .collect();
        let outvoted = in_favour == 0
            && against.len() > 1
            && against.iter().all(|one| agree(*one, against[0]));
        if outvoted {
            return Err(format!(
                "height {} is contradicted by {} agreeing sources",
                view.height,
                against.len()
            ));
        }
        let mut views = others().filter_map(|(_, other)| other.view());
        let backing = if views.any(|other| stages::same(other, view)) {
            Corroboration::Agreed
        } else {
            Corroboration::Alone
        };
        let doubt = self.heights.doubt_at(now, view.height);
        let no_step_back = self
            .accepted
            .is_none_or(|(_, accepted)| view.height + NEAR >= accepted);
        // Two sources may share one node, so their agreement does not prove a step back.
        if doubt.is_some() && in_favour > 0 && no_step_back {
            self.heights.accept_corroborated(now, view.height);
        } else {
            let observed = self.heights.observe(now, view.height);
            observed.map_err(|doubt| doubt.to_string())?;
        }
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

    /// The highest height that is accepted or reported by a healthy source.
    fn best(&self) -> Option<Height> {
        let good = self.list.iter();
        let good = good.filter(|source| source.health.0 == SourceHealth::Good);
        let readings = good.filter_map(SourceState::reading).chain(self.accepted);
        readings.map(|(_, height)| height).max()
    }

    fn update_health(&mut self, now: Time) {
        let (heights, accepted) = (&self.heights, self.accepted);
        for source in &mut self.list {
            let health = source.assess(now, heights, accepted);
            let (before, since) = &source.health;
            let is_same = std::mem::discriminant(&health) == std::mem::discriminant(before);
            source.health = (health, if is_same { *since } else { now });
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

    fn record_head(&mut self, now: Time, head: ReportedHead) {
        self.failure = None;
        let before = self.last_head.as_ref().map(|(_, before)| before.height);
        if before != Some(head.height) {
            self.moved = now;
        }
        // One wrong height must not turn all later ones into a step back.
        if before.is_none_or(|before| agree((now, before), (now, head.height))) {
            self.highest = self.highest.max(head.height);
        }
        self.last_head = Some((now, head));
    }

    fn reading(&self) -> Option<(Time, Height)> {
        self.last_head.as_ref().map(|(at, head)| (*at, head.height))
    }

    fn view(&self) -> Option<&EpochView> {
        self.last_head.as_ref()?.1.view.as_ref()
    }

    /// Its view of this poll, if it reported a consistent one.
    fn candidate(&self) -> Result<Option<EpochView>, String> {
        if let Some(failure) = &self.failure {
            return Err(failure.to_string());
        }
        let Some((_, head)) = &self.last_head else {
            return Ok(None);
        };
        if head.sync == SyncState::CatchingUp {
            return Err(format!(
                "{} is catching up: its height is outdated",
                self.source
            ));
        }
        let Some(view) = &head.view else {
            return Ok(None);
        };
        epoch::consistent(view).map_err(|why| format!("{}: {why}", self.source))?;
        Ok(Some(view.clone()))
    }

    fn is_witness(&self, now: Time) -> bool {
        let fresh = self.last_head.as_ref().filter(|(at, _)| now - *at <= FRESH);
        self.failure.is_none() && fresh.is_some_and(|(_, head)| head.sync == SyncState::Synced)
    }

    fn agrees(&self, reported: (Time, Height)) -> bool {
        self.reading()
            .is_some_and(|reading| agree(reading, reported))
    }

    fn assess(
        &self,
        now: Time,
        heights: &HeightCheck,
        accepted: Option<(Time, Height)>,
    ) -> SourceHealth {
        if let Some(failure) = &self.failure {
            return match failure.kind {
                CallErrorKind::NotServed => SourceHealth::NotServed(failure.detail.clone()),
                _ => SourceHealth::Silent(failure.to_string()),
            };
        }
        let Some((at, head)) = &self.last_head else {
            return SourceHealth::Good;
        };
        if head.sync == SyncState::CatchingUp {
            return SourceHealth::CatchingUp;
        }
        if let Some(Err(why)) = head.view.as_ref().map(epoch::consistent) {
            return SourceHealth::Contradicts(why);
        }
        let Some((_, best)) = accepted.filter(|(since, _)| now - *since <= FRESH) else {
            return SourceHealth::Good;
        };
        if head.height + LAG < best.min(self.highest) {
            return SourceHealth::WentBack { from: self.highest };
        }
        if head.height + LAG < best {
            return SourceHealth::Behind;
        }
        if head.height > best && heights.doubt_at(*at, head.height).is_some() {
            return SourceHealth::Ahead;
        }
        SourceHealth::Good
    }
}

#[cfg(test)]
mod tests;
