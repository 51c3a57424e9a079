//! Parses the subset of shell that a simulated machine supports. Pure.

use crate::world::watchdog::Renewal;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ShellScript {
    /// `sh -c SCRIPT follow PATH INODE OFFSET BEFORE`, whatever the script.
    Follow(TailRequest),
    /// `sh -c SCRIPT free-port PORT`, whatever the script.
    FreePort(u16),
    /// `sh -c SCRIPT lease [UNTIL SECONDS]`, whatever the script.
    Lease(Option<Renewal>),
    /// `sh -c SCRIPT callback STEP HOST PORT URL`, whatever the script.
    Callback(CallbackRequest),
    /// Commands joined by `&&`.
    Steps(Vec<ShellCommand>),
}

/// How to map the callback's host, and which address to request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackRequest {
    /// `name` or `plain`.
    pub step: String,
    pub host: String,
    pub port: u16,
    pub url: String,
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

/// One command, with the file that its output goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShellCommand {
    pub words: Vec<String>,
    pub into: Option<String>,
}

impl ShellScript {
    pub(super) fn parse(line: &str) -> ShellScript {
        let words = words(line);
        let texts: Option<Vec<&str>> = words.iter().map(text).collect();
        if let Some(script) = texts.as_deref().and_then(remote_script) {
            return script;
        }
        let steps = words.split(|word| *word == ShellToken::And);
        ShellScript::Steps(steps.map(step).collect())
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

fn remote_script(texts: &[&str]) -> Option<ShellScript> {
    match texts {
        ["sh", "-c", _, "follow", path, _, offset, before] => {
            Some(ShellScript::Follow(TailRequest {
                path: (*path).to_owned(),
                offset: offset.parse().ok()?,
                before: (*before).to_owned(),
            }))
        }
        ["sh", "-c", _, "callback", step, host, url] => {
            Some(ShellScript::Callback(CallbackRequest {
                step: (*step).to_owned(),
                host: (*host).to_owned(),
                port: url::Url::parse(url).ok()?.port_or_known_default()?,
                url: (*url).to_owned(),
            }))
        }
        ["sh", "-c", _, "lease"] => Some(ShellScript::Lease(None)),
        ["sh", "-c", _, "lease", until, left] => Some(ShellScript::Lease(Some(Renewal {
            until: until.parse().ok()?,
            left: left.parse().ok()?,
        }))),
        ["sh", "-c", _, "free-port", port] => Some(ShellScript::FreePort(port.parse().ok()?)),
        _ => None,
    }
}

fn step(words: &[ShellToken]) -> ShellCommand {
    let mut parts = words.split(|word| *word == ShellToken::Into);
    let command = parts.next().unwrap_or_default().iter();
    let target = parts.next().unwrap_or_default().first();
    ShellCommand {
        words: command.filter_map(text).map(str::to_owned).collect(),
        into: target.and_then(text).map(str::to_owned),
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
        let step = |words: &[&str], into: Option<&str>| ShellCommand {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            into: into.map(str::to_owned),
        };
        let print = step(&["printf", "%s", "17"], Some("/l.new"));
        let rename = step(&["mv", "/l.new", "/l"], None);
        assert_eq!(script, ShellScript::Steps(vec![print, rename]));
    }
}
