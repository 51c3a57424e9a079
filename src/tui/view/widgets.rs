//! The canvas of a frame; panes, boxes and lines on it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Widget};
use unicode_width::UnicodeWidthStr as _;

use crate::tui::filter::Filtered;
use crate::tui::hit_areas::HitAreas;
use crate::tui::keymap::{Action, Keymap};
use crate::tui::layout::centered;
use crate::tui::message::MostAway;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::prompt::Prompt;
use crate::tui::section::Section;
use crate::tui::theme::Theme;
use crate::tui::view::format::{cut, wrap_into};

/// A frame that is being drawn.
pub(super) struct Canvas<'a> {
    pub(super) buf: &'a mut Buffer,
    pub(super) hits: HitAreas,
    pub(super) most_away: MostAway,
    pub(super) model: &'a Model,
    pub(super) keys: &'a Keymap,
    pub(super) theme: Theme,
}

impl Canvas<'_> {
    pub(super) fn key(&self, action: Action) -> String {
        self.keys.key_of(action)
    }

    /// Draws the title rule of a pane; returns the rows below it.
    pub(super) fn pane_frame(&mut self, area: Rect, pane: Pane, note: &str) -> Rect {
        self.rule(area, &pane.name(), note, self.model.focus == pane)
    }

    /// Draws the title rule of a section; returns the rows below it.
    pub(super) fn section_rule(&mut self, area: Rect, section: Section, note: &str) -> Rect {
        self.styled_rule(area, section, Line::raw(note))
    }

    /// The same with a note whose parts can have styles of their own.
    pub(super) fn styled_rule(&mut self, area: Rect, section: Section, note: Line<'_>) -> Rect {
        let pane = section.pane();
        match section.subtitle() {
            None => {
                let title = pane.name();
                self.draw_rule(area, &title, note, self.model.focus == pane)
            }
            Some(title) => self.draw_rule(area, title, note, false),
        }
    }

    /// `──▸TITLE ──── NOTE ──`
    pub(super) fn rule(&mut self, area: Rect, title: &str, note: &str, focused: bool) -> Rect {
        self.draw_rule(area, title, Line::raw(note), focused)
    }

    fn draw_rule(&mut self, area: Rect, title: &str, mut note: Line<'_>, focused: bool) -> Rect {
        let area = area.intersection(*self.buf.area());
        if area.is_empty() {
            return area;
        }
        let theme = self.theme;
        let line = theme.glyph("─", "-");
        for x in area.left()..area.right() {
            self.buf[(x, area.y)]
                .set_symbol(line)
                .set_style(theme.dim());
        }
        let (mark, style) = if focused {
            (theme.glyph("▸", ">"), theme.accent())
        } else {
            (" ", theme.strong())
        };
        let title = Line::styled(format!("{mark}{title} "), style);
        let inner = Rect::new(area.x + 2, area.y, area.width.saturating_sub(4), 1);
        let room = usize::from(inner.width).saturating_sub(title.width() + 1);
        put_cut(self.buf, inner, [title]);
        if note.width() > 0 && room > 8 {
            if note.width() > room - 2 {
                note = Line::raw(cut(&note.to_string(), room - 2, theme.glyph("…", "...")));
            }
            note.spans.insert(0, Span::raw(" "));
            note.push_span(" ");
            let note = note.style(theme.dim());
            let width = u16::try_from(note.width()).unwrap_or(inner.width);
            let right = Rect::new(inner.right().saturating_sub(width), inner.y, width, 1);
            put_cut(self.buf, right, [note]);
        }
        Rect {
            y: area.y + 1,
            height: area.height - 1,
            ..area
        }
    }

    /// Draws the line between two columns, joined with the rules that touch it.
    pub(super) fn divide(&mut self, area: Rect) {
        let area = area.intersection(*self.buf.area());
        let theme = self.theme;
        let rule = theme.glyph("─", "-");
        let bounds = *self.buf.area();
        for y in area.top()..area.bottom() {
            let is_rule = |buf: &Buffer, x: u16| {
                bounds.contains((x, y).into()) && buf[(x, y)].symbol() == rule
            };
            let left = area.x > 0 && is_rule(self.buf, area.x - 1);
            let right = is_rule(self.buf, area.x + 1);
            let symbol = match (left, right, y == area.top()) {
                (true, true, true) => theme.glyph("┬", "+"),
                (true, true, false) => theme.glyph("┼", "+"),
                (true, false, _) => theme.glyph("┤", "+"),
                (false, true, _) => theme.glyph("├", "+"),
                (false, false, _) => theme.glyph("│", "|"),
            };
            self.buf[(area.x, y)]
                .set_symbol(symbol)
                .set_style(theme.dim());
        }
        let below = (area.x, area.bottom());
        if bounds.contains(below.into()) && self.buf[below].symbol() == rule {
            self.buf[below].set_symbol(theme.glyph("┴", "+"));
        }
    }
}

/// The side at which a column begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    /// Numbers.
    Right,
}

impl Align {
    /// With spaces up to this many columns.
    pub(super) fn pad(self, text: &str, columns: usize) -> String {
        let fill = " ".repeat(columns.saturating_sub(text.width()));
        match self {
            Align::Left => format!("{text}{fill}"),
            Align::Right => format!("{fill}{text}"),
        }
    }
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

/// A filter: as it is typed, or as it holds.
pub(super) fn filter_line<'a>(canvas: &Canvas<'a>, of: Filtered) -> Option<Line<'a>> {
    let (model, theme) = (canvas.model, canvas.theme);
    if let Some(prompt) = model.filter_prompt(of) {
        return Some(prompt_line(prompt, theme));
    }
    let clear = match of {
        Filtered::Pane(_) => canvas.key(Action::Back),
        Filtered::Help => canvas.key(Action::Close),
    };
    let filter = model.filter(of);
    let text = format!("filter \"{filter}\" ({clear} shows all)");
    (!filter.is_empty()).then(|| Line::styled(text, theme.accent()))
}

/// `2 of `: how many pass the filter, while there is one.
pub(super) fn count_of(model: &Model, pane: Pane, shown: usize) -> String {
    match model.filter(Filtered::Pane(pane)) {
        "" => String::new(),
        _ => format!("{shown} of "),
    }
}

/// A column of space before the line.
pub(super) fn indented(mut line: Line<'_>) -> Line<'_> {
    line.spans.insert(0, Span::raw(" "));
    line
}

/// A text in at most two rows, a column from the left.
pub(super) fn two_rows(text: &str, style: Style, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let columns = usize::from(width).saturating_sub(1);
    let rows = wrap_into(text, columns, 2, theme.glyph("…", "..."));
    let row = |row| Line::styled(format!(" {row}"), style);
    rows.into_iter().map(row).collect()
}

/// The names of facts, and how wide they stand beside one another.
#[derive(Clone, Copy)]
pub(super) struct Facts {
    /// Columns of the names.
    pub(super) names: usize,
    pub(super) width: u16,
    pub(super) theme: Theme,
}

impl Facts {
    /// A dim name, and what is said of it in at most two rows.
    pub(super) fn lines(self, name: &str, text: &str, style: Style) -> Vec<Line<'static>> {
        let Facts {
            names,
            width,
            theme,
        } = self;
        let columns = usize::from(width).saturating_sub(names + 3);
        let rows = wrap_into(text, columns, 2, theme.glyph("…", "..."));
        let names = [name, ""].map(|name| Span::styled(format!(" {name:<names$} "), theme.dim()));
        let rows = rows.into_iter().zip(names);
        rows.map(|(row, name)| Line::from(vec![name, Span::styled(row, style)]))
            .collect()
    }
}

pub(super) fn prompt_line(prompt: &Prompt, theme: Theme) -> Line<'_> {
    Line::from(vec![
        Span::styled(prompt.kind.label(), theme.accent()),
        Span::raw(prompt.text.as_str()),
        Span::styled(" ", theme.selected()),
    ])
}

/// Draws lines, cut at the right.
pub(super) fn put_cut<'a>(buf: &mut Buffer, area: Rect, lines: impl IntoIterator<Item = Line<'a>>) {
    let area = area.intersection(*buf.area());
    for (row, line) in area.rows().zip(lines) {
        put_line(buf, row, &line);
    }
}

/// Draws a line, cut at the right. Plain text needs no search for characters of several columns or code
/// points: most of a frame is plain.
fn put_line(buf: &mut Buffer, row: Rect, line: &Line<'_>) {
    let (mut x, end) = (row.left(), row.right());
    for span in line.iter() {
        let style = line.style.patch(span.style);
        let room = usize::from(end.saturating_sub(x));
        if !span.content.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            (x, _) = buf.set_stringn(x, row.y, &span.content, room, style);
            continue;
        }
        for byte in span.content.bytes().take(room) {
            buf[(x, row.y)].set_char(char::from(byte)).set_style(style);
            x += 1;
        }
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
