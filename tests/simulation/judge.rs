//! What must hold, by the world's own word and never by the journal's.

use std::sync::Arc;

use pocpit::domain::{Duration, SprintReport, Time};
use pocpit::journal::Ledger;
use pocpit::world::{PROXY_NODE, TrueRental};

use crate::played::Stage;

/// A program that came back to life needs this long to see what is there.
const LOOKS_ROUND: Duration = Duration::minutes(10);
const AFTER_LEASE: Duration = Duration::minutes(10);
const WITHOUT_RENTAL: Duration = Duration::minutes(15);
/// As in the configuration of a simulation.
pub const CAP_OF_SPRINT: f64 = 60.0;
pub const CAP_OF_DAY: f64 = 80.0;

/// Watches one world.
pub struct Judge {
    pub name: String,
    pub stage: Arc<Stage>,
    /// Whether a costing rental of somebody else was there at the beginning.
    pub others: Others,
}

/// What others have on the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    Nothing,
    AnInstance,
}

fn is_ours(rental: &TrueRental) -> bool {
    rental.label.starts_with("pocpit/demo/")
}

impl Judge {
    /// What must hold at every moment of a life that began at `born`.
    pub fn look(&self, born: Time) {
        let now = self.stage.time();
        let (live, recent, nodes) = {
            let world = self.stage.world();
            let recent: Vec<TrueRental> = world.recent_rentals().collect();
            let live: Vec<TrueRental> = recent
                .iter()
                .filter(|rental| rental.ended.is_none())
                .cloned()
                .collect();
            (live, recent, world.registered())
        };
        let ours: Vec<&TrueRental> = live.iter().filter(|rental| is_ours(rental)).collect();
        if ours.len() > 1 {
            self.violation(&format!("two rentals at once: {ours:?}"));
        }
        let looked_round = now - born > LOOKS_ROUND;
        let over = |rental: &TrueRental| {
            rental
                .lease_until
                .is_none_or(|lease| now > lease + AFTER_LEASE)
        };
        if let Some(old) = ours.iter().find(|rental| looked_round && over(rental)) {
            self.violation(&format!("a rental outlives its lease: {old:?}"));
        }
        if self.others == Others::AnInstance
            && !live.iter().any(|rental| rental.label == "somebody-elses")
        {
            self.violation("somebody else's instance is gone");
        }
        if !nodes.iter().any(|node| node == "colleague-1") {
            self.violation("somebody else's node is gone");
        }
        for node in &nodes {
            let rental = node.strip_prefix("vastai-").and_then(|id| id.parse().ok());
            let Some(rental) = rental.and_then(|id: u64| recent.iter().find(|r| r.id == id)) else {
                continue;
            };
            let alone = rental.ended.map(|ended| now - ended.max(born));
            if alone.is_some_and(|alone| alone > WITHOUT_RENTAL) {
                self.violation(&format!(
                    "{node} is registered without its rental: {rental:?}"
                ));
            }
        }
    }

    /// What must hold when a sprint is over.
    pub fn end(&self, epoch: u64, report: &SprintReport, ledger: Option<&Ledger>) {
        let (live, nodes, weight) = {
            let world = self.stage.world();
            let node = report.node.as_ref().map(|node| node.0.clone());
            let weight = node.and_then(|node| world.weight(epoch, &node));
            (world.live_rentals(), world.registered(), weight)
        };
        if let Some(left) = live.iter().find(|rental| is_ours(rental)) {
            self.violation(&format!("a rental is left: {left:?} after {report:?}"));
        }
        if let Some(left) = nodes.iter().find(|node| node.starts_with("vastai-")) {
            self.violation(&format!("a registration is left: {left} after {report:?}"));
        }
        if !nodes.iter().any(|node| node == PROXY_NODE) {
            self.violation(&format!("the proxy is not registered after {report:?}"));
        }
        if report.outcome == "confirmed" && weight.is_none_or(|weight| weight == 0) {
            self.violation(&format!(
                "success without weight in epoch {epoch}: {report:?}"
            ));
        }
        let open = ledger.map(Ledger::open_rentals).unwrap_or_default();
        if !open.is_empty() {
            self.violation(&format!("an intent stays open: {open:?} after {report:?}"));
        }
        if report.outcome != "confirmed" && report.cause.is_none() && report.outcome != "aborted" {
            self.violation(&format!("a miss without a cause: {report:?}"));
        }
    }

    pub fn violation(&self, what: &str) -> ! {
        panic!(
            "VIOLATION at {} ({}): {what}\nWhat came before:\n{}",
            self.stage.time(),
            self.name,
            self.stage.trace()
        );
    }
}
