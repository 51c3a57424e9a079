//! The SSH link to one rental.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::domain::{
    ActualStatus, CallError, Duration, Instance, InstanceId, MlNodeStatus, RunRecord, SshEndpoint,
    StartupState, Time, WatchdogCheck, Workload, WorkloadModel,
};
use crate::engine::Ports;
use crate::engine::failpoint::{Failpoint, failpoint};
use crate::engine::observe::observation::{LinkEvent, Observation};
use crate::engine::rental::callback::CallbackKeeper;
use crate::engine::rental::direct_gateway::DirectGateway;
use crate::engine::rental::log_store::LogFiles;
use crate::engine::rental::watchdog::{self, Lease};
use crate::engine::snapshot::TunnelRate;
use crate::engine::supervise::catch_panic;
use crate::mlnode::boot::record;
use crate::network_node::CallbackWay;
use crate::ports::{LinkError, LogPosition, RemoteSession, TunnelEnds, TunnelSpec};

/// The onstart script appends the workload's output here.
pub(crate) const LOG_FILE: &str = "/var/log/pocpit/mlnode.log";
/// The onstart script's record of the workload's runs. Older scripts write none.
const READ_RUNS: &str = "cat /var/lib/pocpit/mlnode.status";

const SILENT_MLNODE_INTERVAL: Duration = Duration::seconds(5);
/// With a call that times out after six seconds, trouble is told within fifteen.
const MLNODE_INTERVAL: Duration = Duration::seconds(8);
/// A start that failed can be read for six seconds.
const LOADING_MLNODE_INTERVAL: Duration = Duration::seconds(4);
/// A run's end must be known within 15 seconds.
const RUNS_INTERVAL: Duration = Duration::seconds(10);
const LINK_CHECK_INTERVAL: Duration = Duration::seconds(5);
const TAIL_RETRY: Duration = Duration::seconds(1);
/// A key takes up to two minutes to reach the rental; after that every second costs.
const KEY_RETRY: Duration = Duration::seconds(5);
/// The market takes a while to attach a key; more requests only use up its rate limit.
const ATTACH_INTERVAL: Duration = Duration::seconds(30);
const RECONNECT_FIRST: Duration = Duration::seconds(3);
const RECONNECT_LONGEST: Duration = Duration::seconds(30);
/// The watchdog looks four times a minute: by then it knows a new lease.
const WATCHDOG_SHOWS_AFTER: Duration = Duration::seconds(20);
/// So many wrong readings in a row are reported.
const FAILURES_REPORTED: u32 = 3;
const WATCHDOG_INTERVAL: Duration = Duration::minutes(1);

pub(crate) struct LinkTask {
    pub(crate) ports: Arc<Ports>,
    pub(crate) instance: InstanceId,
    pub(crate) tunnel: watch::Receiver<TunnelSpec>,
    pub(crate) workload: Workload,
    pub(crate) model: WorkloadModel,
    pub(crate) gateway: Option<DirectGateway>,
    pub(crate) callback: Option<CallbackWay>,
    pub(crate) lease: watch::Receiver<Lease>,
    pub(crate) reports: mpsc::Sender<Observation>,
    pub(crate) stop: CancellationToken,
    /// Cancelled at the first line of the log file: then the market's copies are not needed.
    pub(crate) log_started: CancellationToken,
    pub(crate) log: LogFiles,
    /// How far the log was read: a new session resumes there.
    pub(crate) position: LogPosition,
    pub(crate) key_attached_at: Option<Time>,
    /// Why the market does not attach it, for good.
    pub(crate) key_refused: Option<CallError>,
}

impl LinkTask {
    /// Keeps the link up, also after a panic: without it the lease is not renewed.
    pub(crate) async fn restart_on_panic(
        mut self,
        mut instances: watch::Receiver<Option<Instance>>,
    ) {
        let clock = self.ports.clock.clone();
        self.replay_saved_log().await;
        while let Err(panic) = catch_panic(Box::pin(self.run(&mut instances))).await {
            tracing::error!("the link to the rental panicked and restarts: {panic}");
            self.report(LinkEvent::Lost(LinkError::Local(panic.to_string())))
                .await;
            clock.sleep(RECONNECT_FIRST).await;
        }
        self.ports.remote.close_tunnel(self.instance).await;
    }

    /// Reports what an earlier run read of the log.
    async fn replay_saved_log(&mut self) {
        for chunk in self.log.replay() {
            self.log_started.cancel();
            let observation = Observation::Log(self.instance, chunk);
            if self.reports.send(observation).await.is_err() {
                return;
            }
        }
        self.position = self.log.position();
    }

    async fn run(&mut self, instances: &mut watch::Receiver<Option<Instance>>) {
        let stop = self.stop.clone();
        let mut pause = RECONNECT_FIRST;
        while !stop.is_cancelled() {
            let endpoints = endpoints(instances.borrow_and_update().as_ref());
            if endpoints.is_empty() {
                let changed = stop.run_until_cancelled(instances.changed()).await;
                if !matches!(changed, Some(Ok(()))) {
                    return;
                }
                continue;
            }
            match stop.run_until_cancelled(self.connect(&endpoints)).await {
                None => return,
                Some(Ok(session)) => {
                    pause = RECONNECT_FIRST;
                    self.serve_session(session).await;
                }
                Some(Err(LinkError::Denied { .. })) => pause = KEY_RETRY,
                Some(Err(_)) => {}
            }
            stop.run_until_cancelled(self.ports.clock.sleep(pause))
                .await;
            pause = (pause * 2).min(RECONNECT_LONGEST);
        }
    }

    /// Connects to the first endpoint that works. A try on which none does is reported once, with the
    /// weightiest reason: a refusal at one address is no passing failure because another is silent.
    async fn connect(
        &mut self,
        endpoints: &[SshEndpoint],
    ) -> Result<Box<dyn RemoteSession>, LinkError> {
        let mut worst = LinkError::Local("the rental has no SSH address".into());
        for (number, endpoint) in endpoints.iter().enumerate() {
            let error = match self.ports.remote.connect(self.instance, endpoint).await {
                Ok(session) => {
                    self.report(LinkEvent::Connected(endpoint.clone())).await;
                    return Ok(session);
                }
                Err(error) => self.explain_denial(error).await,
            };
            tracing::debug!("{error}");
            if number == 0 || weight(&error) > weight(&worst) {
                worst = error;
            }
        }
        self.report(LinkEvent::Failed(worst.clone())).await;
        Err(worst)
    }

    /// A key that the account got too late is not on the instance: attaches it. If the market refuses
    /// that, the key will never be accepted.
    async fn explain_denial(&mut self, error: LinkError) -> LinkError {
        let LinkError::Denied { endpoint, detail } = error else {
            return error;
        };
        self.attach_key().await;
        let detail = match &self.key_refused {
            Some(why) => format!("{detail}; nor is it attached: {why}"),
            None => detail,
        };
        LinkError::Denied { endpoint, detail }
    }

    /// Idempotent.
    async fn attach_key(&mut self) {
        let now = self.ports.clock.now();
        let is_recent = |key_attached_at| now - key_attached_at < ATTACH_INTERVAL;
        if self.key_attached_at.is_some_and(is_recent) {
            return;
        }
        self.key_attached_at = Some(now);
        let key = self.ports.remote.public_key();
        let attached = self.ports.market.attach_key(self.instance, key).await;
        if let Err(error) = &attached {
            tracing::warn!("cannot attach the SSH key: {error}");
        }
        self.key_refused = attached.err().filter(|error| !error.is_passing());
    }

    async fn serve_session(&mut self, session: Box<dyn RemoteSession>) {
        let stop = self.stop.clone();
        let ended = stop.run_until_cancelled(self.serve(session.as_ref())).await;
        if ended.is_none() {
            // Ends the Network Node's running calls at once, on both sides: its removal of the node waits
            // for them.
            self.ports.remote.close_tunnel(self.instance).await;
        }
        session.close().await;
        if let Some(Err(error)) = ended {
            self.report(LinkEvent::Lost(error)).await;
        }
    }

    async fn serve(&mut self, session: &dyn RemoteSession) -> Result<(), LinkError> {
        if self.tunnel.has_changed().unwrap_or(false) {
            // The local ends outlive sessions.
            self.ports.remote.close_tunnel(self.instance).await;
        }
        let tunnel = self.tunnel.borrow_and_update().clone();
        let ends = session.open_tunnel(&tunnel).await?;
        if let Some(gateway) = self.gateway {
            gateway.start(session).await?;
        }
        self.report(LinkEvent::Tunnel(ends)).await;
        let mut log = session.tail(LOG_FILE, &self.position).await?;
        failpoint(Failpoint::Link);
        let clock = self.ports.clock.clone();
        let polling = self.poll_mlnode(ends);
        let reading = self.read_runs(session);
        let leasing = Box::pin(self.keep_lease(session));
        let checking = self.monitor_link(session);
        let moving = tunnel_moved(self.tunnel.clone());
        let proving = self.prove_callback(session);
        tokio::pin!(polling, reading, leasing, checking, moving, proving);
        loop {
            tokio::select! {
                // In this order: a busy log must not keep the link from being checked or the lease
                // from being renewed.
                biased;
                result = &mut checking => return result,
                () = &mut polling => return Ok(()),
                result = &mut reading => return result,
                () = &mut proving => return Ok(()),
                // The next session opens it at the new ends.
                () = &mut moving => return Ok(()),
                result = &mut leasing => return result,
                chunk = log.recv() => {
                    let Some(chunk) = chunk else {
                        // The link is lost, or the file was replaced.
                        session.check().await?;
                        clock.sleep(TAIL_RETRY).await;
                        log = session.tail(LOG_FILE, &self.position).await?;
                        continue;
                    };
                    self.log_started.cancel();
                    self.log.append(&chunk);
                    self.position.advance(&chunk);
                    let _ = self.reports.send(Observation::Log(self.instance, chunk)).await;
                }
            }
        }
    }

    /// Checks the link and measures its traffic.
    fn monitor_link<'a>(
        &self,
        session: &'a dyn RemoteSession,
    ) -> impl Future<Output = Result<(), LinkError>> + use<'a> {
        let (clock, reports, instance) = (
            self.ports.clock.clone(),
            self.reports.clone(),
            self.instance,
        );
        async move {
            let mut rate = TunnelRate::default();
            let mut last = (tokio::time::Instant::now(), session.traffic());
            loop {
                clock.sleep(LINK_CHECK_INTERVAL).await;
                session.check().await?;
                let now = (tokio::time::Instant::now(), session.traffic());
                let measured = TunnelRate::between(last.1, now.1, now.0 - last.0);
                last = now;
                if std::mem::replace(&mut rate, measured) == measured {
                    continue;
                }
                let change = LinkEvent::Throughput(measured);
                let _ = reports.send(Observation::Link(instance, change)).await;
            }
        }
    }

    fn poll_mlnode(&self, ends: TunnelEnds) -> impl Future<Output = ()> + use<> {
        let node = self.ports.mlnodes.at(self.workload, ends);
        let (clock, reports) = (self.ports.clock.clone(), self.reports.clone());
        let (instance, model) = (self.instance, self.model.clone());
        async move {
            loop {
                let status = node.status(&model).await;
                let pause = until_next_poll(&status);
                let observation = Observation::MlNode(instance, status);
                if reports.send(observation).await.is_err() {
                    return;
                }
                clock.sleep(pause).await;
            }
        }
    }

    /// Reports each change of the record.
    fn read_runs<'a>(
        &self,
        session: &'a dyn RemoteSession,
    ) -> impl Future<Output = Result<(), LinkError>> + use<'a> {
        let (clock, reports) = (self.ports.clock.clone(), self.reports.clone());
        let instance = self.instance;
        async move {
            let mut last: Option<RunRecord> = None;
            loop {
                let output = session.run(READ_RUNS).await?;
                let record = record::parse(&String::from_utf8_lossy(&output.stdout));
                if let Some(record) = record.filter(|record| Some(*record) != last) {
                    last = Some(record);
                    let _ = reports.send(Observation::Runs(instance, record)).await;
                }
                clock.sleep(RUNS_INTERVAL).await;
            }
        }
    }

    /// Tests again and again whether the callback is reached; ends only with the engine.
    fn prove_callback<'a>(
        &self,
        session: &'a dyn RemoteSession,
    ) -> impl Future<Output = ()> + use<'a> {
        let (ports, reports) = (self.ports.clone(), self.reports.clone());
        let (instance, way) = (self.instance, self.callback.clone());
        async move {
            let Some(way) = way else {
                return std::future::pending().await;
            };
            let mut keeper = CallbackKeeper::new(ports.clone(), session, way);
            loop {
                let (proof, pause) = keeper.prove().await;
                let observation = Observation::Link(instance, LinkEvent::Callback(proof));
                if reports.send(observation).await.is_err() {
                    return;
                }
                ports.clock.sleep(pause).await;
            }
        }
    }

    /// Writes the lease at once, and again when it changes or reads back wrong: our clock may have been set.
    /// A single wrong reading may be a race with the start script, so the third in a row is reported.
    fn keep_lease<'a>(
        &self,
        session: &'a dyn RemoteSession,
    ) -> impl Future<Output = Result<(), LinkError>> + use<'a> {
        let (clock, reports) = (self.ports.clock.clone(), self.reports.clone());
        let (instance, lease) = (self.instance, self.lease.clone());
        async move {
            // The end of the lease that the rental has.
            let mut written: Option<Time> = None;
            let mut failures = 0;
            loop {
                let current = *lease.borrow();
                let is_known = written == Some(current.until);
                let from = clock.now();
                let command = if is_known {
                    watchdog::reading()
                } else {
                    current.renewal(from)
                };
                let output = session.run(&command).await?;
                let check = if output.status == Some(0) {
                    current.verdict(&output, from, clock.now())
                } else {
                    let why = output.reason();
                    tracing::warn!("the lease on the rental was not renewed: {why}");
                    WatchdogCheck::Failed(format!("its lease cannot be written: {why}"))
                };
                let is_failed = matches!(check, WatchdogCheck::Failed(_));
                failures = if is_failed { failures + 1 } else { 0 };
                written = (!is_failed).then_some(current.until);
                if !is_failed || failures >= FAILURES_REPORTED {
                    let observation = Observation::Link(instance, LinkEvent::Watchdog(check));
                    if reports.send(observation).await.is_err() {
                        return Ok(());
                    }
                }
                let pause = if is_known && !is_failed {
                    WATCHDOG_INTERVAL
                } else {
                    WATCHDOG_SHOWS_AFTER
                };
                clock.sleep(pause).await;
            }
        }
    }

    async fn report(&self, change: LinkEvent) {
        let _ = self
            .reports
            .send(Observation::Link(self.instance, change))
            .await;
    }
}

/// What says more of why there is no link: a word about the rental, then about this machine, then silence.
fn weight(error: &LinkError) -> u8 {
    match error {
        LinkError::HostKeyChanged { .. } => 4,
        LinkError::Refused(_) => 3,
        LinkError::Denied { .. } => 2,
        LinkError::Listen { .. } | LinkError::Local(_) | LinkError::Exhausted(_) => 1,
        LinkError::Unreachable { .. } | LinkError::Lost(_) => 0,
    }
}

/// Completes when the tunnel is to be moved.
async fn tunnel_moved(mut tunnel: watch::Receiver<TunnelSpec>) {
    if tunnel.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// SSH answers only in a running container.
fn endpoints(instance: Option<&Instance>) -> Vec<SshEndpoint> {
    match instance {
        Some(instance) if instance.actual == ActualStatus::Running => instance.ssh.clone(),
        _ => Vec::new(),
    }
}

fn until_next_poll(status: &Result<MlNodeStatus, CallError>) -> Duration {
    match status {
        Ok(status) if status.startup == StartupState::Starting => LOADING_MLNODE_INTERVAL,
        Ok(_) => MLNODE_INTERVAL,
        Err(_) => SILENT_MLNODE_INTERVAL,
    }
}

#[cfg(test)]
mod tests;
