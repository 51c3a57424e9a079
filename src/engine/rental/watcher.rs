//! Watches one rental: polls its instance, connects by SSH, follows its log, keeps the tunnel up,
//! asks the `MLNode`, renews the lease and measures. It reports; it decides nothing.

use crate::engine::rental::connection::LinkTask;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::domain::{ActualStatus, Duration, Instance, InstanceId, Time};
use crate::engine::Ports;
use crate::engine::observe::observation::Observation;
use crate::engine::rental::access::RentalAccess;
use crate::engine::supervise::restart_on_panic;
use crate::ports::{LogPosition, TunnelSpec};

const LINES: u32 = 200;

/// The host uploads each copy, which takes it some seconds.
const COPY_EVERY: Duration = Duration::seconds(15);

const INSTANCE_EVERY: Duration = Duration::seconds(10);

/// Once the container runs its row hardly changes, and every listing has it too.
const RUNNING_INSTANCE_EVERY: Duration = Duration::seconds(30);

/// The watcher of one rental. Dropping it stops watching; [`Watcher::stop`] also waits for the
/// clean end of the SSH session.
pub(crate) struct Watcher {
    lease: watch::Sender<Time>,
    tunnel: watch::Sender<TunnelSpec>,
    stop: CancellationToken,
    link: tokio::task::JoinHandle<()>,
}

impl Watcher {
    pub(crate) fn start(
        ports: &Arc<Ports>,
        instance: InstanceId,
        access: RentalAccess,
        lease_until: Time,
        reports: &mpsc::Sender<Observation>,
    ) -> Watcher {
        let stop = CancellationToken::new();
        let (lease, lease_seen) = watch::channel(lease_until);
        let (tunnel, tunnel_seen) = watch::channel(access.tunnel);
        let (seen, instances) = watch::channel(None);
        tokio::spawn(poll_instance(
            ports.clone(),
            instance,
            seen,
            reports.clone(),
            stop.clone(),
        ));
        let log_started = stop.child_token();
        tokio::spawn(poll_container_log(
            ports.clone(),
            instance,
            instances.clone(),
            reports.clone(),
            log_started.clone(),
        ));
        let link = LinkTask {
            ports: ports.clone(),
            instance,
            tunnel: tunnel_seen,
            workload: access.workload,
            gateway: access.gateway,
            lease: lease_seen,
            reports: reports.clone(),
            stop: stop.clone(),
            log_started,
            log: ports.rental_logs.of(instance),
            position: LogPosition::default(),
            key_attached_at: None,
        };
        Watcher {
            lease,
            tunnel,
            link: tokio::spawn(link.restart_on_panic(instances)),
            stop,
        }
    }

    pub(crate) fn set_lease(&self, until: Time) {
        self.lease
            .send_if_modified(|lease| std::mem::replace(lease, until) != until);
    }

    /// Leads the tunnel to other local ends, as soon as they are free. False when it is there already.
    pub(crate) fn move_tunnel(&self, spec: TunnelSpec) -> bool {
        self.tunnel.send_if_modified(|tunnel| {
            let moves = *tunnel != spec;
            *tunnel = spec;
            moves
        })
    }

    /// Ends watching; the link's task closes its session on both sides by itself.
    pub(crate) fn stop(self) -> tokio::task::JoinHandle<()> {
        self.stop.cancel();
        self.link
    }
}

async fn poll_instance(
    ports: Arc<Ports>,
    id: InstanceId,
    seen: watch::Sender<Option<Instance>>,
    reports: mpsc::Sender<Observation>,
    stop: CancellationToken,
) {
    let work = restart_on_panic("watching the rental", ports.clock.as_ref(), || async {
        loop {
            let result = ports.market.instance(id).await;
            let mut pause = INSTANCE_EVERY;
            if let Ok(Some(instance)) = &result {
                seen.send_replace(Some(instance.clone()));
                if instance.actual == ActualStatus::Running {
                    pause = RUNNING_INSTANCE_EVERY;
                }
            }
            if reports
                .send(Observation::Instance(id, result))
                .await
                .is_err()
            {
                return;
            }
            ports.clock.sleep(pause).await;
        }
    });
    stop.run_until_cancelled(work).await;
}

/// Asks for copies as long as the container runs, until `heard` is cancelled.
pub(crate) async fn poll_container_log(
    ports: Arc<Ports>,
    id: InstanceId,
    mut instances: watch::Receiver<Option<Instance>>,
    reports: mpsc::Sender<Observation>,
    log_started: CancellationToken,
) {
    let running = |seen: &Option<Instance>| {
        seen.as_ref()
            .is_some_and(|instance| instance.actual == ActualStatus::Running)
    };
    let work = async {
        while instances.wait_for(running).await.is_ok() {
            let copy = ports.market.container_log(id, LINES).await;
            let observation = Observation::LogMerger(id, copy);
            if reports.send(observation).await.is_err() {
                return;
            }
            ports.clock.sleep(COPY_EVERY).await;
        }
    };
    log_started.run_until_cancelled(work).await;
}
