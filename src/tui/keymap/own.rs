//! Keys that the operator gives actions in the configuration, in place of the usual ones. Pure.
//!
//! Those of dialogs and typed lines stay as they are: a key that an operator has in the fingers must
//! not agree to what costs money.

use std::collections::BTreeMap;

use super::key::{Key, ctrl};
use super::{Action, Binding, Context, Keymap};
use crate::domain::nearest;

/// Where an action with own keys may stand, and what its name begins with.
const PREFIXES: [(Context, &str); 5] = [
    (Context::Global, ""),
    (Context::Offers, "offers."),
    (Context::Boot, "boot."),
    (Context::Nodes, "nodes."),
    (Context::History, "history."),
];

/// Quits whatever the operator says: it is what every program ends by.
const ALWAYS_QUITS: Key = ctrl('c');

/// A row's name in the configuration, if its keys may be chosen.
pub(super) fn name(binding: &Binding) -> Option<String> {
    let found = PREFIXES
        .iter()
        .find(|(context, _)| *context == binding.context);
    found.map(|(_, prefix)| format!("{prefix}{}", binding.action.name()))
}

impl Keymap {
    /// The usual table with other keys for some actions: names of actions to names of keys, with
    /// spaces between them.
    ///
    /// # Errors
    /// Everything that is wrong, a sentence each.
    pub fn with(own: &BTreeMap<String, String>) -> Result<Keymap, Vec<String>> {
        let mut problems = Vec::new();
        let mut chosen: BTreeMap<String, Vec<Key>> = BTreeMap::new();
        for (action, keys) in own {
            if !Keymap::usual()
                .bindings()
                .any(|row| name(row).as_ref() == Some(action))
            {
                problems.push(unknown(action));
                continue;
            }
            match named(action, keys) {
                Ok(keys) => drop(chosen.insert(action.clone(), keys)),
                Err(problem) => problems.push(problem),
            }
        }
        let rows = |context: Context| {
            let rows = context.usual().iter().map(|row| {
                let keys = name(row).and_then(|name| chosen.get(&name));
                keys.map_or(*row, |keys| with_keys(*row, keys.clone()))
            });
            (context, rows.collect())
        };
        let keymap = Keymap(Context::ALL.into_iter().map(rows).collect());
        problems.extend(keymap.clashes());
        if problems.is_empty() {
            Ok(keymap)
        } else {
            Err(problems)
        }
    }

    /// Keys that would mean two things at once.
    fn clashes(&self) -> Vec<String> {
        let mut clashes = Vec::new();
        for (context, _) in PREFIXES {
            let here = self.rows(context);
            // What a pane means by a key comes first, and hides what it means everywhere.
            let beyond = match context {
                Context::Global => &[][..],
                _ => self.rows(Context::Global),
            };
            for (place, row) in here.iter().enumerate() {
                let others = here[place + 1..].iter().chain(beyond);
                for other in others {
                    let shared = row.keys.iter().find(|key| other.keys.contains(key));
                    if let (Some(key), Some(a), Some(b)) = (shared, name(row), name(other)) {
                        clashes.push(format!("{} would be both {a} and {b}", key.name()));
                    }
                }
            }
        }
        clashes
    }
}

/// The table lives as long as the program, and so do its keys.
fn with_keys(row: Binding, mut keys: Vec<Key>) -> Binding {
    if row.action == Action::Quit && !keys.contains(&ALWAYS_QUITS) {
        keys.push(ALWAYS_QUITS);
    }
    Binding {
        keys: Vec::leak(keys),
        ..row
    }
}

fn named(action: &str, keys: &str) -> Result<Vec<Key>, String> {
    let keys: Vec<Key> = keys
        .split_whitespace()
        .map(|name| {
            Key::named(name).ok_or_else(|| {
                format!("{name:?} of {action} is no key: a letter, Ctrl-f, Space, Enter, Esc, Tab, PgUp, F5 are")
            })
        })
        .collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err(format!(
            "{action} has no key: leave it out to have the usual one"
        ));
    }
    Ok(keys)
}

fn unknown(action: &str) -> String {
    let names: Vec<String> = Keymap::usual().bindings().filter_map(name).collect();
    let near = nearest(action, names.iter().map(String::as_str));
    let near = near.map(|(near, _)| near).unwrap_or_default();
    format!("there is no action {action}; did you mean {near}?")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(own: &[(&str, &str)]) -> Result<Keymap, Vec<String>> {
        let own = own.iter().map(|(a, k)| ((*a).to_owned(), (*k).to_owned()));
        Keymap::with(&own.collect())
    }

    fn keys(keymap: &Keymap, action: Action) -> String {
        let mut rows = keymap.bindings();
        rows.find(|row| row.action == action).unwrap().key_names()
    }

    #[test]
    fn an_action_has_the_keys_that_were_chosen_and_the_others_keep_theirs() {
        let keymap = with(&[
            ("abort", "X F8"),
            ("boot.search", "Ctrl-f"),
            ("page_down", "PgDn"),
        ]);
        let keymap = keymap.unwrap();
        assert_eq!(keys(&keymap, Action::Abort), "X F8");
        assert_eq!(keys(&keymap, Action::Search), "Ctrl-F");
        assert_eq!(keys(&keymap, Action::Start), "s");
        assert!(with(&[]).is_ok(), "the usual keys do not clash");
    }

    #[test]
    fn what_is_wrong_is_told_all_at_once() {
        let problems = with(&[("abrt", "X"), ("zoom", ""), ("quit", "Qx"), ("help", "s")]);
        assert_eq!(
            problems.unwrap_err(),
            [
                "there is no action abrt; did you mean abort?",
                "\"Qx\" of quit is no key: a letter, Ctrl-f, Space, Enter, Esc, Tab, PgUp, F5 are",
                "zoom has no key: leave it out to have the usual one",
                "s would be both start and help",
            ]
        );
    }

    #[test]
    fn a_key_of_a_pane_does_not_hide_one_that_counts_everywhere() {
        let problems = with(&[("offers.avoid", "x")]).unwrap_err();
        assert_eq!(problems, ["x would be both offers.avoid and abort"]);
    }

    #[test]
    fn ctrl_c_always_quits_and_no_dialog_has_other_keys() {
        assert_eq!(
            keys(&with(&[("quit", "Q")]).unwrap(), Action::Quit),
            "Q Ctrl-C"
        );
        assert!(with(&[("confirm", "Enter")]).is_err());
        assert!(with(&[("dialog.confirm", "Enter")]).is_err());
    }

    #[test]
    fn every_key_has_a_name_that_is_understood() {
        for row in Keymap::usual().bindings() {
            for key in row.keys {
                assert_eq!(Key::named(&key.name()), Some(*key), "{}", key.name());
            }
        }
    }
}
