use super::super::wire::tests::mainnet;
use super::*;
use crate::domain::{CallError, CallErrorKind, SourceKind};

const BASE: u64 = 5_536_000;

fn at(second: i64) -> Time {
    Time::from_timestamp(1_790_000_000 + second, 0).unwrap()
}

fn named(kind: SourceKind, name: &str) -> ChainSource {
    ChainSource {
        kind,
        name: name.to_owned(),
    }
}

fn api(name: &str, height: u64) -> SourceReport {
    let mut view = mainnet();
    view.height = Height(height);
    SourceReport {
        source: named(SourceKind::PublicApi, name),
        head: Ok(ReportedHead {
            height: Height(height),
            block_time: None,
            sync: SyncState::Synced,
            view: Some(view),
        }),
    }
}

fn rpc(height: u64, sync: SyncState) -> SourceReport {
    SourceReport {
        source: named(SourceKind::Rpc, "node"),
        head: Ok(ReportedHead {
            height: Height(height),
            block_time: None,
            sync,
            view: None,
        }),
    }
}

fn silent(name: &str) -> SourceReport {
    SourceReport {
        source: named(SourceKind::PublicApi, name),
        head: Err(CallError::new(
            "read the epoch",
            CallErrorKind::NotSent,
            "connection refused",
        )),
    }
}

fn health(sources: &ChainSources, name: &str) -> SourceHealth {
    let all = sources.statuses();
    let found = all.iter().find(|status| status.source.name == name);
    found.unwrap().health.clone()
}

fn settled() -> ChainSources {
    let mut sources = ChainSources::default();
    sources.anchor(at(0), Height(BASE));
    let reports = vec![
        api("own", BASE),
        api("other", BASE - 1),
        rpc(BASE, SyncState::Synced),
    ];
    assert!(sources.observe(at(0), reports).is_ok());
    sources
}

/// The height that is accepted when our own API differs from two other sources.
fn polled(sources: &mut ChainSources, second: i64, own: u64) -> Height {
    let reports = vec![
        api("own", own),
        api("other", BASE + 10),
        rpc(BASE + 10, SyncState::Synced),
    ];
    sources.observe(at(second), reports).unwrap().height
}

#[test]
fn two_agreeing_sources_are_accepted() {
    let mut alone = ChainSources::default();
    assert!(alone.observe(at(0), vec![api("own", BASE)]).is_err());
    let mut both = ChainSources::default();
    let reports = vec![api("own", BASE), rpc(BASE + 1, SyncState::Synced)];
    assert_eq!(both.observe(at(0), reports).unwrap().height, Height(BASE));
}

#[test]
fn syncing_node_does_not_corroborate() {
    let mut sources = ChainSources::default();
    let reports = vec![api("own", BASE), rpc(BASE, SyncState::CatchingUp)];
    assert!(sources.observe(at(0), reports).is_err());
    assert_eq!(health(&sources, "node"), SourceHealth::CatchingUp);
}

#[test]
fn lagging_source_is_outvoted() {
    let mut sources = settled();
    assert_eq!(polled(&mut sources, 60, BASE - 300), Height(BASE + 10));
    assert!(matches!(
        health(&sources, "own"),
        SourceHealth::WentBack { .. }
    ));
    let lag = sources.statuses()[0].lag;
    assert_eq!(lag, Some(Blocks(310)));
}

#[test]
fn source_far_ahead_is_outvoted() {
    let mut sources = settled();
    assert_eq!(polled(&mut sources, 60, BASE + 900), Height(BASE + 10));
    assert_eq!(health(&sources, "own"), SourceHealth::Ahead);
}

#[test]
fn source_creeping_ahead_is_outvoted() {
    let mut sources = settled();
    let mut crept = Vec::new();
    for minute in 1..60 {
        // Alone this source would be accepted: 4 s a block.
        let wrong = BASE + 15 * minute;
        let right = BASE + 10 * minute;
        let now = at(60 * i64::try_from(minute).unwrap());
        let reports = vec![
            api("own", wrong),
            api("other", right),
            rpc(right, SyncState::Synced),
        ];
        let accepted = sources.observe(now, reports).unwrap().height.0;
        crept.push(accepted.saturating_sub(right));
    }
    assert!(crept.iter().all(|ahead| *ahead <= 40), "{crept:?}");
    assert_eq!(*crept.last().unwrap(), 0);
}

#[test]
fn silent_source_is_replaced_by_others() {
    let mut sources = settled();
    let reports = vec![silent("own"), api("other", BASE + 2)];
    assert_eq!(
        sources.observe(at(10), reports).unwrap().height,
        Height(BASE + 2)
    );
    assert!(matches!(health(&sources, "own"), SourceHealth::Silent(_)));
    assert!(sources.has_unhealthy_source());
    let all_silent = vec![silent("own"), silent("other")];
    assert!(sources.observe(at(16), all_silent).is_err());
}

#[test]
fn agreeing_sources_are_accepted_after_outage() {
    let mut sources = settled();
    let reports = vec![
        api("own", BASE + 5_000),
        rpc(BASE + 5_001, SyncState::Synced),
    ];
    assert!(sources.observe(at(60), reports).is_ok());
}

#[test]
fn halt_needs_several_witnesses() {
    let mut sources = settled();
    for second in (6..300).step_by(6) {
        let reports = vec![
            api("own", BASE),
            api("other", BASE),
            rpc(BASE, SyncState::Synced),
        ];
        assert!(sources.observe(at(second), reports).is_ok());
    }
    let halted = sources.standstill(at(294), at(0));
    assert_eq!(halted, Standstill::Halted { witnesses: 3 });
    let mut alone = settled();
    for second in (6..300).step_by(6) {
        let reports = vec![
            api("own", BASE),
            rpc(BASE + u64::try_from(second / 6).unwrap(), SyncState::Synced),
        ];
        let _ = alone.observe(at(second), reports);
    }
    assert_eq!(alone.standstill(at(294), at(0)), Standstill::Unproven);
}

#[test]
fn parameter_change_is_reported() {
    let mut sources = settled();
    let mut changed = [api("own", BASE + 1), api("other", BASE + 1)];
    for report in &mut changed {
        if let Ok(ReportedHead {
            view: Some(view), ..
        }) = &mut report.head
        {
            view.params.confirmation_poc_safety_window = Blocks(600);
        }
    }
    let [own, other] = changed;
    // The first of the two waits for the second.
    let _ = sources.observe(at(6), vec![own.clone(), other.clone()]);
    assert!(sources.observe(at(12), vec![own, other]).is_ok());
    let (_, change) = sources.changed().unwrap();
    assert_eq!(change, "confirmation_poc_safety_window: 500 → 600 blocks");
}

#[test]
fn announced_block_only_corroborates() {
    let mut sources = settled();
    assert!(sources.corroborate(at(30), rpc(BASE + 5, SyncState::Synced)));
    let status = sources.statuses().remove(2);
    assert_eq!(status.height, Some(Height(BASE + 5)));
    assert_eq!(sources.accepted, Some((at(0), Height(BASE))));
    // It moves, so a stuck public API is no halt.
    let still = vec![api("own", BASE), api("other", BASE - 1)];
    let _ = sources.observe(at(300), still);
    sources.corroborate(at(301), rpc(BASE + 40, SyncState::Synced));
    assert_eq!(sources.standstill(at(302), at(0)), Standstill::Unproven);
}

#[test]
fn implausible_announced_blocks_are_ignored() {
    let mut sources = settled();
    for height in [1, BASE - 1, BASE + 46, u64::MAX] {
        let announced = rpc(height, SyncState::Synced);
        assert!(!sources.corroborate(at(30), announced), "{height}");
    }
    assert_eq!(health(&sources, "node"), SourceHealth::Good);
    assert_eq!(sources.statuses()[2].height, Some(Height(BASE)));
    // Before a height is accepted there is nothing to compare with.
    let mut fresh = ChainSources::default();
    assert!(!fresh.corroborate(at(0), rpc(BASE, SyncState::Synced)));
}
