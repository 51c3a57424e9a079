//! How well a colour can be read on a ground. Pure.

use super::Ground;

/// WCAG 2 AA for text.
pub(super) const ENOUGH: f64 = 4.5;

/// What terminals have behind the text: black, and the lightest of the usual dark ones; white, and the
/// darkest of the usual light ones.
pub(super) fn papers(ground: Ground) -> [u32; 3] {
    match ground {
        Ground::Dark => [0x00_0000, 0x1e_1e1e, 0x28_2c34],
        Ground::Light => [0xff_ffff, 0xfd_f6e3, 0xee_eeee],
    }
}

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

/// The contrast of two colours, 1 to 21.
pub(super) fn contrast(a: u32, b: u32) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Red, green and blue of one of the 256 from the 17th on, as xterm has them: the sixteen before are
/// the terminal's own.
pub(super) fn of_index(index: u8) -> Option<u32> {
    if index >= 232 {
        return Some((8 + 10 * u32::from(index - 232)) * 0x01_0101);
    }
    let cube = u32::from(index.checked_sub(16)?);
    let level = |step: u32| if step == 0 { 0 } else { 55 + 40 * step };
    Some(level(cube / 36) << 16 | level(cube / 6 % 6) << 8 | level(cube % 6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_on_white_has_the_contrast_that_the_standard_gives_it() {
        assert!((contrast(0, 0xff_ffff) - 21.0).abs() < 1e-9);
        assert_eq!(of_index(114), Some(0x87_d787));
        assert_eq!(of_index(15), None);
    }
}
