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

impl Role {
    pub(super) const ALL: [Role; 5] = [Role::Ok, Role::Warn, Role::Bad, Role::Dim, Role::Accent];

    /// Its name in the configuration.
    pub(super) fn name(self) -> &'static str {
        match self {
            Role::Ok => "ok",
            Role::Warn => "warn",
            Role::Bad => "bad",
            Role::Dim => "dim",
            Role::Accent => "accent",
        }
    }
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
    use super::super::contrast::{ENOUGH, contrast, of_index, papers};
    use super::*;

    #[test]
    fn every_colour_can_be_read_on_every_ground_also_the_other_way_round() {
        for ground in [Ground::Dark, Ground::Light] {
            for role in Role::ALL {
                let Inks(rgb, index, _) = inks(role, ground);
                for (ink, paper) in [rgb, of_index(index).unwrap()]
                    .into_iter()
                    .flat_map(|ink| papers(ground).map(|paper| (ink, paper)))
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
