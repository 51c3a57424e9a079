//! vLLM's arguments as the Network Node will merge them: governance's, then those of the node's own that
//! governance does not name. Pure.
//!
//! When this program starts the model it must send exactly this list, because the Network Node leaves a
//! healthy node as it is. Wire facts: gonka v0.2.14, `decentralized-api/broker/broker.go`, `MergeModelArgs`.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{GovernanceModel, WorkloadModel};

/// The arguments that a node runs with, and what became of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    pub args: Vec<String>,
    /// Own arguments whose value governance replaces.
    pub overridden: Vec<Overridden>,
    /// Own tokens that belong to no argument and are left out.
    pub dropped: Vec<String>,
}

/// An argument for which governance and the node have different values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Overridden {
    /// Its name, with the dashes.
    pub name: String,
    /// The value in `mlnode.args`; null for a switch.
    pub local: Option<String>,
    /// Governance's value; null for a switch.
    pub governance: Option<String>,
}

impl fmt::Display for Overridden {
    /// `--max-model-len 180000 (mlnode.args: 8192)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word =
            |value: &Option<String>| value.clone().unwrap_or_else(|| "without a value".into());
        let (governance, local) = (word(&self.governance), word(&self.local));
        write!(f, "{} {governance} (mlnode.args: {local})", self.name)
    }
}

/// One argument, or a token that belongs to none.
enum Token<'a> {
    Argument {
        name: &'a str,
        value: Option<&'a str>,
    },
    Stray(&'a str),
}

/// Merges as the Network Node does up to v0.2.15: names are compared as whole tokens, and a token that
/// does not begin with two dashes is the value of the one before.
pub fn merge(governance: &[String], local: &[String]) -> Merged {
    let given: Vec<Token<'_>> = tokens(governance).collect();
    let names: BTreeSet<&str> = given.iter().filter_map(Token::name).collect();
    let mut merged = Merged {
        args: governance.to_vec(),
        ..Merged::default()
    };
    for token in tokens(local) {
        match token {
            Token::Stray(text) => merged.dropped.push(text.to_owned()),
            Token::Argument { name, value } if names.contains(name) => {
                merged.overridden.extend(overridden(name, value, &given));
            }
            Token::Argument { name, value } => {
                let words = [Some(name), value].into_iter().flatten();
                merged.args.extend(words.map(str::to_owned));
            }
        }
    }
    merged
}

/// The model to start: with the merged arguments, and the revision that they name. A model that governance
/// does not list has only the node's own arguments.
pub fn as_started(catalogue: &[GovernanceModel], local: &WorkloadModel) -> WorkloadModel {
    let args = of_model(catalogue, local).args;
    WorkloadModel {
        id: local.id.clone(),
        revision: revision(&args).or_else(|| local.revision.clone()),
        args,
    }
}

/// Merges a model's own arguments with those of its entry in the catalogue.
pub fn of_model(catalogue: &[GovernanceModel], local: &WorkloadModel) -> Merged {
    let mut entries = catalogue.iter();
    let entry = entries.find(|entry| entry.id == local.id);
    merge(entry.map_or(&[], |entry| &entry.args), &local.args)
}

/// The value of `--revision`: what vLLM loads.
fn revision(args: &[String]) -> Option<String> {
    tokens(args).find_map(|token| match token {
        Token::Argument {
            name: "--revision",
            value,
        } => value.map(str::to_owned),
        _ => None,
    })
}

fn tokens(args: &[String]) -> impl Iterator<Item = Token<'_>> {
    let mut rest = args.iter().map(String::as_str).peekable();
    std::iter::from_fn(move || {
        let token = rest.next()?;
        if !is_name(token) {
            return Some(Token::Stray(token));
        }
        let value = rest.next_if(|next| !is_name(next));
        Some(Token::Argument { name: token, value })
    })
}

fn is_name(token: &str) -> bool {
    token.starts_with("--")
}

impl<'a> Token<'a> {
    fn name(&self) -> Option<&'a str> {
        match self {
            Token::Argument { name, .. } => Some(name),
            Token::Stray(_) => None,
        }
    }
}

/// How governance overrides an own argument; `None` when both agree.
fn overridden(name: &str, local: Option<&str>, given: &[Token<'_>]) -> Option<Overridden> {
    let governance = given.iter().find_map(|token| match token {
        Token::Argument { name: other, value } if *other == name => Some(*value),
        _ => None,
    })?;
    (governance != local).then(|| Overridden {
        name: name.to_owned(),
        local: local.map(str::to_owned),
        governance: governance.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// Governance's part of MiniMax-M2.7 (gonka v0.2.13, inference-chain/app/upgrades/v0_2_13).
    const GOVERNANCE: &str = "--enable-auto-tool-choice --max-model-len 180000 --kv-cache-dtype fp8 --tool-call-parser minimax_m2 --reasoning-parser minimax_m2_append_think";

    #[test]
    fn governance_arguments_override_local_ones() {
        let local = "--tensor-parallel-size 4 --max-model-len 8192 --enable-auto-tool-choice --kv-cache-dtype fp8 --trust-remote-code";
        let merged = merge(&words(GOVERNANCE), &words(local));
        let expected = format!("{GOVERNANCE} --tensor-parallel-size 4 --trust-remote-code");
        assert_eq!(merged.args, words(&expected));
        // What says the same is not overridden.
        let overridden = Overridden {
            name: "--max-model-len".into(),
            local: Some("8192".into()),
            governance: Some("180000".into()),
        };
        assert_eq!(merged.overridden, [overridden]);
        assert!(merged.dropped.is_empty());
    }

    #[test]
    fn names_are_compared_as_whole_tokens() {
        // (governance, local, merged, dropped)
        let cases = [
            ("--a 1", "--a=2", "--a 1 --a=2", ""),
            ("--max-len 1", "--max_len 2", "--max-len 1 --max_len 2", ""),
            ("--a 1", "-a 2", "--a 1", "-a 2"),
            // A short name behind a switch is taken for its value.
            ("", "--switch -tp 4", "--switch -tp", "4"),
            ("--a", "--a 1 --b", "--a --b", ""),
            ("stray --a 1", "--b -1", "stray --a 1 --b -1", ""),
            ("--a 1 --a 2", "--a 3", "--a 1 --a 2", ""),
            ("--a 1", "--b 1 --b 2", "--a 1 --b 1 --b 2", ""),
            ("", "", "", ""),
        ];
        for (governance, local, args, dropped) in cases {
            let merged = merge(&words(governance), &words(local));
            assert_eq!(merged.args, words(args), "{governance} + {local}");
            assert_eq!(merged.dropped, words(dropped), "{governance} + {local}");
        }
    }

    #[test]
    fn started_model_has_merged_arguments() {
        let local = WorkloadModel {
            id: "org/model".into(),
            revision: None,
            args: words("--revision abc --a 2"),
        };
        let entry = GovernanceModel {
            hf_commit: Some("never used".into()),
            args: words("--a 1"),
            ..GovernanceModel::named("org/model")
        };
        let started = as_started(&[GovernanceModel::named("other"), entry], &local);
        assert_eq!(started.args, words("--a 1 --revision abc"));
        assert_eq!(started.revision.as_deref(), Some("abc"));
        // Of an unlisted model nothing is known: its own arguments remain.
        assert_eq!(as_started(&[], &local).args, local.args);
    }
}
