//! Dialogs: what they show, what confirms them, and when they close.

use super::*;

#[test]
fn renting_needs_drawn_dialog_and_y() {
    let mut m = model(choosing());
    assert_eq!(press(&mut m, KeyCode::Enter), vec![]);
    assert_eq!(
        press(&mut m, KeyCode::Char('y')),
        vec![],
        "typed before it was drawn"
    );
    mark_drawn(&mut m, Breakpoint::Normal);
    assert_eq!(press(&mut m, KeyCode::Char('y')), vec![rent_best()]);
}

#[test]
fn tiny_screen_closes_dialog() {
    let mut m = model(choosing());
    press(&mut m, KeyCode::Enter);
    mark_drawn(&mut m, Breakpoint::Tiny);
    assert_eq!(press(&mut m, KeyCode::Char('y')), vec![]);
    assert_eq!(m.dialog, None);
    assert!(
        m.toast
            .as_ref()
            .is_some_and(|toast| toast.text.contains("60x16"))
    );
}

#[test]
fn enter_cancels_a_dialog() {
    let mut m = model(choosing());
    assert_eq!(type_and_draw(&mut m, "\n\ny"), vec![]);
    assert_eq!(m.dialog, None);
}

#[test]
fn rent_dialog_shows_remaining_caps() {
    let mut m = model(choosing());
    type_and_draw(&mut m, "\n");
    let shown = shown(&m, 120, 40);
    assert_shows(
        &shown,
        &[
            "WORST CASE $28.80",
            "cap hour    $14.00 left, $4.40 after",
            "cap sprint  $40.00 left, $11.20 after",
            "cap day     $41.50 left, $12.70 after",
            "cap credit  $207.40 left, $178.60 after",
        ],
    );
}

#[test]
fn higher_cost_or_gone_offer_closes_dialog() {
    for change in [
        vec![],
        vec![RankedOffer {
            worst_cost: Usd::from_dollars(28.81),
            ..offer(31_234_567, "H100 SXM", 9.6)
        }],
    ] {
        let mut m = model(choosing());
        type_and_draw(&mut m, "\n");
        let mut next = choosing();
        next.offers.rows = Arc::new(change);
        publish(&mut m, next);
        assert_eq!(m.dialog, None);
        assert_eq!(type_and_draw(&mut m, "y"), vec![]);
    }
}

#[test]
fn lower_cost_keeps_dialog_and_limit() {
    let mut m = model(choosing());
    type_and_draw(&mut m, "\n");
    let mut next = choosing();
    let cheaper = RankedOffer {
        worst_cost: Usd::from_dollars(28.5),
        ..offer(31_234_567, "H100 SXM", 9.6)
    };
    next.offers.rows = Arc::new(vec![cheaper]);
    publish(&mut m, next);
    assert_eq!(type_and_draw(&mut m, "y"), vec![rent_best()]);
}

#[test]
fn large_sum_must_be_typed() {
    let mut m = model(choosing());
    m.confirm_above = Some(Usd::from_dollars(20.0));
    assert_eq!(type_and_draw(&mut m, "\ny\n"), vec![], "y is no sum");
    assert!(m.dialog.is_some(), "it asks again");
    assert_eq!(
        type_and_draw(&mut m, "28\n"),
        vec![],
        "less than the worst case"
    );
    assert_eq!(type_and_draw(&mut m, "29\n"), vec![rent_best()]);
    let mut m = model(choosing());
    m.confirm_above = Some(Usd::from_dollars(20.0));
    assert_eq!(type_and_draw(&mut m, "\n\n"), vec![]);
    assert_eq!(m.dialog, None, "Enter alone is no agreement");
}

#[test]
fn lost_journal_is_accepted_after_dialog() {
    let mut m = model(lost_journal());
    assert_eq!(type_and_draw(&mut m, "J"), vec![]);
    let question = shown(&m, 120, 40);
    assert_shows(
        &question,
        &["Go on with this journal?", "no cap counts", "from a backup"],
    );
    assert_eq!(type_and_draw(&mut m, "y"), vec![Command::AcceptJournal]);
    // Once it is accepted, or was never lost, there is nothing to ask.
    type_and_draw(&mut m, "J");
    publish(&mut m, waiting());
    assert_eq!(m.dialog, None);
    assert_eq!(type_and_draw(&mut m, "Jy"), vec![]);
    assert_eq!(toast(&m), Some("no journal is missing: nothing to accept"));
}

#[test]
fn quit_with_rental_asks_first() {
    let mut m = model(rented(Step::Booting));
    assert_eq!(type_and_draw(&mut m, "qy"), vec![]);
    assert_eq!(m.exit, None);
    assert_eq!(
        type_and_draw(&mut m, "qry"),
        vec![Command::Quit(QuitChoice::Release)]
    );
    assert_eq!(m.exit, None, "it stays to show the release");
}

#[test]
fn paste_changes_nothing() {
    let mut m = model(choosing());
    type_and_draw(&mut m, "\n");
    let before = m.dialog.clone();
    assert_eq!(update(&mut m, Message::Paste("y".into())), vec![]);
    assert_eq!(m.dialog, before);
    assert_eq!(m.focus, Pane::Offers);
}
