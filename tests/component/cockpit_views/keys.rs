//! The key table, the palette and the help.

use super::*;

#[test]
fn bindings_are_complete_and_unambiguous() {
    for (i, a) in Keymap::defaults().bindings().enumerate() {
        assert!(!a.keys.is_empty() && !a.help.is_empty(), "{a:?}");
        assert!(markdown_table().contains(a.help));
        for b in Keymap::defaults().bindings().skip(i + 1) {
            if a.context == b.context {
                assert!(
                    a.keys.iter().all(|k| !b.keys.contains(k)),
                    "{a:?} and {b:?}"
                );
                assert_ne!(a.action, b.action);
            }
        }
    }
}

#[test]
fn every_action_has_a_key() {
    // The compiler ensures a handler for each: `run` matches exhaustively.
    for action in Action::iter().chain(Pane::ALL.iter().copied().map(Action::Pane)) {
        assert!(
            Keymap::defaults()
                .bindings()
                .any(|row| row.action == action),
            "{action:?}"
        );
        assert!(!Keymap::defaults().key_of(action).is_empty(), "{action:?}");
    }
}

#[test]
fn palette_action_opens_its_dialog() {
    let mut m = model(rented(Step::Booting));
    type_and_draw(&mut m, ":abort");
    let text = shown(&m, 80, 24);
    assert!(text.contains("Abort the sprint"), "{text}");
    assert_eq!(type_and_draw(&mut m, "\n"), vec![]);
    assert_eq!((&m.overlay, &m.dialog), (&None, &Some(Dialog::Abort)));
    assert_eq!(type_and_draw(&mut m, "y"), vec![Command::Abort]);
}

#[test]
fn palette_focuses_pane_of_action() {
    let mut m = model(rented(Step::Booting));
    type_and_draw(&mut m, "5:wraplong\n");
    assert_eq!(m.focus, Pane::Boot);
    assert_eq!(m.log.long, pocpit::tui::log::LongLines::Wrap);
}

#[test]
fn disabled_palette_action_shows_reason() {
    let mut m = model(waiting());
    assert_eq!(type_and_draw(&mut m, ":abort\n"), vec![]);
    assert_eq!(m.dialog, None);
    let toast = toast(&m);
    assert_eq!(toast, Some("nothing to abort"));
}

#[test]
fn help_blocks_command_keys() {
    let mut m = model(waiting());
    assert_eq!(type_and_draw(&mut m, "?smra"), vec![]);
    assert!(m.overlay.is_some() && m.dialog.is_none());
    assert_eq!(type_and_draw(&mut m, "?s"), vec![Command::Start]);
}

#[test]
fn help_scrolls_to_its_last_row() {
    let size = (60, 16);
    let mut m = model(waiting());
    press(&mut m, KeyCode::Char('?'));
    draw_frame(&mut m, size);
    press(&mut m, KeyCode::Char('G'));
    let end = draw_frame(&mut m, size).backend().to_string();
    assert_shows(&end, &["Close the help"]);
    // Beyond the end there is nothing to scroll back from.
    press(&mut m, KeyCode::PageDown);
    draw_frame(&mut m, size);
    press(&mut m, KeyCode::Char('k'));
    let above = draw_frame(&mut m, size).backend().to_string();
    assert_ne!(above, end);
}

#[test]
fn help_loses_no_letter() {
    let mut m = model(waiting());
    type_and_draw(&mut m, "?");
    // Widths at which the box is as wide as the screen.
    for width in [60, 80, 96] {
        let text = shown(&m, width, 240);
        let rows = text.lines().filter_map(|row| row.split('│').nth(1));
        let shown: Vec<&str> = rows.flat_map(str::split_whitespace).collect();
        let shown = shown.join(" ");
        for binding in Keymap::defaults().bindings() {
            let help = binding.help;
            assert!(shown.contains(help), "{width}: {help:?} is not in\n{text}");
        }
    }
}
