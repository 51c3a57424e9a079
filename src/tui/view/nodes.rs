//! Nodes registered with the Network Node.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::{NodeStatus, Serving, Time, UpstreamFigures, UpstreamHealth};
use crate::engine::{NodeOwner, NodeRow, ProxySnapshot};
use crate::tui::attention::{Feed, frozen_since};
use crate::tui::filter::Filtered;
use crate::tui::hit_areas::HitTarget;
use crate::tui::layout::Rows;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::section::Section;
use crate::tui::theme::Theme;

use super::columns::{Fitting, TableColumn, left, right};
use super::format;
use super::widgets::{Canvas, count_of, filter_line, put_cut};

/// A heading, every row with what is wrong with it, and the proxy.
pub fn rows(model: &Model) -> Rows {
    let nodes = &model.snapshot.nodes;
    let of_node =
        |row: &NodeRow| 1 + usize::from(wants(row).is_some()) + usize::from(why(row).is_some());
    let listed: usize = model.shown_nodes().into_iter().map(of_node).sum();
    let is_filtered = model.has_filter_row(Filtered::Pane(Pane::Nodes));
    let beside = usize::from(nodes.trouble.is_some()) + usize::from(is_filtered);
    let proxy = usize::from(model.snapshot.proxy.is_some());
    Rows::up_to(4, 2 + listed + beside + proxy)
}

pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let (model, theme) = (canvas.model, canvas.theme);
    let nodes = &model.snapshot.nodes;
    let frozen = frozen_since(model, Feed::Nodes);
    let age = frozen.map_or_else(
        || format::ago(nodes.read_at, model.now()),
        |since| format::frozen(since, model.now()),
    );
    let shown = model.shown_nodes();
    let of = count_of(model, Pane::Nodes, shown.len());
    let place = match model.snapshot.other_nodes.as_slice() {
        [] => String::new(),
        _ => format!("{}, ", nodes.name()),
    };
    let note = format!("{place}{of}{} registered, {age}", nodes.rows.len());
    let inner = canvas.section_rule(area, Section::Nodes, &note);
    let inner = Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(1),
        ..inner
    };
    let widths = columns(&nodes.rows, inner.width);
    let columns = Fitting::new(&widths, inner.width, model.node_columns.away);
    canvas.most_away.nodes = Some(columns.most_away());
    let trouble = nodes.trouble.as_ref();
    let trouble = trouble.map(|it| Line::styled(format!("TROUBLE {it}"), theme.bad()));
    let head = match nodes.read_at {
        _ if !shown.is_empty() => columns.head(inner.width),
        _ if !nodes.rows.is_empty() => "No node passes the filter.".to_owned(),
        Some(_) => "No node is registered.".to_owned(),
        None => "The list has not been read yet.".to_owned(),
    };
    let mut lines: Vec<Line<'_>> = trouble.into_iter().collect();
    lines.extend(filter_line(canvas, Filtered::Pane(Pane::Nodes)));
    lines.push(Line::styled(head, theme.dim()));
    let proxy = model.snapshot.proxy.as_ref();
    let proxy = proxy.map(|proxy| proxy_line(proxy, model.now(), inner.width, theme));
    let selected = model.selected_node().map_or(0, |(place, _)| place);
    let focused = model.focus == Pane::Nodes;
    let below = usize::from(proxy.is_some());
    let room = usize::from(inner.height)
        .saturating_sub(lines.len() + below)
        .max(1);
    let first = first_shown(&shown, selected, room);
    let mut left = room;
    for (place, row) in shown.iter().enumerate().skip(first) {
        if left == 0 {
            break;
        }
        let target = HitTarget::Node(row.node.config.id.clone());
        canvas.hits.add_row(inner, lines.len(), target);
        let is_selected = focused && place == selected;
        for line in node_lines(row, &columns, &widths, is_selected, theme).take(left) {
            lines.push(line);
            left -= 1;
        }
    }
    lines.extend(proxy);
    put_cut(canvas.buf, inner, lines);
}

fn proxy_line(proxy: &ProxySnapshot, now: Time, width: u16, theme: Theme) -> Line<'static> {
    let (state, style) = proxy_state(proxy, now, theme);
    let ellipsis = theme.glyph("…", "...");
    let text = format::cut(&format!("proxy {state}"), usize::from(width), ellipsis);
    Line::styled(text, style)
}

/// What the proxy does.
pub fn proxy_state(proxy: &ProxySnapshot, now: Time, theme: Theme) -> (String, Style) {
    if let Some(since) = proxy.silent_since {
        let (address, silent) = (proxy.address, format::length(now - since));
        let text = format!("SILENT at {address} for {silent}; is `pocpit proxy` running?");
        return (text, theme.bad());
    }
    let Some(figures) = &proxy.figures else {
        return ("not polled yet".to_owned(), theme.dim());
    };
    let cools = |one: &&UpstreamFigures| one.health == UpstreamHealth::Resting;
    let cooling = figures.upstreams.iter().filter(cools);
    let cooling: Vec<&str> = cooling.map(|one| one.name.as_str()).collect();
    let (state, style) = match figures.serving {
        Serving::Stopped => ("STOPPED by the Network Node", theme.warn()),
        Serving::Up if cooling.is_empty() => ("serves", theme.text()),
        Serving::Up if figures.has_no_usable_upstream() => ("FAILS", theme.bad()),
        Serving::Up => ("serves", theme.warn()),
    };
    let cooldown = match cooling.len() {
        0 => String::new(),
        _ => format!(", in cooldown: {}", cooling.join(" ")),
    };
    let rate = proxy.per_minute.map(|rate| format!(" ({rate:.0}/min)"));
    let text = format!(
        "{state}{cooldown}: {} answered{}, {} now, {} refused, {} failed",
        figures.answered,
        rate.unwrap_or_default(),
        figures.under_way,
        figures.refused,
        figures.failed
    );
    (text, style)
}

/// Columns of a name and of an address at least; wider panes give them more.
const NAME: usize = 14;
const ADDRESS: usize = 19;
/// Columns of the others, with the spaces between them.
const OTHERS: usize = 46;

fn columns(rows: &[NodeRow], width: u16) -> [TableColumn; 7] {
    let longest = |text: fn(&NodeRow) -> String| {
        let lengths = rows.iter().map(|row| text(row).chars().count());
        lengths.max().unwrap_or_default()
    };
    let width = usize::from(width);
    // Without room for addresses their columns go to the names.
    let room = match width.checked_sub(OTHERS + NAME + ADDRESS) {
        Some(room) => room,
        None => width.saturating_sub(OTHERS - 1 + NAME),
    };
    let id = longest(name).clamp(NAME, NAME + room);
    let room = room.saturating_sub(id - NAME);
    let address = longest(address).clamp(ADDRESS, ADDRESS + room);
    [
        left("whose", 8),
        left("node", id),
        left("service", 9),
        left("PoC", 11),
        left("since", 5),
        right("weight", 7),
        left("address", address),
    ]
}

fn name(row: &NodeRow) -> String {
    row.node.config.id.to_string()
}

fn address(row: &NodeRow) -> String {
    let node = &row.node.config;
    format!("{}:{}/{}", node.host, node.poc_port, node.inference_port)
}

/// The first row to show, so that the selected one is visible with its extra rows.
fn first_shown(rows: &[&NodeRow], selected: usize, room: usize) -> usize {
    let mut left = room;
    let mut first = selected;
    for (place, row) in rows.iter().enumerate().take(selected + 1).rev() {
        let needed = 1 + usize::from(wants(row).is_some()) + usize::from(why(row).is_some());
        match left.checked_sub(needed) {
            Some(rest) => (left, first) = (rest, place),
            None => break,
        }
    }
    first
}

/// State that the Network Node intends, if it differs.
fn wants(row: &NodeRow) -> Option<String> {
    let node = &row.node;
    let differs = node.intended != node.current || node.poc_intended != node.poc_current;
    differs.then(|| {
        let [service, poc] = [node.intended.word(), node.poc_intended.word()];
        format!("         wants {service} / {poc}")
    })
}

fn why(row: &NodeRow) -> Option<String> {
    let reason = &row.node.failure_reason;
    (!reason.is_empty()).then(|| format!("         FAILURE {reason}"))
}

/// Everything about a registration.
pub fn in_full(row: &NodeRow, columns: usize, theme: Theme) -> Vec<Line<'static>> {
    let node = &row.node;
    let weights = node.weights.iter();
    let weights: Vec<String> = weights
        .map(|(model, weight)| format!("{weight} for {model}"))
        .collect();
    let enabled = if node.enabled { "enabled" } else { "disabled" };
    let mut facts = vec![
        ("whose", row.owner.word().to_owned()),
        ("address", address(row)),
        (
            "now",
            format!("{}, {}", node.current.word(), node.poc_word()),
        ),
        (
            "wanted",
            format!("{}, {}", node.intended.word(), node.poc_intended.word()),
        ),
        ("since", format!("epoch {}, {enabled}", node.admin_epoch)),
        ("weight", weights.join(", ")),
        ("failure", node.failure_reason.clone()),
    ];
    facts.retain(|(_, text)| !text.is_empty());
    let rows = facts.into_iter().flat_map(|(name, text)| {
        let rows = format::wrap(&text, columns.saturating_sub(9)).into_iter();
        let names = std::iter::once(name).chain(std::iter::repeat(""));
        names.zip(rows).map(|(name, row)| {
            let style = if name == "failure" {
                theme.bad()
            } else {
                theme.text()
            };
            Line::from(vec![
                Span::styled(format!("{name:<8} "), theme.dim()),
                Span::styled(row, style),
            ])
        })
    });
    rows.collect()
}

fn node_lines(
    row: &NodeRow,
    columns: &Fitting<'_>,
    widths: &[TableColumn; 7],
    is_selected: bool,
    theme: Theme,
) -> impl Iterator<Item = Line<'static>> {
    let node = &row.node;
    let style = match row.owner {
        NodeOwner::Sprint => theme.accent(),
        NodeOwner::Leftover => theme.warn(),
        NodeOwner::Proxy | NodeOwner::Other => theme.text(),
    };
    let failed = node.current == NodeStatus::Failed;
    let style = if failed { theme.bad() } else { style };
    let cells = cells(row, widths, theme);
    let text = columns.row(|place| cells[place].clone());
    let wanted = wants(row).map(|text| Line::styled(text, theme.warn()));
    let failure = why(row).map(|text| Line::styled(text, theme.bad()));
    [Line::styled(text, theme.selected_if(is_selected, style))]
        .into_iter()
        .chain(wanted)
        .chain(failure)
}

fn cells(row: &NodeRow, widths: &[TableColumn; 7], theme: Theme) -> [String; 7] {
    let node = &row.node;
    let ellipsis = theme.glyph("…", "..");
    let weight: u64 = node.weights.values().map(|w| w.0).sum();
    let since = if node.enabled {
        format!("e{}", node.admin_epoch)
    } else {
        "off".to_owned()
    };
    // What tells nodes of one host apart.
    let ports = address(row).len() - node.config.host.len();
    [
        row.owner.word().to_owned(),
        format::short_id(&name(row), widths[1].width, ellipsis),
        node.current.word(),
        node.poc_word(),
        since,
        format::grouped(weight),
        format::both_ends(&address(row), widths[6].width, ports, ellipsis),
    ]
}
