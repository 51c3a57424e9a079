use proptest::prelude::*;

use super::columns::{LEVEL, MARK, TIME};
use super::*;
use crate::domain::{LineStyle, LogLevel, PROXY_REQUESTS};

fn at(second: i64) -> Time {
    Time::from_timestamp(1_790_000_000 + second, 0).unwrap()
}

fn log_of(lines: &[&str]) -> LogBuffer {
    let mut log = LogBuffer::default();
    for (second, line) in (0..).zip(lines) {
        log.push(LogLine::plain(at(second), *line));
    }
    log
}

fn numbered(count: i64) -> LogBuffer {
    let mut log = LogBuffer::default();
    for number in 0..count {
        let kind = if number % 10 == 3 { "error" } else { "info" };
        log.push(LogLine::plain(at(number), format!("{number} {kind}")));
    }
    log
}

fn shown(view: &LogPane) -> Vec<String> {
    let visible = view.visible().into_iter();
    visible
        .map(|shown| view.log.line(shown.line).unwrap().text().to_owned())
        .collect()
}

/// Wide enough for a text of so many columns.
fn view_of(log: &LogBuffer, width: u16, height: u16) -> LogPane {
    LogPane {
        size: Size::new(width + MARK + TIME + LEVEL, height),
        ..LogPane::new(log.clone())
    }
}

#[test]
fn scrolling_up_pauses_and_counts_new_lines() {
    let mut log = numbered(100);
    let mut view = view_of(&log, 20, 3);
    assert_eq!(shown(&view), ["97 info", "98 info", "99 info"]);
    view.up(2);
    log.push(LogLine::plain(at(100), "new"));
    view.set_log(log.clone());
    assert_eq!(shown(&view), ["95 info", "96 info", "97 info"]);
    assert_eq!(view.lines_below(), 3);
    view.down(3);
    assert_eq!((view.anchor, view.lines_below()), (None, 0));
}

#[test]
fn dropped_anchor_shows_the_oldest_lines() {
    let mut log = numbered(1_000);
    let mut view = view_of(&log, 20, 3);
    view.up(usize::MAX);
    assert_eq!(shown(&view), ["0 info", "1 info", "2 info"]);
    for number in 1_000..i64::try_from(LogBuffer::CAPACITY).unwrap() {
        log.push(LogLine::plain(at(number), "more"));
        view.set_log(log.clone());
    }
    assert_eq!(shown(&view), ["0 info", "1 info", "2 info"]);
    log.push(LogLine::plain(at(200_000), "one too many"));
    view.set_log(log.clone());
    assert_eq!(log.first_seq(), 256);
    assert_eq!(shown(&view), ["256 info", "257 info", "258 info"]);
    assert!(view.anchor.is_some_and(|held| held.line < log.first_seq()));
}

#[test]
fn log_of_another_rental_is_followed() {
    let log = numbered(100);
    let mut view = view_of(&log, 20, 4);
    view.set_filter("error");
    view.up(5);
    let mut other = LogBuffer::default();
    for number in 0..200 {
        other.push(LogLine::plain(at(5_000), format!("{number} error")));
    }
    view.set_log(other.clone());
    assert_eq!(shown(&view), ["197 error", "198 error", "199 error"]);
}

/// Logs an error at the 3rd, 13th, 23rd … line.
fn with_errors(count: i64) -> LogBuffer {
    let mut log = LogBuffer::default();
    for number in 0..count {
        let level = if number % 10 == 3 { "ERROR" } else { "INFO" };
        log.push(LogLine::plain(at(number), format!("{level} {number}")));
    }
    log
}

const NOT_FURTHER: fn(usize, usize) -> Jump = |passed, all| Jump::NoFurther { passed, all };

#[test]
fn matches_are_gone_through_to_the_last_one() {
    let mut view = view_of(&numbered(50), 20, 5);
    view.set_filter("ERROR");
    let mut jump = |toward| (view.jump(Target::Match, toward), view.current);
    assert_eq!(jump(Toward::Newer), (Jump::There, Some(43)));
    assert_eq!(jump(Toward::Newer), (NOT_FURTHER(5, 5), Some(43)));
    for line in [33, 23, 13, 3] {
        assert_eq!(jump(Toward::Older), (Jump::There, Some(line)));
    }
    assert_eq!(jump(Toward::Older), (NOT_FURTHER(1, 5), Some(3)));
    view.set_filter("nowhere");
    assert_eq!(view.jump(Target::Match, Toward::Newer), NOT_FURTHER(0, 0));
}

#[test]
fn other_lines_come_back_around_matches() {
    let mut view = view_of(&numbered(50), 20, 4);
    view.set_filter("error");
    view.toggle_others();
    assert_eq!(shown(&view), ["47 info", "48 info", "49 info"]);
    assert_eq!(view.jump(Target::Match, Toward::Newer), Jump::There);
    assert_eq!(shown(&view), ["42 info", "43 error", "44 info"]);
    view.toggle_others();
    assert_eq!(shown(&view), ["23 error", "33 error", "43 error"]);
    view.jump(Target::Match, Toward::Older);
    view.toggle_others();
    let sight = shown(&view);
    assert!(
        sight.contains(&"33 error".to_owned()),
        "it stays in sight: {sight:?}"
    );
}

#[test]
fn errors_are_gone_through_and_held() {
    let mut log = with_errors(50);
    let mut view = view_of(&log, 20, 3);
    assert_eq!(view.jump(Target::Error, Toward::Newer), Jump::There);
    assert_eq!((view.current, view.anchor.is_some()), (Some(43), true));
    assert_eq!(view.jump(Target::Error, Toward::Newer), NOT_FURTHER(5, 5));
    log.push(LogLine::plain(at(50), "Traceback (most recent call last):"));
    view.set_log(log.clone());
    assert_eq!(view.new_errors(), 1, "it came while the log was held");
    assert_eq!(view.jump(Target::Error, Toward::Newer), Jump::There);
    assert_eq!(view.current, Some(50));
    view.follow();
    assert_eq!((view.current, view.new_errors()), (None, 0));
    // From a place that was scrolled to: the first one in sight or below, the last one in sight or above.
    view.go_to(at(20));
    view.jump(Target::Error, Toward::Newer);
    assert_eq!(view.current, Some(23));
    view.go_to(at(30));
    view.jump(Target::Error, Toward::Older);
    assert_eq!(view.current, Some(23));
}

#[test]
fn errors_outside_the_filter_are_passed_over() {
    let mut view = view_of(&with_errors(50), 20, 3);
    view.set_filter("ERROR 1");
    assert_eq!(view.jump(Target::Error, Toward::Newer), Jump::There);
    assert_eq!(view.current, Some(13));
    assert_eq!(view.jump(Target::Error, Toward::Older), NOT_FURTHER(1, 1));
}

const HEALTH: &str = "INFO:     127.0.0.1:41622 - \"GET /health HTTP/1.1\" 200 OK";

#[test]
fn repeated_health_checks_are_one_line() {
    let log = log_of(&["a", HEALTH, HEALTH, HEALTH, "b", HEALTH, "c"]);
    let mut view = view_of(&log, 80, 10);
    assert_eq!(shown(&view), ["a", HEALTH, "b", HEALTH, "c"]);
    let repeats = |line| repeats(&view.log, view.lines().shown, line);
    assert_eq!([0, 1, 4, 5].map(repeats), [1, 3, 1, 1]);
    view.set_filter("health");
    assert_eq!(shown(&view).len(), 4, "a filter finds each of them");
}

#[test]
fn requests_to_the_proxy_are_shown_if_the_filter_names_them() {
    let mut view = view_of(&LogBuffer::default(), 80, 10);
    let record = |level, target, text| LogLine::record(at(0), level, target, text);
    view.extend(vec![
        record(LogLevel::Info, PROXY_REQUESTS, "answered bytes=12"),
        record(LogLevel::Warn, PROXY_REQUESTS, "slow"),
        record(LogLevel::Info, "pocpit::proxy", "the proxy serves"),
    ]);
    assert_eq!(shown(&view), ["slow", "the proxy serves"]);
    view.set_filter("proxy");
    assert_eq!(
        shown(&view),
        ["answered bytes=12", "slow", "the proxy serves"]
    );
}

#[test]
fn marks_are_rows_above_their_line() {
    let mark = |second, name: &str| Mark {
        at: at(second),
        name: name.to_owned(),
    };
    let mut view = view_of(&numbered(30), 20, 4);
    view.set_marks(vec![
        mark(28, "api"),
        mark(28, "download"),
        mark(99, "ready"),
    ]);
    let rows = |view: &LogPane| -> Vec<(u64, Vec<usize>)> {
        let visible = view.visible().into_iter();
        visible.map(|it| (it.line, it.rows.collect())).collect()
    };
    assert_eq!(rows(&view), [(28, vec![0, 1, 2]), (29, vec![0])]);
    assert_eq!(view.marks_at_end().len(), 1, "it waits for a newer line");
    view.up(2);
    assert_eq!(
        rows(&view),
        [(26, vec![0]), (27, vec![0]), (28, vec![0, 1])]
    );
    assert!(view.marks_at_end().is_empty());
    view.set_filter("info");
    assert_eq!(view.visible().last().map(|it| it.marks), Some(0));
}

#[test]
fn filter_applies_to_new_lines() {
    let mut log = numbered(30);
    let mut view = view_of(&log, 20, 3);
    view.set_filter("error");
    assert_eq!(shown(&view), ["13 error", "23 error"]);
    log.push(LogLine::plain(at(30), "info"));
    log.push(LogLine::plain(at(31), "an Error"));
    view.set_log(log.clone());
    assert_eq!(shown(&view), ["23 error", "an Error"]);
    view.up(1);
    assert_eq!(shown(&view), ["13 error", "23 error"]);
    assert_eq!(view.lines_below(), 1);
    view.set_filter("");
    assert_eq!(view.lines().after(23), 8);
}

#[test]
fn unfinished_line_respects_pause_and_filter() {
    let mut log = numbered(30);
    log.live = Some(LogLine::plain(at(31), "Fetching 4%"));
    let mut view = view_of(&log, 20, 3);
    assert!(view.live().is_some());
    view.set_filter("error");
    assert!(view.live().is_none());
    view.set_filter("fetch");
    assert!(view.live().is_some());
    view.set_filter("");
    view.toggle_pause();
    assert!(view.live().is_none());
}

#[test]
fn go_to_time_puts_line_on_top() {
    let log = numbered(5_000);
    let mut view = view_of(&log, 20, 3);
    view.go_to(at(1_234));
    assert_eq!(view.top(), Some(1_234));
    view.go_to(at(-5));
    assert_eq!(view.top(), Some(0));
    view.go_to(at(9_999));
    assert_eq!(view.top(), Some(4_997));
}

#[test]
fn matches_span_styles_and_wide_letters() {
    let mut log = LogBuffer::default();
    let bold = LineStyle {
        bold: true,
        ..LineStyle::default()
    };
    log.push(LogLine::styled(at(0), "öERROR Ж", vec![(4, bold)]));
    let query = Query::new("error").unwrap();
    assert_eq!(query.ranges("öERROR error"), [2..7, 8..13]);
    assert!(query.is_in(log.line(0).unwrap()));
    assert_eq!(Query::new("Ж").unwrap().ranges("aЖЖ"), [1..3, 3..5]);
    assert_eq!(Query::new(""), None);
}

/// The same by the simplest means: every row of every line that is shown.
struct AllRows {
    rows: Vec<(u64, usize)>,
    heights: Vec<(u64, usize)>,
}

impl AllRows {
    fn of(lines: Lines<'_>) -> AllRows {
        let mut heights = Vec::new();
        for number in lines.log.first_seq()..lines.log.end_seq() {
            if lines.shown.contains(number) {
                let line = lines.log.line(number).unwrap();
                heights.push((number, row_starts(line, lines.long, lines.width).len()));
            }
        }
        let rows = heights
            .iter()
            .flat_map(|&(line, height)| (0..height).map(move |row| (line, row)))
            .collect();
        AllRows { rows, heights }
    }

    fn index(&self, held: Anchor) -> usize {
        let (_, height) = *self
            .heights
            .iter()
            .find(|(line, _)| *line == held.line)
            .unwrap();
        let row = height - 1 - held.below;
        self.rows
            .iter()
            .position(|at| *at == (held.line, row))
            .unwrap()
    }
}

fn any_line() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]{0,6}", "[abcx ]{0,40}", "[語ab]{0,20}"]
}

proptest! {
    #[test]
    fn scrolling_equals_the_naive_model(
        lines in proptest::collection::vec(any_line(), 1..40),
        width in 1..12_u16,
        pane in 1..9_u16,
        wraps in any::<bool>(),
        filter in "[abc]{0,1}",
        moves in proptest::collection::vec((any::<bool>(), prop_oneof![0..12_usize, Just(usize::MAX)]), 1..12),
    ) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let log = log_of(&lines);
        let mut view = view_of(&log, width, pane);
        if wraps {
            view.toggle_wrap();
        }
        view.set_filter(&filter);
        let lines = view.lines();
        let all = AllRows::of(lines);
        let Some(mut place) = lines.end() else {
            prop_assert!(all.rows.is_empty());
            return Ok(());
        };
        let pane = usize::from(pane);
        let last = all.rows.len() - 1;
        let mut index = last;
        for (up, rows) in moves {
            if up {
                place = lines.up(place, rows, pane).unwrap();
                index = index.saturating_sub(rows).max(last.min(pane - 1));
            } else {
                place = lines.down(place, rows).unwrap();
                index = index.saturating_add(rows).min(last);
            }
            prop_assert_eq!(all.index(place), index);
            let rows: Vec<(u64, usize)> = lines
                .window(place, pane)
                .into_iter()
                .flat_map(|shown| shown.rows.map(move |row| (shown.line, row)))
                .collect();
            let first = (index + 1).saturating_sub(pane);
            prop_assert_eq!(rows.as_slice(), &all.rows[first..=index]);
        }
    }

    #[test]
    fn wrapped_rows_are_complete_and_fit(line in any_line(), width in 2..20_u16) {
        use unicode_width::UnicodeWidthStr as _;
        let starts = row_starts(&LogLine::plain(at(0), line.clone()), LongLines::Wrap, width);
        let ends = starts.iter().skip(1).copied().chain([line.len()]);
        let rows: Vec<&str> = starts.iter().zip(ends).map(|(start, end)| &line[*start..end]).collect();
        prop_assert_eq!(rows.concat(), line.as_str());
        prop_assert!(rows.iter().all(|row| row.width() <= usize::from(width)));
    }

    #[test]
    fn updated_index_equals_a_fresh_one(
        parts in proptest::collection::vec(0..400_i64, 1..6),
        word in "[0-9]{1,2}",
    ) {
        let query = Query::new(&word).unwrap();
        let mut log = LogBuffer::default();
        let wanted = |_: u64, line: &LogLine| query.is_in(line);
        let mut kept = LineIndex::of(&log, wanted);
        let mut number = 0;
        for part in parts {
            for _ in 0..part {
                log.push(LogLine::plain(at(number), number.to_string()));
                number += 1;
            }
            kept.update(&log, wanted);
            let fresh = LineIndex::of(&log, wanted);
            prop_assert_eq!(kept.numbers().collect::<Vec<_>>(), fresh.numbers().collect::<Vec<_>>());
        }
    }
}
