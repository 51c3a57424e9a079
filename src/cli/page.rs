//! Where a result is printed: how wide it may be, and whether in colours.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use crossterm::style::ContentStyle;
use ratatui::backend::IntoCrossterm as _;
use ratatui::style::Style;
use rustix::termios::tcgetwinsize;
use unicode_width::UnicodeWidthStr as _;

use super::arguments::{Common, Output};
use crate::domain::{Duration, Usd, format};
use crate::tui::theme::{ColorDepth, Theme};

/// Width where none is known: in a pipe, a file or a journal.
const USUAL_COLUMNS: usize = 80;
/// Nothing can be laid out in less.
const LEAST_COLUMNS: usize = 20;
/// For `--wide`.
const NO_LIMIT: usize = usize::MAX;

/// How a piece of text looks, by its meaning. A word always says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Look {
    #[default]
    Plain,
    Dim,
    Strong,
    Good,
    Warn,
    Bad,
}

/// How wide a terminal is; nothing where there is none.
fn columns_of(stream: &(impl AsFd + IsTerminal)) -> Option<usize> {
    let size = tcgetwinsize(stream).ok().filter(|_| stream.is_terminal());
    let columns = size.map(|size| usize::from(size.ws_col));
    let columns = columns.filter(|columns| *columns > 0);
    columns.map(|columns| columns.max(LEAST_COLUMNS))
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub columns: usize,
    theme: Theme,
}

impl Page {
    /// Standard output.
    pub fn stdout(common: &Common, output: Output) -> Page {
        let stdout = std::io::stdout();
        let mut theme = common.theme();
        if !stdout.is_terminal() {
            theme.colors = ColorDepth::None;
        }
        Page {
            columns: if output.wide {
                NO_LIMIT
            } else {
                columns_of(&stdout).unwrap_or(USUAL_COLUMNS)
            },
            theme,
        }
    }

    /// Standard output, for a sentence without colours.
    pub fn sentence() -> Page {
        Page {
            columns: columns_of(&std::io::stdout()).unwrap_or(USUAL_COLUMNS),
            theme: Theme::PLAIN,
        }
    }

    /// Standard error. Where no terminal is, each message is a line: a journal keeps it whole, and programs
    /// that look for it find it.
    pub fn stderr() -> Page {
        Page {
            columns: columns_of(&std::io::stderr()).unwrap_or(NO_LIMIT),
            theme: Theme::PLAIN,
        }
    }

    #[cfg(test)]
    pub fn plain(columns: usize) -> Page {
        use crate::tui::theme::{BackgroundChoice, ColorChoice, GlyphChoice};
        let color = ColorChoice::Use(ColorDepth::None);
        let theme = Theme::resolve(color, BackgroundChoice::Dark, GlyphChoice::Unicode, |_| {
            None
        });
        Page { columns, theme }
    }

    pub fn paint(&self, look: Look, text: &str) -> String {
        let theme = self.theme;
        if !theme.has_color() || look == Look::Plain || text.is_empty() {
            return text.to_owned();
        }
        let style: Style = match look {
            Look::Plain => theme.text(),
            Look::Dim => theme.dim(),
            Look::Strong => theme.strong(),
            Look::Good => theme.ok(),
            Look::Warn => theme.warn(),
            Look::Bad => theme.bad(),
        };
        let style: ContentStyle = style.into_crossterm();
        style.apply(text).to_string()
    }

    pub fn glyph(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        self.theme.glyph(unicode, ascii)
    }

    /// What something costs at most: `≤$14.18`.
    pub fn worst(&self, cost: Usd) -> String {
        crate::tui::view::format::worst(cost, self.theme)
    }

    /// Half of a band of time, in its largest unit: `±1m`.
    pub fn half_of(&self, band: Duration) -> String {
        let half = format::in_largest_unit(band / 2);
        format!("{}{half}", self.glyph("±", "+-"))
    }

    /// The same with fewer columns.
    pub fn narrower(&self, by: usize) -> Page {
        let columns = match self.columns {
            NO_LIMIT => NO_LIMIT,
            columns => columns.saturating_sub(by),
        };
        Page { columns, ..*self }
    }

    /// A text in as many lines as it needs. Lines after the first are indented by this many columns.
    pub fn paragraph(&self, text: &str, indent: usize) -> Vec<String> {
        let room = self.columns.saturating_sub(indent).max(1);
        // What fits keeps its spaces: they may be columns.
        if text.width() <= room {
            return vec![text.to_owned()];
        }
        let lines = format::fill(text, room);
        let indented = |(index, line): (usize, String)| match index {
            0 => line,
            _ => format!("{:indent$}{line}", ""),
        };
        lines.into_iter().enumerate().map(indented).collect()
    }

    /// Sentences, each with as many lines as it needs.
    pub fn sentences(&self, text: &str) -> String {
        let wrapped = |line: &str| {
            let inner = line.trim_start();
            let margin = line.len() - inner.len();
            let lines = self.narrower(margin).paragraph(inner, 2);
            let moved = |line| format!("{:margin$}{line}", "");
            lines.into_iter().map(moved).collect::<Vec<_>>()
        };
        text.lines()
            .flat_map(wrapped)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// A label, padded to this many columns, and a text that wraps beside it.
    pub fn labelled(&self, label: &str, look: Look, width: usize, text: &str) -> Vec<String> {
        let mut lines = self.paragraph(text, width);
        let padding = width.saturating_sub(label.chars().count());
        if let Some(first) = lines.first_mut() {
            let label = self.paint(look, label);
            *first = format!("{label}{:padding$}{first}", "");
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_fits_keeps_its_columns() {
        let page = Page::plain(20);
        assert_eq!(page.sentences("  price   $8.40/h"), "  price   $8.40/h");
        assert_eq!(
            page.sentences("  a longer line that does not fit"),
            "  a longer line\n    that does not\n    fit"
        );
    }
}
