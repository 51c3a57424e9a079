//! The mouse: it does what the keys of what is clicked do, and is no way around a question.

use super::*;
use pocpit::tui::fleet::FleetKey;
use ratatui::layout::Position;

const SIZE: (u16, u16) = (120, 40);

fn drawn(m: &mut Model, size: (u16, u16)) -> String {
    draw_frame(m, size).backend().to_string()
}

/// Where this text is first seen.
fn place_of(text: &str, screen: &str) -> Position {
    let rows = screen.lines().enumerate();
    let mut found = rows.filter_map(|(row, line)| {
        let line = line.trim_start_matches('"');
        let column = line[..line.find(text)?].chars().count();
        Some(Position::new(
            u16::try_from(column).unwrap(),
            u16::try_from(row).unwrap(),
        ))
    });
    found
        .next()
        .unwrap_or_else(|| panic!("{text} is not in\n{screen}"))
}

fn click(m: &mut Model, text: &str) -> Vec<Command> {
    let screen = drawn(m, SIZE);
    update(m, Message::Pointer(Pointer::Click(place_of(text, &screen))))
}

#[test]
fn click_selects_offer_and_focuses_pane() {
    let mut m = model(choosing());
    update(
        &mut m,
        Message::Key(KeyEvent::new(KeyCode::Char('1'), KeyModifiers::NONE)),
    );
    let second = m.snapshot.offers.rows[1].clone();
    assert_eq!(click(&mut m, &second.offer.gpus()), vec![]);
    assert_eq!(m.offers.selected, Some(second.offer.id));
    assert_eq!(m.focus, Pane::Offers);
}

#[test]
fn wheel_scrolls_without_moving_focus() {
    // Given the keys in another pane than the offers,
    let mut m = model(choosing());
    press(&mut m, KeyCode::Char('1'));
    let focus = m.focus;
    let first = m.offers.selected_offer().map(|row| row.offer.id);
    // when the wheel turns over the offers,
    let screen = drawn(&mut m, SIZE);
    let gpus = m.snapshot.offers.rows[1].offer.gpus();
    let over = place_of(&gpus, &screen);
    update(&mut m, Message::Pointer(Pointer::WheelDown(over)));
    // then they move and the keys do not.
    assert!(m.offers.selected.is_some() && m.offers.selected != first);
    assert_eq!(m.focus, focus);
    assert_ne!(focus, Pane::Offers);
}

#[test]
fn click_answers_only_drawn_dialog() {
    // Given a question that is on the screen,
    let mut m = model(choosing());
    type_and_draw(&mut m, "\n");
    let screen = drawn(&mut m, SIZE);
    let (yes, no) = (
        place_of("y            rent it for", &screen),
        place_of("do not rent (default)", &screen),
    );
    // when its refusal is clicked, then nothing is done;
    let at = |place| Message::Pointer(Pointer::Click(place));
    assert_eq!(update(&mut m, at(no)), vec![]);
    assert_eq!(m.dialog, None);
    // when a question is not drawn yet, then no click answers it;
    press(&mut m, KeyCode::Enter);
    assert_eq!(update(&mut m, at(yes)), vec![]);
    assert!(m.dialog.is_some());
    // when it is, then its consent is what y is.
    drawn(&mut m, SIZE);
    assert!(matches!(
        update(&mut m, at(yes))[..],
        [Command::Sprint(_, SprintCommand::Rent { .. })]
    ));
}

#[test]
fn typed_confirmation_ignores_clicks() {
    let mut m = model(choosing());
    m.confirm_above = Some(Usd::from_dollars(20.0));
    type_and_draw(&mut m, "\n");
    drawn(&mut m, SIZE);
    for (column, row) in (0..SIZE.0).flat_map(|column| (0..SIZE.1).map(move |row| (column, row))) {
        let target = m.hit_areas.at(Position::new(column, row));
        assert_ne!(
            target,
            Some(&HitTarget::Action(Action::Confirm)),
            "{column}, {row}"
        );
    }
}

#[test]
fn double_click_never_confirms() {
    // A double click on any hint of the footer opens a question at most.
    for snapshot in [choosing(), registering(), with_past()] {
        for column in 0..SIZE.0 {
            let mut m = model(snapshot.clone());
            let footer = Position::new(column, SIZE.1 - 1);
            drawn(&mut m, SIZE);
            update(&mut m, Message::Pointer(Pointer::Click(footer)));
            if m.dialog.is_none() {
                continue;
            }
            drawn(&mut m, SIZE);
            let done = update(&mut m, Message::Pointer(Pointer::Click(footer)));
            assert_eq!(done, vec![], "column {column}");
        }
    }
}

#[test]
fn click_on_alert_line_opens_list() {
    let mut m = model(alarmed());
    click(&mut m, "CRITICAL");
    assert!(drawn(&mut m, SIZE).contains("3 alerts, 2 CRITICAL"));
}

#[test]
fn click_on_first_row_does_what_it_names() {
    // Given a decision in row 1, when it is clicked, then its question opens;
    let mut m = model(registering());
    assert_eq!(click(&mut m, "register the node"), vec![]);
    assert_eq!(m.dialog, Some(Dialog::Approve(GateKind::Register)));
    // where an offer is to be rented, the click goes to the offers first.
    let mut m = model(choosing());
    press(&mut m, KeyCode::Char('1'));
    assert_eq!(click(&mut m, "rent an offer"), vec![]);
    assert_eq!((m.focus, &m.dialog), (Pane::Offers, &None));
    assert_eq!(click(&mut m, "rent an offer"), vec![]);
    assert!(matches!(m.dialog, Some(Dialog::Rent(_))));
}

#[test]
fn click_on_heading_sorts_and_again_reverses() {
    use pocpit::tui::offers::{Column, Direction};
    let mut m = model(choosing());
    click(&mut m, "chance");
    assert_eq!(
        (m.offers.sort, m.offers.direction),
        (Column::Chance, Direction::BestFirst)
    );
    click(&mut m, "chance");
    assert_eq!(
        (m.offers.sort, m.offers.direction),
        (Column::Chance, Direction::Reversed)
    );
    assert_eq!(m.dialog, None);
}

#[test]
fn click_on_step_opens_its_pane() {
    let mut m = model(choosing());
    click(&mut m, "·register");
    assert_eq!(m.focus, Pane::Nodes);
}

#[test]
fn scrolled_fleet_counts_rows_and_is_clicked_where_it_shows() {
    // Given more nodes than there are rows, when the cursor is at the end,
    let mut s = registering();
    let ids = (10..60).map(|number| format!("colleague-{number}"));
    s.nodes.rows = ids.map(|id| super::node(&id, NodeOwner::Other)).collect();
    let mut m = model(s);
    type_and_draw(&mut m, "0G");
    let screen = drawn(&mut m, SIZE);
    assert!(screen.contains("more rows, 1 Network Node"), "{screen}");
    // then a click selects the row that it is on.
    assert_eq!(click(&mut m, "colleague-57"), vec![]);
    let row = FleetKey::Node(NetworkNodeName::default(), NodeId("colleague-57".into()));
    assert_eq!(m.fleet.selected, Some(row));
}
