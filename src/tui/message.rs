//! Events that the cockpit handles.

use std::sync::Arc;

use crossterm::event::KeyEvent;
use ratatui::layout::{Position, Size};

use super::breakpoint::Breakpoint;
use super::hit_areas::HitAreas;
use super::pane::Pane;
use crate::domain::{Duration, InstanceId, LogLine};
use crate::engine::{LogBuffer, Snapshot};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pointer {
    Click(Position),
    WheelUp(Position),
    WheelDown(Position),
}

#[derive(Debug, Clone)]
pub enum Message {
    Key(KeyEvent),
    Pointer(Pointer),
    /// Pasted text, never treated as keys.
    Paste(String),
    Snapshot(Arc<Snapshot>),
    /// The main cockpit of a viewer has exited or is unreachable.
    DriverEnded,
    /// Real time since the last snapshot.
    Tick(Duration),
    Drawn(DrawnFrame),
    /// The log of a past rental was read.
    PastLog(InstanceId, Box<LogBuffer>),
    /// New lines of the program's own log.
    Recorded(Vec<LogLine>),
    /// Result of a background task, as a toast.
    TaskDone(String),
    /// A command could not be sent to the engine, and why.
    CommandLost(&'static str),
}

/// Sizes of the logs that are on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogSizes {
    pub rental: Option<Size>,
    pub program: Option<Size>,
}

/// How many columns can be scrolled away in the tables that are on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MostAway {
    pub nodes: Option<usize>,
    pub history: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnFrame {
    pub size: Breakpoint,
    pub hit_areas: HitAreas,
    /// The panes that are on the screen, in the order of the screen.
    pub panes: Vec<Pane>,
    pub logs: LogSizes,
    pub most_away: MostAway,
    /// First visible row of the dialog, or of an overlay that scrolls.
    pub overlay_top: Option<usize>,
}
