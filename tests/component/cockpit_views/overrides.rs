//! Keys and colours of the configuration.

use super::*;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

struct Overridden {
    keys: Keymap,
    model: Model,
}

impl Overridden {
    fn new(snapshot: Snapshot, keys: &[(&str, &str)]) -> Overridden {
        Overridden {
            keys: Keymap::with_overrides(&map(keys)).unwrap().0,
            model: model(snapshot),
        }
    }

    fn press(&mut self, code: KeyCode) -> Vec<Command> {
        let key = KeyEvent::new(code, KeyModifiers::NONE);
        pocpit::tui::update::update(&mut self.model, &self.keys, Message::Key(key))
    }

    fn screen(&self, size: (u16, u16)) -> String {
        let (terminal, _) = draw_with(&self.model, &self.keys, size, THEME);
        terminal.backend().to_string()
    }
}

#[test]
fn overridden_key_replaces_the_default() {
    let mut cockpit = Overridden::new(choosing(), &[("zoom", "F5"), ("abort", "F8")]);
    cockpit.press(KeyCode::Char('z'));
    assert!(!cockpit.model.zoom);
    cockpit.press(KeyCode::F(5));
    assert!(cockpit.model.zoom);
    // What costs money asks as before.
    assert_eq!(cockpit.press(KeyCode::F(8)), vec![]);
    let dialog = &cockpit.model.dialog;
    assert!(matches!(dialog, Some(Dialog::Abort)), "{dialog:?}");
}

#[test]
fn overridden_key_is_named_everywhere() {
    let keys = [
        ("abort", "F8"),
        ("other_list", "R"),
        ("refresh", "F6"),
        ("alerts", "F9"),
    ];
    let mut cockpit = Overridden::new(choosing(), &keys);
    let footer = cockpit.screen((200, 60));
    assert!(footer.contains(" F8 abort"), "{footer}");
    cockpit.press(KeyCode::Char('R'));
    let offers = cockpit.screen((200, 60));
    assert!(
        offers.contains("OUT (Esc shows the usable offers)"),
        "{offers}"
    );
    cockpit.press(KeyCode::Char('?'));
    let help = cockpit.screen((200, 60));
    assert!(help.contains("F6 "), "{help}");
    cockpit.press(KeyCode::Esc);
    cockpit.press(KeyCode::Esc);
    for letter in ":abort the".chars() {
        cockpit.press(KeyCode::Char(letter));
    }
    let palette = cockpit.screen((120, 40));
    assert!(palette.contains("F8"), "{palette}");
    let alert_line = Overridden::new(alarmed(), &keys).screen((80, 24));
    assert!(alert_line.contains("F9"), "{alert_line}");
}

#[test]
fn overridden_colour_is_drawn() {
    let theme = Theme {
        colors: ColorDepth::True,
        overrides: ColorOverrides::parse(&map(&[("accent", "#ff00ff")])).unwrap(),
        ..THEME
    };
    let (terminal, _) = draw(&model(choosing()), (120, 40), theme);
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
