//! Questions before anything that costs: what exactly, what it costs, what is left.

mod offers;

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::text::{Line, Span};

use crate::domain::{GateKind, NodeId};
use crate::engine::{NodeChange, NodeOwner, QuitChoice};
use crate::tui::hit_areas::{HitAreas, HitTarget};
use crate::tui::keymap::Action;
use crate::tui::layout::centered;
use crate::tui::model::{Dialog, Model};
use crate::tui::theme::Theme;

use super::format;
use super::widgets::popup;
use offers::{allow, avoid, compare, offer_reasons, rent};

pub fn draw(
    buf: &mut Buffer,
    screen: Rect,
    dialog: &Dialog,
    model: &Model,
    hits: &mut HitAreas,
    theme: Theme,
) {
    let (title, mut lines): (&str, Vec<Line<'static>>) = match dialog {
        Dialog::Rent(row) => ("Rent this offer?", rent(row, model, theme)),
        Dialog::Offer(row) => ("Why this rank?", offer_reasons(row, model, theme)),
        Dialog::Compare(two) => ("Which of the two?", compare(two, theme)),
        Dialog::Avoid(machine) => ("Avoid this machine?", avoid(*machine, model)),
        Dialog::Node {
            node,
            owner,
            change,
        } => (
            "Change this node?",
            change_node(node, *owner, *change, theme),
        ),
        Dialog::LeaveViewer => ("Quit the viewer?", left_behind(model)),
        Dialog::Allow(machine) => ("Use this machine again?", allow(*machine, model)),
        Dialog::Abort => ("Abort the sprint?", abort(model)),
        Dialog::Approve(kind) => ("Approve?", approve(*kind, model, theme)),
        Dialog::Auto => (
            "Switch to auto?",
            vec![
                Line::raw("Auto passes every gate by itself: it rents, registers and"),
                Line::raw("releases without asking, within the caps. m takes it back."),
                Line::raw(left(model)),
            ],
        ),
        Dialog::Quit(choice) => (
            "Quit while something is rented?",
            quit(*choice, model, theme),
        ),
    };
    lines.push(Line::raw(""));
    let mut answers = answers(dialog, model, theme);
    let columns = usize::from(WIDTH.min(screen.width)).saturating_sub(2);
    let mut lines: Vec<Line<'static>> = lines
        .into_iter()
        .flat_map(|line| wrapped(line, columns))
        .collect();
    // The answers stay, whatever the question leaves of the screen.
    let room = usize::from(screen.height).saturating_sub(answers.len() + 2);
    lines.truncate(room);
    lines.append(&mut answers);
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let area = centered(screen, WIDTH, height);
    let inner = area.inner(Margin::new(1, 1));
    let last = lines.len().saturating_sub(1);
    hits.add_row(inner, last, HitTarget::Action(Action::Cancel));
    // What is agreed to by a word is not agreed to by a click.
    if yes(dialog).is_some() && model.confirmation_word().is_none() {
        hits.add_row(
            inner,
            last.saturating_sub(1),
            HitTarget::Action(Action::Confirm),
        );
    }
    popup(buf, area, title, lines, 0, theme);
}

/// What can be answered. Nothing is agreed to by default.
fn answers(dialog: &Dialog, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let yes = yes(dialog);
    if let (Some(word), Some(yes)) = (model.confirmation_word(), &yes) {
        return vec![
            Line::styled(
                format!(" Type {word} and press Enter to {yes}:"),
                theme.warn(),
            ),
            Line::from(vec![
                Span::styled(format!(" {} ", theme.glyph("›", ">")), theme.accent()),
                Span::styled(model.answer.typed.clone(), theme.strong()),
                Span::styled(" ", theme.selected()),
            ]),
            Line::styled(" Esc  cancel (default) ", theme.selected()),
        ];
    }
    let mut lines: Vec<Line<'static>> = yes
        .into_iter()
        .map(|yes| Line::styled(format!(" y  {yes}"), theme.warn()))
        .collect();
    let no = match dialog {
        Dialog::Offer(_) | Dialog::Compare(_) => " Enter, Esc  close ",
        _ => " Enter, Esc, n  cancel (default) ",
    };
    lines.push(Line::styled(no, theme.selected()));
    lines
}

/// A line in rows, where it is too long for one.
fn wrapped(line: Line<'static>, columns: usize) -> Vec<Line<'static>> {
    if line.width() <= columns {
        return vec![line];
    }
    let style = line.style;
    let rows = format::wrap(&line.to_string(), columns);
    rows.into_iter()
        .map(|row| Line::styled(row, style))
        .collect()
}

const WIDTH: u16 = 68;

/// What `y` does, if anything.
fn yes(dialog: &Dialog) -> Option<String> {
    Some(match dialog {
        Dialog::Offer(_) | Dialog::Compare(_) | Dialog::Quit(None) => return None,
        Dialog::Avoid(machine) => format!("leave machine {machine} out"),
        Dialog::Node { change, .. } => match change {
            NodeChange::Enable => "enable it".into(),
            NodeChange::Disable => "disable it".into(),
            NodeChange::Remove => "remove it from the list".into(),
        },
        Dialog::Rent(row) => format!("rent for at most {}", row.worst_cost),
        Dialog::LeaveViewer => "quit; this changes nothing".into(),
        Dialog::Allow(machine) => format!("no longer avoid machine {machine}"),
        Dialog::Abort => "abort and release everything".into(),
        Dialog::Approve(kind) => format!("approve: {kind}"),
        Dialog::Auto => "switch to auto".into(),
        Dialog::Quit(Some(QuitChoice::Release)) => "release everything, then quit".into(),
        Dialog::Quit(Some(QuitChoice::Detach)) => "quit and leave it running".into(),
    })
}

fn left(model: &Model) -> String {
    let caps: Vec<String> = model
        .snapshot
        .money
        .caps
        .iter()
        .map(|cap| {
            format!(
                "{} {} of {}",
                cap.name,
                cap.limit.left_after(cap.used),
                cap.limit
            )
        })
        .collect();
    if caps.is_empty() {
        "Caps: none known".into()
    } else {
        format!("Left now: {}", caps.join(", "))
    }
}

fn change_node(
    node: &NodeId,
    owner: NodeOwner,
    change: NodeChange,
    theme: Theme,
) -> Vec<Line<'static>> {
    let whose = match owner {
        NodeOwner::Sprint => "the node of this sprint",
        NodeOwner::Leftover => "left over from a rental of ours that is gone or going",
        NodeOwner::Proxy => "the inference proxy, and not ours to change",
        NodeOwner::Other => "SOMEBODY ELSE'S",
    };
    let does = match change {
        NodeChange::Enable => "It takes part again from the next epoch on.",
        NodeChange::Disable => {
            "It takes no part from the next epoch on: no PoC, no reward. What runs now goes on."
        }
        NodeChange::Remove => {
            "It leaves the list for good. A PoC that it takes part in is lost for it."
        }
    };
    let style = match owner {
        NodeOwner::Sprint | NodeOwner::Leftover => theme.text(),
        NodeOwner::Proxy | NodeOwner::Other => theme.bad(),
    };
    let mut lines = vec![
        Line::styled(node.to_string(), theme.strong()),
        Line::styled(format!("It is {whose}."), style),
        Line::raw(does),
    ];
    if owner == NodeOwner::Sprint && change != NodeChange::Enable {
        lines.push(Line::raw(
            "The sprint will put it back: to end it, abort the sprint (x).",
        ));
    }
    lines
}

fn left_behind(model: &Model) -> Vec<Line<'static>> {
    let mut lines = vec![
        Line::raw("The process that drives has ended, so nothing more is shown."),
        Line::raw("Quit, and start pocpit again to drive from here."),
    ];
    if let Some(rental) = &model.snapshot.rental {
        lines.push(Line::raw(format!(
            "Rental {} was alive when it ended, at {}.",
            rental.id, rental.price
        )));
    }
    lines
}

fn abort(model: &Model) -> Vec<Line<'static>> {
    let mut lines = vec![
        Line::raw("The sprint ends: the registration is removed and the rental"),
        Line::raw("destroyed. The reward of this epoch is given up."),
    ];
    match &model.snapshot.rental {
        Some(rental) => lines.push(Line::raw(format!(
            "Spent so far: {}, running at {}.",
            rental.cost, rental.price
        ))),
        None => lines.push(Line::raw("Nothing is known to be rented.")),
    }
    if let Some(beside) = &model.snapshot.hedge {
        lines.push(Line::raw(format!(
            "So is #{} beside it: {}, running at {}.",
            beside.id, beside.cost, beside.price
        )));
    }
    lines
}

fn approve(kind: GateKind, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let question = model
        .snapshot
        .sprint
        .gate
        .as_ref()
        .map(|g| g.question.clone())
        .unwrap_or_default();
    let means = match kind {
        GateKind::Register => "The node enters the Network Node's list and takes part in PoC.",
        GateKind::Release => "The rental is destroyed and unregistered; this cannot be undone.",
        GateKind::Start => "Offers are searched and compared. Renting asks again, with its cost.",
        GateKind::Rent | GateKind::Hedge => "The sprint goes on.",
    };
    let mut lines = vec![Line::styled(question, theme.strong()), Line::raw(means)];
    if let Some(rental) = &model.snapshot.rental {
        lines.push(Line::raw(format!(
            "It costs {} now; {} so far.",
            rental.price, rental.cost
        )));
    }
    if let Some(until) = model.snapshot.sprint.gate.as_ref().and_then(|g| g.until) {
        lines.push(Line::styled(
            format!("{} left to decide.", format::length(until - model.now())),
            theme.warn(),
        ));
    }
    lines
}

fn quit(choice: Option<QuitChoice>, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let lease = model.snapshot.rental.as_ref().map_or_else(
        || "until its lease ends".to_owned(),
        |r| {
            format!(
                "until {} ({}) at {}",
                r.lease_until.format("%H:%M UTC"),
                format::length(r.lease_until - model.now()),
                r.price
            )
        },
    );
    let option = |key: &str, text: String, is: bool| {
        let mark = if is { theme.glyph("▸", ">") } else { " " };
        Line::styled(
            format!("{mark} {key}  {text}"),
            if is { theme.accent() } else { theme.text() },
        )
    };
    vec![
        option(
            "r",
            "release everything, then quit".into(),
            choice == Some(QuitChoice::Release),
        ),
        option(
            "l",
            format!("leave it running {lease}"),
            choice == Some(QuitChoice::Detach),
        ),
        Line::styled("Choose with r or l, then y.", theme.dim()),
    ]
}
