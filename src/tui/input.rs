//! Keys from the terminal, on a thread of their own. crossterm spins when the terminal is gone, so
//! the thread waits with poll(2) itself and lets crossterm read only what is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{self, Event, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc;

use super::message::{Message, Pointer};

/// crossterm's level-triggered source does not look at all when it is given no time.
const LOOK: Duration = Duration::from_millis(1);
/// Messages that wait at most; what is typed beyond that is dropped.
const QUEUE: usize = 256;
const WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// The running input thread. It ends soon after this is dropped.
pub struct Input {
    /// Keys and pastes; closed when the terminal is gone.
    pub messages: mpsc::Receiver<Message>,
    stop: Arc<AtomicBool>,
}

impl Input {
    /// Starts the thread.
    pub fn start() -> std::io::Result<Input> {
        let (sender, messages) = mpsc::channel(QUEUE);
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        std::thread::Builder::new()
            .name("keys".into())
            .spawn(move || read_until_gone(&sender, &seen))?;
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
        let seen = fds[0].revents();
        if seen.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return;
        }
        if !drain(sender) {
            return;
        }
    }
}

/// Hands on what is there; false when nobody listens or the terminal failed.
fn drain(sender: &mpsc::Sender<Message>) -> bool {
    loop {
        match event::poll(LOOK) {
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
        // A full queue means keys faster than they can mean anything.
        if let Err(mpsc::error::TrySendError::Closed(_)) = sender.try_send(message) {
            return false;
        }
    }
}

/// What of the mouse means something; the rest is not worth a frame.
fn pointer(mouse: MouseEvent) -> Option<Pointer> {
    let place = Position::new(mouse.column, mouse.row);
    match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => Some(Pointer::Click(place)),
        MouseEventKind::ScrollUp => Some(Pointer::WheelUp(place)),
        MouseEventKind::ScrollDown => Some(Pointer::WheelDown(place)),
        _ => None,
    }
}
