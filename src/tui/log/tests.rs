use proptest::prelude::*;

use super::*;
use crate::domain::LineStyle;

fn at(second: i64) -> Time {
    Time::from_timestamp(1_790_000_000 + second, 0).unwrap()
}

fn log_of(lines: &[&str]) -> BootLog {
    let mut log = BootLog::default();
    for (second, line) in (0..).zip(lines) {
        log.push(LogLine::plain(at(second), *line));
    }
    log
}

fn numbered(count: i64) -> BootLog {
    let mut log = BootLog::default();
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

fn view_of(log: &BootLog, width: u16, height: u16) -> LogPane {
    LogPane {
        size: Size::new(width, height),
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
    for number in 1_000..i64::try_from(BootLog::CAPACITY).unwrap() {
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
    let mut other = BootLog::default();
    for number in 0..200 {
        other.push(LogLine::plain(at(5_000), format!("{number} error")));
    }
    view.set_log(other.clone());
    assert_eq!(shown(&view), ["197 error", "198 error", "199 error"]);
}

#[test]
fn matches_are_gone_to_from_the_newest_and_wrap() {
    let log = numbered(50);
    let mut view = view_of(&log, 20, 5);
    view.set_filter("ERROR");
    view.toggle_others();
    let current = |view: &LogPane| view.filter.as_ref().unwrap().current;
    view.next_match(Toward::Older);
    assert_eq!(current(&view), Some(43));
    assert!(shown(&view).contains(&"43 error".to_owned()));
    view.next_match(Toward::Older);
    assert_eq!(current(&view), Some(33));
    view.next_match(Toward::Newer);
    view.next_match(Toward::Newer);
    assert_eq!(current(&view), Some(3));
    view.next_match(Toward::Older);
    assert_eq!(current(&view), Some(43));
    view.set_filter("nowhere");
    assert!(!view.next_match(Toward::Newer));
}

#[test]
fn other_lines_are_shown_around_the_match() {
    // Given a filter and a match that was gone to,
    let log = numbered(50);
    let mut view = view_of(&log, 20, 5);
    view.set_filter("error");
    view.next_match(Toward::Older);
    view.next_match(Toward::Older);
    assert_eq!(
        shown(&view),
        ["13 error", "23 error", "33 error", "43 error"]
    );
    // when the other lines are shown too, then the match stays in sight among them,
    view.toggle_others();
    assert!(shown(&view).contains(&"33 error".to_owned()));
    assert!(shown(&view).contains(&"34 info".to_owned()));
    // and they can be hidden again.
    view.toggle_others();
    assert!(shown(&view).iter().all(|line| line.ends_with("error")));
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
    view.set_filter("an");
    assert_eq!(view.filter.as_ref().unwrap().lines.count(), 1);
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
    let mut log = BootLog::default();
    let bold = LineStyle {
        bold: true,
        ..LineStyle::default()
    };
    log.push(LogLine::styled(at(0), "öERROR Ж", vec![(4, bold)]));
    let query = Query::new("error").unwrap();
    assert_eq!(query.ranges("öERROR error"), [2..7, 8..13]);
    assert_eq!(Matches::of(query, &log).count(), 1);
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
            let is_shown = lines
                .only
                .is_none_or(|only| only.numbers().any(|n| n == number));
            if is_shown {
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
    fn updated_matches_equal_a_fresh_search(
        parts in proptest::collection::vec(0..400_i64, 1..6),
        word in "[0-9]{1,2}",
    ) {
        let query = Query::new(&word).unwrap();
        let mut log = BootLog::default();
        let mut kept = Matches::of(query.clone(), &log);
        let mut number = 0;
        for part in parts {
            for _ in 0..part {
                log.push(LogLine::plain(at(number), number.to_string()));
                number += 1;
            }
            kept.update(&log);
            let fresh = Matches::of(query.clone(), &log);
            prop_assert_eq!(kept.numbers().collect::<Vec<_>>(), fresh.numbers().collect::<Vec<_>>());
        }
    }
}
