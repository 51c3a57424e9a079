//! A viewer of another process.

use super::*;

#[test]
fn viewer_is_labelled_at_every_size() {
    for (width, height) in [(200, 60), (120, 40), (80, 24), (60, 16)] {
        let (terminal, _) = draw(&viewer(proving()), (width, height), PLAIN);
        let text = terminal.backend().to_string();
        assert!(text.contains("attached"), "{width}x{height}:\n{text}");
    }
}

#[test]
fn viewer_sends_commands_to_main_cockpit() {
    let sends = |snapshot, keys, command| {
        let mut m = viewer(snapshot);
        assert_eq!(type_and_draw(&mut m, keys), vec![command], "{keys:?}");
        let toast = toast(&m);
        assert_eq!(toast, Some("sent to the main cockpit (pid 4711)"));
    };
    sends(
        waiting(),
        "s",
        Command::Sprint(ReplicaId::default(), SprintCommand::Start),
    );
    sends(choosing(), "r", Command::RefreshOffers);
    sends(
        registering(),
        "ay",
        Command::Sprint(
            ReplicaId::default(),
            SprintCommand::Approve(GateKind::Register),
        ),
    );
    sends(
        rented(Step::Booting),
        "xy",
        Command::Sprint(ReplicaId::default(), SprintCommand::Abort),
    );
    sends(lost_journal(), "Jy", Command::AcceptJournal);
}

#[test]
fn orphaned_viewer_disables_command_keys() {
    type State = fn() -> Snapshot;
    let cases: [(State, &str); 7] = [
        (waiting, "s"),
        (choosing, "\n"),
        (choosing, "m"),
        (choosing, "r"),
        (registering, "a"),
        (|| rented(Step::Booting), "x"),
        (lost_journal, "J"),
    ];
    for (snapshot, keys) in cases {
        let mut m = viewer(snapshot());
        update(&mut m, Message::DriverEnded);
        m.dialog = None;
        assert_eq!(type_and_draw(&mut m, keys), vec![], "{keys:?}");
        assert_eq!(m.dialog, None, "{keys:?}");
        let toast = toast(&m);
        assert!(
            toast.is_some_and(|text| text.contains("the main cockpit has exited")),
            "{keys:?}: {toast:?}"
        );
        m.toast = None;
        let footer = shown(&m, 200, 60);
        let footer = footer.lines().last().unwrap_or_default();
        for hint in ["start", "approve", "rent", "abort", "auto", "search"] {
            assert!(!footer.contains(hint), "{hint} in {footer}");
        }
        assert!(
            footer.contains("quit") && footer.contains("help"),
            "{footer}"
        );
    }
}

#[test]
fn silent_viewer_shows_warning() {
    let mut m = viewer(proving());
    update(&mut m, Message::Tick(Duration::seconds(12)));
    let text = shown(&m, 80, 24);
    assert!(
        text.contains("CRITICAL The main cockpit is silent for 12s (suspended?)"),
        "{text}"
    );
    // What is not read does not count on.
    assert!(text.contains("unknown since 14:13"), "{text}");
    publish(&mut m, proving());
    let text = shown(&m, 80, 24);
    assert!(!text.contains("silent"), "{text}");
}

#[test]
fn viewer_quits_without_dialog() {
    let mut m = viewer(rented(Step::Booting));
    assert_eq!(type_and_draw(&mut m, "q"), vec![]);
    assert_eq!(m.exit, Some(ExitReason::Quit));
}

#[test]
fn orphaned_viewer_stays_until_quit() {
    let mut m = viewer(rented(Step::Booting));
    let mut last = rented(Step::Done);
    last.ended = true;
    publish(&mut m, last);
    update(&mut m, Message::DriverEnded);
    assert_eq!((m.exit, &m.dialog), (None, &Some(Dialog::LeaveViewer)));
    // To stay and look is the default.
    mark_drawn(&mut m, Breakpoint::Normal);
    assert_eq!(type_and_draw(&mut m, "\n"), vec![]);
    assert_eq!(m.exit, None);
    let text = shown(&m, 80, 24);
    assert!(
        text.contains("main cockpit 4711 exited") && text.contains("view is frozen since"),
        "{text}"
    );
    type_and_draw(&mut m, "q");
    assert_eq!(m.exit, Some(ExitReason::Quit));
}

#[test]
fn program_log_of_a_viewer_says_whose_it_is() {
    // Given a viewer, then its program log is named as its own: the engine's is in the main cockpit.
    let mut m = viewer(proving());
    type_and_draw(&mut m, "6");
    assert_shows(&shown(&m, 80, 24), &["of this viewer, following"]);
    let mut m = model(proving());
    type_and_draw(&mut m, "6");
    assert!(!shown(&m, 80, 24).contains("viewer"));
}
