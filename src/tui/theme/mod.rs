//! Colours by role and glyphs with an ASCII form. `NO_COLOR` is resolved here, to modifiers only:
//! resolved further down it would erase bold and reverse too.

mod contrast;
mod own;
mod palette;

use ratatui::style::{Modifier, Style};

use super::{BackgroundChoice, ColorChoice, GlyphChoice};
pub use own::OwnColors;
use palette::Role;

/// Colours that the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colors {
    /// Bold and reverse only.
    None,
    /// The terminal's own sixteen.
    Sixteen,
    /// The 256 that nearly every terminal has.
    Indexed,
    /// Red, green and blue.
    True,
}

/// What is behind the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// Black or nearly so.
    Dark,
    /// White or nearly so.
    Light,
}

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Colours that may be used.
    pub colors: Colors,
    /// What they are on.
    pub ground: Ground,
    /// Characters beyond ASCII may be used.
    pub unicode: bool,
    /// The operator's own colours.
    pub own: OwnColors,
}

impl Theme {
    /// The theme for the choices and an environment.
    pub fn resolve(
        color: ColorChoice,
        ground: BackgroundChoice,
        glyphs: GlyphChoice,
        env: impl Fn(&str) -> Option<String>,
    ) -> Theme {
        let value = |name: &str| env(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| value(name))
            .unwrap_or_default()
            .to_ascii_lowercase();
        Theme {
            colors: match color {
                ColorChoice::Auto if value("NO_COLOR").is_some() => Colors::None,
                ColorChoice::Auto => shown_by(value("TERM"), value("COLORTERM").as_deref()),
                ColorChoice::Use(colors) => colors,
            },
            ground: match ground {
                BackgroundChoice::Auto => behind(value("COLORFGBG")),
                BackgroundChoice::Dark => Ground::Dark,
                BackgroundChoice::Light => Ground::Light,
            },
            unicode: match glyphs {
                GlyphChoice::Ascii => false,
                GlyphChoice::Unicode => true,
                GlyphChoice::Auto => locale.contains("utf-8") || locale.contains("utf8"),
            },
            own: OwnColors::NONE,
        }
    }

    fn role(self, role: Role, without: Modifier) -> Style {
        let own = self.own.ink(role, self.colors);
        match own.or(palette::ink(role, self.colors, self.ground)) {
            Some(color) => Style::new().fg(color),
            None => Style::new().add_modifier(without),
        }
    }

    /// Colours may be used.
    pub fn has_color(self) -> bool {
        self.colors != Colors::None
    }

    /// It is well.
    pub fn ok(self) -> Style {
        self.role(Role::Ok, Modifier::empty())
    }
    /// It needs a look.
    pub fn warn(self) -> Style {
        self.role(Role::Warn, Modifier::BOLD)
    }
    /// It costs something now.
    pub fn bad(self) -> Style {
        self.role(Role::Bad, Modifier::BOLD | Modifier::UNDERLINED)
            .add_modifier(Modifier::BOLD)
    }
    /// Worth less attention. Never dark grey: unreadable on many terminals. Where its colour is known
    /// to be readable it is not made dimmer still.
    pub fn dim(self) -> Style {
        let style = self.role(Role::Dim, Modifier::empty());
        match self.colors {
            Colors::None | Colors::Sixteen => style.add_modifier(Modifier::DIM),
            Colors::Indexed | Colors::True => style,
        }
    }
    /// What matters now.
    pub fn accent(self) -> Style {
        self.role(Role::Accent, Modifier::BOLD)
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

/// SSH hands COLORTERM on only where it is told to, so a terminal may show more than it says.
fn shown_by(term: Option<String>, colorterm: Option<&str>) -> Colors {
    let term = term.unwrap_or_default();
    match colorterm {
        Some("truecolor" | "24bit") => Colors::True,
        _ if term.contains("256") || term.contains("direct") => Colors::Indexed,
        _ => Colors::Sixteen,
    }
}

/// Some terminals tell their colours, text first: `0;15` is black on white.
fn behind(colors: Option<String>) -> Ground {
    let colors = colors.unwrap_or_default();
    match colors.rsplit(';').next() {
        Some("7" | "15") => Ground::Light,
        _ => Ground::Dark,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(environment: &[(&str, &str)]) -> Theme {
        let env = |name: &str| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Theme::resolve(
            ColorChoice::Auto,
            BackgroundChoice::Auto,
            GlyphChoice::Auto,
            env,
        )
    }

    #[test]
    fn a_terminal_is_given_what_it_says_that_it_shows() {
        let colors = |environment: &[(&str, &str)]| resolved(environment).colors;
        assert_eq!(colors(&[("TERM", "linux")]), Colors::Sixteen);
        assert_eq!(colors(&[("TERM", "tmux-256color")]), Colors::Indexed);
        let both = [("TERM", "xterm-256color"), ("COLORTERM", "truecolor")];
        assert_eq!(colors(&both), Colors::True);
        assert_eq!(
            colors(&[("TERM", "xterm"), ("NO_COLOR", "1")]),
            Colors::None
        );
        assert_eq!(resolved(&[("COLORFGBG", "0;15")]).ground, Ground::Light);
        assert_eq!(resolved(&[]).ground, Ground::Dark);
    }

    #[test]
    fn a_row_of_bars_is_as_high_as_its_values() {
        let theme = resolved(&[("LANG", "C.UTF-8")]);
        assert_eq!(theme.spark(&[0.0, 1.0, 0.5]), "▁█▅");
        assert_eq!(resolved(&[]).spark(&[2.0, 2.0]), "~~");
        assert_eq!(theme.spark(&[]), "");
    }
}
