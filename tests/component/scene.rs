//! A served world and the configuration for it.

use pocpit::chain::client::ChainClient;
use pocpit::cli;
use pocpit::config::Config;
use pocpit::domain::Preflight;
use pocpit::engine::preflight::run_preflight;
use pocpit::http::HttpClient;
use pocpit::network_node::NetworkNodeClient;
use pocpit::world::{Scenario, ServedWorld, WorldOptions, serve};

pub struct Scene {
    pub world: ServedWorld,
    pub config: Config,
    _scratch: tempfile::TempDir,
}

impl Scene {
    pub async fn new(speed: f64, scenario: Scenario) -> Scene {
        let scratch = tempfile::Builder::new()
            .prefix("pocpit-")
            .tempdir()
            .unwrap();
        // Rate limits have their own tests.
        let scenario = Scenario {
            rate_limits: false,
            ..scenario
        };
        let world = serve(WorldOptions {
            seed: 1,
            scenario,
            speed,
            ports: None,
        })
        .await
        .unwrap();
        let text = cli::configuration(&world, scratch.path()).await.unwrap();
        let config = cli::parse_configuration(&text).unwrap();
        Scene {
            world,
            config,
            _scratch: scratch,
        }
    }

    pub fn chain(&self) -> ChainClient {
        ChainClient::new(HttpClient::new(), &self.config.chain)
    }

    pub fn network_node(&self) -> NetworkNodeClient {
        NetworkNodeClient::new(HttpClient::new(), &self.config.network_node)
    }

    pub async fn preflight(&self) -> Preflight {
        let (chain, nodes) = (self.chain(), self.network_node());
        let now = self.world.clock().now();
        run_preflight(&chain, &nodes, now, &self.config, &[])
            .await
            .preflight
    }
}
