//! The palette: a search for actions.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::tui::keymap::search::{PaletteEntry, search};
use crate::tui::model::Palette;
use crate::tui::theme::Theme;

use super::widgets::{Canvas, box_area, popup};

const NAMES: usize = 14;
/// Lines of the box.
const HEIGHT: usize = 18;

pub fn draw(canvas: &mut Canvas<'_>, screen: Rect, palette: &Palette) {
    let theme = canvas.theme;
    let area = box_area(screen, 84, HEIGHT);
    let entries = search(&palette.text, canvas.keys, canvas.model);
    let selected = palette.index.min(entries.len().saturating_sub(1));
    let rows = usize::from(area.height).saturating_sub(3).max(1);
    let first = (selected + 1).saturating_sub(rows);
    let mut lines = vec![Line::from(vec![
        Span::styled(":", theme.accent()),
        Span::raw(palette.text.as_str()),
        Span::styled(" ", theme.selected()),
    ])];
    if entries.is_empty() {
        lines.push(Line::styled("No such action.", theme.dim()));
    }
    let shown = entries.iter().enumerate().skip(first).take(rows);
    let columns = usize::from(area.width).saturating_sub(2);
    lines.extend(shown.map(|(index, entry)| row(entry, index == selected, columns, theme)));
    popup(canvas.buf, area, "Actions", lines, 0, theme);
}

fn row(entry: &PaletteEntry<'_>, is_selected: bool, columns: usize, theme: Theme) -> Line<'static> {
    let binding = entry.binding;
    let base = match entry.disabled {
        Some(_) => theme.dim(),
        None => theme.text(),
    };
    let keys = format!(" {:<NAMES$}", binding.key_names());
    let mut spans = vec![Span::styled(keys, theme.key(binding.danger))];
    spans.extend(binding.help.char_indices().map(|(byte, letter)| {
        let is_match = entry.matched.contains(&byte);
        let style = if is_match {
            base.patch(theme.accent())
        } else {
            base
        };
        Span::styled(letter.to_string(), style)
    }));
    if let Some(why) = &entry.disabled {
        spans.push(Span::styled(format!(" [{why}]"), theme.dim()));
    }
    let used: usize = spans.iter().map(Span::width).sum();
    spans.push(Span::raw(" ".repeat(columns.saturating_sub(used))));
    Line::from(spans).patch_style(theme.selected_if(is_selected, Style::new()))
}
