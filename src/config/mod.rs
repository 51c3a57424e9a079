//! The operator's settings: TOML, environment, import of the predecessor's `.env`, and every
//! problem in one report.

mod settings;

pub use settings::{
    BudgetConfig, ChainConfig, Config, Exposure, MlNodeConfig, NetworkNodeConfig, NotifyConfig,
    Paths, PocConfig, ProxyConfig, SimulationConfig, SshConfig, VastConfig,
};
