//! Which request means what.

use hyper::Method;

use crate::domain::behind_version;

/// Where the cockpit reads the proxy's status.
pub(super) const STATUS_PATH: &str = "/figures";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Forward(InferenceEndpoint),
    Metrics,
    Status,
    State,
    Stop,
    Up,
    UpAsync,
    UpStatus,
    Health,
    Ready,
    Models,
    ModelStatus,
    ModelDownload,
    ModelList,
    ModelSpace,
    GpuDevices,
    GpuDriver,
    PocStatus,
    Poc,
    WrongMethod,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InferenceEndpoint {
    ChatCompletions,
    Completions,
}

impl InferenceEndpoint {
    /// Below `/v1`; also its name in metrics.
    pub fn path(self) -> &'static str {
        match self {
            InferenceEndpoint::ChatCompletions => "chat/completions",
            InferenceEndpoint::Completions => "completions",
        }
    }
}

impl Route {
    /// Answers everybody: it only says whether the proxy is up.
    pub fn is_health(self) -> bool {
        matches!(self, Route::Health | Route::Ready)
    }

    /// For the operator, not for the network.
    pub fn is_operator_only(self) -> bool {
        matches!(self, Route::Metrics | Route::Status)
    }
}

pub(super) fn route(method: &Method, path: &str) -> Route {
    let path = behind_version(path).unwrap_or(path);
    let (wanted, route) = match path {
        "/v1/chat/completions" => (
            Method::POST,
            Route::Forward(InferenceEndpoint::ChatCompletions),
        ),
        "/v1/completions" => (Method::POST, Route::Forward(InferenceEndpoint::Completions)),
        "/metrics" => (Method::GET, Route::Metrics),
        STATUS_PATH => (Method::GET, Route::Status),
        "/v1/models" => (Method::GET, Route::Models),
        "/health" | "/livez" => (Method::GET, Route::Health),
        "/readyz" => (Method::GET, Route::Ready),
        "/api/v1/state" => (Method::GET, Route::State),
        "/api/v1/stop" | "/api/v1/inference/down" => (Method::POST, Route::Stop),
        "/api/v1/inference/up" => (Method::POST, Route::Up),
        "/api/v1/inference/up/async" => (Method::POST, Route::UpAsync),
        "/api/v1/inference/up/status" => (Method::GET, Route::UpStatus),
        "/api/v1/models/status" => (Method::POST, Route::ModelStatus),
        "/api/v1/models/download" => (Method::POST, Route::ModelDownload),
        "/api/v1/models/list" => (Method::GET, Route::ModelList),
        "/api/v1/models/space" => (Method::GET, Route::ModelSpace),
        "/api/v1/gpu/devices" => (Method::GET, Route::GpuDevices),
        "/api/v1/gpu/driver" => (Method::GET, Route::GpuDriver),
        "/api/v1/inference/pow/status" => (Method::GET, Route::PocStatus),
        _ if is_poc(path) => return Route::Poc,
        _ => return Route::Unknown,
    };
    if *method == wanted {
        route
    } else {
        Route::WrongMethod
    }
}

fn is_poc(path: &str) -> bool {
    ["/api/v1/pow/", "/api/v1/inference/pow/"]
        .iter()
        .any(|prefix| path.starts_with(prefix))
}
