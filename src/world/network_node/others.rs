//! Further nodes of the operator, on machines beside the Network Node: dapi manages them as it manages
//! ours, and nothing that we do may harm them. Each answers within the same step, as an `MLNode` whose
//! weights are on its disk.

use serde_json::{Value, json};

use super::errands::Errand;
use crate::domain::Time;
use crate::world::chain::Round;
use crate::world::clock::seconds;
use crate::world::exchange::CallAnswer;
use crate::world::host::HostId;
use crate::world::hosts::Host;
use crate::world::model::PocPhase;
use crate::world::numbers::uniform;
use crate::world::scenario::MlNodeRelease;
use crate::world::state::World;
use crate::world::truth::Harm;

/// Seconds between two batches.
const BATCH_EVERY: f64 = 5.0;
/// A load takes 10 to 27 minutes (gonka docs/release-candidate-gpu-profile.md@01c536a).
const SHORTEST_LOAD: f64 = 600.0;
const LONGEST_LOAD: f64 = 1_620.0;

#[derive(Debug, Clone)]
pub(in crate::world) struct OtherNode {
    pub(super) release: MlNodeRelease,
    model: String,
    work: Work,
}

#[derive(Debug, Clone)]
enum Work {
    Serving,
    Generating {
        /// The height that identifies the round.
        round: u64,
        next_batch: Time,
        unsent: u64,
    },
    Stopped,
    Loading {
        /// dapi's call that awaits its end.
        call: u64,
        ends_at: Time,
        end: LoadEnd,
    },
}

#[derive(Debug, Clone, Copy)]
enum LoadEnd {
    Serves,
    /// It took longer than the `MLNode` waits.
    TimesOut,
}

/// How a call of dapi is answered.
pub(super) enum Asked {
    Answered(Result<CallAnswer, String>),
    /// At the end of a load.
    Later,
    /// The node is none of these.
    Elsewhere,
}

impl OtherNode {
    pub(super) fn serving(release: MlNodeRelease, model: &str) -> OtherNode {
        OtherNode {
            release,
            model: model.to_owned(),
            work: Work::Serving,
        }
    }

    fn serves(&self) -> bool {
        matches!(self.work, Work::Serving | Work::Generating { .. })
    }

    fn answer(&mut self, now: Time, errand: Errand, round: Option<Round>) -> CallAnswer {
        let ok = |body: Value| CallAnswer { status: 200, body };
        match errand {
            Errand::PollState | Errand::UpState => ok(json!({"state": match self.work {
                Work::Stopped => "STOPPED",
                _ => "INFERENCE",
            }})),
            Errand::PollPocStatus | Errand::UpPocStatus | Errand::StartPocStatus => {
                ok(json!({"status": match self.work {
                    Work::Generating { .. } => "GENERATING",
                    Work::Serving => "IDLE",
                    Work::Stopped | Work::Loading { .. } => "NO_BACKENDS",
                }}))
            }
            Errand::PollModels | Errand::UpModels => ok(json!({"data": [{"id": self.model}]})),
            Errand::UpPocStop | Errand::ValidateStop => {
                if self.serves() {
                    self.work = Work::Serving;
                }
                ok(json!({"status": "OK"}))
            }
            Errand::UpStop => {
                self.work = Work::Stopped;
                ok(json!({"status": "OK"}))
            }
            Errand::StartPocInit => match round.filter(|_| self.serves()) {
                Some(round) => {
                    self.work = Work::Generating {
                        round: round.height,
                        next_batch: now + seconds(BATCH_EVERY),
                        unsent: 0,
                    };
                    ok(json!({"status": "OK"}))
                }
                None => CallAnswer {
                    status: 503,
                    body: json!({"detail": "No vLLM backends available"}),
                },
            },
            Errand::PollHealth | Errand::UpHealth | Errand::UpStart | Errand::ValidateGenerate => {
                ok(json!({"status": "OK"}))
            }
        }
    }

    fn load(&mut self, now: Time, call: u64, takes: f64) {
        let limit = self.release.limit();
        let end = if takes <= limit {
            LoadEnd::Serves
        } else {
            LoadEnd::TimesOut
        };
        self.work = Work::Loading {
            call,
            ends_at: now + seconds(takes.min(limit)),
            end,
        };
    }

    /// Makes the batches that are due; `unsent` counts those not delivered yet.
    fn make_batches(&mut self, now: Time) {
        if let Work::Generating {
            next_batch, unsent, ..
        } = &mut self.work
        {
            while *next_batch <= now {
                *next_batch += seconds(BATCH_EVERY);
                *unsent += 1;
            }
        }
    }

    fn take_unsent(&mut self) -> Option<(u64, u64)> {
        match &mut self.work {
            Work::Generating { round, unsent, .. } if *unsent > 0 => {
                Some((*round, std::mem::take(unsent)))
            }
            _ => None,
        }
    }

    /// The end of a load that is over, with the call that awaits it.
    fn end_load(&mut self, now: Time) -> Option<(u64, LoadEnd)> {
        let Work::Loading { call, ends_at, end } = self.work else {
            return None;
        };
        if ends_at > now {
            return None;
        }
        self.work = match end {
            LoadEnd::Serves => Work::Serving,
            LoadEnd::TimesOut => Work::Stopped,
        };
        Some((call, end))
    }
}

impl World {
    /// Gives a call of dapi to the node, if it is one of these.
    pub(super) fn ask_other(&mut self, host: HostId, id: &str, call: u64, errand: Errand) -> Asked {
        let (now, round) = (self.now, self.poc_round(host));
        let takes = SHORTEST_LOAD + (LONGEST_LOAD - SHORTEST_LOAD) * uniform(self.seed, 90, call);
        let Some(node) = self.hosts[host].others.get_mut(id) else {
            return Asked::Elsewhere;
        };
        match errand {
            Errand::UpStart => {
                node.load(now, call, takes);
                Asked::Later
            }
            // Nothing listens on port 5000 without a model.
            Errand::PollHealth | Errand::UpHealth | Errand::PollModels | Errand::UpModels
                if !node.serves() =>
            {
                Asked::Answered(Err("connection refused".into()))
            }
            errand => Asked::Answered(Ok(node.answer(now, errand, round))),
        }
    }

    /// One step of everything that these nodes do by themselves.
    pub(in crate::world) fn advance_others(&mut self, host: HostId) {
        let now = self.now;
        let callback_is_up = self.callback_is_up(host);
        let mut sent = Vec::new();
        let mut loaded = Vec::new();
        for (id, node) in &mut self.hosts[host].others {
            node.make_batches(now);
            if callback_is_up && let Some((round, batches)) = node.take_unsent() {
                sent.push((id.clone(), round, batches));
            }
            loaded.extend(node.end_load(now));
        }
        for (id, round, batches) in sent {
            self.take_batches(host, &id, round, batches);
        }
        for (call, end) in loaded {
            let answer = match end {
                LoadEnd::Serves => (200, r#"{"status": "OK"}"#),
                LoadEnd::TimesOut => (500, r#"{"detail": "vLLM failed to start"}"#),
            };
            self.call_ended(call, &Ok(CallAnswer::new(answer.0, answer.1)));
        }
    }

    /// Whether none of them loads a model: the world must not step over the end of a load.
    pub(in crate::world) fn others_are_at_rest(&self) -> bool {
        let loads = |node: &OtherNode| matches!(node.work, Work::Loading { .. });
        !self
            .hosts
            .iter()
            .any(|host| host.others.values().any(loads))
    }

    /// Notes these nodes as held up: while a removal blocks the command loop, no node is told of its `PoC`.
    pub(super) fn note_held_up(&mut self, host: HostId, round: Option<Round>) {
        let Some(round) = round.filter(|round| round.phase != PocPhase::Inference) else {
            return;
        };
        let waits = |id: &&String| {
            let node = self.hosts[host].nodes.get(*id);
            node.is_some_and(|node| node.intended != self.intent(host, node, Some(round)))
        };
        let held_up: Vec<String> = self.hosts[host]
            .others
            .keys()
            .filter(waits)
            .cloned()
            .collect();
        let held_up = held_up.into_iter().map(|node| (node, round.height));
        self.hosts[host].dapi.held_up.extend(held_up);
    }

    /// The ids of the operator's other nodes at a host.
    pub fn others(&self, host: HostId) -> Vec<String> {
        self.hosts[host].others.keys().cloned().collect()
    }

    /// What we did to these nodes: nobody else removes, disables or reloads them, or holds them up.
    pub fn harm(&self) -> Vec<Harm> {
        self.hosts.iter().flat_map(harm_to).collect()
    }
}

fn harm_to(host: &Host) -> impl Iterator<Item = Harm> {
    let of_node = |id: &String| {
        let node = id.clone();
        if host.dapi.reloads.contains_key(id) {
            return Some(Harm::Reloaded { node });
        }
        match host.nodes.get(id) {
            None => Some(Harm::Removed { node }),
            Some(row) if !row.enabled => Some(Harm::Disabled { node }),
            Some(_) => None,
        }
    };
    let held_up = host.dapi.held_up.iter().map(|(node, round)| Harm::HeldUp {
        node: node.clone(),
        round: *round,
    });
    host.others.keys().filter_map(of_node).chain(held_up)
}
