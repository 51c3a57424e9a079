//! Registrations.

use super::*;

#[test]
fn foreign_node_needs_typed_name() {
    let mut snapshot = proving();
    snapshot.nodes.rows.push(node("big-iron", NodeOwner::Other));
    let mut m = model(snapshot);
    let change = |node: &str, change| Command::ChangeNode {
        network_node: Some(NetworkNodeName::default()),
        node: NodeId(node.into()),
        change,
    };
    type_and_draw(&mut m, "5");
    assert_eq!(
        type_and_draw(&mut m, "-y"),
        vec![change("pocpit-153", NodeChange::Disable)]
    );
    assert_eq!(type_and_draw(&mut m, "jjDy\n"), vec![], "y is not its name");
    assert_eq!(
        type_and_draw(&mut m, "big-iron\n"),
        vec![change("big-iron", NodeChange::Remove)]
    );
}

#[test]
fn preserved_node_is_shown_as_such() {
    let mut snapshot = waiting();
    let mut row = node("rack-1", NodeOwner::Other);
    row.node.preserved_models = Some(vec!["m".into()]);
    snapshot.nodes.rows = vec![node("rack-2", NodeOwner::Other), row];
    let screen = shown(&model(snapshot), 200, 60);
    let line = |id: &str| screen.lines().find(|line| line.contains(id)).expect(id);
    assert!(line("rack-1").contains("preserved"), "{screen}");
    assert!(line("rack-2").contains("idle"), "{screen}");
}

#[test]
fn long_address_keeps_its_ports() {
    let mut snapshot = waiting();
    let mut row = node("vastai-31415001", NodeOwner::Other);
    row.node.config.host = "127.0.0.1".into();
    (row.node.config.poc_port, row.node.config.inference_port) = (24_601, 16_400);
    snapshot.nodes.rows = vec![row];
    let mut m = model(snapshot);
    type_and_draw(&mut m, "5");
    assert_shows(
        &shown(&m, 80, 24),
        &["vastai-31…5001 inference", " 127.0.…:24601/16400"],
    );
}
