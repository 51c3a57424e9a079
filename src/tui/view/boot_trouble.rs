//! What is wrong with a boot.

use ratatui::text::Line;

use crate::domain::BootFault;
use crate::engine::{LinkSnapshot, RentalSnapshot};
use crate::tui::theme::Theme;

use super::widgets::two_rows;

/// What keeps a boot from its end: its link, a setback, a fault.
pub fn lines(rental: &RentalSnapshot, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut add = |text: &str, style| lines.extend(two_rows(text, style, width, theme));
    if let LinkSnapshot::Connecting {
        last_error: Some(error),
        ..
    } = &rental.link
    {
        add(&format!("link: {error}"), theme.warn());
    }
    if let Some(setback) = &rental.boot.setback {
        add(
            &format!("{}: {}", setback.name, setback.evidence),
            theme.warn(),
        );
    }
    if let Some(BootFault {
        name,
        evidence,
        advice,
        ..
    }) = &rental.boot.fault
    {
        add(&format!("FAULT {name}: {evidence}"), theme.bad());
        add(advice, theme.strong());
    }
    lines
}
