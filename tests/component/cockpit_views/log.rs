//! The log pane: each state in each size, and that typing in it is never more than looking.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use pocpit::tui::task::Task;

/// A boot whose log has lines as they really are: long ones, wide ones, coloured ones.
fn talking() -> Snapshot {
    let mut s = rented(Step::Booting);
    s.boot_log = LogBuffer::default();
    for n in 0..300 {
        let text = match n % 9 {
            0 => format!(
                "INFO 11-25 00:{:02}:{:02} [loader.py:458] Loading weights took 13.27 seconds; the rest of this line is long enough to be cut or wrapped on every screen, number {n}",
                n / 60,
                n % 60
            ),
            4 => format!("WARNING [config.py:{n}] 注意: 模型 is slow"),
            7 => format!("ERROR worker {n} did not answer within 10 s"),
            _ => format!("(EngineCore_DP0 pid={n}) INFO [gpu_model_runner.py:2338] shard {n}"),
        };
        s.boot_log.push(LogLine::plain(
            at(-20) + Duration::seconds(i64::from(n) * 4),
            text,
        ));
    }
    s.boot_log.live = Some(LogLine::plain(at(0), "Capturing CUDA graphs:  43% 15/35"));
    if let Some(rental) = &mut s.rental {
        rental.devices = (0..4).map(gpu).collect();
        rental.boot.started = vec![
            (BootStage::Placed, at(-25)),
            (BootStage::Ssh, at(-20)),
            (BootStage::Api, at(-15)),
            (BootStage::Downloading, at(-10)),
        ];
    }
    s
}

fn gpu(index: u32) -> GpuDevice {
    GpuDevice {
        index,
        name: "NVIDIA H100 80GB HBM3".into(),
        total_memory_mb: 81_559,
        used_memory_mb: 70_000,
        utilization_percent: 0.0,
        temperature_c: None,
        available: true,
    }
}

fn drawn(m: &mut Model, width: u16, height: u16) -> Terminal<TestBackend> {
    draw_frame(m, (width, height))
}

fn typed(m: &mut Model, keys: &str, width: u16, height: u16) -> Vec<Command> {
    let mut commands = Vec::new();
    for key in keys.chars() {
        drawn(m, width, height);
        let code = match key {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            '\u{8}' => KeyCode::Backspace,
            letter => KeyCode::Char(letter),
        };
        commands.extend(press(m, code));
    }
    drawn(m, width, height);
    commands
}

#[test]
fn log_states_match_their_snapshots() {
    let states = [
        ("following", "4"),
        ("zoomed", "4z"),
        ("paused", "4zkkk"),
        ("wrapped", "4zwkk"),
        ("scrolled_right", "4zlll"),
        ("typing", "4z/worker 2"),
        ("filter", "4z/ERROR\nnN"),
        ("filter_with_others", "4z/worker 2\nnN&"),
        ("nothing_found", "4z/no such words\n"),
        ("held_at_error", "4zeE"),
        ("without_times", "4z."),
        ("at_a_time", "4ztapi\n"),
    ];
    for (name, keys) in states {
        for (w, h) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
            let mut m = model(talking());
            assert_eq!(typed(&mut m, keys, w, h), vec![], "{name}");
            insta::assert_snapshot!(format!("log_{name}_{w}x{h}"), drawn(&mut m, w, h).backend());
        }
    }
}

#[test]
fn paused_log_ignores_new_lines() {
    let mut m = model(rented(Step::Booting));
    type_and_draw(&mut m, "kk");
    let held = m.log.anchor;
    let mut next = (*m.snapshot).clone();
    next.boot_log.push(LogLine::plain(at(1), "more"));
    publish(&mut m, next);
    assert_eq!(held.map(|held| held.line), Some(37));
    assert_eq!(m.log.anchor, held);
}

#[test]
fn matches_are_marked_without_colour() {
    let mut m = model(talking());
    typed(&mut m, "4z/error worker 295\n&", 80, 24);
    let (terminal, _) = draw(&m, (80, 24), PLAIN);
    let reversed: String = terminal
        .backend()
        .buffer()
        .content()
        .iter()
        .skip(80 * 7)
        .take(80 * 16)
        .filter(|cell| cell.modifier.contains(ratatui::style::Modifier::REVERSED))
        .map(ratatui::buffer::Cell::symbol)
        .collect();
    assert_eq!(
        reversed, "ERRORworker 295",
        "in the column of the level, too"
    );
}

#[test]
fn last_match_and_last_error_say_so_and_stay() {
    let mut m = model(talking());
    for (keys, said) in [
        ("4ze", None),
        ("e", Some("no newer error, 33 of 33")),
        ("E", None),
        ("f/worker 2\n", None),
        ("n", None),
        ("n", Some("last match; g goes to the first")),
        ("gn", None),
        ("N", Some("first match; G goes to the last")),
    ] {
        m.toast = None;
        let before = m.log.current;
        typed(&mut m, keys, 80, 24);
        assert_eq!(toast(&m), said, "after {keys}");
        if said.is_some() {
            assert_eq!(m.log.current, before, "it stays");
        }
    }
    let mut quiet = model(rented(Step::Booting));
    typed(&mut quiet, "e", 80, 24);
    assert_eq!(toast(&quiet), Some("no error in this log"));
}

#[test]
fn error_that_comes_while_held_is_counted_in_red() {
    let mut m = model(talking());
    typed(&mut m, "4zp", 80, 24);
    let mut next = talking();
    let line = "RuntimeError: CUDA error: device-side assert triggered";
    next.boot_log.push(LogLine::plain(at(1), line));
    publish(&mut m, next);
    let terminal = drawn(&mut m, 80, 24);
    let text = terminal.backend().to_string();
    let title = text.lines().find(|row| row.contains("log ─")).unwrap();
    assert_shows(title, &["held at ", ", 1 below, 1 error ──"]);
    let row = text.lines().position(|row| row == title).unwrap();
    let buffer = terminal.backend().buffer();
    let red: String = (0..80)
        .map(|x| &buffer[(x, u16::try_from(row).unwrap())])
        .filter(|cell| cell.style().fg == THEME.bad().fg)
        .map(ratatui::buffer::Cell::symbol)
        .collect();
    assert_eq!(red, "1 error");
}

#[test]
fn levels_are_colours_of_their_lines() {
    let mut m = model(talking());
    let terminal = drawn(&mut m, 120, 40);
    let buffer = terminal.backend().buffer();
    let row_of = |words: &str| {
        let text = terminal.backend().to_string();
        text.lines().position(|row| row.contains(words)).unwrap()
    };
    for (words, style) in [("ERROR worker", THEME.bad()), ("WARN ", THEME.warn())] {
        let y = u16::try_from(row_of(words)).unwrap();
        // From the text's column on.
        assert_eq!(buffer[(16, y)].style().fg, style.fg, "{words}");
    }
}

#[test]
fn lost_link_is_a_mark_that_is_not_saved() {
    let mut m = model(talking());
    let mut lost = talking();
    lost.at = at(1);
    let rental = lost.rental.as_mut().unwrap();
    rental.link = LinkSnapshot::Connecting {
        attempts: 1,
        last_error: None,
    };
    publish(&mut m, lost);
    let mut back = talking();
    back.at = at(3);
    back.boot_log.push(LogLine::plain(at(3), "here again"));
    let rental = back.rental.as_mut().unwrap();
    rental.link = LinkSnapshot::Up {
        since: at(2),
        tunnel: true,
        rate: TunnelRate::default(),
    };
    publish(&mut m, back);
    typed(&mut m, "4z", 80, 24);
    let text = drawn(&mut m, 80, 24).backend().to_string();
    let clock = |minute: i64| at(minute).format("%H:%M:%S").to_string();
    let lost = format!("── link lost {} ──", clock(1));
    let back = format!("── link back {} ──", clock(2));
    assert_shows(&text, &[&lost, &back, "here again"]);
    typed(&mut m, "c", 80, 24);
    let Some(Task::Copy(copied)) = m.effects.task.take() else {
        panic!("nothing is copied")
    };
    assert!(copied.ends_with("here again") && !copied.contains("link"));
}

/// What the program itself says in a night with a restart of its network.
fn recorded() -> Vec<LogLine> {
    let record = |second: i64, level, target, text: &str| {
        LogLine::record(at(0) + Duration::seconds(second), level, target, text)
    };
    let mut lines = vec![
        record(
            -600,
            LogLevel::Info,
            "pocpit::engine::run",
            "the sprint of epoch 153 starts at_height=2345000",
        ),
        record(
            -590,
            LogLevel::Debug,
            "pocpit::vast::client",
            "search page=2 offers=64",
        ),
        record(
            -420,
            LogLevel::Warn,
            "pocpit::engine::rental::monitor",
            "Connection timed out; connecting again",
        ),
        record(
            -420,
            LogLevel::Info,
            "pocpit::engine::rental::monitor",
            "SSH attempt 1: Connection refused",
        ),
        record(
            -400,
            LogLevel::Error,
            "pocpit::journal",
            "cannot write /var/lib/pocpit/journal.db: No space left on device (os error 28); the spool takes what follows until there is room again",
        ),
    ];
    lines.extend((0..30).map(|n| {
        let text = format!("answered endpoint=/v1/chat/completions bytes={n}");
        record(n - 390, LogLevel::Info, PROXY_REQUESTS, &text)
    }));
    lines.push(record(
        -300,
        LogLevel::Info,
        "pocpit::proxy",
        "the inference proxy serves at=127.0.0.1:5050",
    ));
    lines
}

fn with_records() -> Model {
    let mut m = model(rented(Step::Booting));
    update(&mut m, Message::Recorded(recorded()));
    m
}

#[test]
fn program_log_matches_its_snapshots() {
    for (name, keys) in [
        ("program_log", "6"),
        ("program_log_wrapped", "6w"),
        ("program_log_requests", "6/proxy\n"),
        ("program_log_error", "6e"),
    ] {
        for (w, h) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
            let mut m = with_records();
            assert_eq!(typed(&mut m, keys, w, h), vec![], "{name}");
            insta::assert_snapshot!(format!("{name}_{w}x{h}"), drawn(&mut m, w, h).backend());
        }
    }
    let mut empty = model(waiting());
    typed(&mut empty, "6", 80, 24);
    assert_shows(&shown(&empty, 80, 24), &["Nothing logged yet."]);
}

#[test]
fn keys_act_on_the_log_of_their_pane() {
    // Given both logs, when the program's has the keys, then the rental's stays as it is,
    let mut m = with_records();
    typed(&mut m, "4f6p/cannot\nw.", 120, 40);
    let rental = &m.log;
    assert!(rental.filter.is_none() && rental.anchor.is_none() && rental.shows_times());
    let program = &m.program_log;
    assert_eq!(
        program.filter.as_ref().map(|it| it.matches.count()),
        Some(1)
    );
    assert!(program.anchor.is_some() && !program.shows_times());
    // and what is copied and saved has what the columns show.
    typed(&mut m, "c", 120, 40);
    let Some(Task::Copy(text)) = m.effects.task.take() else {
        panic!("nothing is copied")
    };
    let clock = (at(0) - Duration::seconds(400)).format("%Y-%m-%dT%H:%M:%SZ");
    let begin = format!("{clock} ERROR pocpit::journal: cannot write ");
    assert!(text.starts_with(&begin), "{text}");
    typed(&mut m, "S", 120, 40);
    let Some(Task::Save(saved)) = m.effects.task.take() else {
        panic!("nothing is saved")
    };
    assert!(saved.name.starts_with("pocpit-"), "{}", saved.name);
    assert_eq!(saved.only.map(|only| only.len()), Some(1));
}

#[test]
fn wrapped_lines_scroll_by_rows() {
    let mut m = model(talking());
    typed(&mut m, "4zw", 60, 16);
    let first = drawn(&mut m, 60, 16).backend().to_string();
    typed(&mut m, "p", 60, 16);
    let paused = drawn(&mut m, 60, 16).backend().to_string();
    assert_ne!(first, paused, "the note says so");
    typed(&mut m, "kkkkk", 60, 16);
    assert_ne!(drawn(&mut m, 60, 16).backend().to_string(), paused);
    typed(&mut m, "jjjj", 60, 16);
    assert!(m.log.anchor.is_some());
    typed(&mut m, "j", 60, 16);
    assert_eq!(m.log.anchor, None, "at the end it follows again");
}

#[test]
fn go_to_takes_past_time_or_complains() {
    let mut m = model(talking());
    let wanted = at(-12);
    typed(
        &mut m,
        &format!("4t{}\n", wanted.format("%H:%M:%S")),
        120,
        40,
    );
    let top = m.log.top().unwrap();
    assert_eq!(m.snapshot.boot_log.line(top).unwrap().at, wanted);
    for (keys, parts) in [
        ("tsoon\n", &["soon", "image pull"][..]),
        ("tgraphs\n", &["has not reached"]),
    ] {
        typed(&mut m, keys, 120, 40);
        assert_shows(toast(&m).unwrap_or_default(), parts);
    }
}

#[test]
fn stage_keys_jump_between_stages() {
    let mut m = model(talking());
    let top_time = |m: &Model| {
        let log = &m.snapshot.boot_log;
        log.line(m.log.top().unwrap()).unwrap().at
    };
    typed(&mut m, "4[", 80, 24);
    assert_eq!(top_time(&m), at(-10));
    typed(&mut m, "[", 80, 24);
    assert_eq!(top_time(&m), at(-15));
    typed(&mut m, "]", 80, 24);
    assert_eq!(top_time(&m), at(-10));
    typed(&mut m, "]", 80, 24);
    assert_eq!(m.log.anchor, None);
}

#[test]
fn dialog_closes_open_prompt() {
    let mut m = viewer(talking());
    typed(&mut m, "4/y", 80, 24);
    assert_eq!(
        m.prompt.as_ref().map(|prompt| prompt.text.as_str()),
        Some("y")
    );
    update(&mut m, Message::DriverEnded);
    assert!(m.prompt.is_none() && m.dialog.is_some());
    press(&mut m, KeyCode::Char('y'));
    assert_eq!((m.exit, m.prompt.is_none()), (None, true));
}

#[test]
fn prompt_accepts_letters_and_ctrl_c_closes() {
    let mut m = model(talking());
    assert_eq!(typed(&mut m, "4/qxs?yé\u{8}m", 80, 24), vec![]);
    assert_eq!(
        m.prompt.as_ref().map(|prompt| prompt.text.as_str()),
        Some("qxs?ym")
    );
    update(
        &mut m,
        Message::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)),
    );
    assert_eq!((m.prompt, m.exit, m.dialog), (None, None, None));
}

#[test]
fn copy_takes_whole_lines_within_limit() {
    let mut m = model(talking());
    typed(&mut m, "4z/ERROR\nc", 60, 16);
    let Some(Task::Copy(text)) = m.effects.task.take() else {
        panic!("nothing is copied")
    };
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() > 3 && lines.iter().all(|line| line.starts_with("ERROR worker")));
    assert_eq!(
        lines.last(),
        Some(&"ERROR worker 295 did not answer within 10 s")
    );
    let mut next = talking();
    for _ in 0..60 {
        next.boot_log.push(LogLine::plain(at(1), "x".repeat(4_000)));
    }
    next.boot_log.push(LogLine::plain(at(2), "the newest"));
    publish(&mut m, next);
    typed(&mut m, "\u{1b}c", 200, 60);
    let Some(Task::Copy(text)) = m.effects.task.take() else {
        panic!("nothing is copied")
    };
    assert!(text.len() <= 50_000 && text.ends_with("the newest"));
}

#[test]
fn save_writes_filtered_lines_to_new_file() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("log");
    let mut m = model(talking());
    typed(&mut m, "4S", 80, 24);
    let Some(Task::Save(whole)) = m.effects.task.take() else {
        panic!("nothing is saved")
    };
    typed(&mut m, "/error\nS", 80, 24);
    let Some(Task::Save(errors)) = m.effects.task.take() else {
        panic!("nothing is saved")
    };
    let (first, lines) = whole.write(&place).unwrap();
    assert_eq!(lines, 300);
    let before = std::fs::read_to_string(&first).unwrap();
    assert_eq!(before.lines().count(), 300);
    // The same moment, so the same name.
    let (second, lines) = errors.write(&place).unwrap();
    assert_eq!(lines, 33);
    assert_ne!(first, second);
    assert_eq!(std::fs::read_to_string(&first).unwrap(), before);
    assert!(
        std::fs::read_to_string(&second)
            .unwrap()
            .lines()
            .all(|line| line.starts_with("ERROR"))
    );
    let mode = std::fs::metadata(&first).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(errors.write(&first).is_err(), "a file is not a directory");
}

#[test]
fn viewer_can_filter_and_save_log() {
    let mut m = viewer(talking());
    assert_eq!(typed(&mut m, "4z/error\nkS", 80, 24), vec![]);
    assert!(matches!(m.effects.task, Some(Task::Save(_))));
    assert_ne!(m.log.anchor, None);
}

/// Keys as an operator of the log presses them, lines as a rental says them.
fn any_event() -> impl Strategy<Value = Event> {
    let letters: Vec<char> = "4zpf wgGjkhl/&nNt[]ScyaxXsmqreE?i+-19:0. \u{8}"
        .chars()
        .collect();
    prop_oneof![
        10 => proptest::sample::select(letters).prop_map(Event::Letter),
        3 => proptest::sample::select(vec![KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Home])
            .prop_map(Event::Key),
        4 => proptest::collection::vec("[a-eE 語é]{0,90}", 0..20).prop_map(Event::Lines),
        1 => Just(Event::OtherRental),
        2 => (0..140_u16, 0..50_u16).prop_map(|(w, h)| Event::Drawn(w, h)),
    ]
}

#[derive(Debug, Clone)]
enum Event {
    Letter(char),
    Key(KeyCode),
    Lines(Vec<String>),
    OtherRental,
    Drawn(u16, u16),
}

proptest! {
    #[test]
    fn any_log_input_is_harmless(
        events in proptest::collection::vec(any_event(), 0..80),
    ) {
        let mut m = model(talking());
        let mut asked: Option<Dialog> = None;
        for (second, event) in (10..).zip(events) {
            let open = m.dialog.clone();
            let typing = m.prompt.is_some();
            let mut next = (*m.snapshot).clone();
            let (commands, is_y) = match event {
                Event::Letter('\u{8}') => (press(&mut m, KeyCode::Backspace), false),
                Event::Letter(letter) => (press(&mut m, KeyCode::Char(letter)), letter == 'y'),
                Event::Key(code) => (press(&mut m, code), false),
                Event::Lines(lines) => {
                    for line in lines {
                        next.boot_log.push(LogLine::plain(at(second), line));
                    }
                    (publish(&mut m, next), false)
                }
                Event::OtherRental => {
                    next.boot_log = LogBuffer::default();
                    (publish(&mut m, next), false)
                }
                Event::Drawn(width, height) => {
                    drawn(&mut m, width, height);
                    asked.clone_from(&m.dialog);
                    (vec![], false)
                }
            };
            for command in commands {
                prop_assert!(!typing, "{command:?} while a line was typed");
                // The sprint runs: what is left without a question is to take auto mode back.
                let harmless = command == Command::SetMode(Mode::Manual);
                let agreed = is_y && asked.is_some() && open.as_ref().is_some_and(|d| consent::agrees(d, &command));
                prop_assert!(harmless || agreed, "{command:?} with {open:?}");
            }
            if m.dialog.is_none() {
                asked = None;
            }
        }
        drawn(&mut m, 80, 24);
    }
}
