//! Lengths, clocks, counts, money and wrapping as text: one function each, for the cockpit, the commands and
//! the notices.

use std::fmt::Display;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use chrono::Timelike as _;

use super::digits::group;
use super::{Duration, Spent, Time, Usd};

/// `2d 03h`, `3h 07m`, `7m 05s`, `5s`; never negative.
pub fn length(duration: Duration) -> String {
    let seconds = duration.num_seconds().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if days > 0 {
        format!("{days}d {:02}h", hours % 24)
    } else if hours > 0 {
        format!("{hours}h {:02}m", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes}m {:02}s", seconds % 60)
    } else {
        format!("{seconds}s")
    }
}

/// The same to the minute: `3h 07m`, `7m`, `5s`.
pub fn roughly(duration: Duration) -> String {
    let text = length(duration);
    match text.split_once("m ") {
        Some((minutes, _)) => format!("{minutes}m"),
        None => text,
    }
}

/// `7m 05s` below ten minutes, `42m` and `1h 28m` above; never negative.
pub fn short(duration: Duration) -> String {
    if duration < Duration::minutes(10) {
        length(duration)
    } else {
        roughly(duration)
    }
}

/// `2d`, `3h`, `7m`, `5s`; never negative.
pub fn in_largest_unit(duration: Duration) -> String {
    let mut text = length(duration);
    text.truncate(text.find(' ').unwrap_or(text.len()));
    text
}

/// `14:05` today, `Mon 14:05` within six days, `11-22 14:05` otherwise. UTC, which only the tabs say.
pub fn clock(at: Time, now: Time) -> String {
    let days = at.date_naive() - now.date_naive();
    let pattern = match days.num_days().abs() {
        0 => "%H:%M",
        // Within twelve hours the day is clear.
        1 if (at - now).abs() < Duration::hours(12) => "%H:%M",
        1..=6 => "%a %H:%M",
        _ => "%m-%d %H:%M",
    };
    at.format(pattern).to_string()
}

/// `14:05:07`, in logs.
pub fn second(at: Time) -> String {
    let second = at.time().num_seconds_from_midnight();
    let (hours, minutes) = (second / 3600, second / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", second % 60)
}

/// `1,234,567`.
pub fn grouped(number: u64) -> String {
    group(&number.to_string())
}

/// `1 line`, `1,204 lines`.
pub fn count<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{} {noun}{plural}", group(&number.to_string()))
}

/// How often each word comes, in the order in which they came first.
pub fn tally<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut tally: Vec<(&str, usize)> = Vec::new();
    for word in words {
        match tally.iter_mut().find(|(known, _)| *known == word) {
            Some((_, number)) => *number += 1,
            None => tally.push((word, 1)),
        }
    }
    tally
}

/// `9 confirmed, 1 reward lost`.
pub fn tallied(tally: &[(&str, usize)]) -> String {
    let parts = tally.iter();
    let parts = parts.map(|(word, number)| format!("{number} {}", word.to_lowercase()));
    parts.collect::<Vec<_>>().join(", ")
}

/// Our own count of a cost, which the market has not billed: `~$9.61`.
pub fn estimate(cost: Usd) -> String {
    Spent::Estimated(cost).to_string()
}

/// `a, b and c`.
pub fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

/// A sentence in this many columns, with an ellipsis where it is cut.
pub fn cut(text: &str, columns: usize, ellipsis: &str) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let kept = beginning(text, columns.saturating_sub(ellipsis.width()));
    format!("{kept}{ellipsis}")
}

/// As much of a text as fits, without half a number at its end: `$9.` is no price.
fn beginning(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let too_far = text.char_indices().find(|(_, letter)| {
        used += letter.width().unwrap_or_default();
        used > columns
    });
    let Some((end, next)) = too_far else {
        return text;
    };
    let kept = &text[..end];
    let (before, word) = kept.rsplit_once(' ').unwrap_or(("", kept));
    let figure = word.trim_start_matches(['(', '"', '$', '~', '≤']);
    let is_number = figure.is_empty() || figure.starts_with(|letter: char| letter.is_ascii_digit());
    let is_half = !word.is_empty() && is_number && next != ' ';
    let kept = if is_half && !before.is_empty() {
        before
    } else {
        kept
    };
    kept.trim_end()
}

/// An identifier cut to `columns` in its middle; of its end `end` letters are kept.
pub fn both_ends(text: &str, columns: usize, end: usize, ellipsis: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= columns {
        return text.to_owned();
    }
    let end = end.min(columns.saturating_sub(ellipsis.width()));
    let start = columns.saturating_sub(end + ellipsis.width());
    let first: String = letters.iter().take(start).collect();
    let last: String = letters.iter().skip(letters.len() - end).collect();
    format!("{first}{ellipsis}{last}")
}

/// An identifier with its last four characters: `vast…5001`.
pub fn short_id(text: &str, columns: usize, ellipsis: &str) -> String {
    both_ends(text, columns, 4, ellipsis)
}

/// Breaks a text between words into rows of at most this many columns. A longer word is not broken but
/// cut on the screen: half an address is no use.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in text.split_whitespace() {
        let last = rows.last_mut().filter(|row| !row.is_empty());
        match last {
            Some(row) if row.width() + 1 + word.width() <= columns => {
                row.push(' ');
                row.push_str(word);
            }
            Some(_) => rows.push(word.to_owned()),
            None => rows = vec![word.to_owned()],
        }
    }
    rows
}

/// The same, but no row is wider: a longer word is broken.
pub fn fill(text: &str, columns: usize) -> Vec<String> {
    let broken = |row: String| {
        let mut rows = vec![String::new()];
        let mut used = 0;
        for letter in row.chars() {
            let width = letter.width().unwrap_or_default();
            if used + width > columns && used > 0 {
                rows.push(String::new());
                used = 0;
            }
            used += width;
            if let Some(last) = rows.last_mut() {
                last.push(letter);
            }
        }
        rows
    };
    wrap(text, columns).into_iter().flat_map(broken).collect()
}

/// The first rows of a text, with an ellipsis if there are more.
pub fn wrap_into(text: &str, columns: usize, most: usize, ellipsis: &str) -> Vec<String> {
    let mut rows = wrap(text, columns);
    if rows.len() <= most {
        return rows;
    }
    rows.truncate(most);
    if let Some(last) = rows.last_mut() {
        let kept = beginning(last, columns.saturating_sub(ellipsis.width()));
        *last = format!("{kept}{ellipsis}");
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_in_the_order_of_their_first() {
        let words = ["FAILED", "CONFIRMED", "FAILED"];
        assert_eq!(tallied(&tally(words)), "2 failed, 1 confirmed");
        assert_eq!(tallied(&tally([])), "");
    }

    #[test]
    fn cut_leaves_no_half_of_a_number() {
        assert_eq!(cut("costs $9.10/h now", 12, "…"), "costs…");
        assert_eq!(cut("costs $9.10/h now", 15, "…"), "costs $9.10/h…");
        assert_eq!(cut("(~$4.12 spent)", 10, "…"), "(~$4.12 s…");
        assert_eq!(cut("refused (10.0.0.9)", 14, "…"), "refused…");
        // A word alone is cut where it must be.
        assert_eq!(cut("31415001", 5, "…"), "3141…");
    }

    #[test]
    fn wrap_breaks_words_and_marks_cuts() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("", 7), [""]);
        assert_eq!(wrap("a-word-too-long b", 7), ["a-word-too-long", "b"]);
        assert_eq!(
            fill("a-word-too-long b", 7),
            ["a-word-", "too-lon", "g", "b"]
        );
        assert_eq!(wrap_into("one two three", 7, 1, "…"), ["one tw…"]);
        assert_eq!(wrap_into("one two", 7, 1, "…"), ["one two"]);
    }

    #[test]
    fn identifiers_keep_their_end() {
        assert_eq!(short_id("vastai-31415001", 15, "…"), "vastai-31415001");
        assert_eq!(short_id("vastai-31415001", 9, "…"), "vast…5001");
        assert_eq!(short_id("gonka1x9k3v7c9k2l", 14, "…"), "gonka1x9k…9k2l");
        let address = both_ends("127.0.0.1:18951/26741", 18, 12, "…");
        assert_eq!(address, "127.0…:18951/26741");
        assert_eq!(short_id("vastai-31415001", 3, "…"), "…01");
    }

    #[test]
    fn rough_lengths_drop_seconds() {
        let words = |seconds| roughly(Duration::seconds(seconds));
        assert_eq!(words(59), "59s");
        assert_eq!(words(61), "1m");
        assert_eq!(words(3_720), "1h 02m");
        assert_eq!(words(90_000), "1d 01h");
    }
}
