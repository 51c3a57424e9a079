//! Options of the cockpit.

use std::path::PathBuf;

use super::keymap::Keymap;
use super::program_log::ProgramLog;
use super::theme::{BackgroundChoice, ColorChoice, ColorOverrides, GlyphChoice};
use super::timings::TimingsChoice;
use crate::config::{BellMode, MouseMode};
use crate::domain::Usd;
use crate::engine::LogStore;

#[derive(Debug)]
pub struct TuiOptions {
    pub keymap: Keymap,
    pub color_overrides: ColorOverrides,
    pub color: ColorChoice,
    pub background: BackgroundChoice,
    pub glyphs: GlyphChoice,
    pub mouse: MouseMode,
    pub bell: BellMode,
    pub timings: TimingsChoice,
    /// Worst-case cost above which a rental is confirmed by typing the sum.
    pub confirm_above: Option<Usd>,
}

/// Logs that are shown, and where they are saved.
#[derive(Debug, Clone)]
pub struct CockpitLogs {
    /// Directory for files that the operator saves.
    pub saved: PathBuf,
    pub rentals: LogStore,
    pub program: ProgramLog,
}
