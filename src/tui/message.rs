//! What can happen to the cockpit's screen.

use std::sync::Arc;

use crossterm::event::KeyEvent;
use ratatui::layout::{Position, Size};

use crate::domain::{Duration, InstanceId};
use crate::engine::{BootLog, Snapshot};
use crate::tui::layout::Breakpoint;
use crate::tui::target::Targets;

/// What the mouse did, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pointer {
    /// Its left button was pressed.
    Click(Position),
    /// Its wheel was turned away from the operator.
    WheelUp(Position),
    /// Its wheel was turned towards the operator.
    WheelDown(Position),
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Message {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse was used.
    Pointer(Pointer),
    /// Text was pasted. It is never taken for keys.
    Paste(String),
    /// The engine published a snapshot.
    Snapshot(Arc<Snapshot>),
    /// The process that a viewer looks at has ended, or cannot be heard any more.
    DriverEnded,
    /// This much real time has passed since the last snapshot came.
    Tick(Duration),
    /// What the model shows is on a screen of this size now.
    Drawn(Breakpoint),
    /// What the screen shows where.
    Placed(Targets),
    /// The log has this much of the screen.
    LogDrawn(Size),
    /// The log of a past rental was read.
    PastLog(InstanceId, Box<BootLog>),
    /// Something that was done beside drawing has ended, and how.
    Told(String),
    /// A command could not be handed to the engine.
    CommandLost(String),
}
