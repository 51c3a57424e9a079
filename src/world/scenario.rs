//! What a world is like and what goes wrong in it.

use serde::{Deserialize, Serialize};

/// A scenario; the default is the happy path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Blocks from the world's start to the next `poc_start`.
    pub blocks_before_poc: u64,
    /// Mean block time in seconds.
    pub block_seconds: f64,
    /// Machines in the market.
    pub machines: u64,
    /// Money on the account in dollars.
    pub credit: f64,
    /// Whether the market enforces its documented intervals between calls.
    pub rate_limits: bool,
    /// Version that the Network Node puts before every path; none when empty.
    pub node_version: String,
    /// How nodes show that they are in a `PoC`.
    pub poc_version: PocVersion,
    /// The callback's address is public, and not the name that a tunnel answers to.
    pub public_callback: bool,
    /// The first so many rent calls find their offer gone.
    pub offers_gone: u64,
    /// The image pull never ends.
    pub boot_hangs: bool,
    /// The model's download stops half way on the first so many machines that we rent.
    pub first_boots_stall: u64,
    /// The model's load ends with this line instead; never when empty.
    pub boot_failure: String,
    /// While the image is pulled the host says this instead, for ever; never when empty.
    pub pull_failure: String,
    /// GPUs that machines lack of those in their offers.
    pub missing_gpus: u64,
    /// CUDA version that machines' drivers support; that of their offers when empty.
    pub driver_cuda: String,
    /// Blocks after `poc_start` at which a confirmation `PoC` triggers; none when 0.
    pub confirmation_after: u64,
    /// Confirmation `PoC`s in an epoch, on average, as the chain's parameters tell.
    pub expected_confirmations: u64,
    /// Seconds that every rental takes beyond the usual to accept our SSH key.
    pub key_takes: f64,
    /// An upgrade halts the chain so many blocks before the first `PoC`, for twenty minutes; none
    /// when 0.
    pub upgrade_before_poc: u64,
    /// Seconds after a container starts at which its SSH links drop once; never when 0.
    pub ssh_drops_after: u64,
    /// What goes wrong by chance.
    #[serde(rename = "troubles")]
    pub random_faults: RandomFaults,
    /// Faults of single calls.
    pub faults: Vec<Fault>,
}

/// How an `MLNode` shows that it is in a `PoC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PocVersion {
    /// By its service state alone, as old images do.
    First,
    /// By a status beside it.
    #[default]
    Second,
}

/// How often something goes wrong: shares from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomFaults {
    /// Of the rentals: the image pull never ends.
    pub endless_pulls: f64,
    /// Of the rentals: the host cannot start the container.
    pub broken_hosts: f64,
    /// Of the rentals: the model's download stops half way.
    pub stalled_downloads: f64,
    /// Of the rentals: the model's load ends in a fault of the host.
    pub failing_loads: f64,
    /// Of the rentals: the host takes the machine back within its first hour and a half.
    pub vanishing: f64,
    /// Of the rentals: the contract costs a fifth more than the offer said.
    pub dearer: f64,
    /// Of the rentals: the SSH key takes up to four minutes more.
    pub late_keys: f64,
    /// Of the destroy calls: acknowledged, and nothing happens.
    pub deaf_destroys: f64,
    /// Of the epochs: validation is shorter than the epoch before said.
    pub parameter_changes: f64,
    /// Of ten minutes each: the public API tells the height of their beginning.
    pub stale_heights: f64,
    /// Of the minutes: the public API tells a height that is hundreds of blocks wrong.
    pub height_jumps: f64,
    /// Of the epochs: the chain halts some minutes in the hour before its `PoC`.
    pub halts: f64,
}

/// A fault of matching calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `vast`, `public`, `rpc` or `admin`.
    pub service: String,
    /// Matches when `METHOD /path` contains it.
    pub call: String,
    /// Only the nth matching call, from 1.
    #[serde(default)]
    pub nth: Option<u64>,
    /// Chance of each matching call.
    #[serde(default)]
    pub probability: Option<f64>,
    /// What happens.
    pub kind: FaultKind,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// Answers this instead; nothing takes effect.
    Status {
        /// HTTP status.
        status: u16,
        /// Its body.
        body: String,
    },
    /// The connection ends; nothing takes effect.
    DropBefore,
    /// It takes effect, then the connection ends without a reply.
    DropAfter,
    /// The reply comes late by so many world seconds.
    Delay {
        /// World seconds.
        seconds: f64,
    },
    /// It takes effect; the reply is cut in the middle.
    Malformed,
}

impl Default for Scenario {
    fn default() -> Scenario {
        Scenario {
            blocks_before_poc: 1020,
            block_seconds: 5.6,
            machines: 60,
            credit: 250.0,
            rate_limits: true,
            node_version: "v3.0.16".into(),
            poc_version: PocVersion::default(),
            public_callback: false,
            offers_gone: 0,
            boot_hangs: false,
            first_boots_stall: 0,
            boot_failure: String::new(),
            pull_failure: String::new(),
            missing_gpus: 0,
            driver_cuda: String::new(),
            confirmation_after: 0,
            expected_confirmations: 1,
            key_takes: 0.0,
            upgrade_before_poc: 0,
            ssh_drops_after: 0,
            random_faults: RandomFaults::default(),
            faults: Vec::new(),
        }
    }
}

impl Scenario {
    /// Names that [`Scenario::named`] knows.
    pub const NAMES: [&str; 8] = [
        "happy",
        "no-offers",
        "offer-gone",
        "boot-hangs",
        "boot-fails",
        "ssh-drops",
        "lost-reply",
        "confirmation",
    ];

    /// A scenario by name.
    pub fn named(name: &str) -> Option<Scenario> {
        let mut scenario = Scenario::default();
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
            _ => return None,
        }
        Some(scenario)
    }
}
