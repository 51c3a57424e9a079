//! Snapshots in every state of the cockpit.

use super::*;
use pocpit::domain::{NetworkNodeName, ReplicaId};
use std::collections::BTreeMap;

pub(super) fn at(minute: i64) -> Time {
    Time::from_timestamp(1_790_000_000 + minute * 60, 0).unwrap()
}

pub(super) fn band(minute: i64) -> TimeBand {
    TimeBand {
        p10: at(minute - 2),
        p50: at(minute),
        p90: at(minute + 2),
    }
}

pub(super) fn stages(epoch: u64, start: u64) -> EpochStages {
    EpochStages {
        epoch: EpochIndex(epoch),
        poc_start: Height(start),
        poc_generation_wind_down: Height(start + 55),
        poc_generation_end: Height(start + 60),
        poc_validation_start: Height(start + 65),
        poc_validation_wind_down: Height(start + 180),
        poc_validation_end: Height(start + 185),
        set_new_validators: Height(start + 190),
        claim_money: Height(start + 195),
        inference_validation_cutoff: Height(start + 15_000),
        next_poc_start: Height(start + 15_391),
    }
}

pub(super) fn offer(id: u64, gpu: &str, dollars: f64) -> RankedOffer {
    let price = UsdPerHour::from_dollars(dollars);
    RankedOffer {
        offer: Offer {
            id: OfferId(id),
            machine: MachineId(id / 7),
            host: Some(HostId(5)),
            gpu_name: gpu.into(),
            gpu_count: 4,
            gpu_memory_mb: 81_559,
            disk_gb: 800.0,
            disk_mb_per_s: Some(2400.0),
            download_mbps: 4200.0,
            upload_mbps: 3800.0,
            gpu_price: price,
            storage_per_gb_month: Usd::from_dollars(0.1),
            download_per_gb: Usd::ZERO,
            upload_per_gb: Usd::ZERO,
            reliability: 0.993,
            cuda: Some(12.8),
            driver: None,
            direct_ports: 100,
            location: Some("Norway, NO".into()),
            ends_at: None,
            verified: true,
            public_address: None,
            surcharge: UsdPerHour::ZERO,
            closed: None,
        },
        price,
        session: Duration::minutes(115),
        gpu_cost: Usd::from_dollars(dollars * 2.0),
        storage_cost: Usd::ZERO,
        traffic_cost: Usd::ZERO,
        worst_cost: Usd::from_dollars(dollars * 3.0),
        boot: BootTime {
            median: Duration::minutes(24),
            spread: 0.3,
        },
        boot_within: Some(Duration::minutes(40)),
        own_boots: OwnBoots {
            machine_ready: 2,
            machine_timed: 2,
            machine_failed: 0,
            gpu_ready: 9,
        },
        chance_to_work: 0.97,
        chance_in_time: 0.95,
    }
}

pub(super) fn unspent() -> MoneySnapshot {
    MoneySnapshot {
        per_hour: UsdPerHour::ZERO,
        sprint: Usd::ZERO,
        reserved: Usd::ZERO,
        caps: vec![
            CapSnapshot {
                name: "sprint".into(),
                limit: Usd::from_dollars(40.0),
                used: Usd::ZERO,
            },
            CapSnapshot {
                name: "day".into(),
                limit: Usd::from_dollars(60.0),
                used: Usd::from_dollars(18.5),
            },
        ],
        hour_limit: UsdPerHour::from_dollars(14.0),
        hour_used: UsdPerHour::ZERO,
        pool_hour: None,
        credit: Some(Usd::from_dollars(212.4)),
        credit_reserved: Usd::ZERO,
        credit_floor: Usd::from_dollars(5.0),
        refused: None,
    }
}

fn stage(milestone: Milestone, height: u64, minute: i64) -> StageEstimate {
    StageEstimate {
        epoch: EpochIndex(153),
        milestone,
        at: HeightEstimate {
            height: Height(height),
            blocks_left: Blocks(height - 2_346_421),
            expected: Some(band(minute)),
        },
    }
}

fn chain() -> ChainSnapshot {
    ChainSnapshot {
        reading: Some(ChainReading {
            at: at(0),
            view: EpochView {
                height: Height(2_345_000),
                epoch: EpochIndex(152),
                phase: ChainPhase::Inference,
                current: stages(152, 2_331_000),
                next: stages(153, 2_346_391),
                params: EpochParams::default(),
                params_origin: ParamsOrigin::Told,
                confirmation: None,
            },
            block_time: Some(Duration::milliseconds(5_870)),
            stages: Vec::new(),
            confirmation_times: None,
            poc_start: HeightEstimate {
                height: Height(2_346_391),
                blocks_left: Blocks(1391),
                expected: Some(band(136)),
            },
            registration_deadline: HeightEstimate {
                height: Height(2_346_381),
                blocks_left: Blocks(1381),
                expected: Some(band(135)),
            },
        }),
        trouble: None,
        stalled_since: None,
        upgrade: None,
        sources: Vec::new(),
        stale_after: None,
        confirmation: Some(ConfirmationParams {
            expected_per_epoch: 1.0,
            alpha_threshold: 0.5,
        }),
    }
}

fn waiting_sprint() -> SprintSnapshot {
    SprintSnapshot {
        epoch: Some(EpochIndex(153)),
        aim: Aim::Proof,
        step: Step::Waiting,
        doing: "Waits until it is time to rent.".into(),
        spans: vec![StepSpan {
            step: Step::Waiting,
            started: at(-30),
            ended: None,
            started_height: None,
        }],
        gate: Some(GateSnapshot {
            kind: GateKind::Start,
            question: "Take part in epoch 153?".into(),
            since: at(-5),
            until: Some(at(80)),
        }),
        preflight: None,
        overridden: Vec::new(),
        proof: PocActivity::default(),
        release_steps: Vec::new(),
        rent_at: Some(at(80)),
        lead: Lead {
            length: Duration::minutes(45),
            basis: LeadBasis::Setting { boots: 0 },
        },
        cause: None,
        release_at: None,
        release_policy: ReleasePolicy::AfterValidation,
        outcome: None,
        attempts: 0,
        can_abort: false,
    }
}

fn offers() -> OffersSnapshot {
    OffersSnapshot {
        state: SearchState::Ready,
        avoided: vec![],
        rows: Arc::new(vec![
            offer(31_234_567, "H100 SXM", 9.6),
            offer(31_234_999, "H100 NVL", 10.4),
            offer(30_000_001, "H200", 13.2),
        ]),
        rejected: Arc::new(vec![RejectedOffer {
            offer: offer(29_000_000, "H100 PCIE", 7.0).offer,
            reason: "reliability 91.0% is under 98%".into(),
        }]),
        read_at: Some(at(-1)),
    }
}

pub(super) fn waiting() -> Snapshot {
    Snapshot {
        at: at(0),
        world: WorldKind::Simulated { speed: 60.0 },
        cockpit: "north".parse().unwrap(),
        mode: Mode::Manual,
        chain: chain(),
        sprint: waiting_sprint(),
        offers: offers(),
        rental: None,
        hedge: None,
        nodes: NodesSnapshot {
            rows: vec![node("proxy-1", NodeOwner::Proxy)],
            read_at: Some(at(0)),
            trouble: None,
            network_node: Some(NetworkNodePlace {
                name: NetworkNodeName::default(),
                address: "http://10.0.0.5:9200/".into(),
                participant: Participant("gonka1x9k3v7c2m4q8w5e6r0t1y2u3i4o5p9k2l".into()),
            }),
        },
        other_nodes: Vec::new(),
        accounts: Vec::new(),
        proxy: Some(proxy()),
        money: unspent(),
        alerts: vec![],
        history: Arc::default(),
        boot_log: LogBuffer::default(),
        replica: ReplicaId::default(),
        replicas: Vec::new(),
        offers_by_pool: BTreeMap::new(),
        in_focus: None,
        rentals_read_at: Some(at(0)),
        boots: BootTally::default(),
        notices_lost: 0,
        ended: false,
    }
}

/// The inference proxy, in good health.
pub(super) fn proxy() -> ProxySnapshot {
    ProxySnapshot {
        address: "127.0.0.1:5050".parse().unwrap(),
        figures: Some(ProxyFigures {
            serving: Serving::Up,
            under_way: 3,
            answered: 48_211,
            refused: 12,
            failed: 4,
            unfinished: 7,
            upstreams: vec![UpstreamFigures {
                name: "api.hyperbolic.xyz".into(),
                answered: 48_211,
                failed: 4,
                health: UpstreamHealth::Well,
            }],
        }),
        per_minute: Some(14.2),
        silent_since: None,
    }
}

pub(super) fn node(id: &str, owner: NodeOwner) -> NodeRow {
    NodeRow {
        owner,
        node: RegisteredNode {
            config: NodeConfig {
                id: NodeId(id.into()),
                host: "10.0.0.7".into(),
                inference_port: 5000,
                inference_segment: String::new(),
                poc_port: 8080,
                poc_segment: String::new(),
                max_concurrent: 500,
                models: BTreeMap::new(),
                hardware: vec![],
            },
            intended: NodeStatus::Inference,
            current: NodeStatus::Inference,
            poc_intended: PocStatus::Idle,
            poc_current: PocStatus::Idle,
            failure_reason: String::new(),
            enabled: true,
            admin_epoch: EpochIndex(150),
            version: None,
            weights: BTreeMap::from([("m".into(), Weight(812))]),
            preserved_models: None,
        },
    }
}

pub(super) fn gated(step: Step, kind: GateKind, question: &str) -> Snapshot {
    let mut s = waiting();
    s.sprint.step = step;
    s.sprint.can_abort = true;
    s.sprint.gate = Some(GateSnapshot {
        kind,
        question: question.into(),
        since: at(-1),
        until: Some(at(9)),
    });
    s.sprint.spans = Aim::Proof
        .steps()
        .iter()
        .copied()
        .take_while(|&x| x <= step)
        .zip(0..)
        .map(|(x, i)| StepSpan {
            step: x,
            started: at(i * 4 - 60),
            ended: (x < step).then(|| at(i * 4 - 56)),
            started_height: None,
        })
        .collect();
    s
}

pub(super) fn choosing() -> Snapshot {
    let mut s = gated(Step::Choosing, GateKind::Rent, "Pick an offer to rent.");
    s.sprint.doing = "3 offers fit; the best costs $19.20.".into();
    s
}

pub(super) fn rented(step: Step) -> Snapshot {
    let mut s = gated(
        step,
        GateKind::Register,
        "Register pocpit-153 with the Network Node?",
    );
    s.sprint.gate = None;
    s.sprint.doing = "Watches the node come up.".into();
    s.money.per_hour = UsdPerHour::from_dollars(9.6);
    s.money.sprint = Usd::from_dollars(4.12);
    s.rental = Some(RentalSnapshot {
        id: InstanceId(28_111_222),
        label: "pocpit/north/153/1-ab12".parse().unwrap(),
        gpus: "4x H100 SXM".into(),
        location: Some("Norway, NO".into()),
        machine: Some(RentedMachine {
            machine: MachineId(4_461),
            host: Some(HostId(5)),
            offer: OfferId(31_234_567),
            reliability: 0.993,
            verified: true,
        }),
        status: "running".into(),
        rented_at: at(-25),
        price: UsdPerHour::from_dollars(9.6),
        cost: Usd::from_dollars(4.12),
        lease_until: at(95),
        ssh: None,
        link: LinkSnapshot::Up {
            since: at(-18),
            tunnel: true,
            rate: TunnelRate::default(),
        },
        boot: BootSnapshot {
            stage: BootStage::Downloading,
            progress: Some(0.43),
            detail: "model shard 9 of 21".into(),
            started: vec![(BootStage::Placed, at(-25))],
            ready_from: Some(at(7)),
            ready_at: Some(at(11)),
            ready_by: Some(at(18)),
            run: 1,
            ..BootSnapshot::default()
        },
        devices: vec![],
        service: None,
        releasing: false,
    });
    for n in 0..40 {
        s.boot_log.push(LogLine::plain(
            at(-10),
            format!("{n:03} INFO vllm.worker: shard {n} loaded in 1.2 s"),
        ));
    }
    s.boot_log.live = Some(LogLine::plain(
        at(0),
        "Downloading shards:  43% 9/21 [02:11<02:54]",
    ));
    s
}

pub(super) fn registering() -> Snapshot {
    let mut s = rented(Step::Registering);
    s.sprint.gate = Some(GateSnapshot {
        kind: GateKind::Register,
        question: "Register pocpit-153 with the Network Node?".into(),
        since: at(0),
        until: Some(at(9)),
    });
    s
}

pub(super) fn proving() -> Snapshot {
    let mut s = rented(Step::Proving);
    s.sprint.release_at = Some(band(22));
    s.sprint.proof = PocActivity {
        generating_since: Some(at(-2)),
        validating_since: None,
        nonces: Some(NonceCount {
            total: 2_412,
            per_minute: 1_206,
        }),
        last_nonces_at: Some(at(0) - Duration::seconds(6)),
    };
    let mut ours = node("pocpit-153", NodeOwner::Sprint);
    ours.node.current = NodeStatus::Poc;
    ours.node.intended = NodeStatus::Poc;
    ours.node.poc_current = PocStatus::Generating;
    ours.node.poc_intended = PocStatus::Generating;
    s.nodes.rows.insert(0, ours);
    if let Some(r) = &mut s.chain.reading {
        r.view.phase = ChainPhase::PoCGenerate;
        r.view.height = Height(2_346_421);
        r.view.epoch = EpochIndex(153);
        r.view.current = stages(153, 2_346_391);
        r.view.next = stages(154, 2_361_782);
        r.stages = vec![
            stage(Milestone::PocGenerationEnd, 2_346_451, 3),
            stage(Milestone::PocValidationEnd, 2_346_576, 15),
            stage(Milestone::SetNewValidators, 2_346_581, 16),
        ];
        r.poc_start.blocks_left = Blocks(0);
        r.registration_deadline.blocks_left = Blocks(0);
    }
    s
}

pub(super) fn over(outcome: Outcome) -> Snapshot {
    let mut s = gated(Step::Done, GateKind::Start, "");
    s.sprint.gate = None;
    s.sprint.can_abort = false;
    s.sprint.doing = "Nothing of ours is left.".into();
    s.sprint.outcome = Some(outcome);
    s.money.sprint = Usd::from_dollars(17.83);
    s
}

pub(super) fn confirmed() -> Snapshot {
    over(Outcome::Confirmed {
        weight: Weight(10_412),
    })
}

pub(super) fn failed() -> Snapshot {
    over(Outcome::Failed {
        cause: Cause::new(
            "boot_stalled",
            "no progress in loading for 12 minutes on machine 4461",
        ),
    })
}

pub(super) fn trouble() -> Snapshot {
    let mut s = rented(Step::Booting);
    s.at = at(7);
    s.chain.trouble = Some("node1: could not be reached: connection refused".into());
    s.chain.stalled_since = Some(at(1));
    s.nodes.trouble = Some("list nodes: asks us to slow down (HTTP 429)".into());
    s.offers.state = SearchState::Failed("could not be reached".into());
    s.alerts = vec![Alert {
        condition: Condition::ChainUnreachable,
        level: AlertLevel::Critical,
        text: "The chain cannot be read.".into(),
        advice: "check node1".into(),
        since: at(1),
    }];
    if let Some(r) = &mut s.rental {
        r.link = LinkSnapshot::Connecting {
            attempts: 3,
            last_error: Some("Connection timed out".into()),
        };
        r.boot.fault = Some(BootFault {
            name: "cuda_oom".into(),
            evidence: "CUDA out of memory".into(),
            advice: "choose more GPU memory".into(),
            blame: Blame::Ours,
            seen_at: at(5),
        });
    }
    s
}

/// Everything is being released.
pub(super) fn releasing() -> Snapshot {
    let mut snapshot = rented(Step::Releasing);
    if let Some(rental) = &mut snapshot.rental {
        rental.releasing = true;
    }
    snapshot.sprint.release_steps = under_way();
    snapshot
}

/// A release in which the destroy was accepted, and the node does not go yet.
pub(super) fn under_way() -> Vec<ReleaseStep> {
    let second = |seconds| at(0) - Duration::seconds(seconds);
    let step = |action, started, count| ReleaseStep {
        started: Some(second(started)),
        count,
        replied: Some(second(started - 1)),
        ..ReleaseStep::of(action)
    };
    let disabled = step(ReleaseAction::DisableNode, 41, 1);
    let destroyed = step(ReleaseAction::DestroyRental, 25, 1);
    let removed = step(ReleaseAction::RemoveNode, 40, 2);
    vec![
        ReleaseStep {
            done: Some(second(40)),
            ..disabled
        },
        ReleaseStep {
            done: Some(second(24)),
            ..destroyed
        },
        ReleaseStep {
            replied: Some(second(10)),
            ..step(ReleaseAction::ProveGone, 24, 1)
        },
        ReleaseStep {
            failure: Some("HTTP 503".into()),
            ..removed
        },
        ReleaseStep::of(ReleaseAction::RegisterProxy),
    ]
}

/// The destroy has no effect: only the operator can stop the costs.
pub(super) fn not_gone() -> Snapshot {
    let mut snapshot = releasing();
    snapshot.alerts = vec![Alert {
        condition: Condition::DestroyOverdue(InstanceId(31_415_926)),
        level: AlertLevel::Critical,
        text: "instance 31415926 is still not gone 12 minutes after its destroy".into(),
        advice: Advice::with_command(
            "destroy it by hand: `vastai destroy instance 31415926`, or https://console.vast.ai/instances/ ; it costs money until then",
            "vastai destroy instance 31415926",
        ),
        since: at(-12),
    }];
    snapshot
}

pub(super) fn demo() -> Snapshot {
    let mut snapshot = rented(Step::Booting);
    snapshot.world = WorldKind::Simulated { speed: 60.0 };
    snapshot
}

/// Offers that were read a quarter of an hour ago.
pub(super) fn old_offers() -> Snapshot {
    let mut snapshot = choosing();
    snapshot.offers.read_at = Some(at(-15));
    snapshot
}

/// A start gate with a long text.
pub(super) fn risky() -> Snapshot {
    let mut s = waiting();
    s.sprint.doing = "waits for the time to rent".into();
    if let Some(gate) = &mut s.sprint.gate {
        gate.question = "Start now? Offers are searched; nothing is spent before you confirm one. \
             A confirmation PoC after the rental was given back (after_validation) would cost the \
             epoch's reward: its chance is 37 %. `pocpit plan` compares the policies."
            .into();
    }
    s
}

/// A rental that cannot be destroyed, and more.
pub(super) fn alarmed() -> Snapshot {
    let mut s = proving();
    let alert = |condition, level, minute, text: &str, advice: &str| Alert {
        condition,
        level,
        text: text.into(),
        advice: advice.into(),
        since: at(minute),
    };
    s.alerts = vec![
        alert(
            Condition::DestroyOverdue(InstanceId(28_111_222)),
            AlertLevel::Critical,
            -7,
            "instance 28111222 is still not gone 7 minutes after its destroy",
            "destroy it by hand at https://console.vast.ai/instances/ ; it costs money until then",
        ),
        alert(
            Condition::NetworkNodeDown,
            AlertLevel::Critical,
            -2,
            "the Network Node does not answer: list nodes: asks us to slow down (HTTP 429)",
            "check network_node.admin_api; a node cannot be registered without it",
        ),
        alert(
            Condition::ParametersChanged,
            AlertLevel::Notice,
            -600,
            "parameters of the chain changed: epoch_length 15391 to 15400",
            "the plan follows by itself; see whether lead and budget still fit",
        ),
    ];
    s
}

/// A waiting sprint whose journal has lost its past.
pub(super) fn lost_journal() -> Snapshot {
    let mut s = waiting();
    s.alerts = vec![Alert {
        condition: Condition::JournalLost,
        level: AlertLevel::Critical,
        text: "nothing is rented: the journal is empty or missing, but `lock` of an older journal is there, and what it knew of money spent is forgotten".into(),
        advice: Advice::with_command("agree with `pocpit accept-journal`", "pocpit accept-journal"),
        since: at(-7),
    }];
    s
}

/// A rental in use after five sprints, with everything that the charts show.
pub(super) fn with_past() -> Snapshot {
    let mut s = proving();
    let sprint = |epoch: u64, outcome: OutcomeKind, cost_usd: f64, weight: Option<u64>| {
        let ended = at(-1440 * i64::try_from(153 - epoch).unwrap());
        let span = |step, from: i64, to: i64| StepSpan {
            step,
            started: ended + Duration::minutes(from),
            ended: Some(ended + Duration::minutes(to)),
            started_height: None,
        };
        PastSprintRow {
            at: ended,
            report: SprintReport {
                replica: ReplicaId::default(),
                network_node: NetworkNodeName::default(),
                outcome,
                cause: weight
                    .is_none()
                    .then(|| "boot_stalled: no progress in loading for 12 minutes".into()),
                epoch: Some(EpochIndex(epoch)),
                weight: weight.map(Weight),
                participant_weight: weight.map(|weight| Weight(weight + 900)),
                cost_usd,
                rentals_left: Some(0),
                registrations_left: Some(0),
                charged_usd: None,
                race: None,
                proof: None,
                release_steps: Vec::new(),
                proxy_registered: None,
                node: Some(NodeId(format!("vastai-{epoch}"))),
                steps: vec![
                    span(Step::Waiting, -600, -95),
                    span(Step::Booting, -95, -70),
                    span(Step::Proving, -50, -12),
                ],
            },
            boots: vec![BootTimes {
                label: format!("pocpit/north/{epoch}/1-ab12").parse().unwrap(),
                replica: ReplicaId::default(),
                instance: Some(InstanceId(27_000_000 + epoch)),
                machine: MachineId(4_461),
                host: None,
                gpu_name: "H100 SXM".into(),
                gpu_count: 4,
                started: vec![
                    (BootStage::Placed, ended - Duration::minutes(95)),
                    (BootStage::PullingImage, ended - Duration::minutes(93)),
                    (BootStage::Ready, ended - Duration::minutes(70)),
                ],
                ended: ended - Duration::minutes(10),
                fault: None,
                meaning: StageMeaning::Stated,
                runs: 1,
            }],
            confirmation_ratio: weight.map(|_| 1.0),
            charged_usd: weight.map(|_| cost_usd + 0.31),
        }
    };
    s.history = Arc::new(vec![
        sprint(148, OutcomeKind::Confirmed, 17.2, Some(10_120)),
        sprint(149, OutcomeKind::Confirmed, 18.9, Some(10_412)),
        sprint(150, OutcomeKind::Failed, 6.4, None),
        sprint(151, OutcomeKind::Confirmed, 16.1, Some(9_980)),
        sprint(152, OutcomeKind::Confirmed, 17.83, Some(10_405)),
    ]);
    if let Some(rental) = &mut s.rental {
        rental.boot.started = vec![
            (BootStage::Placed, at(-25)),
            (BootStage::PullingImage, at(-24)),
            (BootStage::Container, at(-15)),
            (BootStage::Downloading, at(-12)),
        ];
        rental.devices = (0..4)
            .map(|index| GpuDevice {
                index,
                name: "NVIDIA H100 80GB HBM3".into(),
                total_memory_mb: 81_559,
                used_memory_mb: 61_000,
                utilization_percent: 97.0 - f64::from(index),
                temperature_c: Some(61.0),
                available: index != 3,
            })
            .collect();
    }
    if let Some(reading) = &mut s.chain.reading {
        reading.stages = vec![StageEstimate {
            epoch: EpochIndex(152),
            milestone: Milestone::InferenceValidationCutoff,
            at: reading.registration_deadline,
        }];
    }
    s
}

pub(super) fn nothing_yet() -> Snapshot {
    let mut s = waiting();
    s.chain = ChainSnapshot::default();
    s.sprint.gate = None;
    s.sprint.epoch = None;
    s.sprint.rent_at = None;
    s.offers = OffersSnapshot {
        state: SearchState::Idle,
        avoided: vec![],
        rows: Arc::default(),
        rejected: Arc::default(),
        read_at: None,
    };
    s.nodes = NodesSnapshot::default();
    s
}
