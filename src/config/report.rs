//! All problems of a configuration, in one report.

use std::fmt;

use crate::domain::format::count;

/// Never empty when it is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigReport {
    /// The file, or where else the configuration came from.
    pub origin: String,
    pub problems: Vec<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting, or the unknown key.
    pub key: String,
    /// Line of the file, from 1; absent when the setting is not in the file.
    pub line: Option<usize>,
    /// What is wrong. Never shows a secret.
    pub what: String,
    pub hint: Hint,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    Expected(String),
    /// The known name that is nearest.
    DidYouMean(String),
    Remove,
}

impl Problem {
    pub(super) fn new(key: &str, line: Option<usize>, what: impl Into<String>, hint: Hint) -> Self {
        Problem {
            key: key.to_owned(),
            line,
            what: what.into(),
            hint,
        }
    }
}

impl fmt::Display for Problem {
    /// What is wrong and how to fix it, without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        match &self.hint {
            Hint::Expected(right) => write!(f, ": expected {right}"),
            Hint::DidYouMean(name) => write!(f, ": did you mean {name}?"),
            Hint::Remove => write!(f, ": remove it"),
        }
    }
}

impl fmt::Display for ConfigReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems = count(self.problems.len(), "problem");
        write!(f, "{}: {problems}", self.origin)?;
        for problem in &self.problems {
            write!(f, "\n  {}", problem.key)?;
            if let Some(line) = problem.line {
                write!(f, " (line {line})")?;
            }
            write!(f, ": {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigReport {}
