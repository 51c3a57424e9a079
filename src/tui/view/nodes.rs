//! Nodes registered with the Network Node.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::domain::{NodeStatus, Serving, Time, UpstreamFigures, UpstreamHealth};
use crate::engine::{NodeOwner, NodeRow, ProxySnapshot};
use crate::tui::hit_areas::{HitAreas, HitTarget};
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::theme::Theme;

use super::format;
use super::widgets::{pane_frame, put_cut};

pub fn draw(buf: &mut Buffer, area: Rect, model: &Model, hits: &mut HitAreas, theme: Theme) {
    let nodes = &model.snapshot.nodes;
    let note = format!(
        "{} listed, {}",
        nodes.rows.len(),
        format::ago(nodes.read_at, model.now())
    );
    let inner = pane_frame(buf, area, Pane::Nodes, &note, model, theme);
    let columns = Columns::of(&nodes.rows, inner.width);
    let mut lines = Vec::new();
    if let Some(trouble) = &nodes.trouble {
        lines.push(Line::styled(format!("TROUBLE {trouble}"), theme.bad()));
    }
    lines.extend(
        model
            .snapshot
            .proxy
            .as_ref()
            .map(|proxy| proxy_line(proxy, model.now(), theme)),
    );
    if nodes.rows.is_empty() {
        let text = if nodes.read_at.is_some() {
            "No node is registered."
        } else {
            "The list has not been read yet."
        };
        lines.push(Line::styled(text, theme.dim()));
    } else {
        let Columns { id, address } = columns;
        let head = format!(
            "{:<7} {:<id$} {:<address$} {:<10} {:<11} {:<5} weight",
            "owner", "id", "host:ports", "now", "PoC", "on"
        );
        lines.push(Line::styled(head, theme.dim()));
    }
    let selected = model.selected_node().map_or(0, |(place, _)| place);
    let focused = model.focus == Pane::Nodes;
    let room = usize::from(inner.height).saturating_sub(lines.len()).max(1);
    let first = first_shown(&nodes.rows, selected, room);
    for (place, row) in nodes.rows.iter().enumerate().skip(first).take(room) {
        hits.add_row(
            inner,
            lines.len(),
            HitTarget::Node(row.node.config.id.clone()),
        );
        node_lines(
            &mut lines,
            row,
            columns,
            focused && place == selected,
            theme,
        );
    }
    put_cut(buf, inner, lines);
}

fn proxy_line(proxy: &ProxySnapshot, now: Time, theme: Theme) -> Line<'static> {
    if let Some(since) = proxy.silent_since {
        let text = format!(
            "proxy DOES NOT ANSWER at {} for {}; `pocpit proxy`?",
            proxy.address,
            format::length(now - since)
        );
        return Line::styled(text, theme.bad());
    }
    let Some(figures) = &proxy.figures else {
        return Line::styled("proxy not asked yet", theme.dim());
    };
    let rests = |one: &&UpstreamFigures| one.health == UpstreamHealth::Resting;
    let resting = figures.upstreams.iter().filter(rests);
    let resting: Vec<&str> = resting.map(|one| one.name.as_str()).collect();
    let (state, style) = match figures.serving {
        Serving::Stopped => ("STOPPED by the Network Node", theme.warn()),
        Serving::Up if resting.is_empty() => ("serves", theme.text()),
        Serving::Up if figures.has_nobody_to_ask() => ("FAILS", theme.bad()),
        Serving::Up => ("serves", theme.warn()),
    };
    let rest = match resting.len() {
        0 => String::new(),
        _ => format!(", resting after failures: {}", resting.join(" ")),
    };
    let minute = proxy
        .per_minute
        .map_or_else(String::new, |rate| format!(" ({rate:.0}/min)"));
    let text = format!(
        "proxy {state}{rest}: {} answered{minute}, {} now, {} refused, {} failed",
        figures.answered, figures.under_way, figures.refused, figures.failed
    );
    Line::styled(text, style)
}

#[derive(Debug, Clone, Copy)]
struct Columns {
    id: usize,
    address: usize,
}

impl Columns {
    /// At 80 columns; wider panes give them more.
    const LEAST: Columns = Columns {
        id: 14,
        address: 19,
    };
    const OTHERS: usize = 45;

    fn of(rows: &[NodeRow], width: u16) -> Columns {
        let least = Columns::LEAST;
        let longest = |text: fn(&NodeRow) -> String| {
            let lengths = rows.iter().map(|row| text(row).chars().count());
            lengths.max().unwrap_or_default()
        };
        let room = usize::from(width).saturating_sub(Columns::OTHERS + least.id + least.address);
        let id = longest(name).clamp(least.id, least.id + room);
        let room = room.saturating_sub(id - least.id);
        let address = longest(address).clamp(least.address, least.address + room);
        Columns { id, address }
    }
}

fn name(row: &NodeRow) -> String {
    row.node.config.id.to_string()
}

fn address(row: &NodeRow) -> String {
    let config = &row.node.config;
    format!(
        "{}:{}/{}",
        config.host, config.poc_port, config.inference_port
    )
}

/// The first row to show, so that the selected one is visible with its extra rows.
fn first_shown(rows: &[NodeRow], selected: usize, room: usize) -> usize {
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
    differs.then(|| format!("        wants {} {}", node.intended, node.poc_intended))
}

fn why(row: &NodeRow) -> Option<String> {
    let reason = &row.node.failure_reason;
    (!reason.is_empty()).then(|| format!("        FAILURE {reason}"))
}

fn node_lines(
    lines: &mut Vec<Line<'static>>,
    row: &NodeRow,
    Columns { id, address: place }: Columns,
    is_selected: bool,
    theme: Theme,
) {
    let node = &row.node;
    let owner = match row.owner {
        NodeOwner::Sprint => "SPRINT",
        NodeOwner::Leftover => "OLD",
        NodeOwner::Proxy => "proxy",
        NodeOwner::Other => "other",
    };
    let failed = node.current == NodeStatus::Failed;
    let style = match row.owner {
        _ if failed => theme.bad(),
        NodeOwner::Sprint => theme.accent(),
        NodeOwner::Leftover => theme.warn(),
        _ => theme.text(),
    };
    let weight: u64 = node.weights.values().map(|w| w.0).sum();
    let enabled = if node.enabled {
        format!("e{}", node.admin_epoch)
    } else {
        "OFF".into()
    };
    let text = format!(
        "{owner:<7} {:<id$.id$} {:<place$.place$} {:<10} {:<11} {enabled:<5} {weight}",
        name(row),
        address(row),
        node.current,
        node.poc_current
    );
    let style = if is_selected {
        style.patch(theme.selected())
    } else {
        style
    };
    lines.push(Line::styled(text, style));
    lines.extend(wants(row).map(|text| Line::styled(text, theme.warn())));
    lines.extend(why(row).map(|text| Line::styled(text, theme.bad())));
}
