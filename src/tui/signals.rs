//! Signals that concern the terminal.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::TuiError;

pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    stop: Signal,
    resume: Signal,
    resize: Signal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalAction {
    /// SIGTERM or SIGINT.
    Exit,
    /// SIGHUP: the terminal is gone.
    HangUp,
    Suspend,
    /// Another size, or continued after a stop.
    Redraw,
}

impl Signals {
    pub fn listen() -> Result<Signals, TuiError> {
        let on = |kind| signal(kind).map_err(TuiError::terminal("listening for signals"));
        // tokio has no names for SIGTSTP and SIGCONT; rustix knows their numbers.
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

    /// Cancel safe.
    pub async fn next(&mut self) -> SignalAction {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => SignalAction::Exit,
            _ = self.interrupt.recv() => SignalAction::Exit,
            _ = self.hangup.recv() => SignalAction::HangUp,
            _ = self.stop.recv() => SignalAction::Suspend,
            _ = self.resume.recv() => SignalAction::Redraw,
            _ = self.resize.recv() => SignalAction::Redraw,
        }
    }
}
