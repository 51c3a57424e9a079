//! The palette: every action, found by a few letters of what it does. It does nothing that a key does
//! not do, and asks the same questions.

use super::keymap::{Binding, Context, reason_against};
use super::model::Model;

/// What is typed into it, and which of the actions it found is selected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Palette {
    /// Letters of the action, in its order.
    pub text: String,
    /// Place of the selected one among those that were found.
    pub at: usize,
}

/// An action that was found.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its row in the table of keys.
    pub binding: &'static Binding,
    /// Why it does nothing now, if so.
    pub against: Option<&'static str>,
    /// Bytes of its help that were typed.
    pub found: Vec<usize>,
}

impl Palette {
    /// What fits the text, best first. Without a text: what can be done now before what cannot.
    pub fn entries(&self, model: &Model) -> Vec<Entry> {
        let rows = model
            .keymap
            .bindings()
            .filter(|row| is_offered(row.context));
        let mut found: Vec<(i32, Entry)> = rows
            .filter_map(|binding| {
                let (score, found) = fuzzy(&self.text, binding.help)?;
                let against = reason_against(model, binding);
                let entry = Entry {
                    binding,
                    against,
                    found,
                };
                Some((score, entry))
            })
            .collect();
        found.sort_by_key(|(score, entry)| {
            let (blocked, moves) = (entry.against.is_some(), entry.binding.action.moves());
            (std::cmp::Reverse(*score), blocked, moves)
        });
        found.into_iter().map(|(_, entry)| entry).collect()
    }

    /// The selected action.
    pub fn selected(&self, model: &Model) -> Option<&'static Binding> {
        let entries = self.entries(model);
        let at = self.at.min(entries.len().saturating_sub(1));
        entries.get(at).map(|entry| entry.binding)
    }
}

/// What means something only inside another thing is no action of its own.
fn is_offered(context: Context) -> bool {
    context == Context::Global || context.pane().is_some()
}

/// Whether the letters stand in a text in their order, how well, and where. Letters that follow each
/// other or begin a word count for more: `ab` finds "abort" before "enable".
fn fuzzy(letters: &str, text: &str) -> Option<(i32, Vec<usize>)> {
    let letters: Vec<char> = letters
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect();
    let Some(first) = letters.first() else {
        return Some((0, Vec::new()));
    };
    let places: Vec<(usize, char)> = text.char_indices().map(|(at, c)| (at, lower(c))).collect();
    let starts = (0..places.len()).filter(|&start| places[start].1 == *first);
    let fits = starts.filter_map(|start| fit(&letters, &places, start));
    // Of equals the first: it stands further left.
    let mut best: Option<(i32, Vec<usize>)> = None;
    for fit in fits {
        if best.as_ref().is_none_or(|best| fit.0 > best.0) {
            best = Some(fit);
        }
    }
    best
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
    fn letters_in_order_are_found_and_word_beginnings_come_first() {
        let score = |letters, text| fuzzy(letters, text).map(|(score, _)| score);
        assert!(score("ab", "Abort the sprint") > score("ab", "Enable the node"));
        assert!(score("zoom", "Zoom") > score("zoom", "z of o of m o m"));
        assert_eq!(score("xyz", "Abort the sprint"), None);
        assert_eq!(score("ba", "ab"), None, "order counts");
        assert_eq!(score("", "anything"), Some(0));
    }

    #[test]
    fn where_the_letters_stand_is_told_by_byte() {
        assert_eq!(
            fuzzy("rt", "Größe: rent it").map(|(_, at)| at),
            Some(vec![9, 12])
        );
    }
}
