//! Enters and leaves the full screen, on every way out.

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

use super::bell;
use super::error::TuiError;
use super::timings::{CountingWriter, Timings};
use crate::config::{BellMode, MouseMode};

/// Nearly every frame fits into one write: less flicker over SSH and in tmux.
const BUFFER: usize = 64 * 1024;

static ENTERED: AtomicBool = AtomicBool::new(false);
/// Buttons and the wheel, without a limit on columns. No motion events: too many for a slow link.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

static UI_THREAD: Mutex<Option<ThreadId>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// The terminal in full-screen mode; restored on drop.
pub struct Screen {
    /// Never dropped: with the terminal gone, `ratatui` would print to a closed standard error and
    /// panic. `restore` does what its drop would do.
    terminal: ManuallyDrop<ratatui::Terminal<CrosstermBackend<BufWriter<CountingWriter<Stdout>>>>>,
    mouse: MouseMode,
}

/// Checks that the cockpit can be drawn here.
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

impl Screen {
    /// Enters the full screen; `timings` counts its bytes.
    pub fn enter(mouse: MouseMode, timings: &Timings) -> Result<Screen, TuiError> {
        enter(mouse)?;
        let writer = BufWriter::with_capacity(BUFFER, timings.counted(io::stdout()));
        let terminal = ratatui::Terminal::new(CrosstermBackend::new(writer)).map_err(|source| {
            restore();
            TuiError::terminal("reading its size")(source)
        })?;
        Ok(Screen {
            terminal: ManuallyDrop::new(terminal),
            mouse,
        })
    }

    /// Draws a frame; `redraw` draws unchanged cells too.
    pub fn draw(
        &mut self,
        redraw: bool,
        render: impl FnOnce(&mut Frame<'_>),
    ) -> Result<(), TuiError> {
        self.frame(redraw, render)
            .map_err(TuiError::terminal("drawing"))
    }

    fn frame(&mut self, redraw: bool, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        // The task may move to another thread at each await.
        remember_thread();
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        if redraw {
            // `Terminal::clear` would query the cursor and race with the input thread.
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

    /// Copies a text to the clipboard of the operator's terminal, also over SSH. Terminals do not
    /// acknowledge it.
    pub fn copy(&mut self, text: &str) -> Result<(), TuiError> {
        execute!(
            self.terminal.backend_mut(),
            CopyToClipboard::to_clipboard_from(text)
        )
        .map_err(TuiError::terminal("copying to the clipboard"))
    }

    /// Sets the window title. The Linux console would print it.
    pub fn set_title(&mut self, title: &str) -> Result<(), TuiError> {
        if std::env::var("TERM").is_ok_and(|term| term == "linux") {
            return Ok(());
        }
        execute!(self.terminal.backend_mut(), SetTitle(title))
            .map_err(TuiError::terminal("setting the window title"))
    }

    pub fn ring(&mut self, choice: BellMode, text: &str) -> Result<(), TuiError> {
        let bytes = bell::sequence(choice, text, |name| std::env::var(name).ok());
        execute!(self.terminal.backend_mut(), Print(bytes)).map_err(TuiError::terminal("ringing"))
    }

    /// Restores the terminal, stops the process group, and enters the full screen once continued.
    pub fn suspend(&self) -> Result<(), TuiError> {
        restore();
        let stopped = rustix::process::kill_current_process_group(rustix::process::Signal::STOP);
        enter(self.mouse)?;
        stopped.map_err(|error| TuiError::terminal("suspending")(error.into()))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

fn enter(mouse: MouseMode) -> Result<(), TuiError> {
    HOOK.call_once(install_hook);
    remember_thread();
    ENTERED.store(true, Ordering::SeqCst);
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
        restore();
        TuiError::terminal("entering the full screen")(source)
    })
}

/// Idempotent; ignores errors, because the terminal may be gone.
fn restore() {
    if !ENTERED.swap(false, Ordering::SeqCst) {
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

/// True in full-screen mode: other output would corrupt it.
pub fn is_taken() -> bool {
    ENTERED.load(Ordering::SeqCst)
}

/// A panic on another thread must not restore the terminal: the cockpit keeps drawing.
fn install_hook() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let ours = UI_THREAD
            .try_lock()
            .is_ok_and(|thread| *thread == Some(std::thread::current().id()));
        if ours {
            restore();
        }
        previous(info);
    }));
}
