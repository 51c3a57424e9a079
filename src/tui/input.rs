//! Reads terminal input on its own thread, which waits with poll(2) and sees when the terminal is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::event::{Event, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::sync::mpsc;

use super::decoder::Decoder;
use super::error::TuiError;
use super::message::{Message, Pointer};

/// Queued messages; more are dropped.
const QUEUE: usize = 256;
/// How soon the thread sees that it is to stop.
const WAIT: Duration = Duration::from_millis(100);

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
    let mut decoder = Decoder::new(Instant::now());
    let mut bytes = [0; 4_096];
    while !stop.load(Ordering::Relaxed) {
        let wait = decoder.patience(Instant::now()).unwrap_or(WAIT).min(WAIT);
        let wait = Timespec {
            tv_sec: 0,
            tv_nsec: wait.subsec_nanos().into(),
        };
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        let events = match poll(&mut fds, Some(&wait)) {
            Ok(0) => decoder.on_silence(Instant::now()).into_iter().collect(),
            Err(Errno::INTR) => continue,
            Ok(_) if is_gone(fds[0].revents()) => return,
            Ok(_) => match rustix::io::read(&stdin, &mut bytes) {
                Ok(0) => return,
                Ok(count) => decoder.feed(&bytes[..count], Instant::now()),
                Err(Errno::INTR | Errno::AGAIN) => continue,
                Err(_) => return,
            },
            Err(_) => return,
        };
        if !send(sender, events) {
            return;
        }
    }
}

fn is_gone(events: PollFlags) -> bool {
    events.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)
}

/// False when the receiver is gone.
fn send(sender: &mpsc::Sender<Message>, events: Vec<Event>) -> bool {
    for message in events.into_iter().filter_map(message) {
        // A full queue: the keys are a flood, not typing.
        if let Err(mpsc::error::TrySendError::Closed(_)) = sender.try_send(message) {
            return false;
        }
    }
    !sender.is_closed()
}

fn message(event: Event) -> Option<Message> {
    match event {
        Event::Key(key) => Some(Message::Key(key)),
        Event::Mouse(mouse) => pointer(mouse).map(Message::Pointer),
        Event::Paste(text) => Some(Message::Paste(text)),
        Event::Resize(..) | Event::FocusGained | Event::FocusLost => None,
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
