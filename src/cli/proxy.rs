//! `pocpit proxy`: the inference proxy.

use std::future::pending;
use std::time::Duration;

use color_eyre::eyre::{Report, eyre};
use tokio::signal::unix::{SignalKind, signal};

use super::arguments::Common;
use super::logging;
use super::{Exit, runtime, shutdown_signal, stop};
use crate::config::{Config, Credential};
use crate::domain::{CallError, NodeConfig};
use crate::network_node::{RegistrationState, registration_state};
use crate::ports::NetworkNode;
use crate::proxy::STATE_FILE;

/// How often the registration is read (real time).
const POLL_INTERVAL: Duration = Duration::from_secs(60);

pub(crate) async fn run(common: &Common) -> Result<Exit, Report> {
    let config = runtime::load_for(common, &[Credential::Upstreams])?.config;
    let Some(proxy) = &config.inference_proxy else {
        let why = "no [inference_proxy] section in the configuration: `pocpit config init` writes an example";
        return Err(stop(Exit::Usage, why));
    };
    let _guard = logging::start(common.log_format, &config.paths.log_dir)?;
    let state_file = config.paths.state_dir.join(STATE_FILE);
    let (first, second) = (shutdown_signal()?, second_shutdown_signal());
    let served = crate::proxy::serve(proxy, &state_file, first, second);
    tokio::select! {
        result = served => result.map_err(|error| eyre!("{error}"))?,
        () = stay_registered(&config, proxy.node()) => {}
        () = ignore_hangup() => {}
    }
    Ok(Exit::Done)
}

/// A second signal ends the proxy without waiting for requests in flight.
async fn second_shutdown_signal() {
    match shutdown_signal() {
        Ok(signal) => signal.await,
        Err(_) => pending().await,
    }
}

/// Requests come round the clock: a closed terminal does not end the proxy.
async fn ignore_hangup() {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return pending().await;
    };
    while hangup.recv().await.is_some() {
        tracing::info!("the terminal was closed; the inference proxy continues");
    }
}

/// Keeps the proxy registered as configured. It stays registered on exit: most exits are restarts.
async fn stay_registered(config: &Config, node: NodeConfig) {
    let place = config.inference_proxy.as_ref();
    let place = place.map_or(&config.network_node.name, |proxy| {
        config.network_node_of(proxy)
    });
    let network_node = runtime::Clients::new(&config.at_network_node(place)).network_node;
    let mut registration = Registration::of(node);
    let mut last = None;
    loop {
        let result = registration.reconcile(&network_node).await;
        if last.as_ref() != Some(&result) {
            match &result {
                Ok(text) => tracing::info!("{text}"),
                Err(text) => tracing::warn!("{text}"),
            }
            last = Some(result);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// The Network Node may insist on a field of its own; after this many repairs its value is accepted.
const MAX_REPAIRS: u32 = 2;

/// The proxy's registration at the Network Node, as configured.
struct Registration {
    node: NodeConfig,
    repairs: u32,
    /// It was enabled once in this run: if it is disabled later, that is the operator's decision.
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

    /// Reads the registration, repairs it, and says what was found; an `Err` is worth a warning.
    async fn reconcile(&mut self, network_node: &dyn NetworkNode) -> Result<String, String> {
        use RegistrationState::{Altered, Disabled, Good, Missing, Wrong};
        let id = self.node.id.clone();
        let unknown = |error: CallError| format!("cannot check the registration of {id}: {error}");
        let nodes = network_node.nodes().await.map_err(unknown)?;
        let state = registration_state(&self.node, &nodes);
        self.was_enabled |= matches!(state, Good | Altered(_));
        match state {
            Good => Ok(format!("{id} is registered with the Network Node")),
            Altered(fields) if self.repairs >= MAX_REPAIRS => Ok(format!(
                "{id} is registered; the Network Node keeps its own {}",
                fields.join(", ")
            )),
            Disabled if self.was_enabled => Err(format!(
                "{id} was disabled at the Network Node while the proxy ran, and stays disabled: no requests arrive. Enable it in the nodes pane of `pocpit`, or restart the proxy"
            )),
            Disabled => {
                network_node.enable(&id).await.map_err(unknown)?;
                Ok(format!(
                    "{id} was disabled at the Network Node and is enabled again"
                ))
            }
            Missing => {
                network_node
                    .register(&self.node)
                    .await
                    .map_err(|error| unknown(error.into()))?;
                Ok(format!("{id} was registered with the Network Node"))
            }
            Wrong(fields) if self.repairs >= MAX_REPAIRS => Err(format!(
                "{id} keeps being registered with another {}: by another proxy with this inference_proxy.node_id, or by the Network Node itself. Left as it is",
                fields.join(", ")
            )),
            Wrong(fields) | Altered(fields) => {
                self.repairs += 1;
                network_node
                    .register(&self.node)
                    .await
                    .map_err(|error| unknown(error.into()))?;
                Ok(format!(
                    "{id} was registered again: {} differed from the configuration",
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
    use crate::config::samples::config;
    use crate::domain::samples::listed;
    use crate::domain::{CallbackAddress, NodeId, RegisteredNode, SetupReport};
    use crate::ports::RegisterError;

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

        async fn register(&self, node: &NodeConfig) -> Result<(), RegisterError> {
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

        async fn callback_address(&self) -> Result<CallbackAddress, CallError> {
            Ok(CallbackAddress::parse("http://api:9100").unwrap())
        }

        async fn setup_report(&self) -> Result<SetupReport, CallError> {
            Ok(SetupReport::default())
        }

        async fn callback_answers(&self) -> Result<(), CallError> {
            Ok(())
        }
    }

    fn proxy() -> NodeConfig {
        config().inference_proxy.unwrap().node()
    }

    #[tokio::test]
    async fn node_disabled_while_running_stays_disabled() {
        let network_node = OneEntry::of(&proxy(), 100);
        let mut registration = Registration::of(proxy());
        // Given a proxy that found itself disabled and is enabled,
        network_node.disable(&proxy().id).await.unwrap();
        assert!(registration.reconcile(&network_node).await.is_ok());
        assert!(network_node.node.lock().unwrap().enabled);
        assert!(registration.reconcile(&network_node).await.is_ok());
        // when the operator disables it, then it stays disabled, with a warning.
        network_node.disable(&proxy().id).await.unwrap();
        let warning = registration.reconcile(&network_node).await.unwrap_err();
        assert!(warning.contains("stays disabled"), "{warning}");
        assert!(!network_node.node.lock().unwrap().enabled);
    }

    #[tokio::test]
    async fn repeated_alteration_is_accepted() {
        let network_node = OneEntry::of(&proxy(), 50);
        let mut registration = Registration::of(proxy());
        for _ in 0..MAX_REPAIRS {
            let text = registration.reconcile(&network_node).await.unwrap();
            assert!(text.contains("registered again"), "{text}");
        }
        let text = registration.reconcile(&network_node).await.unwrap();
        assert!(text.contains("its own max_concurrent"), "{text}");
    }
}
