//! Parses a file's TOML. A syntax error costs its line, not the file: releasing a rental or sending a
//! notice must work with the rest.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::report::{Hint, Problem};
use super::table::SECTIONS;

/// A section of the file, or a setting in one.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) section: String,
    pub(super) kind: EntryKind<'a>,
    /// Bytes from the beginning of the file.
    pub(super) offset: usize,
}

#[derive(Debug)]
pub(super) enum EntryKind<'a> {
    /// The section itself. It comes before its settings.
    Section,
    /// A value, or a list of tables, where a section should be.
    NotASection(Spanned<DeValue<'a>>),
    Setting(String, Spanned<DeValue<'a>>),
}

#[derive(Debug, Clone)]
pub(super) struct SyntaxError {
    /// The section that it is in; empty before the first one.
    pub(super) section: String,
    pub(super) problem: Problem,
}

/// Parses a file in one piece or, if it is not valid TOML, section by section.
pub(super) fn parse(text: &str) -> (Vec<Entry<'_>>, Vec<SyntaxError>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return (entries_of(table.into_inner(), 0), Vec::new());
    }
    let mut entries = Vec::new();
    let mut found = Vec::new();
    for block in blocks(text) {
        let (table, errors) = DeTable::parse_recoverable(&text[block.clone()]);
        let lines = errors.iter().filter_map(toml::de::Error::span);
        let lines: Vec<usize> = lines
            .map(|span| line_at(text, block.start + span.start))
            .collect();
        let mut good = entries_of(table.into_inner(), block.start);
        good.retain(|entry| !is_on_lines(entry, text, block.start, &lines));
        entries.append(&mut good);
        // One slip causes several errors; the first one is the slip.
        if let (Some(error), Some(line)) = (errors.first(), lines.first()) {
            found.push(error_at(text, &block, *line, error));
        }
    }
    if let (true, Some(error)) = (found.is_empty(), errors.first()) {
        let start = error.span().map_or(0, |span| span.start);
        let blocks = blocks(text);
        let block = blocks.iter().find(|block| block.contains(&start));
        let block = block.cloned().unwrap_or_default();
        found.push(error_at(text, &block, line_at(text, start), error));
    }
    (entries, found)
}

fn error_at(text: &str, block: &Range<usize>, line: usize, error: &toml::de::Error) -> SyntaxError {
    let header = text[block.clone()].lines().next().unwrap_or_default();
    let hint = Hint::Expected("TOML".to_owned());
    SyntaxError {
        section: section_of(header).unwrap_or_default().to_owned(),
        problem: Problem::new("the file", Some(line), error.message(), hint),
    }
}

/// A value recovered from a line with an error is not what the operator meant.
fn is_on_lines(entry: &Entry<'_>, text: &str, start: usize, lines: &[usize]) -> bool {
    let (EntryKind::Setting(_, value) | EntryKind::NotASection(value)) = &entry.kind else {
        return false;
    };
    let first = line_at(text, entry.offset);
    let last = line_at(text, start + value.span().end);
    lines.iter().any(|line| (first..=last).contains(line))
}

fn entries_of(root: DeTable<'_>, start: usize) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    for (name, item) in root {
        let at = name.span().start;
        let section = name.into_inner().into_owned();
        let mut add = |at: usize, kind| {
            entries.push(Entry {
                section: section.clone(),
                kind,
                offset: start + at,
            });
        };
        let span = item.span();
        match item.into_inner() {
            DeValue::Table(table) => {
                add(at, EntryKind::Section);
                for (name, value) in table {
                    let at = name.span().start;
                    add(
                        at,
                        EntryKind::Setting(name.into_inner().into_owned(), value),
                    );
                }
            }
            other => add(at, EntryKind::NotASection(Spanned::new(span, other))),
        }
    }
    entries.sort_by_key(|entry| entry.offset);
    entries
}

/// Pieces of the text, each from the header of a known section to the next one.
fn blocks(text: &str) -> Vec<Range<usize>> {
    let mut starts = vec![0];
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if section_of(line).is_some() && offset > 0 {
            starts.push(offset);
        }
        offset += line.len();
    }
    starts.push(text.len());
    starts.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

/// `notify` of `[notify] # channels`. An unclosed header still counts.
fn section_of(line: &str) -> Option<&str> {
    let name = line.trim_start().strip_prefix('[')?;
    let name = name.split([']', '.', '#']).next()?.trim();
    let is_known = SECTIONS.iter().any(|(known, _)| *known == name);
    is_known.then_some(name)
}

/// The line of a byte of the text, from 1.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    let before = text.bytes().take(offset);
    before.filter(|byte| *byte == b'\n').count() + 1
}
