//! Logs over links that are cut.

use std::io::Write as _;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::mpsc;

use super::*;
use crate::ssh::wire::Wire;
use pocpit::ports::TailChunk;

const LOG: &str = "mlnode.log";
const LINES: usize = 100_000;

/// Follows a log as the engine does, over as many sessions as it takes.
struct Follower<'a> {
    scene: &'a Scene,
    wire: Wire,
    place: LogPosition,
    seen: Vec<u8>,
    sessions: usize,
    chance: StdRng,
}

impl<'a> Follower<'a> {
    async fn of(scene: &'a Scene) -> Follower<'a> {
        Follower {
            scene,
            wire: Wire::to(&scene.peer.endpoint()).await,
            place: LogPosition::default(),
            seen: Vec::new(),
            sessions: 0,
            chance: StdRng::seed_from_u64(9),
        }
    }

    /// Reads this many bytes. Each session's wire is cut somewhere.
    async fn read_until(&mut self, length: usize) {
        while self.seen.len() < length {
            // Less than a login takes would never give anything.
            self.wire
                .cut_after(self.chance.random_range(20_000..150_000));
            // A wire that is cut in the middle of a login is a failure like any other.
            let Ok(session) = self.scene.remote.connect(ID, &self.wire.endpoint()).await else {
                continue;
            };
            self.sessions += 1;
            while self.seen.len() < length {
                let path = self.scene.peer.path(LOG);
                let Ok(tail) = session.tail(&path, &self.place).await else {
                    break;
                };
                self.take(tail, length).await;
                if session.check().await.is_err() {
                    break;
                }
            }
            session.close().await;
        }
    }

    async fn take(&mut self, mut tail: mpsc::Receiver<TailChunk>, length: usize) {
        while self.seen.len() < length {
            let chunk = tokio::time::timeout(PATIENCE, tail.recv()).await;
            let Some(chunk) = chunk.expect("bytes or the end come") else {
                return;
            };
            self.place.advance(&chunk);
            self.seen.extend_from_slice(&chunk.bytes);
        }
    }
}

/// Lines with their number, and bytes that are no text.
fn text(lines: std::ops::Range<usize>) -> Vec<u8> {
    let mut text = Vec::new();
    for number in lines {
        let rest: &[u8] = if number % 50 == 0 {
            b"\xff\0\x1b[2Jpocpit-log 1 0\r"
        } else {
            b""
        };
        writeln!(text, "{number}").unwrap();
        text.extend_from_slice(rest);
    }
    text
}

for_both_peers! {
    async fn lines_come_once_over_repeated_cuts(scene: Scene) {
        let text = text(0..LINES);
        let mut follower = Follower::of(&scene).await;
        let (half, rest) = text.split_at(text.len() / 2);
        // Given a log that appears only after it is followed, and grows meanwhile,
        let growing = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            for part in half.chunks(50_000) {
                scene.peer.append(LOG, part);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        // when it is read over one broken link after the other,
        tokio::join!(growing, follower.read_until(half.len()));
        scene.peer.append(LOG, rest);
        follower.read_until(text.len()).await;
        // then every byte arrives once.
        assert!(follower.seen == text, "{} bytes of {}", follower.seen.len(), text.len());
        assert!(follower.sessions > 4, "{} sessions", follower.sessions);
    }

    async fn bad_wire_changes_no_byte(scene: Scene) {
        let text = text(0..20_000);
        let mut follower = Follower::of(&scene).await;
        follower.wire.roughen(3);
        scene.peer.append(LOG, &text);
        follower.read_until(text.len()).await;
        assert!(follower.seen == text, "{} bytes of {}", follower.seen.len(), text.len());
        assert!(follower.sessions > 1, "{} sessions", follower.sessions);
    }

    async fn truncated_log_is_read_from_start(scene: Scene) {
        let mut follower = Follower::of(&scene).await;
        let (old, new, newest) = (text(0..2_000), text(2_000..2_100), text(3_000..9_000));
        scene.peer.append(LOG, &old);
        follower.read_until(old.len()).await;
        // Shorter than what was read, while disconnected,
        scene.peer.cut_off(LOG);
        scene.peer.append(LOG, &new);
        follower.read_until(old.len() + new.len()).await;
        // and longer than that.
        scene.peer.cut_off(LOG);
        scene.peer.append(LOG, &newest);
        follower.read_until(old.len() + new.len() + newest.len()).await;
        assert!(follower.seen == [old, new, newest].concat());
    }
}

/// The same at its full length, with a real `sshd`: a million lines as long as a model's are.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes ten minutes"]
async fn million_lines_survive_a_thousand_cuts() {
    let mut text = Vec::new();
    for number in 0..1_000_000 {
        let what =
            "INFO 11-25 01:02:03 [loader.py:117] Avg prompt throughput of 812.4 tokens/s, step";
        writeln!(text, "{what} {number} of the model").unwrap();
    }
    let Some(scene) = Scene::new(Kind::Sshd).await else {
        return;
    };
    let mut follower = Follower::of(&scene).await;
    scene.peer.append(LOG, &text);
    follower.read_until(text.len()).await;
    println!(
        "{} bytes of {} over {} links that were cut",
        follower.seen.len(),
        text.len(),
        follower.sessions
    );
    assert!(
        follower.seen == text,
        "{} bytes of {}",
        follower.seen.len(),
        text.len()
    );
    assert!(follower.sessions >= 1_000, "{} sessions", follower.sessions);
}

#[tokio::test(flavor = "multi_thread")]
async fn rotated_log_is_read_to_its_end() {
    let Some(scene) = Scene::new(Kind::Sshd).await else {
        return;
    };
    let mut follower = Follower::of(&scene).await;
    let (one, two, three) = (text(0..1_000), text(1_000..50_000), text(50_000..51_000));
    let aside = format!("{LOG}.1");
    let rename = || std::fs::rename(scene.peer.path(LOG), scene.peer.path(&aside)).unwrap();
    // When it is moved while disconnected, half read, and a new one begins,
    scene.peer.append(LOG, &one);
    follower.read_until(500).await;
    rename();
    scene.peer.append(&aside, &two);
    scene.peer.append(LOG, &three);
    // then all of both comes.
    let length = one.len() + two.len() + three.len();
    follower.read_until(length).await;
    // When it is moved while it is followed, then the same.
    let moving = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        rename();
        scene.peer.append(&aside, b"late\n");
        scene.peer.append(LOG, b"new\n");
    };
    tokio::join!(moving, follower.read_until(length + 9));
    assert!(follower.seen == [one, two, three, b"late\nnew\n".to_vec()].concat());
}
