//! The preflight against a simulated world in which one thing is wrong with the host, over real HTTP.

use pocpit::domain::{Finding, Participant, ReleasePolicy, Requirement, UnknownRules, Verdict};
use pocpit::ports::Chain as _;
use pocpit::world::{HostDefect, NetworkRelease, Scenario};
use strum::VariantArray as _;

use crate::scene::Scene;

async fn host(release: NetworkRelease, defects: &[HostDefect]) -> Scene {
    let scenario = Scenario {
        defects: defects.to_vec(),
        network_release: release,
        ..Scenario::default()
    };
    let mut scene = Scene::new(1.0, scenario).await;
    // Its risk has tests of its own.
    scene.config.poc.release = ReleasePolicy::WholeEpoch;
    scene
}

#[derive(Debug, PartialEq)]
enum Word {
    Warning,
    Unmet,
    Unknown,
}

fn word(finding: &Finding) -> Word {
    match finding.verdict {
        Verdict::Met => panic!("{finding:?} is no trouble"),
        Verdict::Warning { .. } => Word::Warning,
        Verdict::Unmet { .. } => Word::Unmet,
        Verdict::Unknown { .. } => Word::Unknown,
    }
}

#[tokio::test]
async fn each_defect_has_its_finding() {
    use HostDefect as D;
    use Requirement as R;
    use Word::{Unknown, Unmet, Warning};
    let cases = [
        (D::NotAParticipant, R::Participant, Unmet),
        (D::Inactive, R::ParticipantStatus, Warning),
        (D::Blocked, R::Access, Unmet),
        (D::NotAllowListed, R::Access, Unmet),
        (D::PermissionsMissing, R::Permissions, Unmet),
        (D::SparePermissionMissing, R::Permissions, Warning),
        (D::PermissionsExpiring, R::Permissions, Warning),
        (D::FeegrantMissing, R::Fees, Unmet),
        (D::FeegrantLow, R::Fees, Warning),
        (D::NoBalance, R::Fees, Unmet),
        (D::CollateralMissing, R::Collateral, Warning),
        (D::DelegationMissing, R::Delegation, Warning),
        (D::ModelOutsidePoc, R::PocModel, Unmet),
        (D::ModelBootstrapping, R::ActiveModel, Warning),
        (D::NothingGoverned, R::PocModel, Unmet),
        (D::WarmKeyWrong, R::WarmKey, Unmet),
        (D::ConsensusKeyWrong, R::ConsensusKey, Unmet),
        (D::ColdKeyStored, R::KeyStorage, Warning),
        (D::BlockSyncBehind, R::BlockSync, Unmet),
        (D::MissedRequests, R::MissedRequests, Warning),
        (D::RewardUnclaimed, R::RewardClaim, Warning),
        (D::ReportUnavailable, R::Permissions, Unknown),
        (D::RestNotServed, R::PocModel, Unknown),
    ];
    let defects: Vec<D> = cases.iter().map(|(defect, ..)| *defect).collect();
    assert_eq!(defects, D::VARIANTS);
    for (defect, requirement, verdict) in cases {
        let scene = host(NetworkRelease::V0_2_16, &[defect]).await;
        let preflight = scene.preflight().await;
        let found = preflight.findings.iter();
        let found: Vec<&Finding> = found.filter(|one| one.verdict != Verdict::Met).collect();
        let expected = found.iter().find(|one| one.requirement == requirement);
        let expected = expected.unwrap_or_else(|| panic!("{defect:?}: {preflight}"));
        assert_eq!(word(expected), verdict, "{defect:?}: {expected:?}");
        // A warning alone keeps nothing from being rented.
        assert_eq!(preflight.is_clear(), verdict == Warning, "{defect:?}");
    }
}

#[tokio::test]
async fn healthy_host_has_no_finding() {
    for release in NetworkRelease::VARIANTS {
        let scene = host(*release, &[]).await;
        let preflight = scene.preflight().await;
        let troubles = preflight.findings.iter().filter_map(Finding::trouble);
        assert_eq!(troubles.collect::<Vec<_>>(), [], "{release}");
    }
}

#[tokio::test]
async fn account_is_no_participant() {
    let scene = host(NetworkRelease::V0_2_14, &[HostDefect::NotAParticipant]).await;
    // Given an address that has an account on the chain and no participant record,
    let account = Participant("gonka1wallet".into());
    let chain = scene.chain();
    assert_eq!(chain.is_participant(&account).await, Ok(false));
    // then ours is unmet too, with the REST API and without it.
    let mut without = host(NetworkRelease::V0_2_14, &[HostDefect::NotAParticipant]).await;
    without.config.chain.rest.clear();
    for scene in [scene, without] {
        let preflight = scene.preflight().await;
        let mut obstacles = preflight.obstacles();
        let ours = obstacles.find(|one| one.requirement == Requirement::Participant);
        assert_eq!(word(ours.unwrap()), Word::Unmet, "{preflight}");
    }
}

#[tokio::test]
async fn missing_rest_blocks_until_it_is_allowed() {
    let mut scene = host(NetworkRelease::V0_2_14, &[]).await;
    scene.config.chain.rest.clear();
    let preflight = scene.preflight().await;
    let obstacles = preflight.obstacles().map(|one| one.requirement);
    let obstacles: Vec<Requirement> = obstacles.collect();
    assert_eq!(obstacles, [Requirement::PocModel, Requirement::Access]);
    let text = preflight.to_string();
    for remedy in ["set chain.rest", "poc.unknown_rules = \"allow\""] {
        assert!(text.contains(remedy), "{text}");
    }
    scene.config.poc.unknown_rules = UnknownRules::Allow;
    let preflight = scene.preflight().await;
    assert!(preflight.is_clear(), "{preflight}");
    assert!(
        preflight
            .to_string()
            .contains("unknown whether PoC runs for")
    );
}
