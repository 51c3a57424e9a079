//! HTTP without a network: the real clients' requests, the world's answers, faults in between.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _};
use pocpit::domain::Time;
use pocpit::http::{
    Answer, BrokenBody, HttpMethod, HttpRequest, Messages, Transport, TransportError,
};
use pocpit::world::{AdminReply, ApiRequest, ApiResponse, FaultKind, HostId};
use secrecy::ExposeSecret as _;
use serde_json::json;
use url::Url;

use crate::chance::{Chance, Fault, of_planned};
use crate::played::{MachineFault, MarketCall, NO_DESCRIPTORS, Stage, nonsense};

pub struct Wire {
    pub stage: Arc<Stage>,
    /// Changes every answer.
    pub mangle: Option<fn(&str, &mut Chance) -> String>,
}

impl Wire {
    /// `None`: connections are refused.
    async fn perform(
        &self,
        url: &Url,
        ask: ApiRequest,
    ) -> Result<Option<ApiResponse>, TransportError> {
        let Some(host) = url.host_str() else {
            return Ok(None);
        };
        Ok(match host {
            "vast.sim" => Some(self.stage.world().vast(&ask)),
            "api.sim" => Some(self.stage.world().public_api(&ask)),
            "rpc.sim" => Some(self.stage.world().rpc(&ask)),
            "told.sim" => {
                self.stage.tell(&ask.body);
                Some(nothing())
            }
            "heart.sim" => {
                self.stage.beat();
                Some(nothing())
            }
            name => {
                if let Some(admin_of) = self.stage.host_of_admin(name) {
                    return self.admin(admin_of, &ask).await;
                }
                match self.stage.host_of_callback(url) {
                    Some(host) => {
                        let mut world = self.stage.world();
                        let is_up = world.callback_is_up(host);
                        is_up.then(|| world.callback(host, &ask))
                    }
                    None => self.stage.at_machine(&ask.method, url, ask.body),
                }
            }
        })
    }

    /// A call that waits is cut off when the Network Node ends.
    async fn admin(
        &self,
        host: HostId,
        ask: &ApiRequest,
    ) -> Result<Option<ApiResponse>, TransportError> {
        if !self.stage.world().dapi_is_up(host) {
            return Ok(None);
        }
        loop {
            let reply = self.stage.world().admin(host, ask);
            match reply {
                AdminReply::Answer(answer) => return Ok(Some(answer)),
                AdminReply::Waiting => tokio::time::sleep(Duration::from_secs(1)).await,
            }
            if !self.stage.world().dapi_is_up(host) {
                return Err(TransportError::Lost("connection reset by peer".into()));
            }
        }
    }

    /// What the scenario, or a proxy in front of an API, does with a call.
    fn planned_fault(&self, url: &Url, ask: &ApiRequest) -> Option<FaultKind> {
        let service = match url.host_str()? {
            "vast.sim" => "vast".to_owned(),
            "api.sim" => "public".to_owned(),
            "rpc.sim" => "rpc".to_owned(),
            name => self.stage.host_of_admin(name)?.service("admin"),
        };
        self.stage.world().fault(&service, ask)
    }
}

impl Wire {
    /// On the way there and on the way back: together still within the time-out.
    async fn dawdle(&self, timeout: Duration) {
        let percent = self.stage.chance().between(1, 45);
        let percent = u32::try_from(percent).unwrap();
        tokio::time::sleep(timeout * percent / 100).await;
    }
}

/// As the world takes it.
fn asked(request: &HttpRequest) -> ApiRequest {
    let method = match request.method {
        HttpMethod::Get => "GET",
        HttpMethod::Post => "POST",
        HttpMethod::Put => "PUT",
        HttpMethod::Delete => "DELETE",
    };
    let of_url = request
        .url
        .query_pairs()
        .map(|(name, value)| (name.into_owned(), value.into_owned()));
    let bearer = request.bearer.as_ref();
    ApiRequest {
        method: method.into(),
        path: request.url.path().into(),
        query: of_url.chain(request.query.iter().cloned()).collect(),
        body: request.body.clone().unwrap_or_default(),
        bearer: bearer.map(|bearer| bearer.expose_secret().to_owned()),
        content_type: Some("application/json".into()),
    }
}

fn nothing() -> ApiResponse {
    ApiResponse {
        status: 200,
        headers: Vec::new(),
        body: "{}".into(),
    }
}

/// A reply with the date of its writing.
fn heard(reply: ApiResponse, written: Time) -> Answer {
    let header = |name: &str| {
        let mut headers = reply.headers.iter();
        let named = headers.find(|(other, _)| other.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.clone())
    };
    let (retry_after, quota_reset) = (header("Retry-After"), header("X-RateLimit-Reset"));
    Answer {
        retry_after,
        quota_reset,
        date: Some(written.to_rfc2822()),
        ..answer(reply.status, reply.body)
    }
}

fn answer(status: u16, body: String) -> Answer {
    Answer {
        status,
        retry_after: None,
        quota_reset: None,
        date: None,
        body,
        broken: None,
    }
}

/// As a node of the chain says it.
fn announcement(height: u64, time: Time) -> String {
    let header = json!({"height": height.to_string(), "time": time.to_rfc3339()});
    let data = json!({"type": "tendermint/event/NewBlockHeader", "value": {"header": header}});
    json!({"jsonrpc": "2.0", "id": 1, "result": {"data": data}}).to_string()
}

#[async_trait]
impl Transport for Wire {
    async fn messages(&self, url: &Url, _first: &str) -> Result<Messages, TransportError> {
        if url.host_str() != Some("rpc.sim") || !self.stage.announces_blocks() {
            return Err(TransportError::NotSent("connection refused".into()));
        }
        let told = self.stage.world().height();
        let blocks = stream::unfold((self.stage.clone(), told), async |(stage, mut told)| {
            while stage.world().height() == told {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            told += 1;
            let text = announcement(told, stage.world().block_time(told));
            Some((Ok(text), (stage, told)))
        });
        Ok(blocks.boxed())
    }

    async fn exchange(&self, request: &HttpRequest) -> Result<Answer, TransportError> {
        let name = format!("{:?} {}", request.method, request.url.path());
        if let Some(call) = MarketCall::of(request.method, request.url.path()) {
            self.stage.count_call(call);
        }
        self.stage.moment(|| format!("before {name}"));
        tokio::time::sleep(Duration::from_millis(60)).await;
        let ask = asked(request);
        let planned = self.planned_fault(&request.url, &ask);
        let instead = planned.as_ref().and_then(FaultKind::response);
        let fault = self.stage.chance().fault();
        let fault = fault.or_else(|| planned.as_ref().and_then(of_planned));
        if let Some(fault) = fault {
            self.stage.note(&format!("{name} meets {fault:?}"));
        }
        let lost = |text: &str| TransportError::Lost(text.to_owned());
        if self.stage.machine_has(MachineFault::NoDescriptors) {
            return Err(TransportError::NotSent(NO_DESCRIPTORS.into()));
        }
        if request
            .url
            .host_str()
            .is_some_and(|host| self.stage.is_silent(host))
        {
            tokio::time::sleep(request.timeout).await;
            return Err(lost("operation timed out"));
        }
        if let Some(instead) = instead {
            let status = instead.status;
            self.stage.note(&format!("{name} meets a planned {status}"));
            return Ok(heard(instead, self.stage.time()));
        }
        match fault {
            Some(Fault::NotSent) => {
                return Err(TransportError::NotSent("connection refused".into()));
            }
            Some(Fault::LostBefore) => {
                tokio::time::sleep(request.timeout).await;
                return Err(lost("operation timed out"));
            }
            Some(Fault::ResetBefore) => return Err(lost("connection reset by peer")),
            Some(Fault::BadGateway) => {
                return Ok(answer(502, "<html><h1>502 Bad Gateway</h1></html>".into()));
            }
            Some(Fault::TooMany) => return Ok(answer(429, "API requests too frequent".into())),
            Some(Fault::Slow) => self.dawdle(request.timeout).await,
            _ => {}
        }
        let performed =
            tokio::time::timeout(request.timeout, self.perform(&request.url, ask)).await;
        let Ok(performed) = performed else {
            return Err(lost("operation timed out"));
        };
        let Some(reply) = performed? else {
            return Err(TransportError::NotSent("connection refused".into()));
        };
        if request.method != HttpMethod::Get {
            self.stage.note(&format!("{name} → {}", reply.status));
        }
        self.stage.moment(|| format!("after {name}"));
        let written = self.stage.time();
        match fault {
            Some(Fault::Slow) => {
                self.dawdle(request.timeout).await;
                Ok(heard(reply, written))
            }
            Some(Fault::LostAfter) => Err(lost("connection reset by peer")),
            Some(Fault::TooLate) => {
                tokio::time::sleep(request.timeout).await;
                Err(lost("operation timed out"))
            }
            Some(Fault::Truncated) => {
                let half = reply
                    .body
                    .chars()
                    .take(reply.body.chars().count() / 2)
                    .collect();
                let broken = Some(BrokenBody::BrokeOff("unexpected end of file".into()));
                Ok(Answer {
                    broken,
                    ..answer(reply.status, half)
                })
            }
            Some(Fault::Nonsense) => Ok(answer(200, nonsense())),
            _ => {
                let mut answer = heard(reply, written);
                if let Some(mangle) = self.mangle {
                    answer.body = mangle(&answer.body, &mut self.stage.chance());
                }
                Ok(answer)
            }
        }
    }
}
