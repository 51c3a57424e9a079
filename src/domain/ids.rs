//! Identities. Each is a type of its own, so that an offer is never destroyed as an instance.

use std::str::FromStr;

use derive_more::{Display, Into};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EpochIndex;

/// An offer's `id` (= `ask_contract_id`). Short-lived.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfferId(pub u64);

/// A rented instance: the `new_contract` of a rent call. It costs money until it is gone.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub u64);

/// A physical machine. Offers come and go on it; blame sticks to it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineId(pub u64);

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u64);

/// The id of an entry in the Network Node.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
#[derive(Debug, Display, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NodeId(pub String);

/// A participant's address on the chain, `gonka1…`.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
#[derive(Debug, Display, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Participant(pub String);

/// The name of this cockpit on a Vast account: 1 to 32 of `a-z`, `0-9` and `-`.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[derive(Debug, Display, Into, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CockpitId(String);

/// The label that every rental carries: `pocpit/<cockpit id>/<epoch>/<attempt>-<nonce>`.
///
/// The only idempotency key that the market offers: unique per rent call, and journaled before it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
#[derive(Debug, Display, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[display("pocpit/{cockpit}/{epoch}/{attempt}-{nonce}")]
pub struct RentalLabel {
    pub cockpit: CockpitId,
    pub epoch: EpochIndex,
    /// The rent call's number in its sprint, from 1.
    pub attempt: u32,
    /// Random, so that a label is never used twice: 1 to 16 of `a-z` and `0-9`.
    pub nonce: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {what}: {expected}")]
pub struct InvalidId {
    pub what: &'static str,
    pub text: String,
    pub expected: &'static str,
}

pub(super) const NAME_FORM: &str = "1 to 32 characters of a-z, 0-9 and -";
const LABEL_FORM: &str = "pocpit/<cockpit id>/<epoch>/<attempt>-<nonce>";

impl CockpitId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether it is a name: 1 to 32 characters of `a-z`, `0-9` and `-`.
pub fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=32).contains(&text.len()) && text.chars().all(allowed)
}

impl FromStr for CockpitId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if !is_name(text) {
            return Err(InvalidId {
                what: "cockpit id",
                text: text.into(),
                expected: NAME_FORM,
            });
        }
        Ok(CockpitId(text.into()))
    }
}

impl FromStr for RentalLabel {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        parse_label(text).ok_or_else(|| InvalidId {
            what: "rental label",
            text: text.into(),
            expected: LABEL_FORM,
        })
    }
}

fn parse_label(text: &str) -> Option<RentalLabel> {
    let mut parts = text.strip_prefix("pocpit/")?.split('/');
    let cockpit = parts.next()?.parse().ok()?;
    let epoch = EpochIndex(parts.next()?.parse().ok()?);
    let (attempt, nonce) = parts.next()?.split_once('-')?;
    let nonce_is_plain = (1..=16).contains(&nonce.len())
        && nonce
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if parts.next().is_some() || !nonce_is_plain {
        return None;
    }
    Some(RentalLabel {
        cockpit,
        epoch,
        attempt: attempt.parse().ok()?,
        nonce: nonce.into(),
    })
}

impl TryFrom<String> for CockpitId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl TryFrom<String> for RentalLabel {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<RentalLabel> for String {
    fn from(label: RentalLabel) -> String {
        label.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_round_trips_through_text() {
        let label: RentalLabel = "pocpit/home/359/2-k3x9q0".parse().expect("a valid label");
        assert_eq!(label.epoch, EpochIndex(359));
        assert_eq!(label.attempt, 2);
        assert_eq!(label.to_string(), "pocpit/home/359/2-k3x9q0");
    }

    #[test]
    fn longest_label_fits_the_market() {
        let label = RentalLabel {
            cockpit: "x".repeat(32).parse().unwrap(),
            epoch: EpochIndex(u64::MAX),
            attempt: u32::MAX,
            nonce: "x".repeat(8),
        };
        assert!(label.to_string().len() <= 256);
    }

    #[test]
    fn foreign_labels_do_not_parse() {
        for text in [
            "",
            "gonka-poc-sprint",
            "pocpit/home/359",
            "pocpit/HOME/1/1-a",
            "pocpit/a/1/1-a/b",
            "pocpit/a/x/1-a",
            "pocpit/a/1/1-",
        ] {
            assert!(
                text.parse::<RentalLabel>().is_err(),
                "{text:?} must not parse"
            );
        }
    }
}
