//! How the cockpit feels: from a key to its frame while a log floods in, a frame beside ratatui's own
//! empty one, and a frame by the number of offers and of replicas. Prints the median and the 99th of 100.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

#[path = "scene.rs"]
mod scene;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use pocpit::domain::{
    AccountName, BootTime, MachineId, NetworkNodeName, Offer, OfferId, OwnBoots, RankedOffer, Usd,
    UsdPerHour,
};
use pocpit::engine::{LogBuffer, ReplicaSnapshot, Snapshot};
use pocpit::tui::keymap::Keymap;
use pocpit::tui::message::Message;
use pocpit::tui::model::Model;
use pocpit::tui::view;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const ROUNDS: usize = 1_000;
/// Lines that come between two frames, 40 ms apart, of 50,000 a second.
const LINES: i64 = 2_000;

fn main() {
    let empty = measured(&mut screen(), |terminal| {
        terminal.draw(|_| {}).unwrap();
    });
    told("ratatui's own empty frame", &empty);
    let nothing = median(&empty);
    for offers in [10, 100, 1_000, 10_000] {
        let mut model = Model::new(Arc::new(with_offers(offers)));
        press(&mut model, KeyCode::Char('3'));
        let name = format!("frame with {offers} offers, a row down");
        let times = measured(&mut screen(), |terminal| {
            press(&mut model, KeyCode::Down);
            draw(terminal, &mut model);
        });
        told(&name, &times);
    }
    for replicas in [1, 50, 500] {
        let mut model = Model::new(Arc::new(with_replicas(replicas)));
        press(&mut model, KeyCode::Char('0'));
        scene::frame(&mut model);
        let name = format!("frame with {replicas} replicas, a row down");
        let times = measured(&mut screen(), |terminal| {
            press(&mut model, KeyCode::Down);
            draw(terminal, &mut model);
        });
        told(&name, &times);
        let times_empty = median(&times).as_secs_f64() / nothing.as_secs_f64();
        println!("{:<42} {times_empty:>8.2} of an empty frame", "");
    }
    let mut snapshot = scene::empty();
    let mut model = Model::new(Arc::new(snapshot.clone()));
    press(&mut model, KeyCode::Char('4'));
    let mut number = 0;
    let mut terminal = screen();
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        for _ in 0..LINES {
            snapshot.boot_log.push(scene::line(number));
            number += 1;
        }
        let next = Arc::new(snapshot.clone());
        let began = Instant::now();
        scene::update(&mut model, Message::Snapshot(next));
        press(&mut model, KeyCode::Char('w'));
        draw(&mut terminal, &mut model);
        times.push(began.elapsed());
    }
    times.sort();
    told("key to frame at 50,000 lines a second", &times);
}

fn screen() -> Terminal<TestBackend> {
    Terminal::new(TestBackend::new(200, 60)).unwrap()
}

fn draw(terminal: &mut Terminal<TestBackend>, model: &mut Model) {
    let mut drawn = None;
    terminal
        .draw(|frame| {
            let area = frame.area();
            let keys = Keymap::defaults();
            drawn = Some(view::draw(
                frame.buffer_mut(),
                area,
                model,
                keys,
                scene::THEME,
            ));
        })
        .unwrap();
    scene::update(model, Message::Drawn(drawn.unwrap()));
    black_box(terminal.backend());
}

fn press(model: &mut Model, code: KeyCode) {
    scene::update(model, Message::Key(KeyEvent::new(code, KeyModifiers::NONE)));
}

fn measured(
    terminal: &mut Terminal<TestBackend>,
    mut round: impl FnMut(&mut Terminal<TestBackend>),
) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            round(terminal);
            began.elapsed()
        })
        .collect();
    times.sort();
    times
}

fn median(times: &[Duration]) -> Duration {
    times[(times.len() - 1) / 2]
}

fn told(what: &str, times: &[Duration]) {
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    println!("{what:<42} {:>9.1?} median {:>9.1?} p99", at(50), at(99));
}

fn with_replicas(count: u64) -> Snapshot {
    let mut snapshot = scene::empty();
    let replicas = (1..=count).map(|number| {
        Arc::new(ReplicaSnapshot {
            id: format!("minimax/{number}").parse().unwrap(),
            mode: snapshot.mode,
            sprint: snapshot.sprint.clone(),
            rental: None,
            hedge: None,
            node: None,
            network_node: NetworkNodeName::default(),
            account: AccountName::default(),
            spent: Usd::ZERO,
            caps: snapshot.money.caps.clone(),
            pool_hour: None,
            refused: None,
            boot_log: LogBuffer::default(),
        })
    });
    let replicas = replicas.collect();
    snapshot.replicas = replicas;
    snapshot
}

fn with_offers(count: u64) -> Snapshot {
    let mut snapshot = scene::empty();
    snapshot.offers.rows = Arc::new((0..count).map(offer).collect());
    snapshot
}

#[expect(clippy::cast_precision_loss, reason = "prices that differ")]
fn offer(id: u64) -> RankedOffer {
    let price = UsdPerHour::from_dollars(8.0 + id as f64 / 1000.0);
    RankedOffer {
        offer: Offer {
            id: OfferId(id),
            machine: MachineId(id / 2),
            host: None,
            gpu_name: "H100 SXM".into(),
            gpu_count: 4,
            gpu_memory_mb: 81_559,
            disk_gb: 800.0,
            disk_mb_per_s: None,
            download_mbps: 4200.0,
            upload_mbps: 3800.0,
            gpu_price: price,
            storage_per_gb_month: Usd::ZERO,
            download_per_gb: Usd::ZERO,
            upload_per_gb: Usd::ZERO,
            reliability: 0.993,
            cuda: None,
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
        session: pocpit::domain::Duration::minutes(115),
        gpu_cost: Usd::from_dollars(17.0),
        storage_cost: Usd::ZERO,
        traffic_cost: Usd::ZERO,
        worst_cost: Usd::from_dollars(28.0),
        boot: BootTime {
            median: pocpit::domain::Duration::minutes(24),
            spread: 0.3,
        },
        boot_within: None,
        own_boots: OwnBoots {
            machine_ready: 0,
            machine_timed: 0,
            machine_failed: 0,
            gpu_ready: 0,
        },
        chance_to_work: 0.97,
        chance_in_time: 0.95,
    }
}
