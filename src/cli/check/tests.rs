//! What every probe says when it does not find what it should.

use std::io::{Error, ErrorKind};
use std::net::TcpListener;

use async_trait::async_trait;

use super::machine::{LEAST_SSH, version_of};
use super::probe::Subject;
use super::*;
use crate::config::samples::{LEAST, PROXY};
use crate::domain::samples::{instance, listed};
use crate::domain::{
    Account, CallErrorKind, ChainSource, Duration, Height, Instance, NodeId, ProxyFigures,
    ReportedHead, Requirement, SourceKind, SourceReport, SyncState, UpstreamFigures,
    UpstreamHealth, Usd, Verdict,
};
use crate::engine::attach::tests::offer;
use crate::journal::JournalError;
use crate::network_node::{PreflightFacts, PreflightTarget, evaluate};
use crate::ports::InferenceProxy;

/// Of services that do not run.
pub(in crate::cli) fn config() -> Config {
    let mut config = crate::cli::parse_configuration(&format!("{LEAST}{PROXY}")).unwrap();
    config.ssh.key_file = "/nonexistent/key".into();
    config.budget.credit_floor = Usd::from_dollars(5.0);
    config
}

fn now() -> Time {
    Time::from_timestamp(1_790_000_000, 0).unwrap()
}

fn error(kind: CallErrorKind) -> CallError {
    CallError {
        what: "ask".into(),
        kind,
        status: None,
        detail: "no".into(),
    }
}

fn silent() -> CallError {
    error(CallErrorKind::Ambiguous)
}

fn unauthorized() -> CallError {
    error(CallErrorKind::Unauthorized)
}

fn credit(dollars: f64) -> Account {
    Account {
        credit: Usd::from_dollars(dollars),
    }
}

fn source(told: Result<ReportedHead, CallError>) -> SourceReport {
    SourceReport {
        source: ChainSource {
            kind: SourceKind::Rpc,
            name: "10.0.0.5:26657".into(),
        },
        head: told,
    }
}

fn told(block: Option<Duration>, sync: SyncState) -> SourceReport {
    source(Ok(ReportedHead {
        height: Height(7),
        block_time: block.map(|ago| now() - ago),
        sync,
        view: None,
    }))
}

struct Proxy(Result<ProxyFigures, CallError>);

#[async_trait]
impl InferenceProxy for Proxy {
    fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], 5050).into()
    }

    async fn figures(&self) -> Result<ProxyFigures, CallError> {
        self.0.clone()
    }
}

fn of_an_account() -> Vec<Probe> {
    let config = config();
    let theirs = Instance {
        label: Some("pocpit/other/1/1-a".into()),
        ..instance(7)
    };
    let unaffordable = [crate::domain::RankedOffer {
        worst_cost: Usd::from_dollars(41.0),
        ..offer(7)
    }];
    vec![
        account::key(&config, &Err(unauthorized())),
        account::key(&config, &Err(silent())),
        account::neighbours(&config, &Err(silent())),
        account::neighbours(&config, &Ok(vec![theirs])),
        account::credit(&config, Err(unauthorized()), &[]),
        account::credit(&config, Err(silent()), &[]),
        account::credit(&config, Ok(credit(5.0)), &[]),
        account::credit(&config, Ok(credit(6.0)), &[]),
        account::credit(&config, Ok(credit(34.99)), &[offer(7)]),
        account::budget(&config, &unaffordable),
        account::market_offers(&Err(unauthorized())),
        account::market_offers(&Err(silent())),
    ]
}

fn of_the_chain() -> Vec<Probe> {
    let clock = |block| chain::clock(now(), &[told(block, SyncState::Synced)]);
    vec![
        chain::clock(now(), &[]),
        clock(None),
        clock(Some(Duration::minutes(2))),
        clock(Some(Duration::minutes(-2))),
        chain::source(&source(Err(silent()))),
        chain::source(&told(None, SyncState::CatchingUp)),
    ]
}

async fn of_this_machine() -> Vec<Probe> {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap();
    let unreadable = JournalError::Directory {
        path: "/nonexistent".into(),
        source: Error::from(ErrorKind::PermissionDenied),
    };
    vec![
        machine::ssh(&config()).await,
        machine::journal(&Err(unreadable)),
        machine::listener(
            Subject::Metrics,
            "notify.metrics_listen",
            address,
            Owner::Nobody,
        ),
    ]
}

async fn of_the_network_node() -> Vec<Probe> {
    let config = config();
    let proxy = config.inference_proxy.as_ref().unwrap();
    let resting = ProxyFigures {
        upstreams: vec![UpstreamFigures {
            name: "up".into(),
            answered: 0,
            failed: 1,
            health: UpstreamHealth::Resting,
        }],
        ..ProxyFigures::default()
    };
    vec![
        node::registered_proxy(proxy, &Err(silent())),
        node::registered_proxy(proxy, &Ok(Vec::new())),
        node::running_proxy(&Proxy(Err(silent()))).await,
        node::running_proxy(&Proxy(Ok(resting))).await,
    ]
}

/// What a sprint needs, as the engine judges it too.
fn of_a_preflight() -> Vec<Probe> {
    let intent = PreflightTarget {
        participant: config().chain.participant,
        model: "some/model".into(),
        callback: "10.0.0.5:9100".into(),
        address: config().inference_proxy.map(|proxy| proxy.node()),
        leaving: Vec::new(),
    };
    let holder = config().inference_proxy.unwrap().node();
    let holder = listed(crate::domain::NodeConfig {
        id: NodeId("theirs".into()),
        ..holder
    });
    let unknown = PreflightFacts {
        nodes: Err(silent()),
        approved_models: Err(silent()),
        is_participant: Err(silent()),
        chain: Err(silent()),
        callback: Some(Err(silent())),
    };
    let unmet = PreflightFacts {
        nodes: Ok(vec![holder]),
        approved_models: Ok(Vec::new()),
        is_participant: Ok(false),
        callback: Some(Err(error(CallErrorKind::NotSent))),
        ..unknown.clone()
    };
    let findings = [unknown, unmet].map(|facts| evaluate(now(), &intent, &facts).findings);
    let findings = findings.into_iter().flatten();
    findings
        .filter(|finding| finding.verdict != Verdict::Met)
        .map(|finding| Probe {
            what: finding.requirement.into(),
            seen: String::new(),
            verdict: finding.verdict,
        })
        .collect()
}

/// How a remedy begins: with what to do.
const DEEDS: [&str; 21] = [
    "add", "create", "fix", "check", "choose", "correct", "free", "install", "make", "mend",
    "name", "raise", "register", "see", "set", "start", "stop", "use", "wait", "ask", "lower",
];

#[tokio::test]
async fn every_failed_probe_has_a_remedy() {
    let all = [
        of_an_account(),
        of_the_chain(),
        of_this_machine().await,
        of_the_network_node().await,
        of_a_preflight(),
    ];
    for probe in all.iter().flatten() {
        let (Verdict::Unmet { cause, remedy } | Verdict::Unknown { cause, remedy }) =
            &probe.verdict
        else {
            panic!("nothing is wrong: {probe:?}");
        };
        assert!(!cause.is_empty(), "{probe:?}");
        let first = remedy.split([' ', ',']).next().unwrap().to_lowercase();
        assert!(DEEDS.contains(&first.as_str()), "{}: {remedy}", probe.what);
    }
    // And no question of a sprint is left out.
    let asked: Vec<Subject> = all.iter().flatten().map(|probe| probe.what).collect();
    for requirement in Requirement::ALL {
        assert!(asked.contains(&requirement.into()), "{requirement}");
    }
}

#[test]
fn credit_covers_worst_case_and_floor() {
    // An offer costs $30.00 at worst, and $5.00 must be left.
    let verdict = |dollars, offers: &[RankedOffer]| {
        account::credit(&config(), Ok(credit(dollars)), offers).verdict
    };
    assert_eq!(verdict(35.0, &[offer(7)]), Verdict::Met);
    let Verdict::Unmet { cause, .. } = verdict(34.99, &[offer(7)]) else {
        panic!("a cent is missing");
    };
    assert!(
        cause.contains("$30.00 at worst") && cause.contains("$0.0100 is missing"),
        "{cause}"
    );
    // Without an offer, the cap of a sprint is the worst that is known.
    assert_eq!(verdict(45.0, &[]), Verdict::Met);
    assert!(matches!(verdict(44.99, &[]), Verdict::Unknown { .. }));
    assert!(matches!(verdict(5.0, &[]), Verdict::Unmet { .. }));
}

#[test]
fn budget_probe_names_the_low_cap() {
    let dear = RankedOffer {
        worst_cost: Usd::from_dollars(41.0),
        ..offer(7)
    };
    assert_eq!(
        account::budget(&config(), &[dear.clone(), offer(8)]).verdict,
        Verdict::Met
    );
    let Verdict::Unmet { cause, .. } =
        account::budget(&config(), std::slice::from_ref(&dear)).verdict
    else {
        panic!("a dollar is missing");
    };
    assert!(cause.contains("budget.per_sprint"), "{cause}");
    // It is not for want of credit.
    let credit = account::credit(&config(), Ok(credit(100.0)), &[dear]);
    assert_eq!(credit.verdict, Verdict::Met);
}

#[test]
fn ssh_version_is_parsed() {
    for (said, number) in [
        (
            "OpenSSH_9.2p1 Debian-2+deb12u7, OpenSSL 3.0.17 1 Jul 2025\n",
            Some((9, 2)),
        ),
        ("OpenSSH_10.0p2, LibreSSL 3.3.6", Some((10, 0))),
        ("OpenSSH_for_Windows_9.5p1, LibreSSL 3.8.2", None),
        ("OpenSSH_7.4p1, OpenSSL 1.0.2k-fips", Some((7, 4))),
        ("Dropbear v2022.83", None),
        ("", None),
    ] {
        assert_eq!(
            version_of(said).map(|version| version.number),
            number,
            "{said}"
        );
    }
    assert!((7, 4) < LEAST_SSH && (10, 0) > LEAST_SSH);
}

#[test]
fn missing_permission_names_required_scope() {
    let probe = account::market_offers(&Err(unauthorized()));
    let Verdict::Unmet { cause, remedy } = probe.verdict else {
        panic!("{probe:?}");
    };
    assert!(cause.contains("may not search") && remedy.contains("instance_write"));
}
