use proptest::prelude::*;

use super::*;

const PIECES: [&str; 17] = [
    "plain text",
    "x",
    "\n",
    "\n",
    "a line\n",
    "\r",
    "\r\n",
    "\t",
    "\x1b[31m",
    "\x1b[1;38;5;208m",
    "\x1b[m",
    "\x1b[3;;48;2;1;2;3m",
    "\x1b[7777m",
    "\x1b[32mINFO\x1b[0m plain\n",
    "\x1b[",
    "\x1b]0;t",
    "\u{fc}",
];

fn at() -> Time {
    Time::from_timestamp(1_790_000_000, 0).unwrap()
}

fn lines(bytes: &[u8]) -> Vec<LogLine> {
    Sanitizer::new().feed(at(), bytes)
}

fn text(line: &LogLine) -> String {
    line.text().to_owned()
}

fn texts(bytes: &[u8]) -> Vec<String> {
    lines(bytes).iter().map(text).collect()
}

#[test]
fn plain_lines_are_unchanged() {
    assert_eq!(texts(b"one\r\ntwo\n\nthree"), ["one", "two", ""]);
}

#[test]
fn progress_bar_is_one_line() {
    let mut sanitizer = Sanitizer::new();
    let finished = sanitizer.feed(at(), b"\rFetching:  1%|\rFetching: 42%|");
    assert!(finished.is_empty());
    let live = sanitizer.live(at()).as_ref().map(text);
    assert_eq!(live, Some("Fetching: 42%|".into()));
    let finished = sanitizer.feed(at(), b"\rFetching: 100%|\n");
    assert_eq!(finished[0].text(), "Fetching: 100%|");
    assert_eq!(sanitizer.live(at()), None);
}

#[test]
fn colours_become_styles() {
    let line = &lines(b"\x1b[1;31mbad\x1b[0m ok \x1b[38;5;208mo\x1b[48;2;1;2;3mr\x1b[m\n")[0];
    assert_eq!(line.text(), "bad ok or");
    let spans: Vec<_> = line.spans().collect();
    let texts: Vec<&str> = spans.iter().map(|span| span.text).collect();
    assert_eq!(texts, ["bad", " ok ", "o", "r"]);
    assert!(spans[0].style.bold);
    assert_eq!(spans[0].style.foreground, Some(TerminalColor::Indexed(1)));
    assert_eq!(spans[2].style.foreground, Some(TerminalColor::Indexed(208)));
    assert_eq!(spans[3].style.background, Some(TerminalColor::Rgb(1, 2, 3)));
}

#[test]
fn only_colours_survive() {
    let attack = b"\x1bc\x1b[2J\x1b[H\x1b]52;c;ZXZpbA==\x07\x1b]0;title\x1b\\\x9b31m\x1bP+q\x1b\\\x1b[?1049hsafe\xff\n";
    let line = &texts(attack)[0];
    assert!(line.ends_with("safe\u{fffd}"), "{line:?}");
    assert!(!line.contains(char::is_control), "{line:?}");
}

#[test]
fn other_sequences_are_dropped() {
    let attacks: [&[u8]; 21] = [
        b"\x1bc",                                  // reset
        b"\x1b[2J\x1b[3J\x1b[H",                   // clear the screen and its history
        b"\x1b[6n\x1b[c\x1b[>q\x1b]11;?\x07",      // questions: a terminal types the answers
        b"\x1b]52;c;cm0gLXJmIC8=\x07",             // the clipboard
        b"\x1b]0;title\x07\x1b]2;title\x1b\\",     // the title
        b"\x1b[21t",                               // the title, typed
        b"\x1b]8;;http://evil.example\x1b\\",      // a link
        b"\x1b]1337;File=name=eA==:AAAA\x07",      // a file
        b"\x1b]777;notify;a;b\x07\x1b]9;evil\x07", // a notification
        b"\x1bP$q\"p\x1b\\\x1bP+q544e\x1b\\",      // device control
        b"\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\", // through tmux
        b"\x1b_Gf=100;AAAA\x1b\\",                 // a picture
        b"\x1b^private\x1b\\\x1bXstring\x1b\\",
        b"\x1b[?1049h\x1b[?1000h\x1b[?2004h\x1b[?25l", // modes
        b"\x1b[99999999b\x1b[1;99999S\x1b[5A\x1b[K",   // repeat, scroll, move, erase
        b"\x1b#8\x1b(0\x0e\x0f",                       // alignment, character sets
        b"\x1b[4:3;58:2::1:2:3m\x1b[38;5m\x1b[48;2;1m", // odd colours
        b"\x07\x08\x08\x0b\x0c\x7f\x05",               // bell, back, form feed, enquiry
        "\u{202e}\u{200b}\u{2028}\u{e0041}".as_bytes(), // invisible and turning
        b"\x1b[31;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;m\x1b[m",
        b"\x1b",
    ];
    for attack in attacks {
        let line = [b"a".as_slice(), attack, b"\x1b[mb\n"].concat();
        let seen = texts(&line);
        assert_eq!(seen, ["ab"], "{:?}", String::from_utf8_lossy(attack));
    }
    // A C1 control in UTF-8 is no control to every terminal, so what follows it is shown.
    assert_eq!(texts(b"a\xc2\x9b31mb\n"), ["a31mb"]);
}

#[test]
fn unterminated_sequence_hides_no_lines() {
    assert_eq!(
        texts(b"a\x1b]0;hidden\nb\x1bPq\nc\x1b[3\nd\n"),
        ["a", "b", "c", "d"]
    );
}

#[test]
fn endless_sequence_uses_bounded_memory() {
    let mut sanitizer = Sanitizer::new();
    sanitizer.feed(at(), b"\x1b]");
    sanitizer.feed(at(), &vec![b'x'; MAX_SEQUENCE - 2]);
    assert_eq!(sanitizer.live(at()), None);
    sanitizer.feed(at(), b"seen again");
    let live = sanitizer.live(at()).as_ref().map(text);
    assert_eq!(live, Some("seen again".into()));
}

#[test]
fn chunking_of_long_lines_is_irrelevant() {
    let bytes = "\u{20ac}".repeat(MAX_SEQUENCE).into_bytes();
    for begin in [b"\x1b]".as_slice(), b"\x1b]x", b"\x1b]xy"] {
        let all = [begin, &bytes, b"\n"].concat();
        let mut sanitizer = Sanitizer::new();
        let pieces = all.chunks(MAX_SEQUENCE / 3 + 1);
        let lines: Vec<_> = pieces
            .flat_map(|piece| sanitizer.feed(at(), piece))
            .collect();
        assert_eq!(lines, self::lines(&all));
    }
}

#[test]
fn end_returns_last_line_and_resets() {
    let mut sanitizer = Sanitizer::new();
    sanitizer.feed(at(), b"\x1b[31mhalf a line \xe2\x82");
    let last = sanitizer.end(at()).as_ref().map(text);
    assert_eq!(last, Some("half a line ".into()));
    assert_eq!(sanitizer.end(at()), None);
    sanitizer.feed(at(), b"\x1b[31m\x1b]0;a title without end");
    sanitizer.end(at());
    let next = &sanitizer.feed(at(), b"next\n")[0];
    assert_eq!(next, &LogLine::plain(at(), "next"));
}

#[test]
fn bidirectional_characters_are_dropped() {
    assert_eq!(texts("a\u{202e}b\u{2066}c\n".as_bytes()), ["abc"]);
}

#[test]
fn endless_line_is_truncated_with_note() {
    let mut bytes = vec![b'x'; MAX_LINE + 10];
    bytes.push(b'\n');
    assert!(texts(&bytes)[0].ends_with("… 10 more characters"));
}

#[test]
fn split_character_loses_nothing() {
    // Found by the property below: the parser alone lost the space.
    let mut sanitizer = Sanitizer::new();
    assert!(sanitizer.feed(at(), &[194]).is_empty());
    let finished = sanitizer.feed(at(), &[128, b' ', b'\n']);
    assert_eq!(finished[0].text(), " ");
}

proptest! {
    #[test]
    fn no_input_yields_control_characters(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut sanitizer = Sanitizer::new();
        let finished = sanitizer.feed(at(), &bytes);
        for line in finished.into_iter().chain(sanitizer.live(at())) {
            prop_assert!(line.text().chars().all(|character| !character.is_control()));
        }
    }

    #[test]
    fn chunking_of_text_is_irrelevant(pieces in prop::collection::vec(0..PIECES.len(), 0..40), step in 1usize..40) {
        let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        let mut sanitizer = Sanitizer::new();
        let cut: Vec<_> = text.as_bytes().chunks(step).flat_map(|part| sanitizer.feed(at(), part)).collect();
        prop_assert_eq!(cut, lines(text.as_bytes()));
    }

    #[test]
    fn chunking_of_streams_is_irrelevant(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 0usize..400) {
        let whole = lines(&bytes);
        let (left, right) = bytes.split_at(cut.min(bytes.len()));
        let mut sanitizer = Sanitizer::new();
        let mut pieces = sanitizer.feed(at(), left);
        pieces.extend(sanitizer.feed(at(), right));
        prop_assert_eq!(pieces, whole);
    }
}
