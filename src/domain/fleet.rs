//! The names of a fleet: pools of replicas, Network Nodes and accounts.

use std::num::NonZeroU32;
use std::str::FromStr;

use derive_more::Display;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{InvalidId, NAME_FORM, is_name};

/// A name of the operator's choice: 1 to 32 of `a-z`, `0-9` and `-`.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $(#[$default:meta])* $sole:literal) => {
        $(#[$doc])*
        #[derive(Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(inline)]
        #[derive(Debug, Display, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }

            pub fn is_default(&self) -> bool {
                self.0 == $sole
            }
        }

        $(#[$default])*
        impl Default for $name {
            fn default() -> $name {
                $name($sole.to_owned())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<$name, InvalidId> {
                if is_name(text) {
                    return Ok($name(text.to_owned()));
                }
                Err(InvalidId {
                    what: $what,
                    text: text.to_owned(),
                    expected: NAME_FORM,
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<$name, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

name!(
    /// Names a pool: 1 to 32 of `a-z`, `0-9` and `-`.
    PoolName,
    "pool's name",
    /// The pool of a configuration that names none.
    "default"
);
name!(
    /// Names a Network Node with its participant: 1 to 32 of `a-z`, `0-9` and `-`.
    NetworkNodeName,
    "Network Node's name",
    /// The Network Node of a configuration that names none.
    "main"
);
name!(
    /// Names a Vast account: 1 to 32 of `a-z`, `0-9` and `-`.
    AccountName,
    "account's name",
    /// The account of `[vast]`.
    "main"
);

/// One place in a fleet, filled by one rental at a time and a hedge beside it. Shown as `pool/number`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
#[derive(Debug, Display, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[display("{pool}/{number}")]
pub struct ReplicaId {
    pub pool: PoolName,
    pub number: NonZeroU32,
}

const REPLICA_FORM: &str = "a pool's name, a slash and a number from 1, like minimax/3";

/// The only replica of a configuration without pools. Journals from before fleets belong to it.
impl Default for ReplicaId {
    fn default() -> ReplicaId {
        ReplicaId {
            pool: PoolName::default(),
            number: NonZeroU32::MIN,
        }
    }
}

impl ReplicaId {
    pub fn is_default(&self) -> bool {
        *self == ReplicaId::default()
    }
}

impl FromStr for ReplicaId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<ReplicaId, InvalidId> {
        let parts = text.split_once('/').and_then(|(pool, number)| {
            let is_canonical = number.bytes().all(|byte| byte.is_ascii_digit());
            let number: NonZeroU32 = number.parse().ok().filter(|_| is_canonical)?;
            Some((pool, number))
        });
        let Some((pool, number)) = parts else {
            return Err(InvalidId {
                what: "replica",
                text: text.to_owned(),
                expected: REPLICA_FORM,
            });
        };
        Ok(ReplicaId {
            pool: pool.parse()?,
            number,
        })
    }
}

impl TryFrom<String> for ReplicaId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<ReplicaId, InvalidId> {
        text.parse()
    }
}

impl From<ReplicaId> for String {
    fn from(id: ReplicaId) -> String {
        id.to_string()
    }
}

/// A replica's place among those of its Network Node: it adds this to the first port of each range.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Slot(pub u16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replica_is_read_as_it_is_shown() {
        let id: ReplicaId = "minimax/3".parse().unwrap();
        assert_eq!((id.pool.as_str(), id.number.get()), ("minimax", 3));
        assert_eq!(id.to_string(), "minimax/3");
        assert_eq!(ReplicaId::default().to_string(), "default/1");
        for wrong in ["minimax", "minimax/0", "minimax/+3", "Mini/1", "/1", "a/"] {
            let error = wrong.parse::<ReplicaId>().unwrap_err().to_string();
            assert!(error.contains("is not a"), "{wrong}: {error}");
        }
    }
}
