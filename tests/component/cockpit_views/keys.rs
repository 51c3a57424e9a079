//! The key table, the palette and the help.

use super::*;

#[test]
fn one_key_has_one_meaning() {
    let all: Vec<&Binding> = Keymap::defaults().bindings().collect();
    for (i, a) in all.iter().enumerate() {
        assert!(!a.keys.is_empty() && !a.help.is_empty(), "{a:?}");
        assert!(markdown_table().contains(a.help));
        for b in &all[i + 1..] {
            // Only dialogs, prompts and what covers the panes give a key another meaning.
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
fn key_without_effect_says_why() {
    // Given every pane, when a key has nothing to act on there, then it says where it has, or what is missing.
    for pane in Pane::ALL {
        for binding in Keymap::defaults().rows(Context::Panes) {
            let mut m = model(waiting());
            m.focus = *pane;
            let reason = disabled_reason(&m, binding);
            let Some(reason) = reason else { continue };
            assert!(!reason.is_empty(), "{binding:?}");
            if !binding.acts_in(*pane) {
                assert!(reason.starts_with("only in "), "{reason}");
            }
            let name = binding.keys[0].name();
            let mut letters = name.chars();
            if let (Some(letter), None) = (letters.next(), letters.next()) {
                assert_eq!(press(&mut m, KeyCode::Char(letter)), vec![]);
                let said = toast(&m).unwrap_or_default();
                // Or what the former version's key of this pane is now.
                let is_former = said.starts_with(&format!("{name} is now "));
                assert!(said == reason || is_former, "{name} in {pane:?}: {said}");
            }
        }
    }
    let mut m = model(waiting());
    type_and_draw(&mut m, "n");
    assert_eq!(toast(&m), Some("only in 4 Boot or 6 Log"));
}

#[test]
fn former_keys_work_and_name_the_new_one() {
    // Given keys of the former version, when they are pressed where they had a meaning,
    let mut m = model(choosing());
    type_and_draw(&mut m, "e");
    // then they have it, and say which key to use.
    assert_eq!(m.offers.list, pocpit::tui::offers::OfferList::Rejected);
    assert_eq!(toast(&m), Some("e is now o"));
    let mut m = model(proving());
    assert_eq!(type_and_draw(&mut m, "5e"), vec![]);
    assert_eq!(toast(&m), Some("e is now +: the node is already enabled"));
    assert_eq!(type_and_draw(&mut m, "d"), vec![]);
    assert!(matches!(&m.dialog, Some(Dialog::Node { .. })));
    assert_eq!(toast(&m), Some("d is now -"));
    let mut m = model(rented(Step::Booting));
    type_and_draw(&mut m, " ");
    assert!(m.log.anchor.is_some());
    assert_eq!(toast(&m), Some("Space is now p"));
}

#[test]
fn filters_act_while_they_are_typed() {
    // Given registrations and past sprints, when words are typed, then only rows with them are left,
    let mut s = with_past();
    s.nodes.rows = vec![
        node("rack-1", NodeOwner::Other),
        node("pocpit-153", NodeOwner::Sprint),
    ];
    let mut m = model(s);
    type_and_draw(&mut m, "5/rack");
    let text = shown(&m, 80, 24);
    assert_shows(&text, &["filter: rack", "1 of 2 registered", "rack-1"]);
    assert!(!text.contains("pocpit-153 "), "{text}");
    // and what is acted on is what is shown;
    type_and_draw(&mut m, "\n-");
    assert!(matches!(&m.dialog, Some(Dialog::Node { node, .. }) if node.0 == "rack-1"));
    press(&mut m, KeyCode::Esc);
    press(&mut m, KeyCode::Esc);
    assert_shows(&shown(&m, 80, 24), &["pocpit-153 ", "rack-1"]);
    type_and_draw(&mut m, "7/stalled");
    let text = shown(&m, 120, 40);
    assert_shows(&text, &["filter: stalled", "1 of 5 sprints"]);
    // when nothing has them, then that is said.
    type_and_draw(&mut m, "x");
    assert_shows(&shown(&m, 120, 40), &["No sprint passes the filter."]);
    press(&mut m, KeyCode::Esc);
    assert!(m.history_filter.is_empty() && m.prompt.is_none());
}

#[test]
fn any_pane_is_copied_as_it_is_shown() {
    use pocpit::tui::task::Task;
    for (key, parts) in [
        ("1", &["PoC", "release"][..]),
        ("3", &["$/success", "31234567"]),
        ("7", &["confirmed", "epoch"]),
    ] {
        let mut m = model(with_past());
        publish(&mut m, {
            let mut s = with_past();
            s.offers = choosing().offers;
            s
        });
        type_and_draw(&mut m, key);
        type_and_draw(&mut m, "c");
        let Some(Task::Copy(text)) = m.effects.task.take() else {
            panic!("nothing is copied")
        };
        assert_shows(&text, parts);
        let rows = text.lines().count();
        assert!(rows > 2 && toast(&m) == Some(&*format!("{rows} rows copied")));
    }
}

/// Keys, frames and snapshots as they come.
fn any_step() -> impl Strategy<Value = KeyCode> {
    let letters: Vec<char> = "aio/ +-&nNpw.lkjgGztx0123456784?!:{}HrmX<>^qfeE[]D"
        .chars()
        .collect();
    prop_oneof![
        12 => proptest::sample::select(letters).prop_map(KeyCode::Char),
        3 => proptest::sample::select(vec![KeyCode::Enter, KeyCode::Tab, KeyCode::Down, KeyCode::Backspace]),
    ]
}

proptest! {
    #[test]
    fn escape_leads_home_from_anywhere(
        make in proptest::sample::select(vec![waiting as fn() -> Snapshot, choosing, with_past, registering, confirmed, lost_journal]),
        keys in proptest::collection::vec(any_step(), 0..60),
    ) {
        let mut m = model(make());
        for key in keys {
            press(&mut m, key);
            draw_frame(&mut m, (120, 40));
        }
        // What was said before is no matter of this key.
        m.toast = None;
        let mut presses = 0;
        while !is_home(&m) {
            press(&mut m, KeyCode::Esc);
            draw_frame(&mut m, (120, 40));
            presses += 1;
            prop_assert!(presses <= 8, "{:?}, {:?}", m.overlay, m.focus);
        }
        prop_assert_eq!(toast(&m), None);
        // At home it does nothing, silently.
        let before = shown(&m, 120, 40);
        press(&mut m, KeyCode::Esc);
        prop_assert_eq!(shown(&m, 120, 40), before);
    }
}

/// Nothing is open, nothing is filtered or marked, and the layout is the step's.
fn is_home(m: &Model) -> bool {
    let is_covered = m.dialog.is_some() || m.overlay.is_some() || m.prompt.is_some();
    let is_elsewhere =
        m.zoom || m.fleet.opened.is_some() || m.picked.is_some() || m.focus != m.scene().home();
    let is_filtered = match m.focus {
        Pane::Offers => {
            !m.offers.filter.is_empty()
                || m.offers.has_marks()
                || m.offers.list != pocpit::tui::offers::OfferList::Usable
        }
        Pane::Boot => m.log.filter.is_some() || m.log.past.is_some(),
        Pane::Fleet => !m.fleet.filter.is_empty(),
        Pane::Nodes => !m.node_filter.is_empty(),
        Pane::History => !m.history_filter.is_empty(),
        _ => false,
    };
    !is_covered && !is_elsewhere && !is_filtered
}

fn footer(m: &Model, width: u16, height: u16) -> String {
    let screen = shown(m, width, height);
    let last = screen.lines().last().unwrap_or_default();
    last.trim_matches('"').to_owned()
}

#[test]
fn footers_are_those_of_their_places() {
    let asked = |snapshot, keys| {
        let mut m = model(snapshot);
        type_and_draw(&mut m, keys);
        m.toast = None;
        m
    };
    let mut past = asked(with_past(), "4");
    past.log
        .show(Some(InstanceId(27_000_150)), LogBuffer::default());
    let places = vec![
        ("schedule", asked(waiting(), "1")),
        ("sprint", asked(rented(Step::Booting), "2")),
        ("register gate", asked(registering(), "2")),
        ("offers", asked(choosing(), "3")),
        ("offers, rent gate elsewhere", asked(choosing(), "1")),
        ("offers, out", asked(choosing(), "3o")),
        ("offers, avoided", asked(choosing(), "3oo")),
        ("boot", asked(rented(Step::Booting), "4")),
        ("boot, held", asked(rented(Step::Booting), "4p")),
        ("boot, wrapped", asked(rented(Step::Booting), "4w")),
        ("boot, filtered", asked(rented(Step::Booting), "4/e\n")),
        ("boot, past log", past),
        ("nodes", asked(proving(), "5")),
        ("fleet", asked(rented(Step::Booting), "0")),
        ("fleet, opened", asked(rented(Step::Booting), "0\n")),
        ("program log", asked(waiting(), "6")),
        ("history", asked(with_past(), "7")),
        ("charts", asked(waiting(), "8")),
        ("zoomed", asked(waiting(), "8z")),
        ("prompt", asked(choosing(), "/")),
        ("dialog", asked(choosing(), "\n")),
        ("help", asked(choosing(), "?")),
        ("help, filtered", asked(choosing(), "?/a\n")),
        ("alerts", asked(alarmed(), "!")),
        ("details", asked(choosing(), "i")),
        ("palette", asked(choosing(), ":")),
    ];
    let mut all = String::new();
    for (name, m) in &places {
        let _ = writeln!(all, "{name}");
        for (width, height) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
            let _ = writeln!(all, "{width:>5} {}", footer(m, width, height));
        }
    }
    insta::assert_snapshot!("footers", all);
}

#[test]
fn toggles_name_what_they_lead_to() {
    let mut m = model(rented(Step::Booting));
    assert_shows(&footer(&m, 200, 60), &["p hold", "w wrap", ". no times"]);
    type_and_draw(&mut m, "pw.");
    assert_shows(&footer(&m, 200, 60), &["p run", "w cut", ". times"]);
    type_and_draw(&mut m, "pw.");
    assert_shows(&footer(&m, 200, 60), &["p hold", "w wrap", ". no times"]);
    let mut s = waiting();
    assert_shows(&footer(&model(s.clone()), 200, 60), &["m auto"]);
    s.mode = Mode::Auto;
    assert_shows(&footer(&model(s), 200, 60), &["m manual"]);
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
    assert_eq!(
        type_and_draw(&mut m, "y"),
        vec![Command::Sprint(ReplicaId::default(), SprintCommand::Abort)]
    );
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
    assert_eq!(
        type_and_draw(&mut m, "?s"),
        vec![Command::Sprint(ReplicaId::default(), SprintCommand::Start)]
    );
}

#[test]
fn help_scrolls_to_its_last_row() {
    let size = (60, 16);
    let mut m = model(waiting());
    press(&mut m, KeyCode::Char('?'));
    draw_frame(&mut m, size);
    press(&mut m, KeyCode::Char('G'));
    let end = draw_frame(&mut m, size).backend().to_string();
    assert_shows(&end, &["Clear the filter, or close"]);
    // Beyond the end there is nothing to scroll back from.
    press(&mut m, KeyCode::PageDown);
    draw_frame(&mut m, size);
    press(&mut m, KeyCode::Char('k'));
    let above = draw_frame(&mut m, size).backend().to_string();
    assert_ne!(above, end);
}

#[test]
fn help_begins_with_the_pane_that_has_the_keys() {
    for (snapshot, title, first, other) in [
        (
            choosing(),
            "In 3 Offers",
            "Sort by the next column",
            "boot stage above",
        ),
        (
            rented(Step::Booting),
            "In 4 Boot",
            "boot stage above",
            "Sort by the next column",
        ),
    ] {
        let mut m = model(snapshot);
        type_and_draw(&mut m, "?");
        let text = shown(&m, 80, 240);
        let place = |part: &str| {
            text.find(part)
                .unwrap_or_else(|| panic!("{part} in\n{text}"))
        };
        assert!(place(title) < place(first) && place(first) < place("Everywhere"));
        assert!(place("Everywhere") < place("In other panes"));
        assert!(place("In other panes") < place(other));
    }
}

#[test]
fn help_is_filtered_by_words() {
    let mut m = model(choosing());
    type_and_draw(&mut m, "?/sort next");
    let text = shown(&m, 80, 24);
    assert_shows(&text, &["filter: sort next", "Sort by the next column"]);
    assert!(!text.contains("Redraw"), "{text}");
    // One thing a press: what is typed, then the help.
    press(&mut m, KeyCode::Enter);
    press(&mut m, KeyCode::Esc);
    assert_shows(&shown(&m, 80, 240), &["Redraw"]);
    press(&mut m, KeyCode::Esc);
    assert_eq!(m.overlay, None);
}

#[test]
fn help_loses_no_letter() {
    let mut m = model(waiting());
    type_and_draw(&mut m, "?");
    // Widths at which it is one column.
    for width in [60, 80, 99] {
        let text = shown(&m, width, 300);
        let rows = text.lines().filter_map(|row| row.split('│').nth(1));
        let rows: Vec<&str> = rows.collect();
        // Behind the cells of the keys, and before the border.
        let texts = rows
            .iter()
            .map(|row| row.chars().skip(17).collect::<String>());
        let shown: Vec<String> = texts.collect();
        let shown = shown.join(" ");
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(rows.iter().all(|row| row.ends_with(' ')), "{text}");
        for binding in Keymap::defaults().bindings() {
            let help = binding.help;
            assert!(shown.contains(help), "{width}: {help:?} is not in\n{text}");
        }
    }
}

#[test]
fn toast_leaves_the_keys_of_a_prompt() {
    // Given a prompt, when something is said meanwhile, then its keys stay and the words stand behind them;
    let mut m = model(choosing());
    type_and_draw(&mut m, "/h");
    m.show_toast("saved to a file");
    assert_shows(
        &footer(&m, 80, 24),
        &["Enter keep  Esc clear", "› saved to a file"],
    );
    // without one the words have the whole row.
    press(&mut m, KeyCode::Esc);
    m.show_toast("saved to a file");
    assert_eq!(footer(&m, 80, 24).trim_end(), " › saved to a file");
}

#[test]
fn tables_scroll_to_the_columns_that_are_left_out() {
    // Given a narrow history, when it is scrolled to the right, then the next columns come, and the first stays;
    let mut m = model(with_past());
    let scroll = |m: &mut Model, keys: &str| {
        for key in keys.chars() {
            press(m, KeyCode::Char(key));
            draw_frame(m, (60, 16));
        }
    };
    scroll(&mut m, "7");
    let text = shown(&m, 60, 16);
    assert!(
        text.contains("ended       epoch outcome") && !text.contains("GPUs"),
        "{text}"
    );
    scroll(&mut m, "llllllll");
    let text = shown(&m, 60, 16);
    assert_shows(&text, &["ended       ", "GPUs          machine"]);
    assert!(!text.contains("epoch outcome"), "{text}");
    // at the end it says so;
    assert_eq!(toast(&m), Some("the last columns are shown"));
    // and the first key back goes back.
    scroll(&mut m, "h");
    assert!(!shown(&m, 60, 16).contains("GPUs          machine"));
    // In a wide pane there is nothing to scroll to.
    draw_frame(&mut m, (200, 60));
    assert_eq!(m.history_columns.away, 0);
    // registrations are wide by their addresses.
    let mut m = model(proving());
    scroll(&mut m, "5");
    assert!(!shown(&m, 60, 16).contains("10.0.0.7:8080/5000"));
    scroll(&mut m, "lll");
    assert_shows(&shown(&m, 60, 16), &["whose", "10.0.0.7:8080/5000"]);
    scroll(&mut m, "hhhh");
    assert_eq!(toast(&m), Some("the first columns are shown"));
}
