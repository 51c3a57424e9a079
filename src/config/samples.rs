//! Configurations that tests in several rooms start from.

use super::{BaseDirs, Config, parse};
use crate::domain::Usd;

/// The required settings.
pub(crate) const LEAST: &str = r#"
[cockpit]
id = "home"
[chain]
public_api = ["http://10.0.0.5:9000"]
participant = "gonka1abc"
[vast]
api_key = "vast-secret-value"
image = "mlnode:3"
[ssh]
key_file = "~/.ssh/id_ed25519"
[mlnode]
model = "some/model"
[budget]
per_sprint = 40.0
per_day = "$60"
per_month = 900
[network_node]
admin_api = "http://10.0.0.5:9200"
host = "10.0.0.7"
api_listen = "10.0.0.7:18080"
inference_listen = "10.0.0.7:15000"
"#;

/// An inference proxy.
pub(crate) const PROXY: &str = r#"
[inference_proxy]
node_id = "p"
host = "h"
inference_port = 1
poc_port = 2
listen = "127.0.0.1:3"
model = "m"
upstream = "https://u.example/v1"
upstream_key = "k"
upstream_model = "u"
"#;

/// Of services that do not run.
pub(crate) fn config() -> Config {
    let text = format!("{LEAST}{PROXY}");
    let mut config = parse(&text, &[], "a sample", &BaseDirs::default())
        .unwrap()
        .config;
    config.ssh.key_file = "/nonexistent/key".into();
    config.budget.credit_floor = Usd::from_dollars(5.0);
    config
}
