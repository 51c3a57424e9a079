//! Fuzzy search of the key table, for the palette.

use std::borrow::Cow;

use super::{Binding, Context, Keymap, disabled_reason};
use crate::tui::model::Model;

#[derive(Debug, Clone)]
pub struct PaletteEntry<'a> {
    pub binding: &'a Binding,
    /// Why the action is disabled now, if it is.
    pub disabled: Option<Cow<'static, str>>,
    /// Bytes of the help text that match.
    pub matched: Vec<usize>,
}

/// Actions that match a text, best first, enabled ones before disabled ones.
pub fn search<'a>(text: &str, keys: &'a Keymap, model: &Model) -> Vec<PaletteEntry<'a>> {
    // Keys of dialogs, prompts and overlays make no sense outside them.
    let rows = keys.rows(Context::Panes);
    let mut found: Vec<(i32, PaletteEntry<'a>)> = rows
        .filter_map(|binding| {
            let (score, matched) = fuzzy(text, binding.help)?;
            let disabled = palette_reason(model, binding);
            let entry = PaletteEntry {
                binding,
                disabled,
                matched,
            };
            Some((score, entry))
        })
        .collect();
    found.sort_by_key(|(score, entry)| {
        (
            std::cmp::Reverse(*score),
            entry.disabled.is_some(),
            entry.binding.action.is_navigation(),
        )
    });
    found.into_iter().map(|(_, entry)| entry).collect()
}

/// Why an action is disabled; one of another pane goes there first, and is judged there.
fn palette_reason(model: &Model, binding: &Binding) -> Option<Cow<'static, str>> {
    let here = binding.acts_in(model.focus);
    here.then(|| disabled_reason(model, binding)).flatten()
}

/// Score and byte positions of the letters in a text, if it has them in this order. Adjacent letters and
/// word starts score higher: `ab` finds "abort" before "enable".
fn fuzzy(letters: &str, text: &str) -> Option<(i32, Vec<usize>)> {
    let letters = letters.chars().filter(|letter| !letter.is_whitespace());
    let letters: Vec<char> = letters.flat_map(char::to_lowercase).collect();
    let Some(first) = letters.first() else {
        return Some((0, Vec::new()));
    };
    let places: Vec<(usize, char)> = text.char_indices().map(|(at, c)| (at, lower(c))).collect();
    let starts = (0..places.len()).filter(|&start| places[start].1 == *first);
    let fits = starts.filter_map(|start| fit(&letters, &places, start));
    // The leftmost of equals.
    fits.rev().max_by_key(|(score, _)| *score)
}

fn lower(letter: char) -> char {
    letter.to_lowercase().next().unwrap_or(letter)
}

fn fit(letters: &[char], places: &[(usize, char)], start: usize) -> Option<(i32, Vec<usize>)> {
    let mut score = 0;
    let mut found = Vec::new();
    let mut from = start;
    for letter in letters {
        let step = places[from..].iter().position(|(_, c)| c == letter)?;
        let index = from + step;
        let begins_word = index == 0 || !places[index - 1].1.is_alphanumeric();
        score += match (begins_word, step) {
            (true, _) => 4,
            (false, 0) if !found.is_empty() => 5,
            _ => 0,
        };
        score -= i32::try_from(step.min(8)).unwrap_or(8) / 4;
        found.push(places[index].0);
        from = index + 1;
    }
    Some((score, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_starts_score_higher_in_fuzzy_search() {
        let score = |letters, text| fuzzy(letters, text).map(|(score, _)| score);
        assert!(score("ab", "Abort the sprint") > score("ab", "Enable the node"));
        assert!(score("zoom", "Zoom") > score("zoom", "z of o of m o m"));
        assert_eq!(score("xyz", "Abort the sprint"), None);
        assert_eq!(score("ba", "ab"), None, "order counts");
        assert_eq!(score("", "anything"), Some(0));
    }

    #[test]
    fn fuzzy_match_reports_byte_positions() {
        let bytes = fuzzy("rt", "Größe: rent it").map(|(_, bytes)| bytes);
        assert_eq!(bytes, Some(vec![9, 12]));
    }
}
