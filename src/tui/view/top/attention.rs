//! Row 1: the one thing to know.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::tui::attention::{Attention, Rank};
use crate::tui::hit_areas::HitTarget;
use crate::tui::keymap::{Action, asked};
use crate::tui::theme::Theme;
use crate::tui::view::format;

use super::super::widgets::{Canvas, put_cut};
use super::label;

/// The label of a rank, its style, and the style of the whole row where that is a bar.
pub fn look(rank: Rank, theme: Theme) -> (&'static str, Style, Option<Style>) {
    let bar = |style| Some(theme.highlight(style));
    match rank {
        Rank::Ok => ("OK", theme.ok(), None),
        Rank::Notice => ("NOTICE", theme.accent(), None),
        Rank::Early => ("ACTION", theme.accent(), None),
        Rank::Warning => ("WARNING", theme.warn(), None),
        Rank::Due => ("ACTION", theme.warn(), bar(theme.warn())),
        Rank::Urgent => ("ACTION", theme.bad(), bar(theme.bad())),
        Rank::Critical => ("CRITICAL", theme.bad(), bar(theme.bad())),
    }
}

pub(super) fn draw(canvas: &mut Canvas<'_>, row: Rect, attention: &Attention, others: usize) {
    let theme = canvas.theme;
    let (name, style, bar) = look(attention.rank, theme);
    let mark = others_mark(others, &canvas.key(Action::Alerts));
    let head = label(name, bar.unwrap_or(style));
    let used: usize = head.iter().map(Span::width).sum();
    let room = usize::from(row.width).saturating_sub(used + mark.width());
    let text = sentence(attention, room, theme.glyph("…", ".."));
    let mut line = Line::from(head);
    line.push_span(Span::styled(text, bar.unwrap_or_default()));
    if let Some(bar) = bar {
        canvas.buf.set_style(row, bar);
    }
    put_cut(canvas.buf, row, [line]);
    let columns = u16::try_from(mark.width()).unwrap_or(u16::MAX);
    let start = row.right().saturating_sub(columns).max(row.x);
    let style = bar.unwrap_or_default().patch(theme.strong());
    canvas
        .buf
        .set_stringn(start, row.y, &mark, usize::from(row.width), style);
    let target = target(attention.rank, canvas);
    canvas.hits.add(row, HitTarget::Action(target));
}

/// A click does what the key does that the row names, else it lists the alerts.
fn target(rank: Rank, canvas: &Canvas<'_>) -> Action {
    let asked =
        asked(canvas.model).filter(|_| matches!(rank, Rank::Early | Rank::Due | Rank::Urgent));
    asked.unwrap_or(Action::Alerts)
}

/// The longest form that fits: a half consequence is cut with a mark.
fn sentence(attention: &Attention, room: usize, ellipsis: &str) -> String {
    if attention.long.width() <= room {
        return attention.long.clone();
    }
    format::cut(&attention.text, room, ellipsis)
}

/// How many other things there are, and the key that lists them.
fn others_mark(others: usize, key: &str) -> String {
    match others {
        0 => String::new(),
        _ => format!(" +{others} {key} "),
    }
}
