//! The first start without a configuration: asks for its values, writes and checks it.

use std::collections::BTreeMap;
use std::path::Path;

use color_eyre::eyre::Report;

use super::arguments::{Common, OfPools};
use super::config::{exists, write_new, write_secret_file};
use super::{Exit, check, print, status_line, stop};
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
        let why = "nothing was written; `pocpit demo` needs no configuration";
        return Err(stop(Exit::Usage, why));
    };
    let key = answers.iter().find(|answer| answer.name == KEY);
    let key = key.map_or("", |answer| answer.answer.trim());
    let mut values = values(&questions, &answers);
    values.remove(KEY);
    write_secret_file(file, KEY, key, &mut values)?;
    if !write_new(file, &config::filled(&values))? {
        return Err(exists(file));
    }
    print(&format!("{name} written. Checking it:\n"))?;
    let exit = check::run(common, OfPools::default()).await?;
    let then = match exit {
        Exit::Done => "ready; `pocpit` opens the cockpit",
        _ => "fix the problems above, then run `pocpit check` again",
    };
    status_line(format_args!("pocpit: {then}"));
    Ok(exit)
}

fn values(questions: &[Question], answers: &[SetupQuestion]) -> BTreeMap<&'static str, String> {
    let both = questions.iter().zip(answers);
    let values = both.map(|(question, answer)| {
        let value = config::value_of(question.setting, &answer.answer);
        (question.setting.path, value)
    });
    values.collect()
}
