//! `pocpit proxy`: the inference proxy.

use std::future::pending;
use std::time::Duration;

use color_eyre::eyre::{Report, eyre};

use tokio::signal::unix::{SignalKind, signal};

use super::arguments::Common;
use super::telemetry::{self, Audience};
use super::{Exit, runtime, status_line, told_to_end};
use crate::config::{Config, KeyOf};
use crate::domain::{CallError, NodeConfig};
use crate::http::HttpClient;
use crate::network_node::{NetworkNodeClient, RegistrationState, registration_state};
use crate::ports::NetworkNode;
use crate::proxy::STATE_FILE;

/// How often its registration is looked at (real time).
const LOOK_EVERY: Duration = Duration::from_secs(60);

pub(crate) async fn run(common: &Common) -> Result<Exit, Report> {
    let config = runtime::load_for(common, &[KeyOf::Upstreams])?.config;
    let Some(proxy) = &config.inference_proxy else {
        status_line(format_args!(
            "pocpit: the configuration has no section [inference_proxy]: see `pocpit config init`"
        ));
        return Ok(Exit::Usage);
    };
    let _guard = telemetry::start(Audience::Terminal, common.log_format, &config.paths.log_dir)?;
    let state_file = config.paths.state_dir.join(STATE_FILE);
    let served = crate::proxy::serve(proxy, &state_file, told_to_end()?, told_again());
    tokio::select! {
        result = served => result.map_err(|error| eyre!("{error}"))?,
        () = stay_registered(&config, proxy.node()) => {}
        () = outlive_terminal() => {}
    }
    Ok(Exit::Done)
}

/// Whoever tells it to end once more does not want to wait for answers under way.
async fn told_again() {
    match told_to_end() {
        Ok(told) => told.await,
        Err(_) => pending().await,
    }
}

/// Somebody asks it round the clock: a terminal that is closed is no end.
async fn outlive_terminal() {
    let Ok(mut closed) = signal(SignalKind::hangup()) else {
        return pending().await;
    };
    while closed.recv().await.is_some() {
        tracing::info!("the terminal was closed; the inference proxy goes on");
    }
}

/// Keeps the proxy registered as it is. It is left registered at the end: most ends are restarts.
async fn stay_registered(config: &Config, node: NodeConfig) {
    let network_node = NetworkNodeClient::new(HttpClient::new(), &config.network_node);
    let mut registration = Registration::of(node);
    let mut told = None;
    loop {
        let news = registration.keep(&network_node).await;
        if told.as_ref() != Some(&news) {
            match &news {
                Ok(text) => tracing::info!("{text}"),
                Err(text) => tracing::warn!("{text}"),
            }
            told = Some(news);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What the Network Node alters again and again is its own will, and can be lived with.
const REPAIRS: u32 = 2;

/// The proxy's entry in the Network Node's list, as it should be.
struct Registration {
    node: NodeConfig,
    repairs: u32,
    /// It was enabled at a look of this run: who disables it after that wants it so.
    was_enabled: bool,
}

impl Registration {
    fn of(node: NodeConfig) -> Registration {
        Registration {
            node,
            repairs: 0,
            was_enabled: false,
        }
    }

    /// Looks, mends what is not as it should be, and says what there was; an error is for a warning.
    async fn keep(&mut self, network_node: &dyn NetworkNode) -> Result<String, String> {
        let id = self.node.id.clone();
        let unknown = |error: CallError| {
            format!("whether {id} is registered as it should be is not known: {error}")
        };
        let nodes = network_node.nodes().await.map_err(unknown)?;
        let standing = registration_state(&self.node, &nodes);
        self.was_enabled |= matches!(
            standing,
            RegistrationState::Good | RegistrationState::Altered(_)
        );
        match standing {
            RegistrationState::Good => Ok(format!("{id} is registered with the Network Node")),
            RegistrationState::Altered(fields) if self.repairs >= REPAIRS => Ok(format!(
                "{id} is registered; the Network Node keeps its own {}",
                fields.join(", ")
            )),
            RegistrationState::Disabled if self.was_enabled => Err(format!(
                "{id} was disabled at the Network Node while the proxy ran, and stays so: no requests come. Enable it among the nodes of `pocpit`, or start the proxy again"
            )),
            RegistrationState::Disabled => {
                network_node.enable(&id).await.map_err(unknown)?;
                Ok(format!(
                    "{id} was disabled at the Network Node: it is enabled again"
                ))
            }
            RegistrationState::Missing => {
                network_node.register(&self.node).await.map_err(unknown)?;
                Ok(format!("{id} was registered with the Network Node"))
            }
            RegistrationState::Wrong(fields) if self.repairs >= REPAIRS => Err(format!(
                "{id} is registered with another {} again and again: by another proxy with this inference_proxy.node_id, or by the Network Node itself. It is left so",
                fields.join(", ")
            )),
            RegistrationState::Wrong(fields) | RegistrationState::Altered(fields) => {
                self.repairs += 1;
                network_node.register(&self.node).await.map_err(unknown)?;
                Ok(format!(
                    "{id} is registered again: its {} were not as configured",
                    fields.join(", ")
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::domain::samples::listed;
    use crate::domain::{Hardware, NodeId, RegisteredNode};

    /// A Network Node with one entry, which it may write in its own way.
    struct OneEntry {
        node: Mutex<RegisteredNode>,
        most_concurrent: u32,
    }

    impl OneEntry {
        fn of(node: &NodeConfig, most_concurrent: u32) -> OneEntry {
            let mut node = node.clone();
            node.max_concurrent = node.max_concurrent.min(most_concurrent);
            OneEntry {
                node: Mutex::new(listed(node)),
                most_concurrent,
            }
        }
    }

    #[async_trait]
    impl NetworkNode for OneEntry {
        async fn nodes(&self) -> Result<Vec<RegisteredNode>, CallError> {
            Ok(vec![self.node.lock().unwrap().clone()])
        }

        async fn register(&self, node: &NodeConfig) -> Result<(), CallError> {
            self.node.lock().unwrap().config = NodeConfig {
                max_concurrent: node.max_concurrent.min(self.most_concurrent),
                ..node.clone()
            };
            Ok(())
        }

        async fn unregister(&self, _: &NodeId) -> Result<bool, CallError> {
            Ok(false)
        }

        async fn enable(&self, _: &NodeId) -> Result<(), CallError> {
            self.node.lock().unwrap().enabled = true;
            Ok(())
        }

        async fn disable(&self, _: &NodeId) -> Result<(), CallError> {
            self.node.lock().unwrap().enabled = false;
            Ok(())
        }

        async fn callback_answers(&self) -> Result<(), CallError> {
            Ok(())
        }
    }

    fn proxy() -> NodeConfig {
        NodeConfig {
            id: NodeId("inference-proxy".into()),
            host: "10.0.0.5".into(),
            inference_port: 5050,
            inference_segment: String::new(),
            poc_port: 8080,
            poc_segment: String::new(),
            max_concurrent: 500,
            models: [("model".to_owned(), Vec::new())].into(),
            hardware: vec![Hardware {
                name: "none".into(),
                count: 1,
            }],
        }
    }

    #[tokio::test]
    async fn who_disables_it_while_it_runs_has_his_way() {
        let network_node = OneEntry::of(&proxy(), 500);
        let mut registration = Registration::of(proxy());
        // Given a proxy that found itself disabled and is enabled,
        network_node.disable(&proxy().id).await.unwrap();
        assert!(registration.keep(&network_node).await.is_ok());
        assert!(network_node.node.lock().unwrap().enabled);
        assert!(registration.keep(&network_node).await.is_ok());
        // when somebody disables it, then it stays so, and that is told.
        network_node.disable(&proxy().id).await.unwrap();
        let told = registration.keep(&network_node).await.unwrap_err();
        assert!(told.contains("stays so"), "{told}");
        assert!(!network_node.node.lock().unwrap().enabled);
    }

    #[tokio::test]
    async fn what_the_network_node_alters_again_and_again_is_lived_with() {
        let network_node = OneEntry::of(&proxy(), 100);
        let mut registration = Registration::of(proxy());
        for _ in 0..REPAIRS {
            let told = registration.keep(&network_node).await.unwrap();
            assert!(told.contains("registered again"), "{told}");
        }
        let told = registration.keep(&network_node).await.unwrap();
        assert!(told.contains("its own max_concurrent"), "{told}");
    }
}
