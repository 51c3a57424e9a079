//! The chain's sources, and this machine's clock by them.

use super::probe::{Checked, unknown, unmet};
use crate::domain::{CallErrorKind, SourceReport, SyncState, Time};
use crate::engine::CLOCK_SLACK;

/// By the newest block: none comes from the future, and a synced chain has a new one every few seconds.
pub(super) fn clock(now: Time, sources: &[SourceReport]) -> Checked {
    let heads = sources
        .iter()
        .filter_map(|report| report.head.as_ref().ok());
    let Some(block) = heads.filter_map(|head| head.block_time).max() else {
        return Err(unknown(
            &"no source tells the time of the newest block, so this machine's clock cannot be compared",
            "name an RPC in chain.rpc: it tells the block time. Meanwhile `timedatectl` shows whether the clock is synchronised",
        ));
    };
    let age = (now - block).num_seconds();
    if now - block < -CLOCK_SLACK {
        return Err(unmet(
            format!("this machine is at least {} s behind the chain", -age),
            "set its clock (timedatectl set-ntp true): leases and caps depend on it",
        ));
    }
    if now - block > CLOCK_SLACK {
        return Err(unmet(
            format!(
                "the newest block is {age} s old: this machine's clock is ahead, or the chain has stopped"
            ),
            "set the clock (timedatectl set-ntp true): leases and caps depend on it. If it is right, wait for the chain",
        ));
    }
    Ok(format!("within {} s of the chain", age.abs()))
}

pub(super) fn source(report: &SourceReport) -> Checked {
    let head = report.head.as_ref().map_err(|error| {
        let remedy = match error.kind {
            CallErrorKind::NotServed => "use port 26657 in chain.rpc, or leave it empty",
            _ => "check its address in chain.public_api or chain.rpc, and that it runs",
        };
        unknown(&error.in_brief(), remedy)
    })?;
    let (source, height) = (&report.source, head.height);
    if head.sync == SyncState::CatchingUp {
        return Err(unmet(
            format!("{source} is catching up, at height {height}; it is not used until it has"),
            "wait until it has caught up, or name another in chain.public_api or chain.rpc",
        ));
    }
    Ok(format!("{source} at height {height}"))
}
