//! The commented configuration file, written from the table of settings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::keys::{KEYS, Key, Need, OPTIONAL_SECTIONS, SECTIONS};

const HEADER: &str = "\
# pocpit's configuration.
#
# Every setting is here, with its default or, where there is none, an example. Take the `#` before
# a setting away to set it. Those marked REQUIRED have no default: `pocpit config check` lists what
# is missing or wrong, `pocpit config show` prints what is in force and where it comes from.
#
# Each setting can also be given by the environment variable POCPIT_<SECTION>_<NAME>, for example
# POCPIT_VAST_API_KEY; it wins over this file. Lists are then separated by commas. Paths may begin
# with ~/; relative ones start at this file's directory.
";

/// Columns of a comment.
const WIDTH: usize = 98;

/// `config.example.toml`: every setting with its meaning.
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
        for key in KEYS.iter().filter(|key| key.section() == *section) {
            setting(&mut text, key, values.get(key.path).map(String::as_str));
        }
    }
    text
}

/// Only these settings, without comments.
pub fn only(values: &BTreeMap<&str, String>) -> String {
    let mut text = String::new();
    for (section, _) in SECTIONS {
        let keys: Vec<&Key> = KEYS
            .iter()
            .filter(|key| key.section() == *section && values.contains_key(key.path))
            .collect();
        if keys.is_empty() {
            continue;
        }
        let _ = writeln!(
            text,
            "{}[{section}]",
            if text.is_empty() { "" } else { "\n" }
        );
        for key in keys {
            let _ = writeln!(text, "{} = {}", key.name(), values[key.path]);
        }
    }
    text
}

fn setting(text: &mut String, key: &Key, given: Option<&str>) {
    let mark = match key.need {
        Need::Required | Need::Suggested => "REQUIRED. ",
        Need::Optional | Need::Default(_) => "",
    };
    text.push('\n');
    for line in wrap(&format!("{mark}{}", key.text), WIDTH) {
        let _ = writeln!(text, "# {line}");
    }
    // An example is never in force by itself: nobody rents by somebody else's addresses.
    let _ = match given {
        Some(value) => writeln!(text, "{} = {value}", key.name()),
        None => writeln!(text, "# {} = {}", key.name(), key.example),
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
