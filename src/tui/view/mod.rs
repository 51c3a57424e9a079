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
use ratatui::layout::{Rect, Size};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Paragraph, Widget, Wrap};

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
    let mut block = boxed(theme, focused).title(Line::styled(
        title,
        if focused {
            theme.accent()
        } else {
            theme.strong()
        },
    ));
    if !note.is_empty() {
        block = block.title(Line::styled(format!(" {note} "), theme.dim()).right_aligned());
    }
    let inner = block.inner(area);
    block.render(area, buf);
    inner
}

/// A frame in what the terminal can show.
fn boxed(theme: Theme, focused: bool) -> Block<'static> {
    let ascii = ratatui::symbols::border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    };
    let block = Block::bordered().border_style(theme.border(focused));
    if theme.unicode {
        block.border_type(BorderType::Rounded)
    } else {
        block.border_set(ascii)
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
    Paragraph::new(lines)
        .wrap(Wrap { trim: false })
        .render(area, buf);
}

/// Puts lines into an area, each cut at its end.
fn put_cut(buf: &mut Buffer, area: Rect, lines: Vec<Line<'_>>) {
    Paragraph::new(lines).render(area, buf);
}

/// A box on top of everything, with its lines, each cut at its end. Below its end it is not scrolled.
fn popup(
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
