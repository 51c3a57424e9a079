//! A simulated machine whose link breaks, and the rest of the world as far as a watcher needs it.

use std::sync::Mutex;

use async_trait::async_trait;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::*;
use crate::chain::client::ChainClient;
use crate::engine::Ports;
use crate::http::{Answer, HttpClient, HttpRequest, Transport, TransportError};
use crate::mlnode::client::MlNodeFactory;
use crate::network_node::NetworkNodeClient;
use crate::ports::*;
use crate::vast::VastClient;

/// A machine that writes a text to its log file while the file is read.
pub(super) struct Host {
    text: Vec<u8>,
    /// Bytes that a link carries, on average.
    link_bytes: usize,
    state: Mutex<State>,
}

struct State {
    chance: StdRng,
    /// The last one is being written; the others were renamed or removed.
    files: Vec<Part>,
    cuts: usize,
    next_inode: u64,
}

/// A file, as a part of the text.
#[derive(Clone)]
struct Part {
    inode: u64,
    begin: usize,
    end: usize,
    there: Presence,
}

#[derive(Clone, Copy, PartialEq)]
enum Presence {
    There,
    Gone,
}

impl Host {
    pub(super) fn new(text: Vec<u8>, link_bytes: usize) -> Arc<Host> {
        let first = Part {
            inode: 1,
            begin: 0,
            end: 0,
            there: Presence::There,
        };
        let state = State {
            chance: StdRng::seed_from_u64(1),
            files: vec![first],
            cuts: 0,
            next_inode: 2,
        };
        Arc::new(Host {
            text,
            link_bytes,
            state: Mutex::new(state),
        })
    }

    pub(super) fn cuts(&self) -> usize {
        self.state.lock().unwrap().cuts
    }

    pub(super) fn other_files(&self) -> usize {
        self.state.lock().unwrap().files.len() - 1
    }

    /// Writes some more, perhaps to another file.
    fn write(&self) {
        let mut state = self.state.lock().unwrap();
        let count = state.chance.random_range(0..8_000);
        let renamed = state.chance.random_ratio(1, 100);
        let last = state.files.last_mut().unwrap();
        last.end = (last.end + count).min(self.text.len());
        let end = last.end;
        if renamed {
            let inode = state.next_inode;
            state.next_inode += 1;
            state.begin(inode, end);
        }
    }

    /// Where the real script would begin.
    fn find(&self, from: &LogPosition) -> (u64, usize) {
        let state = self.state.lock().unwrap();
        let known = state.files.iter().enumerate().find(|(_, part)| {
            let offset = usize::try_from(from.offset).unwrap();
            part.there == Presence::There
                && part.inode == from.file
                && offset <= part.end - part.begin
                && self.text[..part.begin + offset].ends_with(&from.before)
        });
        let last = state.files.last().unwrap();
        let Some((index, part)) = known else {
            return (last.inode, last.begin);
        };
        let at = part.begin + usize::try_from(from.offset).unwrap();
        if at == part.end && index + 1 < state.files.len() {
            // Renamed, and read to its end.
            let next = state.files[index + 1..]
                .iter()
                .find(|part| part.there == Presence::There);
            return next.map_or((last.inode, last.begin), |next| (next.inode, next.begin));
        }
        (part.inode, at)
    }

    /// The next bytes of a file; `None` if it was replaced.
    fn part(&self, inode: u64, at: usize) -> Option<Vec<u8>> {
        let mut state = self.state.lock().unwrap();
        let count = state.chance.random_range(1..6_000);
        let cut_off = state.chance.random_ratio(1, 100);
        let (index, part) = state
            .files
            .iter()
            .cloned()
            .enumerate()
            .rfind(|(_, part)| part.inode == inode && part.there == Presence::There)?;
        if at < part.end {
            return Some(self.text[at..part.end.min(at + count)].to_vec());
        }
        let is_last = index + 1 == state.files.len();
        if is_last && cut_off && part.end > part.begin {
            state.files[index].there = Presence::Gone;
            state.begin(inode, at);
        }
        is_last.then(Vec::new).filter(|_| !(cut_off && is_last))
    }

    fn offset(&self, inode: u64, at: usize) -> u64 {
        let state = self.state.lock().unwrap();
        let part = state
            .files
            .iter()
            .rfind(|part| part.inode == inode)
            .unwrap();
        (at - part.begin) as u64
    }
}

impl State {
    fn begin(&mut self, inode: u64, begin: usize) {
        self.files.push(Part {
            inode,
            begin,
            end: begin,
            there: Presence::There,
        });
    }
}

pub(crate) struct Link {
    host: Arc<Host>,
    /// Bytes until it breaks.
    left: Arc<Mutex<usize>>,
}

impl Link {
    fn is_up(&self) -> bool {
        *self.left.lock().unwrap() > 0
    }
}

#[async_trait]
impl RemoteSession for Link {
    async fn run(&self, _command: &str) -> Result<CommandOutput, LinkError> {
        Ok(CommandOutput {
            status: Some(0),
            stdout: Vec::new(),
            stderr: Vec::new(),
        })
    }

    async fn tail(
        &self,
        _path: &str,
        from: &LogPosition,
    ) -> Result<mpsc::Receiver<TailChunk>, LinkError> {
        self.check().await?;
        let (sender, receiver) = mpsc::channel(2);
        let (host, left) = (self.host.clone(), self.left.clone());
        let (inode, mut at) = host.find(from);
        tokio::spawn(async move {
            loop {
                host.write();
                let Some(bytes) = host.part(inode, at) else {
                    return;
                };
                if bytes.is_empty() {
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                    if sender.is_closed() {
                        return;
                    }
                    continue;
                }
                let chunk = TailChunk {
                    file: inode,
                    offset: host.offset(inode, at),
                    bytes,
                };
                at += chunk.bytes.len();
                {
                    let mut left = left.lock().unwrap();
                    *left = left.saturating_sub(chunk.bytes.len());
                    if *left == 0 {
                        // What was in flight is lost.
                        host.state.lock().unwrap().cuts += 1;
                        return;
                    }
                }
                if sender.send(chunk).await.is_err() {
                    return;
                }
            }
        });
        Ok(receiver)
    }

    async fn forward_callback(&self, _: &CallbackForward) -> Result<(), LinkError> {
        Ok(())
    }

    async fn open_tunnel(&self, spec: &TunnelSpec) -> Result<TunnelEnds, LinkError> {
        Ok(TunnelEnds {
            api: spec.api_listen,
            inference: spec.inference_listen,
        })
    }

    fn traffic(&self) -> TunnelTraffic {
        TunnelTraffic::default()
    }

    async fn check(&self) -> Result<(), LinkError> {
        if self.is_up() {
            return Ok(());
        }
        Err(LinkError::Lost("it was cut".into()))
    }

    async fn close(self: Box<Self>) {}
}

struct World(Arc<Host>);

#[async_trait]
impl Remote for World {
    async fn connect(
        &self,
        _instance: InstanceId,
        _endpoint: &SshEndpoint,
    ) -> Result<Box<dyn RemoteSession>, LinkError> {
        let left = self
            .0
            .state
            .lock()
            .unwrap()
            .chance
            .random_range(1..2 * self.0.link_bytes);
        Ok(Box::new(Link {
            host: self.0.clone(),
            left: Arc::new(Mutex::new(left)),
        }))
    }

    fn public_key(&self) -> &'static str {
        "ssh-ed25519 AAAA"
    }

    async fn close_tunnel(&self, _instance: InstanceId) {}

    async fn forget_host_key(&self, _instance: InstanceId) {}
}

/// The network, in which nobody answers.
struct Network;

#[async_trait]
impl Transport for Network {
    async fn exchange(&self, _request: &HttpRequest) -> Result<Answer, TransportError> {
        Err(TransportError::NotSent("connection refused".into()))
    }
}

const SETTINGS: &str = r#"
[cockpit]
id = "north"
[chain]
public_api = ["http://127.0.0.1:1"]
participant = "gonka1abc"
[vast]
api_key = "none"
image = "image:1"
[ssh]
key_file = "/nonexistent/key"
[budget]
per_sprint = 40.0
per_day = 60.0
per_month = 900.0
[mlnode]
model = "some/model"
[network_node]
admin_api = "http://127.0.0.1:1"
host = "127.0.0.1"
api_listen = "127.0.0.1:18080"
inference_listen = "127.0.0.1:15000"
"#;

pub(super) fn ports(host: &Arc<Host>, rental_logs: LogStore) -> Ports {
    let config = crate::cli::parse_configuration(SETTINGS).unwrap();
    let http = HttpClient::over(Arc::new(Network));
    Ports {
        clock: Arc::new(crate::engine::SystemClock),
        chain: Arc::new(ChainClient::new(http.clone(), &config.chain)),
        market: Arc::new(VastClient::new(http.clone(), &config.vast)),
        other_markets: std::collections::BTreeMap::new(),
        network_node: Arc::new(NetworkNodeClient::new(http.clone(), &config.network_node)),
        other_network_nodes: std::collections::BTreeMap::new(),
        inference_proxy: None,
        mlnodes: MlNodeFactory::new(http.clone()),
        remote: Arc::new(World(host.clone())),
        rental_logs,
        descriptors: Arc::new(crate::descriptors::OwnDescriptors),
        alerts_file: None,
        notifier: Arc::new(crate::notify::Notifier::new(http, &config.notify, None)),
    }
}

pub(super) fn tunnel() -> TunnelSpec {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    TunnelSpec {
        api_listen: nowhere,
        inference_listen: nowhere,
        api_port: 8080,
        inference_port: 5000,
    }
}
