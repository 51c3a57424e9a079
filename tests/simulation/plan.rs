//! What goes wrong in a campaign: its plan, its fault rates, its releases.

use pocpit::domain::Hedging;
use pocpit::world::{MlNodeRelease, NetworkRelease, RandomFaults, Scenario};
use strum::VariantArray as _;

/// What goes wrong in a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Plan {
    /// Nothing.
    Calm,
    /// Nothing but the operator's clock, which is an hour behind.
    WrongClock,
    /// Nothing but the operator's clock, which is an hour ahead.
    FastClock,
    /// Nothing but the operator's clock, which is set by an hour while a rental boots.
    SetClock,
    /// The same while it waits for the time to rent.
    SetIdleClock,
    /// Nothing but the operator's machine: for some minutes of each boot its disk is full or read-only, or no
    /// descriptors are left.
    BrokenMachine,
    /// Services of the host, of the chain and of the market have outages, and the Network Node restarts.
    Outages,
    /// Each workload has a fault within six hours of serving its model.
    Workloads,
    /// Up to a fifth of all calls, rentals and their workloads, services of the host and of the chain, the
    /// clock.
    Faulty,
    /// The same, and the program dies at any moment.
    Crashing,
}

impl Plan {
    /// Whether the chain or the Network Node has faults of its own.
    pub fn disturbs_network(self) -> bool {
        self == Plan::Outages || self.is_faulty()
    }

    pub fn is_faulty(self) -> bool {
        matches!(self, Plan::Faulty | Plan::Crashing)
    }
}

/// A fourth of the campaigns hedge, by their seed alone.
pub fn hedging(seed: u64) -> Hedging {
    match seed % 4 {
        1 => Hedging::On,
        _ => Hedging::Off,
    }
}

/// The world of a plan.
pub fn scenario(plan: Plan) -> Scenario {
    let random_faults = match plan {
        Plan::Calm
        | Plan::WrongClock
        | Plan::FastClock
        | Plan::SetClock
        | Plan::SetIdleClock
        | Plan::BrokenMachine => RandomFaults::default(),
        Plan::Outages => RandomFaults {
            rest_outages: 0.5,
            report_outages: 0.5,
            refused_callbacks: 0.5,
            gateway_resets: 0.5,
            dapi_restarts: 1.0,
            stale_node_files: 0.5,
            ..RandomFaults::default()
        },
        Plan::Workloads => RandomFaults {
            workload_exits: 0.2,
            stubborn_orphans: 0.1,
            vllm_crashes: 0.2,
            vllm_freezes: 0.1,
            unresponsive: 0.2,
            first_start_failures: 0.1,
            alarming_prompts: 0.1,
            ..RandomFaults::default()
        },
        Plan::Faulty | Plan::Crashing => everything(),
    };
    Scenario {
        credit: 1e9,
        rate_limits: true,
        random_faults,
        ..Scenario::default()
    }
}

/// Every random fault, at rates that leave some days calm.
fn everything() -> RandomFaults {
    RandomFaults {
        endless_pulls: 0.02,
        broken_hosts: 0.02,
        stalled_downloads: 0.02,
        failing_loads: 0.02,
        vanishing: 0.02,
        dearer: 0.02,
        dead_watchdogs: 0.02,
        wrong_clocks: 0.02,
        refused_forwards: 0.02,
        silent_ssh: 0.02,
        late_keys: 0.1,
        deaf_destroys: 0.05,
        parameter_changes: 0.05,
        stale_heights: 0.01,
        height_jumps: 0.002,
        halts: 0.03,
        workload_exits: 0.05,
        stubborn_orphans: 0.02,
        vllm_crashes: 0.04,
        vllm_freezes: 0.02,
        unresponsive: 0.05,
        first_start_failures: 0.02,
        endless_loads: 0.01,
        alarming_prompts: 0.1,
        confirmations: 1.0,
        challenges: 0.3,
        preserved: 0.1,
        rest_outages: 0.05,
        report_outages: 0.05,
        refused_callbacks: 0.1,
        gateway_resets: 0.1,
        dapi_restarts: 0.1,
        stale_node_files: 0.3,
    }
}

/// Further nodes of the operator, of both releases in turn: none in a fourth of the campaigns.
fn other_nodes(seed: usize) -> Vec<MlNodeRelease> {
    let count = [0, 2, 3, 4][seed / 2 % 4];
    let releases = MlNodeRelease::VARIANTS.iter().cycle();
    releases.copied().skip(seed % 2).take(count).collect()
}

/// The seed decides which releases the world plays: six seeds in a row have every pair of them, and 24 every
/// pair with each number of other nodes.
pub fn with_releases(seed: u64, scenario: Scenario) -> Scenario {
    let (mlnodes, networks) = (MlNodeRelease::VARIANTS, NetworkRelease::VARIANTS);
    let seed = usize::try_from(seed).unwrap();
    Scenario {
        mlnode_release: mlnodes[seed % mlnodes.len()],
        network_release: networks[seed % networks.len()],
        other_nodes: other_nodes(seed),
        ..scenario
    }
}
