//! The commented configuration file, written from the table of settings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::schema::Setting;
use super::table::{OPTIONAL_SECTIONS, SECTIONS, settings_of};

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

/// Width of a comment, without its `# `.
const WIDTH: usize = 98;

/// `config.example.toml`: every setting with its documentation.
pub fn example() -> String {
    filled(&BTreeMap::new())
}

/// The same file with these settings filled in, as TOML values by path.
pub fn filled(values: &BTreeMap<&str, String>) -> String {
    let mut text = String::from(HEADER);
    for (section, meaning) in SECTIONS {
        let is_given = settings_of(section).any(|setting| values.contains_key(setting.path));
        let is_off = OPTIONAL_SECTIONS.contains(section) && !is_given;
        let mark = if is_off { "# " } else { "" };
        let _ = write!(text, "\n# {meaning}\n{mark}[{section}]\n");
        for setting in settings_of(section) {
            write_setting(&mut text, setting, values.get(setting.path));
        }
    }
    text
}

/// Only these settings, without comments.
pub fn only(values: &BTreeMap<&str, String>) -> String {
    sections(|setting| {
        let value = values.get(setting.path)?;
        Some(format!("{} = {value}\n", setting.name()))
    })
}

/// Every section for which there are lines.
pub(super) fn sections(line: impl Fn(&Setting) -> Option<String>) -> String {
    let sections = SECTIONS.iter().filter_map(|(section, _)| {
        let lines: String = settings_of(section).filter_map(&line).collect();
        (!lines.is_empty()).then(|| format!("[{section}]\n{lines}"))
    });
    sections.collect::<Vec<_>>().join("\n")
}

fn write_setting(text: &mut String, setting: &Setting, given: Option<&String>) {
    let mark = if setting.is_needed() {
        "REQUIRED. "
    } else {
        ""
    };
    text.push('\n');
    for line in wrap(&format!("{mark}{}", setting.doc), WIDTH) {
        let _ = writeln!(text, "# {line}");
    }
    // An example is never active: it would rent with someone else's addresses.
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
