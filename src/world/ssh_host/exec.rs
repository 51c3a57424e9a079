//! Runs commands on a machine that has no shell.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use russh::server::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};

use super::Machine;
use super::forwards::Forwards;
use super::script::{Place, Script, Step};
use crate::world::machine_fs::FRONT;

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// That a connection which is cut still has its ports.
const LONGEST_END: Duration = Duration::from_secs(2);
const CHUNK: usize = 32 * 1024;
const LONGEST_FILE: usize = 1 << 20;
const STDERR: u32 = 1;
/// Of every file: none is ever renamed.
const INODE: u64 = 1;

/// What a command gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Output {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub status: u32,
}

/// Serves a session channel: one command, or a shell that is none.
pub(super) async fn serve(
    mut channel: Channel<Msg>,
    machine: Arc<dyn Machine>,
    forwards: Arc<Forwards>,
) {
    while let Some(message) = channel.wait().await {
        let output = match message {
            ChannelMsg::Exec { command, .. } => {
                match Script::parse(&String::from_utf8_lossy(&command)) {
                    Script::Follow(place) => return follow(channel, &*machine, &place).await,
                    Script::FreePort(port) => free_port(&forwards, port).await,
                    Script::Steps(steps) => run(&*machine, &steps),
                }
            }
            ChannelMsg::RequestShell { .. } => Output {
                stdout: b"This is a simulated machine: it has no shell.\r\n".to_vec(),
                ..Output::default()
            },
            _ => continue,
        };
        let (_, write) = channel.split();
        // A client that left does not want the rest.
        let _ = finish(&write, output).await;
        return;
    }
}

/// Ends the connection that has the port, as killing its server process does.
async fn free_port(forwards: &Forwards, port: u16) -> Output {
    forwards.cut_owner(port);
    let freed = async {
        while forwards.is_taken(port) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let in_time = tokio::time::timeout(LONGEST_END, freed).await;
    Output {
        status: u32::from(in_time.is_err()),
        ..Output::default()
    }
}

async fn finish(write: &ChannelWriteHalf<Msg>, output: Output) -> Result<(), russh::Error> {
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

/// Follows a file until the client closes its end or the file is cut off, as the real script does.
async fn follow(channel: Channel<Msg>, machine: &dyn Machine, place: &Place) {
    let (mut read, write) = channel.split();
    let sending = async {
        while machine.read_file(&place.path, 0, 1).is_none() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let mut offset = if is_there(machine, place) {
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
                tokio::time::sleep(LOOK_EVERY).await;
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
    let _ = finish(&write, Output::default()).await;
}

/// The file still has the bytes before the place.
fn is_there(machine: &dyn Machine, place: &Place) -> bool {
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

/// Runs steps until one fails. Files written and moved in one command never show half done.
pub(super) fn run(machine: &dyn Machine, steps: &[Step]) -> Output {
    let mut output = Output::default();
    let mut scratch: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for step in steps {
        let failure = match step {
            Step::Print { text, into: None } => {
                output.stdout.extend_from_slice(text.as_bytes());
                None
            }
            Step::Print {
                text,
                into: Some(path),
            } => {
                scratch.insert(path.clone(), text.clone().into_bytes());
                None
            }
            Step::Move { from, to } => {
                match scratch.remove(from).or_else(|| whole(machine, from)) {
                    Some(bytes) => {
                        scratch.insert(to.clone(), bytes);
                        None
                    }
                    None => Some((
                        1,
                        format!("mv: cannot stat '{from}': No such file or directory\n"),
                    )),
                }
            }
            Step::Show { path } => {
                match scratch.get(path).cloned().or_else(|| whole(machine, path)) {
                    Some(bytes) => {
                        output.stdout.extend_from_slice(&bytes);
                        None
                    }
                    None => Some((1, format!("cat: {path}: No such file or directory\n"))),
                }
            }
            Step::Front { path, pairs } => {
                if scratch.contains_key(path) || whole(machine, path).is_some() {
                    scratch.insert(FRONT.into(), pairs.clone().into_bytes());
                    None
                } else {
                    Some((2, format!("python3: can't open file '{path}'\n")))
                }
            }
            Step::Nothing => None,
            Step::Unknown { word } => Some((127, format!("sh: 1: {word}: not found\n"))),
        };
        if let Some((status, text)) = failure {
            output.status = status;
            output.stderr.extend_from_slice(text.as_bytes());
            break;
        }
    }
    for (path, bytes) in scratch {
        machine.write_file(&path, &bytes);
    }
    output
}

fn whole(machine: &dyn Machine, path: &str) -> Option<Vec<u8>> {
    machine.read_file(path, 0, LONGEST_FILE)
}
