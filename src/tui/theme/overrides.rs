//! Colours of the configuration in place of the defaults.

use std::collections::BTreeMap;

use ratatui::style::Color;

use super::contrast::{MIN_CONTRAST, backgrounds, contrast, of_index};
use super::palette::ColorRole;
use super::{BackgroundShade, ColorDepth};

/// A colour per role, in the order of `ColorRole::ALL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ColorOverrides([Option<Color>; ColorRole::ALL.len()]);

impl ColorOverrides {
    pub const NONE: ColorOverrides = ColorOverrides([None; ColorRole::ALL.len()]);

    /// Parses names of roles and colours: `#79c0ff`, `117`, `light red`.
    ///
    /// # Errors
    /// All problems, a sentence each.
    pub fn parse(names: &BTreeMap<String, String>) -> Result<ColorOverrides, Vec<String>> {
        let mut overrides = ColorOverrides::NONE;
        let mut problems = Vec::new();
        for (name, color) in names {
            let mut roles = ColorRole::ALL.iter();
            match (roles.find(|role| role.to_string() == *name), color.parse()) {
                (Some(role), Ok(color)) => overrides.0[*role as usize] = Some(color),
                (None, _) => {
                    let roles: Vec<String> =
                        ColorRole::ALL.iter().map(ToString::to_string).collect();
                    let roles = roles.join(", ");
                    problems.push(format!("unknown colour role {name}; use one of {roles}"));
                }
                (_, Err(_)) => problems.push(format!(
                    "{color:?} of {name} is not a colour: use for example #79c0ff, 117 or light red"
                )),
            }
        }
        if problems.is_empty() {
            Ok(overrides)
        } else {
            Err(problems)
        }
    }

    /// Warnings about colours with too little contrast.
    pub fn low_contrast(self, background: BackgroundShade) -> Vec<String> {
        let hard = ColorRole::ALL.iter().filter_map(|role| {
            let color = rgb(self.0[*role as usize]?)?;
            let least = backgrounds(background).map(|behind| contrast(color, behind));
            let least = least.into_iter().fold(f64::INFINITY, f64::min);
            (least < MIN_CONTRAST).then(|| {
                format!(
                    "cockpit.colors: {role} is hard to read on a {background} background: its contrast is {least:.1}, at least {MIN_CONTRAST} is needed"
                )
            })
        });
        hard.collect()
    }

    /// The colour of a role, reduced to what the terminal supports.
    pub(super) fn color(self, role: ColorRole, colors: ColorDepth) -> Option<Color> {
        let color = self.0[role as usize]?;
        match (colors, rgb(color)) {
            (ColorDepth::None, _) => None,
            (ColorDepth::True, _) | (_, None) => Some(color),
            (ColorDepth::Indexed, Some(_)) if matches!(color, Color::Indexed(_)) => Some(color),
            (ColorDepth::Indexed, Some(rgb)) => nearest(rgb, (16..=255).map(Color::Indexed)),
            (ColorDepth::Sixteen, Some(rgb)) => {
                nearest(rgb, SIXTEEN.into_iter().map(|(_, color)| color))
            }
        }
    }
}

/// The basic colours, as xterm has them.
const SIXTEEN: [(u32, Color); 14] = [
    (0xcd_0000, Color::Red),
    (0x00_cd00, Color::Green),
    (0xcd_cd00, Color::Yellow),
    (0x00_00ee, Color::Blue),
    (0xcd_00cd, Color::Magenta),
    (0x00_cdcd, Color::Cyan),
    (0xe5_e5e5, Color::Gray),
    (0xff_0000, Color::LightRed),
    (0x00_ff00, Color::LightGreen),
    (0xff_ff00, Color::LightYellow),
    (0x5c_5cff, Color::LightBlue),
    (0xff_00ff, Color::LightMagenta),
    (0x00_ffff, Color::LightCyan),
    (0xff_ffff, Color::White),
];

/// RGB, where it is known: the basic sixteen look as the terminal likes.
fn rgb(color: Color) -> Option<u32> {
    match color {
        Color::Rgb(r, g, b) => Some(u32::from(r) << 16 | u32::from(g) << 8 | u32::from(b)),
        Color::Indexed(index) => of_index(index),
        _ => None,
    }
}

fn nearest(wanted: u32, colors: impl Iterator<Item = Color>) -> Option<Color> {
    let shown = |color: Color| {
        let basic = SIXTEEN.into_iter().find(|(_, known)| *known == color);
        rgb(color).or(basic.map(|(rgb, _)| rgb)).unwrap_or_default()
    };
    let part = |rgb: u32, shift: u32| i64::from((rgb >> shift) & 0xff);
    let distance = |rgb: u32| -> i64 {
        [16, 8, 0]
            .map(|shift| (part(rgb, shift) - part(wanted, shift)).pow(2))
            .iter()
            .sum()
    };
    colors.min_by_key(|color| distance(shown(*color)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(colors: &[(&str, &str)]) -> Result<ColorOverrides, Vec<String>> {
        let names = colors
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        ColorOverrides::parse(&names.collect())
    }

    #[test]
    fn override_is_reduced_to_nearest_colour() {
        let own = own(&[("accent", "#79c0ff"), ("bad", "light red"), ("dim", "250")]).unwrap();
        let shown = |role| {
            [
                ColorDepth::True,
                ColorDepth::Indexed,
                ColorDepth::Sixteen,
                ColorDepth::None,
            ]
            .map(|colors| own.color(role, colors))
        };
        let all = |a, b, c| [Some(a), Some(b), Some(c), None];
        let blue = Color::Rgb(0x79, 0xc0, 0xff);
        assert_eq!(
            shown(ColorRole::Accent),
            all(blue, Color::Indexed(111), Color::LightBlue)
        );
        assert_eq!(
            shown(ColorRole::Bad),
            all(Color::LightRed, Color::LightRed, Color::LightRed)
        );
        assert_eq!(
            shown(ColorRole::Dim),
            all(Color::Indexed(250), Color::Indexed(250), Color::Gray)
        );
        assert_eq!(shown(ColorRole::Ok), [None; 4]);
    }

    #[test]
    fn invalid_and_unreadable_colours_are_reported() {
        let problems = own(&[("good", "red"), ("ok", "reddish")]).unwrap_err();
        assert!(
            problems[0].contains("use one of ok, warn, bad, dim, accent"),
            "{problems:?}"
        );
        assert!(problems[1].contains("\"reddish\" of ok"), "{problems:?}");
        let own = own(&[("dim", "#444444"), ("ok", "#7ee787")]).unwrap();
        let warnings = own.low_contrast(BackgroundShade::Dark);
        assert!(
            warnings.len() == 1 && warnings[0].contains("dim is hard to read"),
            "{warnings:?}"
        );
        assert_eq!(
            own.low_contrast(BackgroundShade::Light).len(),
            1,
            "the light green there"
        );
    }
}
