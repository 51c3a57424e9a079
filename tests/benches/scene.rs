//! What the cockpit's benches show.

use std::sync::Arc;

use pocpit::domain::{LogLine, Mode, ReleasePolicy, Step, Time};
use pocpit::engine::{
    BootLog, ChainSnapshot, MoneySnapshot, NodesSnapshot, OffersSnapshot, SearchState, Snapshot,
    SprintSnapshot, WorldKind,
};

pub fn line(number: i64) -> LogLine {
    let at = Time::from_timestamp(1_790_000_000 + number / 10, 0).unwrap();
    let kind = if number % 100 == 7 { "ERROR" } else { "INFO" };
    let text = format!(
        "{kind} 11-25 00:54:07 [weight_utils.py:{number}] Time spent downloading weights for the model: 412.73 seconds, from the hub by 16 threads, at the end of which another hundred characters follow so that it wraps"
    );
    LogLine::plain(at, text)
}

pub fn empty() -> Snapshot {
    let (mode, release_policy) = (Mode::Manual, ReleasePolicy::AfterValidation);
    Snapshot {
        at: Time::from_timestamp(1_790_200_000, 0).unwrap(),
        world: WorldKind::Real,
        cockpit: "bench".parse().unwrap(),
        mode,
        chain: ChainSnapshot::default(),
        sprint: SprintSnapshot {
            epoch: None,
            step: Step::Booting,
            doing: String::new(),
            spans: Vec::new(),
            gate: None,
            preflight: None,
            rent_at: None,
            cause: None,
            release_at: None,
            release_policy,
            outcome: None,
            attempts: 1,
            can_abort: true,
        },
        offers: OffersSnapshot {
            state: SearchState::Idle,
            rows: Arc::default(),
            rejected: Arc::default(),
            avoided: Vec::new(),
            read_at: None,
        },
        rental: None,
        nodes: NodesSnapshot::default(),
        money: MoneySnapshot::default(),
        alerts: Vec::new(),
        history: Arc::default(),
        boot_log: BootLog::default(),
        ended: false,
    }
}
