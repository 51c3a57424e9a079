//! Colours that the operator gives roles in the configuration, in place of ours. Pure.

use std::collections::BTreeMap;

use ratatui::style::Color;

use super::contrast::{ENOUGH, contrast, of_index, papers};
use super::palette::Role;
use super::{Colors, Ground};

/// Colours of some roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OwnColors([Option<Color>; Role::ALL.len()]);

impl OwnColors {
    /// None.
    pub const NONE: OwnColors = OwnColors([None; Role::ALL.len()]);

    /// Reads names of roles and colours: `#79c0ff`, `117`, `light red`.
    ///
    /// # Errors
    /// Everything that is wrong, a sentence each.
    pub fn of(names: &BTreeMap<String, String>) -> Result<OwnColors, Vec<String>> {
        let mut own = OwnColors::NONE;
        let mut problems = Vec::new();
        for (name, color) in names {
            let place = Role::ALL.iter().position(|role| role.name() == name);
            match (place, color.parse::<Color>()) {
                (Some(place), Ok(color)) => own.0[place] = Some(color),
                (None, _) => {
                    let roles = Role::ALL.map(Role::name).join(", ");
                    problems.push(format!("there is no colour {name}; there are {roles}"));
                }
                (_, Err(_)) => problems.push(format!(
                    "{color:?} of {name} is no colour: #79c0ff, 117 and light red are"
                )),
            }
        }
        if problems.is_empty() {
            Ok(own)
        } else {
            Err(problems)
        }
    }

    /// What is hard to read on this ground, a sentence each.
    pub fn hard_to_read(self, ground: Ground) -> Vec<String> {
        let hard = Role::ALL.into_iter().zip(self.0).filter_map(|(role, color)| {
            let ink = rgb(color?)?;
            let least = papers(ground).map(|paper| contrast(ink, paper));
            let least = least.into_iter().fold(f64::INFINITY, f64::min);
            (least < ENOUGH).then(|| {
                format!(
                    "cockpit.colors: {} is hard to read on a {} ground: its contrast is {least:.1}, {ENOUGH} is enough",
                    role.name(),
                    match ground {
                        Ground::Dark => "dark",
                        Ground::Light => "light",
                    }
                )
            })
        });
        hard.collect()
    }

    /// The role's colour in what the terminal can show, if the operator chose one.
    pub(super) fn ink(self, role: Role, colors: Colors) -> Option<Color> {
        let (_, color) = Role::ALL
            .into_iter()
            .zip(self.0)
            .find(|(known, _)| *known == role)?;
        let color = color?;
        match (colors, rgb(color)) {
            (Colors::None, _) => None,
            (Colors::True, _) | (_, None) => Some(color),
            (Colors::Indexed, Some(_)) if matches!(color, Color::Indexed(_)) => Some(color),
            (Colors::Indexed, Some(rgb)) => nearest(rgb, (16..=255).map(Color::Indexed)),
            (Colors::Sixteen, Some(rgb)) => {
                nearest(rgb, SIXTEEN.into_iter().map(|(_, color)| color))
            }
        }
    }
}

/// The sixteen, as xterm has them.
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

/// Red, green and blue, where they are known: the sixteen look as the terminal likes.
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

    fn own(colors: &[(&str, &str)]) -> Result<OwnColors, Vec<String>> {
        let names = colors
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        OwnColors::of(&names.collect())
    }

    #[test]
    fn a_terminal_with_fewer_colours_gets_the_nearest_one() {
        let own = own(&[("accent", "#79c0ff"), ("bad", "light red"), ("dim", "250")]).unwrap();
        let inks = |role| {
            [Colors::True, Colors::Indexed, Colors::Sixteen, Colors::None]
                .map(|colors| own.ink(role, colors))
        };
        let all = |a, b, c| [Some(a), Some(b), Some(c), None];
        let blue = Color::Rgb(0x79, 0xc0, 0xff);
        assert_eq!(
            inks(Role::Accent),
            all(blue, Color::Indexed(111), Color::LightBlue)
        );
        assert_eq!(
            inks(Role::Bad),
            all(Color::LightRed, Color::LightRed, Color::LightRed)
        );
        assert_eq!(
            inks(Role::Dim),
            all(Color::Indexed(250), Color::Indexed(250), Color::Gray)
        );
        assert_eq!(inks(Role::Ok), [None; 4]);
    }

    #[test]
    fn what_is_wrong_or_hard_to_read_is_told() {
        let problems = own(&[("good", "red"), ("ok", "reddish")]).unwrap_err();
        assert!(
            problems[0].contains("there are ok, warn, bad, dim, accent"),
            "{problems:?}"
        );
        assert!(problems[1].contains("\"reddish\" of ok"), "{problems:?}");
        let own = own(&[("dim", "#444444"), ("ok", "#7ee787")]).unwrap();
        let told = own.hard_to_read(Ground::Dark);
        assert!(
            told.len() == 1 && told[0].contains("dim is hard to read"),
            "{told:?}"
        );
        assert_eq!(
            own.hard_to_read(Ground::Light).len(),
            1,
            "the light green there"
        );
    }
}
