//! Routes a request to whatever answers it.

use std::net::IpAddr;

use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use super::access::{AccessError, Origin, check_access};
use super::reply::{self, Reply};
use super::route::{Route, route};
use super::shared::Proxy;
use super::worker::Caller;
use super::{forward, metrics, mlnode_api, status};
use crate::config::AccessLog;
use crate::domain::PROXY_REQUESTS;

pub(super) async fn handle(caller: &Caller, request: Request<Incoming>) -> Reply {
    let (proxy, address) = (&caller.worker.proxy, caller.address.ip());
    let route = route(request.method(), request.uri().path());
    if !route.is_health() {
        let origin = if route.is_operator_only() && proxy.is_local(address) {
            Origin::Local
        } else {
            Origin::Remote(address)
        };
        let access = check_access(&proxy.config.callers, origin, request.headers());
        if let Err(error) = access {
            record_denied(proxy, route, address, error);
            return reply::error(error.status(), &error.to_string());
        }
    }
    match route {
        Route::Forward(endpoint) => forward::forward(caller, endpoint, request).await,
        Route::Metrics => metrics::reply(proxy),
        Route::Status => reply::json(StatusCode::OK, &status::status(proxy)),
        route => mlnode_api::reply(proxy, route, request).await,
    }
}

/// Attempts without access show in the log and in the metrics.
fn record_denied(proxy: &Proxy, route: Route, from: IpAddr, error: AccessError) {
    let status = error.status().as_u16();
    if proxy.config.access_log != AccessLog::Off {
        tracing::info!(target: PROXY_REQUESTS, %from, status, "refused: {error}");
    }
    if let Route::Forward(endpoint) = route {
        proxy.counters.record_reply(endpoint.path(), status);
    }
}
