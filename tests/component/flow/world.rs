//! A world in virtual time that answers the effects of a sprint: no sockets, no tasks, no clock.

use std::collections::{BTreeMap, BTreeSet};

use pocpit::domain::{
    Aim, Blame, Blocks, BootFault, CallError, CallErrorKind, CallbackProof, ChainPhase,
    ConfirmationEvent, ConfirmationPhase, Duration, EpochIndex, EpochParams, EpochStages,
    EpochView, Finding, GateKind, Hedging, Height, HostId, InstanceId, Likeness, MachineId, Mode,
    ModelState, NodeDuty, NodeId, NodeStatus, Offer, OfferId, ParamsOrigin, PocStatus, Preflight,
    ReleasePolicy, RentalLabel, Requirement, Slot, Step, Time, Usd, UsdPerHour, Verdict,
    WatchdogCheck, Weight,
};
use pocpit::flow::{
    BootProgress, BootReading, Candidate, Cap, Caps, Effect, Event, Funds, HedgeRoom, NodeReading,
    Plan, PriceIncrease, Refusal, Sprint,
};

use super::fault;

pub const POC_START: u64 = 5_536_724;
const BLOCK_MILLIS: i64 = 5_500;

/// How the world misbehaves.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each fault is there or not")]
pub struct Faults {
    /// Rent calls by number, from 1, whose reply is lost after the rental was made.
    pub lost_replies: BTreeSet<u32>,
    /// Rent calls whose reply is lost and that rented nothing.
    pub lost_calls: BTreeSet<u32>,
    /// Rent calls that find the offer gone.
    pub gone_offers: BTreeSet<u32>,
    /// Rent calls that exceed the market's rate limit.
    pub rents_too_often: BTreeSet<u32>,
    /// Rent calls that were not made, because their intent could not be recorded.
    pub withheld_rents: BTreeSet<u32>,
    /// Rent calls that were not made, because those of other replicas come first.
    pub waiting_rents: BTreeSet<u32>,
    /// Rent calls that were not made, because another replica has the offer's machine.
    pub taken_offers: BTreeSet<u32>,
    /// Rentals by number whose boot ends in this fault.
    pub broken_boots: BTreeMap<u32, BootFault>,
    /// Rentals by number whose boot stops midway: after eleven minutes they are behind.
    pub stalled_boots: BTreeSet<u32>,
    /// The bytes of a download tell that it stalls, before it is late beside others.
    pub stalls_show_in_bytes: bool,
    /// This offer is the first machine again, under a new id.
    pub relisted: Option<u64>,
    /// Rentals by number that cost more than was agreed.
    pub dearer_rentals: BTreeSet<u32>,
    /// Destroys that fail before one works.
    pub deaf_destroys: u32,
    /// Rent calls that the market refuses for good.
    pub refused_rents: BTreeSet<u32>,
    /// Rent calls for which a cap has less left than at the search.
    pub rents_over_cap: BTreeSet<u32>,
    /// The Network Node does not answer.
    pub node_is_silent: bool,
    /// The chain lists no weight for us.
    pub no_weight: bool,
    /// Our node sits the `PoC` out.
    pub never_generates: bool,
    /// It serves on through the `PoC`, and is listed with this.
    pub preserved: Option<NodeDuty>,
    /// A `PoC` Challenge lasts, from and to these blocks after the start of the `PoC`.
    pub challenge: Option<(u64, u64)>,
    /// The list of weights cannot be read.
    pub weight_unreadable: bool,
    /// What other replicas have reserved for rent calls that are not answered yet.
    pub in_doubt: Usd,
    /// Whether the pool may rent another second machine.
    pub hedges: HedgeRoom,
    /// The account's credit is unknown.
    pub no_credit: bool,
    /// The chain cannot be read from this minute on.
    pub chain_dies_at: Option<i64>,
    /// Confirmation `PoC`s, by blocks after the start of the `PoC`.
    pub confirmations: Vec<u64>,
    /// The chain halts at this minute, for so many minutes.
    pub halt: Option<(i64, i64)>,
    /// How many searches find the key rejected.
    pub refused_searches: u32,
    pub no_offers: bool,
    /// Instances cannot be listed any more once a rent call was made.
    pub listing_unknown: bool,
    /// Instances can never be listed.
    pub never_listed: bool,
    /// Rentals of ours that the sprint does not use.
    pub leftovers: usize,
    /// What the preflight finds.
    pub obstacle: Option<Verdict>,
    /// The first rental's workload ends and runs again.
    pub exit: Option<Exit>,
}

/// How a workload ends, and how long it takes to serve again.
#[derive(Debug, Clone)]
pub struct Exit {
    /// Time from renting.
    pub after: Duration,
    /// Why, as far as is known.
    pub why: BootFault,
    /// Time from the next start of the model until it is served.
    pub load: Duration,
}

/// From the end of a workload until its API answers again.
const RUN_AGAIN: Duration = Duration::minutes(1);

impl Faults {
    /// The boot of this rental ends in a fault.
    pub fn breaks(&mut self, rental: u32, blame: Blame) {
        self.broken_boots.insert(rental, fault(blame));
    }
}

pub struct World {
    pub now: Time,
    pub sprint: Sprint,
    pub faults: Faults,
    pub effects: Vec<Effect>,
    pub rentals: BTreeMap<InstanceId, RentalLabel>,
    pub registered: Option<NodeId>,
    pub proxy: bool,
    /// How the Network Node lists our node.
    pub likeness: Likeness,
    pub status: NodeStatus,
    /// Other nodes of the host.
    pub others: usize,
    pub callback: CallbackProof,
    pub watchdog: WatchdogCheck,
    pub enabled: bool,
    pub admin_epoch: EpochIndex,
    pub most_rentals: usize,
    rent_calls: u32,
    booted_at: BTreeMap<InstanceId, Time>,
    /// When the model was started again after an exit.
    loads_again: Option<Time>,
    started: Time,
}

pub fn plan() -> Plan {
    Plan {
        aim: Aim::Proof,
        cockpit: "home".parse().unwrap(),
        node_prefix: "vast-".into(),
        lead: Duration::minutes(45),
        margin: Duration::minutes(5),
        head_start: Duration::zero(),
        registration_margin: Duration::minutes(4),
        startup_timeout: Duration::minutes(50),
        release: ReleasePolicy::AfterValidation,
        execution_timeout: Duration::hours(3),
        lease: Duration::minutes(30),
        max_attempts: 3,
        hedging: Hedging::Off,
        caps: Caps {
            hour: UsdPerHour::from_dollars(14.0),
            sprint: Usd::from_dollars(40.0),
            day: Usd::from_dollars(80.0),
            month: Usd::from_dollars(500.0),
            credit_floor: Usd::from_dollars(1.0),
            ..Caps::default()
        },
        slot: Slot::default(),
        nonce: 7,
    }
}

pub fn start() -> Time {
    Time::from_timestamp(1_790_000_000, 0).unwrap()
}

fn offer(id: u64) -> Offer {
    Offer {
        id: OfferId(id),
        machine: MachineId(id + 100),
        host: Some(HostId(id.div_ceil(2))),
        gpu_name: "H100 SXM".into(),
        gpu_count: 4,
        gpu_memory_mb: 81_559,
        disk_gb: 900.0,
        disk_mb_per_s: None,
        download_mbps: 900.0,
        upload_mbps: 900.0,
        gpu_price: UsdPerHour::from_dollars(9.0),
        storage_per_gb_month: Usd::from_dollars(0.2),
        download_per_gb: Usd::ZERO,
        upload_per_gb: Usd::ZERO,
        reliability: 0.99,
        cuda: Some(12.8),
        driver: None,
        direct_ports: 20,
        location: None,
        ends_at: None,
        verified: true,
        public_address: None,
        surcharge: UsdPerHour::ZERO,
        closed: None,
    }
}

fn stages(epoch: u64, start: u64) -> EpochStages {
    EpochStages {
        epoch: EpochIndex(epoch),
        poc_start: Height(start),
        poc_generation_wind_down: Height(start + 48),
        poc_generation_end: Height(start + 60),
        poc_validation_start: Height(start + 65),
        poc_validation_wind_down: Height(start + 161),
        poc_validation_end: Height(start + 185),
        set_new_validators: Height(start + 305),
        claim_money: Height(start + 306),
        inference_validation_cutoff: Height(start + 15_311),
        next_poc_start: Height(start + 15_391),
    }
}

fn params() -> EpochParams {
    EpochParams {
        epoch_length: Blocks(15_391),
        poc_stage_duration: Blocks(60),
        poc_exchange_duration: Blocks(5),
        poc_validation_delay: Blocks(5),
        poc_validation_duration: Blocks(120),
        set_new_validators_delay: Blocks(120),
        inference_validation_cutoff: Blocks(80),
        confirmation_poc_safety_window: Blocks(500),
    }
}

/// The price of a rental that costs more than was agreed.
pub fn dearer() -> PriceIncrease {
    PriceIncrease {
        agreed: UsdPerHour::from_dollars(9.0),
        charged: UsdPerHour::from_dollars(10.8),
    }
}

/// What a cap says at the last moment.
fn over_cap() -> Refusal {
    let usd = Usd::from_dollars;
    Refusal {
        cap: Cap::Day,
        cost: usd(18.0),
        left: usd(16.0),
        missing: usd(2.0),
    }
}

pub fn lost() -> CallError {
    error(CallErrorKind::Ambiguous)
}

fn error(kind: CallErrorKind) -> CallError {
    CallError::new("test", kind, "connection reset")
}

/// Rentals are numbered from 1.
fn number(rental: InstanceId) -> u32 {
    u32::try_from(rental.0).unwrap()
}

impl World {
    /// A sprint in auto mode that begins `minutes` before the `PoC`. Without faults.
    pub fn auto(minutes: i64) -> World {
        World::new(plan(), Mode::Auto, minutes)
    }

    /// The same in manual mode.
    pub fn manual(minutes: i64) -> World {
        World::new(plan(), Mode::Manual, minutes)
    }

    /// The same with faults.
    pub fn with(mut self, faults: impl FnOnce(&mut Faults)) -> World {
        faults(&mut self.faults);
        self
    }

    pub fn new(plan: Plan, mode: Mode, minutes: i64) -> World {
        World {
            now: start(),
            sprint: Sprint::new(plan, mode, start()),
            faults: Faults::default(),
            effects: Vec::new(),
            rentals: BTreeMap::new(),
            registered: None,
            proxy: true,
            likeness: Likeness::AsWanted,
            status: NodeStatus::Inference,
            enabled: true,
            others: 0,
            callback: CallbackProof::Proven,
            watchdog: WatchdogCheck::Verified,
            admin_epoch: EpochIndex(358),
            most_rentals: 0,
            rent_calls: 0,
            booted_at: BTreeMap::new(),
            loads_again: None,
            started: start() - Duration::minutes(95 - minutes),
        }
    }

    pub fn height(&self) -> Height {
        let halted = self.faults.halt.map_or(Duration::zero(), |(from, length)| {
            (self.now - start() - Duration::minutes(from))
                .clamp(Duration::zero(), Duration::minutes(length))
        });
        let blocks = (self.now - self.started - halted).num_milliseconds() / BLOCK_MILLIS;
        let begin = i64::try_from(POC_START).unwrap() - 95 * 60_000 / BLOCK_MILLIS;
        Height(u64::try_from(begin + blocks).unwrap())
    }

    fn view(&self) -> EpochView {
        let height = self.height();
        let past = height.0 >= POC_START;
        let (epoch, at) = if past {
            (359, POC_START)
        } else {
            (358, POC_START - 15_391)
        };
        EpochView {
            height,
            epoch: EpochIndex(epoch),
            phase: ChainPhase::Inference,
            current: stages(epoch, at),
            next: stages(epoch + 1, at + 15_391),
            params: params(),
            params_origin: ParamsOrigin::Told,
            confirmation: self.confirmation(),
        }
    }

    fn confirmation(&self) -> Option<ConfirmationEvent> {
        let height = self.height().0;
        let begun = (0..).zip(&self.faults.confirmations).find(|(_, after)| {
            let trigger = POC_START + **after;
            (trigger..trigger + 80 + 189).contains(&height)
        });
        begun.map(|(sequence, after)| ConfirmationEvent {
            epoch: EpochIndex(359),
            sequence,
            trigger_height: Height(POC_START + after),
            generation_start: Height(POC_START + after + 80),
            phase: ConfirmationPhase::GracePeriod,
        })
    }

    pub fn chain_reading(&self) -> Event {
        Event::ChainObserved {
            view: self.view(),
            block_time: Some(Duration::milliseconds(BLOCK_MILLIS)),
        }
    }

    pub fn feed(&mut self, event: Event) {
        let effects = self.sprint.handle(self.now, event);
        for effect in effects {
            self.effects.push(effect.clone());
            for answer in self.answer(effect) {
                self.feed(answer);
            }
        }
        self.most_rentals = self.most_rentals.max(self.rentals.len());
    }

    /// One tick of ten seconds: time, chain, nodes, boot.
    pub fn tick(&mut self) {
        self.now += Duration::seconds(10);
        self.feed(Event::TimePassed);
        let minute = (self.now - start()).num_minutes();
        // The engine passes on no reading of a chain that stands still.
        let halted = self
            .faults
            .halt
            .is_some_and(|(from, length)| (from + 1..from + length).contains(&minute));
        if !halted && self.faults.chain_dies_at.is_none_or(|dies| minute < dies) {
            self.feed(self.chain_reading());
        }
        if !self.faults.node_is_silent {
            self.feed(self.nodes());
        }
        let unknown = self.faults.listing_unknown && self.rent_calls > 0;
        if !unknown && !self.faults.never_listed {
            let leftovers = self.faults.leftovers;
            self.feed(Event::RentalsListed { leftovers });
        }
        for instance in self.watched() {
            if self.faults.dearer_rentals.contains(&number(instance)) {
                let dearer = dearer();
                self.feed(Event::RentalRepriced { instance, dearer });
            }
        }
        for instance in self.watched() {
            let reading = self.boot(instance);
            self.feed(Event::BootObserved { instance, reading });
        }
    }

    fn watched(&self) -> Vec<InstanceId> {
        let targets = self.sprint.watch_targets();
        let both = [targets.rental, targets.hedge];
        let rentals = both.into_iter().flatten();
        rentals.map(|rental| rental.instance).collect()
    }

    /// Ticks until `done`, at most thirty hours.
    pub fn until(&mut self, done: impl Fn(&World) -> bool) {
        for _ in 0..10_800 {
            if done(self) {
                return;
            }
            self.tick();
        }
        panic!(
            "never came: {:?} {:?} {:?}",
            self.sprint.step(),
            self.sprint.note(),
            self.sprint.gate()
        );
    }

    pub fn until_step(&mut self, step: Step) {
        self.until(|world| world.sprint.step() == step);
    }

    pub fn run_to_the_end(&mut self) {
        self.until_step(Step::Done);
    }

    pub fn until_gate(&mut self, kind: GateKind) {
        self.until(|world| world.gate() == Some(kind));
    }

    pub fn until_note(&mut self, text: &str) {
        self.until(|world| world.notes(text));
    }

    pub fn gate(&self) -> Option<GateKind> {
        self.sprint.gate().map(|gate| gate.kind)
    }

    /// The note contains this text.
    pub fn notes(&self, text: &str) -> bool {
        self.sprint.note().is_some_and(|note| note.contains(text))
    }

    /// Picks an offer and agrees to its worst case, in dollars.
    pub fn pick(&mut self, offer: u64, agreed: f64) {
        self.feed(Event::OfferPicked {
            offer: OfferId(offer),
            agreed: Usd::from_dollars(agreed),
        });
    }

    pub fn start_and_pick(&mut self, offer: u64, agreed: f64) {
        self.feed(Event::Approved(GateKind::Start));
        self.until_step(Step::Choosing);
        self.pick(offer, agreed);
    }

    pub fn count(&self, wanted: impl Fn(&Effect) -> bool) -> usize {
        self.effects.iter().filter(|effect| wanted(effect)).count()
    }

    pub fn rents(&self) -> usize {
        self.count(|effect| matches!(effect, Effect::Rent { .. }))
    }

    pub fn destroys(&self) -> usize {
        self.count(|effect| matches!(effect, Effect::Destroy { .. }))
    }

    pub fn registrations(&self) -> usize {
        self.count(|effect| matches!(effect, Effect::Register { .. }))
    }

    fn nodes(&self) -> Event {
        let node = self.registered.clone().map(|id| NodeReading {
            id,
            likeness: self.likeness.clone(),
            enabled: self.enabled,
            admin_epoch: self.admin_epoch,
            status: self.status,
            poc: self.poc(),
            duty: self.duty(),
            failure: String::new(),
        });
        Event::NodesListed {
            node,
            proxy_listed: self.proxy,
            others: self.others,
        }
    }

    fn duty(&self) -> NodeDuty {
        let height = self.height().0;
        let challenged = self
            .faults
            .challenge
            .is_some_and(|(from, to)| (POC_START + from..POC_START + to).contains(&height));
        match (challenged, self.faults.preserved) {
            (true, _) => NodeDuty::Generates,
            (false, duty) => duty.unwrap_or(NodeDuty::Serves),
        }
    }

    /// The node does its part, unless it is idle.
    fn poc(&self) -> PocStatus {
        match self.height().0.checked_sub(POC_START) {
            Some(0..65) if !self.faults.never_generates => PocStatus::Generating,
            Some(65..185) if !self.faults.never_generates => PocStatus::Validating,
            _ => PocStatus::Idle,
        }
    }

    /// The workload of the first rental after its end.
    fn ended(&self, exit: &Exit, age: Duration) -> Option<BootReading> {
        let up_again = age >= exit.after + RUN_AGAIN;
        let loaded = self.loads_again.map(|began| began + exit.load);
        if age < exit.after || loaded.is_some_and(|loaded| self.now >= loaded) {
            return None;
        }
        let left = loaded.map_or(exit.load, |loaded| loaded - self.now);
        Some(BootReading {
            api_up: up_again,
            model: match (up_again, loaded) {
                (false, _) => ModelState::Unknown,
                (true, None) => ModelState::Idle,
                (true, Some(_)) => ModelState::Loading,
            },
            least_left: Some(left),
            setback: Some(exit.why.clone()),
            ..BootReading::default()
        })
    }

    pub fn boot_of_first(&self) -> (InstanceId, BootReading) {
        let first = InstanceId(1);
        (first, self.boot(first))
    }

    fn boot(&self, instance: InstanceId) -> BootReading {
        let mut age = self.now - self.booted_at.get(&instance).copied().unwrap_or(self.now);
        let fault = self.faults.broken_boots.get(&number(instance));
        let fault = fault.filter(|_| age > Duration::minutes(3));
        let exit = self.faults.exit.as_ref().filter(|_| instance.0 == 1);
        if let Some(ended) = exit.and_then(|exit| self.ended(exit, age)) {
            return ended;
        }
        let stalls = self.faults.stalled_boots.contains(&number(instance));
        let is_behind = stalls && age > Duration::minutes(11);
        // By its bytes, a download that stalls needs ever longer.
        let likely_left = self.faults.stalls_show_in_bytes.then(|| {
            if stalls {
                age * 2
            } else {
                Duration::minutes(25) - age
            }
        });
        if stalls {
            age = age.min(Duration::minutes(10));
        }
        BootReading {
            api_up: age > Duration::minutes(8),
            ready: age > Duration::minutes(22),
            at_work: false,
            least_left: Some((Duration::minutes(22) - age).max(Duration::zero())),
            likely_left,
            pace: if is_behind && likely_left.is_none() {
                BootProgress::Behind
            } else {
                BootProgress::OnTrack
            },
            fault: fault.cloned(),
            callback: self.callback.clone(),
            watchdog: self.watchdog.clone(),
            ..BootReading::default()
        }
    }

    fn answer(&mut self, effect: Effect) -> Vec<Event> {
        match effect {
            Effect::SearchOffers { .. } if self.faults.refused_searches > 0 => {
                self.faults.refused_searches -= 1;
                vec![Event::SearchFailed(error(CallErrorKind::Unauthorized))]
            }
            Effect::SearchOffers { .. } => vec![self.offers()],
            Effect::Preflight => vec![Event::PreflightCompleted(self.preflight())],
            Effect::Rent { label, .. } => self.rent(label),
            Effect::FindLabel(_) if self.faults.listing_unknown => Vec::new(),
            Effect::FindLabel(label) => {
                let found = self.rentals.iter().find(|(_, listed)| **listed == label);
                vec![found.map_or(Event::LabelAbsent, |(id, _)| Event::LabelFound(*id))]
            }
            Effect::StartModel { instance, .. } => {
                let age = self.now - self.booted_at[&instance];
                let exit = self.faults.exit.as_ref();
                if exit.is_some_and(|exit| age >= exit.after) {
                    self.loads_again.get_or_insert(self.now);
                }
                vec![Event::ModelStartAccepted]
            }
            Effect::Register { node, .. } if !self.faults.node_is_silent => {
                self.registered = Some(node);
                Vec::new()
            }
            Effect::Register { .. } => vec![Event::RegisterFailed(lost())],
            Effect::Enable(_) => {
                self.enabled = true;
                Vec::new()
            }
            Effect::Unregister(_) if !self.faults.node_is_silent => {
                self.registered = None;
                Vec::new()
            }
            Effect::Destroy { instance, .. } if self.faults.deaf_destroys > 0 => {
                self.faults.deaf_destroys -= 1;
                vec![Event::RentalRemains(instance)]
            }
            Effect::Destroy { instance, .. } => {
                self.rentals.remove(&instance);
                vec![Event::RentalGone(instance)]
            }
            Effect::RestoreProxy if !self.faults.node_is_silent => {
                self.proxy = true;
                vec![self.nodes()]
            }
            Effect::ReadWeight { .. } if self.faults.weight_unreadable => Vec::new(),
            Effect::ReadWeight { .. } => {
                let weight = (!self.faults.no_weight).then_some(Weight(1_234));
                vec![Event::WeightRead {
                    for_our_epoch: true,
                    weight,
                    participant: weight.map(|weight| Weight(weight.0 + 1_810)),
                }]
            }
            _ => Vec::new(),
        }
    }

    fn offers(&self) -> Event {
        let ids = if self.faults.no_offers { 0..0 } else { 1..6 };
        let avoided = self.effects.iter().filter_map(|effect| match effect {
            Effect::AvoidMachine { machine, .. } => Some(*machine),
            _ => None,
        });
        let avoided: Vec<MachineId> = avoided.collect();
        let listed = |id| {
            let is_first = id == 1 || self.faults.relisted == Some(id);
            Offer {
                public_address: is_first.then(|| "203.0.113.1".to_owned()),
                ..offer(id)
            }
        };
        let usable = ids
            .map(listed)
            .filter(|offer| !avoided.contains(&offer.machine));
        let offers = usable.map(|offer| Candidate {
            offer,
            price: UsdPerHour::from_dollars(9.0),
            worst_cost: Usd::from_dollars(20.0),
        });
        let live = u32::try_from(self.rentals.len()).unwrap();
        let credit = (!self.faults.no_credit).then_some(Usd::from_dollars(100.0));
        Event::OffersRanked {
            offers: offers.collect(),
            funds: Funds {
                credit,
                hour: UsdPerHour::from_dollars(9.0 * f64::from(live)),
                sprint: Usd::from_dollars(20.0 * f64::from(live)),
                in_doubt: self.faults.in_doubt,
                ..Funds::default()
            },
            hedges: self.faults.hedges,
        }
    }

    fn preflight(&self) -> Preflight {
        let verdict = self.faults.obstacle.clone().unwrap_or(Verdict::Met);
        Preflight {
            at: self.now,
            findings: vec![Finding {
                requirement: Requirement::Model,
                seen: String::new(),
                verdict,
            }],
        }
    }

    fn rent(&mut self, label: RentalLabel) -> Vec<Event> {
        self.rent_calls += 1;
        let call = self.rent_calls;
        let faults = &self.faults;
        let refusals = [
            (
                &faults.rents_too_often,
                Event::RentRefused(error(CallErrorKind::RateLimited)),
            ),
            (
                &faults.refused_rents,
                Event::RentRefused(error(CallErrorKind::Refused)),
            ),
            (&faults.withheld_rents, Event::RentNotRecorded),
            (&faults.waiting_rents, Event::RentMustWait),
            (
                &faults.taken_offers,
                Event::OffersTaken { left: Vec::new() },
            ),
            (&faults.rents_over_cap, Event::RentOverCap(over_cap())),
            (&faults.gone_offers, Event::OfferGone),
            (&faults.lost_calls, Event::RentReplyLost(lost())),
        ];
        let mut refusals = refusals.into_iter();
        if let Some((_, refusal)) = refusals.find(|(calls, _)| calls.contains(&call)) {
            return vec![refusal];
        }
        let id = InstanceId(u64::from(call));
        self.rentals.insert(id, label);
        self.booted_at.insert(id, self.now);
        if self.faults.lost_replies.contains(&call) {
            return vec![Event::RentReplyLost(lost())];
        }
        vec![Event::Rented(id)]
    }
}
