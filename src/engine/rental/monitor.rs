//! A rental that is watched, and its readings. A sprint has two of them while a hedge races a boot that
//! is behind.

use crate::domain::{
    ActualStatus, BootFault, BootTimes, CallError, Duration, Instance, InstanceId, LineStyle,
    LogLine, MlNodeStatus, PocActivity, ReplicaId, RunRecord, StageMeaning, StartStep, Time,
};
use crate::engine::observe::observation::LinkEvent;
use crate::engine::rental::link_state::LinkState;
use crate::engine::rental::log_merge::{Continuity, LogMerger, NewLines};
use crate::engine::rental::refusals::{Refusals, Uplink};
use crate::engine::rental::watcher::Watcher;
use crate::engine::snapshot::LogBuffer;
use crate::flow::{BootProgress, BootReading, Rental};
use crate::mlnode::boot::BootTracker;
use crate::ports::{LinkError, TailChunk, TunnelSpec};
use crate::ssh::sanitize::Sanitizer;

/// The rows of running containers are read twice a minute.
const ROW_FRESH: Duration = Duration::seconds(90);

const COPY_NOTE: &str = "The container's log, as the market copies its last lines now and then:";
const GAP_NOTE: &str = "What came between these lines was in no copy.";
const LIVE_LOG_NOTE: &str = "The workload's own log from here on:";

pub(crate) struct RentalMonitor {
    replica: ReplicaId,
    pub(crate) instance: InstanceId,
    /// Until the rental is released; its last readings stay on the screen.
    pub(crate) watcher: Option<Watcher>,
    pub(crate) boot: BootTracker,
    /// Its boot is not recorded yet; `None` if its start was not observed.
    unreported: Option<Rental>,
    sanitizer: Sanitizer,
    pub(crate) log: LogBuffer,
    pub(crate) log_merger: LogMerger,
    /// The log file has its first line.
    pub(crate) log_started: bool,
    pub(crate) row: Option<Instance>,
    /// Its container was seen to run: a listing that lags may show it loading again.
    pub(crate) has_run: bool,
    /// The market answered then: this machine is online.
    row_read_at: Option<Time>,
    pub(crate) link: LinkState,
    pub(crate) mlnode: Option<MlNodeStatus>,
    /// What its node has generated.
    pub(crate) generated: PocActivity,
    /// Of the calls that start its model.
    model_refusals: Refusals,
    /// Name of the trouble that was logged last.
    logged_trouble: Option<String>,
}

impl RentalMonitor {
    pub(crate) fn new(
        replica: ReplicaId,
        instance: InstanceId,
        watcher: Watcher,
        boot: BootTracker,
        unreported: Option<Rental>,
    ) -> RentalMonitor {
        RentalMonitor {
            replica,
            instance,
            watcher: Some(watcher),
            boot,
            unreported,
            sanitizer: Sanitizer::new(),
            log: LogBuffer::default(),
            log_merger: LogMerger::default(),
            log_started: false,
            row: None,
            has_run: false,
            row_read_at: None,
            link: LinkState::default(),
            mlnode: None,
            generated: PocActivity::default(),
            model_refusals: Refusals::default(),
            logged_trouble: None,
        }
    }

    /// The market has placed the container, pulls its image or starts it.
    pub(crate) fn is_being_placed(&self) -> bool {
        let is_running = |row: &Instance| row.actual == ActualStatus::Running;
        self.is_active() && !self.row.as_ref().is_some_and(is_running)
    }

    pub(crate) fn is_active(&self) -> bool {
        self.watcher.is_some()
    }

    pub(crate) fn on_instance(&mut self, now: Time, row: &Instance) {
        if let Some(watcher) = &self.watcher {
            watcher.set_row(row);
        }
        self.has_run |= row.actual == ActualStatus::Running;
        self.boot.observe_instance(now, row);
        self.row = Some(row.clone());
        self.row_read_at = Some(now);
    }

    /// True if it concerns the boot.
    pub(crate) fn on_link_event(&mut self, now: Time, change: LinkEvent) -> bool {
        let uplink = match self.row_read_at {
            Some(at) if now - at <= ROW_FRESH => Uplink::Up,
            _ => Uplink::Down,
        };
        let link = &mut self.link;
        match change {
            LinkEvent::Failed(error) => {
                if matches!(error, LinkError::Denied { .. }) {
                    self.boot.observe_denial(now, &error.to_string());
                }
                link.failed(now, &error, uplink);
                tracing::info!("SSH attempt {}: {error}", link.attempts);
            }
            LinkEvent::Connected(endpoint) => {
                tracing::info!("SSH is connected to {endpoint}");
                self.has_run = true;
                link.connected(now, endpoint);
            }
            LinkEvent::Tunnel(ends) => link.ends = Some(ends),
            LinkEvent::Callback(proof) => link.proved(now, proof),
            LinkEvent::Watchdog(check) => link.watchdog_read(now, check),
            LinkEvent::Throughput(rate) => {
                link.rate = rate;
                return false;
            }
            LinkEvent::Lost(error) => {
                tracing::warn!("{error}; connecting again");
                link.lost(now, &error);
            }
        }
        self.boot.observe_link(now, self.link.up_since.is_some());
        true
    }

    pub(crate) fn on_log(&mut self, now: Time, chunk: &TailChunk) {
        self.start_log(now);
        let mut lines = Vec::new();
        if chunk.offset == 0 {
            // A new file: an unfinished line of the last one ends here.
            lines.extend(self.sanitizer.end(now));
        }
        lines.extend(self.sanitizer.feed(now, &chunk.bytes));
        let live = self.sanitizer.live(now);
        for line in lines.iter().chain(&live) {
            self.boot.observe_line(now, line.text());
        }
        for line in lines {
            self.log.push(line);
        }
        self.log.live = live;
    }

    pub(crate) fn on_mlnode_status(&mut self, now: Time, status: MlNodeStatus) {
        self.link.proven = true;
        self.boot.observe_status(now, &status);
        if let Some(nonces) = status.backends.and_then(|backends| backends.nonces) {
            self.generated.count(now, nonces);
        }
        self.mlnode = Some(status);
    }

    pub(crate) fn on_mlnode_silence(&mut self, now: Time) {
        self.link.proven = false;
        self.boot.observe_silence(now);
    }

    pub(crate) fn on_run_record(&mut self, now: Time, record: RunRecord) {
        self.boot.observe_record(now, record);
    }

    /// A call that starts the model has ended.
    pub(crate) fn on_model_start(&mut self, now: Time, result: &Result<StartStep, CallError>) {
        match result {
            Ok(_) => self.model_refusals.end(),
            Err(error) => self.model_refusals.model_start_failed(now, error),
        }
    }

    /// What ends its boot. A node that is ready may work without the link, so then that is only an alert.
    fn fault(&self, now: Time) -> Option<&BootFault> {
        let refused = || {
            let link = self.link.fault(now);
            let lasting = link.or_else(|| self.model_refusals.lasting(now));
            lasting.filter(|_| !self.boot.is_ready())
        };
        self.boot.fault().or_else(refused)
    }

    /// What keeps its model from being served, for good or for now.
    pub(crate) fn trouble(&self, now: Time) -> Option<BootFault> {
        let fault = self.fault(now).cloned();
        fault.or_else(|| self.boot.setback(now))
    }

    /// Logs each new trouble once, and its end.
    pub(crate) fn log_trouble(&mut self, now: Time) {
        let trouble = self.trouble(now);
        let name = trouble.as_ref().map(|trouble| trouble.name.clone());
        if self.logged_trouble == name {
            return;
        }
        if let Some(trouble) = trouble {
            let (instance, run) = (self.instance, self.boot.run());
            let BootFault { name, evidence, .. } = trouble;
            tracing::warn!("instance {instance}, run {run} of its workload: {name}: {evidence}");
        } else {
            tracing::info!("instance {}: its workload works again", self.instance);
        }
        self.logged_trouble = name;
    }

    pub(crate) fn reading(&self, now: Time) -> BootReading {
        let boot = &self.boot;
        let left = boot.knows_stage(now).then(|| boot.expected_left(now));
        let status = self.mlnode.as_ref().filter(|_| boot.answers());
        BootReading {
            api_up: status.is_some(),
            ready: boot.is_ready(),
            at_work: status.is_some_and(MlNodeStatus::is_at_work),
            model: boot.model(),
            least_left: left.map(|left| left.p10),
            likely_left: left.map(|left| left.p50),
            pace: if left.is_some() && boot.is_behind(now) {
                BootProgress::Behind
            } else {
                BootProgress::OnTrack
            },
            fault: self.fault(now).cloned(),
            setback: boot.setback(now),
            callback: self.link.callback.clone(),
            watchdog: self.link.watchdog.clone(),
        }
    }

    /// The boot until now, the first time.
    pub(crate) fn take_unreported(&mut self, now: Time) -> Option<(Rental, BootTimes)> {
        let rental = self.unreported.take()?;
        let times = BootTimes {
            label: rental.label.clone(),
            replica: self.replica.clone(),
            instance: Some(rental.instance),
            machine: rental.offer.machine,
            host: rental.offer.host,
            gpu_name: rental.offer.gpu_name.clone(),
            gpu_count: rental.offer.gpu_count,
            started: self.boot.started().to_vec(),
            ended: now,
            fault: self.fault(now).map(|fault| fault.name.clone()),
            meaning: StageMeaning::Stated,
            runs: self.boot.run(),
        };
        Some((rental, times))
    }

    /// Moves its tunnel to other local ends, through which everything is read anew.
    pub(crate) fn move_tunnel(&mut self, tunnel: TunnelSpec) {
        let watcher = self.watcher.as_ref();
        if watcher.is_some_and(|watcher| watcher.move_tunnel(tunnel)) {
            self.link.ends = None;
            self.link.proven = false;
            self.mlnode = None;
        }
    }

    /// Stops watching. The task that is returned ends when the SSH session is closed.
    pub(crate) fn stop(&mut self) -> Option<tokio::task::JoinHandle<()>> {
        self.link = LinkState::default();
        self.watcher.take().map(Watcher::stop)
    }

    pub(crate) fn on_container_log(&mut self, now: Time, copy: &str) {
        // It was in flight when the log file started.
        if self.log_started {
            return;
        }
        let NewLines { continuity, lines } = self.log_merger.merge(copy);
        if lines.is_empty() {
            return;
        }
        match continuity {
            Continuity::First => self.log.push(remark(now, COPY_NOTE)),
            Continuity::Gap => self.log.push(remark(now, GAP_NOTE)),
            Continuity::Contiguous => {}
        }
        let text = lines.join("\n") + "\n";
        for line in Sanitizer::new().feed(now, text.as_bytes()) {
            self.boot.observe_line(now, line.text());
            self.log.push(line);
        }
    }

    /// From now on the log file is shown.
    fn start_log(&mut self, now: Time) {
        if !std::mem::replace(&mut self.log_started, true) && !self.log_merger.is_empty() {
            self.log.push(remark(now, LIVE_LOG_NOTE));
        }
    }
}

/// Our own line in the rental's log.
fn remark(at: Time, text: &str) -> LogLine {
    let style = LineStyle {
        italic: true,
        dim: true,
        ..LineStyle::default()
    };
    LogLine::styled(at, text, vec![(0, style)])
}
