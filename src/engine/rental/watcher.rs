//! Watches one rental: asks for a row that is overdue, connects by SSH, follows its log, keeps the tunnel
//! up, polls the `MLNode`, renews the lease and measures the tunnel. It reports; it decides nothing.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::domain::{ActualStatus, Duration, Instance, InstanceId};
use crate::engine::Ports;
use crate::engine::observe::observation::Observation;
use crate::engine::observe::pollers::{LISTING_INTERVAL, PLACING_LISTING_INTERVAL, Poller};
use crate::engine::rental::access::RentalAccess;
use crate::engine::rental::connection::LinkTask;
use crate::engine::rental::watchdog::Lease;
use crate::ports::{LogPosition, TunnelSpec};

const COPY_LINES: u32 = 200;
/// The host takes some seconds to upload each copy.
const COPY_INTERVAL: Duration = Duration::seconds(15);
/// A listing takes a moment; one that is this late has failed, or lacks the rental.
const LISTING_SLACK: Duration = Duration::seconds(5);

/// The watcher of one rental, until [`Watcher::stop`].
pub(crate) struct Watcher {
    rows: watch::Sender<Option<Instance>>,
    row_read: Arc<Notify>,
    lease: watch::Sender<Lease>,
    tunnel: watch::Sender<TunnelSpec>,
    stop: CancellationToken,
    link: tokio::task::JoinHandle<()>,
}

impl Watcher {
    pub(crate) fn start(
        ports: &Arc<Ports>,
        instance: InstanceId,
        access: RentalAccess,
        lease: Lease,
        reports: &mpsc::Sender<Observation>,
    ) -> Watcher {
        let stop = CancellationToken::new();
        let (lease, lease_updates) = watch::channel(lease);
        let (tunnel, tunnel_updates) = watch::channel(access.tunnel);
        let (rows_sender, rows) = watch::channel(None);
        let row_read = Arc::new(Notify::new());
        let poller = Poller {
            ports: ports.clone(),
            reports: reports.clone(),
            stop: stop.clone(),
        };
        poller.spawn("asking for a rental's row", {
            let (rows, row_read) = (rows.clone(), row_read.clone());
            move |poller| ask_for_overdue_rows(poller, instance, rows.clone(), row_read.clone())
        });
        let log_started = stop.child_token();
        let copies = poll_container_log(poller, instance, rows.clone());
        tokio::spawn({
            let log_started = log_started.clone();
            async move { log_started.run_until_cancelled(copies).await }
        });
        let link = LinkTask {
            ports: ports.clone(),
            instance,
            tunnel: tunnel_updates,
            workload: access.workload,
            model: access.model,
            gateway: access.gateway,
            callback: access.callback,
            lease: lease_updates,
            reports: reports.clone(),
            stop: stop.clone(),
            log_started,
            log: ports.rental_logs.of(instance),
            position: LogPosition::default(),
            key_attached_at: None,
            key_refused: None,
        };
        Watcher {
            rows: rows_sender,
            row_read,
            lease,
            tunnel,
            link: tokio::spawn(link.restart_on_panic(rows)),
            stop,
        }
    }

    /// What the market says of the rental now.
    pub(crate) fn set_row(&self, row: &Instance) {
        self.row_read.notify_one();
        self.rows.send_if_modified(|known| {
            let is_news = known.as_ref() != Some(row);
            *known = Some(row.clone());
            is_news
        });
    }

    pub(crate) fn set_lease(&self, lease: Lease) {
        self.lease
            .send_if_modified(|known| std::mem::replace(known, lease) != lease);
    }

    /// Moves the tunnel to other local ends, as soon as they are free. False if it is there already.
    pub(crate) fn move_tunnel(&self, spec: TunnelSpec) -> bool {
        self.tunnel.send_if_modified(|tunnel| {
            let moves = *tunnel != spec;
            *tunnel = spec;
            moves
        })
    }

    /// Stops watching. The task that is returned ends when the SSH session is closed.
    pub(crate) fn stop(self) -> tokio::task::JoinHandle<()> {
        self.stop.cancel();
        self.link
    }
}

/// Asks for the rental alone while no listing shows it in time: its address must not wait for a listing that
/// fails or lacks it.
async fn ask_for_overdue_rows(
    poller: Poller,
    id: InstanceId,
    rows: watch::Receiver<Option<Instance>>,
    row_read: Arc<Notify>,
) {
    loop {
        let interval = if is_running(rows.borrow().as_ref()) {
            LISTING_INTERVAL
        } else {
            PLACING_LISTING_INTERVAL
        };
        // Many rentals that ask each for itself would hold up all other calls for one.
        let longest = poller.ports.market.listing_interval() * 2;
        tokio::select! {
            () = poller.ports.clock.sleep(interval.max(longest) + LISTING_SLACK) => {}
            () = row_read.notified() => continue,
        }
        let row = poller.ports.market.instance(id).await;
        if !poller.report(Observation::Instance(id, row)).await {
            return;
        }
    }
}

fn is_running(row: Option<&Instance>) -> bool {
    row.is_some_and(|row| row.actual == ActualStatus::Running)
}

/// Polls the market's copy of the container's log while the container runs.
async fn poll_container_log(
    poller: Poller,
    id: InstanceId,
    mut rows: watch::Receiver<Option<Instance>>,
) {
    while rows.wait_for(|row| is_running(row.as_ref())).await.is_ok() {
        let copy = poller.ports.market.container_log(id, COPY_LINES).await;
        if !poller.report(Observation::ContainerLog(id, copy)).await {
            return;
        }
        poller.ports.clock.sleep(COPY_INTERVAL).await;
    }
}
