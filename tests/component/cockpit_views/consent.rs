//! No dangerous command reaches the engine unless its dialog was drawn and confirmed.

use super::*;

fn any_message() -> impl Strategy<Value = Message> {
    let key = |code| Message::Key(KeyEvent::new(code, KeyModifiers::NONE));
    prop_oneof![
        4 => (0_u16..80, 0_u16..24).prop_map(|(x, y)| Message::Pointer(Pointer::Click((x, y).into()))),
        8 => proptest::sample::select("yansqxXmrJejkz?lhpfwGvud123456789 /&tSc[]N:!<>^iADb-+o".chars().collect::<Vec<_>>()).prop_map(move |c| key(KeyCode::Char(c))),
        2 => proptest::sample::select(vec![KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::Backspace]).prop_map(key),
        3 => Just(drawn_message(Breakpoint::Normal, HitAreas::default())),
        1 => Just(drawn_message(Breakpoint::Tiny, HitAreas::default())),
        1 => Just(Message::Paste("y".into())),
        1 => proptest::sample::select(vec![choosing as fn() -> Snapshot, registering, with_past, confirmed, lost_journal])
            .prop_map(|make| Message::Snapshot(Arc::new(make()))),
    ]
}

/// Whether this dialog asks for consent to this command.
pub(super) fn agrees(dialog: &Dialog, command: &Command) -> bool {
    match (dialog, command) {
        (Dialog::Rent(row), Command::Sprint(_, SprintCommand::Rent { offer, agreed })) => {
            row.offer.id == *offer && row.worst_cost == *agreed
        }
        (Dialog::Abort, Command::Sprint(_, SprintCommand::Abort))
        | (Dialog::AbortAll, Command::AbortAll)
        | (Dialog::Auto, Command::SetMode(Mode::Auto))
        | (Dialog::AcceptJournal, Command::AcceptJournal) => true,
        (Dialog::Approve(a), Command::Sprint(_, SprintCommand::Approve(b))) => a == b,
        (Dialog::Allow(a), Command::AllowMachine(b)) => a == b,
        (Dialog::Avoid(a), Command::AvoidMachine(b)) => a == b,
        (
            Dialog::Node {
                node: a, change: x, ..
            },
            Command::ChangeNode {
                node: b, change: y, ..
            },
        ) => a == b && x == y,
        (Dialog::Quit(Some(a)), Command::Quit(b)) => a == b,
        _ => false,
    }
}

proptest! {
    #[test]
    fn dangerous_commands_need_drawn_consent(
        messages in proptest::collection::vec(any_message(), 0..60),
        confirm_above in proptest::option::of(0_i64..40),
        start in proptest::sample::select(vec![model as fn(Snapshot) -> Model, viewer]),
    ) {
        let mut m = start(choosing());
        m.confirm_above = confirm_above.map(|dollars| Usd(dollars * 1_000_000));
        let mut drawn: Option<Dialog> = None;
        for mut message in messages {
            if let Message::Drawn(frame) = &mut message {
                draw_frame(&mut m, (80, 24));
                frame.hit_areas.clone_from(&m.hit_areas);
                drawn.clone_from(&m.dialog);
            }
            let open = m.dialog.clone();
            let was_rented = m.is_rented();
            let consent = match (&message, m.confirmation_word()) {
                (Message::Pointer(Pointer::Click(place)), None) => {
                    m.hit_areas.at(*place) == Some(&HitTarget::Action(Action::Confirm))
                }
                (Message::Key(key), None) => key.code == KeyCode::Char('y'),
                (Message::Key(key), Some(word)) => key.code == KeyCode::Enter && m.answer.typed == word,
                _ => false,
            };
            for command in update(&mut m, message) {
                let harmless = match &command {
                    Command::Sprint(_, SprintCommand::Start) | Command::RefreshOffers | Command::SetMode(Mode::Manual) => true,
                    Command::Quit(QuitChoice::Detach) => !was_rented,
                    _ => false,
                };
                let agreed = consent && drawn.is_some() && open.as_ref().is_some_and(|d| agrees(d, &command));
                prop_assert!(harmless || agreed, "{command:?} with {open:?}");
            }
            if m.dialog.is_none() {
                drawn = None;
            }
        }
    }
}

proptest! {
    #[test]
    fn viewer_never_quits_main_cockpit(
        messages in proptest::collection::vec(any_message(), 0..60),
    ) {
        let mut m = viewer(choosing());
        for (place, message) in messages.into_iter().enumerate() {
            let commands = update(&mut m, message);
            prop_assert!(!commands.iter().any(|command| matches!(command, Command::Quit(_))));
            prop_assert!(place <= 30 || commands.is_empty(), "{commands:?}");
            if place == 30 {
                update(&mut m, Message::DriverEnded);
            }
        }
    }
}
