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
    // Given one who has, then nothing takes the place of what is gone.
    type_and_draw(&mut m, "j");
    let mut last = choosing();
    Arc::make_mut(&mut last.offers.rows).truncate(1);
    publish(&mut m, last);
    assert_eq!(selected(&m), None);
    assert!(shown(&m, 120, 40).contains("the selected offer is gone"));
}

#[test]
fn offers_sort_and_filter_keep_selection() {
    let mut m = model(choosing());
    let shown = |m: &Model| -> Vec<u64> {
        let rows = 0..m.offers.len();
        rows.map(|row| m.offers.row(row).unwrap().1.offer.id.0)
            .collect()
    };
    type_and_draw(&mut m, "j>>i");
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
    type_and_draw(&mut m, ">>ig\n");
    assert!(matches!(&m.dialog, Some(Dialog::Rent(row)) if row.offer.id == OfferId(30_000_001)));
}

#[test]
fn compare_shows_savings() {
    let mut m = model(choosing());
    assert_eq!(type_and_draw(&mut m, "cjc"), vec![]);
    let text = shown(&m, 80, 24);
    assert_shows(
        &text,
        &[
            "offer 31234567",
            "offer 31234999",
            "$28.80",
            "$31.20",
            "less a success",
        ],
    );
    assert_eq!(type_and_draw(&mut m, "y"), vec![]);
}

#[test]
fn rank_explanation_ignores_y() {
    let mut m = model(choosing());
    type_and_draw(&mut m, "jd");
    assert!(
        matches!(&m.dialog, Some(Dialog::Offer(row)) if Some(row.offer.id) == m.offers.selected)
    );
    let shown = shown(&m, 120, 40);
    assert_shows(
        &shown,
        &[
            "expected cost",
            "2 on the machine",
            "ranked by",
            "behind offer",
        ],
    );
    // Nothing is offered that means nothing.
    assert!(!shown.contains("y yes"), "y is offered in\n{shown}");
    assert_eq!(type_and_draw(&mut m, "y"), vec![]);
    assert!(m.dialog.is_some());
    assert_eq!(type_and_draw(&mut m, "\n"), vec![]);
    assert_eq!(m.dialog, None);
}

#[test]
fn avoided_machine_is_allowed_after_dialog() {
    let mut snapshot = choosing();
    snapshot.offers.avoided = vec![AvoidedMachine {
        machine: MachineId(4_711),
        until: at(120),
        reason: "boot_failed: OCI runtime create failed".into(),
        failed_boots: 2,
        host: None,
        host_until: None,
        address: None,
    }];
    let mut m = model(snapshot);
    // Outside its list the key means nothing.
    assert_eq!(type_and_draw(&mut m, "u"), vec![]);
    assert_eq!(m.dialog, None);
    type_and_draw(&mut m, "v");
    let shown = shown(&m, 120, 40);
    assert_shows(&shown, &["4711", "failed 2x", "OCI runtime create failed"]);
    assert_eq!(type_and_draw(&mut m, "u"), vec![]);
    assert_eq!(
        type_and_draw(&mut m, "y"),
        vec![Command::AllowMachine(MachineId(4_711))]
    );
}

#[test]
fn machine_is_avoided_after_dialog() {
    let mut m = model(choosing());
    assert_eq!(type_and_draw(&mut m, "A"), vec![]);
    assert_eq!(
        type_and_draw(&mut m, "y"),
        vec![Command::AvoidMachine(MachineId(31_234_567 / 7))]
    );
}
