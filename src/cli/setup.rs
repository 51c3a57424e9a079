//! The first start: there is no configuration, so it is asked for, written and checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use color_eyre::eyre::Report;

use super::arguments::{Common, Output};
use super::config::{keep_aside, refuse, write_new};
use super::{Exit, check, print, status_line};
use crate::config::{self, Question};
use crate::tui::setup::{self, Echo, SetupQuestion};

/// The one answer that is secret: hidden on the screen and kept in a file of its own.
const KEY: &str = "vast.api_key";

/// Asks, writes the file and checks all that it names.
pub(crate) async fn run(common: &Common, file: &Path) -> Result<Exit, Report> {
    let questions = config::questions();
    let places = config::places_of(file);
    let asked = questions.iter().map(|question| SetupQuestion {
        name: question.key.path.to_owned(),
        text: question.key.text.to_owned(),
        example: question.key.example.replace('"', ""),
        answer: question.usual.to_owned(),
        echo: match question.key.path {
            KEY => Echo::Masked,
            _ => Echo::Plain,
        },
    });
    let judge = |at: usize, all: &[SetupQuestion]| {
        let values = values(&questions, &all[..=at]);
        config::problem_with(questions[at].key, &values, &places)
    };
    let name = file.display().to_string();
    let answers = setup::run(asked.collect(), &name, common.theme(), &judge).await?;
    let Some(answers) = answers else {
        status_line(format_args!(
            "pocpit: nothing was written; `pocpit demo` needs no configuration"
        ));
        return Ok(Exit::Usage);
    };
    let key = answers.iter().find(|answer| answer.name == KEY);
    let key = key.map_or("", |answer| answer.answer.trim());
    if let Some(taken) = write(file, key, values(&questions, &answers))? {
        return Ok(refuse(&taken));
    }
    print(&format!(
        "{name} is written; what it says is checked now:\n"
    ))?;
    let exit = check::run(common, Output { json: false }).await?;
    let then = match exit {
        Exit::Done => "all is well; `pocpit` opens the cockpit",
        _ => "mend what is missing, then `pocpit check` looks again",
    };
    status_line(format_args!("pocpit: {then}"));
    Ok(exit)
}

fn values(questions: &[Question], answers: &[SetupQuestion]) -> BTreeMap<&'static str, String> {
    let both = questions.iter().zip(answers);
    both.map(|(question, answer)| {
        let value = config::value_of(question.key, &answer.answer);
        (question.key.path, value)
    })
    .collect()
}

/// Writes the key's file and the configuration; says which file is in the way, if one is.
fn write(
    file: &Path,
    key: &str,
    mut values: BTreeMap<&'static str, String>,
) -> Result<Option<PathBuf>, Report> {
    values.remove(KEY);
    if let Some(taken) = keep_aside(file, KEY, key, &mut values)? {
        return Ok(Some(taken));
    }
    let written = write_new(file, &config::filled(&values))?;
    Ok((!written).then(|| file.to_owned()))
}
