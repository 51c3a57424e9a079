//! The market's copies of a container's log: the only log before SSH works, and where the workload writes
//! no log file. They are polled until the log file has its first line.
//!
//! `onstart` sends the workload's output to the log file and not to the container's log, so that no
//! line is in both.

#[derive(Debug, Default)]
pub(crate) struct LogMerger {
    /// The lines of the last copy.
    last: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NewLines<'a> {
    pub(crate) continuity: Continuity,
    pub(crate) lines: &'a [String],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Continuity {
    First,
    Contiguous,
    /// Lines between this copy and the last one are missing.
    Gap,
}

impl LogMerger {
    pub(crate) fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// The lines that the last copy did not have. Repeated lines look like old ones: they are rather
    /// missed than shown twice.
    pub(crate) fn merge(&mut self, copy: &str) -> NewLines<'_> {
        // An unfinished line would differ in the next copy.
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

    fn shown(copies: &[&str]) -> Vec<(Continuity, Vec<String>)> {
        let mut log = LogMerger::default();
        let merged = copies.iter().map(|copy| {
            let new = log.merge(copy);
            (new.continuity, new.lines.to_vec())
        });
        merged.collect()
    }

    #[test]
    fn copies_are_merged() {
        use Continuity::{Contiguous, First, Gap};
        type Merged<'a> = (Continuity, &'a [&'a str]);
        let cases: [(&str, &[&str], &[Merged<'_>]); 5] = [
            (
                "a line in several copies is shown once",
                &["a\nb\n", "a\nb\nc\n", "b\nc\n", "c\nd\ne\n"],
                &[
                    (First, &["a", "b"]),
                    (Contiguous, &["c"]),
                    (Contiguous, &[]),
                    (Contiguous, &["d", "e"]),
                ],
            ),
            (
                "equal lines are rather missed than shown twice",
                &["x\nx\n", "x\nx\n", "x\nx\ny\n"],
                &[
                    (First, &["x", "x"]),
                    (Contiguous, &[]),
                    (Contiguous, &["y"]),
                ],
            ),
            (
                "an unfinished line waits for the next copy",
                &["a\nhalf", "a\nhalf a line\n"],
                &[(First, &["a"]), (Contiguous, &["half a line"])],
            ),
            (
                "a gap is noticed",
                &["a\nb\n", "y\nz\n"],
                &[(First, &["a", "b"]), (Gap, &["y", "z"])],
            ),
            (
                "an empty copy is no start and no gap",
                &["", "a\n"],
                &[(First, &[]), (First, &["a"])],
            ),
        ];
        for (case, copies, expected) in cases {
            let owned = |(continuity, lines): &Merged<'_>| {
                let lines = lines.iter().map(|line| (*line).to_owned()).collect();
                (*continuity, lines)
            };
            let expected: Vec<_> = expected.iter().map(owned).collect();
            assert_eq!(shown(copies), expected, "{case}");
        }
    }
}
