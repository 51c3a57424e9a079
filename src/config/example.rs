//! The commented configuration file, written from the table of settings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::schema::{Scope, Setting};
use super::table::{OPTIONAL_SECTIONS, SECTIONS, settings_of};
use super::table_array::TableArray;

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

const NETWORK_NODES: &str = "Several Network Nodes, each with a participant of its own: write the block once for each, in place of [network_node]. It has its settings, which begin with their defaults again. The first one is for pools that name none. Each needs ports of its own: replicas count from its api_listen and inference_listen.";

const ACCOUNTS: &str = "Further Vast accounts, beside that of [vast], which is called main. Write the block once for each.";

const POOLS: &str = "Pools of rentals that are alike; the first one rents first. Without any pool there is one rental, with the settings above. With pools, the settings above are for all of them, and a pool may have some of its own. All share the caps of [budget]. What is set above about the model (revision, args, model_gb, disk, min_total_gpu_memory) is not for a pool with another model. Write the block once for each pool.";

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
    write_tables(&mut text, TableArray::NetworkNode, NETWORK_NODES);
    write_tables(&mut text, TableArray::Account, ACCOUNTS);
    write_tables(&mut text, TableArray::Pool, POOLS);
    text
}

/// One of several tables, commented out.
fn write_tables(text: &mut String, array: TableArray, meaning: &str) {
    let key = array.key();
    text.push('\n');
    write_comment(text, meaning);
    let _ = writeln!(text, "# [[{key}]]");
    for setting in array.own() {
        write_setting(text, setting, None);
    }
    for section in array.sections() {
        let settings = settings_of(section).filter(|setting| setting.scope() == Scope::Pool);
        let names: Vec<&str> = settings.map(Setting::name).collect();
        let names = names.join(", ");
        text.push('\n');
        write_comment(text, &format!("In place of those in [{section}]: {names}."));
        let _ = writeln!(text, "# [{key}.{section}]");
    }
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
    write_comment(text, &format!("{mark}{}", setting.doc));
    // An example is never active: it would rent with someone else's addresses.
    let _ = match given {
        Some(value) => writeln!(text, "{} = {value}", setting.name()),
        None => writeln!(text, "# {} = {}", setting.name(), setting.example),
    };
}

fn write_comment(text: &mut String, comment: &str) {
    for line in wrap(comment, WIDTH) {
        let _ = writeln!(text, "# {line}");
    }
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
