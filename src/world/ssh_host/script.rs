//! The little of a shell that a played machine understands. Pure.

/// A command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Script {
    /// `sh -c SCRIPT follow PATH INODE OFFSET BEFORE`, whatever the script.
    Follow(Place),
    /// `sh -c SCRIPT free-port PORT`, whatever the script.
    FreePort(u16),
    /// Commands joined by `&&`.
    Steps(Vec<Step>),
}

/// Where to follow a file from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub path: String,
    /// Bytes before the first wanted one.
    pub offset: u64,
    /// The last of them in hexadecimal.
    pub before: String,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// `printf %s WORD` or `echo WORDS`, to a file or not.
    Print { text: String, into: Option<String> },
    /// `mv FROM TO`.
    Move { from: String, to: String },
    /// `python3 PATH WORDS`: a front, as far as this machine is concerned.
    Front { path: String, pairs: String },
    /// `cat PATH`.
    Show { path: String },
    /// `true`.
    Nothing,
    /// Anything else.
    Unknown { word: String },
}

impl Script {
    pub(super) fn parse(text: &str) -> Script {
        let words = words(text);
        if let Some(script) = follow(&words).or_else(|| free_port(&words)) {
            return script;
        }
        Script::Steps(words.split(|word| *word == Word::And).map(step).collect())
    }
}

/// A word, or the operator that joins commands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Text(String),
    /// `&&`.
    And,
    /// `>`.
    Into,
    /// `&`, `;` or `|`.
    Other,
}

fn text(word: &Word) -> Option<&str> {
    match word {
        Word::Text(text) => Some(text),
        _ => None,
    }
}

fn follow(words: &[Word]) -> Option<Script> {
    let texts: Vec<&str> = words.iter().map(text).collect::<Option<_>>()?;
    let ["sh", "-c", _, "follow", path, _, offset, before] = texts.as_slice() else {
        return None;
    };
    Some(Script::Follow(Place {
        path: (*path).to_owned(),
        offset: offset.parse().ok()?,
        before: (*before).to_owned(),
    }))
}

fn free_port(words: &[Word]) -> Option<Script> {
    let texts: Vec<&str> = words.iter().map(text).collect::<Option<_>>()?;
    let ["sh", "-c", _, "free-port", port] = texts.as_slice() else {
        return None;
    };
    Some(Script::FreePort(port.parse().ok()?))
}

fn step(words: &[Word]) -> Step {
    let into = words.iter().position(|word| *word == Word::Into);
    let target = into
        .and_then(|at| words.get(at + 1))
        .and_then(text)
        .map(str::to_owned);
    let texts: Vec<&str> = words[..into.unwrap_or(words.len())]
        .iter()
        .filter_map(text)
        .collect();
    match texts.as_slice() {
        [] | ["true"] => Step::Nothing,
        ["printf", "%s", word] => Step::Print {
            text: (*word).to_owned(),
            into: target,
        },
        ["echo", rest @ ..] => Step::Print {
            text: format!("{}\n", rest.join(" ")),
            into: target,
        },
        ["mv", from, to] => Step::Move {
            from: (*from).to_owned(),
            to: (*to).to_owned(),
        },
        ["python3", path, pairs @ ..] => Step::Front {
            path: (*path).to_owned(),
            pairs: pairs.join(" "),
        },
        ["cat", path] => Step::Show {
            path: (*path).to_owned(),
        },
        [word, ..] => Step::Unknown {
            word: (*word).to_owned(),
        },
    }
}

/// Words by the rules of a POSIX shell, as far as quotes and backslashes go.
fn words(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\'' => {
                let inner = word.get_or_insert_default();
                inner.extend(characters.by_ref().take_while(|c| *c != '\''));
            }
            '"' => {
                let inner = word.get_or_insert_default();
                while let Some(c) = characters.next().filter(|c| *c != '"') {
                    let escaped = c == '\\'
                        && characters
                            .peek()
                            .is_some_and(|next| "\"\\$`".contains(*next));
                    inner.push(if escaped {
                        characters.next().unwrap_or(c)
                    } else {
                        c
                    });
                }
            }
            '\\' => word.get_or_insert_default().extend(characters.next()),
            ' ' | '\t' | '\n' => words.extend(word.take().map(Word::Text)),
            '&' | '>' | ';' | '|' => {
                words.extend(word.take().map(Word::Text));
                let doubled = characters.next_if_eq(&character).is_some();
                words.push(match (character, doubled) {
                    ('&', true) => Word::And,
                    ('>', false) => Word::Into,
                    _ => Word::Other,
                });
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word.map(Word::Text));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follow_script_gives_path_and_offset() {
        let script = Script::parse(
            "sh -c 'file=$1; tail -f \"$file\" & kill $!' follow '/var/log/a b'\\''s.log' 7 41 '0a0b'",
        );
        assert_eq!(
            script,
            Script::Follow(Place {
                path: "/var/log/a b's.log".into(),
                offset: 41,
                before: "0a0b".into(),
            })
        );
    }

    #[test]
    fn lease_is_written_then_renamed() {
        let script = Script::parse("printf %s 17 > /l.new && mv /l.new \"/l\"");
        assert_eq!(
            script,
            Script::Steps(vec![
                Step::Print {
                    text: "17".into(),
                    into: Some("/l.new".into())
                },
                Step::Move {
                    from: "/l.new".into(),
                    to: "/l".into()
                },
            ])
        );
    }

    #[test]
    fn unknown_command_is_reported() {
        assert_eq!(
            Script::parse("nvidia-smi -L"),
            Script::Steps(vec![Step::Unknown {
                word: "nvidia-smi".into()
            }])
        );
    }
}
