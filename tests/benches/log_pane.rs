//! Time per frame with a log of 1,000 to 1,000,000 lines: it must not grow with the log.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use pocpit::domain::{LogLine, Mode, ReleasePolicy, Step, Time};
use pocpit::engine::{
    BootLog, ChainSnapshot, MoneySnapshot, NodesSnapshot, OffersSnapshot, SearchState, Snapshot,
    SprintSnapshot, WorldKind,
};
use pocpit::tui::message::Message;
use pocpit::tui::model::Model;
use pocpit::tui::theme::{Colors, Ground, Theme};
use pocpit::tui::update::update;
use pocpit::tui::view;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Lines that a log was given. It keeps the last [`BootLog::CAPACITY`] of them.
const LENGTHS: [i64; 4] = [1_000, 10_000, 100_000, 1_000_000];
const SCREEN: Rect = Rect::new(0, 0, 200, 60);
const THEME: Theme = Theme {
    colors: Colors::Indexed,
    ground: Ground::Dark,
    unicode: true,
};

fn line(number: i64) -> LogLine {
    let at = Time::from_timestamp(1_790_000_000 + number / 10, 0).unwrap();
    let kind = if number % 100 == 7 { "ERROR" } else { "INFO" };
    let text = format!(
        "{kind} 11-25 00:54:07 [weight_utils.py:{number}] Time spent downloading weights for the model: 412.73 seconds, from the hub by 16 threads, at the end of which another hundred characters follow so that it wraps"
    );
    LogLine::plain(at, text)
}

fn log_of(lines: i64) -> BootLog {
    let mut log = BootLog::default();
    (0..lines).for_each(|number| log.push(line(number)));
    log
}

fn empty() -> Snapshot {
    let (mode, release_policy) = (Mode::Manual, ReleasePolicy::AfterValidation);
    Snapshot {
        at: Time::from_timestamp(1_790_200_000, 0).unwrap(),
        world: WorldKind::Real,
        cockpit: "bench".parse().unwrap(),
        mode,
        chain: ChainSnapshot::default(),
        sprint: SprintSnapshot {
            epoch: None,
            step: Step::Booting,
            doing: String::new(),
            spans: Vec::new(),
            gate: None,
            preflight: None,
            rent_at: None,
            cause: None,
            release_at: None,
            release_policy,
            outcome: None,
            attempts: 1,
            can_abort: true,
        },
        offers: OffersSnapshot {
            state: SearchState::Idle,
            rows: Arc::default(),
            rejected: Arc::default(),
            avoided: Vec::new(),
            read_at: None,
        },
        rental: None,
        nodes: NodesSnapshot::default(),
        money: MoneySnapshot::default(),
        alerts: Vec::new(),
        history: Arc::default(),
        boot_log: BootLog::default(),
        ended: false,
    }
}

fn press(model: &mut Model, keys: &str) {
    for letter in keys.chars() {
        let code = match letter {
            '\n' => KeyCode::Enter,
            letter => KeyCode::Char(letter),
        };
        let key = KeyEvent::new(code, KeyModifiers::NONE);
        update(model, Message::Key(key));
        frame(model);
    }
}

fn frame(model: &mut Model) {
    let mut buffer = Buffer::empty(SCREEN);
    if let Some(size) = view::draw(&mut buffer, SCREEN, model, THEME) {
        update(model, Message::LogDrawn(size));
    }
    black_box(buffer);
}

fn frames(criterion: &mut Criterion) {
    let states = [
        ("following", "4z"),
        ("wrapped", "4zw"),
        // A log that is gone up through from its newest line, a page a frame.
        ("wrapped, a page up", "4zw"),
        ("search", "4z/error\n"),
        ("filter", "4z&error\n"),
    ];
    let logs = LENGTHS.map(|lines| (lines, log_of(lines)));
    for (name, keys) in states {
        let mut group = criterion.benchmark_group(name);
        for (lines, log) in &logs {
            let mut snapshot = empty();
            snapshot.boot_log = log.clone();
            let mut model = Model::new(Arc::new(snapshot));
            press(&mut model, keys);
            let turns_pages = name.ends_with("page up");
            group.bench_function(BenchmarkId::from_parameter(lines), |bencher| {
                bencher.iter(|| {
                    if turns_pages {
                        let key = KeyEvent::new(KeyCode::PageUp, KeyModifiers::NONE);
                        update(&mut model, Message::Key(key));
                    }
                    frame(&mut model);
                });
            });
        }
        group.finish();
    }
    let mut group = criterion.benchmark_group("a new line with search and filter on");
    for (lines, log) in &logs {
        let mut snapshot = empty();
        snapshot.boot_log = log.clone();
        let mut model = Model::new(Arc::new(snapshot.clone()));
        press(&mut model, "4z&error\n/weight\n");
        let mut number = *lines;
        group.bench_function(BenchmarkId::from_parameter(lines), |bencher| {
            bencher.iter(|| {
                snapshot.boot_log.push(line(number));
                number += 1;
                update(&mut model, Message::Snapshot(Arc::new(snapshot.clone())));
                frame(&mut model);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, frames);
criterion_main!(benches);
