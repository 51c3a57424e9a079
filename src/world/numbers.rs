//! Seeded randomness and conversions of numbers.

/// A number in `0..1` that depends only on its arguments.
pub(super) fn uniform(seed: u64, what: u64, index: u64) -> f64 {
    let mut x =
        seed ^ what.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ index.wrapping_mul(0xD1B5_4A32_D192_ED03);
    for _ in 0..2 {
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^= x >> 31;
    }
    number(x >> 11) / 9_007_199_254_740_992.0
}

#[expect(clippy::cast_precision_loss, reason = "counts here are below 2^53")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds of unix times are below 2^53"
)]
pub(super) fn signed(count: i64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small and not negative"
)]
pub(super) fn whole(x: f64) -> u64 {
    x as u64
}

pub(super) fn number_of(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
