//! Terminal bytes as keys, pastes and mouse events. Silence means something in two places: an escape
//! byte alone is the key only when nothing follows, and a paste whose end was lost is over. Pure.
//!
//! crossterm's own reader holds every byte back until a paste ends, so its parser is used through
//! `terminput`, which leaves the bytes to us.

use std::time::{Duration, Instant};

use crossterm::event::Event;

const ESCAPE: u8 = 0x1b;
const CTRL_C: u8 = 0x03;
const PASTE_START: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// A sequence's bytes come together, but a network can split them.
const ESCAPE_SILENCE: Duration = Duration::from_millis(50);
/// A paste's bytes come together, but a network can stall.
const PASTE_SILENCE: Duration = Duration::from_secs(1);
/// No sequence of a terminal is longer.
const LONGEST_SEQUENCE: usize = 128;

pub(super) struct Decoder {
    state: State,
    last_byte: Instant,
}

enum State {
    /// The beginning of a key or mouse event; empty between events.
    Sequence(Vec<u8>),
    Paste(Vec<u8>),
}

impl Decoder {
    pub(super) fn new(now: Instant) -> Decoder {
        Decoder {
            state: State::Sequence(Vec::new()),
            last_byte: now,
        }
    }

    /// Takes the bytes of one read. Returns the events that they complete.
    pub(super) fn feed(&mut self, bytes: &[u8], now: Instant) -> Vec<Event> {
        self.last_byte = now;
        let mut events = Vec::new();
        // Keys that nobody pastes alone: the operator wants out.
        if matches!(bytes, [ESCAPE | CTRL_C]) {
            events.extend(self.end_paste());
        }
        for byte in self.without_paste_rest(bytes) {
            events.extend(self.push(*byte));
        }
        events
    }

    /// How long to wait for more bytes until `on_silence` is due; absent if it is not.
    pub(super) fn patience(&self, now: Instant) -> Option<Duration> {
        let silence = match &self.state {
            State::Sequence(bytes) if bytes.is_empty() => return None,
            State::Sequence(_) => ESCAPE_SILENCE,
            State::Paste(_) => PASTE_SILENCE,
        };
        Some(silence.saturating_sub(now.saturating_duration_since(self.last_byte)))
    }

    /// What the silence since the last byte completes.
    pub(super) fn on_silence(&mut self, now: Instant) -> Option<Event> {
        if self.patience(now)? > Duration::ZERO {
            return None;
        }
        match &mut self.state {
            State::Paste(_) => self.end_paste(),
            State::Sequence(bytes) => {
                let bytes = std::mem::take(bytes);
                parse(&bytes).unwrap_or_default()
            }
        }
    }

    fn push(&mut self, byte: u8) -> Option<Event> {
        match &mut self.state {
            State::Paste(text) => {
                text.push(byte);
                let length = text.strip_suffix(PASTE_END)?.len();
                text.truncate(length);
                self.end_paste()
            }
            State::Sequence(bytes) => {
                bytes.push(byte);
                match bytes.as_slice() {
                    [ESCAPE] => None,
                    // The first one was the key.
                    [ESCAPE, ESCAPE] => {
                        bytes.truncate(1);
                        parse(&[ESCAPE]).unwrap_or_default()
                    }
                    PASTE_START => {
                        self.state = State::Paste(Vec::new());
                        None
                    }
                    sequence => match parse(sequence) {
                        Ok(None) if sequence.len() < LONGEST_SEQUENCE => None,
                        parsed => {
                            bytes.clear();
                            parsed.unwrap_or_default()
                        }
                    },
                }
            }
        }
    }

    fn end_paste(&mut self) -> Option<Event> {
        let State::Paste(text) = &self.state else {
            return None;
        };
        let text = String::from_utf8_lossy(text).into_owned();
        self.state = State::Sequence(Vec::new());
        Some(Event::Paste(text))
    }

    /// The bytes without the rest of a paste that stalled for so long that it was taken to be over: its
    /// letters are no keys.
    fn without_paste_rest<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let State::Sequence(sequence) = &mut self.state else {
            return bytes;
        };
        let Some(end) = find(bytes, PASTE_END) else {
            return bytes;
        };
        if find(&bytes[..end], PASTE_START).is_some() {
            return bytes;
        }
        sequence.clear();
        &bytes[end + PASTE_END.len()..]
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|found| found == part)
}

/// Absent while more bytes are needed. An error is no event at all.
fn parse(bytes: &[u8]) -> std::io::Result<Option<Event>> {
    let event = terminput::Event::parse_from(bytes)?;
    Ok(event.and_then(|event| terminput_crossterm::to_crossterm(event).ok()))
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn key(code: KeyCode) -> Event {
        Event::Key(KeyEvent::from(code))
    }

    fn letter(letter: char) -> Event {
        key(KeyCode::Char(letter))
    }

    fn paste(text: &str) -> Event {
        Event::Paste(text.into())
    }

    #[test]
    fn keys_are_those_of_crossterm() {
        let now = Instant::now();
        let mut decoder = Decoder::new(now);
        let events = decoder.feed("qé\r\x1b[A\x1bOP\x1b[5~\x03\x1b[<0;3;4M".as_bytes(), now);
        let control_c = Event::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
        let keys = [
            letter('q'),
            letter('é'),
            key(KeyCode::Enter),
            key(KeyCode::Up),
            key(KeyCode::F(1)),
            key(KeyCode::PageUp),
            control_c,
        ];
        assert_eq!(events[..7], keys);
        assert!(matches!(events[7..], [Event::Mouse(_)]), "{events:?}");
        assert_eq!(decoder.patience(now), None);
    }

    #[test]
    fn escape_is_a_key_after_silence() {
        let now = Instant::now();
        let mut decoder = Decoder::new(now);
        assert_eq!(decoder.feed(b"\x1b", now), []);
        assert_eq!(decoder.on_silence(now + 49 * MS), None);
        assert_eq!(decoder.patience(now + 49 * MS), Some(MS));
        assert_eq!(decoder.on_silence(now + 50 * MS), Some(key(KeyCode::Esc)));
        // Two in one read are two keys.
        assert_eq!(decoder.feed(b"\x1b\x1b", now), [key(KeyCode::Esc)]);
        assert_eq!(decoder.on_silence(now + 50 * MS), Some(key(KeyCode::Esc)));
    }

    #[test]
    fn sequence_split_by_the_network_is_one_key() {
        let now = Instant::now();
        let mut decoder = Decoder::new(now);
        assert_eq!(decoder.feed(b"\x1b", now), []);
        assert_eq!(decoder.feed(b"[", now + 20 * MS), []);
        assert_eq!(decoder.on_silence(now + 40 * MS), None);
        assert_eq!(decoder.feed(b"B", now + 40 * MS), [key(KeyCode::Down)]);
    }

    #[test]
    fn broken_sequence_swallows_no_later_key() {
        let now = Instant::now();
        let mut decoder = Decoder::new(now);
        assert_eq!(decoder.feed(b"\x1b[1;", now), []);
        assert_eq!(decoder.on_silence(now + 50 * MS), None);
        assert_eq!(decoder.feed(b"q", now + 60 * MS), [letter('q')]);
        // Nor does one without any end.
        decoder.feed(&[b"\x1b[".as_slice(), &[b'1'; 200]].concat(), now);
        assert_eq!(decoder.feed(b"q", now).last(), Some(&letter('q')));
    }

    #[test]
    fn paste_is_one_event_across_reads() {
        let now = Instant::now();
        let mut decoder = Decoder::new(now);
        assert_eq!(decoder.feed(b"a\x1b[200~y\ny", now), [letter('a')]);
        let events = decoder.feed(b"\x1b[A\x1b[201~b", now + 900 * MS);
        assert_eq!(events, [paste("y\ny\x1b[A"), letter('b')]);
    }

    #[test]
    fn paste_without_end_is_over_after_silence() {
        let now = Instant::now();
        let mut decoder = Decoder::new(now);
        decoder.feed(b"\x1b[200~partial", now);
        assert_eq!(decoder.on_silence(now + 999 * MS), None);
        let later = now + 1_000 * MS;
        assert_eq!(decoder.on_silence(later), Some(paste("partial")));
        assert_eq!(decoder.feed(b"?", later), [letter('?')]);
        // Its rest may come yet: those letters are no keys.
        assert_eq!(decoder.feed(b"yy\x1b[201~q", later), [letter('q')]);
    }

    #[test]
    fn escape_and_control_c_alone_end_a_paste() {
        let now = Instant::now();
        for (byte, after) in [(CTRL_C, 1), (ESCAPE, 0)] {
            let mut decoder = Decoder::new(now);
            decoder.feed(b"\x1b[200~partial", now);
            let events = decoder.feed(&[byte], now + 500 * MS);
            assert_eq!(events[0], paste("partial"));
            assert_eq!(events.len(), 1 + after);
            let escape = decoder.on_silence(now + 600 * MS);
            assert_eq!(escape.is_some(), byte == ESCAPE);
        }
    }
}
