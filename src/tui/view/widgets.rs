//! The canvas of a frame; panes, boxes and lines on it.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Widget, Wrap};

use crate::tui::hit_areas::HitAreas;
use crate::tui::keymap::{Action, Keymap};
use crate::tui::layout::centered;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::prompt::Prompt;
use crate::tui::theme::Theme;

/// A frame that is being drawn.
pub(super) struct Canvas<'a> {
    pub(super) buf: &'a mut Buffer,
    pub(super) hits: HitAreas,
    pub(super) model: &'a Model,
    pub(super) keys: &'a Keymap,
    pub(super) theme: Theme,
}

impl Canvas<'_> {
    pub(super) fn key(&self, action: Action) -> String {
        self.keys.key_of(action)
    }

    /// Draws a pane's frame with its number and a note on the right; without one where the pane is too
    /// low. Returns the inner area.
    pub(super) fn pane_frame(&mut self, area: Rect, pane: Pane, note: &str) -> Rect {
        if area.height < 5 {
            return area;
        }
        let theme = self.theme;
        let focused = self.model.focus == pane;
        let (mark, style) = if focused {
            (theme.glyph("▸", ">"), theme.accent())
        } else {
            ("", theme.strong())
        };
        edges(self.buf, area, theme, focused);
        let top = Rect::new(area.x + 1, area.y, area.width.saturating_sub(2), 1);
        if !note.is_empty() {
            let note = Line::styled(format!(" {note} "), theme.dim()).right_aligned();
            let width = u16::try_from(note.width()).map_or(top.width, |width| width.min(top.width));
            let right = Rect::new(top.right() - width, top.y, width, 1);
            note.render(right, self.buf);
        }
        let title = format!(" {mark}{} {} ", pane.index() + 1, pane.title());
        put_cut(self.buf, top, [Line::styled(title, style)]);
        area.inner(Margin::new(1, 1))
    }
}

/// Draws only the edges. A [`Block`] visits every cell inside too: a fifth of the time of a frame.
fn edges(buf: &mut Buffer, area: Rect, theme: Theme, focused: bool) {
    let area = area.intersection(*buf.area());
    if area.width < 2 || area.height < 2 {
        return;
    }
    let set = edge_set(theme);
    let style = if focused { theme.accent() } else { theme.dim() };
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

/// A centred area for a box with this many lines.
pub(in crate::tui) fn box_area(screen: Rect, width: u16, lines: usize) -> Rect {
    let room = screen.height.saturating_sub(2).max(3);
    let height = u16::try_from(lines + 2).map_or(room, |height| height.min(room));
    centered(screen, width, height)
}

/// A box on top of everything. It scrolls no further than its last line.
/// Returns the first visible line: a `scroll` beyond the end shows the end.
pub(in crate::tui) fn popup(
    buf: &mut Buffer,
    area: Rect,
    title: &str,
    lines: Vec<Line<'_>>,
    scroll: usize,
    theme: Theme,
) -> usize {
    Clear.render(area, buf);
    let block = Block::bordered()
        .border_style(theme.accent())
        .border_set(edge_set(theme))
        .title(Line::styled(format!(" {title} "), theme.accent()));
    let inner = block.inner(area);
    block.render(area, buf);
    let last = lines.len().saturating_sub(usize::from(inner.height));
    let top = scroll.min(last);
    let rows = u16::try_from(top).unwrap_or(u16::MAX);
    Paragraph::new(lines).scroll((rows, 0)).render(inner, buf);
    top
}
