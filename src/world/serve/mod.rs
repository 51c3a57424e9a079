//! Serves a world over real HTTP on loopback: a listener per API, and a driver that advances time.

mod driver;
mod http;
mod machine;
mod shared;
mod subscription;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

use self::shared::{Shared, SimService, TICK};
use super::account::AccountId;
use super::clock::WorldClock;
use super::host::HostId;
use super::scenario::Scenario;
use super::state::World;
use super::truth::Truth;

#[derive(Debug, Clone)]
pub struct WorldOptions {
    pub seed: u64,
    pub scenario: Scenario,
    /// World seconds per real second.
    pub speed: f64,
    /// Any free ports when absent.
    pub ports: Option<Ports>,
}

/// Fixed ports on 127.0.0.1. Hosts after the first have the ports after its `admin` and `callback`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ports {
    pub vast: u16,
    pub public_api: u16,
    pub rpc: u16,
    pub admin: u16,
    pub callback: u16,
    pub upstream: u16,
}

/// A world that is being served; dropping it ends it.
pub struct ServedWorld {
    shared: Arc<Shared>,
    addrs: BTreeMap<SimService, SocketAddr>,
    tasks: Vec<JoinHandle<()>>,
}

/// Serves a new world that starts now.
pub async fn serve(options: WorldOptions) -> io::Result<ServedWorld> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let now = Utc::now();
    let clock = WorldClock {
        speed: options.speed,
        world_start: now,
        real_start: now,
    };
    let world = World::new(options.seed, options.scenario.clone(), now);
    let shared = Shared::new(world, options.seed, options.scenario, clock);
    let shared = Arc::new(shared);
    let ports = options.ports.unwrap_or_default();
    let mut addrs = BTreeMap::new();
    let mut tasks = Vec::new();
    let wanted = services(&shared.world(), ports);
    for (service, port) in wanted {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        addrs.insert(service, listener.local_addr()?);
        let accepting = http::accept(shared.clone(), service, listener);
        tasks.push(tokio::spawn(accepting));
    }
    shared.world().uploads_url = format!("http://{}", addrs[&SimService::Vast]);
    if shared.scenario.public_callback {
        let mut world = shared.world();
        for host in world.hosts() {
            let callback = addrs[&SimService::Callback(host)];
            world.hosts[host].callback_url = format!("http://{callback}");
        }
    }
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()
        .map_err(io::Error::other)?;
    tasks.push(tokio::spawn(driver::drive(shared.clone(), client)));
    Ok(ServedWorld {
        shared,
        addrs,
        tasks,
    })
}

/// What is listened for, with the port of each or 0.
fn services(world: &World, ports: Ports) -> Vec<(SimService, u16)> {
    let at = |host: HostId, first: u16| match first {
        0 => 0,
        first => host.port(first),
    };
    let of_hosts = world.hosts().flat_map(|host| {
        [
            (SimService::Admin(host), at(host, ports.admin)),
            (SimService::Callback(host), at(host, ports.callback)),
        ]
    });
    let of_all = [
        (SimService::Vast, ports.vast),
        (SimService::Public, ports.public_api),
        (SimService::Rpc, ports.rpc),
        (SimService::Upstream, ports.upstream),
    ];
    of_all.into_iter().chain(of_hosts).collect()
}

impl ServedWorld {
    pub fn vast_url(&self) -> Url {
        self.url(SimService::Vast)
    }

    pub fn public_api_url(&self) -> Url {
        self.url(SimService::Public)
    }

    pub fn rpc_url(&self) -> Url {
        self.url(SimService::Rpc)
    }

    /// Of the first host.
    pub fn admin_url(&self) -> Url {
        self.admin_url_of(HostId::FIRST)
    }

    /// One of [`ServedWorld::hosts`].
    pub fn admin_url_of(&self, host: HostId) -> Url {
        self.url(SimService::Admin(host))
    }

    pub fn upstream_url(&self) -> Url {
        self.url(SimService::Upstream)
    }

    #[expect(clippy::expect_used, reason = "a socket address is a valid authority")]
    fn url(&self, service: SimService) -> Url {
        format!("http://{}/", self.addrs[&service])
            .parse()
            .expect("a valid address")
    }

    /// The operator's accounts on the market.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + use<> {
        self.shared.world().accounts()
    }

    /// The models that governance approves.
    pub fn models(&self) -> Vec<String> {
        self.shared.scenario.models.clone()
    }

    /// The operator's hosts.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> + use<> {
        self.shared.world().hosts()
    }

    /// Sends an inference request to a proxy every 30 world seconds, while the world is served.
    pub fn call_inference(&mut self, proxy: SocketAddr) {
        let pause = Duration::from_secs_f64(30.0 / self.shared.clock.speed.max(1e-6));
        let url = format!("http://{proxy}/v1/chat/completions");
        self.tasks.push(tokio::spawn(async move {
            let Ok(http) = reqwest::Client::builder().no_proxy().build() else {
                return;
            };
            loop {
                tokio::time::sleep(pause.max(TICK)).await;
                let _ = http
                    .post(&url)
                    .json(&super::upstream::question())
                    .send()
                    .await;
            }
        }));
    }

    /// Of the first host.
    pub fn callback_addr(&self) -> SocketAddr {
        self.callback_addr_of(HostId::FIRST)
    }

    /// One of [`ServedWorld::hosts`].
    pub fn callback_addr_of(&self, host: HostId) -> SocketAddr {
        self.addrs[&SimService::Callback(host)]
    }

    pub fn clock(&self) -> WorldClock {
        self.shared.clock
    }

    /// Container ports of a rental and their ports outside.
    pub fn mapped_ports(&self, rental: u64) -> BTreeMap<u16, u16> {
        self.shared.world().mapped_ports(rental)
    }

    /// What really happened so far.
    pub fn truth(&self) -> Truth {
        self.shared.world().truth()
    }
}

impl Drop for ServedWorld {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
