//! The offers: search states, sorting, filter, comparison, avoided machines.

use super::*;

#[test]
fn failed_search_differs_from_empty_market() {
    let offers = |state, read_at| {
        let mut snapshot = choosing();
        snapshot.offers.rows = Arc::default();
        snapshot.offers.state = state;
        snapshot.offers.read_at = read_at;
        shown(&model(snapshot), 120, 40)
    };
    let refused = "search offers: does not accept the key (HTTP 401)";
    let unknown = offers(SearchState::Failed(refused.into()), None);
    assert!(
        unknown.contains("Offers unknown: the search failed"),
        "{unknown}"
    );
    assert!(unknown.contains(refused), "{unknown}");
    let empty = offers(SearchState::Ready, Some(at(0)));
    assert!(
        empty.contains("No usable offer") && !empty.contains("unknown:"),
        "{empty}"
    );
}

#[test]
fn selection_survives_offer_refresh() {
    let mut m = model(choosing());
    type_and_draw(&mut m, "j");
    let mut next = choosing();
    Arc::make_mut(&mut next.offers.rows).reverse();
    next.offers.state = SearchState::Searching;
    publish(&mut m, next);
    assert_eq!(m.offers.selected, Some(OfferId(31_234_999)));
}

#[test]
fn best_offer_is_selected_until_another_is() {
    let mut m = model(choosing());
    let selected = |m: &Model| m.offers.selected_offer().map(|row| row.offer.id);
    let best = selected(&m);
    // Given an operator who has selected nothing, when the best offer is gone, then the next one is selected.
    let mut next = choosing();
    Arc::make_mut(&mut next.offers.rows).remove(0);
    publish(&mut m, next);
    assert!(selected(&m).is_some() && selected(&m) != best);
}

/// The offers of [`choosing`] without some of them.
fn without(gone: &[u64]) -> Snapshot {
    let mut s = choosing();
    let rows = Arc::make_mut(&mut s.offers.rows);
    rows.retain(|row| !gone.contains(&row.offer.id.0));
    s
}

fn selected(m: &Model) -> Option<u64> {
    m.offers.selected_offer().map(|row| row.offer.id.0)
}

fn tick(m: &mut Model, ticks: usize) {
    for _ in 0..ticks {
        update(m, Message::Tick(Duration::seconds(1)));
    }
}

#[test]
fn gone_offer_leaves_cursor_on_its_row() {
    // Given a cursor in the second row, when its offer is gone, then the cursor stays in that row,
    let mut m = model(choosing());
    type_and_draw(&mut m, "j");
    publish(&mut m, without(&[31_234_999]));
    assert_eq!(selected(&m), Some(30_000_001));
    // and the title says for some seconds what is gone.
    assert!(shown(&m, 120, 40).contains("31234999 gone"));
    tick(&mut m, 8);
    assert!(!shown(&m, 120, 40).contains("31234999 gone"));
    // Given the last row, when the list is shorter, then the last row that is left is selected.
    publish(&mut m, without(&[31_234_999, 30_000_001]));
    assert_eq!(selected(&m), Some(31_234_567));
    // When nothing is left, then nothing is selected, and nothing breaks.
    let mut empty = choosing();
    empty.offers.rows = Arc::default();
    publish(&mut m, empty);
    assert_eq!(selected(&m), None);
    publish(&mut m, choosing());
    assert_eq!(selected(&m), Some(31_234_567));
}

#[test]
fn key_just_after_a_change_rents_nothing() {
    // Given a row that has just become another offer's, when Enter comes within a second,
    let changed = || {
        let mut m = model(choosing());
        type_and_draw(&mut m, "j");
        publish(&mut m, without(&[31_234_999]));
        m
    };
    let mut m = changed();
    press(&mut m, KeyCode::Enter);
    // then it is refused, with what Enter would rent now;
    assert_eq!(m.dialog, None);
    assert_eq!(
        toast(&m),
        Some("the list just changed: Enter again rents 30000001")
    );
    // when it comes again, or later, or after the cursor was moved, then it asks.
    press(&mut m, KeyCode::Enter);
    assert!(matches!(&m.dialog, Some(Dialog::Rent(row)) if row.offer.id.0 == 30_000_001));
    let mut m = changed();
    tick(&mut m, 2);
    press(&mut m, KeyCode::Enter);
    assert!(matches!(&m.dialog, Some(Dialog::Rent(_))));
    let mut m = changed();
    type_and_draw(&mut m, "k\n");
    assert!(matches!(&m.dialog, Some(Dialog::Rent(row)) if row.offer.id.0 == 31_234_567));
}

#[test]
fn reorder_moves_no_key_to_another_offer() {
    // Given a selected offer, when a search changes the order, then it stays selected, and Enter asks.
    let mut m = model(choosing());
    type_and_draw(&mut m, "j");
    let mut next = choosing();
    Arc::make_mut(&mut next.offers.rows).reverse();
    publish(&mut m, next);
    press(&mut m, KeyCode::Enter);
    assert!(matches!(&m.dialog, Some(Dialog::Rent(row)) if row.offer.id.0 == 31_234_999));
    // Given nothing selected, when another offer becomes the best, then Enter meant the one before.
    let mut m = model(choosing());
    let mut next = choosing();
    Arc::make_mut(&mut next.offers.rows).reverse();
    publish(&mut m, next);
    press(&mut m, KeyCode::Enter);
    assert_eq!(m.dialog, None);
}

#[test]
fn offer_over_a_cap_is_marked_in_the_list() {
    let mut s = choosing();
    s.money.caps[0].limit = Usd::from_dollars(30.0);
    let m = model(s);
    let text = shown(&m, 120, 40);
    assert_shows(&text, &["≤$28.80 ", "≤$31.20!", "≤$39.60!"]);
    let text = shown(&m, 80, 24);
    assert_shows(&text, &["≤$28.80 ", "≤$31.20!"]);
}

#[test]
fn ranking_is_a_column_of_its_own() {
    for (width, height) in [(60, 16), (80, 24), (120, 40)] {
        let text = shown(&model(choosing()), width, height);
        assert_shows(&text, &["$/success▲", "$20.84", "4x H100 SXM"]);
    }
    // When it is sorted otherwise, then rank and ranking stay, and what it is sorted by is there.
    let mut m = model(choosing());
    type_and_draw(&mut m, "<<<");
    let text = shown(&m, 80, 24);
    assert_shows(&text, &["$/success ", "GPUs▲"]);
}

#[test]
fn numbers_end_in_one_column() {
    let mut s = choosing();
    let rows = Arc::make_mut(&mut s.offers.rows);
    rows[1].price = UsdPerHour::from_dollars(123_456.78);
    rows[2].offer.machine = MachineId(1_234_567_890);
    rows[2].offer.gpu_name = "RTX PRO 6000 WS EDITION WITH A LONG NAME".into();
    let mut m = model(s);
    type_and_draw(&mut m, "z");
    let text = shown(&m, 200, 60);
    // Then no figure is cut,
    assert_shows(&text, &["$123,456.78", "1234567890", "$9.60"]);
    // and the prices end where their heading ends.
    let ends = |part: &str| {
        let line = text.lines().find(|line| line.contains(part)).unwrap();
        line[..line.find(part).unwrap() + part.len()]
            .chars()
            .count()
    };
    assert_eq!(ends(" $/h "), ends(" $123,456.78 "));
    assert_eq!(ends(" $/h "), ends(" $9.60 "));
}

#[test]
fn details_stand_beside_or_below_the_list() {
    let mut m = model(choosing());
    type_and_draw(&mut m, "z");
    let wide = shown(&m, 120, 40);
    assert_shows(
        &wide,
        &[
            "offer 31234567",
            "rank 1 of 3",
            "$/success  $20.84 = $19.20 est. / 92%",
            "in time 95% × works 97% = 92%",
            "├",
            "works",
            "$11.20 of $40.00",
            "the next best is $1.74 dearer",
        ],
    );
    let normal = shown(&m, 80, 24);
    assert_shows(
        &normal,
        &[
            "offer 31234567",
            "why    $20.84 = $19.20 est. / 92%",
            "in time 95% × works 97% = 92%",
            "after  hour $4.40, sprint $11.20, day $12.70",
        ],
    );
    // Where it does not fit whole, what is left out is counted.
    let cut = shown(&model(choosing()), 120, 40);
    assert!(cut.contains("more: i shows all"), "{cut}");
}

fn avoided_machine() -> AvoidedMachine {
    AvoidedMachine {
        machine: MachineId(4_711),
        until: at(120),
        reason: "boot_failed: OCI runtime create failed".into(),
        failed_boots: 2,
        host: None,
        host_until: None,
        address: None,
    }
}

#[test]
fn out_and_avoided_are_below_the_list() {
    let mut s = choosing();
    s.offers.avoided = vec![avoided_machine()];
    let mut m = model(s);
    type_and_draw(&mut m, "z");
    let text = shown(&m, 120, 40);
    assert_shows(
        &text,
        &[
            "out: 1",
            "reliability 91.0%",
            "avoided: 1",
            "machine      4711",
        ],
    );
}

#[test]
fn offers_sort_and_filter_keep_selection() {
    let mut m = model(choosing());
    let shown = |m: &Model| -> Vec<u64> {
        let rows = 0..m.offers.len();
        rows.map(|row| m.offers.row(row).unwrap().1.offer.id.0)
            .collect()
    };
    type_and_draw(&mut m, "j>^");
    assert_eq!(
        shown(&m),
        [30_000_001, 31_234_999, 31_234_567],
        "most expensive first"
    );
    assert_eq!(m.offers.selected, Some(OfferId(31_234_999)));
    type_and_draw(&mut m, "/nvl");
    assert_eq!(shown(&m), [31_234_999], "without Enter");
    press(&mut m, KeyCode::Esc);
    assert_eq!(m.offers.len(), 3);
    type_and_draw(&mut m, "/h200\n");
    let selected = m.offers.selected_offer().map(|row| row.offer.id);
    assert_eq!(
        selected,
        Some(OfferId(30_000_001)),
        "the first that is shown"
    );
    press(&mut m, KeyCode::Esc);
    assert_eq!(m.offers.len(), 3, "Esc shows all again");
}

#[test]
fn rent_uses_selection_in_any_order() {
    let mut m = model(choosing());
    type_and_draw(&mut m, ">^g\n");
    assert!(matches!(&m.dialog, Some(Dialog::Rent(row)) if row.offer.id == OfferId(30_000_001)));
}

#[test]
fn compare_shows_savings() {
    let mut m = model(choosing());
    assert_eq!(type_and_draw(&mut m, " j "), vec![]);
    let text = shown(&m, 80, 24);
    assert_shows(
        &text,
        &[
            "31234567 is $1.74 cheaper a success",
            "31234999",
            "≤$28.80◂",
            "≤$31.20 ",
            "$20.84◂",
        ],
    );
    assert_eq!(type_and_draw(&mut m, "y"), vec![]);
}

#[test]
fn details_explain_the_rank() {
    let mut m = model(choosing());
    type_and_draw(&mut m, "ji");
    let text = shown(&m, 120, 40);
    assert_shows(
        &text,
        &[
            "offer 31234999 (Esc close)",
            "$22.57 = $20.80 est. / 92%",
            "2 on the machine",
            "$1.74 dearer than 31234567, the best",
        ],
    );
    // Nothing is agreed to there; its own key and Esc close it.
    assert_eq!(type_and_draw(&mut m, "y"), vec![]);
    assert!(m.overlay.is_some());
    type_and_draw(&mut m, "i");
    assert_eq!(m.overlay, None);
    type_and_draw(&mut m, "i");
    press(&mut m, KeyCode::Esc);
    assert_eq!((m.overlay, m.dialog), (None, None));
}

#[test]
fn details_say_why_an_offer_is_out() {
    let mut snapshot = choosing();
    snapshot.offers.avoided = vec![avoided_machine()];
    let mut m = model(snapshot);
    type_and_draw(&mut m, "o\n");
    assert_shows(&shown(&m, 80, 24), &["It is out: reliability 91.0%"]);
    press(&mut m, KeyCode::Esc);
    type_and_draw(&mut m, "o\n");
    assert_shows(
        &shown(&m, 80, 24),
        &[
            "machine 4711",
            "after 2 failed boots",
            "OCI runtime create failed",
        ],
    );
    // One thing a press: the details, then the list.
    press(&mut m, KeyCode::Esc);
    assert_eq!(m.offers.list, pocpit::tui::offers::OfferList::Avoided);
    press(&mut m, KeyCode::Esc);
    assert_eq!(m.offers.list, pocpit::tui::offers::OfferList::Usable);
}

#[test]
fn columns_that_are_left_out_are_shown_sideways() {
    let mut m = model(choosing());
    assert!(!shown(&m, 80, 24).contains("location"));
    type_and_draw(&mut m, "llllllllll");
    let text = shown(&m, 80, 24);
    // Then the last columns are there, and still what it is sorted by.
    assert_shows(&text, &["$/success▲", "location", "offer"]);
    type_and_draw(&mut m, "ll");
    assert_eq!(toast(&m), Some("the last columns are shown"));
}

#[test]
fn avoided_machine_is_allowed_after_dialog() {
    let mut snapshot = choosing();
    snapshot.offers.avoided = vec![avoided_machine()];
    let mut m = model(snapshot);
    // Outside its list the key means nothing.
    assert_eq!(type_and_draw(&mut m, "+"), vec![]);
    assert_eq!(m.dialog, None);
    type_and_draw(&mut m, "oo");
    let shown = shown(&m, 120, 40);
    assert_shows(&shown, &["4711", "2 failed", "OCI runtime create failed"]);
    assert_eq!(type_and_draw(&mut m, "+"), vec![]);
    assert_eq!(
        type_and_draw(&mut m, "y"),
        vec![Command::AllowMachine(MachineId(4_711))]
    );
}

#[test]
fn machine_is_avoided_after_dialog() {
    let mut m = model(choosing());
    assert_eq!(type_and_draw(&mut m, "-"), vec![]);
    assert_eq!(
        type_and_draw(&mut m, "y"),
        vec![Command::AvoidMachine(MachineId(31_234_567 / 7))]
    );
}
