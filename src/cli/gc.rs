//! `pocpit gc`: one pass over everything that is left over.

use color_eyre::eyre::Report;
use serde::Serialize;
use serde_json::json;

use super::arguments::{Common, Gc};
use super::takedown::{confirmed, destroy_all};
use super::{Exit, print, print_json, runtime, say, telemetry};
use crate::config::Config;
use crate::domain::{Duration, Instance, InstanceId, NodeId, RegisteredNode, Time, Usd};
use crate::engine::ports::{Clock, Market, NetworkNode};
use crate::engine::{self, NEVER_SEEN, Order, Readings};
use crate::flow::Sprint;
use crate::http::HttpClient;
use crate::journal::{self, Journal, JournalError, Ledger, Record};
use crate::network_node::NetworkNodeClient;
use crate::tui::view::words;

pub(crate) async fn run(arguments: Gc, common: &Common) -> Result<Exit, Report> {
    telemetry::quiet();
    let config = runtime::load(common)?.config;
    let (standing, ledger) = Standing::take(&arguments, &config)?;
    let http = HttpClient::new();
    let market = runtime::market(&http, &config.vast, config.simulation);
    let network_node = NetworkNodeClient::new(http, &config.network_node);
    let (instances, nodes) = tokio::join!(market.instances(), network_node.nodes());
    let instances = match instances {
        Ok(instances) => instances,
        Err(error) => {
            say(format_args!(
                "pocpit: rentals are not known, so nothing was changed: {error}"
            ));
            return Ok(Exit::Unknown);
        }
    };
    if let Err(error) = &nodes {
        say(format_args!(
            "warning: registrations are not known and are left: {error}"
        ));
    }
    let sprint = saved_sprint(&ledger);
    let clock = runtime::clock(&config);
    let readings = Readings {
        now: clock.now(),
        instances: &instances,
        nodes: nodes.as_deref().ok(),
        ledger: &ledger,
        sprint: sprint.as_ref(),
        cockpit: &config.cockpit,
        node_prefix: &config.network_node.node_prefix,
    };
    let mut found: Vec<Leftover> = engine::plan(&readings)
        .into_iter()
        .map(|order| Leftover::of(order, &readings))
        .collect();
    let foreign: Vec<Foreign> = Foreign::all(&instances, &config, readings.now);
    tell(&arguments, &found, &foreign, &readings)?;
    let exit = match &standing {
        _ if found.is_empty() => Exit::Done,
        Standing::Reader => Exit::Done,
        Standing::Occupied => {
            say(format_args!(
                "another pocpit works on {}: it takes this down itself, or do it there; nothing was changed",
                config.paths.state_dir.display()
            ));
            Exit::Refused
        }
        Standing::Writer(_) if !arguments.yes && !confirmed("remove all of this?")? => {
            say(format_args!("nothing was changed"));
            Exit::Refused
        }
        Standing::Writer(journal) => {
            let sweep = Sweep {
                market: &market,
                network_node: &network_node,
                journal,
                ledger: &ledger,
                clock: clock.as_ref(),
            };
            sweep.carry_out(&mut found).await;
            conclude(&found)
        }
    };
    let exit = match exit {
        // What was not looked at is not known to be clean.
        Exit::Done if nodes.is_err() => Exit::Unknown,
        exit => exit,
    };
    if arguments.json {
        print_json(&json!({ "left_over": found, "foreign": foreign }))?;
    }
    Ok(exit)
}

fn conclude(found: &[Leftover]) -> Exit {
    let remaining = found.iter().filter(|leftover| !leftover.done).count();
    say(format_args!(
        "{} of {} done",
        found.len() - remaining,
        found.len()
    ));
    if remaining == 0 {
        Exit::Done
    } else {
        Exit::Unknown
    }
}

/// What this process may do to the state directory.
enum Standing {
    /// It holds it.
    Writer(Journal),
    /// It only looks.
    Reader,
    /// Another process holds it.
    Occupied,
}

impl Standing {
    fn take(arguments: &Gc, config: &Config) -> Result<(Standing, Ledger), JournalError> {
        let state_dir = &config.paths.state_dir;
        if arguments.dry_run {
            return Ok((Standing::Reader, journal::read_only(state_dir)?));
        }
        match Journal::open(state_dir) {
            Ok((journal, ledger)) => Ok((Standing::Writer(journal), ledger)),
            Err(JournalError::Locked { .. }) => {
                Ok((Standing::Occupied, journal::read_only(state_dir)?))
            }
            Err(error) => Err(error),
        }
    }
}

/// A sprint that cannot be read would be given up by the next start too.
fn saved_sprint(ledger: &Ledger) -> Option<Sprint> {
    engine::saved_sprint(ledger).unwrap_or_else(|error| {
        say(format_args!(
            "warning: the saved sprint cannot be read, so what it rented is left over: {error}"
        ));
        None
    })
}

/// Something that is left over.
#[derive(Debug, Serialize)]
struct Leftover {
    #[serde(skip)]
    order: Order,
    action: &'static str,
    id: String,
    label: Option<String>,
    age_seconds: Option<i64>,
    cost_usd: Option<f64>,
    why: &'static str,
    done: bool,
}

impl Leftover {
    fn of(order: Order, readings: &Readings<'_>) -> Leftover {
        let (action, why) = match &order {
            Order::Destroy(_) => (
                "destroy rental",
                "it carries our label and no sprint uses it",
            ),
            Order::Verify(_) => (
                "forget rental",
                "the journal has it open and the market does not list it: destroyed to be sure, and asked for by itself",
            ),
            Order::Void(_) => ("forget rent call", NEVER_SEEN),
            Order::Unregister(_) => ("unregister", "its rental is gone, or is removed now"),
            Order::Forget(_) => (
                "forget registration",
                "the journal has it open and the Network Node does not list it",
            ),
        };
        let facts = Facts::about(&order, readings);
        Leftover {
            action,
            id: facts.id,
            label: facts.label,
            age_seconds: facts
                .since
                .map(|since| (readings.now - since).num_seconds()),
            cost_usd: facts.cost.map(Usd::dollars),
            why,
            done: false,
            order,
        }
    }

    fn in_words(&self) -> String {
        line(
            &format!("{} {}", self.action, self.id),
            self.label.as_deref(),
            self.age_seconds,
            self.cost_usd,
            self.why,
        )
    }
}

/// What is known about a leftover.
struct Facts {
    id: String,
    label: Option<String>,
    since: Option<Time>,
    cost: Option<Usd>,
}

impl Facts {
    fn about(order: &Order, readings: &Readings<'_>) -> Facts {
        match order {
            Order::Destroy(id) | Order::Verify(id) => Facts::of_rental(*id, readings),
            Order::Void(label) => {
                let open = readings.ledger.open_rentals();
                let open = open.iter().find(|open| open.label == *label);
                Facts {
                    id: "(none)".to_owned(),
                    label: Some(label.to_string()),
                    since: open.map(|open| open.intended_at),
                    cost: Some(Usd::ZERO),
                }
            }
            Order::Unregister(node) | Order::Forget(node) => Facts {
                id: node.to_string(),
                label: None,
                since: None,
                cost: None,
            },
        }
    }

    /// By the journal; the market's word where that knows nothing.
    fn of_rental(id: InstanceId, readings: &Readings<'_>) -> Facts {
        let open = readings.ledger.open_rentals();
        let listed = readings.instances.iter().find(|listed| listed.id == id);
        let open = open.iter().find(|open| open.instance == Some(id));
        let label = listed.and_then(|listed| listed.label.clone());
        Facts {
            id: id.to_string(),
            label: label.or_else(|| open.map(|open| open.label.to_string())),
            since: open
                .map(|open| open.intended_at)
                .or_else(|| listed.and_then(|listed| listed.started_at)),
            cost: open
                .map(|open| open.cost(readings.now))
                .or_else(|| listed.and_then(|listed| cost_of(listed, readings.now))),
        }
    }
}

fn cost_of(instance: &Instance, now: Time) -> Option<Usd> {
    let since = instance.started_at?;
    Some(instance.total_price.times(now - since))
}

/// A rental of another cockpit: never touched.
#[derive(Debug, Serialize)]
struct Foreign {
    id: InstanceId,
    label: String,
    age_seconds: Option<i64>,
    cost_usd: Option<f64>,
}

impl Foreign {
    fn all(instances: &[Instance], config: &Config, now: Time) -> Vec<Foreign> {
        let foreign = instances.iter().filter_map(|instance| {
            let label = instance.rental_label()?;
            (label.cockpit != config.cockpit).then(|| Foreign {
                id: instance.id,
                label: label.to_string(),
                age_seconds: instance.started_at.map(|since| (now - since).num_seconds()),
                cost_usd: cost_of(instance, now).map(Usd::dollars),
            })
        });
        foreign.collect()
    }
}

fn line(
    what: &str,
    label: Option<&str>,
    age_seconds: Option<i64>,
    cost_usd: Option<f64>,
    why: &str,
) -> String {
    let mut facts = vec![what.to_owned()];
    facts.extend(label.map(str::to_owned));
    facts.extend(age_seconds.map(|age| format!("{} old", words::length(Duration::seconds(age)))));
    facts.extend(cost_usd.map(|cost| format!("${cost:.2} so far")));
    format!("{}: {why}", facts.join(", "))
}

fn tell(
    arguments: &Gc,
    found: &[Leftover],
    foreign: &[Foreign],
    readings: &Readings<'_>,
) -> std::io::Result<()> {
    for instance in readings.instances {
        if let Some(label) = instance
            .rental_label()
            .filter(|label| readings.is_in_use(label))
        {
            say(format_args!(
                "rental {} ({label}) is in use by a sprint: it is left",
                instance.id
            ));
        }
    }
    // With JSON on standard output, the operator still sees what the question is about.
    let out = |text: &str| match arguments.json {
        true => {
            say(format_args!("{text}"));
            Ok(())
        }
        false => print(text),
    };
    for leftover in found {
        out(&leftover.in_words())?;
    }
    for foreign in foreign {
        out(&line(
            &format!("foreign rental {}", foreign.id),
            Some(&foreign.label),
            foreign.age_seconds,
            foreign.cost_usd,
            "another cockpit's, never touched",
        ))?;
    }
    if found.is_empty() {
        out("nothing is left over")?;
    }
    Ok(())
}

/// Does what the plan says. Each change has its intent in the journal first; a destroy that cannot
/// be recorded is still right.
struct Sweep<'a, M, N> {
    market: &'a M,
    network_node: &'a N,
    journal: &'a Journal,
    ledger: &'a Ledger,
    clock: &'a dyn Clock,
}

impl<M: Market, N: NetworkNode> Sweep<'_, M, N> {
    async fn carry_out(&self, found: &mut [Leftover]) {
        let gone = self.destroy(found).await;
        let nodes = self.unregister(found).await;
        for leftover in found {
            leftover.done = match &leftover.order {
                Order::Destroy(id) | Order::Verify(id) => gone.contains(id) && self.settle(*id),
                Order::Void(label) => self.record(&Record::RentVoided {
                    label: label.clone(),
                    reason: NEVER_SEEN.to_owned(),
                }),
                Order::Unregister(node) | Order::Forget(node) => {
                    is_absent(node, nodes.as_deref())
                        && self.record(&Record::Unregistered { node: node.clone() })
                }
            };
        }
    }

    /// Those that are proven gone.
    async fn destroy(&self, found: &[Leftover]) -> Vec<InstanceId> {
        let mut ids: Vec<InstanceId> = found
            .iter()
            .filter_map(|leftover| match leftover.order {
                Order::Destroy(id) | Order::Verify(id) => Some(id),
                _ => None,
            })
            .collect();
        for instance in &ids {
            self.record(&Record::DestroyIntended {
                instance: *instance,
            });
        }
        let left = destroy_all(self.market, &ids).await;
        ids.retain(|id| !left.contains(id));
        ids
    }

    /// The list afterwards; absent when that is not known.
    async fn unregister(&self, found: &[Leftover]) -> Option<Vec<RegisteredNode>> {
        for leftover in found {
            let Order::Unregister(node) = &leftover.order else {
                continue;
            };
            self.record(&Record::UnregisterIntended { node: node.clone() });
            if let Err(error) = self.network_node.unregister(node).await {
                say(format_args!("warning: {node} is still registered: {error}"));
            }
        }
        self.network_node.nodes().await.ok()
    }

    fn settle(&self, instance: InstanceId) -> bool {
        let settlement = self.ledger.settlement(self.clock.now(), instance);
        settlement.is_none_or(|record| self.record(&record))
    }

    fn record(&self, record: &Record) -> bool {
        match self.journal.append(self.clock.now(), record) {
            Ok(()) => true,
            Err(error) => {
                say(format_args!("warning: {error}"));
                false
            }
        }
    }
}

fn is_absent(node: &NodeId, nodes: Option<&[RegisteredNode]>) -> bool {
    nodes.is_some_and(|nodes| nodes.iter().all(|listed| listed.config.id != *node))
}
