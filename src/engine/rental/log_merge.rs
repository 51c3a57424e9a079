//! The market's copy of a container's log: all that there is before SSH lets us in, and where the
//! workload writes no log file. It is asked for until the log file itself says something.
//!
//! `onstart` sends the workload's output to the log file and not to the container's log, so that no
//! line is in both. A host whose docker could be asked is not among those that are rented: rentals
//! are containers, never virtual machines.

/// What of the copies was shown.
#[derive(Debug, Default)]
pub(crate) struct LogMerger {
    /// The lines of the last copy.
    last: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NewLines<'a> {
    /// Whether it goes on where the last copy ended.
    pub(crate) continuity: Continuity,
    pub(crate) lines: &'a [String],
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Continuity {
    First,
    Contiguous,
    /// More was written since the last copy than a copy holds.
    Gap,
}

impl LogMerger {
    pub(crate) fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// The lines that the last copy did not have. What is written over and over cannot be told from
    /// what was there before: then rather too little is shown than a line twice.
    pub(crate) fn merge(&mut self, copy: &str) -> NewLines<'_> {
        // A line that is not finished would be another one in the next copy.
        let whole = copy.rfind('\n').map_or("", |end| &copy[..end]);
        let lines = whole.lines().map(str::to_owned).collect();
        let last = std::mem::replace(&mut self.last, lines);
        let longest = last.len().min(self.last.len());
        let common = (1..=longest)
            .rev()
            .find(|&count| last[last.len() - count..] == self.last[..count]);
        let continuity = match common {
            _ if last.is_empty() => Continuity::First,
            Some(_) => Continuity::Contiguous,
            None => Continuity::Gap,
        };
        NewLines {
            continuity,
            lines: &self.last[common.unwrap_or_default()..],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of each copy.
    pub(crate) fn shown(copies: &[&str]) -> Vec<(Continuity, Vec<String>)> {
        let mut log = LogMerger::default();
        let mut take = |copy: &&str| {
            let news = log.merge(copy);
            (news.continuity, news.lines.to_vec())
        };
        copies.iter().map(&mut take).collect()
    }

    #[test]
    fn a_line_that_is_in_several_copies_is_shown_once() {
        assert_eq!(
            shown(&["a\nb\n", "a\nb\nc\n", "b\nc\n", "c\nd\ne\n"]),
            [
                (Continuity::First, vec!["a".into(), "b".into()]),
                (Continuity::Contiguous, vec!["c".into()]),
                (Continuity::Contiguous, vec![]),
                (Continuity::Contiguous, vec!["d".into(), "e".into()]),
            ]
        );
    }

    #[test]
    fn lines_that_are_alike_are_rather_missed_than_shown_twice() {
        assert_eq!(
            shown(&["x\nx\n", "x\nx\n", "x\nx\ny\n"])[1..],
            [
                (Continuity::Contiguous, vec![]),
                (Continuity::Contiguous, vec!["y".into()]),
            ]
        );
    }

    #[test]
    fn a_line_that_is_not_finished_waits_for_the_next_copy() {
        assert_eq!(
            shown(&["a\nhalf", "a\nhalf a line\n"]),
            [
                (Continuity::First, vec!["a".into()]),
                (Continuity::Contiguous, vec!["half a line".into()]),
            ]
        );
    }

    #[test]
    fn a_gap_between_two_copies_is_told() {
        assert_eq!(
            shown(&["a\nb\n", "y\nz\n"])[1],
            (Continuity::Gap, vec!["y".into(), "z".into()])
        );
    }

    #[test]
    fn an_empty_copy_is_no_beginning_and_no_gap() {
        assert_eq!(
            shown(&["", "a\n"])[1],
            (Continuity::First, vec!["a".into()])
        );
    }
}
