//! The operator's settings: TOML, environment, import of the predecessor's `.env`, and every problem
//! in one report.
//!
//! `table.rs` declares every setting once; loader, report, example file, `config show` and the names
//! of environment variables follow from it.

mod advice;
mod checks;
mod derived;
mod draft;
mod example;
mod fleet_checks;
mod import;
mod import_file;
mod load;
mod node_config;
mod onstart;
mod partial;
mod policy_window;
#[cfg(test)]
mod pool_tests;
mod pools;
mod proxy;
mod questions;
mod read;
mod removed;
mod report;
#[cfg(test)]
pub(crate) mod samples;
mod schema;
mod settings;
mod show;
mod source;
mod syntax;
mod table;
mod table_array;
mod table_layer;
#[cfg(test)]
mod table_tests;
mod tables;
#[cfg(test)]
mod tests;
mod text_file;
mod value;
mod values;

pub use example::{example, filled, only};
pub use import::{Fate, ImportNote, Imported};
pub use import_file::import;
pub use load::{FILE_NAME, LoadError, Loaded, base_dirs_for, default_file, load, load_for, parse};
pub use onstart::onstart_script;
pub use partial::{
    NetworkNodeReach, NoticeConfig, ReleaseConfig, load_for_notice, load_for_release,
};
pub use policy_window::CutShort;
pub use proxy::{AccessLog, CallerRules, FieldRules, ProxyConfig, UpstreamConfig, UpstreamFeature};
pub use questions::{Question, problem_with, questions, value_of};
pub use read::BaseDirs;
pub use report::{ConfigReport, Hint, Problem};
pub use schema::{Credential, Need, Setting};
pub use settings::{
    AccountConfig, BellMode, BudgetConfig, ChainConfig, Config, Exposure, MlNodeConfig, MouseMode,
    NetworkNodeConfig, NotifyConfig, NtfyConfig, Paths, PocConfig, PoolConfig, PoolSettings, Pools,
    SimulationConfig, SshConfig, TelegramConfig, VastConfig, VllmConfig,
};
pub use show::ShownSetting;
pub use table::secret_variables;
pub use text_file::read_text;
