//! First start: asks for one setting after the other, validates each answer, and shows all answers before
//! writing anything.

mod screen;
#[cfg(test)]
mod tests;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::prompt::{erase, push, typed_character};

pub use screen::{draw, run};

#[derive(Debug, Clone)]
pub struct SetupQuestion {
    pub name: String,
    pub text: String,
    pub example: String,
    pub answer: String,
    pub echo: Echo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    Plain,
    /// Only its length, for secrets.
    Masked,
}

/// What is wrong with the answer at this index, if anything.
pub type Validator<'a> = dyn Fn(usize, &[SetupQuestion]) -> Option<String> + 'a;

#[derive(Debug, Clone)]
pub struct Setup {
    pub(super) questions: Vec<SetupQuestion>,
    /// The open question; after the last one comes the review.
    pub(super) index: usize,
    pub(super) problem: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupAction {
    Continue,
    /// Quit without writing.
    Cancel,
    /// All answers are valid and confirmed.
    Write,
}

impl Setup {
    pub fn new(questions: Vec<SetupQuestion>) -> Setup {
        Setup {
            questions,
            index: 0,
            problem: None,
        }
    }

    pub fn on_key(&mut self, key: KeyEvent, validate: &Validator<'_>) -> SetupAction {
        if key.kind == KeyEventKind::Release {
            return SetupAction::Continue;
        }
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return SetupAction::Cancel,
            KeyCode::Char('c') if ctrl => return SetupAction::Cancel,
            KeyCode::Enter => return self.accept(validate),
            KeyCode::Up | KeyCode::BackTab => self.go_to(self.index.saturating_sub(1)),
            KeyCode::Backspace => self.edit(erase),
            KeyCode::Char('h') if ctrl => self.edit(erase),
            KeyCode::Char('u') if ctrl => self.edit(String::clear),
            _ => {
                if let Some(letter) = typed_character(key) {
                    self.edit(|answer| push(answer, letter));
                }
            }
        }
        SetupAction::Continue
    }

    /// Secrets and addresses are usually pasted.
    pub fn on_paste(&mut self, text: &str) {
        self.edit(|answer| text.trim().chars().for_each(|letter| push(answer, letter)));
    }

    fn edit(&mut self, change: impl FnOnce(&mut String)) {
        if let Some(question) = self.questions.get_mut(self.index) {
            change(&mut question.answer);
            self.problem = None;
        }
    }

    fn go_to(&mut self, at: usize) {
        self.index = at;
        self.problem = None;
    }

    fn accept(&mut self, validate: &Validator<'_>) -> SetupAction {
        if self.index < self.questions.len() {
            self.problem = validate(self.index, &self.questions);
            if self.problem.is_none() {
                self.go_to(self.index + 1);
            }
            return SetupAction::Continue;
        }
        // One answer can invalidate another.
        for index in 0..self.questions.len() {
            self.problem = validate(index, &self.questions);
            if self.problem.is_some() {
                self.index = index;
                return SetupAction::Continue;
            }
        }
        SetupAction::Write
    }
}
