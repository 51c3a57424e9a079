//! Keys and colours of the operator's own.

use super::*;
use crate::cockpit_views::pointer::drawn;
use std::collections::BTreeMap;

fn own(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn keyed(snapshot: Snapshot, keys: &[(&str, &str)]) -> Model {
    let mut m = model(snapshot);
    m.keymap = Box::leak(Box::new(Keymap::with(&own(keys)).unwrap()));
    m
}

#[test]
fn an_own_key_does_what_the_usual_one_did_and_the_usual_one_nothing() {
    let mut m = keyed(choosing(), &[("zoom", "F5"), ("abort", "X")]);
    press(&mut m, KeyCode::Char('z'));
    assert!(!m.zoom);
    press(&mut m, KeyCode::F(5));
    assert!(m.zoom);
    // What costs money asks as before.
    assert_eq!(press(&mut m, KeyCode::Char('X')), vec![]);
    assert!(matches!(m.dialog, Some(Dialog::Abort)), "{:?}", m.dialog);
}

#[test]
fn footer_help_palette_and_texts_call_a_key_by_its_own_name() {
    let keys = [
        ("abort", "X"),
        ("offers.rejected", "R"),
        ("refresh", "F6"),
        ("alerts", "F9"),
    ];
    let mut m = keyed(choosing(), &keys);
    let screen = drawn(&mut m, (200, 60));
    assert!(screen.contains(" X abort"), "{screen}");
    press(&mut m, KeyCode::Char('R'));
    let screen = drawn(&mut m, (200, 60));
    assert!(screen.contains("OUT (R shows the usable ones)"), "{screen}");
    press(&mut m, KeyCode::Char('?'));
    let help = drawn(&mut m, (200, 60));
    assert!(help.contains("F6 "), "{help}");
    press(&mut m, KeyCode::Esc);
    type_and_draw(&mut m, ":abort the");
    let palette = drawn(&mut m, (120, 40));
    assert!(palette.contains('X'), "{palette}");
    let mut m = keyed(alarmed(), &keys);
    assert!(drawn(&mut m, (80, 24)).contains("F9"), "the alert line");
}

#[test]
fn an_own_colour_is_what_is_drawn() {
    let theme = Theme {
        colors: Colors::True,
        own: OwnColors::of(&own(&[("accent", "#ff00ff")])).unwrap(),
        ..THEME
    };
    let mut terminal = Terminal::new(TestBackend::new(120, 40)).unwrap();
    let m = model(choosing());
    terminal
        .draw(|frame| {
            let area = frame.area();
            view::draw(frame.buffer_mut(), area, &m, theme);
        })
        .unwrap();
    let inks: Vec<_> = terminal
        .backend()
        .buffer()
        .content()
        .iter()
        .map(|cell| cell.fg)
        .collect();
    assert!(inks.contains(&ratatui::style::Color::Rgb(0xff, 0, 0xff)));
    assert!(!inks.contains(&ratatui::style::Color::Rgb(0x79, 0xc0, 0xff)));
}
