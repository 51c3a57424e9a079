//! What each check says when it fails.

use std::io::{Error, ErrorKind};
use std::net::TcpListener;

use async_trait::async_trait;

use super::machine::{LEAST_SSH, version_of};
use super::probe::Checked;
use super::*;
use crate::config::samples::config;
use crate::domain::samples::{instance, listed};
use crate::domain::{
    Account, CallError, CallErrorKind, ChainSource, CheckStatus, Duration, EpochIndex, Height,
    Instance, NodeId, PocModel, ProxyFigures, RankedOffer, ReleasePolicy, ReportedHead,
    Requirement, RewardRules, SetupCheck, SetupCheckId, SetupReport, SourceKind, SourceReport,
    SyncState, Time, UnknownRules, UpstreamFigures, UpstreamHealth, Usd, Verdict,
};
use crate::engine::attach::tests::offer;
use crate::journal::JournalError;
use crate::network_node::{PreflightFacts, PreflightTarget, ProxyTarget, evaluate};
use crate::ports::InferenceProxy;

fn now() -> Time {
    Time::from_timestamp(1_790_000_000, 0).unwrap()
}

fn error(kind: CallErrorKind) -> CallError {
    CallError::new("ask", kind, "no")
}

fn no_answer() -> CallError {
    error(CallErrorKind::Ambiguous)
}

fn unauthorized() -> CallError {
    error(CallErrorKind::Unauthorized)
}

fn credit(dollars: f64, offers: &[RankedOffer]) -> Checked {
    let credit = Usd::from_dollars(dollars);
    account::credit(
        &config(),
        Ok(Account {
            credit,
            server_time: None,
        }),
        offers,
    )
}

/// [`offer`] costs $30.00 at worst; this one costs as much as it says.
fn costing(dollars: f64) -> RankedOffer {
    RankedOffer {
        worst_cost: Usd::from_dollars(dollars),
        ..offer(7)
    }
}

fn source(head: Result<ReportedHead, CallError>) -> SourceReport {
    SourceReport {
        source: ChainSource {
            kind: SourceKind::Rpc,
            name: "10.0.0.5:26657".into(),
        },
        head,
    }
}

fn head(block: Option<Duration>, sync: SyncState) -> SourceReport {
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

fn of_an_account() -> Vec<Checked> {
    let config = config();
    let theirs = Instance {
        label: Some("pocpit/other/1/1-a".into()),
        ..instance(7)
    };
    vec![
        account::key(&config, &Err(unauthorized())),
        account::key(&config, &Err(no_answer())),
        account::peers(&config, &Err(no_answer())),
        account::peers(&config, &Ok(vec![theirs])),
        account::credit(&config, Err(unauthorized()), &[]),
        account::credit(&config, Err(no_answer()), &[]),
        credit(5.0, &[]),
        credit(6.0, &[]),
        credit(34.99, &[offer(7)]),
        account::budget(&config, &[costing(41.0)]),
        account::market_offers(&Err(unauthorized())),
        account::market_offers(&Err(no_answer())),
    ]
}

fn of_the_chain() -> Vec<Checked> {
    let clock = |block| chain::clock(now(), &[head(block, SyncState::Synced)]);
    vec![
        chain::clock(now(), &[]),
        clock(None),
        clock(Some(Duration::minutes(2))),
        clock(Some(Duration::minutes(-2))),
        chain::source(&source(Err(no_answer()))),
        chain::source(&head(None, SyncState::CatchingUp)),
    ]
}

async fn of_this_machine() -> Vec<Checked> {
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = occupied.local_addr().unwrap();
    let unreadable = JournalError::Directory {
        path: "/nonexistent".into(),
        source: Error::from(ErrorKind::PermissionDenied),
    };
    vec![
        machine::ssh(&config()).await,
        machine::journal(&Err(unreadable)),
        machine::listener("notify.metrics_listen", address, Owner::Absent),
    ]
}

async fn of_the_network_node() -> Vec<Checked> {
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
        node::registered_proxy(proxy, &Err(no_answer())),
        node::registered_proxy(proxy, &Ok(Vec::new())),
        node::running_proxy(&Proxy(Err(no_answer()))).await,
        node::running_proxy(&Proxy(Ok(resting))).await,
    ]
}

/// The engine's own checks before it rents.
fn of_a_preflight() -> Vec<(Requirement, Checked)> {
    let intent = PreflightTarget {
        participant: config().network_node.participant,
        other_models: std::collections::BTreeSet::new(),
        model: "some/model".into(),
        revision: None,
        gpu_memory_mb: 0,
        proxy: Some(ProxyTarget {
            node: NodeId("inference-proxy".into()),
            model: "some/model".into(),
        }),
        callback: Some("10.0.0.5:9100".into()),
        address: config().inference_proxy.map(|proxy| proxy.node()),
        node_prefix: "theirs".into(),
        leaving: Vec::new(),
        release: ReleasePolicy::AfterValidation,
        registration_margin: Duration::zero(),
        unknown_rules: UnknownRules::Refuse,
    };
    let holder = config().inference_proxy.unwrap().node();
    let holder = listed(crate::domain::NodeConfig {
        id: NodeId("theirs".into()),
        ..holder
    });
    let unknown = PreflightFacts {
        nodes: Err(no_answer()),
        approved_models: Err(no_answer()),
        is_participant: Err(no_answer()),
        chain: Err(no_answer()),
        callback: Some(Err(no_answer())),
        callback_address: Err(no_answer()),
        rules: RewardRules::unread(&no_answer()),
        report: Err(no_answer()),
    };
    let unmet = PreflightFacts {
        nodes: Ok(vec![holder]),
        approved_models: Ok(Vec::new()),
        is_participant: Ok(false),
        callback: Some(Err(error(CallErrorKind::NotSent))),
        // It lacks every check that it should contain.
        report: Ok(SetupReport::default()),
        rules: RewardRules {
            models: Ok(vec![PocModel {
                id: "some/model".into(),
                penalty_from: EpochIndex(0),
            }]),
            ..RewardRules::unread(&no_answer())
        },
        ..unknown.clone()
    };
    let mut dead = SetupReport::default();
    dead.checks.push(SetupCheck {
        id: SetupCheckId::MlNode(NodeId("theirs-1".into())),
        status: CheckStatus::Fail,
        message: String::new(),
    });
    let dead = PreflightFacts {
        report: Ok(dead),
        ..unmet.clone()
    };
    let findings = [unknown, unmet, dead].map(|facts| evaluate(now(), &intent, &facts).findings);
    let moved = judge_single_read(&Err(error(CallErrorKind::Refused)));
    let unread = judge_single_read(&Err(no_answer()));
    let findings = findings.into_iter().flatten().chain([moved, unread]);
    let findings = findings.filter(|finding| finding.verdict != Verdict::Met);
    findings
        .map(|finding| (finding.requirement, Err(finding.verdict)))
        .collect()
}

/// The verbs that a remedy may begin with.
const VERBS: [&str; 21] = [
    "add", "create", "fix", "check", "choose", "correct", "free", "install", "make", "mend",
    "name", "raise", "register", "see", "set", "start", "stop", "use", "wait", "ask", "lower",
];

#[tokio::test]
async fn every_failed_probe_has_a_remedy() {
    let (requirements, of_a_preflight): (Vec<_>, _) = of_a_preflight().into_iter().unzip();
    let all: [Vec<Checked>; 5] = [
        of_an_account(),
        of_the_chain(),
        of_this_machine().await,
        of_the_network_node().await,
        of_a_preflight,
    ];
    for checked in all.iter().flatten() {
        let Err(
            Verdict::Unmet { cause, remedy }
            | Verdict::Warning { cause, remedy }
            | Verdict::Unknown { cause, remedy, .. },
        ) = checked
        else {
            panic!("nothing is wrong: {checked:?}");
        };
        assert!(!cause.is_empty(), "{checked:?}");
        let first = remedy.split([' ', ',']).next().unwrap().to_lowercase();
        assert!(VERBS.contains(&first.as_str()), "{cause}: {remedy}");
    }
    // And every requirement of a sprint is among them.
    for requirement in Requirement::ALL {
        assert!(requirements.contains(requirement), "{requirement}");
    }
}

#[test]
fn credit_covers_worst_case_and_floor() {
    // An offer costs $30.00 at worst, and $5.00 must be left.
    assert!(credit(35.0, &[offer(7)]).is_ok());
    let Err(Verdict::Unmet { cause, .. }) = credit(34.99, &[offer(7)]) else {
        panic!("a cent is missing");
    };
    assert!(
        cause.contains("$30.00 at worst") && cause.contains("$0.0100 is missing"),
        "{cause}"
    );
    // Without an offer, the cap of a sprint is the worst case.
    assert!(credit(45.0, &[]).is_ok());
    assert!(matches!(credit(44.99, &[]), Err(Verdict::Unknown { .. })));
    assert!(matches!(credit(5.0, &[]), Err(Verdict::Unmet { .. })));
}

#[test]
fn budget_probe_names_the_low_cap() {
    let budget = |offers: &[RankedOffer]| account::budget(&config(), offers);
    assert!(budget(&[costing(41.0), offer(8)]).is_ok());
    let Err(Verdict::Unmet { cause, .. }) = budget(&[costing(41.0)]) else {
        panic!("a dollar is missing");
    };
    assert!(cause.contains("budget.per_sprint"), "{cause}");
    // The credit is not the cause.
    assert!(credit(100.0, &[costing(41.0)]).is_ok());
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
        let parsed = version_of(said).map(|(_, number)| number);
        assert_eq!(parsed, number, "{said}");
    }
    assert!((7, 4) < LEAST_SSH && (10, 0) > LEAST_SSH);
}

#[test]
fn missing_second_factor_is_named() {
    let mut error = unauthorized();
    error.detail = "lacks proper privileges, Two Factor Authentication".into();
    let Err(Verdict::Unmet { remedy, .. }) = account::key(&config(), &Err(error)) else {
        panic!("it may not list");
    };
    assert!(remedy.starts_with("set up two-factor"), "{remedy}");
}

#[test]
fn missing_permission_names_required_scope() {
    let Err(Verdict::Unmet { cause, remedy }) = account::market_offers(&Err(unauthorized())) else {
        panic!("the key may not search");
    };
    assert!(cause.contains("may not search") && remedy.contains("instance_write"));
}

#[test]
fn check_fits_into_eighty_columns() {
    // Given a check that passed, one that cannot stop a sprint, and texts without an end,
    let long = "http://".to_owned() + &"a".repeat(200) + " does not answer at all";
    let probes = [
        Probe::new(Subject::VastKey, Ok(long.clone())),
        Probe::new(Subject::ProxyProcess, Err(probe::unmet(&long, &long))),
    ];
    let text = text_of(&probes, &Page::plain(80));
    // then no line is wider than the page, and the summary says what it means for a sprint.
    for line in text.lines() {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 80, "{line}");
    }
    assert!(text.starts_with("ok      Vast key    http://"), "{text}");
    let summary = "1 of 2 checks failed. Blocks a sprint: no.";
    assert!(text.ends_with(summary), "{text}");
    // One source of the chain is enough; none is not.
    let (good, bad) = (
        || Probe::new(Subject::ChainSource, Ok("at height 7".into())),
        || Probe::new(Subject::ChainSource, Err(probe::unknown(&"gone", "wait"))),
    );
    let text = text_of(&[good(), bad()], &Page::plain(80));
    assert!(
        text.ends_with("1 of 2 checks failed. Blocks a sprint: no."),
        "{text}"
    );
    let text = text_of(&[bad(), bad()], &Page::plain(80));
    assert!(
        text.ends_with("2 of 2 checks failed. Blocks a sprint: yes."),
        "{text}"
    );
    let blocking = [Probe::new(
        Subject::Credit,
        Err(probe::unmet("none", "pay")),
    )];
    let text = text_of(&blocking, &Page::plain(80));
    assert!(
        text.ends_with("1 of 1 check failed. Blocks a sprint: yes."),
        "{text}"
    );
}
