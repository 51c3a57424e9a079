//! Runs commands on a simulated machine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use russh::server::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};

use super::Machine;
use super::forwards::Forwards;
use super::script::{ShellCommand, ShellScript, TailRequest};
use crate::world::machine_fs::{ADDS_TYPE, GATEWAY_CONFIG};

const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Longest time until a cut connection frees its ports.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
const CHUNK: usize = 32 * 1024;
const MAX_FILE_BYTES: usize = 1 << 20;
const STDERR: u32 = 1;
/// Of every file: files are never replaced.
const INODE: u64 = 1;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CommandOutput {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub status: u32,
}

/// Serves a session channel: one command, or a shell that only prints a message.
pub(super) async fn serve(
    mut channel: Channel<Msg>,
    machine: Arc<dyn Machine>,
    forwards: Arc<Forwards>,
) {
    while let Some(message) = channel.wait().await {
        let output = match message {
            ChannelMsg::Exec { command, .. } => {
                let greeting = machine.shell_greeting().into_bytes();
                if !greeting.is_empty() && channel.data_bytes(greeting).await.is_err() {
                    return;
                }
                match ShellScript::parse(&String::from_utf8_lossy(&command)) {
                    ShellScript::Follow(place) => return follow(channel, &*machine, &place).await,
                    ShellScript::FreePort(port) => free_port(&forwards, port).await,
                    ShellScript::Lease(renewal) => CommandOutput {
                        stdout: machine.tend_lease(renewal).into_bytes(),
                        ..CommandOutput::default()
                    },
                    ShellScript::Callback(request) => CommandOutput {
                        stdout: machine.prove_callback(request).await.into_bytes(),
                        ..CommandOutput::default()
                    },
                    ShellScript::Steps(steps) => run(&*machine, &steps),
                }
            }
            ChannelMsg::RequestShell { .. } => CommandOutput {
                stdout: b"This is a simulated machine: it has no shell.\r\n".to_vec(),
                ..CommandOutput::default()
            },
            _ => continue,
        };
        let (_, write) = channel.split();
        // The client may have disconnected.
        let _ = finish(&write, output).await;
        return;
    }
}

/// Cuts the connection that owns the port, as killing its server process would.
async fn free_port(forwards: &Forwards, port: u16) -> CommandOutput {
    forwards.cut_owner(port);
    let freed = async {
        while forwards.is_taken(port) {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    let in_time = tokio::time::timeout(CLOSE_TIMEOUT, freed).await;
    CommandOutput {
        status: u32::from(in_time.is_err()),
        ..CommandOutput::default()
    }
}

async fn finish(write: &ChannelWriteHalf<Msg>, output: CommandOutput) -> Result<(), russh::Error> {
    if !output.stdout.is_empty() {
        write.data_bytes(output.stdout).await?;
    }
    if !output.stderr.is_empty() {
        write.extended_data_bytes(STDERR, output.stderr).await?;
    }
    write.exit_status(output.status).await?;
    write.eof().await?;
    write.close().await
}

/// Follows a file until the client closes the channel or the file is truncated, like the real script.
async fn follow(channel: Channel<Msg>, machine: &dyn Machine, place: &TailRequest) {
    let (mut read, write) = channel.split();
    let sending = async {
        while machine.read_file(&place.path, 0, 1).is_none() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        let mut offset = if matches_prefix(machine, place) {
            place.offset
        } else {
            0
        };
        let head = format!("pocpit-log {INODE} {offset}\n");
        if write.data_bytes(head.into_bytes()).await.is_err() {
            return;
        }
        while let Some(bytes) = machine.read_file(&place.path, offset, CHUNK) {
            if bytes.is_empty() {
                tokio::time::sleep(POLL_INTERVAL).await;
                continue;
            }
            offset += bytes.len() as u64;
            if write.data_bytes(bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = client_ends(&mut read) => {}
        () = sending => {}
    }
    let _ = finish(&write, CommandOutput::default()).await;
}

/// Whether the file still has the expected bytes before the offset.
fn matches_prefix(machine: &dyn Machine, place: &TailRequest) -> bool {
    let count = place.before.len() / 2;
    let before = place.offset.saturating_sub(count as u64);
    let bytes = machine.read_file(&place.path, before, count);
    bytes.is_some_and(|bytes| {
        let expected = place.before.as_bytes().chunks(2);
        let expected = expected.map(|two| u8::from_str_radix(&String::from_utf8_lossy(two), 16));
        expected.eq(bytes.into_iter().map(Ok))
    })
}

async fn client_ends(read: &mut ChannelReadHalf) {
    loop {
        match read.wait().await {
            None | Some(ChannelMsg::Eof | ChannelMsg::Close) => return,
            Some(_) => {}
        }
    }
}

/// Runs commands until one fails. Files appear only after the whole script.
pub(super) fn run(machine: &dyn Machine, steps: &[ShellCommand]) -> CommandOutput {
    let mut shell = Shell {
        saved: &|path| machine.read_file(path, 0, MAX_FILE_BYTES),
        files: BTreeMap::new(),
        output: CommandOutput::default(),
    };
    if let Err((status, text)) = steps.iter().try_for_each(|step| shell.run(step)) {
        shell.output.status = status;
        shell.output.stderr = text.into_bytes();
    }
    for (path, bytes) in shell.files {
        machine.write_file(&path, &bytes);
    }
    shell.output
}

struct Shell<'a> {
    /// The file at a path, before the script.
    saved: &'a dyn Fn(&str) -> Option<Vec<u8>>,
    /// Written by the script so far.
    files: BTreeMap<String, Vec<u8>>,
    output: CommandOutput,
}

impl Shell<'_> {
    /// The error is an exit status and a message.
    fn run(&mut self, step: &ShellCommand) -> Result<(), (u32, String)> {
        let words: Vec<&str> = step.words.iter().map(String::as_str).collect();
        match words.as_slice() {
            [] | ["true"] => {}
            ["printf", "%s", word] => self.print((*word).into(), step.into.as_ref()),
            ["echo", words @ ..] => {
                self.print(format!("{}\n", words.join(" ")), step.into.as_ref());
            }
            ["cat", path] => {
                let Some(bytes) = self.read(path) else {
                    let text = format!("cat: {path}: No such file or directory\n");
                    return Err((1, text));
                };
                self.output.stdout.extend(bytes);
            }
            ["mv", from, to] => {
                let Some(bytes) = self.read(from) else {
                    let text = format!("mv: cannot stat '{from}': No such file or directory\n");
                    return Err((1, text));
                };
                self.files.remove(*from);
                self.files.insert((*to).to_owned(), bytes);
            }
            // Starts the gateway.
            ["python3", path, pairs @ ..] => {
                let Some(script) = self.read(path) else {
                    return Err((2, format!("python3: can't open file '{path}'\n")));
                };
                let mut config = pairs.join(" ");
                if String::from_utf8_lossy(&script).contains("Content-Type") {
                    config.push_str(ADDS_TYPE);
                }
                self.files.insert(GATEWAY_CONFIG.into(), config.into());
            }
            [word, ..] => return Err((127, format!("sh: 1: {word}: not found\n"))),
        }
        Ok(())
    }

    fn print(&mut self, text: String, into: Option<&String>) {
        match into {
            Some(path) => drop(self.files.insert(path.clone(), text.into_bytes())),
            None => self.output.stdout.extend(text.into_bytes()),
        }
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let written = self.files.get(path).cloned();
        written.or_else(|| (self.saved)(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_command_is_reported() {
        let ShellScript::Steps(steps) = ShellScript::parse("nvidia-smi -L") else {
            panic!("no steps");
        };
        let mut shell = Shell {
            saved: &|_| None,
            files: BTreeMap::new(),
            output: CommandOutput::default(),
        };
        let error = (127, "sh: 1: nvidia-smi: not found\n".to_owned());
        assert_eq!(shell.run(&steps[0]), Err(error));
    }
}
