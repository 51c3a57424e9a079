//! Advances the world: sends its outgoing requests, and starts and stops the machines' hosts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::Request;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::domain::Time;
use crate::world::exchange::{CallAnswer, NodeRequest, Outgoing};
use crate::world::serve::http::accept;
use crate::world::serve::machine::RentedMachine;
use crate::world::serve::shared::{Shared, SimService, TICK};
use crate::world::ssh_host::SshHost;

pub(in crate::world) async fn drive(shared: Arc<Shared>, http: reqwest::Client) {
    let mut hosts: BTreeMap<u64, MachineHost> = BTreeMap::new();
    loop {
        let (outgoing, wanted) = {
            let mut world = shared.world();
            (world.poll_outgoing(), world.running())
        };
        sync_hosts(&shared, &mut hosts, &wanted).await;
        for call in outgoing {
            let host = match &call {
                Outgoing::Batch { instance, .. } => hosts.get(instance),
                Outgoing::Call { .. } => None,
            };
            let machine = host.map(|host| host.machine.clone());
            tokio::spawn(perform(shared.clone(), http.clone(), call, machine));
        }
        tokio::time::sleep(TICK).await;
    }
}

struct MachineHost {
    machine: Arc<RentedMachine>,
    ssh: SshHost,
    /// When its connections are cut, once.
    drops_at: Option<Time>,
    /// Listeners, which end when this is dropped.
    _mapped: JoinSet<()>,
}

/// Listens on a port for each mapped container port.
async fn map_ports(shared: &Arc<Shared>, id: u64) -> JoinSet<()> {
    let wanted = shared.world().ports_to_map(id);
    let mut tasks = JoinSet::new();
    for inside in wanted {
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", 0)).await
            && let Ok(address) = listener.local_addr()
        {
            shared.world().set_mapped_port(id, inside, address.port());
            let service = SimService::Mapped(id, inside);
            tasks.spawn(accept(shared.clone(), service, listener));
        }
    }
    tasks
}

async fn sync_hosts(shared: &Arc<Shared>, hosts: &mut BTreeMap<u64, MachineHost>, wanted: &[u64]) {
    for id in wanted {
        if hosts.contains_key(id) {
            continue;
        }
        let machine = Arc::new(RentedMachine {
            id: *id,
            shared: shared.clone(),
            forwards: Arc::default(),
        });
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        if let Ok(ssh) = SshHost::start(listen, shared.seed ^ id, machine.clone()).await {
            let mapped = map_ports(shared, *id).await;
            shared.world().set_ssh_port(*id, ssh.addr().port());
            let host = MachineHost {
                machine,
                ssh,
                drops_at: shared.world().ssh_drops_at(*id),
                _mapped: mapped,
            };
            hosts.insert(*id, host);
        }
    }
    for (_, host) in hosts.extract_if(.., |id, _| !wanted.contains(id)) {
        host.ssh.stop().await;
    }
    let now = shared.clock.now();
    for host in hosts.values_mut() {
        if host.drops_at.take_if(|at| *at <= now).is_some() {
            host.ssh.drop_connections();
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
        Outgoing::Call { number, request } => {
            let answer = call_node(&http, &request, shared.clock.speed).await;
            shared.world().call_ended(number, &answer);
        }
        Outgoing::Batch {
            instance,
            number,
            host,
            port,
            path,
            body,
        } => {
            let outcome = send_batch(machine.as_deref(), &host, port, &path, &body).await;
            shared.world().batch_sent(instance, number, &outcome);
        }
    }
}

/// Real programs and links take real time, however fast the world is.
const SHORTEST_TIMEOUT: f64 = 5.0;

async fn call_node(
    http: &reqwest::Client,
    call: &NodeRequest,
    speed: f64,
) -> Result<CallAnswer, String> {
    let method = reqwest::Method::from_bytes(call.method.as_bytes());
    let method = method.map_err(|error| error.to_string())?;
    let timeout = (call.timeout / speed.max(1e-6)).max(SHORTEST_TIMEOUT);
    let mut request = http
        .request(method, &call.url)
        .timeout(Duration::from_secs_f64(timeout));
    if let Some(body) = &call.body {
        // Without a Content-Type, as dapi sends it.
        request = request.body(body.to_string());
    }
    let response = request.send().await.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let body = response.text().await.map_err(|error| error.to_string())?;
    Ok(CallAnswer::new(status, &body))
}

/// Sends a batch from inside a machine. Returns the status of the answer.
async fn send_batch(
    machine: Option<&RentedMachine>,
    host: &str,
    port: u16,
    path: &str,
    body: &Value,
) -> Result<u16, String> {
    let machine = machine.ok_or("the machine is gone")?;
    let request = Request::post(path)
        .header("host", format!("{host}:{port}"))
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .map_err(|error| error.to_string())?;
    let (status, _) = machine.request(host, port, request).await?;
    Ok(status)
}
