//! The inference proxy: to the Network Node an `MLNode` that only serves inference, behind it any
//! OpenAI-compatible upstream. It computes no `PoC` and says so.

mod forward;
mod reply;
mod surface;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::config::ProxyConfig;

/// How long answers under way may still take after the end was asked for.
const DRAIN: Duration = Duration::from_secs(30);

/// What every request needs.
struct Proxy {
    config: ProxyConfig,
    client: reqwest::Client,
    places: Arc<Semaphore>,
    /// What the Network Node asked for last: `inference/up` or `stop`.
    up: AtomicBool,
}

impl Proxy {
    fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }
}

/// Listens where the settings say and serves until `shutdown`, then lets answers under way end.
pub async fn serve(
    config: &ProxyConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        let place = config.listen;
        io::Error::new(
            error.kind(),
            format!("the inference proxy cannot listen on {place}: {error}"),
        )
    })?;
    serve_on(listener, config, shutdown).await
}

/// As [`serve`], on a listener that is there already.
pub async fn serve_on(
    listener: TcpListener,
    config: &ProxyConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let proxy = Arc::new(Proxy {
        client: client(config).map_err(io::Error::other)?,
        places: Arc::new(Semaphore::new(config.max_concurrent as usize)),
        up: AtomicBool::new(true),
        config: config.clone(),
    });
    let at: SocketAddr = listener.local_addr()?;
    tracing::info!(%at, model = config.model, "the inference proxy serves");
    let (ended, over) = tokio::sync::oneshot::channel();
    let app = Router::new().fallback(answer).with_state(proxy);
    let served = axum::serve(listener, app).with_graceful_shutdown(async move {
        shutdown.await;
        let _ = ended.send(());
    });
    let too_long = async {
        // An error means that the server itself is gone: then its own result counts.
        match over.await {
            Ok(()) => tokio::time::sleep(DRAIN).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        result = served.into_future() => result,
        () = too_long => {
            tracing::warn!("answers were still under way and are cut off");
            Ok(())
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
    let host = config.upstream.host_str().unwrap_or_default();
    if host == "localhost" || host.starts_with("127.") || host == "[::1]" {
        builder = builder.no_proxy();
    }
    builder.build()
}

async fn answer(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    match surface::route(request.method(), request.uri().path()) {
        surface::Route::Forward(path) => forward::forward(&proxy, path, request).await,
        route => surface::answer(&proxy, route),
    }
}
