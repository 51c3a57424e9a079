//! The loop: messages in, commands out, a frame when something changed. It never waits for work.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::config::BellMode;
use crate::engine::{Command, Part, Snapshot, drill};

use super::input::Input;
use super::layout::Breakpoint;
use super::message::Message;
use super::model::Model;
use super::task::{self, Task};
use super::terminal::{self, Screen};
use super::theme::Theme;
use super::timings::Timings;
use super::update::update;
use super::{ExitReason, Places, TuiError, TuiOptions, view};

/// Shortest time between frames: enough for the eye, little for SSH.
const FRAME: Duration = Duration::from_millis(40);
/// Between two bells: what comes and goes must not drive anybody mad.
const BELL: Duration = Duration::from_secs(10);
/// Countdowns go by the second.
const TICK: Duration = Duration::from_secs(1);

pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    stop: Signal,
    resume: Signal,
    resize: Signal,
}

impl Signals {
    pub(super) fn listen() -> Result<Signals, TuiError> {
        let on = |kind| {
            signal(kind).map_err(|source| TuiError::Terminal {
                doing: "listening for signals",
                source,
            })
        };
        // tokio names no SIGTSTP and SIGCONT; rustix knows their numbers here.
        let raw = |signal: rustix::process::Signal| SignalKind::from_raw(signal.as_raw());
        Ok(Signals {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hangup: on(SignalKind::hangup())?,
            stop: on(raw(rustix::process::Signal::TSTP))?,
            resume: on(raw(rustix::process::Signal::CONT))?,
            resize: on(SignalKind::window_change())?,
        })
    }

    /// The next one, for a screen that runs nothing.
    pub(super) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::End,
            _ = self.interrupt.recv() => Told::End,
            _ = self.hangup.recv() => Told::End,
            _ = self.resize.recv() => Told::Redraw,
            _ = self.resume.recv() => Told::Redraw,
        }
    }
}

/// What a signal means to a screen that runs nothing.
pub(super) enum Told {
    /// Somebody ends the program, or its terminal is gone.
    End,
    /// The terminal has another size, or is ours again.
    Redraw,
}

/// Where the operator sits.
#[derive(Debug)]
pub enum Seat {
    /// Commands go to the engine.
    Driver(mpsc::Sender<Command>),
    /// Another process drives: what is decided here is handed to it.
    Viewer {
        /// That process.
        driver: u32,
        /// To its engine.
        commands: mpsc::Sender<Command>,
    },
}

impl Seat {
    fn model(&self, first: Arc<Snapshot>) -> Model {
        match self {
            Seat::Driver(_) => Model::new(first),
            Seat::Viewer { driver, .. } => Model::viewing(first, *driver),
        }
    }

    /// What the end of the snapshots means.
    fn on_silence(&self) -> Result<Message, ExitReason> {
        match self {
            Seat::Driver(_) => Err(ExitReason::EngineEnded),
            Seat::Viewer { .. } => Ok(Message::DriverEnded),
        }
    }
}

/// Runs the cockpit until the operator leaves, the engine ends or the terminal is lost. A viewer
/// stays when the engine it looks at ends.
pub async fn run(
    snapshots: watch::Receiver<Arc<Snapshot>>,
    seat: Seat,
    options: TuiOptions,
    places: Places,
) -> Result<ExitReason, TuiError> {
    match show(snapshots, seat, options, places).await {
        // A frame can find that out before the signal and the input thread do.
        Err(error) if error.terminal_is_gone() => Ok(ExitReason::TerminalLost),
        result => result,
    }
}

async fn show(
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    seat: Seat,
    options: TuiOptions,
    places: Places,
) -> Result<ExitReason, TuiError> {
    terminal::check()?;
    // Told when the screen, which is dropped before it, was given back.
    let mut timings = Timings::new(options.timings);
    let theme = Theme {
        own: options.own_colors,
        ..Theme::resolve(options.color, options.ground, options.glyphs, |name| {
            std::env::var(name).ok()
        })
    };
    for warning in options.own_colors.hard_to_read(theme.ground) {
        tracing::warn!("{warning}");
    }
    let mut signals = Signals::listen()?;
    let mut screen = Screen::enter(options.mouse, &timings)?;
    let mut input = Input::start().map_err(|source| TuiError::Terminal {
        doing: "starting to read keys",
        source,
    })?;
    let first = Arc::clone(&snapshots.borrow_and_update());
    let mut model = seat.model(first);
    model.typed_above = options.typed_above;
    model.keymap = options.keymap;
    let mut beside = Beside::new(places, options.bell);
    let mut live = true;
    let mut came = Instant::now();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut dirty = true;
    let mut next_frame = Instant::now();

    loop {
        let message = tokio::select! {
            biased;
            _ = signals.terminate.recv() => return Ok(ExitReason::Signal),
            _ = signals.interrupt.recv() => return Ok(ExitReason::Signal),
            _ = signals.hangup.recv() => return Ok(ExitReason::TerminalLost),
            _ = signals.stop.recv() => { model.suspend = true; None }
            _ = signals.resume.recv() => { model.redraw = true; None }
            _ = signals.resize.recv() => { model.redraw = true; None }
            key = input.messages.recv() => match key {
                Some(message) => {
                    timings.key();
                    Some(message)
                }
                None => return Ok(ExitReason::TerminalLost),
            },
            () = tokio::time::sleep_until(next_frame), if dirty => {
                draw(&mut screen, &mut model, theme)?;
                timings.frame();
                dirty = false;
                next_frame = Instant::now() + FRAME;
                continue;
            }
            told = beside.told.recv() => told,
            changed = snapshots.changed(), if live => match changed {
                Ok(()) => {
                    came = Instant::now();
                    Some(Message::Snapshot(Arc::clone(&snapshots.borrow_and_update())))
                }
                Err(_) => match seat.on_silence() {
                    Ok(message) => {
                        live = false;
                        Some(message)
                    }
                    Err(reason) => return Ok(reason),
                },
            },
            _ = ticks.tick() => {
                let elapsed = crate::domain::Duration::from_std(came.elapsed()).unwrap_or_default();
                // Snapshots that come every second move the clocks as well: one frame a second is
                // enough for a slow link.
                dirty |= came.elapsed() > TICK || model.toast.is_some();
                take(&mut model, Message::Tick(elapsed), &seat);
                continue;
            }
        };
        dirty = true;
        if let Some(message) = message {
            take(&mut model, message, &seat);
        }
        if let Some(task) = model.task.take() {
            beside.start(task, &mut screen)?;
        }
        beside.attract(&mut model, &mut screen)?;
        if std::mem::take(&mut model.suspend) {
            screen.suspend()?;
            model.redraw = true;
        }
        if let Some(reason) = model.exit {
            return Ok(reason);
        }
    }
}

fn draw(screen: &mut Screen, model: &mut Model, theme: Theme) -> Result<(), TuiError> {
    let all = std::mem::take(&mut model.redraw);
    let mut size = Breakpoint::Tiny;
    let mut drawn = view::Drawn::default();
    screen.draw(all, |frame| {
        let area = frame.area();
        drill(Part::Cockpit);
        size = Breakpoint::of(area.width, area.height);
        drawn = view::draw(frame.buffer_mut(), area, model, theme);
    })?;
    if let Some(log) = drawn.log {
        update(model, Message::LogDrawn(log));
    }
    update(model, Message::Placed(drawn.targets));
    update(model, Message::Drawn(size));
    Ok(())
}

/// What goes on beside the loop, which never waits for it.
struct Beside {
    places: Places,
    tell: mpsc::Sender<Message>,
    told: mpsc::Receiver<Message>,
    title: String,
    ring: BellMode,
    rung: Option<Instant>,
}

impl Beside {
    fn new(places: Places, ring: BellMode) -> Beside {
        let (tell, told) = mpsc::channel(8);
        Beside {
            places,
            tell,
            told,
            title: String::new(),
            ring,
            rung: None,
        }
    }

    /// Tells those who do not look at the screen: by the window's title, and by a bell.
    fn attract(&mut self, model: &mut Model, screen: &mut Screen) -> Result<(), TuiError> {
        let title = model.title();
        if title != self.title {
            screen.name(&title)?;
            self.title = title;
        }
        let quiet = self.rung.is_none_or(|rung| rung.elapsed() > BELL);
        if let Some(text) = model.ring.take().filter(|_| quiet) {
            screen.ring(self.ring, &text)?;
            self.rung = Some(Instant::now());
        }
        Ok(())
    }

    fn start(&self, task: Task, screen: &mut Screen) -> Result<(), TuiError> {
        let tell = self.tell.clone();
        match task {
            Task::Save(save) => {
                let saved = self.places.saved.clone();
                tokio::spawn(async move {
                    let said = Message::Told(task::save(save, saved).await);
                    let _ = tell.send(said).await;
                });
            }
            Task::ReadLog(instance, ended) => {
                let logs = self.places.rental_logs.clone();
                tokio::spawn(async move {
                    let _ = tell.send(task::read_log(logs, instance, ended).await).await;
                });
            }
            Task::Copy(text) => {
                screen.copy(&text)?;
                if std::env::var_os("TMUX").is_some_and(|socket| !socket.is_empty()) {
                    tokio::spawn(async move {
                        if let Err(why) = task::copy_with_tmux(text).await {
                            let said = format!(
                                "tmux did not take the lines ({why}): S saves them to a file"
                            );
                            let _ = tell.send(Message::Told(said)).await;
                        }
                    });
                }
            }
        }
        Ok(())
    }
}

/// Updates, and hands the commands on without waiting: a full queue is told, not waited for.
fn take(model: &mut Model, message: Message, seat: &Seat) {
    for command in update(model, message) {
        let (Seat::Driver(commands) | Seat::Viewer { commands, .. }) = seat;
        let lost = match commands.try_send(command) {
            Ok(()) => continue,
            Err(mpsc::error::TrySendError::Full(_)) => {
                "the engine is busy: the command was NOT taken, try again"
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {
                "the engine has ended: the command was NOT taken"
            }
        };
        update(model, Message::CommandLost(lost.to_owned()));
    }
}
