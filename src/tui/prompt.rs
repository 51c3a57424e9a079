//! A line that the operator types. What is typed never reaches the engine.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::filter::Filtered;

const MAX_LENGTH: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptKind {
    /// Text to filter by.
    Filter(Filtered),
    /// Time or boot stage to go to in the log.
    GoTo,
}

impl PromptKind {
    pub fn label(self) -> &'static str {
        match self {
            PromptKind::Filter(_) => "filter: ",
            PromptKind::GoTo => "go to (14:05 or a stage): ",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    pub kind: PromptKind,
    pub text: String,
}

/// The character that a key types, if any.
pub fn typed_character(key: KeyEvent) -> Option<char> {
    let commands = KeyModifiers::CONTROL | KeyModifiers::ALT;
    match key.code {
        KeyCode::Char(letter) if !key.modifiers.intersects(commands) => Some(letter),
        _ => None,
    }
}

/// Appends a typed character. Control characters and excess length are dropped.
pub fn push(text: &mut String, letter: char) {
    if !letter.is_control() && text.chars().count() < MAX_LENGTH {
        text.push(letter);
    }
}

/// Removes the last character.
pub fn erase(text: &mut String) {
    text.pop();
}
