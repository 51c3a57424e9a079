//! The first start: there is no configuration, so it is asked for, written and checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use color_eyre::eyre::{Report, eyre};

use super::arguments::{Common, Output};
use super::config::write_new;
use super::{Exit, check, print, say};
use crate::config::{self, Question};
use crate::tui::setup::{self, Shown};

/// The file beside the configuration that holds the market's key.
const KEY_FILE: &str = "vast.key";

/// Asks, writes the file and checks all that it names.
pub(crate) async fn run(common: &Common, file: &Path) -> Result<Exit, Report> {
    let questions = config::questions();
    let places = config::places_of(file);
    let asked = questions.iter().map(|question| setup::Question {
        name: question.key.path.to_owned(),
        text: question.key.text.to_owned(),
        example: question.key.example.replace('"', ""),
        answer: question.usual.to_owned(),
        shown: match question.key.path {
            "vast.api_key" => Shown::Hidden,
            _ => Shown::Plain,
        },
    });
    let judge = |at: usize, all: &[setup::Question]| {
        let values = values(&questions, &all[..=at]);
        config::problem_with(questions[at].key, &values, &places)
    };
    let name = file.display().to_string();
    let answers = setup::run(asked.collect(), &name, common.theme(), &judge).await?;
    let Some(answers) = answers else {
        say(format_args!(
            "pocpit: nothing was written; `pocpit demo` needs no configuration"
        ));
        return Ok(Exit::Usage);
    };
    write(file, values(&questions, &answers))?;
    print(&format!(
        "{name} is written; what it says is checked now:\n"
    ))?;
    let exit = check::run(common, Output { json: false }).await?;
    let then = match exit {
        Exit::Done => "all is well; `pocpit` opens the cockpit",
        _ => "mend what is missing, then `pocpit check` looks again",
    };
    say(format_args!("pocpit: {then}"));
    Ok(exit)
}

fn values(questions: &[Question], answers: &[setup::Question]) -> BTreeMap<&'static str, String> {
    let both = questions.iter().zip(answers);
    both.map(|(question, answer)| {
        let value = config::value_of(question.key, &answer.answer);
        (question.key.path, value)
    })
    .collect()
}

fn write(file: &Path, mut values: BTreeMap<&'static str, String>) -> Result<(), Report> {
    let key_file: PathBuf = file.with_file_name(KEY_FILE);
    if let Some(key) = values.remove("vast.api_key") {
        let key = key.trim_matches('"');
        if !write_new(&key_file, key)? {
            return Err(eyre!(
                "{} is there already and is left as it is: move it away and start again",
                key_file.display()
            ));
        }
        values.insert("vast.api_key_file", format!("\"{KEY_FILE}\""));
    }
    if !write_new(file, &config::filled(&values))? {
        return Err(eyre!("{} has been written meanwhile", file.display()));
    }
    Ok(())
}
