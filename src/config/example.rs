//! The commented configuration file, written from the table of settings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::schema::{Need, Setting};
use super::table::{OPTIONAL_SECTIONS, SECTIONS, SETTINGS};

const HEADER: &str = "\
# pocpit's configuration.
#
# Every setting is listed with its default or, if it has none, an example. Uncomment a line to set
# it. Settings marked REQUIRED have no default. `pocpit config check` lists what is missing or wrong;
# `pocpit config show` prints the values in use and where they come from.
#
# Environment variables POCPIT_<SECTION>_<NAME>, such as POCPIT_VAST_API_KEY, override this file;
# lists are separated by commas. Paths may begin with ~/; relative paths start at the directory of
# this file.
";

/// Columns of a comment, without its mark.
const WIDTH: usize = 98;

/// `config.example.toml`: every setting with its documentation.
pub fn example() -> String {
    filled(&BTreeMap::new())
}

/// The same file with these settings filled in, as TOML values by path.
pub fn filled(values: &BTreeMap<&str, String>) -> String {
    let mut text = String::from(HEADER);
    for (section, meaning) in SECTIONS {
        let given = values
            .keys()
            .any(|path| path.split('.').next() == Some(*section));
        let off = OPTIONAL_SECTIONS.contains(section) && !given;
        let _ = write!(
            text,
            "\n# {meaning}\n{}[{section}]\n",
            if off { "# " } else { "" }
        );
        for setting in SETTINGS
            .iter()
            .filter(|setting| setting.section() == *section)
        {
            let given = values.get(setting.path).map(String::as_str);
            write_setting(&mut text, setting, given);
        }
    }
    text
}

/// Only these settings, without comments.
pub fn only(values: &BTreeMap<&str, String>) -> String {
    let mut text = String::new();
    for (section, _) in SECTIONS {
        let given: Vec<&Setting> = SETTINGS
            .iter()
            .filter(|setting| setting.section() == *section)
            .filter(|setting| values.contains_key(setting.path))
            .collect();
        if given.is_empty() {
            continue;
        }
        let _ = writeln!(
            text,
            "{}[{section}]",
            if text.is_empty() { "" } else { "\n" }
        );
        for setting in given {
            let _ = writeln!(text, "{} = {}", setting.name(), values[setting.path]);
        }
    }
    text
}

fn write_setting(text: &mut String, setting: &Setting, given: Option<&str>) {
    let mark = match setting.need {
        Need::Required | Need::Suggested => "REQUIRED. ",
        Need::Optional | Need::Default(_) => "",
    };
    text.push('\n');
    for line in wrap(&format!("{mark}{}", setting.doc), WIDTH) {
        let _ = writeln!(text, "# {line}");
    }
    // An example is never active: nobody should rent with somebody else's addresses.
    let _ = match given {
        Some(value) => writeln!(text, "{} = {value}", setting.name()),
        None => writeln!(text, "# {} = {}", setting.name(), setting.example),
    };
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
