//! Parses the text of values, and writes them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::Deserialize as _;
use url::Url;

use crate::domain::{Duration, Usd};

/// Stands for an address that was not read.
pub(super) const BLANK_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Stands for a URL that was not read.
#[expect(clippy::expect_used, reason = "the literal is a valid URL")]
pub(super) fn blank_url() -> Url {
    "http://invalid.invalid/".parse().expect("a valid URL")
}

pub(super) fn parse(text: &str) -> Result<toml::Value, toml::de::Error> {
    toml::Value::deserialize(toml::de::ValueDeserializer::parse(text)?)
}

/// `"90s"`, `"45m"`, `"1h30m"`, `"2d"`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let mut parts = text.split_inclusive(|character: char| !character.is_ascii_digit());
    let total = parts.try_fold(Duration::zero(), |total, part| {
        let (number, unit) = part.split_at_checked(part.len() - 1)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        let seconds = number.parse::<i64>().ok()?.checked_mul(seconds)?;
        total.checked_add(&Duration::try_seconds(seconds)?)
    });
    total.filter(|_| !text.is_empty())
}

/// `"80 GB"`, `"1.5 TB"` or `"512 MB"` in megabytes (10^6 bytes).
pub(super) fn megabytes(text: &str) -> Option<f64> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.trim().parse().ok()?;
    let factor = match unit.to_ascii_uppercase().as_str() {
        "MB" => 1.0,
        "GB" => 1_000.0,
        "TB" => 1_000_000.0,
        _ => return None,
    };
    let megabytes = number * factor;
    (megabytes.is_finite() && megabytes >= 0.0).then_some(megabytes)
}

/// `"$12.50"` or `"12.5"`.
pub(super) fn dollars(text: &str) -> Option<Usd> {
    let number: f64 = text.trim().trim_start_matches('$').trim().parse().ok()?;
    dollars_of(number)
}

/// A sum from 0 to a billion.
pub(super) fn dollars_of(number: f64) -> Option<Usd> {
    (number.is_finite() && (0.0..=1e9).contains(&number)).then(|| Usd::from_dollars(number))
}

/// A duration as it is written in a configuration.
pub(super) fn show_duration(duration: Duration) -> String {
    let seconds = duration.num_seconds();
    let mut units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')].into_iter();
    let unit = units.find(|(length, _)| seconds != 0 && seconds % length == 0);
    let (length, unit) = unit.unwrap_or((1, 's'));
    format!("{}{unit}", seconds / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed() {
        assert_eq!(duration("90s"), Some(Duration::seconds(90)));
        assert_eq!(duration("1h30m"), Some(Duration::minutes(90)));
        for text in ["90s", "45m", "2h", "3d"] {
            assert_eq!(show_duration(duration(text).unwrap()), text);
        }
        for wrong in ["", "45", "m", "4x", "-5m", "99999999999999999999d"] {
            assert_eq!(duration(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn sizes_need_a_decimal_unit() {
        assert_eq!(megabytes("24 GB"), Some(24_000.0));
        assert_eq!(megabytes("512MB"), Some(512.0));
        for wrong in ["24", "GB", "24 GiB", "-1 GB", "x GB"] {
            assert_eq!(megabytes(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn dollars_are_parsed() {
        assert_eq!(dollars("$12.50"), Some(Usd::from_dollars(12.5)));
        for wrong in ["", "-1", "NaN", "inf", "ten"] {
            assert_eq!(dollars(wrong), None, "{wrong:?}");
        }
    }
}
