//! The rental's watchdog: the command that renews its lease and reads back what the watchdog makes of it,
//! and the verdict. A protection counts only when it was read back. Pure.

use crate::domain::{Duration, Time, WatchdogCheck, excerpt};
use crate::ports::CommandOutput;
use crate::ssh::quoted;

const SCRIPT: &str = include_str!("lease.sh");
/// The watchdog looks four times a minute, and a call to the market may take a minute a program.
const LOOKS_WITHIN: i64 = 240;
/// How far its count may be off: seconds are cut off, and it may not have looked since a renewal.
const COUNT_SLACK: Duration = Duration::minutes(2);
/// Beyond this the rental's clock is wrong. The lease does not depend on it, but certificates and logs do.
const CLOCK_SLACK: Duration = Duration::minutes(5);
/// A larger number is nonsense, and would overflow a time.
const LARGEST: i64 = 100_000_000_000;

/// Until when a rental may live without a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    /// By this machine's clock.
    pub(crate) until: Time,
    pub(crate) our_clock: OurClock,
}

/// What is known of this machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OurClock {
    Right,
    Behind(Duration),
    /// Or the chain stands still: the rental's clock is not judged by it.
    PerhapsAhead,
}

impl Lease {
    /// A time of this machine's clock by the right one.
    fn right(&self, time: Time) -> Time {
        match self.our_clock {
            OurClock::Behind(by) => time + by,
            OurClock::Right | OurClock::PerhapsAhead => time,
        }
    }

    /// Its end by a clock that is right.
    pub(crate) fn timestamp(&self) -> i64 {
        self.right(self.until).timestamp()
    }

    /// A wrong clock on the rental does not change these.
    pub(crate) fn seconds_left(&self, now: Time) -> i64 {
        (self.until - now).num_seconds().max(0)
    }

    /// Renews the lease and reads it back.
    pub(crate) fn renewal(&self, now: Time) -> String {
        let (until, left) = (self.timestamp(), self.seconds_left(now));
        format!("{} {until} {left}", reading())
    }

    /// What the watchdog makes of this lease, from the reading that was taken between two moments.
    pub(crate) fn verdict(&self, output: &CommandOutput, from: Time, to: Time) -> WatchdogCheck {
        let text = String::from_utf8_lossy(&output.stdout);
        match self.fault(&text, from, to) {
            None => WatchdogCheck::Verified,
            Some(fault) => WatchdogCheck::Failed(fault),
        }
    }

    fn fault(&self, text: &str, from: Time, to: Time) -> Option<String> {
        let number = |name: &str| {
            let number: i64 = field(text, name)?.parse().ok()?;
            Some(number.clamp(-LARGEST, LARGEST))
        };
        if field(text, "alive") != Some("yes") {
            return Some("its watchdog does not run".into());
        }
        let Some(clock) = number("now").and_then(|now| Time::from_timestamp(now, 0)) else {
            return Some("its clock cannot be read".into());
        };
        let (earliest, latest) = (self.right(from), self.right(to));
        let off = (clock - latest).max(earliest - clock);
        if off > CLOCK_SLACK && self.our_clock != OurClock::PerhapsAhead {
            let way = if clock > latest { "ahead" } else { "behind" };
            return Some(format!("its clock is {} {way}", spoken(off)));
        }
        let Some(left) = number("left") else {
            return self.unreported(number("lease"));
        };
        // Without an uptime it counts its own sleeps.
        let since = match (number("uptime"), number("up")) {
            (Some(now), Some(looked)) if now >= looked => now - looked,
            _ => 0,
        };
        if since > LOOKS_WITHIN {
            return Some(format!("its watchdog has not looked for {since} s"));
        }
        if field(text, "tools") == Some("") {
            return Some("it has no program that could call the market".into());
        }
        let over = from + Duration::seconds(left - since) - self.until;
        let early = self.until - (to + Duration::seconds(left - since));
        let off = over.max(early);
        if off > COUNT_SLACK {
            let way = if over > early { "late" } else { "early" };
            let error = last_error(text);
            return Some(format!(
                "its watchdog would end it {} {way}{error}",
                spoken(off)
            ));
        }
        None
    }

    /// The start script of an older version reports nothing; it goes by the file alone.
    fn unreported(&self, file: Option<i64>) -> Option<String> {
        (file != Some(self.timestamp()))
            .then(|| "its watchdog does not say what it counts".to_owned())
    }
}

/// Reads what the watchdog makes of its lease, and changes nothing.
pub(crate) fn reading() -> String {
    format!("sh -c {} lease", quoted(SCRIPT))
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let fields = text.lines().flat_map(|line| {
        // What follows is a program's own words.
        let end = line.find(" error=").unwrap_or(line.len());
        line[..end].split(' ')
    });
    // The last one: what the shell prints first is not the script's.
    let mut values = fields.filter_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    values.next_back()
}

fn last_error(text: &str) -> String {
    let error = text.lines().find_map(|line| line.split_once(" error="));
    match error.map(|(_, error)| excerpt(error)) {
        Some(error) if !error.is_empty() => format!(" (its last error: {error})"),
        _ => String::new(),
    }
}

fn spoken(length: Duration) -> String {
    match length.num_minutes() {
        minutes @ ..120 => format!("{minutes} minutes"),
        minutes => format!("{} hours", minutes / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_000_000;

    fn at(seconds: i64) -> Time {
        Time::from_timestamp(NOW + seconds, 0).unwrap()
    }

    fn lease() -> Lease {
        Lease {
            until: at(3_600),
            our_clock: OurClock::Right,
        }
    }

    fn verdict(text: &str) -> WatchdogCheck {
        let output = CommandOutput {
            status: Some(0),
            stdout: text.into(),
            stderr: Vec::new(),
        };
        lease().verdict(&output, at(0), at(2))
    }

    fn why(text: &str) -> String {
        match verdict(text) {
            WatchdogCheck::Failed(why) => why,
            other => panic!("{other:?}: {text}"),
        }
    }

    fn read(head: &str, status: &str) -> String {
        format!("{head} uptime=900 lease=1795003600\n{status}\n")
    }

    #[test]
    fn counting_watchdog_is_verified() {
        let status = "up=890 until=1795003600 left=3611 tools=curl error=";
        let text = read("alive=yes now=1795000001", status);
        assert_eq!(verdict(&text), WatchdogCheck::Verified);
        // An older start script reports nothing: its file must be ours.
        let older = read("alive=yes now=1795000001", "");
        assert_eq!(verdict(&older), WatchdogCheck::Verified);
        let other = older.replace("lease=1795003600", "lease=1795000000");
        assert!(why(&other).contains("does not say"));
    }

    #[test]
    fn each_broken_watchdog_is_named() {
        let good = "up=890 until=1795003600 left=3611 tools=curl error=";
        let now = "alive=yes now=1795000001";
        for (text, word) in [
            (String::new(), "does not run"),
            (read("alive=no now=1795000001", good), "does not run"),
            (read("alive=yes now=", good), "cannot be read"),
            (read("alive=yes now=1794913600", good), "24 hours"),
            (read("alive=yes now=1795007201", good), "ahead"),
            (read(now, &good.replace("890", "500")), "has not looked"),
            (read(now, &good.replace("curl", "")), "no program"),
            (read(now, &good.replace("3611", "90000")), "late"),
            (read(now, &good.replace("3611", "0")), "early"),
            // No number stops the reading.
            (
                read(now, &good.replace("3611", &i64::MAX.to_string())),
                "late",
            ),
            (
                read(now, &good.replace("3611", &i64::MIN.to_string())),
                "early",
            ),
            (
                read(now, &good.replace("890", &i64::MIN.to_string())),
                "has not looked",
            ),
            (read(&format!("alive=yes now={}", i64::MAX), good), "ahead"),
        ] {
            assert!(why(&text).contains(word), "{word}: {}", why(&text));
        }
        let failing = "up=890 until=1 left=0 tools=curl error=curl: (60) SSL alive=yes left=3611";
        assert!(why(&read(now, failing)).contains("curl: (60) SSL"));
    }

    #[test]
    fn renewal_sends_relative_seconds_too() {
        let lease = Lease {
            our_clock: OurClock::Behind(Duration::hours(2)),
            ..lease()
        };
        let command = lease.renewal(at(600));
        assert!(command.ends_with(" lease 1795010800 3000"), "{command}");
    }
}
