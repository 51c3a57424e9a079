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
            "Rent offer 31234567 for at most $28.80?",
            "$9.60/h from now; ~$19.20 est. until",
            "≤$28.80 worst case, if it runs until its lease ends",
            "hour         $14.00      $4.40",
            "sprint       $40.00     $11.20",
            "day          $41.50     $12.70",
            "credit      $212.40    $183.60   at least $5.00 stays",
            "If you do nothing, nothing is rented; too late after",
            "y            rent it for at most $28.80",
            "Enter, Esc   do not rent (default)",
        ],
    );
}

#[test]
fn higher_cost_closes_the_dialog() {
    let mut m = model(choosing());
    type_and_draw(&mut m, "\n");
    let mut next = choosing();
    next.offers.rows = Arc::new(vec![RankedOffer {
        worst_cost: Usd::from_dollars(28.81),
        ..offer(31_234_567, "H100 SXM", 9.6)
    }]);
    publish(&mut m, next);
    assert_eq!(m.dialog, None);
    assert_eq!(type_and_draw(&mut m, "y"), vec![]);
}

#[test]
fn gone_offer_leaves_nothing_to_confirm() {
    // Given an open question, when its offer is gone,
    let mut m = model(choosing());
    type_and_draw(&mut m, "\n");
    let mut next = choosing();
    next.offers.rows = Arc::default();
    publish(&mut m, next);
    // then the dialog says so, and has no yes.
    let text = shown(&m, 80, 24);
    assert_shows(&text, &["Offer 31234567 is gone", "Nothing was rented"]);
    assert!(!text.contains("rent it for"), "{text}");
    mark_drawn(&mut m, Breakpoint::Normal);
    assert_eq!(type_and_draw(&mut m, "y"), vec![]);
    assert_eq!(type_and_draw(&mut m, "\n"), vec![]);
    assert_eq!(m.dialog, None);
}

/// [`choosing`] with this much left of the sprint's cap.
fn with_sprint_cap(dollars: f64) -> Snapshot {
    let mut s = choosing();
    s.money.caps[0].limit = Usd::from_dollars(dollars);
    s
}

#[test]
fn offer_over_a_cap_is_not_asked_for() {
    // Given a cap below the worst case of every offer, when one is to be rented,
    let mut m = model(with_sprint_cap(28.0));
    assert_eq!(type_and_draw(&mut m, "\n"), vec![]);
    // then the refusal says which cap, needed, left and what to do, and has no yes.
    let text = shown(&m, 80, 24);
    assert_shows(
        &text,
        &[
            "Offer 31234567 cannot be rented",
            "✗ sprint cap   $28.00 left, $28.80 needed: $0.80 too little",
            "✓ day cap      $41.50 left, $28.80 needed",
            "No offer fits every cap.",
            "raise budget.per_sprint to $28.80 or more",
            "Enter, Esc   close",
        ],
    );
    assert!(!text.contains("rent it for"), "{text}");
    assert_eq!(type_and_draw(&mut m, "y"), vec![]);
    assert!(matches!(m.dialog, Some(Dialog::Refused(_))));
    assert_eq!(m.focus, Pane::Offers);
    // When the cap shrinks while the question is open, then there is nothing to agree to either.
    let mut m = model(choosing());
    type_and_draw(&mut m, "\n");
    publish(&mut m, with_sprint_cap(28.0));
    mark_drawn(&mut m, Breakpoint::Normal);
    assert_eq!(type_and_draw(&mut m, "y"), vec![]);
    assert!(matches!(m.dialog, Some(Dialog::Refused(_))));
}

#[test]
fn unread_credit_refuses_every_offer() {
    let mut s = choosing();
    s.money.credit = None;
    let mut m = model(s);
    type_and_draw(&mut m, "\n");
    let text = shown(&m, 80, 24);
    assert_shows(
        &text,
        &["✗ credit", "unknown: nothing is rented until it is read"],
    );
}

#[test]
fn refusal_by_the_engine_is_a_warning() {
    let refused = || {
        let mut s = choosing();
        let row = &s.offers.rows[0];
        let mut money = s.money.clone();
        money.caps[0].limit = Usd::from_dollars(16.0);
        s.money.refused = money.refusal(row);
        s
    };
    let mut m = model(choosing());
    publish(&mut m, refused());
    // Then it is said at once, and stays in the first row,
    let said = "Not rented: the sprint cap has $16.00 left, $28.80 needed";
    assert_eq!(toast(&m), Some(said));
    let text = shown(&m, 120, 40);
    assert!(
        text.contains("WARNING  Not rented: the sprint cap"),
        "{text}"
    );
    assert_eq!(m.focus, Pane::Offers);
    // until the next key in the offers.
    press(&mut m, KeyCode::Char('j'));
    publish(&mut m, refused());
    m.toast = None;
    let text = shown(&m, 120, 40);
    assert!(!text.contains("Not rented"), "{text}");
}

#[test]
fn long_question_scrolls_above_its_answers() {
    let mut m = model(choosing());
    type_and_draw(&mut m, "\n");
    let text = shown(&m, 60, 16);
    assert_shows(
        &text,
        &["for at most $28.80?", "more", "do not rent (default)"],
    );
    for _ in 0..20 {
        press(&mut m, KeyCode::Down);
        draw_frame(&mut m, (60, 16));
    }
    let text = shown(&m, 60, 16);
    assert_shows(
        &text,
        &["If you do nothing", ": up", "do not rent (default)"],
    );
    assert!(m.answer.scroll < 20, "{}", m.answer.scroll);
    assert_eq!(press(&mut m, KeyCode::Char('y')), vec![rent_best()]);
}

#[test]
fn every_question_names_its_default() {
    let asked = |make: fn() -> Snapshot, keys: &str| {
        let mut m = model(make());
        type_and_draw(&mut m, keys);
        assert!(m.dialog.is_some(), "{keys}");
        shown(&m, 80, 24)
    };
    let booting = || rented(Step::Booting);
    // Title with its object, default, and what happens if nothing is done.
    let questions: [(fn() -> Snapshot, _, _, _); 6] = [
        (choosing, "-", "Avoid machine 4462081?", "keep its offers"),
        (
            booting,
            "x",
            "Abort epoch 153 and release rental",
            "let the sprint go on",
        ),
        (registering, "a", "Register rental", "do not register"),
        (waiting, "m", "Let auto run?", "stay in manual"),
        (waiting, "a", "Start epoch 153?", "do not start"),
        (proving, "5jD", "Remove", "change nothing"),
    ];
    for (make, keys, title, default) in questions {
        let text = asked(make, keys);
        assert_shows(&text, &[title, default, "(default)", "If you do nothing"]);
    }
    let quit = asked(booting, "q");
    assert_shows(
        &quit,
        &["Quit while rental", "▸ stay (default)", "lease ends"],
    );
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
    // The arrows choose.
    type_and_draw(&mut m, "q");
    press(&mut m, KeyCode::Down);
    assert_eq!(
        type_and_draw(&mut m, "y"),
        vec![Command::Quit(QuitChoice::Release)]
    );
    assert_eq!(m.exit, None, "it stays to show the release");
}

#[test]
fn every_sprint_is_aborted_by_a_word() {
    let mut m = model(rented(Step::Booting));
    assert_eq!(type_and_draw(&mut m, "Xy\n"), vec![], "y is not the word");
    assert_shows(
        &shown(&m, 80, 24),
        &["Abort every sprint", "Type all and press"],
    );
    assert_eq!(type_and_draw(&mut m, "all\n"), vec![Command::AbortAll]);
    // Where nothing runs there is nothing to ask.
    let mut m = model(waiting());
    type_and_draw(&mut m, "X");
    assert_eq!((&m.dialog, toast(&m)), (&None, Some("nothing to abort")));
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
