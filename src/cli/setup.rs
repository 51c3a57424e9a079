//! The first start without a configuration: asks for one, writes and checks it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use color_eyre::eyre::Report;

use super::arguments::{Common, Output};
use super::config::{refuse, write_new, write_secret_file};
use super::{Exit, check, print, status_line};
use crate::config::{self, Question};
use crate::tui::setup::{self, Echo, SetupQuestion};

/// The only secret answer: hidden on the screen and written to a file of its own.
const KEY: &str = "vast.api_key";

/// Asks, writes the file and checks everything that it names.
pub(crate) async fn run(common: &Common, file: &Path) -> Result<Exit, Report> {
    let questions = config::questions();
    let dirs = config::base_dirs_for(file);
    let asked = questions.iter().map(|question| SetupQuestion {
        name: question.setting.path.to_owned(),
        text: question.setting.doc.to_owned(),
        example: question.setting.example.replace('"', ""),
        answer: question.suggestion.to_owned(),
        echo: match question.setting.path {
            KEY => Echo::Masked,
            _ => Echo::Plain,
        },
    });
    let validate = |at: usize, all: &[SetupQuestion]| {
        let values = values(&questions, &all[..=at]);
        config::problem_with(questions[at].setting, &values, &dirs)
    };
    let name = file.display().to_string();
    let answers = setup::run(asked.collect(), &name, common.theme(), &validate).await?;
    let Some(answers) = answers else {
        status_line(format_args!(
            "pocpit: nothing was written; `pocpit demo` needs no configuration"
        ));
        return Ok(Exit::Usage);
    };
    let key = answers.iter().find(|answer| answer.name == KEY);
    let key = key.map_or("", |answer| answer.answer.trim());
    if let Some(existing) = write(file, key, values(&questions, &answers))? {
        return Ok(refuse(&existing));
    }
    print(&format!("{name} written. Checking it:\n"))?;
    let exit = check::run(common, Output { json: false }).await?;
    let then = match exit {
        Exit::Done => "ready; `pocpit` opens the cockpit",
        _ => "fix the problems above, then run `pocpit check` again",
    };
    status_line(format_args!("pocpit: {then}"));
    Ok(exit)
}

fn values(questions: &[Question], answers: &[SetupQuestion]) -> BTreeMap<&'static str, String> {
    let both = questions.iter().zip(answers);
    both.map(|(question, answer)| {
        let value = config::value_of(question.setting, &answer.answer);
        (question.setting.path, value)
    })
    .collect()
}

/// Writes the key's file and the configuration. Returns a file that already exists, if one does.
fn write(
    file: &Path,
    key: &str,
    mut values: BTreeMap<&'static str, String>,
) -> Result<Option<PathBuf>, Report> {
    values.remove(KEY);
    if let Some(existing) = write_secret_file(file, KEY, key, &mut values)? {
        return Ok(Some(existing));
    }
    let written = write_new(file, &config::filled(&values))?;
    Ok((!written).then(|| file.to_owned()))
}
