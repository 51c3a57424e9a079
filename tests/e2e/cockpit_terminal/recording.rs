//! The recording at the top of the README: a sprint of the demo by hand, as a picture that moves.

use std::time::Duration;

use super::{Scene, Terminal, picture, play_sprint};

/// What the recording must show, in this order.
const SHOWN: [&str; 12] = [
    "s: start",
    "$/success",
    "Rent offer",
    "BOOT ",
    "WARM ",
    "Loading safetensors",
    "register the node",
    "Register rental",
    "generation",
    "a: release",
    "Release rental",
    "CONFIRMED",
];

/// Screens with the seconds that they are shown for.
type Frames = Vec<(vt100::Screen, u32)>;

/// Keeps the screen as it is when it has settled.
fn keep(terminal: &Terminal, frames: &mut Frames, seconds: u32) {
    std::thread::sleep(Duration::from_millis(300));
    let screen = terminal.screen.lock().unwrap().screen().clone();
    frames.push((screen, seconds));
}

fn record() -> String {
    let mut frames = Frames::new();
    let arguments = ["demo", "--speed", "60", "--seed", "1"];
    let mut terminal = Terminal::start(100, 30, &arguments);
    play_sprint(&mut terminal, |terminal, scene| {
        let awaited: &[&str] = match scene {
            Scene::Booting => &["BOOT ", "WARM ", "Loading safetensors", "register the node"],
            Scene::Proving => &["Generated:", "a: release"],
            _ => &[],
        };
        if awaited.is_empty() {
            let seconds = if scene == Scene::Confirmed { 5 } else { 3 };
            keep(terminal, &mut frames, seconds);
        }
        for what in awaited {
            terminal.until(what);
            keep(terminal, &mut frames, 3);
        }
    });
    picture::animation(&frames)
}

#[test]
fn recorded_demo_shows_a_whole_sprint() {
    let path = format!("{}/assets/demo.svg", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("POCPIT_UPDATE").is_some() {
        std::fs::write(&path, record()).unwrap();
    }
    let recorded = std::fs::read_to_string(path).expect("the recording");
    let mut rest = recorded.as_str();
    for what in SHOWN {
        let found = rest.find(what);
        let at = found.unwrap_or_else(|| {
            panic!("{what} is not in the recording: run this test with POCPIT_UPDATE=1")
        });
        rest = &rest[at..];
    }
}
