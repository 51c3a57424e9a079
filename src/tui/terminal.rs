//! Takes the terminal over and gives it back, on every way out.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once};
use std::thread::ThreadId;

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::style::Print;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    SetTitle, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::Frame;
use ratatui::backend::CrosstermBackend;

use super::TuiError;
use super::ring::ring;
use super::timings::{Counted, Timings};
use crate::config::{BellMode, MouseMode};

/// A frame is one write for nearly every screen: less flicker over SSH and in tmux.
const BUFFER: usize = 64 * 1024;

static TAKEN: AtomicBool = AtomicBool::new(false);
/// Buttons and the wheel, in coordinates that know no last column. Not where the mouse moves to:
/// that would be a flood on a slow link.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

static UI_THREAD: Mutex<Option<ThreadId>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// The terminal while it is ours. Given back on drop.
pub struct Screen {
    /// Never dropped: when the terminal is gone, `ratatui` would complain on a standard error that
    /// is gone too, and that is a panic. What its drop does is done by `give_back`.
    terminal: ManuallyDrop<ratatui::Terminal<CrosstermBackend<BufWriter<Counted<Stdout>>>>>,
    mouse: MouseMode,
}

/// Refuses where a cockpit cannot be drawn.
pub fn check() -> Result<(), TuiError> {
    if !io::stdin().is_terminal() {
        return Err(TuiError::NotATerminal("standard input"));
    }
    if !io::stdout().is_terminal() {
        return Err(TuiError::NotATerminal("standard output"));
    }
    match std::env::var("TERM") {
        Ok(term) if term == "dumb" => Err(TuiError::DumbTerminal(term)),
        _ => Ok(()),
    }
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> TuiError {
    move |source| TuiError::Terminal { doing, source }
}

impl Screen {
    /// Takes the terminal; what is drawn on it counts in the timings.
    pub fn enter(mouse: MouseMode, timings: &Timings) -> Result<Screen, TuiError> {
        take(mouse)?;
        let writer = BufWriter::with_capacity(BUFFER, timings.counted(io::stdout()));
        let terminal = ratatui::Terminal::new(CrosstermBackend::new(writer)).map_err(|source| {
            give_back();
            failed("reading its size")(source)
        })?;
        Ok(Screen {
            terminal: ManuallyDrop::new(terminal),
            mouse,
        })
    }

    /// Draws a frame; `all` draws every cell again.
    pub fn draw(&mut self, all: bool, render: impl FnOnce(&mut Frame<'_>)) -> Result<(), TuiError> {
        self.frame(all, render).map_err(failed("drawing"))
    }

    fn frame(&mut self, all: bool, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        // The UI's task may run on another thread of the runtime after each await.
        remember_thread();
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        if all {
            // `Terminal::clear` would ask for the cursor and race with the input thread.
            let size = self.terminal.size()?;
            self.terminal.resize(ratatui::layout::Rect::from((
                ratatui::layout::Position::ORIGIN,
                size,
            )))?;
        }
        self.terminal.draw(render)?;
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        io::Write::flush(self.terminal.backend_mut())
    }

    /// Asks the terminal to take a text into its clipboard: it is where the operator sits, also over
    /// SSH. Whether it does, it does not say.
    pub fn copy(&mut self, text: &str) -> Result<(), TuiError> {
        execute!(
            self.terminal.backend_mut(),
            CopyToClipboard::to_clipboard_from(text)
        )
        .map_err(failed("copying to the clipboard"))
    }

    /// Names the terminal's window, where it can be named: seen in a list of windows too. The Linux
    /// console would print it.
    pub fn name(&mut self, title: &str) -> Result<(), TuiError> {
        if std::env::var("TERM").is_ok_and(|term| term == "linux") {
            return Ok(());
        }
        execute!(self.terminal.backend_mut(), SetTitle(title)).map_err(failed("naming the window"))
    }

    /// Rings, as the operator chose and the terminal can.
    pub fn ring(&mut self, choice: BellMode, text: &str) -> Result<(), TuiError> {
        let said = ring(choice, text, |name| std::env::var(name).ok());
        execute!(self.terminal.backend_mut(), Print(said)).map_err(failed("ringing"))
    }

    /// Gives the terminal back, stops the process group, and takes it again once continued.
    pub fn suspend(&self) -> Result<(), TuiError> {
        give_back();
        let stopped = rustix::process::kill_current_process_group(rustix::process::Signal::STOP);
        take(self.mouse)?;
        stopped.map_err(|error| failed("suspending")(error.into()))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn take(mouse: MouseMode) -> Result<(), TuiError> {
    HOOK.call_once(install_hook);
    remember_thread();
    TAKEN.store(true, Ordering::SeqCst);
    let entered = enable_raw_mode().and_then(|()| {
        execute!(
            io::stdout(),
            EnterAlternateScreen,
            EnableBracketedPaste,
            cursor::Hide
        )
    });
    let entered = entered.and_then(|()| match mouse {
        MouseMode::Cockpit => execute!(io::stdout(), Print(MOUSE_ON)),
        MouseMode::Terminal => Ok(()),
    });
    entered.map_err(|source| {
        give_back();
        failed("entering the full screen")(source)
    })
}

/// Once only, and without failing: the terminal may be gone.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut stdout = io::stdout();
    let _ = execute!(
        stdout,
        EndSynchronizedUpdate,
        Print(MOUSE_OFF),
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    );
    let _ = stdout.flush();
    let _ = disable_raw_mode();
}

fn remember_thread() {
    if let Ok(mut thread) = UI_THREAD.lock() {
        *thread = Some(std::thread::current().id());
    }
}

/// True while the screen is the cockpit's: whoever writes to it spoils it.
pub fn is_taken() -> bool {
    TAKEN.load(Ordering::SeqCst)
}

/// A panic elsewhere must not take the screen away from a cockpit that goes on drawing.
fn install_hook() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let ours = UI_THREAD
            .try_lock()
            .is_ok_and(|thread| *thread == Some(std::thread::current().id()));
        if ours {
            give_back();
        }
        previous(info);
    }));
}
