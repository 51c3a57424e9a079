//! Time per frame with a log of 1,000 to 1,000,000 lines: it must not grow with the log.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

#[path = "scene.rs"]
mod scene;

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use pocpit::engine::LogBuffer;
use pocpit::tui::message::Message;
use pocpit::tui::model::Model;

use scene::{empty, frame, line, press, update};

/// Lines that a log was given. It keeps the last [`LogBuffer::CAPACITY`] of them.
const LENGTHS: [i64; 4] = [1_000, 10_000, 100_000, 1_000_000];

fn log_of(lines: i64) -> LogBuffer {
    let mut log = LogBuffer::default();
    (0..lines).for_each(|number| log.push(line(number)));
    log
}

fn frames(criterion: &mut Criterion) {
    let states = [
        ("following", "4z"),
        ("wrapped", "4zw"),
        // A log that is gone up through from its newest line, a page a frame.
        ("wrapped, a page up", "4zw"),
        ("filter among other lines", "4z/error\n&n"),
        ("filter", "4z/error\n"),
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
    let mut group = criterion.benchmark_group("a new line with a filter and its other lines");
    for (lines, log) in &logs {
        let mut snapshot = empty();
        snapshot.boot_log = log.clone();
        let mut model = Model::new(Arc::new(snapshot.clone()));
        press(&mut model, "4z/weight\n&");
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
