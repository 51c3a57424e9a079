//! The fleet: rows by urgency, and the way into one and back.

use super::*;
use pocpit::tui::fleet::{FleetGroup, FleetKey, FleetRow, Stage, Urgency};

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

/// A second Network Node, with a sprint of its own and the proxy.
pub(super) fn two_nodes() -> Model {
    let row = |name: &str, stage| {
        let key = FleetKey::Node("tokyo".parse().unwrap(), NodeId(name.to_owned()));
        FleetRow::new(key, name.to_owned(), stage)
    };
    let confirming = FleetRow {
        next: Some(at(19)),
        machine: Some(MachineId(40_045)),
        price: Some(UsdPerHour::from_dollars(8.53)),
        cost: Some(Usd::from_dollars(6.1)),
        epoch: Some(EpochIndex(153)),
        status: "idle".to_owned(),
        weight: Some(2_183),
        ..row("vastai-31415004", Stage::Step(Step::Confirming))
    };
    let proxy = FleetRow {
        urgency: Urgency::Others,
        status: "inference".to_owned(),
        weight: Some(0),
        ..row("proxy-2", Stage::Node(NodeOwner::Proxy))
    };
    let mut m = model(busy());
    m.fleet.groups.push(FleetGroup {
        name: "tokyo".to_owned(),
        participant: Some(Participant("gonka1q7m2l7x5d3fz8".to_owned())),
        read_at: Some(at(0)),
        trouble: None,
        rows: vec![confirming, proxy],
    });
    type_and_draw(&mut m, "0");
    m
}

/// The second one cannot be reached.
pub(super) fn offline() -> Model {
    let mut m = two_nodes();
    if let Some(group) = m.fleet.groups.last_mut() {
        group.read_at = Some(at(-3));
        group.trouble = Some("connection refused (10.0.0.9:9200)".to_owned());
    }
    m
}

/// Three replicas: one proves, one waits for its registration, one boots.
pub(super) fn several() -> Snapshot {
    let mut caps = unspent().caps;
    caps[0].used = Usd::from_dollars(20.0);
    let of = |number: u64, part: Snapshot| {
        let mut rental = part.rental;
        if let Some(rental) = &mut rental {
            rental.id = InstanceId(27_000_000 + number);
        }
        Arc::new(ReplicaSnapshot {
            id: format!("minimax/{number}").parse().unwrap(),
            mode: part.mode,
            sprint: part.sprint,
            rental,
            hedge: None,
            node: Some(NodeId(format!("vastai-{}", 27_000_000 + number))),
            network_node: NetworkNodeName::default(),
            account: AccountName::default(),
            spent: Usd::from_dollars(3.0),
            caps: caps.clone(),
            pool_hour: None,
            refused: None,
            boot_log: part.boot_log,
        })
    };
    let parts = [
        of(1, rented(Step::Proving)),
        of(2, registering()),
        of(3, rented(Step::Booting)),
    ];
    let first = parts[0].clone();
    let mut s = rented(Step::Proving);
    s.replicas = parts.to_vec();
    s.replica = first.id.clone();
    s.of(&first)
}

fn names(snapshot: Snapshot) -> Vec<String> {
    let m = model(snapshot);
    let rows = m.fleet.rows().into_iter();
    rows.map(|row| row.name.clone()).collect()
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
            "north    gonka1x9k3…9k2l",
            "admin API 0s ago   $9.60/h   weight   3,248",
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
    let row = FleetKey::Node(NetworkNodeName::default(), NodeId("colleague-1".into()));
    assert_eq!(
        (m.focus, m.fleet.selected.clone()),
        (Pane::Fleet, Some(row))
    );
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
    let selected = m
        .fleet
        .selected_row()
        .map(|(place, row)| (place, &*row.name));
    assert_eq!(selected, Some((0, "pocpit-153")));
}

#[test]
fn filter_of_the_fleet_leaves_rows_with_its_words() {
    // Given two Network Nodes, when words are typed, then only rows with them are left, each below its own,
    let mut m = two_nodes();
    type_and_draw(&mut m, "/tokyo conf");
    let text = shown(&m, 80, 24);
    assert_shows(
        &text,
        &[
            "filter: tokyo conf",
            "1 of 6 rows",
            "vastai-31415004 CONFIRM",
        ],
    );
    assert!(!text.contains("proxy-2"), "{text}");
    // and what is selected is one of them;
    let selected = m.fleet.selected_row().map(|(_, row)| row.name.clone());
    assert_eq!(selected.as_deref(), Some("vastai-31415004"));
    // when nothing has them, then that is said;
    type_and_draw(&mut m, "x");
    assert_shows(&shown(&m, 80, 24), &["No row passes the filter."]);
    // and Escape takes the filter back before it leaves the pane.
    press(&mut m, KeyCode::Esc);
    assert_eq!((m.focus, m.fleet.rows().len()), (Pane::Fleet, 6));
}

#[test]
fn braces_go_through_the_opened_rows() {
    let mut m = model(busy());
    type_and_draw(&mut m, "}");
    assert_eq!(
        toast(&m),
        Some("no fleet row is open: press Enter on one in 0 Fleet")
    );
    let opened = |m: &Model| m.fleet.opened_row().map(|row| row.name.clone());
    // Given an opened row, when the next one is asked for, then the panes are about that,
    type_and_draw(&mut m, "0\n");
    assert_eq!(opened(&m).as_deref(), Some("pocpit-153"));
    type_and_draw(&mut m, "}}");
    assert_eq!(opened(&m).as_deref(), Some("colleague-1"));
    assert_eq!(m.focus, Pane::Nodes);
    // the last is followed by the first,
    type_and_draw(&mut m, "}}");
    assert_eq!(opened(&m).as_deref(), Some("pocpit-153"));
    type_and_draw(&mut m, "{");
    assert_eq!(opened(&m).as_deref(), Some("proxy-1"));
    // and Escape goes back to the row that was opened last.
    press(&mut m, KeyCode::Esc);
    let selected = m.fleet.selected_row().map(|(_, row)| row.name.clone());
    assert_eq!(selected.as_deref(), Some("proxy-1"));
}

#[test]
fn tabs_keep_their_names_beside_the_fleet() {
    let mut m = model(busy());
    type_and_draw(&mut m, "0");
    let tabs = "▸0 Fleet 1 Sched 2 Sprint 3 Offers 4 Boot 5 Nodes 6 Log 7 Past 8 Chart 14:13 UTC";
    assert_shows(&shown(&m, 80, 24), &[tabs]);
    // A row that is open takes the room of the last names.
    type_and_draw(&mut m, "jj\n");
    let tabs = " 0 Fleet › colleague-1 1 Sched 2 Sprint 3 Offers 4 Boot▸5 Nodes 6 7 8";
    assert_shows(&shown(&m, 80, 24), &[tabs]);
}

#[test]
fn each_replica_has_a_row_and_the_panes_of_the_opened_one() {
    // Given three replicas, then who waits for the operator comes first,
    let mut m = model(several());
    let rows: Vec<String> = m.fleet.rows().iter().map(|row| row.name.clone()).collect();
    assert_eq!(
        rows[..3],
        ["minimax/2", "minimax/3", "minimax/1"].map(str::to_owned)[..]
    );
    assert_shows(
        &shown(&m, 120, 40),
        &["minimax/1 epoch", "0: minimax/2 waits for you (register)"],
    );
    // and when it is opened, the panes and the commands are about it.
    type_and_draw(&mut m, "0\n");
    assert_eq!(m.snapshot.replica.to_string(), "minimax/2");
    assert_eq!(m.gate(), Some(GateKind::Register));
    let sent = type_and_draw(&mut m, "ay");
    let id: ReplicaId = "minimax/2".parse().unwrap();
    let approved = SprintCommand::Approve(GateKind::Register);
    assert_eq!(sent, vec![Command::Sprint(id, approved)]);
    // It stays so with the next snapshot,
    publish(&mut m, several());
    assert_eq!(m.snapshot.replica.to_string(), "minimax/2");
    // and the braces go to the next one.
    type_and_draw(&mut m, "}");
    assert_eq!(m.snapshot.replica.to_string(), "minimax/3");
}

#[test]
fn snapshot_knows_the_rentals_and_sprints_of_every_replica() {
    let rentals = |s: &Snapshot| s.rentals().map(|it| it.id.0).collect::<Vec<_>>();
    let steps = |s: &Snapshot| s.sprints().map(|(_, it)| it.step).collect::<Vec<_>>();
    // Given one sprint with a race, then both of its rentals are there;
    let mut s = rented(Step::Booting);
    s.hedge = s.rental.clone();
    assert_eq!(rentals(&s), [28_111_222, 28_111_222]);
    assert_eq!(steps(&s), [Step::Booting]);
    // given three replicas, then each is counted once, whichever is shown.
    let s = several();
    assert_eq!(rentals(&s), [27_000_001, 27_000_002, 27_000_003]);
    assert_eq!(steps(&s), [Step::Proving, Step::Registering, Step::Booting]);
    let second = s.of(&s.replicas[1]);
    assert_eq!(rentals(&second), rentals(&s));
}

#[test]
fn quitting_tells_what_all_replicas_have_rented() {
    let mut m = model(several());
    type_and_draw(&mut m, "q");
    let screen = shown(&m, 120, 40);
    assert_shows(&screen, &["Quit while 3 rentals run?", "for 3 rentals"]);
}

#[test]
fn fleet_of_five_hundred_is_drawn_and_scrolled() {
    let mut s = several();
    let last = s.replicas[2].clone();
    for number in 4..=500_u32 {
        let mut replica = (*last).clone();
        replica.id = format!("minimax/{number}").parse().unwrap();
        s.replicas.push(Arc::new(replica));
    }
    let mut m = model(s);
    type_and_draw(&mut m, "0");
    assert_shows(&shown(&m, 80, 24), &["500 sprints", "more"]);
    type_and_draw(&mut m, "/minimax/377\n");
    assert_eq!(m.fleet.rows().len(), 1);
}

/// The third replica is registered with a Network Node of its own, and another account pays for it.
fn two_places() -> Snapshot {
    let mut s = several();
    let east: NetworkNodeName = "east".parse().unwrap();
    let mut nodes = s.nodes.clone();
    nodes.rows = vec![node("colleague-7", NodeOwner::Other)];
    nodes.network_node = Some(NetworkNodePlace {
        name: east.clone(),
        address: "http://10.0.0.6:9200/".into(),
        participant: Participant("gonka1q7m2l7x5d3fz8".to_owned()),
    });
    s.other_nodes = vec![nodes];
    let account = |name: &str, credit| AccountSnapshot {
        name: name.parse().unwrap(),
        credit: Some(Usd::from_dollars(credit)),
        credit_floor: Usd::from_dollars(5.0),
        rentals: 1,
        reserved: Usd::from_dollars(10.0),
        read_at: Some(at(0)),
    };
    s.accounts = vec![account("main", 212.4), account("second", 31.5)];
    let third = Arc::make_mut(&mut s.replicas[2]);
    third.network_node = east;
    third.account = "second".parse().unwrap();
    s
}

#[test]
fn each_network_node_has_a_group_with_its_replicas_and_nodes() {
    // Given replicas at two Network Nodes,
    let mut m = model(two_places());
    type_and_draw(&mut m, "0");
    let groups = |m: &Model| -> Vec<(String, Vec<String>)> {
        let groups = m.fleet.groups.iter();
        let named = groups.map(|group| {
            let rows = group.rows.iter().map(|row| row.name.clone());
            (group.name.clone(), rows.collect())
        });
        named.collect()
    };
    let before = groups(&m);
    assert_eq!(
        (before[0].0.as_str(), before[1].0.as_str()),
        ("main", "east")
    );
    assert!(before[1].1 == ["minimax/3", "colleague-7"], "{before:?}");
    assert!(!before[0].1.contains(&"minimax/3".to_owned()), "{before:?}");
    // when a node of the second one is opened, then its list is shown, and a change goes there;
    let row = FleetKey::Node("east".parse().unwrap(), NodeId("colleague-7".into()));
    m.fleet.selected = Some(row);
    type_and_draw(&mut m, "\n");
    assert_eq!(m.snapshot.nodes.name().as_str(), "east");
    let changed = type_and_draw(&mut m, "Dcolleague-7\n");
    let expected = Command::ChangeNode {
        network_node: Some("east".parse().unwrap()),
        node: NodeId("colleague-7".into()),
        change: NodeChange::Remove,
    };
    assert_eq!(changed, vec![expected]);
    // the groups stay in their order, and the money is that of the replica's account.
    assert_eq!(groups(&m), before);
    assert_eq!(m.snapshot.money.credit, Some(Usd::from_dollars(31.5)));
    assert_eq!(m.snapshot.money.credit_reserved, Usd::from_dollars(10.0));
}

#[test]
fn money_lists_every_account() {
    let m = model(two_places());
    let text = screen(&m, 200, 60).backend().to_string();
    for line in [
        "main      $212.40, floor $5.00, 1 rental",
        "second    $31.50, floor $5.00",
    ] {
        assert!(text.contains(line), "{text}");
    }
}
