//! The gateway on a rental that is exposed directly. The Network Node may put a version before every
//! path, which the `MLNode` does not know: the gateway removes it. The `MLNode`'s own ports stay private
//! there too.

use crate::config::{Config, Exposure};
use crate::ports::{LinkError, RemoteSession};

const SCRIPT: &str = include_str!("../../../assets/front.py");
const FILE: &str = "/var/lib/pocpit/front.py";
/// From a port of the `MLNode` to the gateway's.
const PUBLIC_PORT_OFFSET: u16 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DirectGateway {
    api: u16,
    inference: u16,
}

impl DirectGateway {
    /// `None` if the rental is reached by a tunnel.
    pub(crate) fn of(config: &Config) -> Option<DirectGateway> {
        match config.network_node.exposure {
            Exposure::Tunnel { .. } => None,
            Exposure::Direct => Some(DirectGateway {
                api: config.mlnode.api_port,
                inference: config.mlnode.inference_port,
            }),
        }
    }

    /// Starts the gateway unless it is running.
    pub(crate) async fn start(self, session: &dyn RemoteSession) -> Result<(), LinkError> {
        let output = session.run(&self.command()).await?;
        if output.status == Some(0) {
            return Ok(());
        }
        Err(LinkError::Refused(format!(
            "to start its gateway, through which the Network Node reaches it: {}",
            output.reason()
        )))
    }

    fn command(self) -> String {
        let pair = |port: u16| format!("{}:{port}", public_port(port));
        format!(
            "printf %s '{SCRIPT}' > {FILE}.new && mv {FILE}.new {FILE} && python3 {FILE} {} {}",
            pair(self.api),
            pair(self.inference)
        )
    }
}

/// The container port that is mapped to the outside for a port of the `MLNode`.
pub(crate) fn public_port(port: u16) -> u16 {
    port.checked_add(PUBLIC_PORT_OFFSET)
        .unwrap_or_else(|| port - PUBLIC_PORT_OFFSET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_survives_its_quotes() {
        assert!(!SCRIPT.contains('\''));
        let gateway = DirectGateway {
            api: 8080,
            inference: 5000,
        };
        let command = gateway.command();
        assert!(command.ends_with("front.py 18080:8080 15000:5000"));
    }

    #[test]
    fn public_port_differs_from_the_private() {
        assert_eq!(public_port(8080), 18_080);
        assert_eq!(public_port(60_000), 50_000);
    }
}
