//! A second rental beside one that is behind, and the question before it.

use super::*;

fn raced() -> Snapshot {
    let mut s = rented(Step::Warming);
    let mut hedge = s.rental.clone().unwrap();
    hedge.id = InstanceId(31_415_927);
    hedge.cost = Usd::from_dollars(0.38);
    hedge.boot.stage = BootStage::PullingImage;
    hedge.boot.ready_at = Some(at(17));
    s.hedge = Some(hedge);
    s.money.per_hour = UsdPerHour::from_dollars(19.2);
    s
}

#[test]
fn hedge_shows_progress_and_total_price() {
    for (width, height) in [(80, 24), (120, 40)] {
        let text = shown(&model(raced()), width, height);
        assert_shows(&text, &["HEDGE", "#31415927"]);
    }
    let text = shown(&model(raced()), 120, 40);
    assert!(text.contains("both $19.20/h"), "{text}");
}

#[test]
fn losing_rental_is_shown_until_released() {
    let mut snapshot = raced();
    snapshot.hedge.as_mut().unwrap().releasing = true;
    let text = shown(&model(snapshot), 120, 40);
    assert!(text.contains("lost the race, RELEASING"), "{text}");
}

#[test]
fn hedge_is_confirmed_like_any_rent() {
    let mut snapshot = gated(Step::Warming, GateKind::Hedge, "A second machine?");
    snapshot.rental = rented(Step::Warming).rental;
    snapshot.money.per_hour = UsdPerHour::from_dollars(9.6);
    let mut m = model(snapshot);
    let text = shown(&m, 120, 40);
    assert!(text.contains("rent a second machine?"), "{text}");
    // Approving alone says nothing of which one.
    assert_eq!(press(&mut m, KeyCode::Char('a')), vec![]);
    press(&mut m, KeyCode::Char('3'));
    press(&mut m, KeyCode::Enter);
    let question = shown(&m, 120, 40);
    assert_shows(
        &question,
        &["both $19.20/h until one is ready", "worst case", "sprint"],
    );
    mark_drawn(&mut m, Breakpoint::Normal);
    assert_eq!(press(&mut m, KeyCode::Char('y')), vec![rent_best()]);
}
