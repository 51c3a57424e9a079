//! Time per frame with a log of 1,000 to 1,000,000 lines: it must not grow with the log.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

mod scene;

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use pocpit::domain::{LogLine, Time};
use pocpit::engine::BootLog;
use pocpit::tui::message::Message;
use pocpit::tui::model::Model;
use pocpit::tui::update::update;

use scene::{empty, frame, press};

/// Lines that a log was given. It keeps the last [`BootLog::CAPACITY`] of them.
const LENGTHS: [i64; 4] = [1_000, 10_000, 100_000, 1_000_000];

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
