//! The inference proxy: to the Network Node an `MLNode` that only serves inference, behind it any
//! OpenAI-compatible upstream. It computes no `PoC` and says so.

mod body;
mod callers;
mod client;
mod connections;
mod destination;
mod figures;
mod forward;
mod memory;
mod metrics;
mod patience;
mod reply;
mod surface;
#[cfg(test)]
mod tests;
mod transfer;
mod upstreams;
mod workers;

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::config::{AccessLog, ProxyConfig};
pub use client::ProxyClient;
use memory::Memory;
pub(crate) use metrics::OPENMETRICS;
use reply::Reply;
use surface::Route;
use upstreams::Upstream;
use workers::{Caller, Stage, Workers};

/// Name of the proxy's own file in the state directory.
pub const STATE_FILE: &str = "proxy.json";
/// A process that is killed loses the counts of so long.
const SAVE_EVERY: Duration = Duration::from_secs(15);

/// How long answers under way may still take after the end was asked for. The unit of the service waits
/// somewhat longer.
const DRAIN: Duration = Duration::from_secs(9 * 60);

/// What every request needs.
struct Proxy {
    config: ProxyConfig,
    upstreams: Vec<Arc<Upstream>>,
    places: Arc<Semaphore>,
    memory: Memory,
    /// In seconds.
    first_byte: Histogram,
}

impl Proxy {
    fn new(config: &ProxyConfig, state_file: &Path) -> io::Result<Proxy> {
        Ok(Proxy {
            upstreams: upstreams::all(config)?,
            places: Arc::new(Semaphore::new(config.max_concurrent as usize)),
            memory: Memory::open(state_file),
            // A hundredth of a second to a minute and a half.
            first_byte: Histogram::new(exponential_buckets(0.01, 2.0, 14)),
            config: config.clone(),
        })
    }

    /// Whether an address is this machine's.
    fn is_here(&self, from: IpAddr) -> bool {
        let from = from.to_canonical();
        from.is_loopback() || from == self.config.listen.ip()
    }

    /// Requests under way.
    fn under_way(&self) -> u64 {
        let free = self.places.available_permits();
        (self.config.max_concurrent as usize).saturating_sub(free) as u64
    }
}

/// Listens where the settings say and serves until `shutdown`, then lets answers under way end, until
/// `hurry`, which nobody waits for before. What outlives a restart is kept in `state_file`.
pub async fn serve(
    config: &ProxyConfig,
    state_file: &Path,
    shutdown: impl Future<Output = ()>,
    hurry: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        let place = config.listen;
        io::Error::new(
            error.kind(),
            format!("the inference proxy cannot listen on {place}: {error}"),
        )
    })?;
    serve_on(listener, config, state_file, shutdown, hurry).await
}

/// As [`serve`], on a listener that is there already.
pub async fn serve_on(
    listener: TcpListener,
    config: &ProxyConfig,
    state_file: &Path,
    shutdown: impl Future<Output = ()>,
    hurry: impl Future<Output = ()>,
) -> io::Result<()> {
    let proxy = Arc::new(Proxy::new(config, state_file)?);
    let at = listener.local_addr()?;
    tracing::info!(%at, model = config.model, "the inference proxy serves");
    let (stage, told) = watch::channel(Stage::Serving);
    let workers = Workers::start(&proxy, &told)?;
    tokio::select! {
        () = workers.deal(&listener) => {}
        () = save_regularly(&proxy) => {}
        () = shutdown => {}
    }
    if let Err(error) = workers.deal_rest(listener) {
        tracing::warn!("who came last is not answered: {error}");
    }
    stage.send_replace(Stage::Draining);
    tracing::info!(under_way = proxy.under_way(), "the inference proxy ends");
    let mut ended = pin!(workers.end());
    let cut = tokio::select! {
        () = ended.as_mut() => None,
        () = save_regularly(&proxy) => None,
        () = tokio::time::sleep(DRAIN) => Some("took too long"),
        () = hurry => Some("were not waited for"),
    };
    if let Some(why) = cut {
        tracing::warn!("answers under way {why} and are cut off");
        stage.send_replace(Stage::Cut);
        ended.await;
    }
    proxy.memory.save();
    Ok(())
}

async fn save_regularly(proxy: &Proxy) {
    let mut saved = proxy.memory.copy();
    loop {
        tokio::time::sleep(SAVE_EVERY).await;
        let kept = proxy.memory.copy();
        if kept != saved {
            proxy.memory.save();
            saved = kept;
        }
    }
}

async fn answer(caller: &Caller, request: Request<Incoming>) -> Reply {
    let (proxy, from) = (&caller.worker.proxy, caller.from.ip());
    let route = surface::route(request.method(), request.uri().path());
    // Whether it lives, everybody may ask.
    if !route.is_health() {
        let place = if route.is_ours() && proxy.is_here(from) {
            callers::Place::Here
        } else {
            callers::Place::At(from)
        };
        let admitted = callers::admit(&proxy.config.callers, place, request.headers());
        if let Err(refusal) = admitted {
            note_refusal(proxy, route, from, refusal);
            return reply::error(refusal.status(), refusal.words());
        }
    }
    match route {
        Route::Forward(endpoint) => forward::forward(caller, endpoint, request).await,
        Route::Metrics => metrics::answer(proxy),
        Route::Figures => reply::json(StatusCode::OK, &figures::figures(proxy)),
        route => surface::answer(proxy, route),
    }
}

/// Somebody who tries tokens is seen in the log and in the figures.
fn note_refusal(proxy: &Proxy, route: Route, from: IpAddr, refusal: callers::Refusal) {
    let status = refusal.status().as_u16();
    if proxy.config.access_log != AccessLog::Off {
        tracing::info!(%from, status, "refused: {}", refusal.words());
    }
    if let Route::Forward(endpoint) = route {
        proxy.memory.answered(endpoint.path(), status);
    }
}
