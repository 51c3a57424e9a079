//! Makes snapshots and reports of what the engine holds.

use std::sync::Arc;

use super::core::{Engine, MarketView, Seen};
use super::reconcile;
use super::snapshot::{
    Alert, AlertLevel, BootSnapshot, CapSnapshot, ChainReading, ChainSnapshot, GateSnapshot,
    HeightEstimate, MoneySnapshot, NodeOwner, NodeRow, NodesSnapshot, OfferRow, OffersSnapshot,
    RejectedOffer, RentalSnapshot, SearchState, Snapshot, SprintSnapshot, TimeBand,
};
use crate::config::Config;
use crate::domain::{
    Cause, Duration, EpochView, GateKind, Height, Instance, NodeId, Outcome, RegisteredNode,
    SprintReport, Step, Time, Usd, UsdPerHour,
};
use crate::flow::{Caps, Gate, Plan, Rental};
use crate::vast::{Ranked, RankedOffer};

/// A destroy that has not worked for this long needs a person.
const DESTROY_TAKES_LONG: Duration = Duration::minutes(5);

/// The rules of a sprint by the operator's settings.
pub(super) fn plan(config: &Config, nonce: u64) -> Plan {
    let (poc, budget) = (&config.poc, &config.budget);
    Plan {
        cockpit: config.cockpit.clone(),
        node_prefix: config.network_node.node_prefix.clone(),
        lead: poc.lead,
        margin: poc.margin,
        registration_margin: poc.registration_margin,
        startup_timeout: config.mlnode.startup_timeout,
        release: poc.release,
        execution_timeout: poc.execution_timeout,
        lease: poc.lease,
        max_attempts: config.vast.max_attempts,
        caps: Caps {
            hour: budget.per_hour,
            sprint: budget.per_sprint,
            day: budget.per_day,
            month: budget.per_month,
            credit_floor: budget.credit_floor,
        },
        nonce,
    }
}

impl Engine {
    pub(super) fn snapshot(&self, now: Time) -> Snapshot {
        Snapshot {
            at: now,
            world: self.options.world,
            cockpit: self.config.cockpit.clone(),
            mode: self.sprint.mode(),
            chain: self.chain_snapshot(now),
            sprint: self.sprint_snapshot(),
            offers: offers_snapshot(&self.seen),
            rental: self
                .sprint
                .rental()
                .map(|rental| self.rental_snapshot(now, rental)),
            nodes: self.nodes_snapshot(),
            money: self.money_snapshot(now),
            alerts: self.alerts(now),
            boot_log: self.boot_log.clone(),
            ended: false,
        }
    }

    fn chain_snapshot(&self, now: Time) -> ChainSnapshot {
        let reading = self
            .seen
            .view
            .as_ref()
            .map(|(at, view)| self.chain_reading(*at, view));
        ChainSnapshot {
            reading,
            trouble: self.seen.chain_trouble.clone(),
            stalled_since: self.block_clock.stalled_since(now),
        }
    }

    fn chain_reading(&self, at: Time, view: &EpochView) -> ChainReading {
        let stages = self.sprint.stages().copied().unwrap_or(view.next);
        let deadline = self.sprint.deadline().unwrap_or(stages.poc_start);
        ChainReading {
            at,
            height: view.height,
            epoch: view.epoch,
            phase: view.phase,
            current: view.current,
            next: view.next,
            params: view.params,
            confirmation: view.confirmation,
            block_time: self.block_clock.block_time(),
            poc_start: self.estimate(at, view.height, stages.poc_start),
            registration_deadline: self.estimate(at, view.height, deadline),
        }
    }

    fn estimate(&self, at: Time, height: Height, target: Height) -> HeightEstimate {
        let expected = self.block_clock.estimate(at, target);
        HeightEstimate {
            height: target,
            blocks_left: height.until(target),
            expected: expected.map(|band| TimeBand {
                p10: band.p10,
                p50: band.p50,
                p90: band.p90,
            }),
        }
    }

    fn sprint_snapshot(&self) -> SprintSnapshot {
        let sprint = &self.sprint;
        let at = self.seen.view.as_ref().map(|(at, view)| (*at, view.height));
        let release = sprint.stages().map(|stages| sprint.release_height(stages));
        let release_at = at
            .zip(release)
            .and_then(|((at, height), target)| self.estimate(at, height, target).expected);
        SprintSnapshot {
            epoch: sprint.stages().map(|stages| stages.epoch),
            step: sprint.step(),
            doing: self.doing(),
            spans: sprint.spans().to_vec(),
            gate: sprint.gate().map(|gate| self.gate_snapshot(gate)),
            rent_at: sprint.rent_at(),
            cause: sprint
                .ending()
                .and_then(cause_of)
                .map(|cause| cause.detail.clone()),
            release_at,
            release_policy: sprint.plan().release,
            outcome: sprint.outcome().cloned(),
            attempts: sprint.attempts(),
            can_abort: sprint.step() != Step::Done,
        }
    }

    fn doing(&self) -> String {
        let sprint = &self.sprint;
        let base = match sprint.step() {
            Step::Waiting if self.seen.view.is_none() => "reads the chain".to_owned(),
            Step::Waiting => "waits for the time to rent".to_owned(),
            Step::Choosing => "compares offers".to_owned(),
            Step::Renting => "rents, or finds out whether it has".to_owned(),
            Step::Booting => match self
                .seen
                .link
                .last_error
                .as_ref()
                .filter(|_| self.seen.link.up_since.is_none())
            {
                Some(error) => format!("waits for the rental; SSH: {error}"),
                None => "waits for the rental's API".to_owned(),
            },
            Step::Warming => "loads the model".to_owned(),
            Step::Registering => "registers the node and waits for a good status".to_owned(),
            Step::Proving => "the node proves its compute; nothing to do but watch".to_owned(),
            Step::Confirming => "waits for the weight on the chain".to_owned(),
            Step::Releasing if sprint.gate().is_some() => {
                "waits for you before taking everything down".to_owned()
            }
            Step::Releasing => "takes everything down and makes sure of it".to_owned(),
            Step::Done => "is over".to_owned(),
        };
        match sprint.note() {
            Some(note) => format!("{base} — {note}"),
            None => base,
        }
    }

    fn gate_snapshot(&self, gate: Gate) -> GateSnapshot {
        let question = match gate.kind {
            GateKind::Start => {
                "Start now? Offers are searched; nothing is spent before you confirm one."
                    .to_owned()
            }
            GateKind::Rent => "Pick an offer and confirm its cost.".to_owned(),
            GateKind::Register => {
                "The model is loaded. Register the node with the Network Node?".to_owned()
            }
            GateKind::Release => match self.sprint.rental() {
                Some(rental) => format!(
                    "Unregister the node and destroy instance {} ({} until then)?",
                    rental.instance,
                    self.price(rental)
                ),
                None => "Take down what is left?".to_owned(),
            },
        };
        let until = match gate.kind {
            GateKind::Release => self.sprint.rental().map(|rental| rental.lease_until),
            GateKind::Start => None,
            _ => self
                .sprint
                .deadline()
                .and_then(|deadline| self.sprint.eta(deadline)),
        };
        GateSnapshot {
            kind: gate.kind,
            question,
            since: gate.since,
            until,
        }
    }

    fn price(&self, rental: &Rental) -> UsdPerHour {
        rental.offer.price_with_disk(self.config.vast.query.disk_gb)
    }

    fn rental_snapshot(&self, now: Time, rental: &Rental) -> RentalSnapshot {
        let instance = self.seen.instance.as_ref();
        RentalSnapshot {
            id: rental.instance,
            label: rental.label.clone(),
            gpus: format!("{}x {}", rental.offer.gpu_count, rental.offer.gpu_name),
            location: rental.offer.location.clone(),
            status: instance.map_or_else(|| "not listed yet".to_owned(), status_text),
            rented_at: rental.since,
            price: self.price(rental),
            cost: self.rental_cost(now, rental),
            lease_until: rental.lease_until,
            ssh: self.seen.link.endpoint.clone(),
            link: self.seen.link.snapshot(),
            boot: self.boot_snapshot(now, rental),
            devices: self
                .seen
                .mlnode
                .as_ref()
                .map(|status| status.gpus.clone())
                .unwrap_or_default(),
            service: self.seen.mlnode.as_ref().map(|status| status.state),
            releasing: self.sprint.is_releasing(),
        }
    }

    fn rental_cost(&self, now: Time, rental: &Rental) -> Usd {
        let open = self
            .ledger
            .open_rentals()
            .into_iter()
            .find(|open| open.label == rental.label);
        open.map_or(Usd::ZERO, |open| open.cost(now))
    }

    fn boot_snapshot(&self, now: Time, rental: &Rental) -> BootSnapshot {
        let Some(boot) = &self.boot else {
            return BootSnapshot {
                stage: crate::domain::BootStage::Placed,
                progress: None,
                detail: String::new(),
                started: vec![(crate::domain::BootStage::Placed, rental.since)],
                ready_at: None,
                fault: None,
            };
        };
        BootSnapshot {
            stage: boot.stage(),
            progress: boot.progress(),
            detail: boot.detail().to_owned(),
            started: boot.started().to_vec(),
            ready_at: (!boot.is_ready()).then(|| now + boot.expected_left(now).0),
            fault: boot.fault().cloned(),
        }
    }

    fn nodes_snapshot(&self) -> NodesSnapshot {
        let rows = self.seen.nodes.iter().flat_map(|(_, nodes)| nodes);
        let rows = rows.map(|node| NodeRow {
            node: node.clone(),
            owner: self.owner(&node.config.id),
        });
        NodesSnapshot {
            rows: rows.collect(),
            read_at: self.seen.nodes.as_ref().map(|(at, _)| *at),
            trouble: self.seen.nodes_trouble.clone(),
        }
    }

    fn owner(&self, id: &NodeId) -> NodeOwner {
        if self.sprint.node_id() == Some(id) {
            return NodeOwner::Sprint;
        }
        let proxy = self
            .config
            .inference_proxy
            .as_ref()
            .is_some_and(|proxy| proxy.node_id == *id);
        if proxy {
            NodeOwner::Proxy
        } else {
            NodeOwner::Other
        }
    }

    fn money_snapshot(&self, now: Time) -> MoneySnapshot {
        let funds = self.funds(now);
        let caps = &self.config.budget;
        let cap = |name: &str, limit, used| CapSnapshot {
            name: name.to_owned(),
            limit,
            used,
        };
        let since_sprint = self.sprint.spans().first().map_or(now, |span| span.started);
        MoneySnapshot {
            per_hour: self
                .sprint
                .rental()
                .map_or(UsdPerHour::ZERO, |rental| self.price(rental)),
            sprint: self.ledger.spent_since(since_sprint, now),
            reserved: self.ledger.reserved(now),
            caps: vec![
                cap("sprint", caps.per_sprint, funds.sprint),
                cap("day", caps.per_day, funds.day),
                cap("month", caps.per_month, funds.month),
            ],
            credit: funds.credit,
        }
    }

    fn clock_trouble(&self) -> Option<String> {
        let behind = self.seen.clock_behind?;
        Some(format!(
            "this machine's clock is {} minutes behind the chain's",
            behind.num_minutes()
        ))
    }

    /// What is wrong with rentals that cost something.
    fn rental_alerts(&self, now: Time) -> Vec<Alert> {
        let late = self
            .destroying
            .iter()
            .filter(|(_, since)| now - **since > DESTROY_TAKES_LONG);
        let late = late.map(|(instance, since)| Alert {
            level: AlertLevel::Critical,
            text: format!(
                "instance {instance} is still not gone {} minutes after its destroy",
                (now - *since).num_minutes()
            ),
            advice: "destroy it by hand at https://console.vast.ai/instances/ ; it costs money until then".to_owned(),
            since: *since,
        });
        late.chain(self.seen.link.alarm()).collect()
    }

    fn alerts(&self, now: Time) -> Vec<Alert> {
        let mut alerts = self.rental_alerts(now);
        let mut alert = |level, since, text: String, advice: &str| {
            alerts.push(Alert {
                level,
                text,
                advice: advice.to_owned(),
                since,
            });
        };
        if let Some(text) = self.clock_trouble() {
            let advice = "synchronise it (timedatectl set-ntp true); leases are corrected by as much until then";
            alert(AlertLevel::Warning, now, text, advice);
        }
        if let Some(mode) = &self.release_only {
            alert(
                AlertLevel::Critical,
                mode.since,
                format!(
                    "release-only: nothing new is rented or registered, and what is there is released as planned. {}",
                    mode.why
                ),
                &mode.advice,
            );
        }
        if let Some((_, listing)) = &self.seen.listing {
            for (instance, label) in reconcile::foreign(listing, &self.config) {
                let text = format!(
                    "instance {} belongs to another cockpit, {}",
                    instance.id, label.cockpit
                );
                alert(
                    AlertLevel::Critical,
                    now,
                    text,
                    "stop one of the two, or name it in cockpit.neighbours if both are meant",
                );
            }
        }
        if let Some((since, trouble)) = &self.seen.listing_trouble {
            alert(
                AlertLevel::Warning,
                *since,
                format!("rentals are unknown: {trouble}"),
                "check vast.api_key and vast.base_url; nothing is rented and nothing forgotten meanwhile",
            );
        }
        if let Some(trouble) = &self.seen.chain_trouble {
            alert(
                AlertLevel::Warning,
                now,
                format!("the chain cannot be read: {trouble}"),
                "check chain.public_api; nothing is rented meanwhile",
            );
        }
        if let Some(since) = self.block_clock.stalled_since(now) {
            alert(
                AlertLevel::Warning,
                since,
                "the chain shows no new block".to_owned(),
                "nothing is rented until it moves; compare another source",
            );
        }
        if let Some(trouble) = &self.seen.nodes_trouble {
            alert(
                AlertLevel::Warning,
                now,
                format!("the Network Node does not answer: {trouble}"),
                "check network_node.admin_api; a node cannot be registered without it",
            );
        }
        if let Some(fault) = self
            .boot
            .as_ref()
            .and_then(|boot| boot.fault())
            .filter(|_| self.sprint.rental().is_some())
        {
            alert(
                AlertLevel::Warning,
                fault.seen_at,
                format!("{}: {}", fault.name, fault.evidence),
                &fault.advice,
            );
        }
        alerts.sort_by(|a, b| b.level.cmp(&a.level).then(a.since.cmp(&b.since)));
        alerts
    }

    pub(super) fn sprint_report(
        &self,
        now: Time,
        instances: Option<&[Instance]>,
        nodes: Option<&[RegisteredNode]>,
    ) -> SprintReport {
        let sprint = &self.sprint;
        let since = sprint.spans().first().map_or(now, |span| span.started);
        let outcome = sprint.outcome();
        let ours = |instance: &&Instance| instance.is_rented_by(&self.config.cockpit);
        let proxy = self
            .config
            .inference_proxy
            .as_ref()
            .map(|proxy| &proxy.node_id);
        // By the journal: another cockpit may use the same prefix.
        let open = self.ledger.registrations();
        let registered =
            |node: &&RegisteredNode| open.iter().any(|open| open.node == node.config.id);
        SprintReport {
            outcome: outcome.map_or("unknown", Outcome::name).to_owned(),
            cause: outcome
                .and_then(cause_of)
                .map(|cause| format!("{}: {}", cause.name, cause.detail)),
            epoch: sprint.stages().map(|stages| stages.epoch),
            weight: match outcome {
                Some(Outcome::Confirmed { weight }) => Some(*weight),
                _ => None,
            },
            cost_usd: self.ledger.spent_since(since, now).dollars(),
            rentals_left: instances.map(|all| count(all.iter().filter(ours).count())),
            registrations_left: nodes.map(|all| count(all.iter().filter(registered).count())),
            proxy_registered: proxy
                .and_then(|proxy| nodes.map(|all| all.iter().any(|node| node.config.id == *proxy))),
            node: sprint.node_id().cloned(),
            steps: sprint.spans().to_vec(),
        }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn status_text(instance: &Instance) -> String {
    match &instance.status_message {
        Some(message) => format!("{}: {message}", instance.actual),
        None => instance.actual.to_string(),
    }
}

fn cause_of(outcome: &Outcome) -> Option<&Cause> {
    match outcome {
        Outcome::NoWeight { cause } | Outcome::Failed { cause } | Outcome::Unknown { cause } => {
            Some(cause)
        }
        Outcome::Confirmed { .. } | Outcome::Aborted => None,
    }
}

fn offers_snapshot(seen: &Seen) -> OffersSnapshot {
    let state = match (&seen.search_trouble, seen.searching, &seen.market) {
        (_, true, _) => SearchState::Searching,
        (Some(trouble), ..) => SearchState::Failed(trouble.clone()),
        (None, _, Some(_)) => SearchState::Ready,
        (None, _, None) => SearchState::Idle,
    };
    let view = seen.market.as_ref();
    OffersSnapshot {
        state,
        rows: view.map(|view| view.rows.clone()).unwrap_or_default(),
        rejected: view.map(|view| view.rejected.clone()).unwrap_or_default(),
        read_at: view.map(|view| view.read_at),
    }
}

/// What a search found, as it is shown.
pub(super) fn market_view(read_at: Time, ranked: &Ranked) -> MarketView {
    MarketView {
        read_at,
        rows: Arc::new(offer_rows(ranked)),
        rejected: Arc::new(rejected_offers(ranked)),
    }
}

fn offer_rows(ranked: &Ranked) -> Vec<OfferRow> {
    let row = |usable: &RankedOffer| OfferRow {
        offer: usable.offer.clone(),
        price: usable.price,
        expected_cost: usable.expected_cost,
        worst_cost: usable.worst_cost,
        expected_boot: usable.expected_boot.p50,
        why: usable.why.clone(),
    };
    ranked
        .usable
        .iter()
        .take(super::core::OFFERS_KEPT)
        .map(row)
        .collect()
}

fn rejected_offers(ranked: &Ranked) -> Vec<RejectedOffer> {
    let rejected = ranked.rejected.iter().take(super::core::OFFERS_KEPT);
    rejected
        .map(|(offer, reason)| RejectedOffer {
            offer: offer.clone(),
            reason: reason.clone(),
        })
        .collect()
}
