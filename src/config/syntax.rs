//! Parses a file's TOML. A syntax error costs its line, not the file: releasing a rental or sending a
//! notice must work with the rest.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::report::{Hint, Problem};
use super::table::SECTIONS;
use super::table_array::TableArray;

/// A section of the file, or a setting in one.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// Which of several tables it belongs to; none if it is for all.
    pub(super) table: Option<TableId>,
    pub(super) section: String,
    pub(super) kind: EntryKind<'a>,
    /// Bytes from the beginning of the file.
    pub(super) offset: usize,
}

/// One of several tables: which, from 0 in the order of the file.
pub(super) type TableId = (TableArray, usize);

/// How many of each there were before.
type Counts = BTreeMap<TableArray, usize>;

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
        return (
            entries_of(table.into_inner(), 0, &Counts::new()),
            Vec::new(),
        );
    }
    let mut entries = Vec::new();
    let mut found = Vec::new();
    let mut counts = Counts::new();
    for block in blocks(text) {
        let (table, errors) = DeTable::parse_recoverable(&text[block.clone()]);
        let lines = errors.iter().filter_map(toml::de::Error::span);
        let lines: Vec<usize> = lines
            .map(|span| line_at(text, block.start + span.start))
            .collect();
        let mut good = entries_of(table.into_inner(), block.start, &counts);
        if let Some(array) = array_of(header_of(text, &block)) {
            *counts.entry(array).or_default() += 1;
        }
        good.retain(|entry| !is_on_lines(entry, text, block.start, &lines));
        good.retain(|entry| !is_astray(entry, text, &lines));
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
    let hint = Hint::Expected("TOML".to_owned());
    let section = section_of(header_of(text, block));
    SyntaxError {
        section: section.unwrap_or_default().to_owned(),
        problem: Problem::new("the file", Some(line), error.message(), hint),
    }
}

fn header_of<'a>(text: &'a str, block: &Range<usize>) -> &'a str {
    text[block.clone()].lines().next().unwrap_or_default()
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

/// What follows a header with an error is in no section; the first key passes for one.
fn is_astray(entry: &Entry<'_>, text: &str, lines: &[usize]) -> bool {
    let is_header = |line: &&usize| {
        let mut text = text.lines();
        text.nth(**line - 1)
            .is_some_and(|text| text.trim_start().starts_with('['))
    };
    let header = lines.iter().find(is_header);
    let is_known = entry.table.is_some() || is_section(&entry.section);
    !is_known && header.is_some_and(|header| line_at(text, entry.offset) > *header)
}

/// The entries of a text that starts at this byte of the file, after so many tables of each array.
fn entries_of<'a>(root: DeTable<'a>, start: usize, counts: &Counts) -> Vec<Entry<'a>> {
    let mut entries = Vec::new();
    for (name, item) in root {
        let at = name.span().start;
        let name = name.into_inner().into_owned();
        let span = item.span();
        let array = TableArray::named(&name);
        match (item.into_inner(), array) {
            (DeValue::Array(tables), Some(array)) => {
                let before = counts.get(&array).copied().unwrap_or_default();
                for (index, table) in tables.into_iter().enumerate() {
                    add_table(&mut entries, (array, before + index), table);
                }
            }
            (DeValue::Table(table), array) if array.is_none_or(TableArray::is_section_too) => {
                add_section(&mut entries, None, at, &name, table);
            }
            (other, _) => entries.push(Entry {
                table: None,
                section: name,
                kind: EntryKind::NotASection(Spanned::new(span, other)),
                offset: at,
            }),
        }
    }
    for entry in &mut entries {
        entry.offset += start;
    }
    entries.sort_by_key(|entry| entry.offset);
    entries
}

/// The own keys of one of several tables, and its sections.
fn add_table<'a>(entries: &mut Vec<Entry<'a>>, id: TableId, table: Spanned<DeValue<'a>>) {
    let (array, _) = id;
    let span = table.span();
    let own = |table, kind, offset| Entry {
        table,
        section: array.key().to_owned(),
        kind,
        offset,
    };
    let table = match table.into_inner() {
        DeValue::Table(table) => table,
        other => {
            let kind = EntryKind::NotASection(Spanned::new(span.clone(), other));
            return entries.push(own(None, kind, span.start));
        }
    };
    entries.push(own(Some(id), EntryKind::Section, span.start));
    for (name, item) in table {
        let at = name.span().start;
        let name = name.into_inner().into_owned();
        let span = item.span();
        match item.into_inner() {
            DeValue::Table(table) if name != array.key() => {
                add_section(entries, Some(id), at, &name, table);
            }
            other => {
                let kind = EntryKind::Setting(name, Spanned::new(span, other));
                entries.push(own(Some(id), kind, at));
            }
        }
    }
}

fn add_section<'a>(
    entries: &mut Vec<Entry<'a>>,
    of: Option<TableId>,
    at: usize,
    section: &str,
    table: DeTable<'a>,
) {
    let entry = |kind, offset| Entry {
        table: of,
        section: section.to_owned(),
        kind,
        offset,
    };
    entries.push(entry(EntryKind::Section, at));
    for (name, value) in table {
        let at = name.span().start;
        let name = name.into_inner().into_owned();
        entries.push(entry(EntryKind::Setting(name, value), at));
    }
}

/// Pieces of the text, each from the header of a known section or table to the next one.
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

/// `notify` of `[notify] # channels`, and `pool` of `[[pool]]`. An unclosed header still counts.
fn section_of(line: &str) -> Option<&str> {
    if let Some(array) = array_of(line) {
        return Some(array.key());
    }
    let name = line.trim_start().strip_prefix('[')?;
    let name = name.split([']', '.', '#']).next()?.trim();
    is_section(name).then_some(name)
}

/// The array of `[[pool]]`.
fn array_of(line: &str) -> Option<TableArray> {
    let name = line.trim_start().strip_prefix("[[")?;
    TableArray::named(name.split([']', '#']).next()?.trim())
}

/// True for a section of the table.
pub(super) fn is_section(name: &str) -> bool {
    SECTIONS.iter().any(|(section, _)| *section == name)
}

/// The line of a byte of the text, from 1.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    let before = text.bytes().take(offset);
    before.filter(|byte| *byte == b'\n').count() + 1
}
