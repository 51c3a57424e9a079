//! What is selected in the fleet.

use ratatui::text::Line;

use crate::domain::Step;
use crate::engine::{RentalSnapshot, ReplicaSnapshot, SprintSnapshot};
use crate::tui::breakpoint::Breakpoint;
use crate::tui::fleet::FleetKey;
use crate::tui::model::Model;
use crate::tui::theme::Theme;

use super::top::last;
use super::widgets::{Canvas, indented, two_rows};
use super::{format, nodes, rental};

/// Lines of the log below what is selected.
const LOG: usize = 6;

/// Name and Network Node of what is selected, and what is behind the columns.
pub fn title(model: &Model) -> (String, String) {
    let fleet = &model.fleet;
    let Some((_, row)) = fleet.selected_row() else {
        return ("nothing selected".to_owned(), String::new());
    };
    let mut groups = fleet.groups.iter();
    let group = groups.find(|group| group.rows.iter().any(|it| std::ptr::eq(it, row)));
    let epoch = row.epoch.map(|epoch| format!("epoch {epoch}"));
    let parts = [
        group.map(|group| group.name.clone()),
        epoch,
        row.gpus.clone(),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (row.name.clone(), parts.join(", "))
}

/// The selected row; of the log as many lines as fit into the height.
pub fn lines(canvas: &Canvas<'_>, width: u16, height: usize) -> Vec<Line<'static>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let sentence = |text: &str| vec![Line::styled(format!(" {text}"), theme.dim())];
    let Some((_, row)) = model.fleet.selected_row() else {
        return sentence("No row is selected.");
    };
    match &row.key {
        FleetKey::Sprint => of_sprint(canvas, width, height),
        FleetKey::Replica(id) => match model.received.replica(id) {
            Some(replica) => of_replica(replica, canvas, width),
            None => sentence("It is not configured any more."),
        },
        FleetKey::Hedge => match &model.snapshot.hedge {
            Some(hedge) => in_brief(hedge, canvas, width),
            None => sentence("It is gone."),
        },
        FleetKey::Node(network_node, id) => {
            let mut listed = model.received.nodes_at(network_node).rows.iter();
            let Some(node) = listed.find(|row| row.node.config.id == *id) else {
                return sentence("It is not listed any more.");
            };
            let columns = usize::from(width).saturating_sub(1);
            let lines = nodes::in_full(node, columns, theme);
            lines.into_iter().map(indented).collect()
        }
    }
}

/// What a sprint does, and what it asks.
fn doing(sprint: &SprintSnapshot, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let doing = format!("{}: {}", sprint.step.verb().to_uppercase(), sprint.doing);
    let question = sprint.gate.iter();
    let question = question.flat_map(|gate| two_rows(&gate.question, theme.warn(), width, theme));
    let mut lines = two_rows(&doing, theme.text(), width, theme);
    lines.extend(question);
    lines
}

/// Its log and all its panes are one key away.
fn of_replica(replica: &ReplicaSnapshot, canvas: &Canvas<'_>, width: u16) -> Vec<Line<'static>> {
    let mut lines = doing(&replica.sprint, width, canvas.theme);
    let rentals = replica.rentals();
    lines.extend(rentals.flat_map(|rental| in_brief(rental, canvas, width)));
    lines
}

fn of_sprint(canvas: &Canvas<'_>, width: u16, height: usize) -> Vec<Line<'static>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let snapshot = &*model.snapshot;
    let mut lines = doing(&snapshot.sprint, width, theme);
    if let Some(rental) = &snapshot.rental {
        lines.extend(in_brief(rental, canvas, width));
        let worst = snapshot.money.sprint + snapshot.money.reserved;
        let money = format!(
            "{}, {} est. of {}",
            rental.price,
            format::estimate(rental.cost),
            format::worst(worst, theme)
        );
        lines.extend(two_rows(&money, theme.text(), width, theme));
    }
    lines.push(last::line(canvas, width));
    let room = LOG.min(height.saturating_sub(lines.len()));
    lines.extend(log_lines(canvas, room));
    lines
}

/// The newest lines of the log, where it does not stand beside.
fn log_lines(canvas: &Canvas<'_>, room: usize) -> Vec<Line<'static>> {
    let screen = *canvas.buf.area();
    let is_beside = Breakpoint::of(screen.width, screen.height) == Breakpoint::Full;
    let snapshot = &canvas.model.snapshot;
    if is_beside || snapshot.sprint.step <= Step::Renting || snapshot.rental.is_none() {
        return Vec::new();
    }
    let log = &snapshot.boot_log;
    let first = log.end_seq().saturating_sub(room as u64);
    let first = first.max(log.first_seq());
    let lines = (first..log.end_seq()).filter_map(|seq| log.line(seq));
    let style = canvas.theme.dim();
    lines
        .map(|line| Line::styled(format!(" {}", line.text()), style))
        .collect()
}

fn in_brief(rental: &RentalSnapshot, canvas: &Canvas<'_>, width: u16) -> Vec<Line<'static>> {
    let theme = canvas.theme;
    let text = rental::in_brief(rental, canvas.model);
    two_rows(&text, theme.text(), width, theme)
}
