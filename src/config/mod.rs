//! The operator's settings: TOML, environment, import of the predecessor's `.env`, and every
//! problem in one report.
//!
//! `keys.rs` declares every setting once; loader, report, example file, `config show` and the
//! environment's variables follow from it.

mod addressees;
mod build;
mod example;
mod guide;
mod held;
mod import;
mod keys;
mod load;
mod notify;
mod proxy;
mod read;
mod report;
mod salvage;
mod settings;
mod show;
mod source;
#[cfg(test)]
mod tests;
mod value;

pub use addressees::{Addressees, addressees};
pub use example::{example, filled, only};
pub use guide::{Question, problem_with, questions, value_of};
pub use held::CutShort;
pub use import::{Fate, ImportNote, Imported, import};
pub use load::{FILE_NAME, LoadError, Loaded, default_file, load, load_for, parse, places_of};
pub use proxy::{
    AccessLog, CallerRules, FieldRules, ProxyConfig, SignatureRule, TransferConfig, UpstreamConfig,
};
pub use read::{KeyOf, Places};
pub use report::{ConfigReport, Problem};
pub use salvage::{NetworkNodeReach, Salvaged, salvage};
pub use settings::{
    BellMode, BudgetConfig, ChainConfig, Config, Exposure, MlNodeConfig, MouseMode,
    NetworkNodeConfig, NotifyConfig, NtfyConfig, Paths, PocConfig, SimulationConfig, SshConfig,
    TelegramConfig, VastConfig,
};
pub use show::ShownSetting;
