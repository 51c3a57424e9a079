//! The layout follows the step, unless the operator picked a pane.

use super::*;

/// A snapshot of every kind of step.
fn steps() -> Vec<(&'static str, Snapshot)> {
    vec![
        ("waiting", waiting()),
        ("choosing", choosing()),
        ("renting", rented(Step::Renting)),
        ("booting", rented(Step::Booting)),
        ("warming", rented(Step::Warming)),
        ("registering", registering()),
        ("proving", proving()),
        ("with_past", with_past()),
        ("confirming", rented(Step::Confirming)),
        ("releasing", releasing()),
        ("serving", rented(Step::Serving)),
        ("confirmed", confirmed()),
        ("failed", failed()),
    ]
}

fn home(step: Step) -> Pane {
    model(rented(step)).focus
}

#[test]
fn layout_follows_the_step() {
    type Shown = (fn() -> Snapshot, Pane, &'static str);
    let steps: [Shown; 7] = [
        (choosing, Pane::Offers, "$/h"),
        (|| rented(Step::Booting), Pane::Boot, "image pull"),
        (|| rented(Step::Warming), Pane::Boot, "image pull"),
        (registering, Pane::Nodes, "registered"),
        (proving, Pane::Nodes, "generation"),
        (releasing, Pane::Sprint, "RELEASING"),
        (confirmed, Pane::Sprint, "CONFIRMED"),
    ];
    let mut m = model(waiting());
    draw_frame(&mut m, (80, 24));
    assert_eq!(m.focus, Pane::Schedule);
    for (snapshot, pane, shown_too) in steps {
        publish(&mut m, snapshot());
        let screen = draw_frame(&mut m, (80, 24)).backend().to_string();
        assert_eq!((m.focus, m.picked), (pane, None), "{screen}");
        assert_shows(&screen, &[shown_too]);
    }
}

#[test]
fn picked_pane_stays_until_escape() {
    // Given a pane that the operator picked,
    let mut m = model(choosing());
    type_and_draw(&mut m, "7");
    // when the sprint goes on, then the pane keeps the keys, and the step's tab is marked.
    publish(&mut m, rented(Step::Booting));
    let screen = draw_frame(&mut m, (80, 24)).backend().to_string();
    assert_eq!(m.focus, Pane::History);
    assert_shows(&screen, &["*4 Boot", "▸7 History"]);
    // When it goes back, then the layout is the step's.
    press(&mut m, KeyCode::Esc);
    let screen = draw_frame(&mut m, (80, 24)).backend().to_string();
    assert_eq!(m.focus, home(Step::Booting));
    assert_shows(&screen, &["▸4 Boot", "image pull"]);
    assert!(!screen.contains("*4"), "{screen}");
}

#[test]
fn focus_moved_by_hand_is_kept() {
    // Given the keys on another pane of the step,
    let mut m = model(proving());
    draw_frame(&mut m, (120, 40));
    press(&mut m, KeyCode::Tab);
    let focus = m.focus;
    assert_ne!(focus, Pane::Nodes);
    // when the step changes, then they mean what they meant.
    publish(&mut m, releasing());
    assert_eq!(m.focus, focus);
    press(&mut m, KeyCode::Esc);
    assert_eq!(m.focus, Pane::Sprint);
}

#[test]
fn picked_pane_leaves_room_for_step() {
    let mut m = model(proving());
    type_and_draw(&mut m, "7");
    assert_shows(&shown(&m, 120, 40), &["▸7 History", "generation", "GPUs"]);
}

#[test]
fn escape_clears_before_it_leaves() {
    let mut m = model(choosing());
    type_and_draw(&mut m, "/h100\n");
    assert!(!m.offers.filter.is_empty());
    type_and_draw(&mut m, "z");
    press(&mut m, KeyCode::Esc);
    assert!(m.offers.filter.is_empty());
    press(&mut m, KeyCode::Esc);
    assert!(!m.zoom);
    assert_eq!(toast(&m), None);
}

/// Blank rows of the body, as runs of whole columns: the longest run, and cells in all.
fn blanks(screen: &str) -> (usize, f64) {
    let rows: Vec<Vec<char>> = screen
        .lines()
        .map(|line| line.trim_matches('"').chars().collect())
        .collect();
    let is_tabs = |row: &Vec<char>| row.iter().collect::<String>().contains("8 Charts  ");
    let top = rows.iter().position(is_tabs).unwrap() + 1;
    let body = &rows[top..rows.len() - 1];
    let width = body[0].len();
    let divider = (0..width).find(|&x| body.iter().any(|row| row[x] == '┬'));
    let is_divided = |row: &[char]| divider.is_some_and(|x| "│├┤┼┬".contains(row[x]));
    let (mut longest, mut cells) = (0, 0);
    let middle = divider.unwrap_or(width);
    for (from, to) in [(0, middle), ((middle + 1).min(width), width)] {
        let mut run = 0;
        for row in body {
            let end = if is_divided(row) { to } else { width };
            let start = if is_divided(row) { from } else { 0 };
            let is_blank = row[start..end].iter().all(|letter| *letter == ' ');
            run = if is_blank { run + 1 } else { 0 };
            longest = longest.max(run);
            cells += if is_blank { to - from } else { 0 };
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "cells of a screen")]
    let part = cells as f64 / (body.len() * width) as f64;
    (longest, part)
}

#[test]
fn no_pane_is_half_empty() {
    for (name, snapshot) in steps() {
        for (width, height) in [(120, 40), (200, 60)] {
            let screen = shown(&model(snapshot.clone()), width, height);
            let (longest, part) = blanks(&screen);
            assert!(
                longest <= 3 && part <= 0.1,
                "{name}: {longest} blank rows, {:.0} % of the body\n{screen}",
                part * 100.0
            );
        }
    }
}
