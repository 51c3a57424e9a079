//! Viewers that show one replica of several.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::domain::PoolName;
use crate::engine::attach::client::Attached;
use crate::engine::attach::wire::Message;
use crate::engine::snapshot::ReplicaSnapshot;

const IDS: [&str; 3] = ["minimax/1", "minimax/2", "glm/1"];

fn id(name: &str) -> ReplicaId {
    name.parse().unwrap()
}

fn pool(name: &str) -> PoolName {
    name.parse().unwrap()
}

/// A log of so many lines that tell whose they are.
fn log_of(replica: &str, count: i64) -> LogBuffer {
    let mut log = LogBuffer::default();
    // All begin in the same way, at the same time.
    log.push(line(0));
    for number in 1..count {
        let text = format!("{replica} says {number}");
        log.push(LogLine::plain(at(number), text));
    }
    log
}

/// Two replicas of one pool, one of another, each with a log and offers.
fn fleet(second: i64) -> Snapshot {
    let mut shown = snapshot(second);
    let plain = shown.all_replicas().remove(0);
    let of = |name: &&str| {
        Arc::new(ReplicaSnapshot {
            id: id(name),
            boot_log: log_of(name, 20),
            ..(*plain).clone()
        })
    };
    shown.replicas = IDS.iter().map(of).collect();
    shown.replica = id("minimax/1");
    shown.boot_log = shown.replicas[0].boot_log.clone();
    let offers = |count| with_offers(second, count).offers;
    shown.offers = offers(4);
    shown.offers_by_pool = [(pool("minimax"), offers(4)), (pool("glm"), offers(7))].into();
    shown
}

fn say(shown: &mut Snapshot, replica: &str, number: i64) {
    let text = LogLine::plain(at(number), format!("{replica} says {number}"));
    let mut replicas = shown.replicas.iter_mut();
    let part = replicas.find(|it| it.id == id(replica)).unwrap();
    Arc::make_mut(part).boot_log.push(text);
    shown.boot_log = shown.replicas[0].boot_log.clone();
}

/// Waits until the panes about this replica have just what the engine has.
async fn until_shown(viewer: &mut Attached, replica: &str, engine: &Snapshot) {
    let of = |snapshot: &Snapshot| snapshot.of(snapshot.replica(&id(replica)).unwrap());
    let wanted = of(engine);
    let same = |now: &Arc<Snapshot>| {
        let is_here = now.in_focus == Some(id(replica)) && now.at == wanted.at;
        is_here
            && lines(&of(now).boot_log) == lines(&wanted.boot_log)
            && of(now).offers == wanted.offers
    };
    viewer.snapshots.wait_for(same).await.unwrap();
}

fn show(viewer: &Attached, replica: &str) {
    viewer.focus.send_replace(Some(id(replica)));
}

#[tokio::test]
async fn each_viewer_sees_the_replica_that_it_shows() {
    let scratch = tempfile::tempdir().unwrap();
    let paths = paths(scratch.path(), "state");
    let mut engine = fleet(1);
    let (publish, snapshots) = watch::channel(Arc::new(engine.clone()));
    serve(&paths, snapshots, nobody()).unwrap();
    let attached = || attach(&paths.state_dir);
    let (mut one, mut two) = (attached().await.unwrap(), attached().await.unwrap());
    let mut silent = attached().await.unwrap();
    // Given two viewers that show different replicas, and one that never says, then each sees its own,
    show(&one, "minimax/2");
    show(&two, "glm/1");
    until_shown(&mut one, "minimax/2", &engine).await;
    until_shown(&mut two, "glm/1", &engine).await;
    until_shown(&mut silent, "minimax/1", &engine).await;
    // also what is new;
    for second in 2..5 {
        engine.at = at(second);
        for name in IDS {
            say(&mut engine, name, 20 + second);
        }
        let offers = engine.offers_by_pool.get_mut(&pool("glm")).unwrap();
        offers.read_at = Some(at(second));
        offers.rows = Arc::new((0..3).map(offer).collect());
        publish.send_replace(Arc::new(engine.clone()));
        until_shown(&mut one, "minimax/2", &engine).await;
        until_shown(&mut two, "glm/1", &engine).await;
        until_shown(&mut silent, "minimax/1", &engine).await;
    }
    // when they change places, then so does what they see, without a new snapshot;
    show(&one, "glm/1");
    show(&two, "minimax/1");
    until_shown(&mut one, "glm/1", &engine).await;
    until_shown(&mut two, "minimax/1", &engine).await;
    // when a replica is taken out of the configuration, then its viewer sees the first one.
    engine.at = at(5);
    engine.replicas.pop();
    publish.send_replace(Arc::new(engine.clone()));
    until_shown(&mut one, "minimax/1", &engine).await;
    assert_eq!(one.snapshots.borrow().replicas.len(), 2);
    // A replica that never was is the same.
    show(&two, "kimi/9");
    say(&mut engine, "minimax/1", 30);
    engine.at = at(6);
    publish.send_replace(Arc::new(engine.clone()));
    until_shown(&mut two, "minimax/1", &engine).await;
}

#[tokio::test]
async fn the_only_replica_can_be_named() {
    let scratch = tempfile::tempdir().unwrap();
    let paths = paths(scratch.path(), "state");
    let mut engine = with_offers(1, 3);
    engine.boot_log = log_of("default/1", 9);
    let (publish, snapshots) = watch::channel(Arc::new(engine.clone()));
    serve(&paths, snapshots, nobody()).unwrap();
    let mut viewer = attach(&paths.state_dir).await.unwrap();
    show(&viewer, "default/1");
    until_same(&mut viewer.snapshots, &engine).await;
    engine.at = at(2);
    engine.boot_log.push(line(10));
    engine.boot_log.live = Some(line(11));
    publish.send_replace(Arc::new(engine.clone()));
    until_same(&mut viewer.snapshots, &engine).await;
}

/// A message's bytes, once for each snapshot.
fn sizes(sent: &mut Sent, shown: &Snapshot, replica: &str) -> Vec<usize> {
    let mut sizes = Vec::new();
    sent.begin(shown);
    loop {
        let message = sent.next(shown, Some(&id(replica))).unwrap();
        sizes.push(line_of(&message).unwrap().len());
        if message.is_last() {
            return sizes;
        }
    }
}

#[test]
fn flood_of_another_replica_costs_a_viewer_nothing() {
    let mut shown = fleet(1);
    let (mut quiet, mut busy) = (Sent::default(), Sent::default());
    sizes(&mut quiet, &shown, "minimax/2");
    sizes(&mut busy, &shown, "minimax/1");
    // Given many lines of one replica, when they are published,
    let mut bytes = (0, 0);
    for second in 2..12 {
        shown.at = at(second);
        (0..1_000).for_each(|number| say(&mut shown, "minimax/1", 1_000 * second + number));
        bytes.0 += sizes(&mut quiet, &shown, "minimax/2").iter().sum::<usize>();
        bytes.1 += sizes(&mut busy, &shown, "minimax/1").iter().sum::<usize>();
    }
    // then whoever looks at another one gets the time.
    assert!(bytes.0 < 10 * 60, "{bytes:?}");
    assert!(bytes.1 > 10_000 * 40, "{bytes:?}");
}

#[test]
fn offers_stay_while_another_replica_of_the_pool_is_shown() {
    let shown = fleet(1);
    let mut sent = Sent::default();
    let mut kinds = |replica: &str| {
        let mut kinds = Vec::new();
        sent.begin(&shown);
        loop {
            let message = sent.next(&shown, Some(&id(replica))).unwrap();
            kinds.push(match message {
                Message::Replica(_) => "replica",
                Message::Offers { .. } => "offers",
                Message::LogStart { .. } => "log_start",
                Message::LogLines(_) => "log_lines",
                Message::Snapshot(_) => "snapshot",
                Message::Changes(_) => "changes",
            });
            if message.is_last() {
                return kinds;
            }
        }
    };
    let first = ["replica", "offers", "log_lines", "snapshot"];
    assert_eq!(kinds("minimax/1"), first);
    assert_eq!(kinds("minimax/1"), ["changes"]);
    assert_eq!(kinds("minimax/2"), ["replica", "log_lines", "changes"]);
    let other_pool = ["replica", "offers", "log_lines", "changes"];
    assert_eq!(kinds("glm/1"), other_pool);
}

#[test]
fn message_of_an_unknown_kind_is_skipped() {
    for unknown in [r#"{"weather":{"is":"fine"}}"#, r#"{"controllers":[1,2]}"#] {
        assert!(Message::read(unknown.as_bytes()).unwrap().is_none());
    }
    // A known one that is not understood is an error, and so is what is none.
    let known = [
        r#"{"replica":7}"#,
        r#"{"offers":{}}"#,
        r#"{"log_start":{}}"#,
        r#"{"log_lines":7}"#,
        r#"{"snapshot":{}}"#,
        r#"{"changes":}"#,
        "{}",
        "7",
    ];
    for wrong in known {
        assert!(Message::read(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn viewer_reads_on_after_an_unknown_message() {
    let rest = serde_json::to_string(&Message::Snapshot(Box::new(snapshot(4)))).unwrap();
    let words = format!("{}{{\"weather\":\"fine\"}}\n{rest}\n", greeting(PROTOCOL));
    let (_, seen) = followed(words.as_bytes()).await.unwrap();
    assert_eq!(seen.borrow().at, at(4));
    // Changes of a snapshot that it has not are no snapshot.
    let words = format!("{}{{\"changes\":{{}}}}\n", greeting(PROTOCOL));
    let refused = followed(words.as_bytes()).await;
    assert!(matches!(refused, Err(FollowError::NotUnderstood(_))));
}

#[tokio::test]
async fn viewer_that_does_not_read_holds_up_nobody() {
    let scratch = tempfile::tempdir().unwrap();
    let paths = paths(scratch.path(), "state");
    let mut engine = fleet(1);
    let (publish, snapshots) = watch::channel(Arc::new(engine.clone()));
    serve(&paths, snapshots, nobody()).unwrap();
    // Given a viewer that shows a replica and reads nothing of it,
    let mut stuck = super::super::socket::connect(&paths.state_dir)
        .await
        .unwrap();
    let hello = "{\"hello\":{\"protocol\":2,\"replica\":\"glm/1\"}}\n";
    stuck.write_all(hello.as_bytes()).await.unwrap();
    let mut other = attach(&paths.state_dir).await.unwrap();
    show(&other, "glm/1");
    // when that one talks on, then another viewer sees all of it,
    for second in 2..40 {
        engine.at = at(second);
        (0..500).for_each(|number| say(&mut engine, "glm/1", 500 * second + number));
        publish.send_replace(Arc::new(engine.clone()));
        until_shown(&mut other, "glm/1", &engine).await;
    }
    // and the first one, when it reads, begins with the greeting.
    let mut first = [0; 10];
    stuck.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"{\"pocpit\":");
}
