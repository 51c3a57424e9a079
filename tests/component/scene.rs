//! A served world, its configuration and its clients.

use std::time::Duration;

use pocpit::chain::client::ChainClient;
use pocpit::cli;
use pocpit::config::Config;
use pocpit::domain::{InstanceId, Offer, OfferId, Preflight, RentOrder};
use pocpit::engine::preflight::run_preflight;
use pocpit::http::HttpClient;
use pocpit::network_node::NetworkNodeClient;
use pocpit::ports::{Market, RentError};
use pocpit::vast::{RateLimit, VastClient};
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

    pub fn market(&self) -> VastClient {
        VastClient::new(HttpClient::new(), &self.config.vast).with_rate_limit(RateLimit::Off)
    }

    pub async fn offers(&self) -> Vec<Offer> {
        let now = self.world.clock().now();
        self.market()
            .search(&self.config.vast.query, now)
            .await
            .unwrap()
    }

    async fn rentable_offer(&self) -> OfferId {
        let offers = self.offers().await;
        let mut open = offers.iter().filter(|offer| offer.closed.is_none());
        open.next().unwrap().id
    }

    pub async fn order(&self) -> RentOrder {
        RentOrder {
            offer: self.rentable_offer().await,
            label: "pocpit/demo/359/1-abc".parse().unwrap(),
            image: self.config.vast.image.clone(),
            template_hash: None,
            disk_gb: self.config.vast.query.disk_gb,
            env: [(
                "POCPIT_LEASE_UNTIL".to_owned(),
                (self.world.clock().now().timestamp() + 7_200).to_string(),
            )]
            .into(),
            ports: Vec::new(),
            onstart: "#!/bin/sh\nexec true\n".into(),
        }
    }

    pub async fn rent(&self) -> InstanceId {
        for _ in 0..20 {
            match self.market().rent(&self.order().await).await {
                Ok(id) => return id,
                // In a fast world an offer can be gone between the search and the request.
                Err(RentError::OfferGone(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        panic!("every offer was gone");
    }
}

/// Polls until there is something.
pub async fn eventually<T, F: Future<Output = Option<T>>>(mut poll: impl FnMut() -> F) -> T {
    for _ in 0..1_200 {
        if let Some(found) = poll().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came");
}
