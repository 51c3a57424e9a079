//! The world in this process: one clock, its addresses, its machines.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut, Range};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration as RealDuration;

use async_trait::async_trait;
use pocpit::domain::{DescriptorUsage, Duration, InstanceId, SshEndpoint, Time};
use pocpit::http::HttpMethod;
use pocpit::ports::{
    CallbackForward, Clock, CommandOutput, Descriptors, LinkError, LogPosition, Remote,
    RemoteSession, TailChunk, TunnelEnds, TunnelSpec, TunnelTraffic,
};
use pocpit::world::{
    API_KEY, ApiRequest, ApiResponse, CallAnswer, CallbackReach, HostId, MlNodeReply, Outgoing,
    Renewal, Scenario, World,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::chance::Chance;
use crate::storage::{Disk, DiskState};

/// Where the first host's callback listens; those of further hosts follow.
const CALLBACK_PORT: u16 = 9_100;
pub const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIsimulated";

/// What all parts of a simulation share.
pub struct Stage {
    world: Mutex<World>,
    /// World time at a moment of the runtime's paused clock.
    epoch: Mutex<(Time, Option<Instant>)>,
    pub chance: Mutex<Chance>,
    /// Tunnel ends that live: machine and its port.
    tunnels: Mutex<BTreeMap<SocketAddr, (u64, u16)>>,
    /// Calls of the Network Node that are answered at the end of a start.
    waiting: Mutex<Vec<WaitingCall>>,
    /// Remote forwards that live: machine and its port, and where they lead to.
    forwards: Mutex<BTreeMap<(u64, u16), String>>,
    /// While they are collected: what a program that dies now leaves behind.
    forks: Mutex<Option<Forks>>,
    trace: Mutex<VecDeque<String>>,
    /// Hosts that do not answer, from when to when.
    silences: Mutex<Vec<(&'static str, Time, Time)>>,
    /// How far the program's clock is from the world's, each from when on.
    clock_errors: Mutex<Vec<(Time, Duration)>>,
    /// What fails on the program's machine, and when.
    machine_faults: Mutex<BTreeMap<MachineFault, Range<Time>>>,
    announces: AtomicBool,
    /// Calls of the market in each minute.
    market_calls: Mutex<BTreeMap<(MarketCall, i64), u32>>,
    /// Level and title of each notice, and the number of heartbeats.
    told: Mutex<Vec<String>>,
    beats: AtomicU64,
    /// In nanoseconds of the processor.
    world_time: AtomicU64,
}

/// What a call of the market asks for. Each kind has a rate limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarketCall {
    Listing,
    Instance,
    Search,
    Rent,
    Destroy,
    Log,
}

impl MarketCall {
    pub fn of(method: HttpMethod, path: &str) -> Option<MarketCall> {
        let of_one = path.starts_with("/api/v0/instances/");
        match method {
            HttpMethod::Get if path == "/api/v1/instances/" => Some(MarketCall::Listing),
            HttpMethod::Get if of_one => Some(MarketCall::Instance),
            HttpMethod::Post if path == "/api/v0/bundles/" => Some(MarketCall::Search),
            HttpMethod::Put if path.starts_with("/api/v0/asks/") => Some(MarketCall::Rent),
            HttpMethod::Put if path.contains("/request_logs/") => Some(MarketCall::Log),
            HttpMethod::Delete if of_one => Some(MarketCall::Destroy),
            _ => None,
        }
    }
}

/// What fails on the program's machine for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MachineFault {
    /// The journal cannot grow; the spool has its room.
    FullDisk,
    /// Nothing can be written, and no journal be opened.
    ReadOnlyDisk,
    /// Nothing can be called, connected or accepted.
    NoDescriptors,
}

impl MachineFault {
    pub const ALL: [MachineFault; 3] = [
        MachineFault::FullDisk,
        MachineFault::ReadOnlyDisk,
        MachineFault::NoDescriptors,
    ];
}

/// The error of a call on a machine without descriptors.
pub const NO_DESCRIPTORS: &str = "Too many open files (os error 24)";

struct WaitingCall {
    number: u64,
    tunnel: LiveTunnel,
    /// The start of a model that answers it.
    start: u64,
}

/// A live tunnel: its end here, and the machine and port behind it.
#[derive(Debug, Clone, Copy)]
struct LiveTunnel {
    end: SocketAddr,
    machine: u64,
    port: u16,
}

/// Copies of the world and of this disk, one at each moment.
type Forks = (Arc<Mutex<Disk>>, Vec<Fork>);

/// Everything that outlives the program, at one moment.
#[derive(Debug, Clone)]
pub struct Fork {
    pub at: Time,
    pub what: String,
    pub world: World,
    pub disk: Disk,
}

const TRACED: usize = 250;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A look at the world, or a change of it. Its time counts as the world's.
pub struct Visit<'a> {
    world: MutexGuard<'a, World>,
    began: RealDuration,
    spent: &'a AtomicU64,
}

impl Deref for Visit<'_> {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Visit<'_> {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let spent = processor_time().saturating_sub(self.began).as_nanos();
        let spent = u64::try_from(spent).unwrap_or_default();
        self.spent.fetch_add(spent, Ordering::Relaxed);
    }
}

/// What this thread has used of the processor.
pub fn processor_time() -> RealDuration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    RealDuration::try_from(used).unwrap_or_default()
}

impl Stage {
    pub fn new(seed: u64, scenario: Scenario, start: Time) -> Arc<Stage> {
        Arc::new(Stage {
            world: Mutex::new(World::new(seed, scenario, start)),
            epoch: Mutex::new((start, None)),
            chance: Mutex::new(Chance::new(seed)),
            tunnels: Mutex::default(),
            waiting: Mutex::default(),
            forwards: Mutex::default(),
            forks: Mutex::default(),
            trace: Mutex::default(),
            silences: Mutex::default(),
            clock_errors: Mutex::default(),
            machine_faults: Mutex::default(),
            announces: AtomicBool::new(false),
            market_calls: Mutex::default(),
            told: Mutex::default(),
            beats: AtomicU64::new(0),
            world_time: AtomicU64::new(0),
        })
    }

    /// The same world at another stage, from this moment on.
    pub fn of_fork(seed: u64, fork: &Fork) -> Arc<Stage> {
        // The world of the copy has a scenario of its own.
        let stage = Stage::new(seed, Scenario::default(), fork.at);
        *locked(&stage.world) = fork.world.clone();
        stage
    }

    /// Makes a host silent for a while.
    pub fn silence(&self, host: &'static str, from: Time, to: Time) {
        locked(&self.silences).push((host, from, to));
    }

    pub fn is_silent(&self, host: &str) -> bool {
        let now = self.time();
        let silences = locked(&self.silences);
        silences
            .iter()
            .any(|(silent, from, to)| *silent == host && (*from..*to).contains(&now))
    }

    /// A notice arrives at the webhook.
    pub fn tell(&self, notice: &Value) {
        let text = |name: &str| notice[name].as_str().unwrap_or_default().to_owned();
        let told = format!("{}: {}", text("level"), text("title"));
        self.note(&told);
        locked(&self.told).push(told);
    }

    pub fn told(&self) -> Vec<String> {
        locked(&self.told).clone()
    }

    pub fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    pub fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// Remembers something for the trace.
    pub fn note(&self, what: &str) {
        let mut trace = locked(&self.trace);
        if trace.len() == TRACED {
            trace.pop_front();
        }
        trace.push_back(format!("{}  {what}", self.time().format("%d %H:%M:%S%.3f")));
    }

    /// What was remembered last, a line each.
    pub fn trace(&self) -> String {
        let trace = locked(&self.trace);
        trace
            .iter()
            .fold(String::new(), |text, line| text + line + "\n")
    }

    /// Copies everything at every moment from now on.
    pub fn collect_forks(&self, disk: Arc<Mutex<Disk>>) {
        *locked(&self.forks) = Some((disk, Vec::new()));
    }

    pub fn forks(&self) -> Vec<Fork> {
        let forks = locked(&self.forks).take();
        forks.map(|(_, forks)| forks).unwrap_or_default()
    }

    /// A moment at which the program can die: before or after an external call or a write.
    pub fn moment(&self, what: impl FnOnce() -> String) {
        if let Some((disk, forks)) = &mut *locked(&self.forks) {
            let disk = locked(disk).clone();
            forks.push(Fork {
                at: self.time(),
                what: what(),
                world: self.world().clone(),
                disk,
            });
        }
    }

    pub fn set_clock_error(&self, error: Duration) {
        *locked(&self.clock_errors) = vec![(Time::UNIX_EPOCH, error)];
    }

    /// Sets the program's clock at this time.
    pub fn set_clock_at(&self, at: Time, error: Duration) {
        locked(&self.clock_errors).push((at, error));
    }

    pub fn clock_error(&self) -> Duration {
        self.clock_error_at(self.time())
    }

    pub fn clock_error_at(&self, time: Time) -> Duration {
        let errors = locked(&self.clock_errors);
        let last = errors.iter().rfind(|(from, _)| *from <= time);
        last.map_or(Duration::zero(), |(_, error)| *error)
    }

    /// From now on nodes announce their blocks. A campaign has too many of them.
    pub fn announce_blocks(&self) {
        self.announces.store(true, Ordering::Relaxed);
    }

    pub fn count_call(&self, call: MarketCall) {
        let minute = self.time().timestamp() / 60;
        *locked(&self.market_calls)
            .entry((call, minute))
            .or_default() += 1;
    }

    /// The most calls of a kind in a minute.
    pub fn busiest_minute(&self) -> BTreeMap<MarketCall, u32> {
        let mut busiest = BTreeMap::new();
        for ((call, _), count) in locked(&self.market_calls).iter() {
            let most: &mut u32 = busiest.entry(*call).or_default();
            *most = (*most).max(*count);
        }
        busiest
    }

    pub fn announces_blocks(&self) -> bool {
        self.announces.load(Ordering::Relaxed)
    }

    /// The only fault of the program's machine, or none.
    pub fn break_machine(&self, fault: Option<(MachineFault, Range<Time>)>) {
        *locked(&self.machine_faults) = fault.into_iter().collect();
    }

    pub fn machine_has(&self, fault: MachineFault) -> bool {
        let now = self.time();
        let faults = locked(&self.machine_faults);
        faults.get(&fault).is_some_and(|span| span.contains(&now))
    }

    pub fn machine_failed(&self) -> bool {
        let now = self.time();
        locked(&self.machine_faults)
            .values()
            .any(|span| span.start <= now)
    }

    /// The fault of the machine since the last call of [`Stage::break_machine`], if any.
    pub fn machine_fault(&self) -> Option<(MachineFault, Range<Time>)> {
        let faults = locked(&self.machine_faults);
        let mut faults = faults.iter();
        faults.next().map(|(fault, span)| (*fault, span.clone()))
    }

    pub fn disk(&self) -> DiskState {
        if self.machine_has(MachineFault::ReadOnlyDisk) {
            DiskState::ReadOnly
        } else if self.machine_has(MachineFault::FullDisk) {
            DiskState::Full
        } else {
            DiskState::Writable
        }
    }

    /// The program has died: the next one begins with all descriptors.
    fn free_descriptors(&self) {
        let now = self.time();
        if let Some(span) = locked(&self.machine_faults).get_mut(&MachineFault::NoDescriptors)
            && span.contains(&now)
        {
            span.end = now;
        }
    }

    pub fn time(&self) -> Time {
        let (base, since) = *locked(&self.epoch);
        // The runtime's timers have whole milliseconds, and its clock an odd beginning: without
        // rounding no run is like another.
        let passed = since.map(|since| since.elapsed() + RealDuration::from_micros(500));
        passed.map_or(base, |passed| {
            base + Duration::milliseconds(i64::try_from(passed.as_millis()).unwrap())
        })
    }

    /// The clock goes with the runtime that this is called in.
    pub fn start_clock(&self) {
        locked(&self.epoch).1 = Some(Instant::now());
    }

    /// The runtime is about to end: its links end with it.
    pub fn stop_clock(&self) {
        let now = self.time();
        *locked(&self.epoch) = (now, None);
        locked(&self.tunnels).clear();
        locked(&self.forwards).clear();
        self.free_descriptors();
    }

    /// Time passes while nothing of ours runs.
    pub fn skip_to(&self, time: Time) {
        let mut epoch = locked(&self.epoch);
        assert!(epoch.1.is_none(), "a runtime has the clock");
        epoch.0 = epoch.0.max(time);
        drop(epoch);
        drop(self.world());
    }

    /// The world, brought to the present.
    pub fn world(&self) -> Visit<'_> {
        let now = self.time();
        let began = processor_time();
        let mut world = locked(&self.world);
        world.advance(now);
        Visit {
            world,
            began,
            spent: &self.world_time,
        }
    }

    /// What the world has used of the processor.
    pub fn world_time(&self) -> RealDuration {
        RealDuration::from_nanos(self.world_time.load(Ordering::Relaxed))
    }

    /// A call to the market with the account's key: status and body of the reply.
    pub fn ask_market(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let reply = self.world().vast(&ApiRequest {
            method: method.into(),
            path: path.into(),
            body,
            bearer: Some(API_KEY.into()),
            ..ApiRequest::default()
        });
        (reply.status, serde_json::from_str(&reply.body).unwrap())
    }

    /// Destroys each rental whose label begins like this, as far as the market does.
    pub fn destroy_under(&self, label: &str) {
        let rentals = self.world().live_rentals();
        for rental in rentals.iter().filter(|one| one.label.starts_with(label)) {
            let path = format!("/api/v0/instances/{}/", rental.id);
            let reply = self.world().vast(&ApiRequest {
                method: "DELETE".into(),
                path,
                bearer: Some(API_KEY.into()),
                ..ApiRequest::default()
            });
            self.note(&format!(
                "taken down by its label: {}, {}",
                rental.id, reply.status
            ));
        }
    }

    pub fn chance(&self) -> MutexGuard<'_, Chance> {
        locked(&self.chance)
    }

    /// Makes the calls that the world wants made, and those that follow from their answers.
    pub fn pump(&self) {
        self.answer_waiting();
        loop {
            let outgoing = {
                let mut world = self.world();
                for id in world.running() {
                    world.set_ssh_port(id, 22);
                }
                world.poll_outgoing()
            };
            if outgoing.is_empty() {
                return;
            }
            for call in outgoing {
                self.make(call);
            }
        }
    }

    fn make(&self, call: Outgoing) {
        match call {
            Outgoing::Call { number, request } => {
                let body = request.body.unwrap_or_default();
                if request.method != "GET" {
                    self.note(&format!(
                        "the Network Node: {} {}",
                        request.method, request.url
                    ));
                }
                let url = request.url.parse().ok();
                let reached = url.and_then(|url: url::Url| Some((self.tunnel_of(&url)?, url)));
                let Some((tunnel, url)) = reached else {
                    return self.call_ended(number, MlNodeReply::Nobody);
                };
                match self.through(tunnel, request.method, &url, body) {
                    MlNodeReply::AfterStart(start) => locked(&self.waiting).push(WaitingCall {
                        number,
                        tunnel,
                        start,
                    }),
                    reply => self.call_ended(number, reply),
                }
            }
            Outgoing::Batch {
                instance,
                number,
                host,
                port,
                path,
                body,
            } => {
                let reached = self.reached_callback(instance, &host, port);
                let request = ApiRequest {
                    method: "POST".into(),
                    path,
                    body,
                    ..ApiRequest::default()
                };
                let mut world = self.world();
                let outcome = match reached.filter(|host| world.callback_is_up(*host)) {
                    Some(host) => Ok(world.callback(host, &request).status),
                    None => Err("connection refused".to_owned()),
                };
                world.batch_sent(instance, number, &outcome);
            }
        }
    }

    fn call_ended(&self, number: u64, reply: MlNodeReply) {
        let answer = reply
            .answer()
            .ok_or_else(|| "connection refused".to_owned());
        let answer = answer.map(|answer| CallAnswer::new(answer.status, &answer.body));
        self.world().call_ended(number, &answer);
    }

    /// Answers the calls whose start is over, and cuts those whose tunnel is gone.
    fn answer_waiting(&self) {
        let calls = std::mem::take(&mut *locked(&self.waiting));
        for call in calls {
            let behind = locked(&self.tunnels).get(&call.tunnel.end).copied();
            let reply = match behind {
                Some((machine, _)) if machine == call.tunnel.machine => {
                    self.world().start_reply(machine, call.start)
                }
                _ => MlNodeReply::Nobody,
            };
            match reply {
                MlNodeReply::AfterStart(_) => locked(&self.waiting).push(call),
                reply => self.call_ended(call.number, reply),
            }
        }
    }

    /// The host whose callback a machine reaches at this name and port.
    fn reached_callback(&self, machine: u64, host: &str, port: u16) -> Option<HostId> {
        let reach = self.world().callback_reach(machine, host);
        let port = match reach {
            CallbackReach::Itself => {
                let forwards = locked(&self.forwards);
                let (_, port) = forwards.get(&(machine, port))?.rsplit_once(':')?;
                port.parse().ok()?
            }
            CallbackReach::Outside => port,
            CallbackReach::Nowhere => return None,
        };
        self.host_at_callback(port)
    }

    fn host_at_callback(&self, port: u16) -> Option<HostId> {
        let mut callbacks = self.world().hosts().zip(CALLBACK_PORT..);
        callbacks.find_map(|(host, its)| (its == port).then_some(host))
    }

    /// The host whose admin API has this name.
    pub fn host_of_admin(&self, name: &str) -> Option<HostId> {
        let service = name.strip_suffix(".sim")?;
        let mut hosts = self.world().hosts();
        hosts.find(|host| host.service("admin") == service)
    }

    /// The host whose callback listens there.
    pub fn host_of_callback(&self, url: &url::Url) -> Option<HostId> {
        let port = url.port().filter(|_| url.host_str() == Some("127.0.0.1"))?;
        self.host_at_callback(port)
    }

    /// What the script prints that proves the callback.
    fn prove_callback(&self, machine: u64, words: &[&str]) -> String {
        let [step, host, url] = words else {
            panic!("not the callback's words: {words:?}");
        };
        let port = url.parse::<url::Url>().unwrap().port_or_known_default();
        self.world().take_callback_host(machine, step, host);
        let reached = self.reached_callback(machine, host, port.unwrap());
        if reached.is_some_and(|host| self.world().callback_is_up(host)) {
            "pocpit-callback http 200\n{\"versions\": []}".into()
        } else {
            "pocpit-callback failed curl: (7) Connection refused".into()
        }
    }

    /// A call to a machine through its tunnel, with a version before the path or without.
    pub fn at_machine(&self, method: &str, url: &url::Url, body: Value) -> Option<ApiResponse> {
        let tunnel = self.tunnel_of(url)?;
        self.through(tunnel, method, url, body).answer()
    }

    /// The tunnel whose end a URL names.
    fn tunnel_of(&self, url: &url::Url) -> Option<LiveTunnel> {
        let end = SocketAddr::new(url.host_str()?.parse().ok()?, url.port()?);
        let (machine, port) = *locked(&self.tunnels).get(&end)?;
        Some(LiveTunnel { end, machine, port })
    }

    fn through(
        &self,
        tunnel: LiveTunnel,
        method: &str,
        url: &url::Url,
        body: Value,
    ) -> MlNodeReply {
        let LiveTunnel { machine, port, .. } = tunnel;
        // The tunnel's end accepts nobody.
        if self.machine_has(MachineFault::NoDescriptors) {
            return MlNodeReply::Nobody;
        }
        let mut world = self.world();
        if !world.listens(machine, port) {
            return MlNodeReply::Nobody;
        }
        let versioned = url
            .path()
            .strip_prefix("/v")
            .and_then(|rest| rest.split_once('/'));
        let path = match versioned {
            Some((version, rest)) if version.contains('.') => format!("/{rest}"),
            _ => url.path().to_owned(),
        };
        world.mlnode(
            machine,
            port,
            &ApiRequest {
                method: method.into(),
                path,
                body,
                // As the tunnel's end adds it.
                content_type: Some("application/json".into()),
                ..ApiRequest::default()
            },
        )
    }
}

impl Stage {
    /// Opens one more.
    pub fn descriptor(&self) -> Result<(), LinkError> {
        if self.machine_has(MachineFault::NoDescriptors) {
            return Err(LinkError::Exhausted(NO_DESCRIPTORS.into()));
        }
        Ok(())
    }
}

/// The program's descriptors.
pub struct StageDescriptors(pub Arc<Stage>);

impl Descriptors for StageDescriptors {
    fn usage(&self) -> Option<DescriptorUsage> {
        let limit = 1_024;
        let open = if self.0.machine_has(MachineFault::NoDescriptors) {
            limit
        } else {
            100
        };
        Some(DescriptorUsage { open, limit })
    }
}

/// The stage's clock for the engine.
pub struct StageClock(pub Arc<Stage>);

#[async_trait]
impl Clock for StageClock {
    fn now(&self) -> Time {
        self.0.time() + self.0.clock_error()
    }

    fn elapsed(&self) -> Duration {
        self.0.time() - Time::UNIX_EPOCH
    }

    fn boot_id(&self) -> Option<String> {
        Some("the only boot".into())
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration.to_std().unwrap_or_default()).await;
    }
}

/// SSH without bytes on a wire.
pub struct StageRemote(pub Arc<Stage>);

#[async_trait]
impl Remote for StageRemote {
    async fn connect(
        &self,
        instance: InstanceId,
        endpoint: &SshEndpoint,
    ) -> Result<Box<dyn RemoteSession>, LinkError> {
        let stage = &self.0;
        stage.moment(|| "before SSH connect".into());
        tokio::time::sleep(RealDuration::from_millis(400)).await;
        stage.moment(|| "after SSH connect".into());
        let at = endpoint.to_string();
        stage.descriptor()?;
        let (fails, lives) = {
            let mut chance = stage.chance();
            let rate = chance.fault_rate;
            let breaks = chance.happens(rate);
            let lives = if breaks {
                chance.between(5, 1_200)
            } else {
                1_000_000
            };
            (chance.happens(rate), lives)
        };
        let world = stage.world();
        if fails || !world.answers_ssh(instance.0) {
            return Err(LinkError::Unreachable {
                endpoint: at,
                detail: "connection timed out".into(),
            });
        }
        if !world.authorizes(instance.0, KEY) {
            return Err(LinkError::Denied {
                endpoint: at,
                detail: "Permission denied (publickey)".into(),
            });
        }
        drop(world);
        let breaks_at = stage.time() + Duration::seconds(lives);
        Ok(Box::new(Session {
            stage: stage.clone(),
            machine: instance.0,
            breaks_at,
            ends: Mutex::default(),
            ports: Mutex::default(),
        }))
    }

    fn public_key(&self) -> &str {
        KEY
    }

    async fn close_tunnel(&self, _instance: InstanceId) {}

    async fn forget_host_key(&self, _instance: InstanceId) {}
}

struct Session {
    stage: Arc<Stage>,
    machine: u64,
    breaks_at: Time,
    ends: Mutex<Vec<SocketAddr>>,
    ports: Mutex<Vec<u16>>,
}

impl Session {
    /// Where an end of the tunnel is, when the port is free.
    fn end(&self, wanted: SocketAddr, number: u16) -> Result<SocketAddr, LinkError> {
        let mut end = wanted;
        if end.port() == 0 {
            let own = u16::try_from(self.machine % 10_000).unwrap();
            end.set_port(30_000 + 2 * own + number);
        }
        match locked(&self.stage.tunnels).get(&end) {
            Some((machine, _)) if *machine != self.machine => Err(LinkError::Listen {
                address: end.to_string(),
                detail: "it is in use".into(),
            }),
            _ => Ok(end),
        }
    }

    /// A request needs a connection of its own to the SSH client.
    fn request(&self) -> Result<(), LinkError> {
        self.stage.descriptor()?;
        self.alive()
    }

    fn alive(&self) -> Result<(), LinkError> {
        let up =
            self.stage.time() < self.breaks_at && self.stage.world().machine_is_up(self.machine);
        if up {
            Ok(())
        } else {
            Err(LinkError::Lost("the connection was reset".into()))
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for end in locked(&self.ends).iter() {
            locked(&self.stage.tunnels).remove(end);
        }
        for port in locked(&self.ports).iter() {
            locked(&self.stage.forwards).remove(&(self.machine, *port));
        }
    }
}

impl Session {
    /// `cat PATH 2>/dev/null`.
    async fn read(&self, arguments: &str) -> Result<CommandOutput, LinkError> {
        tokio::time::sleep(RealDuration::from_millis(200)).await;
        self.request()?;
        let path = arguments.split(' ').next().unwrap_or_default();
        let file = self.stage.world().read_file(self.machine, path, 0, 1 << 16);
        Ok(CommandOutput {
            status: Some(i32::from(file.is_none())),
            stdout: file.unwrap_or_default(),
            stderr: Vec::new(),
        })
    }
}

#[async_trait]
impl RemoteSession for Session {
    async fn run(&self, command: &str) -> Result<CommandOutput, LinkError> {
        if let Some(rest) = command.strip_prefix("cat ") {
            return self.read(rest).await;
        }
        if !command.ends_with("' lease") {
            self.stage.moment(|| "before the lease is written".into());
        }
        tokio::time::sleep(RealDuration::from_millis(200)).await;
        self.request()?;
        if let Some((_, words)) = command.rsplit_once("' callback ") {
            let words: Vec<&str> = words
                .split(' ')
                .map(|word| word.trim_matches('\''))
                .collect();
            return Ok(CommandOutput {
                status: Some(0),
                stdout: self.stage.prove_callback(self.machine, &words).into_bytes(),
                stderr: Vec::new(),
            });
        }
        // The other command that the engine runs: the lease.
        let (_, words) = command
            .rsplit_once("' lease")
            .unwrap_or_else(|| panic!("an unknown command: {command}"));
        let mut numbers = words.split_whitespace().map(|word| word.parse().unwrap());
        let renewal = numbers.next().map(|until| Renewal {
            until,
            left: numbers.next().unwrap(),
        });
        let stdout = self.stage.world().tend_lease(self.machine, renewal);
        if renewal.is_some() {
            self.stage.moment(|| "after the lease is written".into());
        }
        Ok(CommandOutput {
            status: Some(0),
            stdout: stdout.into_bytes(),
            stderr: Vec::new(),
        })
    }

    async fn tail(
        &self,
        path: &str,
        from: &LogPosition,
    ) -> Result<mpsc::Receiver<TailChunk>, LinkError> {
        self.request()?;
        let mut offset = from.offset;
        let (sender, receiver) = mpsc::channel(8);
        let (stage, machine, breaks_at, path) = (
            self.stage.clone(),
            self.machine,
            self.breaks_at,
            path.to_owned(),
        );
        tokio::spawn(async move {
            while stage.time() < breaks_at
                && stage.world().machine_is_up(machine)
                && !sender.is_closed()
            {
                let bytes = stage
                    .world()
                    .read_file(machine, &path, offset, 32_768)
                    .unwrap_or_default();
                if bytes.is_empty() {
                    tokio::time::sleep(RealDuration::from_secs(5)).await;
                    continue;
                }
                let chunk = TailChunk {
                    file: 1,
                    offset,
                    bytes,
                };
                offset += chunk.bytes.len() as u64;
                if sender.send(chunk).await.is_err() {
                    return;
                }
            }
        });
        Ok(receiver)
    }

    async fn open_tunnel(&self, spec: &TunnelSpec) -> Result<TunnelEnds, LinkError> {
        self.stage.moment(|| "before the tunnel opens".into());
        self.request()?;
        let ends = TunnelEnds {
            api: self.end(spec.api_listen, 0)?,
            inference: self.end(spec.inference_listen, 1)?,
        };
        for (end, port) in [
            (ends.api, spec.api_port),
            (ends.inference, spec.inference_port),
        ] {
            locked(&self.stage.tunnels).insert(end, (self.machine, port));
            locked(&self.ends).push(end);
        }
        Ok(ends)
    }

    async fn forward_callback(&self, forward: &CallbackForward) -> Result<(), LinkError> {
        self.request()?;
        if !self.stage.world().allows_remote_forwards(self.machine) {
            let port = forward.remote_port;
            return Err(LinkError::Refused(format!("to listen on its port {port}")));
        }
        let from = (self.machine, forward.remote_port);
        locked(&self.stage.forwards).insert(from, forward.target.clone());
        locked(&self.ports).push(forward.remote_port);
        Ok(())
    }

    fn traffic(&self) -> TunnelTraffic {
        TunnelTraffic::default()
    }

    async fn check(&self) -> Result<(), LinkError> {
        self.request()
    }

    async fn close(self: Box<Self>) {}
}

/// A bare JSON body, for replies of the stage itself.
pub fn nonsense() -> String {
    json!({"hello": "world"}).to_string()
}
