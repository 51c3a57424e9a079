//! A key with its modifier, and its name.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    ctrl: bool,
}

const NAMES: [(&str, KeyCode); 16] = [
    ("Space", KeyCode::Char(' ')),
    ("Enter", KeyCode::Enter),
    ("Esc", KeyCode::Esc),
    ("Tab", KeyCode::Tab),
    ("Shift-Tab", KeyCode::BackTab),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Insert", KeyCode::Insert),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PgUp", KeyCode::PageUp),
    ("PgDn", KeyCode::PageDown),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
];

impl Key {
    pub(super) const fn ctrl(letter: char) -> Key {
        Key {
            code: KeyCode::Char(letter),
            ctrl: true,
        }
    }

    /// The key that was pressed; none with a modifier that the table does not use.
    pub(super) fn pressed(event: KeyEvent) -> Option<Key> {
        let key = Key {
            code: event.code,
            ctrl: event.modifiers.contains(KeyModifiers::CONTROL),
        };
        (!event.modifiers.contains(KeyModifiers::ALT)).then_some(key)
    }

    pub fn name(self) -> String {
        if let (KeyCode::Char(letter), true) = (self.code, self.ctrl) {
            return format!("Ctrl-{}", letter.to_ascii_uppercase());
        }
        match NAMES.iter().find(|(_, code)| *code == self.code) {
            Some((name, _)) => (*name).to_owned(),
            None => self.code.to_string(),
        }
    }

    /// The key of a name as [`Key::name`] gives it: `a`, `Space`, `Ctrl-f`, `PgUp`, `F5`.
    pub(super) fn named(name: &str) -> Option<Key> {
        if let Some(letter) = name.strip_prefix("Ctrl-") {
            let letter = only_letter(letter).filter(char::is_ascii_alphabetic)?;
            return Some(Key::ctrl(letter.to_ascii_lowercase()));
        }
        let named = NAMES.iter().find(|(known, _)| *known == name);
        let code = named
            .map(|(_, code)| *code)
            .or_else(|| only_letter(name).map(KeyCode::Char))
            .or_else(|| function_key(name))?;
        Some(Key { code, ctrl: false })
    }
}

fn only_letter(name: &str) -> Option<char> {
    let mut letters = name.chars();
    letters.next().filter(|_| letters.next().is_none())
}

fn function_key(name: &str) -> Option<KeyCode> {
    let number = name.strip_prefix('F')?.parse().ok()?;
    (1..=12).contains(&number).then_some(KeyCode::F(number))
}
