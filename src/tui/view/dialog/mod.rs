//! Dialogs: what exactly is about to happen, what it costs, what is left of the budget.

mod offers;

use ratatui::layout::{Margin, Rect};
use ratatui::text::{Line, Span};

use crate::domain::{GateKind, NodeId};
use crate::engine::{Condition, NodeChange, NodeOwner, QuitChoice};
use crate::tui::hit_areas::HitTarget;
use crate::tui::keymap::Action;
use crate::tui::layout::centered;
use crate::tui::model::{Dialog, Model};
use crate::tui::theme::Theme;

use super::format;
use super::widgets::{Canvas, popup};
use offers::{allow, avoid, compare, offer_reasons, rent};

const WIDTH: u16 = 68;

pub fn draw(canvas: &mut Canvas<'_>, screen: Rect, dialog: &Dialog) {
    let (model, theme) = (canvas.model, canvas.theme);
    let (title, mut lines) = content(dialog, model, theme);
    lines.push(Line::raw(""));
    let mut answers = answers(dialog, model, theme);
    let columns = usize::from(WIDTH.min(screen.width)).saturating_sub(2);
    let rows = lines.into_iter().flat_map(|line| wrapped(line, columns));
    // The answers stay, whatever the question leaves of the screen.
    let room = usize::from(screen.height).saturating_sub(answers.len() + 2);
    let mut lines: Vec<Line<'_>> = rows.take(room).collect();
    lines.append(&mut answers);
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let area = centered(screen, WIDTH, height);
    let inner = area.inner(Margin::new(1, 1));
    let last = lines.len().saturating_sub(1);
    let hits = &mut canvas.hits;
    hits.add_row(inner, last, HitTarget::Action(Action::Cancel));
    // A dialog that is confirmed by a word is not confirmed by a click.
    if yes(dialog).is_some() && model.confirmation_word().is_none() {
        let row = last.saturating_sub(1);
        hits.add_row(inner, row, HitTarget::Action(Action::Confirm));
    }
    popup(canvas.buf, area, title, lines, 0, theme);
}

fn content(dialog: &Dialog, model: &Model, theme: Theme) -> (&'static str, Vec<Line<'static>>) {
    match dialog {
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
        Dialog::LeaveViewer => ("Quit the viewer?", orphaned(model)),
        Dialog::Allow(machine) => ("Use this machine again?", allow(*machine, model)),
        Dialog::Abort => ("Abort the sprint?", abort(model)),
        Dialog::Approve(kind) => ("Approve?", approve(*kind, model, theme)),
        Dialog::Auto => ("Switch to auto?", auto(model)),
        Dialog::AcceptJournal => ("Go on with this journal?", accept_journal(model, theme)),
        Dialog::Quit(choice) => (
            "Quit while something is rented?",
            quit(*choice, model, theme),
        ),
    }
}

/// The possible answers. Nothing is confirmed by default.
fn answers(dialog: &Dialog, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let yes = yes(dialog);
    if let (Some(word), Some(yes)) = (model.confirmation_word(), &yes) {
        let ask = format!(" Type {word} and press Enter to {yes}:");
        return vec![
            Line::styled(ask, theme.warn()),
            Line::from(vec![
                Span::styled(format!(" {} ", theme.glyph("›", ">")), theme.accent()),
                Span::styled(model.answer.typed.clone(), theme.strong()),
                Span::styled(" ", theme.selected()),
            ]),
            Line::styled(" Esc  cancel (default) ", theme.selected()),
        ];
    }
    let yes = yes.map(|yes| Line::styled(format!(" y  {yes}"), theme.warn()));
    let no = match dialog {
        Dialog::Offer(_) | Dialog::Compare(_) => " Enter, Esc  close ",
        _ => " Enter, Esc, n  cancel (default) ",
    };
    let no = Line::styled(no, theme.selected());
    yes.into_iter().chain([no]).collect()
}

/// A line in rows, where it is too long for one.
fn wrapped(line: Line<'static>, columns: usize) -> Vec<Line<'static>> {
    if line.width() <= columns {
        return vec![line];
    }
    let rows = format::wrap(&line.to_string(), columns).into_iter();
    rows.map(|row| Line::styled(row, line.style)).collect()
}

/// What `y` does, if anything.
fn yes(dialog: &Dialog) -> Option<String> {
    Some(match dialog {
        Dialog::Offer(_) | Dialog::Compare(_) | Dialog::Quit(None) => return None,
        Dialog::Avoid(machine) => format!("avoid machine {machine}"),
        Dialog::Node { change, .. } => match change {
            NodeChange::Enable => "enable it".into(),
            NodeChange::Disable => "disable it".into(),
            NodeChange::Remove => "remove it from the list".into(),
        },
        Dialog::Rent(row) => format!("rent for at most {}", row.worst_cost),
        Dialog::LeaveViewer => "quit; this changes nothing".into(),
        Dialog::Allow(machine) => format!("use machine {machine} again"),
        Dialog::Abort => "abort and release everything".into(),
        Dialog::Approve(kind) => format!("approve: {kind}"),
        Dialog::Auto => "switch to auto".into(),
        Dialog::AcceptJournal => "go on with this journal".into(),
        Dialog::Quit(Some(QuitChoice::Release)) => "release everything, then quit".into(),
        Dialog::Quit(Some(QuitChoice::Detach)) => "quit and leave it running".into(),
    })
}

fn auto(model: &Model) -> Vec<Line<'static>> {
    let caps = model.snapshot.money.caps.iter().map(|cap| {
        let left = cap.limit.left_after(cap.used);
        format!("{} {left} of {}", cap.name, cap.limit)
    });
    let caps: Vec<String> = caps.collect();
    let left = if caps.is_empty() {
        "Caps: none known".to_owned()
    } else {
        format!("Left now: {}", caps.join(", "))
    };
    vec![
        Line::raw("Auto passes every gate by itself: it rents, registers and"),
        Line::raw("releases without asking, within the caps. m switches back."),
        Line::raw(left),
    ]
}

fn accept_journal(model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let lost = model.snapshot.lost_journal();
    let lost = lost.map(|alert| Line::styled(alert.text.clone(), theme.bad()));
    let effect = "From now on it rents again, and no cap counts what only the older journal knows to be spent: look into the Vast console first.";
    let other = "Or quit, and restore the state directory from a backup.";
    lost.into_iter()
        .chain([effect, other].map(Line::raw))
        .collect()
}

fn change_node(
    node: &NodeId,
    owner: NodeOwner,
    change: NodeChange,
    theme: Theme,
) -> Vec<Line<'static>> {
    let (owner_text, style) = match owner {
        NodeOwner::Sprint => ("the node of this sprint", theme.text()),
        NodeOwner::Leftover => ("a leftover of one of our ended rentals", theme.text()),
        NodeOwner::Proxy => ("the inference proxy, not ours to change", theme.bad()),
        NodeOwner::Other => ("SOMEBODY ELSE'S", theme.bad()),
    };
    let effect = match change {
        NodeChange::Enable => "It takes part again from the next epoch on.",
        NodeChange::Disable => {
            "From the next epoch on it takes no part: no PoC, no reward. A running PoC continues."
        }
        NodeChange::Remove => {
            "It leaves the list for good. If it is in a PoC now, that PoC is lost."
        }
    };
    let mut lines = vec![
        Line::styled(node.to_string(), theme.strong()),
        Line::styled(format!("It is {owner_text}."), style),
        Line::raw(effect),
    ];
    if owner == NodeOwner::Sprint && change != NodeChange::Enable {
        lines.push(Line::raw(
            "The sprint will put it back: to end it, abort the sprint (x).",
        ));
    }
    lines
}

fn orphaned(model: &Model) -> Vec<Line<'static>> {
    let mut lines = vec![
        Line::raw("The main cockpit has exited; this view is frozen."),
        Line::raw("Quit, and start pocpit again to take over."),
    ];
    lines.extend(model.snapshot.rental.as_ref().map(|rental| {
        let (id, price) = (rental.id, rental.price);
        Line::raw(format!(
            "Rental {id} was running when it exited, at {price}."
        ))
    }));
    lines
}

fn abort(model: &Model) -> Vec<Line<'static>> {
    let rental = model.snapshot.rental.as_ref().map_or_else(
        || "No active rental.".to_owned(),
        |rental| {
            format!(
                "Spent so far: {}, running at {}.",
                rental.cost, rental.price
            )
        },
    );
    let hedge = model.snapshot.hedge.as_ref().map(|hedge| {
        let (id, cost, price) = (hedge.id, hedge.cost, hedge.price);
        format!("The hedge rental #{id} too: {cost}, running at {price}.")
    });
    let mut lines = vec![
        Line::raw("The sprint ends: the registration is removed and the rental"),
        Line::raw("destroyed. The reward of this epoch is given up."),
    ];
    lines.extend([rental].into_iter().chain(hedge).map(Line::raw));
    let mut alerts = model.snapshot.alerts.iter();
    if alerts.any(|alert| matches!(alert.condition, Condition::Challenge(_))) {
        lines.push(Line::raw(
            "A PoC Challenge is open: part of the collateral is lost too.",
        ));
    }
    lines
}

fn approve(kind: GateKind, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let gate = model.snapshot.sprint.gate.as_ref();
    let question = gate.map(|gate| gate.question.clone()).unwrap_or_default();
    let effect = match kind {
        GateKind::Register => "The node enters the Network Node's list and takes part in PoC.",
        GateKind::Release => "The rental is destroyed and unregistered; this cannot be undone.",
        GateKind::Start => "Offers are searched and compared. Renting asks again, with its cost.",
        GateKind::Rent | GateKind::Hedge => "The sprint continues.",
    };
    let mut lines = vec![Line::styled(question, theme.strong()), Line::raw(effect)];
    lines.extend(model.snapshot.rental.as_ref().map(|rental| {
        let (price, cost) = (rental.price, rental.cost);
        Line::raw(format!("It costs {price} now; {cost} so far."))
    }));
    lines.extend(gate.and_then(|gate| gate.until).map(|until| {
        let left = format::length(until - model.now());
        Line::styled(format!("{left} left to decide."), theme.warn())
    }));
    lines
}

fn quit(choice: Option<QuitChoice>, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let lease = model.snapshot.rental.as_ref().map_or_else(
        || "until its lease ends".to_owned(),
        |rental| {
            let (clock, price) = (format::clock(rental.lease_until, model.now()), rental.price);
            let left = format::length(rental.lease_until - model.now());
            format!("until {clock} ({left}) at {price}")
        },
    );
    let option = |key: &str, text: &str, of: QuitChoice| {
        let (mark, style) = if choice == Some(of) {
            (theme.glyph("▸", ">"), theme.accent())
        } else {
            (" ", theme.text())
        };
        Line::styled(format!("{mark} {key}  {text}"), style)
    };
    let detach = format!("leave it running {lease}");
    vec![
        option("r", "release everything, then quit", QuitChoice::Release),
        option("l", &detach, QuitChoice::Detach),
        Line::styled("Choose with r or l, then y.", theme.dim()),
    ]
}
