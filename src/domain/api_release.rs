//! Release of a Network Node's API service (dapi), which decides how it behaves.

use std::fmt;
use std::str::FromStr;

/// Such as `0.2.15-post5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRelease {
    text: String,
    numbers: [u32; 3],
}

/// From this release on, a removal cancels the node's running call instead of waiting for it
/// (gonka-ai/gonka#1701).
const REMOVES_AT_ONCE: [u32; 3] = [0, 2, 16];

impl ApiRelease {
    /// Whether a removal holds up no other node.
    pub fn removes_at_once(&self) -> bool {
        self.numbers >= REMOVES_AT_ONCE
    }
}

impl FromStr for ApiRelease {
    type Err = String;

    fn from_str(text: &str) -> Result<ApiRelease, String> {
        let text = text.trim();
        let plain = text.strip_prefix('v').unwrap_or(text);
        let numbers: Vec<Option<u32>> = plain
            .splitn(3, '.')
            .map(|part| {
                let digits = part.find(|c: char| !c.is_ascii_digit());
                part[..digits.unwrap_or(part.len())].parse().ok()
            })
            .collect();
        match numbers.as_slice() {
            [Some(major), Some(minor), Some(patch)] => Ok(ApiRelease {
                text: super::excerpt(plain),
                numbers: [*major, *minor, *patch],
            }),
            _ => Err(format!("{:?} is not a release", super::excerpt(text))),
        }
    }
}

impl fmt::Display for ApiRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removal_is_judged_by_release() {
        for (text, at_once) in [
            ("0.2.14", false),
            ("v0.2.15-post5", false),
            ("0.2.16", true),
            ("v0.2.16-rc1", true),
            ("0.3.0", true),
            ("1.0.0", true),
        ] {
            let release: ApiRelease = text.parse().unwrap();
            assert_eq!(release.removes_at_once(), at_once, "{text}");
            assert_eq!(release.to_string(), text.trim_start_matches('v'));
        }
        for text in ["", "dev", "0.2", "0.x.16"] {
            assert!(text.parse::<ApiRelease>().is_err(), "{text}");
        }
    }
}
