//! Changing a registration.

use ratatui::text::Line;

use crate::domain::NodeId;
use crate::engine::{NodeChange, NodeOwner};
use crate::tui::theme::Theme;

use super::Question;

pub(super) fn change(
    node: &NodeId,
    owner: NodeOwner,
    change: NodeChange,
    theme: Theme,
) -> Question {
    let (owner_text, style) = match owner {
        NodeOwner::Sprint => ("It is the node of this sprint.", theme.text()),
        NodeOwner::Leftover => (
            "It is left over from one of our ended rentals.",
            theme.text(),
        ),
        NodeOwner::Proxy => (
            "It is the inference proxy, not ours to change.",
            theme.bad(),
        ),
        NodeOwner::Other => ("It is not ours.", theme.bad()),
    };
    let (title, effect, yes) = match change {
        NodeChange::Enable => (
            format!("Enable {node} from the next epoch on?"),
            "It takes part again from the next epoch on.",
            "enable it",
        ),
        NodeChange::Disable => (
            format!("Disable {node} from the next epoch on?"),
            "From the next epoch on it takes no part: no PoC, no reward. A running PoC continues.",
            "disable it",
        ),
        NodeChange::Remove => (
            format!("Remove {node} from the list?"),
            "It leaves the list for good. If it is in a PoC now, that PoC is lost.",
            "remove it from the list",
        ),
    };
    let mut lines = vec![Line::styled(owner_text, style), Line::raw(effect)];
    if owner == NodeOwner::Sprint && change != NodeChange::Enable {
        lines.push(Line::raw(
            "The sprint will put it back: to end it, abort the sprint (x).",
        ));
    }
    lines.push(Line::raw("If you do nothing, nothing changes."));
    Question::new(title, lines).asks(yes, "change nothing")
}
