//! The inference proxy: to the Network Node an inference-only `MLNode`, behind it any OpenAI-compatible
//! upstream. It computes no `PoC` and says so.

mod access;
mod client;
mod counters;
mod forward;
mod metrics;
mod mlnode_api;
mod reply;
mod request_body;
mod response_body;
mod route;
mod server;
mod service;
mod shared;
mod status;
#[cfg(test)]
mod tests;
mod upstream_client;
mod upstreams;
mod worker;

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::ProxyConfig;
pub use client::ProxyClient;
pub(crate) use metrics::OPENMETRICS;
use server::{Server, ShutdownStage};
use shared::Proxy;

/// The proxy's file in the state directory.
pub const STATE_FILE: &str = "proxy.json";
/// A process that is killed loses the counts of this long.
const PERSIST_INTERVAL: Duration = Duration::from_secs(15);

/// For replies in flight after the shutdown began. The service unit's stop timeout is longer.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(9 * 60);

/// Serves until `shutdown`, then finishes the replies in flight unless `hurry` completes, which is
/// not polled before. Counters are persisted in `state_file`.
pub async fn serve(
    config: &ProxyConfig,
    state_file: &Path,
    shutdown: impl Future<Output = ()>,
    hurry: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        let address = config.listen;
        io::Error::new(
            error.kind(),
            format!("the inference proxy cannot listen on {address}: {error}"),
        )
    })?;
    serve_on(listener, config, state_file, shutdown, hurry).await
}

/// Like [`serve`], on a listener.
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
    let (stage, stages) = watch::channel(ShutdownStage::Serving);
    let server = Server::start(&proxy, &stages)?;
    tokio::select! {
        () = server.accept(&listener) => {}
        () = persist_periodically(&proxy) => {}
        () = shutdown => {}
    }
    if let Err(error) = server.drain_backlog(listener).await {
        tracing::warn!("the last connections are not served: {error}");
    }
    stage.send_replace(ShutdownStage::Draining);
    tracing::info!(
        in_flight = proxy.in_flight(),
        "the inference proxy shuts down"
    );
    let mut ended = pin!(server.join());
    let cause = tokio::select! {
        () = ended.as_mut() => None,
        () = persist_periodically(&proxy) => None,
        () = tokio::time::sleep(DRAIN_TIMEOUT) => Some("the drain timeout is over"),
        () = hurry => Some("a fast shutdown was requested"),
    };
    if let Some(cause) = cause {
        tracing::warn!("replies in flight are cut off: {cause}");
        stage.send_replace(ShutdownStage::Aborting);
        ended.await;
    }
    proxy.counters.persist();
    Ok(())
}

async fn persist_periodically(proxy: &Proxy) {
    let mut persisted = proxy.counters.snapshot();
    loop {
        tokio::time::sleep(PERSIST_INTERVAL).await;
        let counters = proxy.counters.snapshot();
        if counters != persisted {
            proxy.counters.persist();
            persisted = counters;
        }
    }
}
