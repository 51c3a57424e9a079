//! The first start: asks one setting after the other, says at once what is wrong with an answer, and
//! shows all of them before anything is written.

mod screen;
#[cfg(test)]
mod tests;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::prompt::{Prompt, push};

pub use screen::{draw, run};

/// A setting that is asked for.
#[derive(Debug, Clone)]
pub struct Question {
    /// Its name in the file.
    pub name: String,
    /// What it means.
    pub text: String,
    /// An example of an answer.
    pub example: String,
    /// The answer, at first the one that most give.
    pub answer: String,
    /// Whether the answer is a secret.
    pub shown: Shown,
}

/// Whether an answer can be read on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// As it is.
    Plain,
    /// Its length alone.
    Hidden,
}

/// What is wrong with the answer of this place, among these answers.
pub type Judge<'a> = dyn Fn(usize, &[Question]) -> Option<String> + 'a;

/// Where the operator is.
#[derive(Debug, Clone)]
pub struct Setup {
    pub(super) questions: Vec<Question>,
    /// The question that is open; behind the last one everything is shown once more.
    pub(super) at: usize,
    /// What is wrong with its answer.
    pub(super) problem: Option<String>,
}

/// What becomes of the first start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It goes on.
    Ask,
    /// The operator leaves: nothing is written.
    Leave,
    /// Every answer is good, and the operator agreed.
    Write,
}

fn erase(answer: &mut String) {
    answer.pop();
}

impl Setup {
    /// At the first question.
    pub fn new(questions: Vec<Question>) -> Setup {
        Setup {
            questions,
            at: 0,
            problem: None,
        }
    }

    fn open(&mut self) -> Option<&mut Question> {
        self.questions.get_mut(self.at)
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent, judge: &Judge<'_>) -> Next {
        if key.kind == KeyEventKind::Release {
            return Next::Ask;
        }
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Next::Leave,
            KeyCode::Char('c') if ctrl => return Next::Leave,
            KeyCode::Enter => return self.accept(judge),
            KeyCode::Up | KeyCode::BackTab => self.go_to(self.at.saturating_sub(1)),
            KeyCode::Backspace => self.edit(erase),
            KeyCode::Char('h') if ctrl => self.edit(erase),
            KeyCode::Char('u') if ctrl => self.edit(String::clear),
            _ => {
                if let Some(letter) = Prompt::character(key) {
                    self.edit(|answer| push(answer, letter));
                }
            }
        }
        Next::Ask
    }

    /// Takes pasted text: keys and addresses are pasted, not typed.
    pub fn paste(&mut self, text: &str) {
        self.edit(|answer| text.trim().chars().for_each(|letter| push(answer, letter)));
    }

    fn edit(&mut self, change: impl FnOnce(&mut String)) {
        if let Some(question) = self.open() {
            change(&mut question.answer);
            self.problem = None;
        }
    }

    fn go_to(&mut self, at: usize) {
        self.at = at;
        self.problem = None;
    }

    fn accept(&mut self, judge: &Judge<'_>) -> Next {
        if self.at < self.questions.len() {
            self.problem = judge(self.at, &self.questions);
            if self.problem.is_none() {
                self.go_to(self.at + 1);
            }
            return Next::Ask;
        }
        // One answer can make another one wrong.
        let wrong =
            (0..self.questions.len()).find_map(|at| Some((at, judge(at, &self.questions)?)));
        let Some((at, problem)) = wrong else {
            return Next::Write;
        };
        self.at = at;
        self.problem = Some(problem);
        Next::Ask
    }
}
