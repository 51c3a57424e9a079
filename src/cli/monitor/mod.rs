//! For monitoring services: `/metrics` in the `OpenMetrics` format and `/healthz`, on loopback.

mod metrics;
mod pools;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::admission::{self, Admission};
use crate::domain;
use crate::engine::{LastReads, Snapshot};
use crate::proxy::OPENMETRICS;

/// A monitoring service needs one.
const MAX_CONNECTIONS: usize = 32;
/// The engine publishes every second; without a snapshot for this long it hangs.
const ENGINE_TIMEOUT: Duration = Duration::from_secs(60);
/// The chain and the rentals are read far more often.
const MAX_READ_AGE: domain::Duration = domain::Duration::minutes(10);

/// The newest snapshot, and when it arrived.
#[derive(Clone)]
struct Latest {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    arrived: watch::Receiver<Instant>,
}

impl Latest {
    /// The snapshot and its age.
    fn read(&self) -> (Arc<Snapshot>, Duration) {
        let snapshot = Arc::clone(&self.snapshots.borrow());
        (snapshot, self.arrived.borrow().elapsed())
    }
}

/// Serves until the engine has ended. If it cannot listen, the engine still runs.
pub(crate) fn serve(listen: Option<SocketAddr>, snapshots: watch::Receiver<Arc<Snapshot>>) {
    let Some(listen) = listen else { return };
    tokio::spawn(async move {
        match bind(listen).await {
            Ok(listener) => serve_on(listener, snapshots).await,
            Err(error) => tracing::warn!("no metrics: {listen} cannot be listened on: {error}"),
        }
    });
}

/// After a reload, the previous engine may still be listening.
async fn bind(listen: SocketAddr) -> std::io::Result<TcpListener> {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        match TcpListener::bind(listen).await {
            Err(_) if Instant::now() < end => tokio::time::sleep(Duration::from_millis(300)).await,
            result => return result,
        }
    }
}

async fn serve_on(listener: TcpListener, mut snapshots: watch::Receiver<Arc<Snapshot>>) {
    let (arrivals, arrived) = watch::channel(Instant::now());
    let latest = Latest {
        snapshots: snapshots.clone(),
        arrived,
    };
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .with_state(latest);
    let engine = async move {
        while snapshots.changed().await.is_ok() {
            arrivals.send_replace(Instant::now());
        }
    };
    let new_service = || TowerToHyperService::new(router.clone());
    let admission = Admission::within_descriptors(MAX_CONNECTIONS);
    tokio::select! {
        () = admission::serve(listener, admission, new_service) => {}
        () = engine => {}
    }
}

async fn metrics(State(latest): State<Latest>) -> Response {
    let (snapshot, age) = latest.read();
    match metrics::page(snapshot, age) {
        Ok(page) => ([(header::CONTENT_TYPE, OPENMETRICS)], page).into_response(),
        Err(error) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            (status, format!("the metrics cannot be written: {error}\n")).into_response()
        }
    }
}

async fn health(State(latest): State<Latest>) -> Response {
    let (snapshot, age) = latest.read();
    match why_unhealthy(snapshot.at, snapshot.last_reads(), age) {
        None => "well\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

/// Why the program cannot be relied on now; `None` if it can.
fn why_unhealthy(now: domain::Time, read: LastReads, silent_for: Duration) -> Option<String> {
    if silent_for > ENGINE_TIMEOUT {
        let seconds = silent_for.as_secs();
        return Some(format!("the engine has made no progress for {seconds} s"));
    }
    let mut reads = [("the chain", read.chain), ("the rentals", read.rentals)].into_iter();
    reads.find_map(|(what, at)| match at {
        None => Some(format!("{what} could not be read yet")),
        Some(at) if now - at > MAX_READ_AGE => {
            let minutes = (now - at).num_minutes();
            Some(format!("{what} could not be read for {minutes} minutes"))
        }
        Some(_) => None,
    })
}
