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

fn shown(view: &LogView, log: &BootLog) -> Vec<String> {
    let lines = view.lines(log);
    let place = view.place(log);
    let window = place.map(|place| lines.window(place, view.pane()));
    let lines = window.unwrap_or_default();
    lines
        .iter()
        .map(|shown| log.line(shown.line).unwrap().text().to_owned())
        .collect()
}

fn view_of(log: &BootLog, width: u16, height: u16) -> LogView {
    LogView {
        size: Size::new(width, height),
        ..LogView::new(log)
    }
}

#[test]
fn it_follows_until_one_scrolls_and_counts_what_comes_meanwhile() {
    let mut log = numbered(100);
    let mut view = view_of(&log, 20, 3);
    assert_eq!(shown(&view, &log), ["97 info", "98 info", "99 info"]);
    view.up(&log, 2);
    log.push(LogLine::plain(at(100), "new"));
    view.take(&log);
    assert_eq!(shown(&view, &log), ["95 info", "96 info", "97 info"]);
    assert_eq!(view.new_below(&log), 3);
    view.down(&log, 3);
    assert_eq!((view.held, view.new_below(&log)), (None, 0));
}

#[test]
fn what_is_held_stays_until_it_is_dropped_and_then_the_oldest_lines_are_shown() {
    let mut log = numbered(1_000);
    let mut view = view_of(&log, 20, 3);
    view.up(&log, usize::MAX);
    assert_eq!(shown(&view, &log), ["0 info", "1 info", "2 info"]);
    for number in 1_000..i64::try_from(BootLog::CAPACITY).unwrap() {
        log.push(LogLine::plain(at(number), "more"));
        view.take(&log);
    }
    assert_eq!(shown(&view, &log), ["0 info", "1 info", "2 info"]);
    log.push(LogLine::plain(at(200_000), "one too many"));
    view.take(&log);
    assert_eq!(log.first_seq(), 256);
    assert_eq!(shown(&view, &log), ["256 info", "257 info", "258 info"]);
    assert!(view.held.is_some_and(|held| held.line < log.first_seq()));
}

#[test]
fn another_rentals_log_is_followed_from_its_end() {
    let log = numbered(100);
    let mut view = view_of(&log, 20, 4);
    view.filter("error", &log);
    view.up(&log, 5);
    let mut other = BootLog::default();
    for number in 0..200 {
        other.push(LogLine::plain(at(5_000), format!("{number} error")));
    }
    view.take(&other);
    assert_eq!(
        shown(&view, &other),
        ["197 error", "198 error", "199 error"]
    );
}

#[test]
fn a_search_goes_to_the_newest_match_above_then_around_both_ends() {
    let log = numbered(50);
    let mut view = view_of(&log, 20, 5);
    assert!(view.search("ERROR", &log));
    let current = |view: &LogView| view.search.as_ref().unwrap().current;
    assert_eq!(current(&view), Some(43));
    assert!(shown(&view, &log).contains(&"43 error".to_owned()));
    view.next_match(Toward::Older, &log);
    assert_eq!(current(&view), Some(33));
    view.next_match(Toward::Newer, &log);
    view.next_match(Toward::Newer, &log);
    assert_eq!(current(&view), Some(3));
    view.next_match(Toward::Older, &log);
    assert_eq!(current(&view), Some(43));
    assert!(!view.search("nowhere", &log));
    assert!(!view.next_match(Toward::Newer, &log));
}

#[test]
fn a_filter_shows_only_its_lines_and_new_ones_as_they_come() {
    let mut log = numbered(30);
    let mut view = view_of(&log, 20, 3);
    view.filter("error", &log);
    assert_eq!(shown(&view, &log), ["13 error", "23 error"]);
    log.push(LogLine::plain(at(30), "info"));
    log.push(LogLine::plain(at(31), "an Error"));
    view.take(&log);
    assert_eq!(shown(&view, &log), ["23 error", "an Error"]);
    view.up(&log, 1);
    assert_eq!(shown(&view, &log), ["13 error", "23 error"]);
    assert_eq!(view.new_below(&log), 1);
    view.search("an", &log);
    assert_eq!(view.search.as_ref().unwrap().lines.count(), 1);
    view.filter("", &log);
    assert_eq!(view.lines(&log).after(23), 8);
}

#[test]
fn a_line_being_written_is_shown_only_while_followed_and_let_through() {
    let mut log = numbered(30);
    log.live = Some(LogLine::plain(at(31), "Fetching 4%"));
    let mut view = view_of(&log, 20, 3);
    assert!(view.live(&log).is_some());
    view.filter("error", &log);
    assert!(view.live(&log).is_none());
    view.filter("fetch", &log);
    assert!(view.live(&log).is_some());
    view.filter("", &log);
    view.pause(&log);
    assert!(view.live(&log).is_none());
}

#[test]
fn the_first_line_since_a_time_is_put_at_the_top() {
    let log = numbered(5_000);
    let mut view = view_of(&log, 20, 3);
    view.go_to(at(1_234), &log);
    assert_eq!(view.top(&log), Some(1_234));
    view.go_to(at(-5), &log);
    assert_eq!(view.top(&log), Some(0));
    view.go_to(at(9_999), &log);
    assert_eq!(view.top(&log), Some(4_997));
}

#[test]
fn matches_are_found_across_styles_and_next_to_other_letters() {
    let mut log = BootLog::default();
    let bold = LineStyle {
        bold: true,
        ..LineStyle::default()
    };
    log.push(LogLine::styled(at(0), "öERROR Ж", vec![(4, bold)]));
    let query = Query::new("error").unwrap();
    assert_eq!(query.places("öERROR error"), [2..7, 8..13]);
    assert_eq!(Matches::of(vec![query], &log).count(), 1);
    assert_eq!(Query::new("Ж").unwrap().places("aЖЖ"), [1..3, 3..5]);
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

    fn index(&self, held: Held) -> usize {
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
    fn moving_is_what_it_would_be_with_every_row_at_hand(
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
            view.wrap();
        }
        view.filter(&filter, &log);
        let lines = view.lines(&log);
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
    fn rows_are_the_whole_line_and_none_is_wider_than_the_pane(line in any_line(), width in 2..20_u16) {
        use unicode_width::UnicodeWidthStr as _;
        let starts = row_starts(&LogLine::plain(at(0), line.clone()), LongLines::Wrap, width);
        let ends = starts.iter().skip(1).copied().chain([line.len()]);
        let rows: Vec<&str> = starts.iter().zip(ends).map(|(start, end)| &line[*start..end]).collect();
        prop_assert_eq!(rows.concat(), line.as_str());
        prop_assert!(rows.iter().all(|row| row.width() <= usize::from(width)));
    }

    #[test]
    fn matches_that_are_kept_up_are_those_of_a_fresh_look(
        parts in proptest::collection::vec(0..400_i64, 1..6),
        word in "[0-9]{1,2}",
    ) {
        let query = Query::new(&word).unwrap();
        let mut log = BootLog::default();
        let mut kept = Matches::of(vec![query.clone()], &log);
        let mut number = 0;
        for part in parts {
            for _ in 0..part {
                log.push(LogLine::plain(at(number), number.to_string()));
                number += 1;
            }
            kept.keep_up(&log);
            let fresh = Matches::of(vec![query.clone()], &log);
            prop_assert_eq!(kept.numbers().collect::<Vec<_>>(), fresh.numbers().collect::<Vec<_>>());
        }
    }
}
