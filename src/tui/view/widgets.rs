//! Frames, boxes and lines.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Widget, Wrap};

use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::prompt::Prompt;
use crate::tui::theme::Theme;

/// Draws a pane's frame with its number and a note on the right; without one where the pane is too low.
/// Returns the inner area.
pub(super) fn pane_frame(
    buf: &mut Buffer,
    area: Rect,
    pane: Pane,
    note: &str,
    model: &Model,
    theme: Theme,
) -> Rect {
    if area.height < 5 {
        return area;
    }
    let focused = model.focus == pane;
    let mark = if focused { theme.glyph("▸", ">") } else { "" };
    let title = format!(" {mark}{} {} ", pane.index() + 1, pane.title());
    let title_style = if focused {
        theme.accent()
    } else {
        theme.strong()
    };
    edges(buf, area, theme, focused);
    let top = Rect::new(area.x + 1, area.y, area.width.saturating_sub(2), 1);
    if !note.is_empty() {
        let note = Line::styled(format!(" {note} "), theme.dim()).right_aligned();
        let width = u16::try_from(note.width()).map_or(top.width, |width| width.min(top.width));
        let right = Rect::new(top.right() - width, top.y, width, 1);
        note.render(right, buf);
    }
    put_cut(buf, top, [Line::styled(title, title_style)]);
    area.inner(Margin::new(1, 1))
}

/// Draws only the edges. A [`Block`] visits every cell inside too: a fifth of the time of a frame.
fn edges(buf: &mut Buffer, area: Rect, theme: Theme, focused: bool) {
    let area = area.intersection(*buf.area());
    if area.width < 2 || area.height < 2 {
        return;
    }
    let set = edge_set(theme);
    let style = theme.border(focused);
    let (left, right) = (area.x, area.right() - 1);
    let (top, bottom) = (area.y, area.bottom() - 1);
    let mut put = |x, y, symbol| {
        buf[(x, y)].set_symbol(symbol).set_style(style);
    };
    for x in left + 1..right {
        put(x, top, set.horizontal_top);
        put(x, bottom, set.horizontal_bottom);
    }
    for y in top + 1..bottom {
        put(left, y, set.vertical_left);
        put(right, y, set.vertical_right);
    }
    put(left, top, set.top_left);
    put(right, top, set.top_right);
    put(left, bottom, set.bottom_left);
    put(right, bottom, set.bottom_right);
}

fn boxed(theme: Theme, focused: bool) -> Block<'static> {
    Block::bordered()
        .border_style(theme.border(focused))
        .border_set(edge_set(theme))
}

fn edge_set(theme: Theme) -> border::Set<'static> {
    if theme.unicode {
        return border::ROUNDED;
    }
    border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    }
}

pub(super) fn prompt_line(prompt: &Prompt, theme: Theme) -> Line<'_> {
    Line::from(vec![
        Span::styled(prompt.kind.label(), theme.accent()),
        Span::raw(prompt.text.as_str()),
        Span::styled(" ", theme.selected()),
    ])
}

/// Draws lines, wrapped.
pub(super) fn put(buf: &mut Buffer, area: Rect, lines: Vec<Line<'_>>) {
    // Most frames have nothing to wrap, and finding words costs as much as all the rest.
    if lines
        .iter()
        .all(|line| line.width() <= usize::from(area.width))
    {
        return put_cut(buf, area, lines);
    }
    Paragraph::new(lines)
        .wrap(Wrap { trim: false })
        .render(area, buf);
}

/// Draws lines, cut at the right.
pub(super) fn put_cut<'a>(buf: &mut Buffer, area: Rect, lines: impl IntoIterator<Item = Line<'a>>) {
    let area = area.intersection(*buf.area());
    for (row, line) in area.rows().zip(lines) {
        buf.set_line(row.x, row.y, &line, row.width);
    }
}

/// A box on top of everything. It scrolls no further than its last line.
pub fn popup(
    buf: &mut Buffer,
    area: Rect,
    title: &str,
    lines: Vec<Line<'_>>,
    scroll: u16,
    theme: Theme,
) {
    Clear.render(area, buf);
    let block = boxed(theme, true).title(Line::styled(format!(" {title} "), theme.accent()));
    let inner = block.inner(area);
    block.render(area, buf);
    let last = lines.len().saturating_sub(usize::from(inner.height));
    let scroll = scroll.min(u16::try_from(last).unwrap_or(u16::MAX));
    Paragraph::new(lines).scroll((scroll, 0)).render(inner, buf);
}
