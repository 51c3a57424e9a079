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

/// The rows of the zoomed pane below its title, which says how old they are.
fn zoomed(snapshot: Snapshot, keys: &str) -> (String, String) {
    let mut m = model(snapshot);
    type_and_draw(&mut m, keys);
    let screen = shown(&m, 120, 40);
    let rows: Vec<&str> = screen.lines().collect();
    let title = rows.iter().position(|row| row.contains("──")).unwrap();
    (
        rows[title].to_owned(),
        rows[title + 1..rows.len() - 1].join("\n"),
    )
}

#[test]
fn stale_panes_are_frozen_and_marked() {
    // Given figures that nobody has read for a while,
    let booting = |minute: i64| {
        let mut s = rented(Step::Booting);
        s.at = at(minute);
        s.world = WorldKind::Real;
        s
    };
    let proving = |minute: i64| {
        let mut s = proving();
        s.at = at(minute);
        s.world = WorldKind::Real;
        s
    };
    let scenes: [(&str, &dyn Fn(i64) -> Snapshot); 4] = [
        ("1z", &booting),
        ("4z", &booting),
        ("5z", &proving),
        ("1z", &proving),
    ];
    for (keys, snapshot) in scenes {
        // when time goes on, then only their age does.
        let (title, rows) = zoomed(snapshot(20), keys);
        let (later, same) = zoomed(snapshot(27), keys);
        assert!(title.contains("frozen since 14:13, 20m ago"), "{title}");
        assert!(later.contains("frozen since 14:13, 27m ago"), "{later}");
        assert_eq!(rows.lines().count(), same.lines().count());
        for (row, same) in rows.lines().zip(same.lines()) {
            if !row.contains("──") {
                assert_eq!(row, same, "{keys}");
            }
        }
    }
}

#[test]
fn release_is_a_checklist() {
    // Given a release that waits for the operator,
    let mut s = gated(Step::Releasing, GateKind::Release, "Release it?");
    s.rental = rented(Step::Releasing).rental;
    s.nodes.rows.push(node("pocpit-153", NodeOwner::Sprint));
    s.sprint.release_steps = ReleaseAction::ALL
        .iter()
        .map(|action| ReleaseStep::of(*action))
        .collect();
    let text = shown(&model(s.clone()), 80, 24);
    assert_shows(
        &text,
        &[
            "▶ release approved       waits 1m 00s   a approves",
            "· node disabled                         pocpit-153",
            "· rental destroyed                      #28111222, 4x H100 SXM",
            "· gone from two listings                30s apart",
        ],
    );
    // when it is approved, then what was proven has its time, and what is not says how far it is;
    s.sprint.gate = None;
    s.rental.as_mut().unwrap().releasing = true;
    s.sprint.release_steps = under_way();
    let text = shown(&model(s.clone()), 80, 24);
    assert_shows(
        &text,
        &[
            "✓ release approved",
            "✓ node disabled          14:12:40       pocpit-153",
            "✓ rental destroyed       14:12:56",
            "▶ gone from two listings 1 of 2         absent at 14:13:10, next 14:13:40",
            "▶ registration removed   asked 2 times  HTTP 503",
            "· proxy registered                      proxy-1",
            "vastai destroy instance 28111222",
        ],
    );
    // when it is gone, then it is done.
    s.rental = None;
    for step in &mut s.sprint.release_steps {
        step.failure = None;
        step.done = Some(at(0));
    }
    let text = shown(&model(s), 80, 24);
    assert_shows(&text, &["✓ gone from two listings 14:13:20"]);
}

#[test]
fn registration_that_failed_is_not_told_as_done() {
    // Given a sprint that ended before its node was registered, then nothing says that it was.
    let mut s = failed();
    let is_before = |step| step <= Step::Registering;
    s.sprint.spans.retain(|span| is_before(span.step));
    let mut m = model(s);
    type_and_draw(&mut m, "5");
    assert_shows(&shown(&m, 120, 40), &["✗ registered", "not registered"]);
    // One that went on to the proof has been.
    let mut m = model(proving());
    type_and_draw(&mut m, "5");
    assert_shows(&shown(&m, 120, 40), &["✓ registered"]);
}

#[test]
fn rate_of_nonces_is_a_curve() {
    let count = |s: &mut Snapshot, second: i64, per_minute| {
        let nonces = s.sprint.proof.nonces.as_mut().unwrap();
        nonces.per_minute = per_minute;
        s.sprint.proof.last_nonces_at = Some(at(0) + Duration::seconds(second));
    };
    // Given a node whose rate rises and falls, then its curve stands behind the rate;
    let mut s = proving();
    count(&mut s, 0, 600);
    let mut m = model(s.clone());
    for (second, per_minute) in [(10, 1_200), (20, 900)] {
        count(&mut s, second, per_minute);
        publish(&mut m, s.clone());
    }
    assert_shows(
        &shown(&m, 80, 24),
        &["nonces      900/min ▁█▅, total 2,412"],
    );
    // when another generation begins, then so does its curve.
    s.sprint.proof.nonces = None;
    publish(&mut m, s);
    assert!(m.trends.nonces.values().is_empty());
}

#[test]
fn generation_shows_its_count_and_since_when() {
    // Given a node that generates, then its count is read, and when it was first seen;
    let mut s = proving();
    let text = shown(&model(s.clone()), 120, 40);
    assert_shows(
        &text,
        &[
            "nonces      1,206/min, total 2,412, last 6s ago",
            "node generating since 14:11:20",
        ],
    );
    // when the count stands still, then it is bad;
    s.sprint.proof.last_nonces_at = Some(at(-2));
    let (terminal, _) = draw(&model(s.clone()), (120, 40), THEME);
    assert!(terminal.backend().to_string().contains("last 2m 00s ago"));
    assert!(is_red(&terminal, "1,206/min"));
    // when validation began, then only the sum counts.
    s.sprint.proof.validating_since = Some(at(0));
    let text = shown(&model(s), 200, 60);
    assert_shows(
        &text,
        &[
            "2,412 generated, the last 14:11:20",
            "validating since 14:13:20",
        ],
    );
}

#[test]
fn idle_gpu_is_named_while_generating() {
    let mut s = with_past();
    s.rental.as_mut().unwrap().devices[1].utilization_percent = 0.0;
    let text = shown(&model(s), 200, 60);
    let row = |name: &str| {
        text.lines()
            .find(|row| row.contains(name))
            .unwrap()
            .to_owned()
    };
    assert!(row("GPU 1").contains("IDLE"), "{text}");
    assert!(!row("GPU 0").contains("IDLE"), "{text}");
}

/// A boot whose stages took as long as these, and what they usually take.
fn forecast(snapshot: &mut Snapshot) {
    let stages = [
        (BootStage::Placed, 15),
        (BootStage::PullingImage, 240),
        (BootStage::Container, 40),
        (BootStage::Ssh, 5),
        (BootStage::Api, 10),
        (BootStage::Downloading, 330),
        (BootStage::Loading, 142),
        (BootStage::Graphs, 50),
    ];
    let boot = &mut snapshot.rental.as_mut().unwrap().boot;
    boot.expected = stages
        .into_iter()
        .map(|(stage, seconds)| StageForecast {
            stage,
            median: Duration::seconds(seconds),
            p90: Duration::seconds(seconds * 3 / 2),
        })
        .collect();
    boot.started = vec![
        (BootStage::Placed, at(-13)),
        (BootStage::PullingImage, at(-13) + Duration::seconds(10)),
        (BootStage::Container, at(-6)),
        (BootStage::Ssh, at(-5)),
        (BootStage::Api, at(-5) + Duration::seconds(4)),
        (BootStage::Downloading, at(-5) + Duration::seconds(7)),
    ];
    boot.progress = Some(0.58);
    boot.ready_from = Some(at(6));
    boot.ready_at = Some(at(7));
    boot.ready_by = Some(at(10));
}

#[test]
fn boot_shows_took_rest_and_expected() {
    let mut s = rented(Step::Warming);
    forecast(&mut s);
    let text = shown(&model(s), 120, 40);
    let row = |name: &str| {
        text.lines()
            .find(|row| row.contains(name))
            .unwrap()
            .to_owned()
    };
    let pull = row("✓ image pull");
    assert_shows(&pull, &["█", "6m 50s", "4m 00s", "+2m 50s"]);
    let download = row("▶ download");
    assert_shows(&download, &["█▒", "4m 53s", "5m 30s", "58%, 3m 32s left"]);
    assert_shows(&row("· loading"), &["░", "2m 22s"]);
    insta::assert_snapshot!("boot_forecast_120x40", text);
}

#[test]
fn end_that_runs_away_is_called_slower() {
    // Given a boot whose end is expected at the same time all along,
    let mut s = rented(Step::Warming);
    s.world = WorldKind::Real;
    forecast(&mut s);
    let mut m = model(s.clone());
    let mut publish_at = |minute: i64, ready: i64| {
        s.at = at(minute);
        s.rentals_read_at = Some(s.at);
        s.rental.as_mut().unwrap().boot.ready_at = Some(at(ready));
        publish(&mut m, s.clone());
        shown(&m, 120, 40)
    };
    let steady = publish_at(2, 7);
    assert!(steady.contains("ready      ~14:20,"), "{steady}");
    assert!(!steady.contains("slower"), "{steady}");
    // when it moves away as fast as time passes, then it says so.
    publish_at(3, 9);
    let slower = publish_at(4, 10);
    assert!(slower.contains("ready      ~14:23, slower"), "{slower}");
}
