//! Reads terminal input on its own thread. crossterm spins when the terminal is gone, so the thread waits
//! with poll(2) and lets crossterm read only what is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{self, Event, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc;

use super::error::TuiError;
use super::message::{Message, Pointer};

/// With a zero timeout crossterm does not read at all.
const READ_TIMEOUT: Duration = Duration::from_millis(1);
/// Queued messages; more are dropped.
const QUEUE: usize = 256;
const WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// The running input thread. It ends soon after this is dropped.
pub struct Input {
    /// Keys, pastes and the mouse; closed when the terminal is gone.
    pub messages: mpsc::Receiver<Message>,
    stop: Arc<AtomicBool>,
}

impl Input {
    pub fn start() -> Result<Input, TuiError> {
        let (sender, messages) = mpsc::channel(QUEUE);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        std::thread::Builder::new()
            .name("keys".into())
            .spawn(move || read_until_gone(&sender, &stopped))
            .map_err(TuiError::terminal("starting to read keys"))?;
        Ok(Input { messages, stop })
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn read_until_gone(sender: &mpsc::Sender<Message>, stop: &AtomicBool) {
    let stdin = std::io::stdin();
    while !stop.load(Ordering::Relaxed) {
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut fds, Some(&WAIT)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return,
        }
        let events = fds[0].revents();
        if events.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return;
        }
        if !drain(sender) {
            return;
        }
    }
}

/// Sends all pending input; false when the receiver or the terminal is gone.
fn drain(sender: &mpsc::Sender<Message>) -> bool {
    loop {
        match event::poll(READ_TIMEOUT) {
            Ok(true) => {}
            Ok(false) => return !sender.is_closed(),
            Err(_) => return false,
        }
        let message = match event::read() {
            Ok(Event::Key(key)) => Message::Key(key),
            Ok(Event::Mouse(mouse)) => match pointer(mouse) {
                Some(pointer) => Message::Pointer(pointer),
                None => continue,
            },
            Ok(Event::Paste(text)) => Message::Paste(text),
            Ok(_) => continue,
            Err(_) => return false,
        };
        // A full queue: the keys are a flood, not typing.
        if let Err(mpsc::error::TrySendError::Closed(_)) = sender.try_send(message) {
            return false;
        }
    }
}

/// Other mouse events are not worth a frame.
fn pointer(mouse: MouseEvent) -> Option<Pointer> {
    let place = Position::new(mouse.column, mouse.row);
    match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => Some(Pointer::Click(place)),
        MouseEventKind::ScrollUp => Some(Pointer::WheelUp(place)),
        MouseEventKind::ScrollDown => Some(Pointer::WheelDown(place)),
        _ => None,
    }
}
