//! Parses the subset of shell that a simulated machine supports. Pure.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ShellScript {
    /// `sh -c SCRIPT follow PATH INODE OFFSET BEFORE`, whatever the script.
    Follow(TailRequest),
    /// `sh -c SCRIPT free-port PORT`, whatever the script.
    FreePort(u16),
    /// Commands joined by `&&`.
    Steps(Vec<ShellCommand>),
}

/// Which file to follow, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TailRequest {
    pub path: String,
    /// Bytes before the first wanted one.
    pub offset: u64,
    /// The last of those bytes, in hexadecimal.
    pub before: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ShellCommand {
    /// `printf %s WORD` or `echo WORDS`, to a file or not.
    Print {
        text: String,
        into: Option<String>,
    },
    /// `mv FROM TO`.
    Move {
        from: String,
        to: String,
    },
    /// `python3 PATH WORDS`: starts the gateway.
    StartGateway {
        path: String,
        pairs: String,
    },
    /// `cat PATH`.
    Show {
        path: String,
    },
    /// `true`.
    Nothing,
    Unknown {
        word: String,
    },
}

impl ShellScript {
    pub(super) fn parse(text: &str) -> ShellScript {
        let words = words(text);
        if let Some(script) = follow(&words).or_else(|| free_port(&words)) {
            return script;
        }
        ShellScript::Steps(
            words
                .split(|word| *word == ShellToken::And)
                .map(step)
                .collect(),
        )
    }
}

/// A word or an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ShellToken {
    Text(String),
    /// `&&`.
    And,
    /// `>`.
    Into,
    /// `&`, `;` or `|`.
    Other,
}

fn text(word: &ShellToken) -> Option<&str> {
    match word {
        ShellToken::Text(text) => Some(text),
        _ => None,
    }
}

fn follow(words: &[ShellToken]) -> Option<ShellScript> {
    let texts: Vec<&str> = words.iter().map(text).collect::<Option<_>>()?;
    let ["sh", "-c", _, "follow", path, _, offset, before] = texts.as_slice() else {
        return None;
    };
    Some(ShellScript::Follow(TailRequest {
        path: (*path).to_owned(),
        offset: offset.parse().ok()?,
        before: (*before).to_owned(),
    }))
}

fn free_port(words: &[ShellToken]) -> Option<ShellScript> {
    let texts: Vec<&str> = words.iter().map(text).collect::<Option<_>>()?;
    let ["sh", "-c", _, "free-port", port] = texts.as_slice() else {
        return None;
    };
    Some(ShellScript::FreePort(port.parse().ok()?))
}

fn step(words: &[ShellToken]) -> ShellCommand {
    let into = words.iter().position(|word| *word == ShellToken::Into);
    let target = into
        .and_then(|at| words.get(at + 1))
        .and_then(text)
        .map(str::to_owned);
    let texts: Vec<&str> = words[..into.unwrap_or(words.len())]
        .iter()
        .filter_map(text)
        .collect();
    match texts.as_slice() {
        [] | ["true"] => ShellCommand::Nothing,
        ["printf", "%s", word] => ShellCommand::Print {
            text: (*word).to_owned(),
            into: target,
        },
        ["echo", rest @ ..] => ShellCommand::Print {
            text: format!("{}\n", rest.join(" ")),
            into: target,
        },
        ["mv", from, to] => ShellCommand::Move {
            from: (*from).to_owned(),
            to: (*to).to_owned(),
        },
        ["python3", path, pairs @ ..] => ShellCommand::StartGateway {
            path: (*path).to_owned(),
            pairs: pairs.join(" "),
        },
        ["cat", path] => ShellCommand::Show {
            path: (*path).to_owned(),
        },
        [word, ..] => ShellCommand::Unknown {
            word: (*word).to_owned(),
        },
    }
}

/// Splits into words by POSIX rules for quotes and backslashes.
fn words(line: &str) -> Vec<ShellToken> {
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
            ' ' | '\t' | '\n' => words.extend(word.take().map(ShellToken::Text)),
            '&' | '>' | ';' | '|' => {
                words.extend(word.take().map(ShellToken::Text));
                let doubled = characters.next_if_eq(&character).is_some();
                words.push(match (character, doubled) {
                    ('&', true) => ShellToken::And,
                    ('>', false) => ShellToken::Into,
                    _ => ShellToken::Other,
                });
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word.map(ShellToken::Text));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follow_script_gives_path_and_offset() {
        let script = ShellScript::parse(
            "sh -c 'file=$1; tail -f \"$file\" & kill $!' follow '/var/log/a b'\\''s.log' 7 41 '0a0b'",
        );
        assert_eq!(
            script,
            ShellScript::Follow(TailRequest {
                path: "/var/log/a b's.log".into(),
                offset: 41,
                before: "0a0b".into(),
            })
        );
    }

    #[test]
    fn lease_is_written_then_renamed() {
        let script = ShellScript::parse("printf %s 17 > /l.new && mv /l.new \"/l\"");
        assert_eq!(
            script,
            ShellScript::Steps(vec![
                ShellCommand::Print {
                    text: "17".into(),
                    into: Some("/l.new".into())
                },
                ShellCommand::Move {
                    from: "/l.new".into(),
                    to: "/l".into()
                },
            ])
        );
    }

    #[test]
    fn unknown_command_is_reported() {
        assert_eq!(
            ShellScript::parse("nvidia-smi -L"),
            ShellScript::Steps(vec![ShellCommand::Unknown {
                word: "nvidia-smi".into()
            }])
        );
    }
}
