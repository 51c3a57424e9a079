//! The chain's sources, and this machine's clock by them.

use super::probe::{Probe, Subject};
use crate::domain::{SourceReport, SyncState, Time};
use crate::engine::CLOCK_SLACK;

/// By the newest block: none comes from the future, and a chain in step has a new one every few
/// seconds.
pub(super) fn clock(now: Time, sources: &[SourceReport]) -> Probe {
    let what = Subject::Clock;
    let told = sources
        .iter()
        .filter_map(|report| report.head.as_ref().ok());
    let Some(block) = told.filter_map(|told| told.block_time).max() else {
        return Probe::unknown(
            what,
            &"no source tells the time of the newest block, so this machine's clock cannot be compared",
            "name an RPC in chain.rpc: it tells the block time. Meanwhile `timedatectl` shows whether the clock is synchronised",
        );
    };
    let off = now - block;
    if off < -CLOCK_SLACK {
        return Probe::unmet(
            what,
            format!(
                "this machine is at least {} s behind the chain",
                -off.num_seconds()
            ),
            "set its clock (timedatectl set-ntp true): leases and caps depend on it",
        );
    }
    if off > CLOCK_SLACK {
        return Probe::unmet(
            what,
            format!(
                "the newest block is {} s old: this machine's clock is ahead, or the chain has stopped",
                off.num_seconds()
            ),
            "set the clock (timedatectl set-ntp true): leases and caps depend on it. If it is right, wait for the chain",
        );
    }
    Probe::met(
        what,
        format!("within {} s of the chain", off.num_seconds().abs()),
    )
}

pub(super) fn source(report: &SourceReport) -> Probe {
    let what = Subject::ChainSource;
    match &report.head {
        Ok(told) if told.sync == SyncState::CatchingUp => Probe::unmet(
            what,
            format!(
                "{} is catching up, at height {}; it is not used until it has",
                report.source, told.height
            ),
            "wait until it has caught up, or name another in chain.public_api or chain.rpc",
        ),
        Ok(told) => Probe::met(what, format!("{} at height {}", report.source, told.height)),
        Err(error) => Probe::unknown(
            what,
            error,
            "check its address in chain.public_api or chain.rpc, and that it runs",
        ),
    }
}
