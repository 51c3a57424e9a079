//! The help: the keys of the pane first, then those of every pane, then the rest.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::tui::filter::{Filtered, Words};
use crate::tui::keymap::{Action, Binding, Context, disabled_reason};
use crate::tui::model::HelpView;
use crate::tui::pane::Pane;

use super::format;
use super::widgets::{Canvas, box_area, filter_line, popup};

/// Cells of the keys; more keys wrap in them.
const NAMES: usize = 14;
/// From this width of the screen on two columns stand side by side.
const TWO_COLUMNS: u16 = 100;
const WIDEST: u16 = 160;
const GAP: usize = 2;

type Section<'a> = (String, Vec<&'a Binding>);

pub fn draw(canvas: &mut Canvas<'_>, screen: Rect, help: &HelpView) -> usize {
    let is_wide = screen.width >= TWO_COLUMNS;
    let width = screen.width.min(WIDEST);
    let inner = usize::from(width).saturating_sub(2);
    let columns = if is_wide { (inner - GAP) / 2 } else { inner };
    let [first, rest] = sections(canvas, help);
    let [first, rest] = [first, rest].map(|sections| lines(canvas, &sections, columns));
    let mut table = if is_wide {
        side_by_side(first, rest, columns)
    } else {
        first.into_iter().chain(rest).collect()
    };
    if table.is_empty() {
        table.push(Line::styled(" No key has these words.", canvas.theme.dim()));
    }
    table.splice(0..0, filter_line(canvas, Filtered::Help));
    let title = format!(
        "Keys ({} close, {} filter)",
        canvas.key(Action::Close),
        canvas.key(Action::Filter)
    );
    let area = box_area(screen, width, table.len());
    popup(canvas.buf, area, &title, table, help.scroll, canvas.theme)
}

/// What works here, and what works elsewhere.
fn sections<'a>(canvas: &Canvas<'a>, help: &HelpView) -> [Vec<Section<'a>>; 2] {
    let (keys, pane) = (canvas.keys, canvas.model.focus);
    let words = Words::of(&help.filter);
    let passes = |row: &&Binding| words.are_in(|| format!("{} {}", row.key_names(), row.help));
    let of_panes = |wanted: fn(&Binding, Pane) -> bool| {
        let rows = keys.rows(Context::Panes).filter(passes);
        rows.filter(|row| wanted(row, pane)).collect()
    };
    let here = of_panes(|row, pane| !row.panes.is_empty() && row.acts_in(pane));
    let everywhere = of_panes(|row, _| row.panes.is_empty());
    let elsewhere = of_panes(|row, pane| !row.acts_in(pane));
    let first = vec![
        (format!("In {}", pane.name()), here),
        (Context::Panes.title().to_owned(), everywhere),
    ];
    let mut rest = vec![("In other panes".to_owned(), elsewhere)];
    let others = Context::ALL.iter().filter(|it| **it != Context::Panes);
    rest.extend(others.map(|context| {
        let rows = keys.rows(*context).filter(passes).collect();
        (context.title().to_owned(), rows)
    }));
    [first, rest]
}

fn lines(canvas: &Canvas<'_>, sections: &[Section<'_>], columns: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (title, rows) in sections.iter().filter(|(_, rows)| !rows.is_empty()) {
        lines.push(Line::styled(format!(" {title}"), canvas.theme.accent()));
        lines.extend(rows.iter().flat_map(|row| entry(row, canvas, columns)));
    }
    lines
}

/// Keys and what they do, each wrapped in its column; dim with the reason where it does nothing now.
fn entry(row: &Binding, canvas: &Canvas<'_>, columns: usize) -> Vec<Line<'static>> {
    let theme = canvas.theme;
    // What is wrong in dialogs and prompts is known only there.
    let judged = Some(row).filter(|row| row.context == Context::Panes);
    let (text, style) = match judged.and_then(|row| disabled_reason(canvas.model, row)) {
        Some(why) => (format!("{} [{why}]", row.help), theme.dim()),
        None => (row.help.to_owned(), theme.text()),
    };
    let names = format::wrap(&row.key_names(), NAMES);
    let text = format::wrap(&text, columns.saturating_sub(NAMES + 4));
    let cell = |cells: &[String], row: usize| cells.get(row).cloned().unwrap_or_default();
    (0..names.len().max(text.len()))
        .map(|row| {
            let names = format!("  {:<NAMES$} ", cell(&names, row));
            Line::from(vec![
                Span::styled(names, theme.strong()),
                Span::styled(cell(&text, row), style),
            ])
        })
        .collect()
}

fn side_by_side(
    left: Vec<Line<'static>>,
    right: Vec<Line<'static>>,
    columns: usize,
) -> Vec<Line<'static>> {
    let rows = left.len().max(right.len());
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    let row = |_| {
        let first = left.next().unwrap_or_default();
        let pad = (columns + GAP).saturating_sub(first.width());
        let mut spans = styled(first);
        spans.push(Span::raw(" ".repeat(pad)));
        spans.extend(styled(right.next().unwrap_or_default()));
        Line::from(spans)
    };
    (0..rows).map(row).collect()
}

/// The style of a whole line must not reach the other column.
fn styled(line: Line<'static>) -> Vec<Span<'static>> {
    let style = line.style;
    let spans = line.spans.into_iter();
    spans
        .map(|span| Span::styled(span.content, style.patch(span.style)))
        .collect()
}
