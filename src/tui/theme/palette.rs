//! Which colour a role has: on a dark or a light ground, in what the terminal can show. Colours of
//! 256 and of 16 million are checked for contrast; the sixteen are the terminal's own.

use ratatui::style::Color;

use super::{Colors, Ground};

/// What a colour stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Ok,
    Warn,
    Bad,
    Dim,
    Accent,
}

/// A role's colours: red, green and blue; one of 256; one of sixteen.
struct Inks(u32, u8, Color);

/// The colour of a role; none where there are none.
pub(super) fn ink(role: Role, colors: Colors, ground: Ground) -> Option<Color> {
    let Inks(rgb, index, basic) = inks(role, ground);
    match colors {
        Colors::None => None,
        Colors::Sixteen => Some(basic),
        Colors::Indexed => Some(Color::Indexed(index)),
        Colors::True => Some(Color::from_u32(rgb)),
    }
}

fn inks(role: Role, ground: Ground) -> Inks {
    match (ground, role) {
        (Ground::Dark, Role::Ok) => Inks(0x007e_e787, 114, Color::Green),
        (Ground::Dark, Role::Warn) => Inks(0x00e3_b341, 179, Color::Yellow),
        (Ground::Dark, Role::Bad) => Inks(0x00ff_8f8f, 210, Color::LightRed),
        (Ground::Dark, Role::Dim) => Inks(0x00b1_b8c0, 249, Color::Gray),
        (Ground::Dark, Role::Accent) => Inks(0x0079_c0ff, 117, Color::Cyan),
        (Ground::Light, Role::Ok) => Inks(0x0011_6329, 22, Color::Green),
        (Ground::Light, Role::Warn) => Inks(0x007d_4e00, 94, Color::Magenta),
        (Ground::Light, Role::Bad) => Inks(0x00a4_0e26, 124, Color::Red),
        (Ground::Light, Role::Dim) => Inks(0x0057_606a, 240, Color::Reset),
        (Ground::Light, Role::Accent) => Inks(0x0005_50ae, 25, Color::Blue),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What terminals have behind the text: black, and the lightest of the usual dark ones; white, and
    /// the darkest of the usual light ones.
    const DARK: [u32; 3] = [0x00_0000, 0x1e_1e1e, 0x28_2c34];
    const LIGHT: [u32; 3] = [0xff_ffff, 0xfd_f6e3, 0xee_eeee];
    /// WCAG 2 AA for text.
    const ENOUGH: f64 = 4.5;

    fn luminance(rgb: u32) -> f64 {
        let linear = |shift: u32| {
            let part = f64::from((rgb >> shift) & 0xff) / 255.0;
            if part <= 0.040_45 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(16) + 0.7152 * linear(8) + 0.0722 * linear(0)
    }

    fn contrast(a: u32, b: u32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Red, green and blue of one of the 256, as xterm has them.
    fn of_index(index: u8) -> u32 {
        if index >= 232 {
            return (8 + 10 * u32::from(index - 232)) * 0x01_0101;
        }
        let cube = u32::from(index) - 16;
        let level = |step: u32| if step == 0 { 0 } else { 55 + 40 * step };
        level(cube / 36) << 16 | level(cube / 6 % 6) << 8 | level(cube % 6)
    }

    #[test]
    fn black_on_white_has_the_contrast_that_the_standard_gives_it() {
        assert!((contrast(0, 0xff_ffff) - 21.0).abs() < 1e-9);
        assert_eq!(of_index(114), 0x87_d787);
    }

    #[test]
    fn every_colour_can_be_read_on_every_ground_also_the_other_way_round() {
        let roles = [Role::Ok, Role::Warn, Role::Bad, Role::Dim, Role::Accent];
        for (ground, behind) in [(Ground::Dark, DARK), (Ground::Light, LIGHT)] {
            for role in roles {
                let Inks(rgb, index, _) = inks(role, ground);
                for (ink, paper) in [rgb, of_index(index)]
                    .into_iter()
                    .flat_map(|ink| behind.map(|paper| (ink, paper)))
                {
                    let contrast = contrast(ink, paper);
                    assert!(
                        contrast >= ENOUGH,
                        "{role:?} on {ground:?}: #{ink:06x} on #{paper:06x} is {contrast:.2}"
                    );
                }
            }
        }
    }
}
