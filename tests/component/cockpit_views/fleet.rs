//! The fleet: rows by urgency, and the way into one and back.

use super::*;
use pocpit::tui::fleet::{FleetKey, groups};

/// A gate of the sprint, a node of a colleague, and one that is left over.
pub(super) fn busy() -> Snapshot {
    let mut s = registering();
    s.nodes.rows = vec![
        node("colleague-1", NodeOwner::Other),
        node("proxy-1", NodeOwner::Proxy),
        node("pocpit-152", NodeOwner::Leftover),
        node("pocpit-153", NodeOwner::Sprint),
    ];
    s
}

fn names(snapshot: Snapshot) -> Vec<String> {
    let groups = groups(&model(snapshot));
    let rows = groups.into_iter().flat_map(|group| group.rows);
    rows.map(|row| row.name).collect()
}

#[test]
fn fleet_is_sorted_by_urgency() {
    // What waits for the operator comes first, then what fails; what others own comes last.
    assert_eq!(
        names(busy()),
        ["pocpit-153", "pocpit-152", "colleague-1", "proxy-1"]
    );
    // Without a decision to make, what fails comes first.
    let mut s = busy();
    s.sprint.gate = None;
    assert_eq!(
        names(s),
        ["pocpit-152", "pocpit-153", "colleague-1", "proxy-1"]
    );
    // A second rental has a row of its own.
    let mut s = busy();
    s.hedge = s.rental.clone();
    assert!(names(s).contains(&"#28111222".to_owned()));
}

#[test]
fn fleet_adds_up_by_network_node() {
    let mut m = model(busy());
    type_and_draw(&mut m, "0");
    let text = shown(&m, 80, 24);
    assert_shows(
        &text,
        &[
            "▸0 Fleet",
            "1 Network Node, 1 sprint, 1 rental",
            "north  gonka1x9k3…9k2l  admin API 0s ago  $9.60/h  weight 3,248",
            " ! pocpit-153      REGISTER",
            "waits: a       812",
        ],
    );
}

#[test]
fn enter_opens_a_row_and_escape_returns_to_it() {
    let mut m = model(busy());
    // Given the fleet, when a node of others is opened, then the nodes are shown with it,
    type_and_draw(&mut m, "0jj\n");
    assert_eq!(m.focus, Pane::Nodes);
    let selected = m
        .selected_node()
        .map(|(_, row)| row.node.config.id.to_string());
    assert_eq!(selected.as_deref(), Some("colleague-1"));
    assert_shows(&shown(&m, 80, 24), &["0 Fleet › colleague-1"]);
    // and Escape goes back to its row.
    press(&mut m, KeyCode::Esc);
    let row = FleetKey::Node(NodeId("colleague-1".into()));
    assert_eq!((m.focus, m.fleet_row.clone()), (Pane::Fleet, Some(row)));
    // A row of the sprint opens the panes of its step.
    type_and_draw(&mut m, "kk\n");
    assert_eq!((m.focus, m.picked), (Pane::Nodes, None));
    assert_shows(&shown(&m, 80, 24), &["0 Fleet › pocpit-153"]);
    press(&mut m, KeyCode::Esc);
    assert_eq!(m.focus, Pane::Fleet);
    press(&mut m, KeyCode::Esc);
    assert_eq!((m.focus, m.picked), (Pane::Nodes, None));
}

#[test]
fn approval_in_the_fleet_is_what_row_1_asks_for() {
    let mut m = model(busy());
    type_and_draw(&mut m, "0jja");
    assert_eq!(m.dialog, Some(Dialog::Approve(GateKind::Register)));
}

#[test]
fn row_that_is_gone_leaves_the_cursor_on_the_first() {
    let mut m = model(busy());
    type_and_draw(&mut m, "0j");
    let mut s = busy();
    s.nodes.rows.retain(|row| row.owner != NodeOwner::Leftover);
    publish(&mut m, s);
    let groups = groups(&m);
    let selected = m
        .selected_fleet_row(&groups)
        .map(|(place, row)| (place, row.name));
    assert_eq!(selected, Some((0, "pocpit-153".to_owned())));
}
