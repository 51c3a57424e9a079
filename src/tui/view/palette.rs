//! The palette: what is typed, and the actions that it finds.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::tui::keymap::{
    Keymap,
    search::{PaletteEntry, search},
};
use crate::tui::layout::centered;
use crate::tui::model::{Model, Palette};
use crate::tui::theme::Theme;

use super::widgets::popup;

const NAMES: usize = 14;
/// Rows of the box, with its frame and what is typed.
const HEIGHT: u16 = 20;

pub fn draw(
    buf: &mut Buffer,
    screen: Rect,
    palette: &Palette,
    model: &Model,
    keys: &Keymap,
    theme: Theme,
) {
    let area = centered(screen, 84, HEIGHT.min(screen.height.saturating_sub(2)));
    let entries = search(&palette.text, keys, model);
    let selected = palette.index.min(entries.len().saturating_sub(1));
    let rows = usize::from(area.height).saturating_sub(3).max(1);
    let first = (selected + 1).saturating_sub(rows);
    let mut lines = vec![Line::from(vec![
        Span::styled(":", theme.accent()),
        Span::raw(palette.text.clone()),
        Span::styled(" ", theme.selected()),
    ])];
    if entries.is_empty() {
        lines.push(Line::styled("No such action.", theme.dim()));
    }
    let shown = entries.iter().enumerate().skip(first).take(rows);
    let columns = usize::from(area.width).saturating_sub(2);
    lines.extend(shown.map(|(index, entry)| row(entry, index == selected, columns, theme)));
    popup(buf, area, "Actions", lines, 0, theme);
}

fn row(entry: &PaletteEntry<'_>, is_selected: bool, columns: usize, theme: Theme) -> Line<'static> {
    let binding = entry.binding;
    let base = if entry.disabled.is_some() {
        theme.dim()
    } else {
        theme.text()
    };
    let key_style = if binding.danger {
        theme.warn()
    } else {
        theme.accent()
    };
    let mut spans = vec![Span::styled(
        format!(" {:<NAMES$}", binding.key_names()),
        key_style,
    )];
    spans.extend(binding.help.char_indices().map(|(byte, letter)| {
        let style = if entry.matched.contains(&byte) {
            base.patch(theme.accent())
        } else {
            base
        };
        Span::styled(letter.to_string(), style)
    }));
    if let Some(why) = entry.disabled {
        spans.push(Span::styled(format!(" [{why}]"), theme.dim()));
    }
    let used: usize = spans.iter().map(Span::width).sum();
    spans.push(Span::raw(" ".repeat(columns.saturating_sub(used))));
    let line = Line::from(spans);
    if is_selected {
        line.patch_style(theme.selected())
    } else {
        line
    }
}
