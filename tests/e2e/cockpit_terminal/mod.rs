//! The program in a pseudo-terminal, operated by keys as an operator does.

use std::io::{Read as _, Write as _};
mod cap;
mod first_start;
mod journal;
mod log;
mod mouse;
mod picture;
mod recording;
mod release;
mod viewer;

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::sim::Sim;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Nothing here takes this long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(50);

fn some(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}

struct Terminal {
    /// Our side: output, and keys. Absent after a hangup.
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn std::io::Write + Send>>,
    reader: Option<std::thread::JoinHandle<()>>,
    closing: Arc<AtomicBool>,
    child: Box<dyn Child + Send + Sync>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// Everything that the program wrote.
    output: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Starts the program in a terminal of this size.
    fn start(columns: u16, rows: u16, arguments: &[&str]) -> Terminal {
        Terminal::start_with(columns, rows, arguments, &[])
    }

    /// The same, with these variables in its environment.
    fn start_with(
        columns: u16,
        rows: u16,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Terminal {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_pocpit"));
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        for (name, value) in environment {
            command.env(name, value);
        }
        command.env("LC_ALL", "C.UTF-8");
        command.env_remove("NO_COLOR");
        // This terminal is no tmux, whatever the tests run in.
        command.env_remove("TMUX");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut output = pair.master.try_clone_reader().unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(
            some(rows),
            some(columns),
            2_000,
        )));
        let parser = screen.clone();
        let written = Arc::new(Mutex::new(Vec::new()));
        let all = written.clone();
        let closing = Arc::new(AtomicBool::new(false));
        let closed = closing.clone();
        let reader = std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(count) = output.read(&mut buffer) {
                if count == 0 || closed.load(Ordering::Relaxed) {
                    return;
                }
                parser.lock().unwrap().process(&buffer[..count]);
                all.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Terminal {
            master: Some(pair.master),
            keys: Some(keys),
            reader: Some(reader),
            closing,
            child,
            screen,
            output: written,
        }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn until(&self, what: &str) {
        self.until_any(&[what]);
    }

    /// Waits until the screen shows one of these.
    fn until_any(&self, wanted: &[&str]) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let text = self.text();
            if let Some(found) = wanted.iter().find(|what| text.contains(**what)) {
                return (*found).to_owned();
            }
            assert!(Instant::now() < end, "{wanted:?} never showed:\n{text}");
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn press(&mut self, keys: &str) {
        let writer = self.keys.as_mut().expect("it was not hung up");
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.screen
            .lock()
            .unwrap()
            .screen_mut()
            .set_size(some(rows), some(columns));
        let master = self.master.as_ref().expect("it was not hung up");
        master
            .resize(PtySize {
                rows,
                cols: columns,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
    }

    /// Closes the terminal: the program's side of it is gone.
    fn hang_up(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        // The countdown writes every second: the reader notices soon.
        self.reader.take().unwrap().join().unwrap();
        self.keys = None;
        self.master = None;
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for the program's end; its exit code.
    fn end(mut self) -> (u32, bool) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                // The reader may still be a step behind.
                std::thread::sleep(LOOK_EVERY);
                let parser = self.screen.lock().unwrap();
                let screen = parser.screen();
                let restored = !screen.alternate_screen()
                    && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None;
                return (status.exit_code(), restored);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        panic!("it did not end:\n{}", self.text());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that failed in the middle must not leave a world running.
        let _ = self.child.kill();
    }
}

/// Where a sprint by hand has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    Waiting,
    Offers,
    AskedToRent,
    Booting,
    AskedToRegister,
    Proving,
    AskedToRelease,
    Confirmed,
}

/// Start, pick, confirm, approve to the end. `watch` sees each scene before the next key.
fn play_sprint(terminal: &mut Terminal, mut watch: impl FnMut(&Terminal, Scene)) {
    terminal.until("s: start");
    watch(terminal, Scene::Waiting);
    terminal.press("s");
    terminal.until("rent an offer");
    terminal.until("$/success");
    watch(terminal, Scene::Offers);
    // An offer can be gone between the look and the key: then one looks again.
    loop {
        terminal.until("$/success");
        terminal.press("\r");
        let asked = ["Rent offer", "look again", "is gone", "just changed"];
        if terminal.until_any(&asked) == "Rent offer" {
            std::thread::sleep(Duration::from_millis(200));
            watch(terminal, Scene::AskedToRent);
            terminal.press("y");
        }
        let seen = terminal.until_any(&[
            "BOOT ",
            "RENT ",
            "look again",
            "is gone",
            "just changed",
            "confirm again",
            "nothing was rented",
        ]);
        if matches!(seen.as_str(), "BOOT " | "RENT ") {
            break;
        }
        terminal.press("\x1b3g");
        std::thread::sleep(Duration::from_secs(1));
    }
    watch(terminal, Scene::Booting);
    terminal.until("register the node");
    terminal.press("a");
    terminal.until("Register rental");
    std::thread::sleep(Duration::from_millis(200));
    watch(terminal, Scene::AskedToRegister);
    terminal.press("y");
    terminal.until("PROVE ");
    watch(terminal, Scene::Proving);
    terminal.press("5");
    terminal.until("vastai-");
    terminal.until("a: release");
    terminal.press("a");
    terminal.until("Release rental");
    std::thread::sleep(Duration::from_millis(200));
    watch(terminal, Scene::AskedToRelease);
    terminal.press("y");
    terminal.until("CONFIRMED");
    watch(terminal, Scene::Confirmed);
}

fn a_sprint_by_keys(columns: u16, rows: u16) {
    let mut terminal = Terminal::start(columns, rows, &["demo", "--speed", "150", "--seed", "1"]);
    play_sprint(&mut terminal, |_, _| {});
    terminal.press("q");
    let (code, restored) = terminal.end();
    assert_eq!(code, 0);
    assert!(restored, "the terminal is given back");
}

#[test]
fn keys_drive_sprint_at_80_by_24() {
    a_sprint_by_keys(80, 24);
}

#[test]
fn keys_drive_sprint_at_120_by_40() {
    a_sprint_by_keys(120, 40);
}

#[test]
fn key_during_resize_counts() {
    let mut terminal = Terminal::start(120, 40, &["demo", "--speed", "10"]);
    terminal.until("s: start");
    for (round, (columns, rows)) in [
        (80, 24),
        (200, 60),
        (60, 16),
        (120, 40),
        (80, 24),
        (120, 40),
    ]
    .into_iter()
    .enumerate()
    {
        terminal.resize(columns, rows);
        let (key, pane) = if round % 2 == 0 {
            ("5", "▸5 ")
        } else {
            ("6", "▸6 ")
        };
        terminal.press(key);
        terminal.until(pane);
    }
    terminal.press("q");
    assert_eq!(terminal.end(), (0, true));
}

#[test]
fn quit_with_rental_asks_and_releases() {
    let mut terminal = Terminal::start(
        100,
        30,
        &["demo", "--auto", "--speed", "200", "--seed", "2"],
    );
    terminal.until("WARM ");
    terminal.press("q");
    terminal.until("Quit while rental");
    std::thread::sleep(Duration::from_millis(200));
    terminal.press("\x1b[B");
    terminal.until("y            release everything, then quit");
    std::thread::sleep(Duration::from_millis(200));
    terminal.press("y");
    // The sprint was aborted, which is not a success.
    assert_eq!(terminal.end(), (1, true));
}

#[test]
fn signal_restores_the_terminal() {
    let terminal = Terminal::start(80, 24, &["demo", "--speed", "10"]);
    terminal.until("s: start");
    terminal.signal(rustix::process::Signal::TERM);
    let (_, restored) = terminal.end();
    assert!(restored);
}

/// The state letter of the program's process: `T` is stopped.
fn process_state(terminal: &Terminal) -> char {
    let pid = terminal.child.process_id().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name in parentheses may itself hold any character.
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.chars().next().unwrap()
}

#[test]
fn suspend_releases_terminal_resume_retakes_it() {
    let mut terminal = Terminal::start(100, 30, &["demo", "--speed", "10"]);
    terminal.until("s: start");
    for key in ["\x1a", ""] {
        // By its key, or by the signal that a shell's `kill -TSTP` sends.
        if key.is_empty() {
            terminal.signal(rustix::process::Signal::TSTP);
        } else {
            terminal.press(key);
        }
        let end = Instant::now() + PATIENCE;
        while process_state(&terminal) != 'T' {
            assert!(Instant::now() < end, "it was not suspended");
            std::thread::sleep(LOOK_EVERY);
        }
        // What it wrote before it stopped may still be on its way to the screen.
        while terminal.screen.lock().unwrap().screen().alternate_screen() {
            assert!(Instant::now() < end, "the shell's screen is not back");
            std::thread::sleep(LOOK_EVERY);
        }
        assert!(!terminal.screen.lock().unwrap().screen().hide_cursor());
        // The terminal has another size when it comes back.
        terminal.resize(if key.is_empty() { 100 } else { 80 }, 24);
        terminal.signal(rustix::process::Signal::CONT);
        terminal.until("s: start");
        assert!(terminal.screen.lock().unwrap().screen().alternate_screen());
        terminal.press("5");
        terminal.until("▸5 ");
        terminal.press("6");
        terminal.until("▸6 ");
    }
    terminal.press("q");
    assert_eq!(terminal.end(), (0, true));
}

#[test]
fn timings_are_printed_on_exit() {
    let mut terminal = Terminal::start(120, 40, &["demo", "--speed", "10", "--timings"]);
    terminal.until("s: start");
    terminal.press("5");
    terminal.until("▸5 ");
    terminal.press("q");
    terminal.until("timings: first frame");
    let text = terminal.text();
    assert!(
        text.contains("key to frame p50") && text.contains("RSS"),
        "{text}"
    );
    assert_eq!(terminal.end(), (0, true));
}

/// Pictures in the README: the keys that lead there once a rental loads its model, what is waited for,
/// and what the program must still show.
const PICTURES: [(&str, &str, &str, &[&str]); 5] = [
    (
        "cockpit",
        "4",
        "Loading safetensors",
        &["On track", "DEMO", "WARM", "NEXT", "4 Boot"],
    ),
    (
        "charts",
        "8z",
        "weight per epoch",
        &["Charts", "weight per epoch", "best $/h"],
    ),
    ("offers", "z3", "offer 2", &["Offers", "worst", "chance"]),
    ("nodes", "5", "vastai-", &["5 Nodes", "vastai-"]),
    ("history", "7", "confirmed", &["History", "confirmed"]),
];

#[test]
fn readme_pictures_match_the_program() {
    let path = |name: &str| format!("{}/assets/{name}.svg", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("POCPIT_UPDATE").is_some() {
        let arguments = ["demo", "--auto", "--speed", "60", "--seed", "1"];
        let mut terminal = Terminal::start(120, 36, &arguments);
        terminal.until("WARM ");
        for (name, keys, wanted, _) in PICTURES {
            terminal.press(keys);
            terminal.until(wanted);
            std::thread::sleep(Duration::from_secs(1));
            let picture = picture::svg(terminal.screen.lock().unwrap().screen());
            std::fs::write(path(name), picture).unwrap();
        }
    }
    for (name, _, _, words) in PICTURES {
        let picture = std::fs::read_to_string(path(name)).expect("the picture");
        for word in words {
            assert!(
                picture.contains(word),
                "{word} is not in the picture {name}: run this test with POCPIT_UPDATE=1"
            );
        }
    }
}

#[test]
fn first_start_picture_matches_the_program() {
    let path = format!("{}/assets/first-start.svg", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("POCPIT_UPDATE").is_some() {
        // It is not there, and is not written before all is answered.
        let mut terminal = Terminal::start(100, 24, &["--config", "pocpit.toml"]);
        terminal.until("1 of 14");
        terminal.press("\x15Not A Name\r");
        terminal.until("is not a cockpit id");
        std::thread::sleep(Duration::from_secs(1));
        let picture = picture::svg(terminal.screen.lock().unwrap().screen());
        std::fs::write(&path, picture).unwrap();
    }
    let picture = std::fs::read_to_string(path).expect("the picture");
    for word in ["1 of 14", "is not a cockpit id"] {
        assert!(picture.contains(word), "{word} is not in the picture");
    }
}

/// Outcomes of sprints that ended.
fn history(sim: &Sim) -> String {
    let output = pocpit(&["--config", &sim.config, "history"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn pocpit(arguments: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pocpit"));
    command.args(arguments);
    command
}

#[test]
fn closed_terminal_leaves_sprint_running() {
    let sim = Sim::start(&mut pocpit(&["sim", "--speed", "300"]));
    let mut terminal = Terminal::start(100, 30, &["--config", &sim.config]);
    terminal.until("s: start");
    terminal.press("m");
    terminal.until("Let auto run?");
    std::thread::sleep(Duration::from_millis(200));
    terminal.press("y");
    terminal.until_any(&["BOOT ", "WARM "]);
    // When the terminal is closed in the middle of a boot,
    terminal.hang_up();
    // then the sprint continues to its weight without it,
    let end = Instant::now() + PATIENCE;
    while !history(&sim).contains("confirmed") {
        assert!(
            Instant::now() < end,
            "nothing was confirmed: {}",
            history(&sim)
        );
        let ended = terminal.child.try_wait().unwrap();
        assert!(ended.is_none(), "it ended with its terminal: {ended:?}");
        std::thread::sleep(Duration::from_millis(300));
    }
    // and SIGTERM ends it.
    terminal.signal(rustix::process::Signal::TERM);
    let (code, _) = terminal.end();
    assert_eq!(code, 0);
}
