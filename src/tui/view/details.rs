//! Details of what is selected, on top of the panes.

use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::domain::{Finding, Verdict};
use crate::tui::keymap::Action;
use crate::tui::pane::Pane;
use crate::tui::theme::Theme;

use super::widgets::{Canvas, box_area, indented, popup};
use super::{fleet_detail, format, history, nodes, offers, schedule, sprint};

const WIDTH: u16 = 100;

pub fn draw(canvas: &mut Canvas<'_>, screen: Rect, scroll: usize) -> usize {
    let width = WIDTH.min(screen.width);
    // Without the border, and a space at both sides.
    let columns = width.saturating_sub(4);
    let (title, lines) = in_full(canvas, columns);
    let lines = lines.into_iter().map(indented);
    let lines: Vec<Line<'_>> = lines.collect();
    let close = canvas.key(Action::Close);
    let area = box_area(screen, width, lines.len());
    let title = format!("{title} ({close} close)");
    popup(canvas.buf, area, &title, lines, scroll, canvas.theme)
}

fn in_full(canvas: &Canvas<'_>, columns: u16) -> (String, Vec<Line<'static>>) {
    let (model, theme) = (canvas.model, canvas.theme);
    let wide = usize::from(columns);
    match model.focus {
        Pane::Fleet => {
            let (name, note) = fleet_detail::title(model);
            let lines = fleet_detail::lines(canvas, columns, usize::MAX);
            (format!("{name}: {note}"), lines)
        }
        Pane::Offers => offers::in_full(canvas, columns),
        Pane::Nodes => match model.selected_node() {
            Some((_, row)) => (
                row.node.config.id.to_string(),
                nodes::in_full(row, wide, theme),
            ),
            None => ("Nodes".to_owned(), Vec::new()),
        },
        Pane::History => match model.selected_past() {
            Some(past) => (
                format!("sprint of {}", past.at.format("%m-%d %H:%M")),
                history::in_full(past, wide, model, theme),
            ),
            None => ("History".to_owned(), Vec::new()),
        },
        Pane::Sprint => ("Sprint".to_owned(), sprint::lines(canvas, columns)),
        _ => {
            let mut lines = schedule::lines(canvas, columns);
            let preflight = model.snapshot.sprint.preflight.as_ref();
            let title = Line::styled(" each requirement of the preflight", theme.accent());
            lines.extend(preflight.map(|_| title));
            let findings = preflight.into_iter().flat_map(|it| &it.findings);
            lines.extend(findings.flat_map(|finding| finding_lines(finding, wide, theme)));
            ("Schedule".to_owned(), lines)
        }
    }
}

/// A requirement with what was seen, what is wrong and what to do.
fn finding_lines(finding: &Finding, columns: usize, theme: Theme) -> Vec<Line<'static>> {
    let (mark, style, text) = match &finding.verdict {
        Verdict::Met => (theme.glyph("✓", "+"), theme.text(), finding.seen.clone()),
        Verdict::Warning { cause, remedy } => ("!", theme.warn(), format!("{cause}: {remedy}")),
        Verdict::Unknown { cause, remedy, .. } => ("?", theme.warn(), format!("{cause}: {remedy}")),
        Verdict::Unmet { cause, remedy } => {
            let cross = theme.glyph("✗", "x");
            (cross, theme.bad(), format!("{cause}: {remedy}"))
        }
    };
    let text = format!("{mark} {}  {text}", finding.requirement);
    let rows = format::wrap(text.trim_end(), columns.saturating_sub(1)).into_iter();
    rows.map(|row| Line::styled(format!(" {row}"), style))
        .collect()
}
