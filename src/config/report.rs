//! Everything that is wrong with a configuration, in one report.

use std::fmt;

use serde::Serialize;

/// All problems of a configuration; never empty when it is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ConfigReport {
    /// Where the configuration came from.
    pub origin: String,
    /// What is wrong, in the order of the settings.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The setting, or the unknown key.
    pub key: String,
    /// Line of the file, when it is there.
    pub line: Option<usize>,
    /// What is wrong. Never shows the value of a secret.
    pub what: String,
    /// What is right.
    pub expected: String,
}

impl fmt::Display for ConfigReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "{}: {count} {noun}", self.origin)?;
        for problem in &self.problems {
            write!(f, "\n  {}", problem.key)?;
            if let Some(line) = problem.line {
                write!(f, " (line {line})")?;
            }
            write!(f, ": {}; right is {}", problem.what, problem.expected)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigReport {}
