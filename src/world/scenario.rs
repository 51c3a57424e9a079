//! Parameters of a world, and its faults.

use serde::{Deserialize, Serialize};

use super::faults::{Fault, FaultKind, RandomFaults, WorkloadFault};
use super::models::{MODEL, SECOND_MODEL};
use super::oddity::MarketOddity;

/// A scenario. The default has no faults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Blocks from the world's start to the next `poc_start`.
    pub blocks_before_poc: u64,
    /// Mean block time in seconds.
    pub block_seconds: f64,
    /// Machines on the market.
    pub machines: u64,
    /// So many of them are alike, of one data centre; those beyond are of all kinds.
    pub data_centre: u64,
    /// The operator's hosts: participants of the chain, each with a Network Node of its own.
    pub hosts: u8,
    /// What governance approves; `PoC` runs for these and one more. The first is served by the operator's
    /// nodes that are there already.
    pub models: Vec<String>,
    /// What the hosts chose for `PoC` models that they do not serve.
    pub unserved_models: PocChoice,
    /// The operator's accounts on the market.
    pub accounts: u8,
    /// Money on each account in dollars.
    pub credit: f64,
    /// The market enforces its documented rate limits.
    pub rate_limits: bool,
    /// Version prefix of the Network Node's paths; none when empty.
    pub node_version: String,
    /// API version of the `MLNode`s.
    pub poc_version: PocVersion,
    /// Release of the `MLNode`s' image.
    pub mlnode_release: MlNodeRelease,
    /// Whether the order's environment and command matter to an `MLNode`.
    pub environment: EnvironmentRule,
    /// What goes wrong with the workload of each of our rentals.
    pub workload_fault: Option<WorkloadFault>,
    /// Release of the chain and of the Network Node.
    pub network_release: NetworkRelease,
    /// Further nodes of the operator at the Network Node, each with its release.
    pub other_nodes: Vec<MlNodeRelease>,
    /// The callback has a public address instead of a tunnel.
    pub public_callback: bool,
    /// `api.poc_callback_url` of the Network Node's configuration, which it passes to its `MLNode`s.
    pub callback_url: String,
    /// Number of first rent requests that find their offer gone.
    pub offers_gone: u64,
    /// Number of our first rentals that are born stopped: the reply says `success: false` with their id.
    pub born_stopped: u64,
    pub market_oddities: Vec<MarketOddity>,
    /// The image pull never ends.
    pub boot_hangs: bool,
    /// Number of our first rentals whose model download stalls.
    pub first_boots_stall: u64,
    /// Loading the model fails with this line, if not empty.
    pub boot_failure: String,
    /// The image pull never ends and shows this message, if not empty.
    pub pull_failure: String,
    pub missing_gpus: u64,
    /// CUDA version of the machines' drivers; as offered when empty.
    pub driver_cuda: String,
    /// Blocks after `poc_start` at which a confirmation `PoC` triggers; none when 0.
    pub confirmation_after: u64,
    /// Blocks after `poc_start` after which somebody challenges the first host (v0.2.16); never when 0.
    pub challenge_after: u64,
    /// How old the chain is, and what is served of it.
    pub chain_access: ChainAccess,
    /// Mean confirmation `PoC`s per epoch, in the chain's parameters.
    pub expected_confirmations: u64,
    /// Extra seconds until a rental accepts our SSH key.
    pub key_takes: f64,
    /// Blocks before the first `PoC` at which an upgrade halts the chain for 20 minutes; none when 0.
    pub upgrade_before_poc: u64,
    /// What the shell of each rental prints before a command's output, as a noisy `.bashrc` does: bash reads
    /// it for commands over SSH too (bash(1), INVOCATION).
    pub shell_greeting: String,
    /// Seconds after a container's start at which its SSH connections drop once; never when 0.
    pub ssh_drops_after: u64,
    /// Defects of the first host: its account, its keys, its models, what it exposes.
    pub defects: Vec<HostDefect>,
    /// How often the host's work already came too late (`early share`). The next time costs the epoch.
    pub early_share_misses: u64,
    #[serde(rename = "troubles")]
    pub random_faults: RandomFaults,
    pub faults: Vec<Fault>,
}

/// What a host chose for a `PoC` model that it does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PocChoice {
    #[default]
    Delegated,
    /// It costs a tenth of the weight.
    Refused,
    /// It costs 15 % of the weight.
    Missing,
}

/// API version of an `MLNode`: how it reports a `PoC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PocVersion {
    /// In its service state only (old images).
    First,
    /// In a separate status.
    #[default]
    Second,
}

/// Release of the `MLNode` image: how its API starts a model, and for how long it waits.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    strum::Display,
    strum::VariantArray,
)]
pub enum MlNodeRelease {
    /// And older ones.
    #[serde(rename = "3.0.14")]
    #[strum(serialize = "3.0.14")]
    V3_0_14,
    #[default]
    #[serde(rename = "3.0.16")]
    #[strum(serialize = "3.0.16")]
    V3_0_16,
}

/// Release of the chain and of the Network Node: the shapes of their replies, and their rules.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    strum::Display,
    strum::VariantArray,
)]
pub enum NetworkRelease {
    #[serde(rename = "0.2.14")]
    #[strum(serialize = "0.2.14")]
    V0_2_14,
    /// Live in November 2026.
    #[default]
    #[serde(rename = "0.2.15")]
    #[strum(serialize = "0.2.15")]
    V0_2_15,
    #[serde(rename = "0.2.16")]
    #[strum(serialize = "0.2.16")]
    V0_2_16,
}

/// Whether the order's environment and command matter to an `MLNode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvironmentRule {
    /// Every rental is set up as it should be.
    Ignored,
    /// A missing variable or command has its consequences.
    #[default]
    Applied,
}

/// A defect of a host, or of what is reported about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum HostDefect {
    /// Its account exists, but the chain has no participant of this address.
    NotAParticipant,
    /// It failed in the world's first epoch and is excluded from it.
    Inactive,
    /// Its `PoC` transactions are refused.
    Blocked,
    /// Governance uses an allowlist that it is not on.
    NotAllowListed,
    /// The warm key may not commit what was generated.
    PermissionsMissing,
    /// A permission is missing that no `PoC` needs.
    SparePermissionMissing,
    PermissionsExpiring,
    /// The warm key has no fee allowance. It matters only where there are fees.
    FeegrantMissing,
    FeegrantLow,
    /// The cold account is empty.
    NoBalance,
    CollateralMissing,
    /// No choice is made for the model of the `PoC` set that it does not serve.
    DelegationMissing,
    /// Its model is in the catalogue, but `PoC` does not run for it.
    ModelOutsidePoc,
    /// Its model is in the `PoC` set, but not yet part of an epoch.
    ModelBootstrapping,
    /// `PoC` runs for no model at all.
    NothingGoverned,
    WarmKeyWrong,
    ConsensusKeyWrong,
    /// The cold key is on the Network Node's machine.
    ColdKeyStored,
    /// The Network Node's chain node is behind.
    BlockSyncBehind,
    MissedRequests,
    /// The reward of the last epoch is unclaimed.
    RewardUnclaimed,
    /// The setup report could not query the chain.
    ReportUnavailable,
    /// The chain's REST API is off, as in the default compose file.
    RestNotServed,
}

/// How old the chain is, and what is served of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChainAccess {
    /// Latest blocks that the RPC has: a pruned or state-synced node lacks older ones. All when 0.
    pub blocks_kept: u64,
    /// Whether the Network Node's proxy serves the chain.
    pub proxy: ChainProxy,
    pub age: ChainAge,
}

/// Whether the Network Node's proxy serves `/chain-rpc/` and `/chain-api/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainProxy {
    /// As the official compose file has it: 404.
    #[default]
    Closed,
    Open,
}

/// How old the chain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainAge {
    #[default]
    Grown,
    /// The world's first epoch is the chain's epoch 0.
    Newborn,
}

impl Default for Scenario {
    fn default() -> Scenario {
        Scenario {
            blocks_before_poc: 1020,
            block_seconds: 5.6,
            machines: 60,
            data_centre: 60,
            hosts: 1,
            models: vec![MODEL.into()],
            unserved_models: PocChoice::default(),
            accounts: 1,
            credit: 250.0,
            rate_limits: true,
            node_version: "v3.0.16".into(),
            poc_version: PocVersion::default(),
            mlnode_release: MlNodeRelease::default(),
            environment: EnvironmentRule::default(),
            workload_fault: None,
            network_release: NetworkRelease::default(),
            other_nodes: Vec::new(),
            public_callback: false,
            callback_url: "http://api:9100".into(),
            offers_gone: 0,
            born_stopped: 0,
            market_oddities: Vec::new(),
            boot_hangs: false,
            first_boots_stall: 0,
            boot_failure: String::new(),
            pull_failure: String::new(),
            missing_gpus: 0,
            driver_cuda: String::new(),
            confirmation_after: 0,
            expected_confirmations: 1,
            challenge_after: 0,
            chain_access: ChainAccess::default(),
            key_takes: 0.0,
            upgrade_before_poc: 0,
            shell_greeting: String::new(),
            ssh_drops_after: 0,
            defects: Vec::new(),
            early_share_misses: 0,
            random_faults: RandomFaults::default(),
            faults: Vec::new(),
        }
    }
}

impl Scenario {
    /// With money and machines for so many replicas. A fifth of a data centre's machines are of use to one.
    #[must_use]
    pub fn for_replicas(self, replicas: u32) -> Scenario {
        let wanted = 10 * u64::from(replicas);
        let more = match self.machines {
            // Where there are none, there stay none.
            0 => 0,
            _ => wanted.saturating_sub(self.data_centre),
        };
        Scenario {
            credit: self.credit * f64::from(replicas),
            data_centre: self.data_centre + more,
            machines: self.machines + more,
            ..self
        }
    }

    /// Names for [`Scenario::named`].
    pub const NAMES: [&str; 10] = [
        "happy",
        "no-offers",
        "offer-gone",
        "boot-hangs",
        "boot-fails",
        "ssh-drops",
        "lost-reply",
        "confirmation",
        "price-increase",
        "fleet",
    ];

    /// On a market of the usual size, with the deviation that everybody meets.
    pub fn named(name: &str) -> Option<Scenario> {
        let mut scenario = Scenario {
            machines: 3_000,
            market_oddities: vec![MarketOddity::UnappliedFilters],
            ..Scenario::default()
        };
        match name {
            "happy" => {}
            "no-offers" => scenario.machines = 0,
            "offer-gone" => scenario.offers_gone = 1,
            "boot-hangs" => scenario.boot_hangs = true,
            "boot-fails" => {
                scenario.boot_failure =
                    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.32 GiB."
                        .into();
            }
            "ssh-drops" => scenario.ssh_drops_after = 300,
            "lost-reply" => scenario.faults.push(Fault {
                service: "vast".into(),
                call: "PUT /api/v0/asks/".into(),
                nth: Some(1),
                probability: None,
                kind: FaultKind::DropAfter,
            }),
            "confirmation" => scenario.confirmation_after = 4000,
            "price-increase" => scenario.market_oddities.push(MarketOddity::PriceIncreases),
            // Two hosts, two accounts, two models.
            "fleet" => {
                scenario.hosts = 2;
                scenario.accounts = 2;
                scenario.models.push(SECOND_MODEL.into());
            }
            _ => return None,
        }
        Some(scenario)
    }
}
