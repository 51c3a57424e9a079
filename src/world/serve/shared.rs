//! What every task of a served world shares.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use serde_json::Value;

use crate::world::clock::WorldClock;
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::faults::FaultKind;
use crate::world::host::HostId;
use crate::world::mlnode::api::MlNodeReply;
use crate::world::network_node::AdminReply;
use crate::world::scenario::Scenario;
use crate::world::state::World;

/// How often tasks check the world for something to do.
pub(in crate::world) const TICK: Duration = Duration::from_millis(20);
/// A fast world makes more blocks in a tick than a subscriber needs: older ones are left out.
const MAX_BLOCKS_PER_TICK: u64 = 20;

/// The API that a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::world) enum SimService {
    Vast,
    Public,
    Rpc,
    Admin(HostId),
    Callback(HostId),
    Upstream,
    /// A port inside a rental.
    Machine(u64, u16),
    /// A machine's container port, mapped to the outside.
    Mapped(u64, u16),
}

/// The result of a request.
enum Served {
    Answer(ApiResponse),
    /// Nothing listens there.
    Nobody,
    /// Not answered yet: ask again.
    Later,
    /// Answered at the end of this machine's start.
    AfterStart(u64, u64),
}

impl Served {
    fn of(machine: u64, reply: MlNodeReply) -> Served {
        match reply {
            MlNodeReply::Nobody => Served::Nobody,
            MlNodeReply::Answer(answer) => Served::Answer(answer),
            MlNodeReply::AfterStart(start) => Served::AfterStart(machine, start),
        }
    }
}

pub(in crate::world) struct Shared {
    world: Mutex<World>,
    pub scenario: Scenario,
    pub seed: u64,
    pub clock: WorldClock,
}

impl Shared {
    pub fn new(world: World, seed: u64, scenario: Scenario, clock: WorldClock) -> Shared {
        Shared {
            world: Mutex::new(world),
            scenario,
            seed,
            clock,
        }
    }

    /// The world, advanced to now.
    pub fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance(self.clock.now());
        world
    }

    /// Waits until the world answers.
    pub async fn answer(&self, service: SimService, request: &ApiRequest) -> Option<ApiResponse> {
        let mut served = self.answer_now(service, request);
        loop {
            match served {
                Served::Answer(response) => return Some(response),
                Served::Nobody => return None,
                Served::Later | Served::AfterStart(..) => tokio::time::sleep(TICK).await,
            }
            served = match served {
                Served::AfterStart(id, start) => {
                    Served::of(id, self.world().start_reply(id, start))
                }
                _ => self.answer_now(service, request),
            };
        }
    }

    fn answer_now(&self, service: SimService, request: &ApiRequest) -> Served {
        let mut world = self.world();
        match service {
            SimService::Admin(host) if !world.dapi_is_up(host) => return Served::Nobody,
            SimService::Callback(host) if !world.callback_is_up(host) => return Served::Nobody,
            _ => {}
        }
        Served::Answer(match service {
            SimService::Vast => world.vast(request),
            SimService::Public => world.public_api(request),
            SimService::Rpc => world.rpc(request),
            SimService::Admin(host) => match world.admin(host, request) {
                AdminReply::Answer(response) => response,
                AdminReply::Waiting => return Served::Later,
            },
            SimService::Callback(host) => world.callback(host, request),
            SimService::Upstream => world.upstream(request),
            SimService::Machine(id, _) if world.is_busy(id) => return Served::Later,
            SimService::Machine(id, port) => {
                return Served::of(id, world.mlnode(id, port, request));
            }
            SimService::Mapped(id, port) => {
                let (port, request) = world.through_gateway(id, port, request.clone());
                if !world.listens(id, port) {
                    return Served::Nobody;
                }
                if world.is_busy(id) {
                    return Served::Later;
                }
                return Served::of(id, world.mlnode(id, port, &request));
            }
        })
    }

    /// The scenario's fault for this request, if it has one.
    pub fn fault(&self, service: SimService, request: &ApiRequest) -> Option<FaultKind> {
        let name = match service {
            SimService::Vast => "vast".to_owned(),
            SimService::Public => "public".to_owned(),
            SimService::Rpc => "rpc".to_owned(),
            SimService::Admin(host) => host.service("admin"),
            SimService::Callback(host) => host.service("callback"),
            SimService::Upstream => "upstream".to_owned(),
            SimService::Machine(..) | SimService::Mapped(..) => "mlnode".to_owned(),
        };
        self.world().fault(&name, request)
    }
}

/// Headers of the blocks that are made from now on.
pub(in crate::world) fn new_headers(shared: Arc<Shared>) -> BoxStream<'static, Value> {
    let heights = stream::unfold(None, move |last: Option<u64>| {
        let shared = shared.clone();
        async move {
            let last = last.unwrap_or_else(|| shared.world().height());
            tokio::time::sleep(TICK).await;
            let world = shared.world();
            let latest = world.height();
            let first = last.max(latest.saturating_sub(MAX_BLOCKS_PER_TICK)) + 1;
            let headers = (first..=latest).map(|height| world.header(height));
            let headers: Vec<Value> = headers.collect();
            Some((stream::iter(headers), Some(latest)))
        }
    });
    heights.flatten().boxed()
}
