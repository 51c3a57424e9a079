//! The report of a sprint that ended.

use crate::domain::{
    Cause, Instance, NodeId, Outcome, OutcomeKind, PocActivity, RegisteredNode, RentalLabel,
    SprintReport, Time, Usd,
};
use crate::engine::state::{Replica, Shared};

impl Replica {
    pub(crate) fn sprint_report(
        &self,
        shared: &Shared,
        now: Time,
        instances: Option<&[Instance]>,
        nodes: Option<&[RegisteredNode]>,
    ) -> SprintReport {
        let sprint = &self.sprint;
        let outcome = sprint.outcome();
        // What other replicas rent at the same time is not left over.
        let open = shared.ledger.open_rentals();
        let others: Vec<_> = open.iter().filter(|open| open.replica != self.id).collect();
        let is_other = |label: &RentalLabel| others.iter().any(|open| open.label == *label);
        let ours = |instance: &&Instance| {
            let label = instance.rental_label();
            label.is_some_and(|it| it.cockpit == self.config.cockpit && !is_other(&it))
        };
        let proxy = self.config.inference_proxy.as_ref();
        // By the journal: another cockpit may use the same prefix.
        let registrations = shared.ledger.registrations();
        let is_others_node = |id: &NodeId| {
            let mut open = registrations.iter().filter(|open| open.node == *id);
            open.any(|node| others.iter().any(|it| it.instance == Some(node.instance)))
        };
        let registered = |node: &&RegisteredNode| {
            let id = &node.config.id;
            shared.ledger.is_our_node(id) && !is_others_node(id)
        };
        SprintReport {
            replica: self.id.clone(),
            network_node: self.network_node().clone(),
            outcome: outcome.map_or(OutcomeKind::Unknown, Outcome::kind),
            cause: outcome
                .and_then(cause_of)
                .map(|cause| format!("{}: {}", cause.name, cause.detail)),
            epoch: sprint.poc_epoch(),
            weight: match outcome {
                Some(Outcome::Confirmed { weight }) => Some(*weight),
                _ => None,
            },
            participant_weight: sprint.participant_weight(),
            cost_usd: shared.ledger.spent_in_sprint(&self.id, now).dollars(),
            charged_usd: shared.ledger.charged_in_sprint(&self.id).map(Usd::dollars),
            rentals_left: instances.map(|all| count(all.iter().filter(ours).count())),
            registrations_left: nodes.map(|all| count(all.iter().filter(registered).count())),
            proxy_registered: proxy
                .zip(nodes)
                .map(|(proxy, all)| all.iter().any(|node| node.config.id == proxy.node_id)),
            node: sprint.node_id().cloned(),
            steps: sprint.spans().to_vec(),
            race: sprint.race(),
            proof: Some(self.poc_activity()).filter(|seen| *seen != PocActivity::default()),
            release_steps: self.release_steps(),
        }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

pub(crate) fn cause_of(outcome: &Outcome) -> Option<&Cause> {
    match outcome {
        Outcome::NoWeight { cause } | Outcome::Failed { cause } | Outcome::Unknown { cause } => {
            Some(cause)
        }
        Outcome::Confirmed { .. } | Outcome::Rehearsed | Outcome::Served | Outcome::Aborted => None,
    }
}
