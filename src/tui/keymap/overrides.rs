//! Keys of the configuration in place of the defaults.
//!
//! Keys of dialogs and prompts cannot be changed: a key pressed by habit must not confirm a cost.

use std::collections::BTreeMap;

use super::{Action, Binding, Context, Key, Keymap};
use crate::domain::nearest;

/// Contexts whose keys can be changed, with the prefix of their names.
const PREFIXES: [(Context, &str); 5] = [
    (Context::Global, ""),
    (Context::Offers, "offers."),
    (Context::Boot, "boot."),
    (Context::Nodes, "nodes."),
    (Context::History, "history."),
];

/// Always quits, as in every program.
const ALWAYS_QUITS: Key = Key::ctrl('c');

/// A binding's name in the configuration, if its keys can be changed.
pub(super) fn name(binding: &Binding) -> Option<String> {
    let mut prefixes = PREFIXES.into_iter();
    let (_, prefix) = prefixes.find(|(context, _)| *context == binding.context)?;
    Some(format!("{prefix}{}", binding.action))
}

impl Keymap {
    /// The default table with other keys for some actions. `overrides` maps names of actions to names
    /// of keys, separated by spaces.
    ///
    /// # Errors
    /// All problems, a sentence each.
    pub fn with_overrides(overrides: &BTreeMap<String, String>) -> Result<Keymap, Vec<String>> {
        let mut keymap = Keymap::defaults().clone();
        let mut problems = Vec::new();
        for (action, keys) in overrides {
            let mut rows = keymap.0.iter_mut();
            let Some(row) = rows.find(|row| name(row).as_ref() == Some(action)) else {
                problems.push(unknown_action(action));
                continue;
            };
            match parse_keys(action, keys) {
                Ok(keys) => row.keys = keys,
                Err(problem) => problems.push(problem),
            }
            if row.action == Action::Quit && !row.keys.contains(&ALWAYS_QUITS) {
                row.keys.push(ALWAYS_QUITS);
            }
        }
        problems.extend(keymap.clashes());
        if problems.is_empty() {
            Ok(keymap)
        } else {
            Err(problems)
        }
    }

    fn clashes(&self) -> Vec<String> {
        let mut clashes = Vec::new();
        for (context, _) in PREFIXES {
            let here: Vec<&Binding> = self.rows(context).collect();
            for (index, row) in here.iter().enumerate() {
                // A key of a pane hides the global one. Back it goes within the pane first.
                let global = self.rows(Context::Global);
                let global = global.filter(|row| row.action != Action::Back);
                let hidden = global.filter(|row| row.context != context);
                for other in here[index + 1..].iter().copied().chain(hidden) {
                    let shared = row.keys.iter().find(|key| other.keys.contains(key));
                    if let (Some(key), Some(a), Some(b)) = (shared, name(row), name(other)) {
                        clashes.push(format!("{} is bound to both {a} and {b}", key.name()));
                    }
                }
            }
        }
        clashes
    }
}

fn parse_keys(action: &str, keys: &str) -> Result<Vec<Key>, String> {
    let keys: Vec<Key> = keys
        .split_whitespace()
        .map(|name| {
            Key::named(name).ok_or_else(|| {
                format!("{name:?} of {action} is not a key: use a letter, Ctrl-f, Space, Enter, Esc, Tab, PgUp, F5")
            })
        })
        .collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err(format!("{action} has no key: remove it to use the default"));
    }
    Ok(keys)
}

fn unknown_action(action: &str) -> String {
    let names: Vec<String> = Keymap::defaults().bindings().filter_map(name).collect();
    let near = nearest(action, names.iter().map(String::as_str));
    let near = near.map(|(near, _)| near).unwrap_or_default();
    format!("there is no action {action}; did you mean {near}?")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(overrides: &[(&str, &str)]) -> Result<Keymap, Vec<String>> {
        let pairs = overrides
            .iter()
            .map(|(a, k)| ((*a).to_owned(), (*k).to_owned()));
        Keymap::with_overrides(&pairs.collect())
    }

    fn keys(keymap: &Keymap, action: Action) -> String {
        let mut rows = keymap.bindings();
        rows.find(|row| row.action == action).unwrap().key_names()
    }

    #[test]
    fn overrides_replace_only_their_keys() {
        let keymap = with(&[
            ("abort", "X F8"),
            ("boot.search", "Ctrl-f"),
            ("page_down", "PgDn"),
        ]);
        let keymap = keymap.unwrap();
        assert_eq!(keys(&keymap, Action::Abort), "X F8");
        assert_eq!(keys(&keymap, Action::Search), "Ctrl-F");
        assert_eq!(keys(&keymap, Action::Start), "s");
        assert!(with(&[]).is_ok(), "the default keys do not clash");
    }

    #[test]
    fn all_problems_are_reported_together() {
        let problems = with(&[("abrt", "X"), ("zoom", ""), ("quit", "Qx"), ("help", "s")]);
        assert_eq!(
            problems.unwrap_err(),
            [
                "there is no action abrt; did you mean abort?",
                "\"Qx\" of quit is not a key: use a letter, Ctrl-f, Space, Enter, Esc, Tab, PgUp, F5",
                "zoom has no key: remove it to use the default",
                "s is bound to both start and help",
            ]
        );
    }

    #[test]
    fn pane_key_may_not_hide_global() {
        let problems = with(&[("offers.avoid", "x")]).unwrap_err();
        assert_eq!(problems, ["x is bound to both offers.avoid and abort"]);
    }

    #[test]
    fn ctrl_c_quits_and_dialog_keys_stay() {
        assert_eq!(
            keys(&with(&[("quit", "Q")]).unwrap(), Action::Quit),
            "Q Ctrl-C"
        );
        assert!(with(&[("confirm", "Enter")]).is_err());
        assert!(with(&[("dialog.confirm", "Enter")]).is_err());
    }

    #[test]
    fn key_names_round_trip() {
        for row in Keymap::defaults().bindings() {
            for key in &row.keys {
                assert_eq!(Key::named(&key.name()), Some(*key), "{}", key.name());
            }
        }
    }
}
