//! Registrations.

use super::*;

#[test]
fn foreign_node_needs_typed_name() {
    let mut snapshot = proving();
    snapshot.nodes.rows.push(node("big-iron", NodeOwner::Other));
    let mut m = model(snapshot);
    let change = |node: &str, change| Command::ChangeNode {
        node: NodeId(node.into()),
        change,
    };
    type_and_draw(&mut m, "5");
    assert_eq!(
        type_and_draw(&mut m, "dy"),
        vec![change("pocpit-153", NodeChange::Disable)]
    );
    assert_eq!(type_and_draw(&mut m, "jjDy\n"), vec![], "y is not its name");
    assert_eq!(
        type_and_draw(&mut m, "big-iron\n"),
        vec![change("big-iron", NodeChange::Remove)]
    );
}
