//! The market's query language: filters, order and columns of rows.

use serde_json::{Map, Value, json};

/// Whether a row passes a filter: `{"field": {"op": value, …}, …}`. A field that the row lacks, or that
/// is null, passes: the market's searches do not apply every filter.
pub(super) fn matches(row: &Value, filter: &Value) -> bool {
    let mut filters = filter.as_object().into_iter().flatten();
    filters.all(|(field, conditions)| {
        let value = value_of(row, field);
        value.is_null() || holds(&value, conditions)
    })
}

/// The same for stored columns, where null is a value.
pub(super) fn matches_exactly(row: &Value, filter: &Value) -> bool {
    let mut filters = filter.as_object().into_iter().flatten();
    filters.all(|(field, conditions)| holds(&row[field], conditions))
}

/// The value of a column. Two that can be filtered by are in no row (vendor's docs, deployments.mdx).
fn value_of(row: &Value, field: &str) -> Value {
    match field {
        "verified" => json!(row["verification"] == "verified"),
        "datacenter" => json!(row["hosting_type"].as_u64().is_some_and(|kind| kind > 0)),
        // Nothing listed here is external.
        "external" => json!(!matches!(row["external"], Value::Null | Value::Bool(false))),
        _ => row[field].clone(),
    }
}

/// Whether a value passes its conditions; all pass when there are none.
pub(super) fn holds(have: &Value, conditions: &Value) -> bool {
    let mut conditions = conditions.as_object().into_iter().flatten();
    conditions.all(|(op, want)| compare(have, op, want))
}

fn compare(have: &Value, op: &str, want: &Value) -> bool {
    if let Value::Array(list) = want {
        let found = list.iter().any(|want| same(have, want));
        return found != (op == "notin");
    }
    match (op, as_number(have), as_number(want)) {
        ("gt", Some(a), Some(b)) => a > b,
        ("gte", Some(a), Some(b)) => a >= b,
        ("lt", Some(a), Some(b)) => a < b,
        ("lte", Some(a), Some(b)) => a <= b,
        ("neq", ..) => !same(have, want),
        _ => same(have, want),
    }
}

fn same(have: &Value, want: &Value) -> bool {
    if let (Some(a), Some(b)) = (as_number(have), as_number(want)) {
        return (a - b).abs() < 1e-9;
    }
    match (have.as_str(), want.as_str()) {
        // A place ends with its country's code.
        (Some(a), Some(b)) => a == b || a.ends_with(&format!(", {b}")),
        _ => have == want,
    }
}

/// The vendor's command sends numbers as text, and sometimes booleans, too.
fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(1.0),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(0.0),
        Value::String(text) => text.parse().ok(),
        _ => value.as_f64(),
    }
}

/// Ascending or descending by a column; the later keys of an order decide among equals.
pub(super) fn sort(rows: &mut [Value], keys: &[(String, Direction)]) {
    for (column, direction) in keys.iter().rev() {
        rows.sort_by(|a, b| {
            let order = match (as_number(&a[column]), as_number(&b[column])) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                (a, b) if a.is_some() != b.is_some() => a.is_some().cmp(&b.is_some()),
                _ => a[column].as_str().cmp(&b[column].as_str()),
            };
            match direction {
                Direction::Ascending => order,
                Direction::Descending => order.reverse(),
            }
        });
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

impl Direction {
    pub fn of(text: &Value) -> Direction {
        match text.as_str() {
            Some("desc") => Direction::Descending,
            _ => Direction::Ascending,
        }
    }
}

/// The columns that were asked for, `["*"]` for all; an unknown one is null.
pub(super) fn select(row: Value, columns: &Value) -> Value {
    let Some(columns) = columns.as_array() else {
        return row;
    };
    if columns.iter().any(|column| column == "*") {
        return row;
    }
    let names = columns.iter().filter_map(Value::as_str);
    let selected: Map<String, Value> = names
        .map(|name| (name.to_owned(), row[name].clone()))
        .collect();
    selected.into()
}
