//! A key with its modifier, and its name.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    ctrl: bool,
}

pub(super) const fn c(letter: char) -> Key {
    Key {
        code: KeyCode::Char(letter),
        ctrl: false,
    }
}

pub(super) const fn ctrl(letter: char) -> Key {
    Key {
        code: KeyCode::Char(letter),
        ctrl: true,
    }
}

pub(super) const fn k(code: KeyCode) -> Key {
    Key { code, ctrl: false }
}

impl Key {
    /// The key that was pressed; none with a modifier that the table does not use.
    pub(super) fn pressed(event: KeyEvent) -> Option<Key> {
        let key = Key {
            code: event.code,
            ctrl: event.modifiers.contains(KeyModifiers::CONTROL),
        };
        (!event.modifiers.contains(KeyModifiers::ALT)).then_some(key)
    }

    pub fn event(self) -> KeyEvent {
        let modifiers = if self.ctrl {
            KeyModifiers::CONTROL
        } else {
            KeyModifiers::NONE
        };
        KeyEvent::new(self.code, modifiers)
    }

    pub fn name(self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "Space".to_owned(),
            KeyCode::Char(letter) if self.ctrl => letter.to_ascii_uppercase().to_string(),
            KeyCode::Char(letter) => letter.to_string(),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::BackTab => "Shift-Tab".to_owned(),
            KeyCode::F(number) => format!("F{number}"),
            other => format!("{other:?}"),
        };
        if self.ctrl {
            format!("Ctrl-{name}")
        } else {
            name
        }
    }

    /// The key of a name as [`Key::name`] gives it: `a`, `Space`, `Ctrl-f`, `PgUp`, `F5`.
    pub(super) fn named(name: &str) -> Option<Key> {
        if let Some(letter) = name.strip_prefix("Ctrl-") {
            let mut letters = letter.chars();
            let letter = letters.next().filter(char::is_ascii_alphabetic)?;
            return letters
                .next()
                .is_none()
                .then(|| ctrl(letter.to_ascii_lowercase()));
        }
        let mut letters = name.chars();
        if let (Some(letter), None) = (letters.next(), letters.next()) {
            return Some(c(letter));
        }
        if let Some(number) = name.strip_prefix('F') {
            let number = number
                .parse()
                .ok()
                .filter(|number| (1..=12).contains(number))?;
            return Some(k(KeyCode::F(number)));
        }
        let code = match name {
            "Space" => KeyCode::Char(' '),
            "Enter" => KeyCode::Enter,
            "Esc" => KeyCode::Esc,
            "Tab" => KeyCode::Tab,
            "Shift-Tab" => KeyCode::BackTab,
            "Backspace" => KeyCode::Backspace,
            "Delete" => KeyCode::Delete,
            "Insert" => KeyCode::Insert,
            "Home" => KeyCode::Home,
            "End" => KeyCode::End,
            "PgUp" => KeyCode::PageUp,
            "PgDn" => KeyCode::PageDown,
            "Up" => KeyCode::Up,
            "Down" => KeyCode::Down,
            "Left" => KeyCode::Left,
            "Right" => KeyCode::Right,
            _ => return None,
        };
        Some(k(code))
    }
}
