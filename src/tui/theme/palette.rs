//! The default colour of each role. Tests check the contrast of indexed and true colours; the basic sixteen
//! look as the terminal likes.

use ratatui::style::Color;
use strum::VariantArray as _;

use super::{BackgroundShade, ColorDepth};

/// Named in the configuration in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
pub(super) enum ColorRole {
    Ok,
    Warn,
    Bad,
    Dim,
    Accent,
}

impl ColorRole {
    pub(super) const ALL: &[ColorRole] = ColorRole::VARIANTS;
}

/// True, indexed and basic colour of a role.
struct Shades(u32, u8, Color);

pub(super) fn color(
    role: ColorRole,
    colors: ColorDepth,
    background: BackgroundShade,
) -> Option<Color> {
    let Shades(rgb, index, basic) = shades(role, background);
    match colors {
        ColorDepth::None => None,
        ColorDepth::Sixteen => Some(basic),
        ColorDepth::Indexed => Some(Color::Indexed(index)),
        ColorDepth::True => Some(Color::from_u32(rgb)),
    }
}

fn shades(role: ColorRole, background: BackgroundShade) -> Shades {
    match (background, role) {
        (BackgroundShade::Dark, ColorRole::Ok) => Shades(0x007e_e787, 114, Color::Green),
        (BackgroundShade::Dark, ColorRole::Warn) => Shades(0x00e3_b341, 179, Color::Yellow),
        (BackgroundShade::Dark, ColorRole::Bad) => Shades(0x00ff_8f8f, 210, Color::LightRed),
        (BackgroundShade::Dark, ColorRole::Dim) => Shades(0x00b1_b8c0, 249, Color::Gray),
        (BackgroundShade::Dark, ColorRole::Accent) => Shades(0x0079_c0ff, 117, Color::Cyan),
        (BackgroundShade::Light, ColorRole::Ok) => Shades(0x0011_6329, 22, Color::Green),
        (BackgroundShade::Light, ColorRole::Warn) => Shades(0x007d_4e00, 94, Color::Magenta),
        (BackgroundShade::Light, ColorRole::Bad) => Shades(0x00a4_0e26, 124, Color::Red),
        (BackgroundShade::Light, ColorRole::Dim) => Shades(0x0057_606a, 240, Color::Reset),
        (BackgroundShade::Light, ColorRole::Accent) => Shades(0x0005_50ae, 25, Color::Blue),
    }
}

#[cfg(test)]
mod tests {
    use super::super::contrast::{MIN_CONTRAST, backgrounds, contrast, of_index};
    use super::*;

    #[test]
    fn every_colour_has_enough_contrast() {
        for background in [BackgroundShade::Dark, BackgroundShade::Light] {
            for &role in ColorRole::ALL {
                let Shades(rgb, index, _) = shades(role, background);
                for (color, behind) in [rgb, of_index(index).unwrap()]
                    .into_iter()
                    .flat_map(|color| backgrounds(background).map(|behind| (color, behind)))
                {
                    let contrast = contrast(color, behind);
                    assert!(
                        contrast >= MIN_CONTRAST,
                        "{role:?} on {background:?}: #{color:06x} on #{behind:06x} is {contrast:.2}"
                    );
                }
            }
        }
    }
}
