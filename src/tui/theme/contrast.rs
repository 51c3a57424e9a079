//! Contrast of a colour on a background.

use super::BackgroundShade;

/// WCAG 2 AA for text.
pub(super) const MIN_CONTRAST: f64 = 4.5;

/// Common terminal backgrounds, from the extreme to the least dark or light.
pub(super) fn backgrounds(shade: BackgroundShade) -> [u32; 3] {
    match shade {
        BackgroundShade::Dark => [0x00_0000, 0x1e_1e1e, 0x28_2c34],
        BackgroundShade::Light => [0xff_ffff, 0xfd_f6e3, 0xee_eeee],
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

/// Contrast ratio, 1 to 21.
pub(super) fn contrast(a: u32, b: u32) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// RGB of an xterm colour; none for the first sixteen, which the terminal chooses.
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
    fn contrast_matches_the_standard() {
        assert!((contrast(0, 0xff_ffff) - 21.0).abs() < 1e-9);
        assert_eq!(of_index(114), Some(0x87_d787));
        assert_eq!(of_index(15), None);
    }
}
