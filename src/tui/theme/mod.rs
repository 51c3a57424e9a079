//! Colours by role, and glyphs with an ASCII form. `NO_COLOR` is resolved here, to modifiers: resolved
//! further down it would remove bold and reverse too.

mod contrast;
mod overrides;
mod palette;

use ratatui::style::{Modifier, Style};

pub use overrides::ColorOverrides;
use palette::ColorRole;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorChoice {
    /// By the environment; none with `NO_COLOR`.
    #[default]
    Auto,
    Use(ColorDepth),
}

/// Background that the colours must be readable on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum BackgroundChoice {
    /// From `COLORFGBG`; dark if it is not set.
    #[default]
    Auto,
    /// Black or nearly so.
    Dark,
    /// White or nearly so.
    Light,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum GlyphChoice {
    #[default]
    Auto,
    /// ASCII only.
    Ascii,
    Unicode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorDepth {
    /// Bold and reverse only.
    None,
    Sixteen,
    /// The xterm palette of 256.
    Indexed,
    /// 24 bits.
    True,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum BackgroundShade {
    Dark,
    Light,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    pub colors: ColorDepth,
    pub background: BackgroundShade,
    pub unicode: bool,
    pub overrides: ColorOverrides,
}

impl Theme {
    /// Text alone.
    pub const PLAIN: Theme = Theme {
        colors: ColorDepth::None,
        background: BackgroundShade::Dark,
        unicode: true,
        overrides: ColorOverrides::NONE,
    };

    pub fn resolve(
        color: ColorChoice,
        background: BackgroundChoice,
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
                ColorChoice::Auto if value("NO_COLOR").is_some() => ColorDepth::None,
                ColorChoice::Auto => depth_of(value("TERM"), value("COLORTERM").as_deref()),
                ColorChoice::Use(colors) => colors,
            },
            background: match background {
                BackgroundChoice::Auto => background_of(value("COLORFGBG")),
                BackgroundChoice::Dark => BackgroundShade::Dark,
                BackgroundChoice::Light => BackgroundShade::Light,
            },
            unicode: match glyphs {
                GlyphChoice::Ascii => false,
                GlyphChoice::Unicode => true,
                GlyphChoice::Auto => locale.contains("utf-8") || locale.contains("utf8"),
            },
            overrides: ColorOverrides::NONE,
        }
    }

    /// Style of a role; without colours, a modifier instead.
    fn role(self, role: ColorRole, modifier: Modifier) -> Style {
        let own = self.overrides.color(role, self.colors);
        match own.or(palette::color(role, self.colors, self.background)) {
            Some(color) => Style::new().fg(color),
            None => Style::new().add_modifier(modifier),
        }
    }

    pub fn has_color(self) -> bool {
        self.colors != ColorDepth::None
    }

    pub fn ok(self) -> Style {
        self.role(ColorRole::Ok, Modifier::empty())
    }
    pub fn warn(self) -> Style {
        self.role(ColorRole::Warn, Modifier::BOLD)
    }
    /// Costs money or fails now.
    pub fn bad(self) -> Style {
        self.role(ColorRole::Bad, Modifier::BOLD | Modifier::UNDERLINED)
            .add_modifier(Modifier::BOLD)
    }
    /// Less important. Never dark grey, which many terminals make unreadable; not dimmed further where
    /// its colour is known to be readable.
    pub fn dim(self) -> Style {
        let style = self.role(ColorRole::Dim, Modifier::empty());
        match self.colors {
            ColorDepth::None | ColorDepth::Sixteen => style.add_modifier(Modifier::DIM),
            ColorDepth::Indexed | ColorDepth::True => style,
        }
    }
    pub fn accent(self) -> Style {
        self.role(ColorRole::Accent, Modifier::BOLD)
    }
    /// Name of a key.
    pub fn key(self, danger: bool) -> Style {
        if danger { self.warn() } else { self.accent() }
    }
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }
    pub fn text(self) -> Style {
        Style::new()
    }
    pub fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
    /// A style, reversed in the selected row.
    pub fn selected_if(self, is_selected: bool, style: Style) -> Style {
        if is_selected {
            style.patch(self.selected())
        } else {
            style
        }
    }
    pub fn found_current(self) -> Style {
        self.accent()
            .add_modifier(Modifier::REVERSED | Modifier::BOLD | Modifier::UNDERLINED)
    }
    pub fn highlight(self, style: Style) -> Style {
        style.add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    pub fn glyph(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    /// A curve one row high, scaled from the smallest to the largest value. It spans at least the noise:
    /// smaller changes are around the middle.
    pub fn spark(self, values: &[f64], noise: f64) -> String {
        let glyphs: &[char] = if self.unicode {
            &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        } else {
            &['_', '.', '-', '~', '=', '+', '*', '#']
        };
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let range = (most - least).max(noise);
        let middle = f64::midpoint(least, most);
        let steps = [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875];
        let height = |value: f64| {
            let part = if most - least > noise {
                (value - least) / range
            } else {
                0.4 + (value - middle) / range.max(f64::MIN_POSITIVE)
            };
            steps.iter().filter(|step| part >= **step).count()
        };
        values.iter().map(|value| glyphs[height(*value)]).collect()
    }

    /// Progress bar of this many columns, filled to a fraction of 0 to 1.
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

/// SSH does not forward COLORTERM by default, so a terminal may support more than this.
fn depth_of(term: Option<String>, colorterm: Option<&str>) -> ColorDepth {
    let term = term.unwrap_or_default();
    match colorterm {
        Some("truecolor" | "24bit") => ColorDepth::True,
        _ if term.contains("256") || term.contains("direct") => ColorDepth::Indexed,
        _ => ColorDepth::Sixteen,
    }
}

/// `COLORFGBG` of some terminals, text first: `0;15` is black on white.
fn background_of(colors: Option<String>) -> BackgroundShade {
    let colors = colors.unwrap_or_default();
    match colors.rsplit(';').next() {
        Some("7" | "15") => BackgroundShade::Light,
        _ => BackgroundShade::Dark,
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
    fn depth_and_background_follow_the_environment() {
        let colors = |environment: &[(&str, &str)]| resolved(environment).colors;
        assert_eq!(colors(&[("TERM", "linux")]), ColorDepth::Sixteen);
        assert_eq!(colors(&[("TERM", "tmux-256color")]), ColorDepth::Indexed);
        let both = [("TERM", "xterm-256color"), ("COLORTERM", "truecolor")];
        assert_eq!(colors(&both), ColorDepth::True);
        assert_eq!(
            colors(&[("TERM", "xterm"), ("NO_COLOR", "1")]),
            ColorDepth::None
        );
        assert_eq!(
            resolved(&[("COLORFGBG", "0;15")]).background,
            BackgroundShade::Light
        );
        assert_eq!(resolved(&[]).background, BackgroundShade::Dark);
    }

    #[test]
    fn sparkline_scales_to_its_values() {
        let theme = resolved(&[("LANG", "C.UTF-8")]);
        assert_eq!(theme.spark(&[0.0, 1.0, 0.5], 0.0), "▁█▅");
        assert_eq!(resolved(&[]).spark(&[2.0, 2.0], 0.0), "~~");
        // Within the noise it stays near its middle.
        assert_eq!(theme.spark(&[100.0, 101.0], 60.0), "▄▄");
        assert_eq!(theme.spark(&[], 0.0), "");
    }
}
