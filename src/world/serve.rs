//! The world over real HTTP on loopback: a listener a service, one driver that lets time pass.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use chrono::Utc;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

use super::announce;
use super::clock::WorldClock;
use super::machine::RentedMachine;
use super::scenario::{FaultKind, Scenario};
use super::ssh_host::SshHost;
use super::state::{
    API_KEY, Ask, IMAGE, MODEL, Outgoing, PARTICIPANT, PROXY_NODE, Polled, Reply, UPSTREAM_KEY,
    World, unit,
};
use super::truth::Truth;

pub(super) const TICK: Duration = Duration::from_millis(20);

/// How to serve a world.
#[derive(Debug, Clone)]
pub struct WorldOptions {
    /// Everything random depends on it.
    pub seed: u64,
    /// What goes wrong.
    pub scenario: Scenario,
    /// World seconds per second.
    pub speed: f64,
    /// Fixed ports; free ones when absent.
    pub ports: Option<Ports>,
}

/// Fixed ports on 127.0.0.1.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ports {
    /// GPU market.
    pub vast: u16,
    /// Chain, public API.
    pub public_api: u16,
    /// Chain, RPC.
    pub rpc: u16,
    /// Network Node, admin API.
    pub admin: u16,
    /// Network Node, callback.
    pub callback: u16,
    /// The inference proxy's upstream.
    pub upstream: u16,
}

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Vast,
    Public,
    Rpc,
    Admin,
    Callback,
    Upstream,
    Machine(u64),
    /// A machine's port as it is reached from outside.
    Mapped(u64, u16),
}

/// What every task of a served world holds.
pub(super) struct Shared {
    world: Mutex<World>,
    fault_counts: Mutex<BTreeMap<usize, u64>>,
    scenario: Scenario,
    seed: u64,
    clock: WorldClock,
}

/// A world that is being served.
pub struct ServedWorld {
    shared: Arc<Shared>,
    addrs: [SocketAddr; 6],
    tasks: Vec<JoinHandle<()>>,
}

impl Shared {
    /// The world, brought to the present.
    pub fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance(self.clock.now());
        world
    }

    fn answer(&self, service: Service, ask: &Ask) -> Option<Reply> {
        let mut world = self.world();
        Some(match service {
            Service::Vast => world.vast(ask),
            Service::Public => world.public_api(ask),
            Service::Rpc => world.rpc(ask),
            Service::Admin => world.admin(ask),
            Service::Callback => world.callback(&ask.body),
            Service::Upstream => world.upstream(ask),
            Service::Machine(id) => return world.mlnode(id, ask),
            Service::Mapped(id, port) => {
                let (port, path) = world.behind(id, port, &ask.path);
                if !world.listens(id, port) {
                    return None;
                }
                let ask = Ask {
                    path,
                    ..ask.clone()
                };
                return world.mlnode(id, &ask);
            }
        })
    }

    fn fault(&self, service: Service, ask: &Ask) -> Option<FaultKind> {
        let name = match service {
            Service::Vast => "vast",
            Service::Public => "public",
            Service::Rpc => "rpc",
            Service::Admin => "admin",
            Service::Callback => "callback",
            Service::Upstream => "upstream",
            Service::Machine(_) | Service::Mapped(..) => "mlnode",
        };
        let call = format!("{} {}", ask.method, ask.path);
        let mut counts = self
            .fault_counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (index, fault) in self.scenario.faults.iter().enumerate() {
            if fault.service != name || !call.contains(&fault.call) {
                continue;
            }
            let count = counts.entry(index).or_default();
            *count += 1;
            let by_number = fault.nth.is_none_or(|nth| nth == *count);
            let by_chance = fault
                .probability
                .is_none_or(|p| unit(self.seed, 40 + index as u64, *count) < p);
            if by_number && by_chance {
                return Some(fault.kind.clone());
            }
        }
        None
    }
}

/// Serves a world; it begins now.
pub async fn serve(options: WorldOptions) -> io::Result<ServedWorld> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let now = Utc::now();
    let clock = WorldClock {
        speed: options.speed,
        world_start: now,
        real_start: now,
    };
    let world = World::new(options.seed, options.scenario.clone(), now);
    let shared = Arc::new(Shared {
        world: Mutex::new(world),
        fault_counts: Mutex::default(),
        scenario: options.scenario,
        seed: options.seed,
        clock,
    });
    let ports = options.ports.unwrap_or_default();
    let wanted = [
        (Service::Vast, ports.vast),
        (Service::Public, ports.public_api),
        (Service::Rpc, ports.rpc),
        (Service::Admin, ports.admin),
        (Service::Callback, ports.callback),
        (Service::Upstream, ports.upstream),
    ];
    let mut addrs = [SocketAddr::from(([127, 0, 0, 1], 0)); 6];
    let mut tasks = Vec::new();
    for ((service, port), addr) in wanted.into_iter().zip(&mut addrs) {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        *addr = listener.local_addr()?;
        tasks.push(tokio::spawn(accept(shared.clone(), service, listener)));
    }
    shared.world().uploads_url = format!("http://{}", addrs[0]);
    if shared.scenario.public_callback {
        shared.world().callback_url = format!("http://{}/v2/poc-batches", addrs[4]);
    }
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()
        .map_err(io::Error::other)?;
    tasks.push(tokio::spawn(drive(shared.clone(), http)));
    Ok(ServedWorld {
        shared,
        addrs,
        tasks,
    })
}

async fn accept(shared: Arc<Shared>, service: Service, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve_stream(shared.clone(), service, stream))),
            Err(_) => tokio::time::sleep(TICK).await,
        }
    }
}

/// Serves HTTP on one connection until it ends.
pub(super) async fn serve_stream<S>(shared: Arc<Shared>, service: Service, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handler =
        hyper::service::service_fn(move |request| respond(shared.clone(), service, request));
    // A connection that ends in the middle is the client's business or a planned fault.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), handler)
        .with_upgrades()
        .await;
}

async fn respond(
    shared: Arc<Shared>,
    service: Service,
    request: Request<hyper::body::Incoming>,
) -> io::Result<Response<Body>> {
    if service == Service::Rpc && announce::is_asked_for(&request) {
        return announce::open(shared, request);
    }
    let ask = read(request).await?;
    let fault = shared.fault(service, &ask);
    match &fault {
        Some(FaultKind::Status { status, body }) => return response(&Reply::text(*status, body)),
        Some(FaultKind::DropBefore) => return Err(io::Error::other("planned fault")),
        _ => {}
    }
    let mut reply = shared
        .answer(service, &ask)
        .ok_or_else(|| io::Error::other("nobody listens"))?;
    match fault {
        Some(FaultKind::DropAfter) => return Err(io::Error::other("planned fault")),
        Some(FaultKind::Delay { seconds }) => {
            tokio::time::sleep(Duration::from_secs_f64(
                seconds.max(0.0) / shared.clock.speed.max(1e-6),
            ))
            .await;
        }
        Some(FaultKind::Malformed) => {
            reply.body = reply
                .body
                .chars()
                .take(reply.body.chars().count() / 2)
                .collect();
        }
        _ => {}
    }
    response(&reply)
}

async fn read(request: Request<hyper::body::Incoming>) -> io::Result<Ask> {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(Body::new(body), 4 << 20)
        .await
        .map_err(io::Error::other)?;
    let bearer = parts
        .headers
        .get("authorization")
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix("Bearer "));
    Ok(Ask {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect(),
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        bearer: bearer.map(str::to_owned),
    })
}

fn response(reply: &Reply) -> io::Result<Response<Body>> {
    let status = StatusCode::from_u16(reply.status).map_err(io::Error::other)?;
    let kind = if reply.body.starts_with(['{', '[', 't', 'f']) {
        "application/json"
    } else {
        "text/plain"
    };
    Response::builder()
        .status(status)
        .header("content-type", kind)
        .body(Body::from(reply.body.clone()))
        .map_err(io::Error::other)
}

async fn drive(shared: Arc<Shared>, http: reqwest::Client) {
    let mut hosts: BTreeMap<u64, Host> = BTreeMap::new();
    loop {
        let (outgoing, wanted) = {
            let mut world = shared.world();
            let wanted = world.running();
            (world.poll_outgoing(), wanted)
        };
        follow_machines(&shared, &mut hosts, &wanted).await;
        for call in outgoing {
            let machine = match &call {
                Outgoing::Batch { instance, .. } => {
                    hosts.get(instance).map(|host| host.machine.clone())
                }
                _ => None,
            };
            tokio::spawn(perform(shared.clone(), http.clone(), call, machine));
        }
        tokio::time::sleep(TICK).await;
    }
}

/// A machine as it is reached over the network.
struct Host {
    machine: Arc<RentedMachine>,
    ssh: SshHost,
    /// Held: its listeners end with it.
    _mapped: JoinSet<()>,
}

/// Listens for each container port that the machine's order maps to the outside.
async fn map_ports(shared: &Arc<Shared>, id: u64) -> JoinSet<()> {
    let wanted = shared.world().ports_to_map(id);
    let mut tasks = JoinSet::new();
    for inside in wanted {
        let Ok(listener) = TcpListener::bind(("127.0.0.1", 0)).await else {
            continue;
        };
        let Ok(address) = listener.local_addr() else {
            continue;
        };
        shared.world().set_mapped_port(id, inside, address.port());
        let service = Service::Mapped(id, inside);
        tasks.spawn(accept(shared.clone(), service, listener));
    }
    tasks
}

async fn follow_machines(shared: &Arc<Shared>, hosts: &mut BTreeMap<u64, Host>, wanted: &[u64]) {
    for id in wanted {
        if hosts.contains_key(id) {
            continue;
        }
        let machine = Arc::new(RentedMachine {
            id: *id,
            shared: shared.clone(),
            forwards: Mutex::default(),
        });
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        if let Ok(ssh) = SshHost::start(listen, shared.seed ^ id, machine.clone()).await {
            let mapped = map_ports(shared, *id).await;
            shared.world().set_ssh_port(*id, ssh.addr().port());
            let host = Host {
                machine,
                ssh,
                _mapped: mapped,
            };
            hosts.insert(*id, host);
        }
    }
    let gone: Vec<u64> = hosts
        .keys()
        .copied()
        .filter(|id| !wanted.contains(id))
        .collect();
    for id in gone {
        if let Some(host) = hosts.remove(&id) {
            host.ssh.stop().await;
        }
    }
}

async fn perform(
    shared: Arc<Shared>,
    http: reqwest::Client,
    call: Outgoing,
    machine: Option<Arc<RentedMachine>>,
) {
    match call {
        Outgoing::Poll {
            node,
            api,
            inference,
        } => {
            let result = poll(&http, &api, &inference).await;
            shared.world().polled(&node, result);
        }
        // The Network Node sees what came of it at the next poll.
        Outgoing::Post { url, body } => drop(http.post(url).json(&body).send().await),
        Outgoing::Batch {
            host,
            port,
            path,
            body,
            ..
        } if host != "api" => {
            let url = format!("http://{host}:{port}{path}");
            drop(http.post(url).json(&body).send().await);
        }
        Outgoing::Batch {
            port, path, body, ..
        } => {
            if let Some(machine) = machine {
                // A batch that does not arrive does not count: that is all there is to it.
                let _ = send_batch(&machine, port, &path, &body).await;
            }
        }
    }
}

async fn poll(http: &reqwest::Client, api: &str, inference: &str) -> Result<Polled, String> {
    let state = get(http, &format!("{api}/api/v1/state")).await?;
    let state = state["state"].as_str().unwrap_or("UNKNOWN").to_owned();
    if state != "INFERENCE" {
        return Ok(Polled { state, model: None });
    }
    get(http, &format!("{inference}/health")).await?;
    let models = get(http, &format!("{inference}/v1/models")).await?;
    Ok(Polled {
        state,
        model: models["data"][0]["id"].as_str().map(str::to_owned),
    })
}

async fn get(http: &reqwest::Client, url: &str) -> Result<Value, String> {
    let reply = http
        .get(url)
        .send()
        .await
        .map_err(|e| format!("{url}: {e}"))?;
    if !reply.status().is_success() {
        return Err(format!("{url}: HTTP {}", reply.status()));
    }
    Ok(reply.json().await.unwrap_or(json!({})))
}

async fn send_batch(machine: &RentedMachine, port: u16, path: &str, body: &Value) -> Option<()> {
    let stream = machine.dial_forward(port).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .ok()?;
    tokio::spawn(connection);
    let request = Request::post(path)
        .header("host", "api:9100")
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .ok()?;
    tokio::time::timeout(Duration::from_secs(5), sender.send_request(request))
        .await
        .ok()?
        .ok()
        .map(drop)
}

impl ServedWorld {
    /// The GPU market.
    pub fn vast_url(&self) -> Url {
        self.url(0)
    }

    /// The chain's public API.
    pub fn public_api_url(&self) -> Url {
        self.url(1)
    }

    /// The chain's RPC.
    pub fn rpc_url(&self) -> Url {
        self.url(2)
    }

    /// The Network Node's admin API.
    pub fn admin_url(&self) -> Url {
        self.url(3)
    }

    #[expect(clippy::expect_used, reason = "a socket address is a valid authority")]
    fn url(&self, index: usize) -> Url {
        format!("http://{}/", self.addrs[index])
            .parse()
            .expect("a valid address")
    }

    /// The inference proxy's upstream.
    pub fn upstream_url(&self) -> Url {
        self.url(5)
    }

    /// Lets somebody ask an inference proxy something twice a minute of the world, for as long as the
    /// world is served.
    pub fn call_inference(&mut self, proxy: SocketAddr) {
        let pause = Duration::from_secs_f64(30.0 / self.shared.clock.speed.max(1e-6));
        let url = format!("http://{proxy}/v1/chat/completions");
        self.tasks.push(tokio::spawn(async move {
            let Ok(http) = reqwest::Client::builder().no_proxy().build() else {
                return;
            };
            loop {
                tokio::time::sleep(pause.max(TICK)).await;
                // Whether it answers is the proxy's business.
                let _ = http
                    .post(&url)
                    .json(&super::upstream::question())
                    .send()
                    .await;
            }
        }));
    }

    /// Where the Network Node takes batches.
    pub fn callback_addr(&self) -> SocketAddr {
        self.addrs[4]
    }

    /// The world's clock.
    pub fn clock(&self) -> WorldClock {
        self.shared.clock
    }

    /// The key that the market accepts.
    pub fn api_key(&self) -> String {
        API_KEY.into()
    }

    /// The operator's address on the chain.
    pub fn participant(&self) -> String {
        PARTICIPANT.into()
    }

    /// The one approved model.
    pub fn model(&self) -> String {
        MODEL.into()
    }

    /// An image of the workload.
    pub fn image(&self) -> String {
        IMAGE.into()
    }

    /// The key of the inference proxy's upstream.
    pub fn upstream_key(&self) -> String {
        UPSTREAM_KEY.into()
    }

    /// The inference proxy's id at the Network Node.
    pub fn proxy_node_id(&self) -> String {
        PROXY_NODE.into()
    }

    /// Container ports of a rental and where they are reached from outside.
    pub fn mapped_ports(&self, rental: u64) -> BTreeMap<u16, u16> {
        self.shared.world().mapped_ports(rental)
    }

    /// What really happened so far.
    pub fn truth(&self) -> Truth {
        self.shared.world().truth()
    }

    /// Ends it.
    #[expect(
        clippy::unused_async,
        reason = "callers await the end; a graceful one may need to"
    )]
    pub async fn shutdown(self) {}
}

impl Drop for ServedWorld {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
