//! Makes snapshots and reports of what the engine holds.

use std::sync::Arc;

use super::began::Began;
use super::condition::Condition;
use super::core::{Engine, MarketView};
use super::reconcile;
use super::snapshot::{
    Alert, AlertLevel, BootSnapshot, CapSnapshot, ChainReading, ChainSnapshot,
    ConfirmationEstimate, GateSnapshot, HeightEstimate, LinkSnapshot, MoneySnapshot, NodeOwner,
    NodeRow, NodesSnapshot, OffersSnapshot, RejectedOffer, RentalSnapshot, SearchState, Snapshot,
    SprintSnapshot, StageEstimate, TimeBand, UpgradeEstimate,
};
use crate::chain::epoch;
use crate::config::{BudgetConfig, Config};
use crate::domain::{
    Aim, Cause, Duration, EpochView, GateKind, Height, Instance, Lead, NodeId, Outcome, PastBoot,
    RegisteredNode, SprintReport, Step, Time, Usd, UsdPerHour,
};
use crate::flow::{ASSUMED_CONFIRMATION, Caps, Gate, Plan, Rental, Terms, forecast, lead};
use crate::vast::RankedOffers;

/// A destroy that has not worked for this long needs a person.
const DESTROY_TAKES_LONG: Duration = Duration::minutes(5);

/// How long before the `PoC` a sprint rents, by our own boots of this model.
pub fn lead_of(config: &Config, boots: &[PastBoot]) -> Lead {
    let poc = &config.poc;
    lead(
        boots,
        config.vast.model_gb,
        poc.lead,
        poc.registration_margin,
    )
}

/// The operator's caps.
pub fn caps_of(budget: &BudgetConfig) -> Caps {
    Caps {
        hour: budget.per_hour,
        sprint: budget.per_sprint,
        day: budget.per_day,
        month: budget.per_month,
        credit_floor: budget.credit_floor,
    }
}

/// The rules of a sprint by the operator's settings and our own boots.
pub fn sprint_rules(config: &Config, boots: &[PastBoot], aim: Aim, nonce: u64) -> Plan {
    let poc = &config.poc;
    Plan {
        aim,
        cockpit: config.cockpit.clone(),
        node_prefix: config.network_node.node_prefix.clone(),
        lead: lead_of(config, boots).length,
        margin: poc.margin,
        registration_margin: poc.registration_margin,
        startup_timeout: config.mlnode.startup_timeout,
        release: poc.release,
        execution_timeout: poc.execution_timeout,
        lease: poc.lease,
        max_attempts: config.vast.max_attempts,
        hedging: poc.hedge,
        caps: caps_of(&config.budget),
        nonce,
    }
}

impl Engine {
    /// The snapshot of now. What is wrong keeps its beginning from one to the next.
    pub(super) fn publish(&mut self, now: Time) -> Snapshot {
        let mut began = std::mem::take(&mut self.began);
        let snapshot = self.snapshot(now, &mut began);
        began.forget_what_is_over();
        self.began = began;
        snapshot
    }

    /// What there is to see now, for what is told beside alerts.
    pub(super) fn situation(&self, now: Time) -> Snapshot {
        self.snapshot(now, &mut Began::default())
    }

    fn snapshot(&self, now: Time, began: &mut Began) -> Snapshot {
        Snapshot {
            at: now,
            world: self.options.world,
            cockpit: self.config.cockpit.clone(),
            mode: self.sprint.mode(),
            chain: self.chain_snapshot(),
            sprint: self.sprint_snapshot(),
            offers: self.offers_snapshot(now),
            rental: self
                .sprint
                .rental()
                .map(|rental| self.rental_snapshot(now, rental)),
            beside: self
                .sprint
                .beside()
                .map(|rental| self.rental_snapshot(now, rental)),
            nodes: self.nodes_snapshot(),
            proxy: self.proxy_snapshot(),
            money: self.money_snapshot(now),
            history: self.past.clone(),
            alerts: self.alerts(now, began),
            boot_log: self
                .own
                .as_ref()
                .map(|own| own.log.clone())
                .unwrap_or_default(),
            rentals_read_at: self.seen.listing.as_ref().map(|(at, _)| *at),
            boots: self.boots.clone(),
            notices_lost: self.ports.notifier.lost(),
            ended: false,
        }
    }

    fn offers_snapshot(&self, now: Time) -> OffersSnapshot {
        let seen = &self.seen;
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
            avoided: self.ledger.avoided(now),
            read_at: view.map(|view| view.read_at),
        }
    }

    fn chain_snapshot(&self) -> ChainSnapshot {
        let reading = self
            .seen
            .view
            .as_ref()
            .map(|(at, view)| self.chain_reading(*at, view));
        ChainSnapshot {
            reading,
            trouble: self.seen.chain_trouble.clone(),
            stalled_since: self.block_clock.stalled_since(),
            upgrade: self.upgrade(),
            sources: self.sources.statuses(),
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
            confirmation_times: self.confirmation_times(at, view),
            block_time: self.block_clock.block_time(),
            stages: self.stage_estimates(at, view),
            poc_start: self.estimate(at, view.height, stages.poc_start),
            registration_deadline: self.estimate(at, view.height, deadline),
        }
    }

    fn confirmation_times(&self, at: Time, view: &EpochView) -> Option<ConfirmationEstimate> {
        let stages = epoch::confirmation_stages(view.confirmation.as_ref()?, &view.params);
        let estimate = |target| self.estimate(at, view.height, target);
        Some(ConfirmationEstimate {
            generation: estimate(stages.generation_start),
            validation: estimate(stages.validation_start),
            end: estimate(stages.validation_end),
        })
    }

    pub(super) fn upgrade(&self) -> Option<UpgradeEstimate> {
        let (at, view) = self.seen.view.as_ref()?;
        let planned = self.seen.governance.as_ref()?.upgrade.as_ref()?;
        Some(UpgradeEstimate {
            name: planned.name.clone(),
            at: self.estimate(*at, view.height, planned.height),
        })
    }

    fn stage_estimates(&self, at: Time, view: &EpochView) -> Vec<StageEstimate> {
        let both = [view.current, view.next];
        let all = both
            .iter()
            .flat_map(|stages| stages.milestones().map(|named| (stages.epoch, named)));
        all.filter(|(_, (_, height))| *height > view.height)
            .map(|(epoch, (milestone, height))| StageEstimate {
                epoch,
                milestone,
                at: self.estimate(at, view.height, height),
            })
            .collect()
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
        let release = sprint.stages().filter(|_| sprint.plan().aim.proves());
        let release = release.map(|stages| sprint.held_until(stages));
        let by_height = at
            .zip(release)
            .and_then(|((at, height), target)| self.estimate(at, height, target).expected);
        let release_at = sprint.serves_until().map(certainly).or(by_height);
        SprintSnapshot {
            epoch: sprint.stages().map(|stages| stages.epoch),
            aim: sprint.plan().aim,
            step: sprint.step(),
            doing: self.doing(),
            spans: sprint.spans().to_vec(),
            gate: sprint.gate().map(|gate| self.gate_snapshot(gate)),
            preflight: sprint.preflight().cloned(),
            rent_at: sprint.rent_at(),
            lead: lead_of(&self.config, self.ledger.boots()),
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
            Step::Booting => match self.link_error() {
                Some(error) => format!("waits for the rental; SSH: {error}"),
                None => "waits for the rental's API".to_owned(),
            },
            Step::Warming => "loads the model".to_owned(),
            Step::Registering => "registers the node and waits for a good status".to_owned(),
            Step::Proving => self.proving().to_owned(),
            Step::Confirming => "waits for the weight on the chain".to_owned(),
            Step::Serving => self.serving(),
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

    /// Why there is no link to the sprint's own rental.
    fn link_error(&self) -> Option<&str> {
        let link = &self.own.as_ref()?.link;
        link.last_error
            .as_deref()
            .filter(|_| link.up_since.is_none())
    }

    /// Where requests are answered, and until when.
    fn serving(&self) -> String {
        let ends = self.own.as_ref().and_then(|own| own.link.ends);
        let place = ends.map_or_else(
            || "the tunnel is made again".to_owned(),
            |ends| format!("http://{}/v1", ends.inference),
        );
        let until = self.sprint.serves_until();
        let until = until.map_or_else(String::new, |until| {
            format!(" until {}", until.format("%H:%M UTC"))
        });
        format!("serves {}{until}: {place}", self.config.mlnode.model.id)
    }

    fn proving(&self) -> &'static str {
        let (Some(stages), Some((_, height))) = (self.sprint.stages(), self.sprint.last_height())
        else {
            return "the node proves its compute";
        };
        let proof = self.sprint.proof();
        if height < stages.poc_start {
            "the node is registered and waits for the PoC to start"
        } else if height < stages.poc_validation_start {
            if proof.generated {
                "the node generates"
            } else {
                "the PoC has begun; the node was not seen to generate yet"
            }
        } else {
            match (proof.generated, proof.validated) {
                (false, _) => "hosts validate; the node was never seen to generate",
                (true, true) => "the node generated and validates",
                (true, false) => "the node generated; hosts validate",
            }
        }
    }

    fn gate_snapshot(&self, gate: Gate) -> GateSnapshot {
        let question = match gate.kind {
            GateKind::Start => {
                let risk = self.risk().unwrap_or_default();
                format!(
                    "Start now? Offers are searched; nothing is spent before you confirm one.{risk}"
                )
            }
            GateKind::Rent => "Pick an offer and confirm its cost.".to_owned(),
            GateKind::Hedge => self.hedge_question(),
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

    fn hedge_question(&self) -> String {
        let first = self.sprint.rental().map_or_else(String::new, |rental| {
            format!("instance {} ({})", rental.instance, self.price(rental))
        });
        format!(
            "The boot of {first} is behind nine in ten. Rent a second machine beside it? Pick an offer and confirm its cost: both are paid for until one is ready, then the other is destroyed."
        )
    }

    /// What a confirmation `PoC` would do to the reward under the policy in force; nothing to say
    /// when it would do nothing.
    pub(super) fn risk(&self) -> Option<String> {
        if !self.sprint.plan().aim.proves() {
            return None;
        }
        let (_, view) = self.seen.view.as_ref()?;
        let poc = &self.config.poc;
        let policy = self.sprint.plan().release;
        let confirmation = self
            .seen
            .governance
            .as_ref()
            .map_or(ASSUMED_CONFIRMATION, |known| known.confirmation);
        let forecast = forecast(
            policy,
            &Terms {
                stages: *self.sprint.stages()?,
                params: view.params,
                confirmation,
                block: self.block_clock.block_time()?,
                before_poc: self.sprint.plan().lead + poc.margin,
                lease: poc.lease,
                longest: poc.execution_timeout,
                price: self.config.vast.query.max_price,
                downloads: Usd::ZERO,
            },
        );
        let percent = 100.0 * forecast.chance_of_losing;
        (percent >= 0.5).then(|| {
            format!(
                " A confirmation PoC after the rental was given back ({policy}) would cost the epoch's reward: its chance is {percent:.0} %. `pocpit plan` compares the policies."
            )
        })
    }

    fn price(&self, rental: &Rental) -> UsdPerHour {
        let agreed = rental.offer.price_with_disk(self.config.vast.query.disk_gb);
        rental.dearer.map_or(agreed, |dearer| dearer.charged)
    }

    fn rental_snapshot(&self, now: Time, rental: &Rental) -> RentalSnapshot {
        let watched = self.watched(rental.instance);
        let row = watched.and_then(|watched| watched.row.as_ref());
        let mlnode = watched.and_then(|watched| watched.mlnode.as_ref());
        let loses = self.sprint.has_lost(rental);
        RentalSnapshot {
            id: rental.instance,
            label: rental.label.clone(),
            gpus: format!("{}x {}", rental.offer.gpu_count, rental.offer.gpu_name),
            location: rental.offer.location.clone(),
            status: row.map_or_else(|| "not listed yet".to_owned(), status_text),
            rented_at: rental.since,
            price: self.price(rental),
            cost: self.rental_cost(now, rental),
            lease_until: rental.lease_until,
            ssh: watched.and_then(|watched| watched.link.endpoint.clone()),
            link: watched.map_or(LinkSnapshot::None, |watched| watched.link.snapshot()),
            boot: self.boot_snapshot(now, rental),
            devices: mlnode.map(|status| status.gpus.clone()).unwrap_or_default(),
            service: mlnode.map(|status| status.state),
            releasing: loses || self.sprint.is_releasing(),
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
        let Some(boot) = self.watched(rental.instance).map(|watched| &watched.boot) else {
            return BootSnapshot {
                stage: crate::domain::BootStage::Placed,
                progress: None,
                detail: String::new(),
                started: vec![(crate::domain::BootStage::Placed, rental.since)],
                ready_from: None,
                ready_at: None,
                ready_by: None,
                fault: None,
            };
        };
        let left = (!boot.is_ready()).then(|| boot.expected_left(now));
        BootSnapshot {
            stage: boot.stage(),
            progress: boot.progress(),
            detail: boot.detail().to_owned(),
            started: boot.started().to_vec(),
            ready_from: left.map(|left| now + left.p10),
            ready_at: left.map(|left| now + left.p50),
            ready_by: left.map(|left| now + left.p90),
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
        let registrations = self.ledger.registrations();
        match registrations.iter().any(|open| open.node == *id) {
            true => NodeOwner::Leftover,
            false if proxy => NodeOwner::Proxy,
            false => NodeOwner::Other,
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
        MoneySnapshot {
            per_hour: self.sprint.rentals().map(|rental| self.price(rental)).sum(),
            sprint: self.ledger.spent_in_sprint(now),
            reserved: self.ledger.reserved(now),
            caps: vec![
                cap("sprint", caps.per_sprint, funds.sprint),
                cap("day", caps.per_day, funds.day),
                cap("month", caps.per_month, funds.month),
            ],
            hour_limit: caps.per_hour,
            hour_used: funds.hour,
            credit: funds.credit,
            credit_floor: caps.credit_floor,
        }
    }

    fn clock_trouble(&self) -> Option<String> {
        let behind = self.seen.clock_behind()?;
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
            condition: Condition::NotGone(*instance),
            level: AlertLevel::Critical,
            text: format!(
                "instance {instance} is still not gone {} minutes after its destroy",
                (now - *since).num_minutes()
            ),
            advice: format!(
                "destroy it by hand: `vastai destroy instance {instance}`, or https://console.vast.ai/instances/ ; it costs money until then"
            ),
            since: *since,
        });
        let watched = self.own.iter().chain(&self.beside);
        let links = watched.flat_map(|watched| watched.link.alerts(now, watched.instance));
        late.chain(links).collect()
    }

    fn alerts(&self, now: Time, began: &mut Began) -> Vec<Alert> {
        let mut alerts = self.rental_alerts(now);
        let warning = AlertLevel::Warning;
        if let Some(text) = self.clock_trouble() {
            let advice = "synchronise it (timedatectl set-ntp true); leases are corrected by as much until then";
            alerts.push(began.alert(Condition::ClockBehind, now, warning, text, advice));
        }
        if let Some(cut) = self.config.poc.cut_short() {
            let condition = Condition::PolicyCutShort;
            alerts.push(began.alert(condition, now, warning, cut.cause, &cut.remedy));
        }
        if let Some(mode) = &self.release_only {
            alerts.push(Alert {
                condition: Condition::ReleaseOnly,
                level: AlertLevel::Critical,
                text: format!(
                    "release-only: nothing new is rented or registered, and what is there is released as planned. {}",
                    mode.why
                ),
                advice: mode.advice.clone(),
                since: mode.since,
            });
        }
        if let Some((_, listing)) = &self.seen.listing {
            for (instance, label) in reconcile::foreign(listing, &self.config) {
                alerts.push(began.alert(
                    Condition::Foreign(instance.id),
                    now,
                    AlertLevel::Critical,
                    format!(
                        "instance {} belongs to another cockpit, {}",
                        instance.id, label.cockpit
                    ),
                    "stop one of the two, or name it in cockpit.neighbours if both are meant",
                ));
            }
        }
        if let Some((since, trouble)) = &self.seen.listing_trouble {
            alerts.push(Alert {
                condition: Condition::RentalsUnread,
                level: warning,
                text: format!("rentals are unknown: {trouble}"),
                advice: "check vast.api_key and vast.base_url; nothing is rented and nothing forgotten meanwhile".to_owned(),
                since: *since,
            });
        }
        if let Some(trouble) = &self.seen.nodes_trouble {
            alerts.push(began.alert(
                Condition::NodesUnread,
                now,
                warning,
                format!("the Network Node does not answer: {trouble}"),
                "check network_node.admin_api; a node cannot be registered without it",
            ));
        }
        let rented = self.sprint.rentals().map(|rental| rental.instance);
        let watched = rented.filter_map(|instance| self.watched(instance));
        let faults = watched.filter_map(|watched| Some((watched.instance, watched.boot.fault()?)));
        alerts.extend(faults.map(|(instance, fault)| Alert {
            condition: Condition::BootFault(instance),
            level: warning,
            text: format!("{}: {}", fault.name, fault.evidence),
            advice: fault.advice.clone(),
            since: fault.seen_at,
        }));
        alerts.extend(self.change_alert(now));
        alerts.extend(self.obstacles(now, began));
        alerts.extend(self.chain_alerts(now, began));
        alerts.extend(self.price_alert());
        alerts.extend(self.proxy_alert(now, began));
        alerts.extend(self.credit_alert(now, began));
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
            epoch: sprint.proves_in(),
            weight: match outcome {
                Some(Outcome::Confirmed { weight }) => Some(*weight),
                _ => None,
            },
            participant_weight: sprint.participant_weight(),
            cost_usd: self.ledger.spent_in_sprint(now).dollars(),
            rentals_left: instances.map(|all| count(all.iter().filter(ours).count())),
            registrations_left: nodes.map(|all| count(all.iter().filter(registered).count())),
            proxy_registered: proxy
                .and_then(|proxy| nodes.map(|all| all.iter().any(|node| node.config.id == *proxy))),
            node: sprint.node_id().cloned(),
            steps: sprint.spans().to_vec(),
            race: sprint.race(),
        }
    }
}

/// A time that is no estimate.
fn certainly(time: Time) -> TimeBand {
    TimeBand {
        p10: time,
        p50: time,
        p90: time,
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
        Outcome::Confirmed { .. } | Outcome::Rehearsed | Outcome::Served | Outcome::Aborted => None,
    }
}

/// What a search found, as it is shown.
pub(super) fn market_view(read_at: Time, mut ranked: RankedOffers) -> MarketView {
    ranked.usable.truncate(super::core::OFFERS_KEPT);
    ranked.rejected.truncate(super::core::OFFERS_KEPT);
    let rejected = ranked.rejected.into_iter();
    let rejected = rejected.map(|(offer, reason)| RejectedOffer { offer, reason });
    MarketView {
        read_at,
        rows: Arc::new(ranked.usable),
        rejected: Arc::new(rejected.collect()),
    }
}
