//! Keys of the configuration in place of the defaults.
//!
//! Keys of dialogs and prompts cannot be changed: a key pressed by habit must not confirm a cost.

use std::collections::BTreeMap;

use super::{Action, Binding, Context, Key, Keymap, renamed};
use crate::domain::nearest;

/// Always quits, as in every program.
const ALWAYS_QUITS: Key = Key::ctrl('c');

/// A binding's name in the configuration, if its keys can be changed.
pub(super) fn name(binding: &Binding) -> Option<String> {
    (binding.context == Context::Panes).then(|| binding.action.to_string())
}

impl Keymap {
    /// The default table with other keys for some actions, and what to change in the configuration.
    /// `overrides` maps names of actions to names of keys, separated by spaces.
    ///
    /// # Errors
    /// All problems, a sentence each.
    pub fn with_overrides(
        overrides: &BTreeMap<String, String>,
    ) -> Result<(Keymap, Vec<String>), Vec<String>> {
        let mut keymap = Keymap::defaults().clone();
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        let mut changed: Vec<Action> = Vec::new();
        for (given, keys) in overrides {
            let former = renamed::action_of_name(given);
            let wanted = former.map_or_else(|| given.clone(), |action| action.to_string());
            let mut rows = keymap.0.iter_mut();
            let Some(row) = rows.find(|row| name(row).as_ref() == Some(&wanted)) else {
                problems.push(unknown_action(given));
                continue;
            };
            if former.is_some() {
                warnings.push(format!("cockpit.keys: {given} is now {wanted}"));
            }
            match parse_keys(given, keys) {
                // Several former actions can be one now.
                Ok(keys) if changed.contains(&row.action) => row.keys.extend(keys),
                Ok(keys) => row.keys = keys,
                Err(problem) => problems.push(problem),
            }
            changed.push(row.action);
            if row.action == Action::Quit && !row.keys.contains(&ALWAYS_QUITS) {
                row.keys.push(ALWAYS_QUITS);
            }
        }
        problems.extend(keymap.clashes());
        if problems.is_empty() {
            Ok((keymap, warnings))
        } else {
            Err(problems)
        }
    }

    /// A key means one thing.
    fn clashes(&self) -> Vec<String> {
        let rows: Vec<&Binding> = self.rows(Context::Panes).collect();
        let mut clashes = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            for other in &rows[index + 1..] {
                let shared = row.keys.iter().find(|key| other.keys.contains(key));
                if let (Some(key), Some(a), Some(b)) = (shared, name(row), name(other)) {
                    clashes.push(format!("{} is bound to both {a} and {b}", key.name()));
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
    use crate::tui::pane::Pane;

    fn with(overrides: &[(&str, &str)]) -> Result<(Keymap, Vec<String>), Vec<String>> {
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
            ("abort", "Y F8"),
            ("filter", "Ctrl-g"),
            ("page_down", "PgDn"),
        ]);
        let (keymap, warnings) = keymap.unwrap();
        assert_eq!(keys(&keymap, Action::Abort), "Y F8");
        assert_eq!(keys(&keymap, Action::Filter), "Ctrl-G");
        assert_eq!(keys(&keymap, Action::Start), "s");
        assert!(warnings.is_empty(), "{warnings:?}");
        assert!(with(&[]).is_ok(), "the default keys do not clash");
    }

    #[test]
    fn former_names_are_taken_with_a_warning() {
        // Given names of the former version, of which two are one action now,
        let given = [
            ("boot.search", "Ctrl-g"),
            ("offers.avoided", "V"),
            ("offers.rejected", "R"),
            ("pane_countdown", "F1"),
        ];
        let (keymap, warnings) = with(&given).unwrap();
        // then their keys work,
        assert_eq!(keys(&keymap, Action::Filter), "Ctrl-G");
        assert_eq!(keys(&keymap, Action::OtherList), "V R");
        assert_eq!(keys(&keymap, Action::Pane(Pane::Schedule)), "F1");
        // and each says its new name.
        assert_eq!(
            warnings,
            [
                "cockpit.keys: boot.search is now filter",
                "cockpit.keys: offers.avoided is now other_list",
                "cockpit.keys: offers.rejected is now other_list",
                "cockpit.keys: pane_countdown is now pane_schedule",
            ]
        );
    }

    #[test]
    fn all_problems_are_reported_together() {
        let problems = with(&[("abrt", "Y"), ("zoom", ""), ("quit", "Qx"), ("help", "s")]);
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
    fn one_key_cannot_mean_two_things() {
        let problems = with(&[("take_out", "x")]).unwrap_err();
        assert_eq!(problems, ["x is bound to both abort and take_out"]);
    }

    #[test]
    fn ctrl_c_quits_and_dialog_keys_stay() {
        assert_eq!(
            keys(&with(&[("quit", "Q")]).unwrap().0, Action::Quit),
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
