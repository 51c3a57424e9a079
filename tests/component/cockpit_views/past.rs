//! Past sprints: history and charts.

use super::*;

#[test]
fn history_shows_details_and_opens_log() {
    let mut m = model(with_past());
    type_and_draw(&mut m, "7jj");
    let text = shown(&m, 120, 40);
    assert_shows(
        &text,
        &[
            "5 sprints, 4 confirmed, 1 failed, ~",
            "boot_stalled",
            "booting 25m",
            "image pull 23m",
        ],
    );
    type_and_draw(&mut m, "\n");
    let asked = matches!(&m.effects.task, Some(pocpit::tui::task::Task::ReadLog(id, _)) if id.0 == 27_000_150);
    assert!(asked, "{:?}", m.effects.task);
    let mut log = LogBuffer::default();
    log.push(LogLine::plain(at(-99), "what was said then"));
    update(
        &mut m,
        Message::PastLog(InstanceId(27_000_150), Box::new(log)),
    );
    let text = shown(&m, 120, 40);
    assert!(
        text.contains("LOG OF PAST RENTAL 27000150") && text.contains("what was said then"),
        "{text}"
    );
    publish(&mut m, with_past());
    assert_eq!(m.log.log.len(), 1, "what runs does not push it aside");
    press(&mut m, KeyCode::Esc);
    assert_eq!(m.log.log.len(), 40);
}

#[test]
fn charts_show_epochs_and_trends() {
    let mut m = model(with_past());
    type_and_draw(&mut m, "8z");
    for (width, height) in [(80, 24), (200, 60)] {
        let text = shown(&m, width, height);
        assert_shows(
            &text,
            &[
                "weight per epoch, now 10,405",
                "12,000 ┤",
                "$ per 1000 weight",
                "block time",
            ],
        );
    }
}

#[test]
fn proving_shows_unusable_gpu() {
    for (width, height) in [(120, 40), (200, 60)] {
        let text = shown(&model(with_past()), width, height);
        assert_shows(&text, &["GPU 3", "3 of 4 usable"]);
    }
}

#[test]
fn history_cuts_no_column() {
    let mut m = model(with_past());
    type_and_draw(&mut m, "7");
    // At 80 columns the last ones are left out, and counted.
    let text = shown(&m, 80, 24);
    assert_shows(&text, &["conf.     boot +2", "CONFIRMED"]);
    assert!(!text.contains("4x H"), "{text}");
    let text = shown(&m, 120, 40);
    assert_shows(&text, &["GPUs          machine", "4x H100 SXM      4461"]);
}

#[test]
fn history_names_what_was_lost_and_why() {
    // Given a sprint whose reward a confirmation took, and one that failed,
    let mut s = with_past();
    let history = Arc::make_mut(&mut s.history);
    history.last_mut().unwrap().confirmation_ratio = Some(0.42);
    let mut m = model(s);
    type_and_draw(&mut m, "7");
    // then neither is a success, and the list says why.
    let text = shown(&m, 120, 40);
    assert_shows(
        &text,
        &[
            "5 sprints, 3 confirmed, 1 failed, 1 reward lost, ~$",
            "machine why",
            "152 REWARD LOST",
            "4461 confirmation 42% of",
            "150 FAILED",
            "4461 boot stalled",
        ],
    );
    type_and_draw(&mut m, "j");
    assert!(is_red(
        &screen(&m, 120, 40),
        "09-20 14:13   152 REWARD LOST"
    ));
}

#[test]
fn chart_without_data_says_what_is_missing() {
    let mut m = model(waiting());
    type_and_draw(&mut m, "8");
    let text = shown(&m, 120, 40);
    assert_shows(
        &text,
        &[
            "weight per epoch: comes with the first confirmed sprint",
            "best $/h, now 9.60",
        ],
    );
}
