//! A process of the program on a served world, with or without a terminal, and its files.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use pocpit::cli;
use pocpit::domain::{SprintReport, Step};
use pocpit::journal;
use pocpit::world::{PROXY_NODE, Scenario, ServedWorld, Truth, WorldOptions, serve};
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::Runtime;

/// World seconds per second.
pub const SPEED: f64 = 400.0;
/// Nothing here takes this long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK_EVERY: Duration = Duration::from_millis(15);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

const PROGRAM: &str = env!("CARGO_BIN_EXE_pocpit");

/// Names the executable of an older release.
pub const OLDER: &str = "POCPIT_OLDER";

/// Where the program is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// `auto --once`.
    Headless,
    /// The cockpit in a pseudo-terminal.
    Cockpit,
}

/// A served world and an operator's files for it.
pub struct Stage {
    world: ServedWorld,
    files: tempfile::TempDir,
}

impl Stage {
    pub fn new(scenario: Scenario) -> Stage {
        Stage::with_speed(scenario, SPEED)
    }

    /// A slower world waits for what takes its time on a busy machine.
    pub fn with_speed(scenario: Scenario, speed: f64) -> Stage {
        let files = tempfile::Builder::new()
            .prefix("pocpit-")
            .tempdir()
            .unwrap();
        let options = WorldOptions {
            seed: 1,
            scenario,
            speed,
            ports: None,
        };
        let world = RUNTIME.block_on(async {
            let world = serve(options).await.unwrap();
            let text = cli::configuration(&world, files.path()).await.unwrap();
            let text = crate::market::narrowed(&text);
            std::fs::write(files.path().join("config.toml"), text).unwrap();
            world
        });
        Stage { world, files }
    }

    /// Somebody else's rental appears on the account.
    pub fn rent_for_another_cockpit(&self) {
        let text = std::fs::read_to_string(self.path("config.toml")).unwrap();
        let config = cli::parse_configuration(&text).unwrap();
        RUNTIME.block_on(crate::market::rent(&config.vast, "pocpit/other/1/1-a"));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    pub fn truth(&self) -> Truth {
        self.world.truth()
    }

    /// Rentals that cost money now.
    pub fn live(&self) -> usize {
        let rentals = self.truth().rentals;
        rentals.iter().filter(|one| one.ended.is_none()).count()
    }

    /// Nothing of ours is left, and there never were two rentals.
    pub fn assert_nothing_is_left(&self) {
        let truth = self.truth();
        assert_eq!(self.live(), 0, "{truth:?}");
        assert_eq!(ours(&truth), Vec::<&String>::new(), "{truth:?}");
        assert!(
            truth.first_host().nodes.contains(&PROXY_NODE.to_owned()),
            "{truth:?}"
        );
        assert!(truth.peak_live_rentals <= 1, "{truth:?}");
    }

    /// Sprints that ended, by the journal.
    pub fn reports(&self) -> Vec<SprintReport> {
        let ledger = journal::read_only(&self.path("state"));
        let reports = ledger.map(|ledger| ledger.reports().to_vec());
        reports
            .unwrap_or_default()
            .into_iter()
            .map(|(_, report)| report)
            .collect()
    }

    pub fn log(&self) -> String {
        read(&self.path("state/log/pocpit.log"))
    }
}

fn ours(truth: &Truth) -> Vec<&String> {
    truth
        .first_host()
        .nodes
        .iter()
        .filter(|id| id.starts_with("vastai-"))
        .collect()
}

/// A log that is a device has no end.
fn read(path: &Path) -> String {
    if !path.is_file() {
        return String::new();
    }
    let bytes = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How the program ended.
pub struct Ended {
    /// Absent after a signal that it did not survive.
    pub code: Option<u32>,
    /// Everything that it said.
    pub said: String,
}

impl Ended {
    /// The report on its last line.
    pub fn report(&self) -> Option<serde_json::Value> {
        let last = self.said.lines().rfind(|line| line.starts_with('{'))?;
        serde_json::from_str(last).ok()
    }

    /// The screen is the shell's again, and the mouse the terminal's.
    pub fn gave_the_terminal_back(&self) -> bool {
        let is_undone = |off, on| self.said.rfind(off) > self.said.rfind(on);
        is_undone("\x1b[?1049l", "\x1b[?1049h") && is_undone("\x1b[?1000l", "\x1b[?1000h")
    }
}

/// A running process of the program.
pub struct Process {
    child: Child,
    log: PathBuf,
    /// Bytes of the log that were there before it started.
    since: usize,
}

enum Child {
    Headless(std::process::Child, PathBuf),
    Cockpit(Box<Terminal>),
}

struct Terminal {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    /// Our side; absent after a hangup.
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn std::io::Write + Send>>,
    reader: Option<std::thread::JoinHandle<()>>,
    said: Arc<Mutex<Vec<u8>>>,
    screen: vt100::Parser,
    /// Bytes of what was said that the screen has.
    drawn: usize,
}

impl Process {
    /// Starts it; `failpoints` says where it is to panic.
    pub fn start(front: Front, stage: &Stage, failpoints: &str) -> Process {
        Process::with_environment(
            front,
            stage,
            &[("POCPIT_FAILPOINTS", failpoints.to_owned())],
        )
    }

    /// Starts it with these variables.
    pub fn with_environment(
        front: Front,
        stage: &Stage,
        environment: &[(&str, String)],
    ) -> Process {
        let child = match front {
            Front::Headless => {
                let mut command = hands_off(PROGRAM.as_ref(), &stage.path("config.toml"));
                let variables = environment.iter().map(|(name, value)| (name, value));
                headless(command.arg("--once").envs(variables), stage)
            }
            Front::Cockpit => Child::Cockpit(Box::new(Terminal::start(stage, environment))),
        };
        Process {
            child,
            log: stage.path("state/log/pocpit.log"),
            since: stage.log().len(),
        }
    }

    /// Starts the release that `POCPIT_OLDER` names, without what it does not know of yet.
    pub fn older(stage: &Stage) -> Process {
        let text = std::fs::read_to_string(stage.path("config.toml")).unwrap();
        let older = stage.path("older.toml");
        std::fs::write(&older, without_section(&text, "vllm")).unwrap();
        let program = std::env::var_os(OLDER).expect("a program");
        Process {
            child: headless(hands_off(program.as_ref(), &older).arg("--once"), stage),
            log: stage.path("state/log/pocpit.log"),
            since: stage.log().len(),
        }
    }

    /// Starts hands-off for more than one sprint.
    pub fn for_good(stage: &Stage) -> Process {
        let mut command = hands_off(PROGRAM.as_ref(), &stage.path("config.toml"));
        Process {
            child: headless(&mut command, stage),
            log: stage.path("state/log/pocpit.log"),
            since: stage.log().len(),
        }
    }

    /// What it logged itself.
    fn log(&self) -> String {
        read(&self.log).split_off(self.since)
    }

    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Process) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < end, "{what} never came:\n{}", self.log());
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Hands over to auto mode by keys. Without a terminal it is in auto mode already.
    pub fn switch_to_auto(&mut self) {
        if let Child::Cockpit(_) = self.child {
            self.until("the first frame", |this| this.shows("s: start"));
            self.press("m");
            self.agree("Let auto run?", "SetMode(Auto)");
        }
    }

    /// Presses `y` once the question has been drawn, until the log has the command.
    pub fn agree(&mut self, question: &str, command: &str) {
        self.until(question, |this| this.shows(question));
        let mut presses = 0_u32;
        self.until(command, |this| {
            if presses.is_multiple_of(20) {
                this.press("y");
            }
            presses += 1;
            this.log().contains(command)
        });
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        let Child::Cockpit(terminal) = &mut self.child else {
            panic!("it has no terminal");
        };
        let writer = terminal.keys.as_mut().expect("it was not hung up");
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// True when the screen shows this.
    fn shows(&mut self, text: &str) -> bool {
        let Child::Cockpit(terminal) = &mut self.child else {
            return false;
        };
        terminal.text().contains(text)
    }

    /// Waits until the screen shows this.
    pub fn until_shown(&mut self, text: &str) {
        self.until(text, |this| this.shows(text));
    }

    /// Waits until it says this on its standard error.
    pub fn until_said(&mut self, text: &str) {
        self.until(text, |this| {
            assert!(!this.has_ended(), "it ended:\n{}", this.said());
            this.said().contains(text)
        });
    }

    fn said(&self) -> String {
        match &self.child {
            Child::Headless(_, said) => read(said),
            Child::Cockpit(_) => String::new(),
        }
    }

    /// True once it is in this step, false when it went past it unseen.
    pub fn is_seen_in(&mut self, step: Step) -> bool {
        let mut seen = false;
        self.until(step.name(), |this| {
            let steps = this.steps();
            seen = steps.last().is_some_and(|last| last == step.name());
            seen || steps.iter().any(|passed| passed == step.name()) || this.has_ended()
        });
        seen
    }

    /// True once it has ended, false when it ended a sprint and lives.
    pub fn ends_by_itself(&mut self, stage: &Stage) -> bool {
        self.until("an end", |this| {
            this.has_ended() || !stage.reports().is_empty()
        });
        stage.reports().is_empty()
    }

    /// The steps that it was in, by its log.
    fn steps(&self) -> Vec<String> {
        let log = self.log();
        let step = |line: &str| {
            let words = line
                .split_once(" → ")
                .or_else(|| line.split_once(" is in step "))?;
            Some(words.1.trim().to_owned())
        };
        log.lines().filter_map(step).collect()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = match &self.child {
            Child::Headless(child, _) => child.id(),
            Child::Cockpit(terminal) => terminal.child.process_id().unwrap(),
        };
        let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Closes its terminal; without one, only sends the signal.
    pub fn hang_up(&mut self) {
        match &mut self.child {
            Child::Headless(..) => self.signal(Signal::HUP),
            Child::Cockpit(terminal) => {
                terminal.keys = None;
                terminal.master = None;
            }
        }
    }

    pub fn has_ended(&mut self) -> bool {
        match &mut self.child {
            Child::Headless(child, _) => child.try_wait().unwrap().is_some(),
            Child::Cockpit(terminal) => terminal.child.try_wait().unwrap().is_some(),
        }
    }

    /// Waits for its end; `meanwhile` runs at every poll.
    pub fn end(mut self, meanwhile: impl Fn()) -> Ended {
        self.until("the end", |this| {
            meanwhile();
            this.has_ended()
        });
        match &mut self.child {
            Child::Headless(child, said) => Ended {
                code: child
                    .wait()
                    .unwrap()
                    .code()
                    .and_then(|code| u32::try_from(code).ok()),
                said: read(said),
            },
            Child::Cockpit(terminal) => {
                let status = terminal.child.wait().unwrap();
                terminal.keys = None;
                terminal.master = None;
                if let Some(reader) = terminal.reader.take() {
                    reader.join().unwrap();
                }
                Ended {
                    code: status.signal().is_none().then(|| status.exit_code()),
                    said: String::from_utf8_lossy(&terminal.said.lock().unwrap()).into_owned(),
                }
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A test that failed in the middle must not leave a process behind.
        match &mut self.child {
            Child::Headless(child, _) => drop(child.kill()),
            Child::Cockpit(terminal) => drop(terminal.child.kill()),
        }
    }
}

/// A configuration without one of its sections.
fn without_section(text: &str, name: &str) -> String {
    let mut is_in = false;
    let mut rest = String::new();
    for line in text.lines() {
        if line.starts_with('[') {
            is_in = line == format!("[{name}]");
        }
        if !is_in {
            rest = rest + line + "\n";
        }
    }
    rest
}

/// Hands off, for good.
fn hands_off(program: &Path, config: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("--config").arg(config).args(["auto", "--json"]);
    // It would be an unknown setting to a release that does not know this test.
    command.env_remove(OLDER);
    command
}

fn headless(command: &mut Command, stage: &Stage) -> Child {
    let path = stage.path(&format!("said-{}", stage.log().len()));
    let said = File::create(&path).unwrap();
    let command = command
        .stdin(Stdio::null())
        .stdout(said.try_clone().unwrap())
        .stderr(said);
    Child::Headless(command.spawn().unwrap(), path)
}

impl Terminal {
    fn start(stage: &Stage, environment: &[(&str, String)]) -> Terminal {
        let size = PtySize {
            rows: 24,
            cols: 80,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(PROGRAM);
        command.args(["--config", &stage.path("config.toml").display().to_string()]);
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut output = pair.master.try_clone_reader().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = said.clone();
        let reader = std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(count) = output.read(&mut buffer) {
                if count == 0 {
                    return;
                }
                heard.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Terminal {
            child,
            keys: Some(pair.master.take_writer().unwrap()),
            master: Some(pair.master),
            reader: Some(reader),
            said,
            screen: vt100::Parser::new(24.try_into().unwrap(), 80.try_into().unwrap(), 0),
            drawn: 0,
        }
    }

    fn text(&mut self) -> String {
        let said = self.said.lock().unwrap();
        self.screen.process(&said[self.drawn..]);
        self.drawn = said.len();
        self.screen.screen().contents()
    }
}
