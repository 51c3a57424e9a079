//! Draws the model, a pane a file. Pure: reads the model, writes cells, builds only visible rows.

mod alerts;
mod boot;
mod charts;
mod chrome;
mod countdown;
mod dialog;
mod glance;
mod history;
mod log;
mod nodes;
mod offers;
mod palette;
mod sprint;
pub mod words;

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect, Size};
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Widget, Wrap};

use super::keymap::Action;
use super::layout::{Breakpoint, areas};
use super::model::{Model, Overlay, Pane};
use super::prompt::Prompt;
use super::target::{Target, Targets};
use super::theme::Theme;

/// What a frame says of itself.
#[derive(Debug, Clone, Default)]
pub struct Drawn {
    /// How much of the screen the log has, where it is shown.
    pub log: Option<Size>,
    /// What is where.
    pub targets: Targets,
}

/// Draws everything into the area.
pub fn draw(buf: &mut Buffer, screen: Rect, model: &Model, theme: Theme) -> Drawn {
    let mut drawn = Drawn::default();
    if screen.is_empty() {
        return drawn;
    }
    let targets = &mut drawn.targets;
    let size = Breakpoint::of(screen.width, screen.height);
    if size == Breakpoint::Tiny {
        chrome::tiny(buf, screen, model, theme);
    } else {
        let areas = areas(model, screen);
        alerts::draw_line(buf, areas.alert, model, theme);
        targets.put(areas.alert, Target::Do(Action::Alerts));
        glance::draw(buf, areas.glance, model, theme);
        chrome::tabs(buf, areas.tabs, model, targets, theme);
        for (pane, area) in areas.panes {
            targets.put(area, Target::Pane(pane));
            drawn.log = draw_pane(buf, area, pane, model, targets, theme).or(drawn.log);
        }
        chrome::footer(buf, areas.footer, model, targets, theme);
    }
    match &model.overlay {
        Some(Overlay::Help { scroll }) => chrome::help(buf, screen, model, *scroll, theme),
        Some(Overlay::Alerts { scroll }) => alerts::draw_all(buf, screen, model, *scroll, theme),
        Some(Overlay::Palette(palette)) => palette::draw(buf, screen, palette, model, theme),
        None => {}
    }
    if let Some(question) = &model.dialog {
        dialog::draw(buf, screen, question, model, targets, theme);
    }
    drawn
}

fn draw_pane(
    buf: &mut Buffer,
    area: Rect,
    pane: Pane,
    model: &Model,
    targets: &mut Targets,
    theme: Theme,
) -> Option<Size> {
    if area.is_empty() {
        return None;
    }
    match pane {
        Pane::Countdown => countdown::draw(buf, area, model, theme),
        Pane::Sprint => sprint::draw(buf, area, model, theme),
        Pane::Offers => offers::draw(buf, area, model, targets, theme),
        Pane::Boot => return Some(boot::draw(buf, area, model, theme)),
        Pane::Nodes => nodes::draw(buf, area, model, targets, theme),
        Pane::Journal => journal(buf, area, model, theme),
        Pane::History => history::draw(buf, area, model, targets, theme),
        Pane::Charts => charts::draw(buf, area, model, theme),
    }
    None
}

fn journal(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    let inner = frame(buf, area, Pane::Journal, "", model, theme);
    if inner.is_empty() {
        return;
    }
    tui_logger::TuiLoggerWidget::default()
        .style_error(theme.bad())
        .style_warn(theme.warn())
        .style_info(theme.text())
        .style_debug(theme.dim())
        .style_trace(theme.dim())
        .output_file(false)
        .output_line(false)
        .output_timestamp(Some("%H:%M:%S".to_owned()))
        .render(inner, buf);
}

/// Draws a pane's frame, with its number and a note on the right; too low for one, it is left out.
fn frame(
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
        let place = Rect::new(top.right() - width, top.y, width, 1);
        note.render(place, buf);
    }
    put_cut(buf, top, [Line::styled(title, title_style)]);
    area.inner(Margin::new(1, 1))
}

/// Draws the edges alone. A [`Block`] goes over every cell inside too: a fifth of a frame's time.
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

/// A frame in what the terminal can show.
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

/// What is typed, where it is typed.
fn prompt_line(prompt: &Prompt, theme: Theme) -> Line<'_> {
    Line::from(vec![
        Span::styled(prompt.ask.label(), theme.accent()),
        Span::raw(prompt.text.as_str()),
        Span::styled(" ", theme.selected()),
    ])
}

/// Puts lines into an area, wrapped.
fn put(buf: &mut Buffer, area: Rect, lines: Vec<Line<'_>>) {
    // Most frames have nothing to wrap, and looking for words costs as much as all the rest.
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

/// Puts lines into an area, each cut at its end.
fn put_cut<'a>(buf: &mut Buffer, area: Rect, lines: impl IntoIterator<Item = Line<'a>>) {
    let area = area.intersection(*buf.area());
    for (row, line) in area.rows().zip(lines) {
        buf.set_line(row.x, row.y, &line, row.width);
    }
}

/// A box on top of everything, with its lines, each cut at its end. Below its end it is not scrolled.
pub(super) fn popup(
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
