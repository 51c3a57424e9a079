//! The event loop: messages in, commands out, a frame when something changed. It never waits for work.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::input::Input;
use super::keymap::Keymap;
use super::message::Message;
use super::model::Model;
use super::pane::Pane;
use super::signals::{SignalAction, Signals};
use super::task::run::TaskRunner;
use super::terminal::{self, Screen};
use super::theme::Theme;
use super::timings::Timings;
use super::update::update;
use super::{CockpitLogs, ExitReason, ProgramLog, TuiError, TuiOptions, view};
use crate::config::BellMode;
use crate::domain::ReplicaId;
use crate::engine::{Command, Failpoint, Snapshot, failpoint};

/// Minimum time between frames: fast enough for the eye, slow enough for SSH.
const FRAME_INTERVAL: Duration = Duration::from_millis(40);
/// Minimum time between bells.
const BELL_INTERVAL: Duration = Duration::from_secs(10);
/// Countdowns change every second.
const TICK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub enum Session {
    Driver(mpsc::Sender<Command>),
    /// That of the main cockpit; commands are sent to it.
    Viewer {
        driver: u32,
        commands: mpsc::Sender<Command>,
        /// The replica whose log and offers it sends.
        focus: watch::Sender<Option<ReplicaId>>,
    },
}

impl Session {
    fn model(&self, first: Arc<Snapshot>) -> Model {
        match self {
            Session::Driver(_) => Model::new(first),
            Session::Viewer { driver, .. } => Model::viewing(first, *driver),
        }
    }

    fn commands(&self) -> &mpsc::Sender<Command> {
        let (Session::Driver(commands) | Session::Viewer { commands, .. }) = self;
        commands
    }

    /// The panes are about this replica.
    fn show(&self, replica: &ReplicaId) {
        if let Session::Viewer { focus, .. } = self {
            focus.send_if_modified(|told| {
                let is_other = told.as_ref() != Some(replica);
                if is_other {
                    *told = Some(replica.clone());
                }
                is_other
            });
        }
    }

    /// What the end of the snapshots means.
    fn on_snapshots_closed(&self) -> Event {
        match self {
            Session::Driver(_) => Event::Exit(ExitReason::EngineEnded),
            Session::Viewer { .. } => Event::Message(Message::DriverEnded),
        }
    }
}

/// Runs the cockpit until the operator quits, the engine ends or the terminal is lost. A viewer stays
/// open when the main cockpit exits.
pub async fn run(
    snapshots: watch::Receiver<Arc<Snapshot>>,
    session: Session,
    options: TuiOptions,
    logs: CockpitLogs,
) -> Result<ExitReason, TuiError> {
    let result = match App::start(snapshots, session, options, logs) {
        Ok(app) => Box::new(app).run().await,
        Err(error) => Err(error),
    };
    match result {
        // Drawing can fail before the signal or the input thread reports the lost terminal.
        Err(error) if error.terminal_is_gone() => Ok(ExitReason::TerminalLost),
        result => result,
    }
}

enum Event {
    Message(Message),
    Draw,
    Tick(Duration),
    Suspend,
    Redraw,
    Exit(ExitReason),
}

struct App {
    model: Model,
    session: Session,
    keymap: Keymap,
    theme: Theme,
    bell: BellMode,
    last_bell: Option<Instant>,
    title: String,
    needs_frame: bool,
    last_frame: Option<Instant>,
    sources: Sources,
    tasks: TaskRunner,
    program_log: ProgramLog,
    screen: Screen,
    // Dropped after the screen: prints to the restored terminal.
    timings: Timings,
}

struct Sources {
    signals: Signals,
    input: Input,
    results: mpsc::Receiver<Message>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    snapshots_open: bool,
    last_snapshot: Instant,
    ticks: Interval,
}

impl App {
    fn start(
        mut snapshots: watch::Receiver<Arc<Snapshot>>,
        session: Session,
        options: TuiOptions,
        logs: CockpitLogs,
    ) -> Result<App, TuiError> {
        terminal::check()?;
        let timings = Timings::new(options.timings);
        let theme = Theme {
            overrides: options.color_overrides,
            ..Theme::resolve(options.color, options.background, options.glyphs, |name| {
                std::env::var(name).ok()
            })
        };
        for warning in options.color_overrides.low_contrast(theme.background) {
            tracing::warn!("{warning}");
        }
        let signals = Signals::listen()?;
        let screen = Screen::enter(options.mouse, &timings)?;
        let input = Input::start()?;
        let first = Arc::clone(&snapshots.borrow_and_update());
        let program_log = logs.program.clone();
        let (tasks, results) = TaskRunner::new(logs);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Ok(App {
            model: Model {
                confirm_above: options.confirm_above,
                ..session.model(first)
            },
            session,
            keymap: options.keymap,
            theme,
            bell: options.bell,
            last_bell: None,
            title: String::new(),
            needs_frame: true,
            last_frame: None,
            sources: Sources {
                signals,
                input,
                results,
                snapshots,
                snapshots_open: true,
                last_snapshot: Instant::now(),
                ticks,
            },
            tasks,
            program_log,
            screen,
            timings,
        })
    }

    async fn run(mut self: Box<App>) -> Result<ExitReason, TuiError> {
        loop {
            self.session.show(&self.model.snapshot.replica);
            let event = self.next_event().await;
            if let Some(reason) = self.on_event(event)? {
                return Ok(reason);
            }
        }
    }

    async fn next_event(&mut self) -> Event {
        let next_frame = self
            .last_frame
            .map_or_else(Instant::now, |last| last + FRAME_INTERVAL);
        let sources = &mut self.sources;
        tokio::select! {
            biased;
            action = sources.signals.next() => match action {
                SignalAction::Exit => Event::Exit(ExitReason::Signal),
                SignalAction::HangUp => Event::Exit(ExitReason::TerminalLost),
                SignalAction::Suspend => Event::Suspend,
                SignalAction::Redraw => Event::Redraw,
            },
            input = sources.input.messages.recv() => match input {
                Some(message) => {
                    self.timings.key();
                    Event::Message(message)
                }
                None => Event::Exit(ExitReason::TerminalLost),
            },
            () = tokio::time::sleep_until(next_frame), if self.needs_frame => Event::Draw,
            Some(result) = sources.results.recv() => Event::Message(result),
            changed = sources.snapshots.changed(), if sources.snapshots_open => {
                if changed.is_ok() {
                    sources.last_snapshot = Instant::now();
                    let snapshot = Arc::clone(&sources.snapshots.borrow_and_update());
                    Event::Message(Message::Snapshot(snapshot))
                } else {
                    sources.snapshots_open = false;
                    self.session.on_snapshots_closed()
                }
            },
            _ = sources.ticks.tick() => Event::Tick(sources.last_snapshot.elapsed()),
        }
    }

    fn on_event(&mut self, event: Event) -> Result<Option<ExitReason>, TuiError> {
        match event {
            Event::Exit(reason) => return Ok(Some(reason)),
            Event::Draw => {
                self.draw()?;
                return Ok(None);
            }
            Event::Tick(elapsed) => {
                // Snapshots move the clocks too: one frame a second is enough for a slow link.
                self.needs_frame |= elapsed > TICK || self.model.toast.is_some();
                self.take_records();
                let elapsed = crate::domain::Duration::from_std(elapsed).unwrap_or_default();
                self.update(Message::Tick(elapsed));
                return Ok(None);
            }
            Event::Message(message) => self.update(message),
            Event::Suspend => self.model.effects.suspend = true,
            Event::Redraw => self.model.effects.redraw = true,
        }
        self.needs_frame = true;
        self.apply_effects()?;
        Ok(self.model.exit)
    }

    /// Brings the program's log up to date.
    fn take_records(&mut self) {
        let records = self.program_log.take();
        if !records.is_empty() {
            self.needs_frame |= self.model.visible.contains(&Pane::Journal);
            self.update(Message::Recorded(records));
        }
    }

    /// Updates the model and sends its commands without waiting; a full queue is reported.
    fn update(&mut self, message: Message) {
        for command in update(&mut self.model, &self.keymap, message) {
            let reason = match self.session.commands().try_send(command) {
                Ok(()) => continue,
                Err(TrySendError::Full(_)) => "the engine is busy: the command was NOT sent, retry",
                Err(TrySendError::Closed(_)) => "the engine has ended: the command was NOT sent",
            };
            let lost = Message::CommandLost(reason);
            update(&mut self.model, &self.keymap, lost);
        }
    }

    fn apply_effects(&mut self) -> Result<(), TuiError> {
        if let Some(task) = self.model.effects.task.take() {
            self.tasks.start(task, &mut self.screen)?;
        }
        let title = self.model.title();
        if title != self.title {
            self.screen.set_title(&title)?;
            self.title = title;
        }
        let may_ring = self
            .last_bell
            .is_none_or(|last| last.elapsed() > BELL_INTERVAL);
        if let Some(text) = self.model.effects.bell.take().filter(|_| may_ring) {
            self.screen.ring(self.bell, &text)?;
            self.last_bell = Some(Instant::now());
        }
        if std::mem::take(&mut self.model.effects.suspend) {
            self.screen.suspend()?;
            self.model.effects.redraw = true;
        }
        Ok(())
    }

    fn draw(&mut self) -> Result<(), TuiError> {
        let redraw = std::mem::take(&mut self.model.effects.redraw);
        let mut drawn = None;
        self.screen.draw(redraw, |frame| {
            let area = frame.area();
            failpoint(Failpoint::Cockpit);
            let buf = frame.buffer_mut();
            drawn = Some(view::draw(buf, area, &self.model, &self.keymap, self.theme));
        })?;
        if let Some(frame) = drawn {
            update(&mut self.model, &self.keymap, Message::Drawn(frame));
        }
        self.timings.frame();
        self.needs_frame = false;
        self.last_frame = Some(Instant::now());
        Ok(())
    }
}
