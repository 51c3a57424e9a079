//! The inference proxy: to the Network Node an `MLNode` that only serves inference, behind it any
//! OpenAI-compatible upstream. It computes no `PoC` and says so.

mod body;
mod callers;
mod client;
mod figures;
mod forward;
mod memory;
mod metrics;
mod reply;
mod surface;
#[cfg(test)]
mod tests;
mod transfer;
mod upstreams;
mod workers;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::config::ProxyConfig;
pub use client::ProxyClient;
use memory::Memory;
pub(crate) use metrics::OPENMETRICS;
use upstreams::Upstreams;
use workers::{Stage, Worker, Workers};

/// Name of the proxy's own file in the state directory.
pub const STATE_FILE: &str = "proxy.json";
/// A process that is killed loses the counts of so long.
const SAVE_EVERY: Duration = Duration::from_secs(15);

/// How long answers under way may still take after the end was asked for.
const DRAIN: Duration = Duration::from_secs(30);

/// What every request needs.
struct Proxy {
    config: ProxyConfig,
    upstreams: Upstreams,
    places: Arc<Semaphore>,
    memory: Memory,
    /// In seconds.
    first_byte: Histogram,
}

impl Proxy {
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

/// Listens where the settings say and serves until `shutdown`, then lets answers under way end. What
/// outlives a restart is kept in `state_file`.
pub async fn serve(
    config: &ProxyConfig,
    state_file: &Path,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        let place = config.listen;
        io::Error::new(
            error.kind(),
            format!("the inference proxy cannot listen on {place}: {error}"),
        )
    })?;
    serve_on(listener, config, state_file, shutdown).await
}

/// As [`serve`], on a listener that is there already.
pub async fn serve_on(
    listener: TcpListener,
    config: &ProxyConfig,
    state_file: &Path,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let proxy = Arc::new(Proxy {
        upstreams: Upstreams::new(&config.upstream, &config.fallbacks),
        places: Arc::new(Semaphore::new(config.max_concurrent as usize)),
        memory: Memory::open(state_file),
        // A hundredth of a second to a minute and a half.
        first_byte: Histogram::new(exponential_buckets(0.01, 2.0, 14)),
        config: config.clone(),
    });
    let at = listener.local_addr()?;
    tracing::info!(%at, model = config.model, "the inference proxy serves");
    let (stage, told) = watch::channel(Stage::Serving);
    let workers = Workers::start(&proxy, &told)?;
    tokio::select! {
        () = workers.deal(&listener) => {}
        () = save_regularly(&proxy) => {}
        () = shutdown => {}
    }
    // Whoever comes now finds nobody listening, and asks somebody else.
    drop(listener);
    stage.send_replace(Stage::Draining);
    let mut ended = pin!(workers.end());
    if timeout(DRAIN, ended.as_mut()).await.is_err() {
        tracing::warn!("answers were still under way and are cut off");
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

fn client(config: &ProxyConfig) -> Result<reqwest::Client, reqwest::Error> {
    // Somebody else may have installed a provider first: then that one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        // Between two reads of a stream; the first byte has its own time-out.
        .read_timeout(config.request_timeout + Duration::from_mins(1))
        // A redirect would carry the prompt to somebody the operator did not name.
        .redirect(reqwest::redirect::Policy::none());
    if config.addresses().all(is_of_this_machine) {
        builder = builder.no_proxy();
    }
    builder.build()
}

fn is_of_this_machine(url: &url::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "localhost" || host.starts_with("127.") || host == "[::1]"
}

async fn answer(worker: &Worker, from: SocketAddr, request: Request) -> Response {
    let proxy = &worker.proxy;
    let route = surface::route(request.method(), request.uri().path());
    // Whether it lives, everybody may ask.
    if !route.is_health() {
        let place = if route.is_ours() && proxy.is_here(from.ip()) {
            callers::Place::Here
        } else {
            callers::Place::At(from.ip())
        };
        let admitted = callers::admit(&proxy.config.callers, place, request.headers());
        if let Err(refusal) = admitted {
            return reply::error(refusal.status(), refusal.words());
        }
    }
    match route {
        surface::Route::Forward(endpoint) => forward::forward(worker, endpoint, request).await,
        surface::Route::Metrics => metrics::answer(proxy),
        surface::Route::Figures => Json(figures::figures(proxy)).into_response(),
        route => surface::answer(proxy, route),
    }
}
