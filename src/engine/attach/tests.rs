use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Weak};

use tokio::io::{AsyncWriteExt as _, BufReader, DuplexStream};
use tokio::sync::{mpsc, watch};

use super::client::{FollowError, Followed, follow};
use super::sent::Sent;
use super::server::send_snapshots;
use super::wire::{LONGEST_LINE, PROTOCOL, line_of};
use super::{AttachError, attach, serve};
use crate::config::Paths;
use crate::domain::ReplicaId;
use crate::domain::{
    Aim, BootTally, BootTime, Duration, GateKind, Lead, LeadBasis, LogLine, Mode, OfferId,
    OwnBoots, PocActivity, RankedOffer, ReleasePolicy, Step, Time, Usd, UsdPerHour,
};
use crate::engine::snapshot::{
    ChainSnapshot, Command, LogBuffer, MoneySnapshot, NodesSnapshot, OffersSnapshot, SearchState,
    Snapshot, SprintCommand, SprintSnapshot, WorldKind,
};

mod focus;

fn at(second: i64) -> Time {
    Time::from_timestamp(1_790_000_000 + second, 0).unwrap()
}

pub(crate) fn snapshot(second: i64) -> Snapshot {
    Snapshot {
        at: at(second),
        world: WorldKind::Real,
        cockpit: "north".parse().unwrap(),
        mode: Mode::Manual,
        chain: ChainSnapshot::default(),
        sprint: SprintSnapshot {
            epoch: None,
            aim: Aim::Proof,
            step: Step::Waiting,
            doing: "waits".into(),
            spans: Vec::new(),
            gate: None,
            preflight: None,
            overridden: Vec::new(),
            proof: PocActivity::default(),
            release_steps: Vec::new(),
            rent_at: None,
            lead: Lead {
                length: Duration::minutes(45),
                basis: LeadBasis::Setting { boots: 0 },
            },
            cause: None,
            release_at: None,
            release_policy: ReleasePolicy::AfterValidation,
            outcome: None,
            attempts: 0,
            can_abort: false,
        },
        offers: OffersSnapshot {
            state: SearchState::Idle,
            avoided: Vec::new(),
            rows: Arc::default(),
            rejected: Arc::default(),
            read_at: None,
        },
        rental: None,
        hedge: None,
        nodes: NodesSnapshot::default(),
        other_nodes: Vec::new(),
        accounts: Vec::new(),
        proxy: None,
        money: MoneySnapshot::default(),
        alerts: Vec::new(),
        history: Arc::default(),
        boot_log: LogBuffer::default(),
        replica: ReplicaId::default(),
        replicas: Vec::new(),
        offers_by_pool: BTreeMap::new(),
        in_focus: None,
        rentals_read_at: None,
        boots: BootTally::default(),
        notices_lost: 0,
        ended: false,
    }
}

pub(crate) fn offer(id: u64) -> RankedOffer {
    let price = UsdPerHour::from_dollars(9.6);
    RankedOffer {
        offer: crate::domain::samples::offer(id),
        price,
        session: Duration::minutes(115),
        gpu_cost: Usd::from_dollars(20.0),
        storage_cost: Usd::ZERO,
        traffic_cost: Usd::ZERO,
        worst_cost: Usd::from_dollars(30.0),
        boot: BootTime {
            median: Duration::minutes(24),
            spread: 0.3,
        },
        boot_within: Some(Duration::minutes(40)),
        own_boots: OwnBoots {
            machine_ready: 2,
            machine_timed: 2,
            machine_failed: 0,
            gpu_ready: 9,
        },
        chance_to_work: 0.97,
        chance_in_time: 0.95,
    }
}

fn with_offers(second: i64, count: u64) -> Snapshot {
    let mut searched = snapshot(second);
    searched.offers.rows = Arc::new((0..count).map(offer).collect());
    searched.offers.read_at = Some(at(second));
    searched
}

fn line(number: i64) -> LogLine {
    LogLine::plain(
        at(number),
        format!("{number:05} INFO vllm.worker: shard {number} of 95000 is loaded, 1.2 s"),
    )
}

/// An engine that accepts no commands.
fn nobody() -> mpsc::Sender<Command> {
    mpsc::channel(1).0
}

/// A log's lines, with their numbers.
fn lines(log: &LogBuffer) -> Vec<(u64, LogLine)> {
    let numbers = log.first_seq()..log.end_seq();
    numbers
        .map(|number| (number, log.line(number).unwrap().clone()))
        .collect()
}

/// A viewer that never says what it shows.
fn silent() -> watch::Receiver<Option<ReplicaId>> {
    watch::channel(None).1
}

/// An engine's channel, and a viewer that follows it through a pipe of this many bytes.
async fn viewed(
    first: Snapshot,
    pipe: usize,
) -> (watch::Sender<Arc<Snapshot>>, watch::Receiver<Arc<Snapshot>>) {
    let (publish, snapshots) = watch::channel(Arc::new(first));
    let (owner, viewer) = tokio::io::duplex(pipe);
    tokio::spawn(send_snapshots(owner, snapshots, silent()));
    let (process, seen) = follow(BufReader::new(viewer)).await.unwrap();
    assert_eq!(process, std::process::id());
    (publish, seen)
}

async fn until_same(seen: &mut watch::Receiver<Arc<Snapshot>>, wanted: &Snapshot) {
    let same = |now: &Arc<Snapshot>| {
        // Chunks of a log may be cut differently: what counts is what can be read.
        let mut plain = (**now).clone();
        plain.boot_log = wanted.boot_log.clone();
        plain.in_focus = None;
        plain == *wanted
            && lines(&now.boot_log) == lines(&wanted.boot_log)
            && now.boot_log.live == wanted.boot_log.live
    };
    seen.wait_for(same).await.unwrap();
}

#[tokio::test]
async fn viewer_gets_every_part_of_a_snapshot() {
    let mut shown = with_offers(0, 40);
    (0..3_000).for_each(|number| shown.boot_log.push(line(number)));
    shown.boot_log.live = Some(line(3_000));
    let (publish, mut seen) = viewed(shown.clone(), 4_096).await;
    until_same(&mut seen, &shown).await;
    // When log and offers change, then so does the view,
    shown.boot_log.push(line(3_000));
    shown.boot_log.live = None;
    publish.send_replace(Arc::new(shown.clone()));
    until_same(&mut seen, &shown).await;
    // and a new rental's log replaces the old one, even when it is longer already.
    let mut next = with_offers(60, 3);
    (0..5_000).for_each(|number| next.boot_log.push(line(number + 100_000)));
    publish.send_replace(Arc::new(next.clone()));
    until_same(&mut seen, &next).await;
    let none = snapshot(70);
    publish.send_replace(Arc::new(none.clone()));
    until_same(&mut seen, &none).await;
    // The last snapshot reaches the viewer, then its channel closes.
    let mut last = snapshot(80);
    last.ended = true;
    publish.send_replace(Arc::new(last.clone()));
    drop(publish);
    until_same(&mut seen, &last).await;
    assert!(seen.changed().await.is_err());
}

#[tokio::test]
async fn truncated_log_keeps_its_numbers() {
    let mut shown = snapshot(0);
    let count = i64::try_from(LogBuffer::CAPACITY).unwrap() + 1_000;
    (0..count).for_each(|number| shown.boot_log.push(line(number)));
    assert!(shown.boot_log.first_seq() > 0);
    let (_publish, mut seen) = viewed(shown.clone(), 1 << 20).await;
    until_same(&mut seen, &shown).await;
}

#[test]
fn only_changes_are_sent() {
    let mut shown = with_offers(0, 1_000);
    (0..20_000).for_each(|number| shown.boot_log.push(line(number)));
    let mut sent = Sent::default();
    let mut round = |shown: &Snapshot| {
        let mut sizes = Vec::new();
        sent.begin(shown);
        loop {
            let message = sent.next(shown, None).unwrap();
            sizes.push(line_of(&message).unwrap().len());
            if message.is_last() {
                return sizes;
            }
        }
    };
    let first = round(&shown);
    // Given a viewer that has everything, then one more line costs only itself.
    shown.boot_log.push(line(20_000));
    let news = round(&shown);
    let nothing = round(&shown);
    assert!(first.iter().all(|size| (*size as u64) < LONGEST_LINE / 2));
    assert_eq!((news.len(), nothing.len()), (2, 1));
    assert!(news.iter().sum::<usize>() < 2_000 + nothing[0]);
    assert!(nothing[0] < 4_000, "{nothing:?}");
}

#[tokio::test]
async fn slow_viewer_holds_no_snapshot() {
    let mut busy = with_offers(0, 100);
    (0..5_000).for_each(|number| busy.boot_log.push(line(number)));
    let (publish, snapshots) = watch::channel(Arc::new(busy.clone()));
    let (owner, viewer) = tokio::io::duplex(1_024);
    let sending = tokio::spawn(send_snapshots(owner, snapshots, silent()));
    // Given a viewer that reads nothing, when the engine publishes on,
    let mut old: Vec<Weak<Snapshot>> = Vec::new();
    for second in 1..200 {
        tokio::task::yield_now().await;
        busy.at = at(second);
        busy.boot_log.push(line(5_000 + second));
        let next = Arc::new(busy.clone());
        old.push(Arc::downgrade(&next));
        publish.send_replace(next);
    }
    tokio::task::yield_now().await;
    // then only the newest is kept for it,
    assert!(!sending.is_finished());
    let newest = old.pop().unwrap();
    assert!(newest.upgrade().is_some());
    assert!(old.iter().all(|snapshot| snapshot.upgrade().is_none()));
    // and that is what it gets when it reads.
    let (_, mut seen) = follow(BufReader::new(viewer)).await.unwrap();
    until_same(&mut seen, &busy).await;
}

async fn followed(bytes: &[u8]) -> Result<Followed, FollowError> {
    let (mut owner, viewer): (DuplexStream, DuplexStream) = tokio::io::duplex(1 << 16);
    let bytes = bytes.to_vec();
    tokio::spawn(async move {
        // The viewer may have disconnected.
        let _ = owner.write_all(&bytes).await;
    });
    follow(BufReader::new(viewer)).await
}

fn greeting(protocol: u32) -> String {
    let version = super::wire::VERSION;
    format!("{{\"pocpit\":\"{version}\",\"pid\":7,\"protocol\":{protocol}}}\n")
}

#[tokio::test]
async fn other_version_or_protocol_is_refused() {
    let other = followed(b"{\"pocpit\":\"99.0.0\",\"pid\":7,\"new\":true}\n").await;
    assert!(
        matches!(&other, Err(FollowError::OtherVersion(greeting)) if greeting.pocpit == "99.0.0" && greeting.pid == 7),
        "{other:?}"
    );
    // An owner of the first protocol does not tell it.
    let first = format!("{{\"pocpit\":\"{}\",\"pid\":7}}\n", super::wire::VERSION);
    for (other, its) in [(first, 1), (greeting(3), 3)] {
        let refused = followed(other.as_bytes()).await;
        let why = format!("its protocol is {its}, ours is 2");
        assert!(
            matches!(&refused, Err(FollowError::NotUnderstood(said)) if *said == why),
            "{refused:?}"
        );
    }
    let greeting = greeting(PROTOCOL);
    for wrong in ["", "SSH-2.0-x\n", "{}\n"] {
        for sent in [wrong.to_owned(), format!("{greeting}{wrong}")] {
            let refused = followed(sent.as_bytes()).await;
            assert!(matches!(refused, Err(FollowError::NotUnderstood(_))));
        }
    }
}

#[tokio::test]
async fn endless_line_is_refused() {
    let mut words = greeting(PROTOCOL).into_bytes();
    words.resize(
        words.len() + usize::try_from(LONGEST_LINE).unwrap() + 1,
        b'x',
    );
    let refused = followed(&words).await;
    assert!(
        matches!(&refused, Err(FollowError::NotUnderstood(why)) if why.contains("a line of more than")),
        "{refused:?}"
    );
}

fn paths(scratch: &Path, name: &str) -> Paths {
    let state_dir = scratch.join(name);
    std::fs::create_dir_all(&state_dir).unwrap();
    Paths {
        log_dir: state_dir.join("log"),
        runtime_dir: scratch.join("run"),
        state_dir,
    }
}

#[tokio::test]
async fn each_state_directory_has_its_own_private_socket() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = tempfile::tempdir().unwrap();
    let (one, two) = (paths(scratch.path(), "one"), paths(scratch.path(), "two"));
    let (publish_one, from_one) = watch::channel(Arc::new(snapshot(1)));
    let (_publish_two, from_two) = watch::channel(Arc::new(snapshot(2)));
    let serving = serve(&one, from_one, nobody()).unwrap();
    serve(&two, from_two, nobody()).unwrap();
    for (paths, second) in [(&one, 1), (&two, 2)] {
        let attached = attach(&paths.state_dir).await.unwrap();
        assert_eq!(attached.snapshots.borrow().at, at(second));
        let socket = std::fs::read_link(paths.state_dir.join("cockpit.sock")).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&socket), mode(socket.parent().unwrap())),
            (0o600, 0o700)
        );
    }
    // When the engine ends, then its socket goes.
    drop(publish_one);
    serving.await.unwrap();
    let socket = std::fs::read_link(one.state_dir.join("cockpit.sock")).unwrap();
    assert!(!socket.exists());
}

#[tokio::test]
async fn vanished_socket_is_made_anew() {
    let scratch = tempfile::tempdir().unwrap();
    let paths = paths(scratch.path(), "state");
    let (_publish, snapshots) = watch::channel(Arc::new(snapshot(1)));
    serve(&paths, snapshots, nobody()).unwrap();
    drop(attach(&paths.state_dir).await.unwrap());
    // Given a logout that takes the runtime directory away,
    std::fs::remove_dir_all(&paths.runtime_dir).unwrap();
    // when some time passes, then viewers find the owner again.
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_mins(1)).await;
    tokio::time::resume();
    let attached = loop {
        match attach(&paths.state_dir).await {
            Ok(attached) => break attached,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(attached.snapshots.borrow().at, at(1));
}

#[test]
fn file_of_others_is_no_stale_socket() {
    let scratch = tempfile::tempdir().unwrap();
    let paths = paths(scratch.path(), "state");
    let taken = paths.state_dir.join("cockpit.sock");
    std::fs::write(&taken, "precious").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let error = runtime.block_on(async { super::socket::listen(&paths).unwrap_err() });
    assert!(error.to_string().contains("is in the way"), "{error}");
    assert_eq!(std::fs::read_to_string(&taken).unwrap(), "precious");
}

#[tokio::test]
async fn stale_socket_is_replaced() {
    let scratch = tempfile::tempdir().unwrap();
    let mut paths = paths(scratch.path(), "state");
    paths.runtime_dir = scratch.path().join("r".repeat(120));
    // Given a socket without a listener,
    let (_publish, snapshots) = watch::channel(Arc::new(snapshot(1)));
    let (listener, file) = super::socket::listen(&paths).unwrap();
    std::mem::forget(file);
    drop(listener);
    // when another owner starts, then viewers find that one, whatever the directory's length.
    serve(&paths, snapshots, nobody()).unwrap();
    let attached = attach(&paths.state_dir).await.unwrap();
    assert_eq!(attached.snapshots.borrow().at, at(1));
}

#[tokio::test]
async fn viewer_commands_arrive_in_order() {
    let scratch = tempfile::tempdir().unwrap();
    let paths = paths(scratch.path(), "state");
    let (publish, snapshots) = watch::channel(Arc::new(snapshot(1)));
    let (commands, mut decided) = mpsc::channel(1);
    serve(&paths, snapshots, commands).unwrap();
    let mut viewer = attach(&paths.state_dir).await.unwrap();
    let wanted = [
        Command::Sprint(ReplicaId::default(), SprintCommand::Start),
        Command::Sprint(
            ReplicaId::default(),
            SprintCommand::Rent {
                offer: OfferId(7),
                agreed: Usd::from_dollars(12.34),
            },
        ),
        Command::Sprint(
            ReplicaId::default(),
            SprintCommand::Approve(GateKind::Register),
        ),
        Command::Sprint(ReplicaId::default(), SprintCommand::Abort),
    ];
    for command in wanted.clone() {
        viewer.commands.try_send(command).unwrap();
    }
    for command in wanted {
        assert_eq!(decided.recv().await, Some(command));
    }
    // It still gets snapshots, and learns that its commands are no longer accepted.
    publish.send_replace(Arc::new(snapshot(2)));
    viewer.snapshots.changed().await.unwrap();
    assert_eq!(viewer.snapshots.borrow().at, at(2));
    drop(publish);
    while viewer.snapshots.changed().await.is_ok() {}
    let last = async {
        while viewer
            .commands
            .send(Command::Sprint(ReplicaId::default(), SprintCommand::Start))
            .await
            .is_ok()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), last)
        .await
        .expect("the channel closes");
}

#[tokio::test]
async fn viewer_with_forbidden_input_is_disconnected() {
    let scratch = tempfile::tempdir().unwrap();
    let paths = paths(scratch.path(), "state");
    let (_publish, snapshots) = watch::channel(Arc::new(snapshot(1)));
    let (commands, mut decided) = mpsc::channel(8);
    serve(&paths, snapshots, commands).unwrap();
    let endless = "x".repeat(100_000);
    for words in [
        r#"{"quit":"release"}"#,
        r#"{"command":"abort"}"#,
        r#"{"hello":{"protocol":3,"replica":"default/1"}}"#,
        r#"{"hello":{"protocol":2,"replica":"nonsense"}}"#,
        "GET / HTTP/1.1",
        endless.as_str(),
    ] {
        let mut stream = super::socket::connect(&paths.state_dir).await.unwrap();
        // The owner may disconnect before all is sent.
        let _ = stream.write_all(format!("{words}\n").as_bytes()).await;
        // Then the stream ends, and others can still attach.
        let mut rest = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
        assert!(attach(&paths.state_dir).await.is_ok());
    }
    assert!(decided.try_recv().is_err(), "nothing was decided");
}

#[tokio::test(start_paused = true)]
async fn missing_owner_is_a_clear_error() {
    let scratch = tempfile::tempdir().unwrap();
    let paths = paths(scratch.path(), "state");
    let refused = attach(&paths.state_dir).await.unwrap_err();
    assert!(matches!(refused, AttachError::NotServed { .. }));
    assert!(
        refused.to_string().contains("accepts no viewers"),
        "{refused}"
    );
}
