//! What the cockpit shows in each state and size, and that no key spends without a `y`.
mod first_start;
mod hedge;
mod log;
mod own;
mod pointer;
mod serving;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use pocpit::domain::*;
use pocpit::engine::*;
use pocpit::tui::ExitReason;
use pocpit::tui::breakpoint::Breakpoint;
use pocpit::tui::hit_areas::{HitAreas, HitTarget};
use pocpit::tui::keymap::{Action, Keymap, markdown_table};
use pocpit::tui::message::{DrawnFrame, Message, Pointer};
use pocpit::tui::model::{Dialog, Model};
use pocpit::tui::pane::Pane;
use pocpit::tui::theme::{BackgroundShade, ColorDepth, ColorOverrides, Theme};
use pocpit::tui::view;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use strum::IntoEnumIterator as _;

const THEME: Theme = Theme {
    colors: ColorDepth::Indexed,
    background: BackgroundShade::Dark,
    unicode: true,
    overrides: ColorOverrides::NONE,
};

fn at(minute: i64) -> Time {
    Time::from_timestamp(1_790_000_000 + minute * 60, 0).unwrap()
}

fn band(minute: i64) -> TimeBand {
    TimeBand {
        p10: at(minute - 2),
        p50: at(minute),
        p90: at(minute + 2),
    }
}

fn stages(epoch: u64, start: u64) -> EpochStages {
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

fn offer(id: u64, gpu: &str, dollars: f64) -> RankedOffer {
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
            direct_ports: 100,
            location: Some("Norway, NO".into()),
            ends_at: None,
            verified: true,
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
            machine_failed: 0,
            gpu_ready: 9,
        },
        chance_to_work: 0.97,
        chance_in_time: 0.95,
    }
}

fn unspent() -> MoneySnapshot {
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
        credit: Some(Usd::from_dollars(212.4)),
        credit_floor: Usd::from_dollars(5.0),
    }
}

fn waiting() -> Snapshot {
    Snapshot {
        at: at(0),
        world: WorldKind::Simulated { speed: 60.0 },
        cockpit: "north".parse().unwrap(),
        mode: Mode::Manual,
        chain: ChainSnapshot {
            reading: Some(ChainReading {
                at: at(0),
                view: EpochView {
                    height: Height(2_345_000),
                    epoch: EpochIndex(152),
                    phase: ChainPhase::Inference,
                    current: stages(152, 2_331_000),
                    next: stages(153, 2_346_391),
                    params: EpochParams::default(),
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
        },
        sprint: SprintSnapshot {
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
        },
        offers: OffersSnapshot {
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
        },
        rental: None,
        hedge: None,
        nodes: NodesSnapshot {
            rows: vec![node("proxy-1", NodeOwner::Proxy)],
            read_at: Some(at(0)),
            trouble: None,
        },
        proxy: Some(proxy()),
        money: unspent(),
        alerts: vec![],
        history: Arc::default(),
        boot_log: BootLog::default(),
        rentals_read_at: None,
        boots: BootTally::default(),
        notices_lost: 0,
        ended: false,
    }
}

/// The inference proxy, in good health.
fn proxy() -> ProxySnapshot {
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

fn node(id: &str, owner: NodeOwner) -> NodeRow {
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
        },
    }
}

fn gated(step: Step, kind: GateKind, question: &str) -> Snapshot {
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

fn choosing() -> Snapshot {
    let mut s = gated(Step::Choosing, GateKind::Rent, "Pick an offer to rent.");
    s.sprint.doing = "3 offers fit; the best costs $19.20.".into();
    s
}

fn rented(step: Step) -> Snapshot {
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
            fault: None,
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

fn registering() -> Snapshot {
    let mut s = rented(Step::Registering);
    s.sprint.gate = Some(GateSnapshot {
        kind: GateKind::Register,
        question: "Register pocpit-153 with the Network Node?".into(),
        since: at(0),
        until: Some(at(9)),
    });
    s
}

fn proving() -> Snapshot {
    let mut s = rented(Step::Proving);
    s.sprint.release_at = Some(band(22));
    let mut ours = node("pocpit-153", NodeOwner::Sprint);
    ours.node.current = NodeStatus::Poc;
    ours.node.intended = NodeStatus::Poc;
    ours.node.poc_current = PocStatus::Generating;
    ours.node.poc_intended = PocStatus::Generating;
    s.nodes.rows.insert(0, ours);
    if let Some(r) = &mut s.chain.reading {
        r.view.phase = ChainPhase::PoCGenerate;
        r.poc_start.blocks_left = Blocks(0);
        r.registration_deadline.blocks_left = Blocks(0);
    }
    s
}

fn over(outcome: Outcome) -> Snapshot {
    let mut s = gated(Step::Done, GateKind::Start, "");
    s.sprint.gate = None;
    s.sprint.can_abort = false;
    s.sprint.doing = "Nothing of ours is left.".into();
    s.sprint.outcome = Some(outcome);
    s.money.sprint = Usd::from_dollars(17.83);
    s
}

fn confirmed() -> Snapshot {
    over(Outcome::Confirmed {
        weight: Weight(10_412),
    })
}

fn failed() -> Snapshot {
    over(Outcome::Failed {
        cause: Cause::new(
            "boot_stalled",
            "no progress in loading for 12 minutes on machine 4461",
        ),
    })
}

fn trouble() -> Snapshot {
    let mut s = rented(Step::Booting);
    s.at = at(7);
    s.chain.trouble = Some("node1: could not be reached: connection refused".into());
    s.chain.stalled_since = Some(at(1));
    s.nodes.trouble = Some("list nodes: asks us to slow down (HTTP 429)".into());
    s.offers.state = SearchState::Failed("could not be reached".into());
    s.alerts = vec![Alert {
        condition: Condition::ChainUnread,
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

/// A start gate with much to say.
/// Everything is being taken down.
fn releasing() -> Snapshot {
    let mut snapshot = rented(Step::Releasing);
    if let Some(rental) = &mut snapshot.rental {
        rental.releasing = true;
    }
    snapshot
}

/// The market does not take the destroy: money runs until somebody does it by hand.
fn not_gone() -> Snapshot {
    let mut snapshot = releasing();
    snapshot.alerts = vec![Alert {
        condition: Condition::FirstStart,
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

fn demo() -> Snapshot {
    let mut snapshot = rented(Step::Booting);
    snapshot.world = WorldKind::Simulated { speed: 60.0 };
    snapshot
}

/// Nobody has looked for a quarter of an hour.
fn old_offers() -> Snapshot {
    let mut snapshot = choosing();
    snapshot.offers.read_at = Some(at(-15));
    snapshot
}

fn risky() -> Snapshot {
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
fn alarmed() -> Snapshot {
    let mut s = proving();
    let alert = |level, minute, text: &str, advice: &str| Alert {
        condition: Condition::ChainUnread,
        level,
        text: text.into(),
        advice: advice.into(),
        since: at(minute),
    };
    s.alerts = vec![
        alert(
            AlertLevel::Critical,
            -7,
            "instance 28111222 is still not gone 7 minutes after its destroy",
            "destroy it by hand at https://console.vast.ai/instances/ ; it costs money until then",
        ),
        alert(
            AlertLevel::Warning,
            -2,
            "the Network Node does not answer: list nodes: asks us to slow down (HTTP 429)",
            "check network_node.admin_api; a node cannot be registered without it",
        ),
        alert(
            AlertLevel::Notice,
            -600,
            "parameters of the chain changed: epoch_length 15391 to 15400",
            "the plan follows by itself; see whether lead and budget still fit",
        ),
    ];
    s
}

/// A rental at work after five sprints, and all there is for pictures.
fn with_past() -> Snapshot {
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
                race: None,
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
            }],
            confirmation_ratio: weight.map(|_| 1.0),
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

fn nothing_yet() -> Snapshot {
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

fn model(snapshot: Snapshot) -> Model {
    Model::new(Arc::new(snapshot))
}

/// A view of what process 4711 drives.
fn viewer(snapshot: Snapshot) -> Model {
    Model::viewing(Arc::new(snapshot), 4711)
}

fn draw(model: &Model, size: (u16, u16), theme: Theme) -> (Terminal<TestBackend>, DrawnFrame) {
    draw_with(model, Keymap::defaults(), size, theme)
}

fn draw_with(
    model: &Model,
    keys: &Keymap,
    (width, height): (u16, u16),
    theme: Theme,
) -> (Terminal<TestBackend>, DrawnFrame) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut drawn = None;
    terminal
        .draw(|frame| {
            let area = frame.area();
            drawn = Some(view::draw(frame.buffer_mut(), area, model, keys, theme));
        })
        .unwrap();
    (terminal, drawn.unwrap())
}

fn screen(model: &Model, width: u16, height: u16) -> Terminal<TestBackend> {
    draw(model, (width, height), THEME).0
}

/// Draws as the event loop does: the model knows the layout of the frame.
fn draw_frame(model: &mut Model, size: (u16, u16)) -> Terminal<TestBackend> {
    let (terminal, drawn) = draw(model, size, THEME);
    update(model, Message::Drawn(drawn));
    terminal
}

/// A frame of this size was drawn; its layout stays as it was.
fn mark_drawn(model: &mut Model, size: Breakpoint) {
    let hit_areas = model.hit_areas.clone();
    update(model, drawn_message(size, hit_areas));
}

fn drawn_message(size: Breakpoint, hit_areas: HitAreas) -> Message {
    Message::Drawn(DrawnFrame {
        size,
        hit_areas,
        log: None,
    })
}

fn update(model: &mut Model, message: Message) -> Vec<Command> {
    pocpit::tui::update::update(model, Keymap::defaults(), message)
}

fn press(model: &mut Model, code: KeyCode) -> Vec<Command> {
    update(model, Message::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

fn type_and_draw(model: &mut Model, keys: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    for key in keys.chars() {
        let code = if key == '\n' {
            KeyCode::Enter
        } else {
            KeyCode::Char(key)
        };
        commands.extend(press(model, code));
        mark_drawn(model, Breakpoint::Normal);
    }
    commands
}

fn states() -> Vec<(&'static str, Model)> {
    let asked = |snapshot, keys| {
        let mut m = model(snapshot);
        type_and_draw(&mut m, keys);
        m
    };
    vec![
        ("waiting", model(waiting())),
        ("start_gate_in_full", asked(risky(), "a")),
        ("risky", model(risky())),
        ("alert", model(alarmed())),
        ("alerts", asked(alarmed(), "!")),
        ("palette", asked(rented(Step::Booting), ":")),
        ("palette_found", asked(rented(Step::Booting), ":abo")),
        ("compare", asked(choosing(), "cjjc")),
        ("offers_narrowed", asked(choosing(), ">>/h100")),
        ("nodes_remove", asked(proving(), "5jD")),
        ("proxy_silent", {
            let mut s = proving();
            let proxy = s.proxy.as_mut().unwrap();
            proxy.silent_since = Some(at(-3));
            asked(s, "5")
        }),
        ("proxy_without_upstream", {
            let mut s = proving();
            let figures = s.proxy.as_mut().unwrap().figures.as_mut().unwrap();
            figures.upstreams[0].health = UpstreamHealth::Resting;
            asked(s, "5")
        }),
        ("history", asked(with_past(), "7")),
        ("charts", asked(with_past(), "8")),
        ("typed_sum", {
            let mut m = model(choosing());
            m.confirm_above = Some(Usd::from_dollars(20.0));
            type_and_draw(&mut m, "\n2");
            m
        }),
        ("choosing", model(choosing())),
        ("rejected", asked(choosing(), "e")),
        ("confirm_rent", asked(choosing(), "\n")),
        ("booting", model(rented(Step::Booting))),
        ("abort", asked(rented(Step::Booting), "x")),
        ("quit", asked(rented(Step::Booting), "ql")),
        ("register_gate", model(registering())),
        ("approve_register", asked(registering(), "a")),
        ("proving", model(proving())),
        ("confirmed", model(confirmed())),
        ("failed", model(failed())),
        ("releasing", model(releasing())),
        ("not_gone", model(not_gone())),
        ("demo", model(demo())),
        ("old_offers", model(old_offers())),
        ("trouble", model(trouble())),
        ("nothing_yet", model(nothing_yet())),
        ("help", asked(waiting(), "?")),
        ("viewer", viewer(registering())),
        ("viewer_key", {
            let mut m = viewer(registering());
            type_and_draw(&mut m, "a");
            m
        }),
        ("viewer_left_behind", {
            let mut m = viewer(rented(Step::Booting));
            update(&mut m, Message::DriverEnded);
            m
        }),
    ]
}

#[test]
fn states_match_their_snapshots() {
    for (name, model) in states() {
        for (w, h) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
            insta::assert_snapshot!(format!("{name}_{w}x{h}"), screen(&model, w, h).backend());
        }
    }
    insta::assert_snapshot!("proving_40x5", screen(&model(proving()), 40, 5).backend());
}

#[test]
fn no_size_panics() {
    let mut sizes: Vec<(u16, u16)> = vec![
        (80, 24),
        (200, 60),
        (300, 100),
        (500, 10),
        (10, 300),
        (60, 16),
        (59, 16),
        (60, 15),
    ];
    for w in (0..=60).step_by(6) {
        sizes.extend((0..=60).step_by(4).map(|h| (w, h)));
    }
    for (_, mut model) in states() {
        for zoom in [false, true] {
            model.zoom = zoom;
            for &(w, h) in &sizes {
                screen(&model, w, h);
            }
        }
    }
}

#[test]
fn essentials_fit_80x24() {
    let text = screen(&model(registering()), 80, 24).backend().to_string();
    for needed in [
        "1391 bl",
        "GATE register",
        "$9.60/h",
        "spent $4.12",
        "REGISTERING",
        "quit",
        "help",
    ] {
        assert!(text.contains(needed), "{needed} is missing in:\n{text}");
    }
}

#[test]
fn failed_preflight_is_shown_early() {
    let mut snapshot = waiting();
    let obstacle = Verdict::Unmet {
        cause: "governance does not approve the model".into(),
        remedy: "set mlnode.model".into(),
    };
    let finding = |requirement, verdict| Finding {
        requirement,
        verdict,
    };
    snapshot.sprint.preflight = Some(Preflight {
        at: at(0),
        findings: vec![
            finding(Requirement::AdminApi, Verdict::Met),
            finding(Requirement::Model, obstacle),
        ],
    });
    let text = screen(&model(snapshot), 120, 40).backend().to_string();
    assert!(text.contains("Preflight not met: model"), "{text}");
}

#[test]
fn no_color_leaves_no_coloured_cell() {
    let plain = Theme {
        colors: ColorDepth::None,
        background: BackgroundShade::Dark,
        unicode: false,
        overrides: ColorOverrides::NONE,
    };
    let (terminal, _) = draw(&model(trouble()), (120, 40), plain);
    for cell in terminal.backend().buffer().content() {
        assert_eq!(
            (cell.fg, cell.bg),
            (ratatui::style::Color::Reset, ratatui::style::Color::Reset)
        );
        assert!(cell.symbol().is_ascii(), "{:?}", cell.symbol());
    }
}

#[test]
fn bindings_are_complete_and_unambiguous() {
    for (i, a) in Keymap::defaults().bindings().enumerate() {
        assert!(!a.keys.is_empty() && !a.help.is_empty(), "{a:?}");
        assert!(markdown_table().contains(a.help));
        for b in Keymap::defaults().bindings().skip(i + 1) {
            if a.context == b.context {
                assert!(
                    a.keys.iter().all(|k| !b.keys.contains(k)),
                    "{a:?} and {b:?}"
                );
                assert_ne!(a.action, b.action);
            }
        }
    }
}

#[test]
fn every_action_has_a_key() {
    // That each has a handler, the compiler sees: `act` has no arm for the rest.
    for action in Action::iter().chain(Pane::ALL.iter().copied().map(Action::Pane)) {
        assert!(
            Keymap::defaults()
                .bindings()
                .any(|row| row.action == action),
            "{action:?}"
        );
        assert!(!Keymap::defaults().key_of(action).is_empty(), "{action:?}");
    }
}

#[test]
fn renting_needs_drawn_dialog_and_y() {
    let mut m = model(choosing());
    assert_eq!(press(&mut m, KeyCode::Enter), vec![]);
    assert_eq!(
        press(&mut m, KeyCode::Char('y')),
        vec![],
        "typed before it was drawn"
    );
    mark_drawn(&mut m, Breakpoint::Normal);
    assert_eq!(
        press(&mut m, KeyCode::Char('y')),
        vec![Command::Rent {
            offer: OfferId(31_234_567),
            agreed: Usd::from_dollars(28.8)
        }]
    );
}

#[test]
fn tiny_screen_closes_dialog() {
    let mut m = model(choosing());
    press(&mut m, KeyCode::Enter);
    mark_drawn(&mut m, Breakpoint::Tiny);
    assert_eq!(press(&mut m, KeyCode::Char('y')), vec![]);
    assert_eq!(m.dialog, None);
    assert!(
        m.toast
            .as_ref()
            .is_some_and(|toast| toast.text.contains("60x16"))
    );
}

#[test]
fn enter_cancels_a_dialog() {
    let mut m = model(choosing());
    assert_eq!(type_and_draw(&mut m, "\n\ny"), vec![]);
    assert_eq!(m.dialog, None);
}

#[test]
fn rank_explanation_ignores_y() {
    let mut m = model(choosing());
    type_and_draw(&mut m, "jd");
    assert!(
        matches!(&m.dialog, Some(Dialog::Offer(row)) if Some(row.offer.id) == m.offers.selected)
    );
    let shown = screen(&m, 120, 40).backend().to_string();
    for part in [
        "expected cost",
        "2 on the machine",
        "ranked by",
        "behind offer",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    // Nothing is offered that means nothing.
    assert!(!shown.contains("y yes"), "y is offered in\n{shown}");
    assert_eq!(type_and_draw(&mut m, "y"), vec![]);
    assert!(m.dialog.is_some());
    assert_eq!(type_and_draw(&mut m, "\n"), vec![]);
    assert_eq!(m.dialog, None);
}

#[test]
fn rent_dialog_shows_remaining_caps() {
    let mut m = model(choosing());
    type_and_draw(&mut m, "\n");
    let shown = screen(&m, 120, 40).backend().to_string();
    for part in [
        "WORST CASE $28.80",
        "cap hour    $14.00 left, $4.40 after",
        "cap sprint  $40.00 left, $11.20 after",
        "cap day     $41.50 left, $12.70 after",
        "cap credit  $207.40 left, $178.60 after",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
}

#[test]
fn failed_search_differs_from_empty_market() {
    let offers = |state, read_at| {
        let mut snapshot = choosing();
        snapshot.offers.rows = Arc::default();
        snapshot.offers.state = state;
        snapshot.offers.read_at = read_at;
        screen(&model(snapshot), 120, 40).backend().to_string()
    };
    let refused = "search offers: does not accept the key (HTTP 401)";
    let unknown = offers(SearchState::Failed(refused.into()), None);
    assert!(
        unknown.contains("Offers unknown: the search failed"),
        "{unknown}"
    );
    assert!(unknown.contains(refused), "{unknown}");
    let empty = offers(SearchState::Ready, Some(at(0)));
    assert!(
        empty.contains("No usable offer") && !empty.contains("unknown:"),
        "{empty}"
    );
}

#[test]
fn avoided_machine_is_allowed_after_dialog() {
    let mut snapshot = choosing();
    snapshot.offers.avoided = vec![AvoidedMachine {
        machine: MachineId(4_711),
        until: at(120),
        reason: "boot_failed: OCI runtime create failed".into(),
        failed_boots: 2,
    }];
    let mut m = model(snapshot);
    // Outside its list the key means nothing.
    assert_eq!(type_and_draw(&mut m, "u"), vec![]);
    assert_eq!(m.dialog, None);
    type_and_draw(&mut m, "v");
    let shown = screen(&m, 120, 40).backend().to_string();
    for part in ["4711", "failed 2x", "OCI runtime create failed"] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    assert_eq!(type_and_draw(&mut m, "u"), vec![]);
    assert_eq!(
        type_and_draw(&mut m, "y"),
        vec![Command::AllowMachine(MachineId(4_711))]
    );
}

#[test]
fn higher_cost_or_gone_offer_closes_dialog() {
    for change in [
        vec![],
        vec![RankedOffer {
            worst_cost: Usd::from_dollars(28.81),
            ..offer(31_234_567, "H100 SXM", 9.6)
        }],
    ] {
        let mut m = model(choosing());
        type_and_draw(&mut m, "\n");
        let mut next = choosing();
        next.offers.rows = Arc::new(change);
        update(&mut m, Message::Snapshot(Arc::new(next)));
        assert_eq!(m.dialog, None);
        assert_eq!(type_and_draw(&mut m, "y"), vec![]);
    }
}

#[test]
fn lower_cost_keeps_dialog_and_limit() {
    let mut m = model(choosing());
    type_and_draw(&mut m, "\n");
    let mut next = choosing();
    let cheaper = RankedOffer {
        worst_cost: Usd::from_dollars(28.5),
        ..offer(31_234_567, "H100 SXM", 9.6)
    };
    next.offers.rows = Arc::new(vec![cheaper]);
    update(&mut m, Message::Snapshot(Arc::new(next)));
    assert_eq!(
        type_and_draw(&mut m, "y"),
        vec![Command::Rent {
            offer: OfferId(31_234_567),
            agreed: Usd::from_dollars(28.8)
        }]
    );
}

#[test]
fn selection_survives_offer_refresh() {
    let mut m = model(choosing());
    type_and_draw(&mut m, "j");
    let mut next = choosing();
    Arc::make_mut(&mut next.offers.rows).reverse();
    next.offers.state = SearchState::Searching;
    update(&mut m, Message::Snapshot(Arc::new(next)));
    assert_eq!(m.offers.selected, Some(OfferId(31_234_999)));
}

#[test]
fn quit_with_rental_asks_first() {
    let mut m = model(rented(Step::Booting));
    assert_eq!(type_and_draw(&mut m, "qy"), vec![]);
    assert_eq!(m.exit, None);
    assert_eq!(
        type_and_draw(&mut m, "qry"),
        vec![Command::Quit(QuitChoice::Release)]
    );
    assert_eq!(m.exit, None, "it stays to show the release");
}

#[test]
fn paused_log_ignores_new_lines() {
    let mut m = model(rented(Step::Booting));
    type_and_draw(&mut m, "kk");
    let held = m.log.anchor;
    let mut next = (*m.snapshot).clone();
    next.boot_log.push(LogLine::plain(at(1), "more"));
    update(&mut m, Message::Snapshot(Arc::new(next)));
    assert_eq!(held.map(|held| held.line), Some(37));
    assert_eq!(m.log.anchor, held);
}

#[test]
fn paste_changes_nothing() {
    let mut m = model(choosing());
    type_and_draw(&mut m, "\n");
    let before = m.dialog.clone();
    assert_eq!(update(&mut m, Message::Paste("y".into())), vec![]);
    assert_eq!(m.dialog, before);
    assert_eq!(m.focus, Pane::Offers);
}

#[test]
fn viewer_is_labelled_at_every_size() {
    let plain = Theme {
        colors: ColorDepth::None,
        background: BackgroundShade::Dark,
        unicode: false,
        overrides: ColorOverrides::NONE,
    };
    for (width, height) in [(200, 60), (120, 40), (80, 24), (60, 16), (40, 5)] {
        let (terminal, _) = draw(&viewer(proving()), (width, height), plain);
        let text = terminal.backend().to_string();
        assert!(text.contains("attached"), "{width}x{height}:\n{text}");
    }
}

#[test]
fn viewer_sends_commands_to_main_cockpit() {
    for (snapshot, keys, command) in [
        (waiting(), "s", Command::Start),
        (choosing(), "r", Command::RefreshOffers),
        (registering(), "ay", Command::Approve(GateKind::Register)),
        (rented(Step::Booting), "xy", Command::Abort),
    ] {
        let mut m = viewer(snapshot);
        assert_eq!(type_and_draw(&mut m, keys), vec![command], "{keys:?}");
        let toast = m.toast.as_ref().map(|toast| toast.text.as_str());
        assert_eq!(toast, Some("sent to the main cockpit (pid 4711)"));
    }
}

#[test]
fn orphaned_viewer_disables_command_keys() {
    type State = fn() -> Snapshot;
    let cases: [(State, &str); 6] = [
        (waiting, "s"),
        (choosing, "\n"),
        (choosing, "m"),
        (choosing, "r"),
        (registering, "a"),
        (|| rented(Step::Booting), "x"),
    ];
    for (snapshot, keys) in cases {
        let mut m = viewer(snapshot());
        update(&mut m, Message::DriverEnded);
        m.dialog = None;
        assert_eq!(type_and_draw(&mut m, keys), vec![], "{keys:?}");
        assert_eq!(m.dialog, None, "{keys:?}");
        let toast = m.toast.as_ref().map(|toast| toast.text.as_str());
        assert!(
            toast.is_some_and(|text| text.contains("the main cockpit has exited")),
            "{keys:?}: {toast:?}"
        );
        let footer = screen(&m, 200, 60).backend().to_string();
        let footer = footer.lines().last().unwrap_or_default();
        for hint in ["start", "approve", "rent", "abort", "mode", "refresh"] {
            assert!(!footer.contains(hint), "{hint} in {footer}");
        }
        assert!(
            footer.contains("quit") && footer.contains("help"),
            "{footer}"
        );
    }
}

#[test]
fn silent_viewer_shows_warning() {
    let mut m = viewer(proving());
    update(&mut m, Message::Tick(Duration::seconds(12)));
    let text = screen(&m, 80, 24).backend().to_string();
    assert!(
        text.contains("No data from the main cockpit (pid 4711) for 12s"),
        "{text}"
    );
    update(&mut m, Message::Snapshot(Arc::new(proving())));
    let text = screen(&m, 80, 24).backend().to_string();
    assert!(!text.contains("No data"), "{text}");
}

#[test]
fn viewer_quits_without_dialog() {
    let mut m = viewer(rented(Step::Booting));
    assert_eq!(type_and_draw(&mut m, "q"), vec![]);
    assert_eq!(m.exit, Some(ExitReason::Quit));
}

#[test]
fn orphaned_viewer_stays_until_quit() {
    let mut m = viewer(rented(Step::Booting));
    let mut last = rented(Step::Done);
    last.ended = true;
    update(&mut m, Message::Snapshot(Arc::new(last)));
    update(&mut m, Message::DriverEnded);
    assert_eq!((m.exit, &m.dialog), (None, &Some(Dialog::LeaveViewer)));
    // To stay and look is the default.
    mark_drawn(&mut m, Breakpoint::Normal);
    assert_eq!(type_and_draw(&mut m, "\n"), vec![]);
    assert_eq!(m.exit, None);
    let text = screen(&m, 80, 24).backend().to_string();
    assert!(
        text.contains("4711 EXITED") && text.contains("q quits"),
        "{text}"
    );
    type_and_draw(&mut m, "q");
    assert_eq!(m.exit, Some(ExitReason::Quit));
}

fn any_message() -> impl Strategy<Value = Message> {
    let key = |code| Message::Key(KeyEvent::new(code, KeyModifiers::NONE));
    prop_oneof![
        4 => (0_u16..80, 0_u16..24).prop_map(|(x, y)| Message::Pointer(Pointer::Click((x, y).into()))),
        8 => proptest::sample::select("yansqxmrejkz?lhpfwGvud123456789 /&tSc[]N:!<>iADb-o".chars().collect::<Vec<_>>()).prop_map(move |c| key(KeyCode::Char(c))),
        2 => proptest::sample::select(vec![KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::Backspace]).prop_map(key),
        3 => Just(drawn_message(Breakpoint::Normal, HitAreas::default())),
        1 => Just(drawn_message(Breakpoint::Tiny, HitAreas::default())),
        1 => Just(Message::Paste("y".into())),
        1 => proptest::sample::select(vec![choosing as fn() -> Snapshot, registering, with_past, confirmed])
            .prop_map(|make| Message::Snapshot(Arc::new(make()))),
    ]
}

/// What a command needs to have been on the screen when `y` was pressed.
fn agrees(dialog: &Dialog, command: &Command) -> bool {
    match (dialog, command) {
        (Dialog::Rent(row), Command::Rent { offer, agreed }) => {
            row.offer.id == *offer && row.worst_cost == *agreed
        }
        (Dialog::Abort, Command::Abort) | (Dialog::Auto, Command::SetMode(Mode::Auto)) => true,
        (Dialog::Approve(a), Command::Approve(b)) => a == b,
        (Dialog::Allow(a), Command::AllowMachine(b)) => a == b,
        (Dialog::Avoid(a), Command::AvoidMachine(b)) => a == b,
        (
            Dialog::Node {
                node: a, change: x, ..
            },
            Command::ChangeNode { node: b, change: y },
        ) => a == b && x == y,
        (Dialog::Quit(Some(a)), Command::Quit(b)) => a == b,
        _ => false,
    }
}

proptest! {
    #[test]
    fn dangerous_commands_need_drawn_consent(
        messages in proptest::collection::vec(any_message(), 0..60),
        confirm_above in proptest::option::of(0_i64..40),
        start in proptest::sample::select(vec![model as fn(Snapshot) -> Model, viewer]),
    ) {
        let mut m = start(choosing());
        m.confirm_above = confirm_above.map(|dollars| Usd(dollars * 1_000_000));
        let mut drawn: Option<Dialog> = None;
        for mut message in messages {
            if let Message::Drawn(frame) = &mut message {
                draw_frame(&mut m, (80, 24));
                frame.hit_areas.clone_from(&m.hit_areas);
                drawn.clone_from(&m.dialog);
            }
            let open = m.dialog.clone();
            let was_rented = m.is_rented();
            let consent = match (&message, m.confirmation_word()) {
                (Message::Pointer(Pointer::Click(place)), None) => {
                    m.hit_areas.at(*place) == Some(&HitTarget::Action(Action::Confirm))
                }
                (Message::Key(key), None) => key.code == KeyCode::Char('y'),
                (Message::Key(key), Some(word)) => key.code == KeyCode::Enter && m.answer.typed == word,
                _ => false,
            };
            for command in update(&mut m, message) {
                let harmless = match &command {
                    Command::Start | Command::RefreshOffers | Command::SetMode(Mode::Manual) => true,
                    Command::Quit(QuitChoice::Detach) => !was_rented,
                    _ => false,
                };
                let agreed = consent && drawn.is_some() && open.as_ref().is_some_and(|d| agrees(d, &command));
                prop_assert!(harmless || agreed, "{command:?} with {open:?}");
            }
            if m.dialog.is_none() {
                drawn = None;
            }
        }
    }
}

proptest! {
    #[test]
    fn viewer_never_quits_main_cockpit(
        messages in proptest::collection::vec(any_message(), 0..60),
    ) {
        let mut m = viewer(choosing());
        for (place, message) in messages.into_iter().enumerate() {
            let commands = update(&mut m, message);
            prop_assert!(!commands.iter().any(|command| matches!(command, Command::Quit(_))));
            prop_assert!(place <= 30 || commands.is_empty(), "{commands:?}");
            if place == 30 {
                update(&mut m, Message::DriverEnded);
            }
        }
    }
}

#[test]
fn alert_line_fits_every_size() {
    for (width, height) in [(200, 60), (120, 40), (80, 24), (60, 16)] {
        let text = screen(&model(alarmed()), width, height)
            .backend()
            .to_string();
        let line = text.lines().next().unwrap_or_default();
        assert!(
            line.contains("CRITICAL") && line.contains("28111222") && line.contains("+2 !"),
            "{width}x{height}: {line}"
        );
    }
}

#[test]
fn alert_list_shows_age_and_advice() {
    let mut m = model(alarmed());
    assert_eq!(type_and_draw(&mut m, "!"), vec![]);
    let text = screen(&m, 120, 40).backend().to_string();
    for part in [
        "for 7m 00s",
        "https://console.vast.ai/instances/",
        "for 10h 00m",
        "3 alerts, 1 CRITICAL",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    type_and_draw(&mut m, "!");
    assert_eq!(m.overlay, None);
}

#[test]
fn long_gate_text_keeps_steps_visible() {
    let text = screen(&model(risky()), 80, 24).backend().to_string();
    for step in ["waiting", "renting", "warming", "proving", "releasing"] {
        assert!(text.contains(step), "{step} is not in\n{text}");
    }
    let mut m = model(risky());
    type_and_draw(&mut m, "a");
    let text = screen(&m, 80, 24).backend().to_string();
    for part in ["its chance is 37", "compares the policies.", "y  approve"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn essentials_fit_60x16() {
    let text = screen(&model(registering()), 60, 16).backend().to_string();
    for needed in [
        "no alerts",
        "$9.60/h",
        "spent $4.12",
        "until",
        "sprint $40.00",
        "2h 16m",
        "REGISTERING",
        "GATE register: a approves, 9m 00s left",
        "Registrations",
        "quit",
    ] {
        assert!(text.contains(needed), "{needed} is missing in:\n{text}");
    }
}

#[test]
fn palette_action_opens_its_dialog() {
    let mut m = model(rented(Step::Booting));
    type_and_draw(&mut m, ":abort");
    let text = screen(&m, 80, 24).backend().to_string();
    assert!(text.contains("Abort the sprint"), "{text}");
    assert_eq!(type_and_draw(&mut m, "\n"), vec![]);
    assert_eq!((&m.overlay, &m.dialog), (&None, &Some(Dialog::Abort)));
    assert_eq!(type_and_draw(&mut m, "y"), vec![Command::Abort]);
}

#[test]
fn palette_focuses_pane_of_action() {
    let mut m = model(rented(Step::Booting));
    type_and_draw(&mut m, "5:wraplong\n");
    assert_eq!(m.focus, Pane::Boot);
    assert_eq!(m.log.long, pocpit::tui::log::LongLines::Wrap);
}

#[test]
fn disabled_palette_action_shows_reason() {
    let mut m = model(waiting());
    assert_eq!(type_and_draw(&mut m, ":abort\n"), vec![]);
    assert_eq!(m.dialog, None);
    let toast = m.toast.as_ref().map(|toast| toast.text.as_str());
    assert_eq!(toast, Some("nothing to abort"));
}

#[test]
fn large_sum_must_be_typed() {
    let mut m = model(choosing());
    m.confirm_above = Some(Usd::from_dollars(20.0));
    assert_eq!(type_and_draw(&mut m, "\ny\n"), vec![], "y is no sum");
    assert!(m.dialog.is_some(), "it asks again");
    assert_eq!(
        type_and_draw(&mut m, "28\n"),
        vec![],
        "less than the worst case"
    );
    assert_eq!(
        type_and_draw(&mut m, "29\n"),
        vec![Command::Rent {
            offer: OfferId(31_234_567),
            agreed: Usd::from_dollars(28.8)
        }]
    );
    let mut m = model(choosing());
    m.confirm_above = Some(Usd::from_dollars(20.0));
    assert_eq!(type_and_draw(&mut m, "\n\n"), vec![]);
    assert_eq!(m.dialog, None, "Enter alone is no agreement");
}

#[test]
fn offers_sort_and_filter_keep_selection() {
    let mut m = model(choosing());
    let shown = |m: &Model| -> Vec<u64> {
        let rows = 0..m.offers.len();
        rows.map(|row| m.offers.row(row).unwrap().1.offer.id.0)
            .collect()
    };
    type_and_draw(&mut m, "j>>i");
    assert_eq!(
        shown(&m),
        [30_000_001, 31_234_999, 31_234_567],
        "dearest first"
    );
    assert_eq!(m.offers.selected, Some(OfferId(31_234_999)));
    type_and_draw(&mut m, "/nvl");
    assert_eq!(shown(&m), [31_234_999], "without Enter");
    press(&mut m, KeyCode::Esc);
    assert_eq!(m.offers.len(), 3);
    type_and_draw(&mut m, "/h200\n");
    assert_eq!(
        m.offers.selected,
        Some(OfferId(30_000_001)),
        "the first that is shown"
    );
    press(&mut m, KeyCode::Esc);
    assert_eq!(m.offers.len(), 3, "Esc shows all again");
}

#[test]
fn rent_uses_selection_in_any_order() {
    let mut m = model(choosing());
    type_and_draw(&mut m, ">>ig\n");
    assert!(matches!(&m.dialog, Some(Dialog::Rent(row)) if row.offer.id == OfferId(30_000_001)));
}

#[test]
fn compare_shows_savings() {
    let mut m = model(choosing());
    assert_eq!(type_and_draw(&mut m, "cjc"), vec![]);
    let text = screen(&m, 80, 24).backend().to_string();
    for part in [
        "offer 31234567",
        "offer 31234999",
        "$28.80",
        "$31.20",
        "less a success",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert_eq!(type_and_draw(&mut m, "y"), vec![]);
}

#[test]
fn machine_is_avoided_after_dialog() {
    let mut m = model(choosing());
    assert_eq!(type_and_draw(&mut m, "A"), vec![]);
    assert_eq!(
        type_and_draw(&mut m, "y"),
        vec![Command::AvoidMachine(MachineId(31_234_567 / 7))]
    );
}

#[test]
fn foreign_node_needs_typed_name() {
    let mut snapshot = proving();
    snapshot.nodes.rows.push(node("big-iron", NodeOwner::Other));
    let mut m = model(snapshot);
    let change = |node: &str, change| Command::ChangeNode {
        node: NodeId(node.into()),
        change,
    };
    type_and_draw(&mut m, "5");
    assert_eq!(
        type_and_draw(&mut m, "dy"),
        vec![change("pocpit-153", NodeChange::Disable)]
    );
    assert_eq!(type_and_draw(&mut m, "jjDy\n"), vec![], "y is not its name");
    assert_eq!(
        type_and_draw(&mut m, "big-iron\n"),
        vec![change("big-iron", NodeChange::Remove)]
    );
}

#[test]
fn history_shows_details_and_opens_log() {
    let mut m = model(with_past());
    type_and_draw(&mut m, "7jj");
    let text = screen(&m, 120, 40).backend().to_string();
    for part in [
        "5 sprints, 4 with weight",
        "boot_stalled",
        "booting 25m",
        "image pull 23m",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    type_and_draw(&mut m, "\n");
    let asked = matches!(&m.effects.task, Some(pocpit::tui::task::Task::ReadLog(id, _)) if id.0 == 27_000_150);
    assert!(asked, "{:?}", m.effects.task);
    let mut log = BootLog::default();
    log.push(LogLine::plain(at(-99), "what was said then"));
    update(
        &mut m,
        Message::PastLog(InstanceId(27_000_150), Box::new(log)),
    );
    let text = screen(&m, 120, 40).backend().to_string();
    assert!(
        text.contains("LOG OF PAST RENTAL 27000150") && text.contains("what was said then"),
        "{text}"
    );
    update(&mut m, Message::Snapshot(Arc::new(with_past())));
    assert_eq!(m.log.log.len(), 1, "what runs does not push it aside");
    type_and_draw(&mut m, "b");
    assert_eq!(m.log.log.len(), 40);
}

#[test]
fn charts_show_gpus_stages_and_epochs() {
    let mut m = model(with_past());
    type_and_draw(&mut m, "8z");
    for (width, height) in [(80, 24), (200, 60)] {
        let text = screen(&m, width, height).backend().to_string();
        for part in [
            "GPU 3",
            "NOT USABLE",
            "image pull",
            "block time",
            "weight",
            "Epoch 152",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}

#[test]
fn new_alert_and_gate_ring_once() {
    let mut m = model(proving());
    let mut rings = |snapshot: Snapshot| {
        update(&mut m, Message::Snapshot(Arc::new(snapshot)));
        m.effects.bell.take()
    };
    let critical = rings(alarmed()).unwrap_or_default();
    assert!(critical.contains("28111222"), "{critical}");
    let mut later = alarmed();
    later.alerts[0].text = "instance 28111222 is still not gone 8 minutes after its destroy".into();
    assert_eq!(rings(later), None, "it is the same one");
    assert_eq!(rings(proving()), None, "it is over");
    let gate = rings(registering());
    assert_eq!(gate.as_deref(), Some("the register gate waits for you"));
    assert_eq!(rings(registering()), None);
}

#[test]
fn window_title_shows_step_and_price() {
    assert_eq!(
        model(registering()).title(),
        "pocpit: REGISTERING GATE register $9.60/h, PoC in 2h 16m"
    );
}

/// A letter for each style, row by row: what a text of the screen does not tell.
fn styles(model: &Model, theme: Theme) -> String {
    let (terminal, _) = draw(model, (80, 24), theme);
    let buffer = terminal.backend().buffer();
    let mut known = Vec::new();
    let mut map = String::new();
    for y in 0..24 {
        for x in 0..80 {
            let style = buffer[(x, y)].style();
            let place = known.iter().position(|seen| *seen == style);
            let place = place.unwrap_or_else(|| {
                known.push(style);
                known.len() - 1
            });
            map.push(char::from(b'a' + u8::try_from(place).unwrap()));
        }
        map.push('\n');
    }
    for (style, letter) in known.iter().zip('a'..) {
        let (ink, paper) = (style.fg.unwrap_or_default(), style.bg.unwrap_or_default());
        let _ = writeln!(map, "{letter}: {ink} on {paper} {:?}", style.add_modifier);
    }
    map
}

#[test]
fn styles_match_their_snapshots() {
    let themes = [
        ("256_dark", ColorDepth::Indexed, BackgroundShade::Dark),
        ("true_light", ColorDepth::True, BackgroundShade::Light),
        ("none", ColorDepth::None, BackgroundShade::Dark),
    ];
    for (name, colors, background) in themes {
        let theme = Theme {
            colors,
            background,
            unicode: true,
            overrides: ColorOverrides::NONE,
        };
        for (state, model) in [("alert", model(alarmed())), ("choosing", model(choosing()))] {
            insta::assert_snapshot!(format!("styles_{state}_{name}"), styles(&model, theme));
        }
    }
}

#[test]
fn help_blocks_command_keys() {
    let mut m = model(waiting());
    assert_eq!(type_and_draw(&mut m, "?smra"), vec![]);
    assert!(m.overlay.is_some() && m.dialog.is_none());
    assert_eq!(type_and_draw(&mut m, "?s"), vec![Command::Start]);
}

#[test]
fn help_loses_no_letter() {
    let mut m = model(waiting());
    type_and_draw(&mut m, "?");
    // Widths at which the box is as wide as the screen.
    for width in [60, 80, 96] {
        let text = screen(&m, width, 240).backend().to_string();
        let rows = text.lines().filter_map(|row| row.split('│').nth(1));
        let shown: Vec<&str> = rows.flat_map(str::split_whitespace).collect();
        let shown = shown.join(" ");
        for binding in Keymap::defaults().bindings() {
            let help = binding.help;
            assert!(shown.contains(help), "{width}: {help:?} is not in\n{text}");
        }
    }
}
