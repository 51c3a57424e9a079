//! Verdicts by what was read.

use std::collections::BTreeSet;

use super::*;
use crate::domain::{
    AccessRule, CallErrorKind, CallbackAddress, CheckStatus, CollateralRule, ConfirmationRule,
    DelegationPenalties, Duration, EpochGroup, EpochIndex, GovernanceModel, Height, Ngonka, NodeId,
    Participant, ParticipantStatus, PocModel, ReleasePolicy, RewardRules, RulesEpoch, SetupCheck,
    SetupCheckId, SetupReport, UnclaimedReward, Verdict, Weight,
};
use crate::network_node::wire::tests::a_node;

const MODEL: &str = "MiniMaxAI/MiniMax-M2.7";

fn now() -> Time {
    Time::from_timestamp(1_790_000_000, 0).unwrap()
}

fn silent() -> CallError {
    CallError::new("list nodes", CallErrorKind::Ambiguous, "timed out")
}

/// Ours will be at 10.0.0.5, inference on 5050 and the API on 8080.
fn intent() -> PreflightTarget {
    let mut address = a_node().config;
    address.id = NodeId("vastai-1".into());
    PreflightTarget {
        participant: Participant("gonka1abc".into()),
        model: MODEL.into(),
        other_models: BTreeSet::new(),
        revision: None,
        gpu_memory_mb: 320_000,
        proxy: Some(ProxyTarget {
            node: NodeId("inference-proxy".into()),
            model: MODEL.into(),
        }),
        callback: Some("127.0.0.1:9100".into()),
        address: Some(address),
        node_prefix: "vast".into(),
        leaving: Vec::new(),
        release: ReleasePolicy::WholeEpoch,
        registration_margin: Duration::minutes(4),
        unknown_rules: UnknownRules::Refuse,
    }
}

fn good() -> PreflightFacts {
    PreflightFacts {
        nodes: Ok(Vec::new()),
        approved_models: Ok(vec![GovernanceModel::named(MODEL)]),
        is_participant: Ok(true),
        chain: Ok(()),
        callback: Some(Ok(())),
        callback_address: Ok(CallbackAddress::parse("http://api:9100").unwrap()),
        rules: good_rules(),
        report: Ok(resting_report()),
    }
}

const OTHER_MODEL: &str = "deepseek-ai/DeepSeek-V4-Flash-0731";

fn good_rules() -> RewardRules {
    let model = |id: &str| PocModel {
        id: id.into(),
        penalty_from: EpochIndex(300),
    };
    RewardRules {
        epoch: Ok(RulesEpoch {
            latest: EpochIndex(358),
            height: Height(5_536_201),
            claim_money: Height(5_521_639),
        }),
        models: Ok(vec![model(MODEL), model(OTHER_MODEL)]),
        gas_price: Ok(1.0),
        collateral_rule: Ok(CollateralRule {
            grace_until: EpochIndex(180),
            free_share: 0.2,
            per_unit: 4.2,
        }),
        penalties: Ok(DelegationPenalties {
            no_choice: 0.15,
            refusal: 0.1,
        }),
        access: Ok(AccessRule::Open),
        confirmation: Ok(ConfirmationRule {
            expected: 1.0,
            slash: 0.1,
        }),
        participant: Ok(Some(ParticipantStatus::Active)),
        group: Ok(EpochGroup {
            models: vec![MODEL.into(), OTHER_MODEL.into()],
            weight: Some(Weight(10_000)),
        }),
        exclusion: Ok(None),
        chosen: Ok(vec![OTHER_MODEL.into()]),
        collateral: Ok(Ngonka(33_600)),
        balance: Ok(Ngonka::GNK),
        unclaimed: Ok(None),
        preserved: Ok(Vec::new()),
    }
}

fn said(id: SetupCheckId, status: CheckStatus) -> SetupCheck {
    SetupCheck {
        id,
        status,
        message: "as it says".into(),
    }
}

/// Between two sprints of a just-in-time host: no weight, so its overall status is FAIL.
fn resting_report() -> SetupReport {
    use SetupCheckId as Id;
    let passed = [
        Id::ColdKeyConfigured,
        Id::ColdKeyNotInKeyring,
        Id::WarmKeyInKeyring,
        Id::WarmKeyAddressMatch,
        Id::PermissionsGranted,
        Id::FeegrantAllowance,
        Id::ConsensusKeyMatch,
        Id::MissedRequests,
        Id::BlockSync,
    ];
    let mut checks: Vec<SetupCheck> = passed.map(|id| said(id, CheckStatus::Pass)).into();
    for other in ["active_in_epoch", "validator_in_set"] {
        checks.push(said(Id::Other(other.into()), CheckStatus::Fail));
    }
    checks.push(said(
        Id::MlNode(NodeId("colleague-1".into())),
        CheckStatus::Fail,
    ));
    SetupReport {
        checks,
        account: Some(Participant("gonka1abc".into())),
        fee_limit: Some(Ngonka(10_000_000_000)),
        ..SetupReport::default()
    }
}

fn report(facts: &mut PreflightFacts) -> &mut SetupReport {
    facts.report.as_mut().unwrap()
}

fn answers(facts: &mut PreflightFacts, id: &SetupCheckId, status: CheckStatus) {
    let checks = &mut report(facts).checks;
    let check = checks.iter_mut().find(|check| check.id == *id);
    check.unwrap().status = status;
}

/// One word for a verdict.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::Warning { .. } => "warning",
        Verdict::Unmet { .. } => "unmet",
        Verdict::Unknown { .. } if verdict.blocks() => "unknown",
        Verdict::Unknown { .. } => "unknown, shown",
    }
}

type Change = fn(&mut PreflightFacts);

/// A requirement, what is changed, its level then, and a part of its cause.
type Case = (Requirement, Change, &'static str, &'static str);

fn assert_verdicts(cases: &[Case]) {
    for (requirement, change, expected, part) in cases {
        let mut facts = good();
        let before = verdict_or_met(*requirement, &facts);
        assert_eq!(word(&before), "met", "{requirement}");
        change(&mut facts);
        let verdict = verdict_on(*requirement, &facts);
        assert_eq!(word(&verdict), *expected, "{requirement}: {verdict:?}");
        let (cause, remedy) = trouble(&verdict);
        assert!(
            cause.contains(part) && !remedy.is_empty(),
            "{cause}; {remedy}"
        );
    }
}

#[test]
fn chain_rules_have_their_verdicts() {
    use Requirement as R;
    assert_verdicts(&[
        (
            R::PocModel,
            |f| f.rules.models = Err(silent()),
            "unknown",
            MODEL,
        ),
        (
            R::ActiveModel,
            |f| f.rules.group.as_mut().unwrap().models.clear(),
            "warning",
            "not part of the running epoch",
        ),
        (
            R::ActiveModel,
            |f| f.rules.group = Err(silent()),
            "unknown, shown",
            MODEL,
        ),
        (
            R::ProxyModel,
            |f| f.approved_models = Ok(Vec::new()),
            "warning",
            "refuses to register",
        ),
        (
            R::Participant,
            |f| f.rules.participant = Ok(None),
            "unmet",
            "account is not enough",
        ),
        (
            R::ParticipantStatus,
            |f| f.rules.participant = Ok(Some(ParticipantStatus::Inactive)),
            "warning",
            "INACTIVE",
        ),
        (
            R::ParticipantStatus,
            |f| f.rules.participant = Ok(Some(ParticipantStatus::Invalid)),
            "warning",
            "INVALID",
        ),
        (
            R::ParticipantStatus,
            |f| f.rules.exclusion = Ok(Some("failed confirmation PoC".into())),
            "warning",
            "failed confirmation PoC",
        ),
        (
            R::ParticipantStatus,
            |f| f.rules.exclusion = Err(silent()),
            "unknown, shown",
            "excluded",
        ),
        (
            R::Access,
            |f| f.rules.access = Ok(AccessRule::Blocked),
            "unmet",
            "blocks gonka1abc",
        ),
        (
            R::Access,
            |f| f.rules.access = Ok(AccessRule::NotListed),
            "unmet",
            "not on it",
        ),
        (
            R::Access,
            |f| f.rules.access = Err(silent()),
            "unknown",
            "gonka1abc",
        ),
    ]);
}

#[test]
fn setup_checks_have_their_verdicts() {
    use Requirement as R;
    use SetupCheckId as Id;
    assert_verdicts(&[
        (
            R::SetupReport,
            |f| f.report = Err(silent()),
            "unknown",
            "keys and permissions",
        ),
        (
            R::ColdKey,
            |f| report(f).account = Some(Participant("gonka1other".into())),
            "unmet",
            "works for gonka1other",
        ),
        (
            R::WarmKey,
            |f| answers(f, &Id::WarmKeyAddressMatch, CheckStatus::Fail),
            "unmet",
            "warm key",
        ),
        (
            R::WarmKey,
            |f| answers(f, &Id::WarmKeyInKeyring, CheckStatus::Fail),
            "unmet",
            "warm key",
        ),
        (
            R::ConsensusKey,
            |f| answers(f, &Id::ConsensusKeyMatch, CheckStatus::Unavailable),
            "unknown",
            "could not tell",
        ),
        (
            R::BlockSync,
            |f| answers(f, &Id::BlockSync, CheckStatus::Fail),
            "unmet",
            "behind",
        ),
        (
            R::KeyStorage,
            |f| answers(f, &Id::ColdKeyNotInKeyring, CheckStatus::Fail),
            "warning",
            "cold key",
        ),
        (
            R::MissedRequests,
            |f| answers(f, &Id::MissedRequests, CheckStatus::Fail),
            "warning",
            "missed",
        ),
        (
            R::Permissions,
            |f| report(f).missing_permissions = vec!["/inference.inference.MsgSubmitSeed".into()],
            "unmet",
            "MsgSubmitSeed",
        ),
        (
            R::Permissions,
            |f| {
                report(f).missing_permissions =
                    vec!["/inference.bls.MsgRespondDealerComplaints".into()];
            },
            "warning",
            "MsgRespondDealerComplaints",
        ),
        (
            R::Permissions,
            |f| {
                report(f).expiring_permissions =
                    vec!["/inference.inference.MsgClaimRewards".into()];
            },
            "warning",
            "within a week",
        ),
        (
            R::LeftoverNodes,
            |f| {
                report(f)
                    .checks
                    .push(said(Id::MlNode(NodeId("vast-7".into())), CheckStatus::Fail));
            },
            "warning",
            "vast-7",
        ),
    ]);
}

#[test]
fn money_rules_have_their_verdicts() {
    use Requirement as R;
    use SetupCheckId as Id;
    assert_verdicts(&[
        (
            R::Fees,
            |f| report(f).fee_limit = Some(Ngonka(120_000)),
            "warning",
            "120000 ngonka",
        ),
        (
            R::Fees,
            |f| f.rules.balance = Ok(Ngonka::ZERO),
            "unmet",
            "empty",
        ),
        (
            R::Fees,
            |f| answers(f, &Id::FeegrantAllowance, CheckStatus::Unavailable),
            "unknown",
            "could not tell",
        ),
        (
            R::Delegation,
            |f| f.rules.chosen = Ok(Vec::new()),
            "warning",
            "15 %",
        ),
        (
            R::Delegation,
            |f| f.rules.chosen = Err(silent()),
            "unknown, shown",
            "cost a part",
        ),
        (
            R::RewardClaim,
            |f| {
                f.rules.unclaimed = Ok(Some(UnclaimedReward {
                    epoch: EpochIndex(357),
                    amount: Ngonka::GNK,
                }));
            },
            "warning",
            "epoch 357, 1 GNK",
        ),
        (
            R::PreservedNodes,
            |f| f.rules.preserved = Err(silent()),
            "unknown, shown",
            "preserved",
        ),
    ]);
}

fn trouble(verdict: &Verdict) -> (&str, &str) {
    match verdict {
        Verdict::Met => ("", ""),
        Verdict::Warning { cause, remedy }
        | Verdict::Unmet { cause, remedy }
        | Verdict::Unknown { cause, remedy, .. } => (cause, remedy),
    }
}

/// Some findings are there only when something is wrong.
fn verdict_or_met(requirement: Requirement, facts: &PreflightFacts) -> Verdict {
    let findings = evaluate(now(), &intent(), facts).findings.into_iter();
    let mut found = findings.filter(|finding| finding.requirement == requirement);
    found.next().map_or(Verdict::Met, |finding| finding.verdict)
}

#[test]
fn model_outside_poc_params_is_refused() {
    let mut facts = good();
    facts.rules.models.as_mut().unwrap().remove(0);
    let Verdict::Unmet { cause, .. } = verdict_on(Requirement::PocModel, &facts) else {
        panic!("governance approves it, and PoC does not run for it");
    };
    assert!(
        cause.contains("weight would be 0") && cause.contains(OTHER_MODEL),
        "{cause}"
    );
}

#[test]
fn endless_lists_of_others_are_bounded() {
    let names = (0..10_000).map(|number| GovernanceModel::named(&format!("other/{number}")));
    let facts = PreflightFacts {
        approved_models: Ok(names.collect()),
        ..good()
    };
    for finding in evaluate(now(), &intent(), &facts).findings {
        let (cause, _) = finding.trouble().unwrap_or_default();
        let longest = finding.seen.chars().count().max(cause.chars().count());
        assert!(longest <= 1_000, "{longest}: {:?}", finding.requirement);
    }
}

#[test]
fn ungoverned_chain_is_said() {
    let mut facts = good();
    facts.rules.models = Ok(Vec::new());
    answers(&mut facts, &SetupCheckId::BlockSync, CheckStatus::Fail);
    let preflight = evaluate(now(), &intent(), &facts);
    let obstacles = preflight.obstacles().map(|finding| finding.requirement);
    let obstacles: Vec<Requirement> = obstacles.collect();
    assert_eq!(obstacles, [Requirement::BlockSync, Requirement::PocModel]);
    assert!(
        preflight.to_string().contains("for no model at all"),
        "{preflight}"
    );
}

#[test]
fn unpaid_fees_are_refused() {
    let unpaid = |price: f64| {
        let mut facts = good();
        facts.rules.gas_price = Ok(price);
        answers(
            &mut facts,
            &SetupCheckId::FeegrantAllowance,
            CheckStatus::Fail,
        );
        verdict_on(Requirement::Fees, &facts)
    };
    let verdict = unpaid(1.0);
    assert_eq!(word(&verdict), "unmet");
    assert!(trouble(&verdict).0.contains("weight 0"), "{verdict:?}");
    // Up to v0.2.15 nothing was charged.
    assert_eq!(unpaid(0.0), Verdict::Met);
}

#[test]
fn missing_collateral_is_a_number() {
    let with = |collateral: u128, weight: Option<u64>| {
        let mut facts = good();
        facts.rules.collateral = Ok(Ngonka(collateral));
        facts.rules.group.as_mut().unwrap().weight = weight.map(Weight);
        verdict_on(Requirement::Collateral, &facts)
    };
    for (collateral, weight, parts) in [
        (0, Some(10_000), &["needs 33600 ngonka", "80 %"][..]),
        (16_800, Some(10_000), &["is 16800 ngonka", "40 %"]),
        (0, None, &["80 %", "each 1000 of weight need 3360 ngonka"]),
    ] {
        let verdict = with(collateral, weight);
        let cause = trouble(&verdict).0;
        assert_eq!(word(&verdict), "warning", "{verdict:?}");
        assert!(parts.iter().all(|part| cause.contains(part)), "{cause}");
    }
    assert_eq!(with(33_600, Some(10_000)), Verdict::Met);
    assert_eq!(with(1, None), Verdict::Met);
}

#[test]
fn grace_period_needs_no_collateral() {
    let mut facts = good();
    facts.rules.collateral = Ok(Ngonka::ZERO);
    facts.rules.collateral_rule.as_mut().unwrap().grace_until = EpochIndex(359);
    assert_eq!(verdict_on(Requirement::Collateral, &facts), Verdict::Met);
}

#[test]
fn resting_setup_report_is_fine() {
    let preflight = evaluate(now(), &intent(), &good());
    assert!(preflight.is_clear(), "{preflight}");
    assert_eq!(preflight.warnings().count(), 0, "{preflight}");
}

#[test]
fn proxy_model_outside_governance_is_warned_of() {
    // The Network Node answers 400 to a node whose models governance does not approve.
    let intent = PreflightTarget {
        proxy: Some(ProxyTarget {
            node: NodeId("inference-proxy".into()),
            model: "org/other".into(),
        }),
        ..intent()
    };
    let preflight = evaluate(now(), &intent, &good());
    assert!(preflight.is_clear(), "the rental earns all the same");
    let warned = preflight.warnings().next().unwrap();
    assert_eq!(warned.requirement, Requirement::ProxyModel);
    let (cause, _) = warned.trouble().unwrap();
    assert!(cause.contains("refuses to register it"), "{cause}");
}

#[test]
fn model_is_compared_with_governance() {
    let governed = GovernanceModel {
        hf_repo: Some("org/New-Model".into()),
        hf_commit: Some("d494266a4affc0d2995ba1fa35c8481cbd84294b".into()),
        v_ram_gb: Some(500),
        ..GovernanceModel::named("org/New-Model")
    };
    let warned = |governed: &GovernanceModel, revision: Option<&str>, gpu_memory_mb| {
        let intent = PreflightTarget {
            model: governed.id.clone(),
            revision: revision.map(str::to_owned),
            gpu_memory_mb,
            ..intent()
        };
        let facts = PreflightFacts {
            approved_models: Ok(vec![governed.clone()]),
            ..good()
        };
        let preflight = evaluate(now(), &intent, &facts);
        let mut findings = preflight.warnings();
        let found = findings.find(|finding| finding.requirement == Requirement::Model);
        found.map(|finding| finding.trouble().unwrap().0.to_owned())
    };
    let is_about = |found: Option<String>, part: &str| {
        assert!(
            found.as_ref().is_some_and(|found| found.contains(part)),
            "{found:?}"
        );
    };
    // Nothing pinned, the same revision, and its beginning are fine.
    for revision in [None, governed.hf_commit.as_deref(), Some("d494266a")] {
        assert_eq!(warned(&governed, revision, 500_000), None, "{revision:?}");
    }
    is_about(warned(&governed, Some("main"), 500_000), "another revision");
    is_about(warned(&governed, None, 320_000), "needs 500 GB");
    let moved = GovernanceModel {
        hf_repo: Some("org/Elsewhere".into()),
        ..governed
    };
    is_about(warned(&moved, None, 500_000), "org/Elsewhere");
    // Official deployments of a known model have less memory than governance says.
    let known = GovernanceModel {
        v_ram_gb: Some(320),
        ..GovernanceModel::named(MODEL)
    };
    assert_eq!(warned(&known, None, 282_000), None);
}

#[test]
fn early_release_warns_of_confirmations() {
    let intent = PreflightTarget {
        release: ReleasePolicy::AfterValidation,
        ..intent()
    };
    let preflight = evaluate(now(), &intent, &good());
    assert!(preflight.is_clear(), "{preflight}");
    let warning = preflight.warnings().next().unwrap();
    let (cause, _) = warning.trouble().unwrap();
    assert!(
        cause.contains("63 %") && cause.contains("10 % of the collateral"),
        "{cause}"
    );
}

#[test]
fn unread_rules_block_unless_allowed() {
    let facts = PreflightFacts {
        rules: RewardRules::unread(&silent()),
        report: Err(silent()),
        ..good()
    };
    let refusing = evaluate(now(), &intent(), &facts);
    let blocking = refusing.obstacles().map(|finding| finding.requirement);
    let blocking: Vec<Requirement> = blocking.collect();
    // Only where the answer could forbid it.
    assert_eq!(
        blocking,
        [
            Requirement::SetupReport,
            Requirement::PocModel,
            Requirement::Access,
            Requirement::Fees
        ]
    );
    let allowing = PreflightTarget {
        unknown_rules: UnknownRules::Allow,
        ..intent()
    };
    let allowed = evaluate(now(), &allowing, &facts);
    assert!(allowed.is_clear(), "{allowed}");
    assert!(allowed.warnings().count() >= blocking.len());
    // What the cockpit itself works with is never left unknown.
    let blind = PreflightFacts {
        nodes: Err(silent()),
        ..good()
    };
    assert!(!evaluate(now(), &allowing, &blind).is_clear());
}

fn verdict_on(requirement: Requirement, facts: &PreflightFacts) -> Verdict {
    let preflight = evaluate(now(), &intent(), facts);
    let found = preflight
        .findings
        .into_iter()
        .find(|finding| finding.requirement == requirement);
    found.expect("a finding").verdict
}

#[test]
fn all_met_requirements_are_clear() {
    assert!(evaluate(now(), &intent(), &good()).is_clear());
}

#[test]
fn unmet_requirements_name_their_cause() {
    let cases: [(Requirement, Change, &[&str]); 3] = [
        (
            Requirement::Model,
            |facts| facts.approved_models = Ok(vec![GovernanceModel::named("Qwen/Qwen3-235B")]),
            &[MODEL, "Qwen/Qwen3-235B"],
        ),
        (
            Requirement::Participant,
            |facts| {
                facts.is_participant = Ok(false);
                facts.rules.participant = Err(silent());
            },
            &["gonka1abc"],
        ),
        (
            Requirement::Callback,
            |facts| {
                let refused = CallError::new("reach it", CallErrorKind::NotSent, "refused");
                facts.callback = Some(Err(refused));
            },
            &["127.0.0.1:9100"],
        ),
    ];
    for (requirement, change, parts) in cases {
        let mut facts = good();
        change(&mut facts);
        let verdict = verdict_on(requirement, &facts);
        let Verdict::Unmet { cause, .. } = &verdict else {
            panic!("{requirement}: {verdict:?}");
        };
        assert!(parts.iter().all(|part| cause.contains(part)), "{cause}");
    }
}

#[test]
fn foreign_node_at_our_address_blocks() {
    let facts = PreflightFacts {
        nodes: Ok(vec![a_node()]),
        ..good()
    };
    let verdict = verdict_on(Requirement::Address, &facts);
    let Verdict::Unmet { cause, remedy } = &verdict else {
        panic!("{verdict:?}");
    };
    for (text, part) in [
        (
            cause,
            "vastai-31415926 is already registered at 10.0.0.5:8080, needed for the API",
        ),
        (cause, "at 10.0.0.5:5050, needed for the inference"),
        (
            remedy,
            "network_node.api_listen and network_node.inference_listen",
        ),
        (remedy, "remove vastai-31415926"),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn foreign_node_elsewhere_does_not_block() {
    let mut theirs = a_node();
    theirs.config.host = "10.0.0.6".into();
    let facts = PreflightFacts {
        nodes: Ok(vec![theirs]),
        ..good()
    };
    assert_eq!(verdict_on(Requirement::Address, &facts), Verdict::Met);
}

#[test]
fn leaving_registration_frees_its_address() {
    let held = a_node();
    let leaving = vec![held.config.id.clone()];
    let facts = PreflightFacts {
        nodes: Ok(vec![held]),
        ..good()
    };
    assert!(!evaluate(now(), &intent(), &facts).is_clear());
    let intent = PreflightTarget {
        leaving,
        ..intent()
    };
    assert!(evaluate(now(), &intent, &facts).is_clear());
}

#[test]
fn unreadable_requirements_are_unknown() {
    let cases: [(Requirement, Change); 6] = [
        (Requirement::AdminApi, |facts| facts.nodes = Err(silent())),
        (Requirement::Address, |facts| facts.nodes = Err(silent())),
        (Requirement::Model, |facts| {
            facts.approved_models = Err(silent());
        }),
        (Requirement::Participant, |facts| {
            facts.is_participant = Err(silent());
            facts.rules.participant = Err(silent());
        }),
        (Requirement::ChainSynced, |facts| {
            facts.chain = Err(silent());
        }),
        (Requirement::Callback, |facts| {
            facts.callback = Some(Err(silent()));
        }),
    ];
    for (requirement, change) in cases {
        let mut facts = good();
        change(&mut facts);
        let verdict = verdict_on(requirement, &facts);
        let is_unknown = matches!(verdict, Verdict::Unknown { .. });
        assert!(is_unknown, "{requirement}: {verdict:?}");
        let preflight = evaluate(now(), &intent(), &facts);
        assert!(!preflight.is_clear(), "{requirement}");
    }
}

#[test]
fn models_of_other_pools_are_served_too() {
    // Given a host that delegates nothing,
    let mut facts = good();
    facts.rules.chosen = Ok(Vec::new());
    let verdict = |target: &PreflightTarget| {
        let run = evaluate(now(), target, &facts);
        let mut findings = run.findings.into_iter();
        findings
            .find(|it| it.requirement == Requirement::Delegation)
            .unwrap()
            .verdict
    };
    // then the other model costs a penalty,
    let Verdict::Warning { cause, .. } = verdict(&intent()) else {
        panic!("a warning")
    };
    assert!(cause.contains(OTHER_MODEL), "{cause}");
    // unless another pool of the same participant serves it.
    let other_models = BTreeSet::from([OTHER_MODEL.to_owned()]);
    let covered = PreflightTarget {
        other_models,
        ..intent()
    };
    assert_eq!(verdict(&covered), Verdict::Met);
}
