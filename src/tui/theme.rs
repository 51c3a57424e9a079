//! Colours by role and glyphs with an ASCII form. `NO_COLOR` is resolved here, to modifiers only:
//! resolved further down it would erase bold and reverse too.

use ratatui::style::{Color, Modifier, Style};

use super::{ColorChoice, GlyphChoice};

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Colours may be used.
    pub color: bool,
    /// Characters beyond ASCII may be used.
    pub unicode: bool,
}

impl Theme {
    /// The theme for the choices and an environment.
    pub fn resolve(
        color: ColorChoice,
        glyphs: GlyphChoice,
        env: impl Fn(&str) -> Option<String>,
    ) -> Theme {
        let no_color = env("NO_COLOR").is_some_and(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| env(name).filter(|value| !value.is_empty()))
            .unwrap_or_default()
            .to_ascii_lowercase();
        Theme {
            color: color == ColorChoice::Auto && !no_color,
            unicode: match glyphs {
                GlyphChoice::Ascii => false,
                GlyphChoice::Unicode => true,
                GlyphChoice::Auto => locale.contains("utf-8") || locale.contains("utf8"),
            },
        }
    }

    fn role(self, color: Color, without: Modifier) -> Style {
        if self.color {
            Style::new().fg(color)
        } else {
            Style::new().add_modifier(without)
        }
    }

    /// It is well.
    pub fn ok(self) -> Style {
        self.role(Color::Green, Modifier::empty())
    }
    /// It needs a look.
    pub fn warn(self) -> Style {
        self.role(Color::Yellow, Modifier::BOLD)
    }
    /// It costs something now.
    pub fn bad(self) -> Style {
        self.role(Color::LightRed, Modifier::BOLD | Modifier::UNDERLINED)
            .add_modifier(Modifier::BOLD)
    }
    /// Worth less attention. Never dark grey: unreadable on many terminals.
    pub fn dim(self) -> Style {
        if self.color {
            Style::new().fg(Color::Gray)
        } else {
            Style::new()
        }
        .add_modifier(Modifier::DIM)
    }
    /// What matters now.
    pub fn accent(self) -> Style {
        self.role(Color::Cyan, Modifier::BOLD)
    }
    /// A heading or a figure to be read first.
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }
    /// Plain text.
    pub fn text(self) -> Style {
        Style::new()
    }
    /// The selected row.
    pub fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
    /// What was searched for.
    pub fn found(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
    /// What was searched for, in the line that was gone to.
    pub fn found_here(self) -> Style {
        self.accent()
            .add_modifier(Modifier::REVERSED | Modifier::BOLD | Modifier::UNDERLINED)
    }
    /// What cannot be missed: a bar of its own.
    pub fn alarm(self, style: Style) -> Style {
        style.add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }
    /// A pane's frame.
    pub fn border(self, focused: bool) -> Style {
        if focused { self.accent() } else { self.dim() }
    }

    /// The glyph, or its ASCII form.
    pub fn glyph(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    /// A line of bars as high as the values, from the least to the most of them; all of them half
    /// high when they are equal.
    pub fn spark(self, values: &[f64]) -> String {
        let glyphs: &[char] = if self.unicode {
            &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        } else {
            &['_', '.', '-', '~', '=', '+', '*', '#']
        };
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let range = most - least;
        let steps = [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875];
        let height = |value: f64| {
            let part = if range > 0.0 {
                (value - least) / range
            } else {
                0.4
            };
            steps.iter().filter(|step| part >= **step).count()
        };
        values.iter().map(|value| glyphs[height(*value)]).collect()
    }

    /// A bar of this many columns, filled to a part of 0 to 1.
    pub fn bar(self, columns: usize, part: f64) -> String {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "clamped to 0..=columns"
        )]
        let full = ((part.clamp(0.0, 1.0) * columns as f64).floor() as usize).min(columns);
        let mut bar = self.glyph("█", "#").repeat(full);
        bar.push_str(&self.glyph("░", "-").repeat(columns - full));
        bar
    }
}
