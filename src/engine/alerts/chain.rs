//! Alerts of the chain and its sources.

use crate::chain::challenge::{Sighting, sighting};
use crate::chain::epoch::{self, challenge_end};
use crate::chain::sources::Standstill;
use crate::domain::{
    ConfirmationPhase, ConfirmationStages, Duration, Height, NetworkNodeName, NodeDuty,
    ParamsOrigin, PocStatus, RegisteredNode, SourceHealth, SourceStatus, SprintReport, Time,
};
use crate::engine::alerts::alert::{Advice, Alert, AlertLevel, Condition};
use crate::engine::alerts::onset::Onsets;
use crate::engine::state::Engine;
use crate::flow::{BootTime, EARLY_SHARE_ALLOWS, Sprint, boot_time};

/// A change of parameters is shown for this long.
const CHANGE_SHOWN_FOR: Duration = Duration::hours(24);

impl Engine {
    pub(crate) fn chain_alerts(&self, now: Time, onsets: &mut Onsets) -> Vec<Alert> {
        let mut alerts = Vec::new();
        if let Some(trouble) = &self.shared.observed.chain_error {
            alerts.push(onsets.alert(
                Condition::ChainUnreachable,
                now,
                AlertLevel::Warning,
                format!("the chain cannot be read: {trouble}"),
                "check chain.public_api; nothing is rented meanwhile",
            ));
        }
        if let Some(since) = self.shared.block_clock.stalled_since() {
            alerts.push(standstill(
                self.shared.sources.standstill(now, since),
                since,
            ));
        }
        alerts.extend(self.shared.sources.statuses().iter().filter_map(unreliable));
        let changed = self.shared.sources.changed();
        if let Some((at, change)) = changed.filter(|(at, _)| now - *at <= CHANGE_SHOWN_FOR) {
            alerts.push(Alert::new(
                Condition::ParametersChanged,
                AlertLevel::Notice,
                *at,
                format!("parameters of the chain changed: {change}"),
                "the plan adapts by itself; check that lead and budget still fit",
            ));
        }
        alerts.extend(self.parameters_alert(now, onsets));
        for network_node in self.shared.config.network_nodes() {
            let name = &network_node.name;
            alerts.extend(self.challenge_alert(now, name, onsets));
            alerts.extend(self.confirmation_alert(now, name, onsets));
        }
        alerts.extend(self.upgrade_alert(now, onsets));
        alerts.extend(self.first_start_alert(now, onsets));
        alerts
    }

    /// Before the first sprint only: later the risk is known.
    fn first_start_alert(&self, now: Time, onsets: &mut Onsets) -> Option<Alert> {
        let mut reports = self.shared.ledger.reports().iter();
        let first = !reports.any(|(_, report)| report.was_tried())
            && self.replicas.rentals().next().is_none();
        let risk = self.replicas.first().risk(&self.shared).filter(|_| first)?;
        Some(onsets.alert(
            Condition::FirstStart,
            now,
            AlertLevel::Notice,
            risk.trim(),
            "choose a policy with poc.release",
        ))
    }

    fn upgrade_alert(&self, now: Time, onsets: &mut Onsets) -> Option<Alert> {
        let upgrade = self
            .shared
            .upgrade()
            .filter(|known| known.at.blocks_left.0 > 0)?;
        let mut stages = self.replicas.sprints().filter_map(Sprint::stages);
        let holds = stages.any(|stages| upgrade.at.height <= stages.poc_validation_end);
        let effect = match (holds, self.replicas.rentals().next()) {
            (false, _) => "after the next PoC: the plan does not change",
            (true, None) => "before the next PoC is over: nothing is rented until it has passed",
            (true, Some(_)) => "before the PoC is over, while a rental is running",
        };
        Some(onsets.alert(
            Condition::Upgrade(upgrade.at.height),
            now,
            if holds {
                AlertLevel::Warning
            } else {
                AlertLevel::Notice
            },
            format!(
                "the upgrade {} halts the chain at height {}, {effect}",
                upgrade.name, upgrade.at.height
            ),
            "prepare your nodes; the chain continues when most are upgraded",
        ))
    }

    fn parameters_alert(&self, now: Time, onsets: &mut Onsets) -> Option<Alert> {
        let (_, view) = self.shared.observed.view.as_ref()?;
        if view.params_origin == ParamsOrigin::Told {
            return None;
        }
        Some(onsets.alert(
            Condition::ParametersUntold,
            now,
            AlertLevel::Notice,
            format!(
                "the chain's reply lacks the epoch's parameters: they are {}",
                view.params_origin
            ),
            "update pocpit: the Network Node may speak a newer version; check release times with `pocpit plan`",
        ))
    }

    /// Covers every node of the Network Node, even if no sprint holds one.
    fn challenge_alert(
        &self,
        now: Time,
        network_node: &NetworkNodeName,
        onsets: &mut Onsets,
    ) -> Option<Alert> {
        let (read_at, view) = self.shared.observed.view.as_ref()?;
        let readings = self.shared.observed.network_node(network_node)?;
        let (listed_at, nodes) = readings.nodes.as_ref()?;
        let is_challenged = |node: &&RegisteredNode| {
            let listed = Some((*listed_at, node.duty()));
            matches!(sighting(*read_at, view, listed), Sighting::Open(_))
        };
        let challenged = nodes.iter().filter(is_challenged);
        let challenged: Vec<&str> = challenged.map(|node| node.config.id.0.as_str()).collect();
        let mut sprints = self.replicas.sprints_at(network_node);
        let held = sprints.find(|sprint| sprint.challenge().is_some());
        if challenged.is_empty() && held.is_none() {
            return None;
        }
        let end = challenge_end(view.current.next_poc_start, &view.params);
        let names = match challenged.as_slice() {
            [] => "our node".to_owned(),
            names => names.join(", "),
        };
        let effect = match held.and_then(|sprint| Some((sprint, sprint.rental()?))) {
            Some((sprint, rental)) => format!(
                "; the rental is held for it, at most until its lease ends ({}){}",
                rental.lease_until.format("%H:%M UTC"),
                next_boot_after(sprint, end, view.current.next_poc_start)
            ),
            None => String::new(),
        };
        let text = format!(
            "a PoC Challenge is open: {} lets {names} generate outside every PoC. Until height {end} every node with weight must generate, or the epoch's reward is lost and the collateral slashed{effect}",
            self.shared.config.network_node_title(network_node)
        );
        Some(onsets.alert(
            Condition::Challenge(view.epoch).at(network_node),
            now,
            AlertLevel::Critical,
            text,
            "release nothing that has weight in this epoch, and keep the callback reachable",
        ))
    }

    /// What a running confirmation `PoC` means for the epoch's reward.
    fn confirmation_alert(
        &self,
        now: Time,
        network_node: &NetworkNodeName,
        onsets: &mut Onsets,
    ) -> Option<Alert> {
        let (_, view) = self.shared.observed.view.as_ref()?;
        let event = view.confirmation.as_ref()?;
        let stages = epoch::confirmation_stages(event, &view.params);
        let phase = epoch::confirmation_phase_at(&stages, view.height);
        if matches!(
            phase,
            ConfirmationPhase::Inactive | ConfirmationPhase::Completed
        ) {
            return None;
        }
        let condition = Condition::Confirmation(event.epoch, event.sequence).at(network_node);
        // Its onset is kept also while there is no alert.
        onsets.since(condition.clone(), now);
        let alert = |level, text, advice: Advice| onsets.alert(condition, now, level, text, advice);
        let holds = |sprint: &&Sprint| {
            let rental = sprint.rental();
            rental.is_some_and(|rental| now < rental.lease_until) && !sprint.is_releasing()
        };
        if let Some(sprint) = self.replicas.sprints_at(network_node).find(holds) {
            let readings = self.shared.observed.network_node(network_node);
            let nodes = readings.and_then(|readings| readings.nodes.as_ref());
            let mut nodes = nodes.into_iter().flat_map(|(_, nodes)| nodes);
            let id = sprint.node_id();
            let ours = nodes.find(|node| Some(&node.config.id) == id);
            let (level, text, advice) = held_for_confirmation(&stages, view.height, ours);
            return Some(alert(level, text, advice.into()));
        }
        let mut reports = self.shared.ledger.reports().iter().rev();
        let is_here = |report: &SprintReport| report.network_node == *network_node;
        let (_, earned) = reports.find(|(_, report)| {
            is_here(report)
                && report.epoch == Some(event.epoch)
                && report.weight.is_some_and(|weight| weight.0 > 0)
        })?;
        let weight = earned.weight.unwrap_or_default();
        let text = format!(
            "a confirmation PoC is under way and the node of epoch {} is released: its weight of {weight} will not be confirmed, and the epoch's reward is lost unless your other nodes have enough weight",
            event.epoch
        );
        Some(alert(
            AlertLevel::Critical,
            text,
            Advice::with_command(
                "set poc.release; `pocpit plan` shows what each policy costs",
                "pocpit plan",
            ),
        ))
    }
}

/// A rental that is held until shortly before the next `PoC` leaves little time for another boot.
fn next_boot_after(sprint: &Sprint, end: Height, next_poc_start: Height) -> String {
    let (Some(end), Some(next)) = (sprint.eta(end), sprint.eta(next_poc_start)) else {
        return String::new();
    };
    time_to_boot(next - end, sprint.plan().lead)
}

/// What the time from the end of a hold to the next `PoC` means for the next epoch.
fn time_to_boot(left: Duration, lead: Duration) -> String {
    let effect = match boot_time(left, lead) {
        BootTime::Enough => return String::new(),
        BootTime::Short => "may be missed",
        BootTime::TooShort => "is missed",
    };
    let (left, lead) = (left.num_minutes(), lead.num_minutes());
    format!(
        ". Then {left} min are left before the next PoC, and a boot can take {lead}: the next epoch {effect}"
    )
}

/// Level, text and advice while a rental is held for a confirmation. The early share counts there, too: a
/// third of the generation after its start (gonka v0.2.14 decentralized-api/poc/earlyshare).
fn held_for_confirmation(
    stages: &ConfirmationStages,
    height: Height,
    node: Option<&RegisteredNode>,
) -> (AlertLevel, String, &'static str) {
    let end = stages.validation_end;
    let late = stages.generation_start + EARLY_SHARE_ALLOWS..stages.generation_end;
    let is_idle = |node: &&RegisteredNode| {
        matches!(node.duty(), NodeDuty::Generates | NodeDuty::Serves)
            && !matches!(node.poc_current, PocStatus::Generating | PocStatus::Mixed)
    };
    if let Some(node) = node.filter(is_idle).filter(|_| late.contains(&height)) {
        let blocks = stages.generation_start.until(height);
        let why = match node.failure_reason.as_str() {
            "" => String::new(),
            why => format!(" ({why})"),
        };
        let text = format!(
            "a confirmation PoC is under way and {} does not generate {blocks} blocks after its start{why}: validators count more than {EARLY_SHARE_ALLOWS} as a miss of the early share, and less weight is confirmed",
            node.config.id
        );
        let advice =
            "the Network Node repeats its order while generation lasts: see the rental's log";
        return (AlertLevel::Warning, text, advice);
    }
    // A preserved node keeps serving and counts in full.
    let is_generation = (stages.generation_start..stages.generation_end).contains(&height);
    let duty = node.map(RegisteredNode::duty).filter(|_| is_generation);
    let effect = match duty {
        Some(NodeDuty::Preserved) => {
            "our node is preserved: it keeps serving, which counts in full. The rental is held"
        }
        Some(NodeDuty::ServesWithWeight) => {
            "our node keeps serving, as a preserved node does, which counts in full; the rental is held"
        }
        _ => "the rental is held until then",
    };
    let text = format!("a confirmation PoC is under way until height {end}: {effect}");
    (AlertLevel::Notice, text, "nothing to do")
}

fn standstill(standstill: Standstill, since: Time) -> Alert {
    let (text, advice) = match standstill {
        Standstill::Halted { witnesses } => (
            format!("the chain is halted: {witnesses} sources show no new block"),
            "nothing is rented until it moves; a running rental costs money until its lease ends",
        ),
        Standstill::Unproven => (
            "the chain shows no new block".to_owned(),
            "nothing is rented until it moves; compare another source",
        ),
    };
    Alert::new(
        Condition::ChainStalled,
        AlertLevel::Warning,
        since,
        text,
        advice,
    )
}

fn unreliable(status: &SourceStatus) -> Option<Alert> {
    let lag = status
        .lag
        .map_or_else(String::new, |lag| format!(" ({lag} blocks behind)"));
    let wrong = match &status.health {
        SourceHealth::Good => return None,
        SourceHealth::CatchingUp => format!("is catching up{lag}: its height is old"),
        SourceHealth::Behind => format!("is behind the chain{lag}"),
        SourceHealth::Ahead => "reports an impossible height".to_owned(),
        SourceHealth::WentBack { from } => format!("went back from height {from}{lag}"),
        SourceHealth::Contradicts(why) => format!("contradicts itself: {why}"),
        SourceHealth::Silent(why) => format!("does not answer: {why}"),
        SourceHealth::NotServed(_) => "is not served there".to_owned(),
    };
    let advice = match &status.health {
        SourceHealth::NotServed(remedy) => remedy.as_str(),
        _ => {
            "using the other sources; replace it in chain.public_api or chain.rpc if this persists"
        }
    };
    Some(Alert::new(
        Condition::UnreliableSource(status.source.clone()),
        AlertLevel::Notice,
        status.since,
        format!("{} {wrong}", status.source),
        advice,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::samples::config;
    use crate::domain::{EpochIndex, NodeStatus, Weight, samples};

    #[test]
    fn long_hold_costs_the_next_epoch() {
        let told = |left| time_to_boot(Duration::minutes(left), Duration::minutes(55));
        assert_eq!(told(60), "");
        let short = told(46);
        assert!(
            short.contains("46 min") && short.contains("can take 55") && short.contains("may be"),
            "{short}"
        );
        assert!(told(2).ends_with("the next epoch is missed"));
    }

    #[test]
    fn idle_node_misses_a_confirmations_early_share() {
        let stages = ConfirmationStages {
            epoch: EpochIndex(358),
            trigger: Height(1_000),
            generation_start: Height(1_080),
            generation_end: Height(1_140),
            exchange_end: Height(1_145),
            validation_start: Height(1_149),
            validation_end: Height(1_269),
        };
        let node = |duty: (NodeStatus, PocStatus), poc_current: PocStatus| RegisteredNode {
            intended: duty.0,
            poc_intended: duty.1,
            poc_current,
            weights: [("m".to_owned(), Weight(7))].into(),
            failure_reason: "no backends".into(),
            ..samples::listed(config().inference_proxy.unwrap().node())
        };
        let ordered = (NodeStatus::Poc, PocStatus::Generating);
        let idle = node(ordered, PocStatus::Idle);
        let works = node(ordered, PocStatus::Generating);
        let serves = node((NodeStatus::Inference, PocStatus::Idle), PocStatus::Idle);
        let preserved = RegisteredNode {
            preserved_models: Some(vec!["m".into()]),
            ..serves.clone()
        };
        let left_out = RegisteredNode {
            preserved_models: Some(Vec::new()),
            ..serves.clone()
        };
        let told = |height: u64, node: &RegisteredNode| {
            let (level, text, _) = held_for_confirmation(&stages, Height(height), Some(node));
            (level, text)
        };
        let (level, text) = told(1_095, &idle);
        assert_eq!(level, AlertLevel::Warning);
        assert!(
            text.contains("15 blocks") && text.contains("no backends"),
            "{text}"
        );
        // In time, at work, and after the generation there is nothing to warn of.
        for (height, node) in [
            (1_085, &idle),
            (1_095, &works),
            (1_141, &idle),
            (1_095, &serves),
            (1_095, &preserved),
        ] {
            assert_eq!(told(height, node).0, AlertLevel::Notice, "{height}");
        }
        assert!(told(1_095, &serves).1.contains("as a preserved node does"));
        assert!(told(1_095, &preserved).1.contains("is preserved"));
        // It serves, and dapi says that it is not preserved.
        assert_eq!(told(1_095, &left_out).0, AlertLevel::Warning);
    }
}
