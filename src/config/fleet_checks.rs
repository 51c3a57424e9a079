//! Checks of the tables together: their names, the number of replicas, their ports and the budget that they
//! share.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;

use super::draft::{Draft, ExposureKind};
use super::pools::PoolRead;
use super::read::Reader;
use super::report::{Hint, Problem};
use super::table::MAX_REPLICAS;
use super::table_array::TableArray;
use super::table_layer::TableLayer;
use super::tables::Tables;
use crate::domain::format::count;
use crate::domain::{AccountName, NetworkNodeName, UsdPerHour};

const API: &str = "network_node.api_listen";
const INFERENCE: &str = "network_node.inference_listen";
const PER_HOUR: &str = "budget.per_hour";
const POOL_PER_HOUR: &str = "pool.per_hour";
const LAST_PORT: u32 = u16::MAX as u32;

/// What the file has of each.
pub(super) struct Fleet<'a> {
    pub(super) network_nodes: &'a Tables<'a>,
    pub(super) accounts: &'a Tables<'a>,
    pub(super) pools: &'a [PoolRead<'a>],
}

/// Problems of the tables together; those of the file's own settings become the reader's.
pub(super) fn run(reader: &mut Reader<'_>, draft: &Draft, fleet: &Fleet<'_>) -> Vec<Problem> {
    let pools = fleet.pools;
    let mut problems = names(pools);
    problems.extend(too_many(pools));
    problems.extend(fleet.unknown_names());
    fleet.check_proxy_name(reader, draft);
    if problems.is_empty() && !(pools.is_empty() && fleet.network_nodes.read.is_empty()) {
        problems.extend(ports(reader, draft, &fleet.ends(draft)));
    }
    problems.extend(pools.iter().filter_map(small_pool_cap));
    small_cap(reader, draft, pools);
    problems
}

impl Fleet<'_> {
    /// Network Nodes that can be named: those of the tables, or else the only one.
    fn network_node_names(&self) -> Vec<&NetworkNodeName> {
        let named = self.network_nodes.named();
        named.map(|it| &it.draft.network_node.name).collect()
    }

    /// Accounts that can be named: that of `[vast]`, and those of the tables.
    fn account_names(&self) -> Vec<AccountName> {
        let others = self.accounts.named();
        let others = others.map(|it| it.draft.vast.account.clone());
        std::iter::once(AccountName::default())
            .chain(others)
            .collect()
    }

    fn check_proxy_name(&self, reader: &mut Reader<'_>, draft: &Draft) {
        const SETTING: &str = "inference_proxy.network_node";
        let Some(name) = &draft.proxy.network_node else {
            return;
        };
        let known = self.network_node_names();
        if !known.contains(&name) && !reader.has_problem(SETTING) {
            reader.problem(
                SETTING,
                format!("there is no Network Node {name}"),
                one_of(&known),
            );
        }
    }

    /// Pools that name an unknown Network Node or account.
    fn unknown_names(&self) -> Vec<Problem> {
        let (network_nodes, accounts) = (self.network_node_names(), self.account_names());
        let unknown = self.pools.iter().flat_map(|pool| {
            let own = &pool.draft.pool;
            let node = own.network_node.as_ref();
            let node = node
                .filter(|name| !network_nodes.contains(name))
                .map(|name| {
                    let what = format!("there is no Network Node {name}");
                    pool.layer
                        .problem("pool.network_node", what, one_of(&network_nodes))
                });
            let account = own.account.as_ref();
            let account = account.filter(|name| !accounts.contains(name)).map(|name| {
                let what = format!("there is no account {name}");
                pool.layer.problem("pool.account", what, one_of(&accounts))
            });
            node.into_iter().chain(account)
        });
        unknown.collect()
    }

    /// The ends of tunnels at each Network Node, for as many replicas as it has.
    fn ends<'b>(&'b self, draft: &'b Draft) -> Vec<Ends<'b>> {
        let several = &self.network_nodes.read;
        if several.is_empty() {
            let replicas = replicas(self.pools);
            let layer = None;
            return vec![Ends {
                layer,
                draft,
                replicas,
                has_proxy: true,
            }];
        }
        let first = several.first().map(|it| &it.draft.network_node.name);
        let proxy_at = draft.proxy.network_node.as_ref().or(first);
        let ends = several.iter().map(|it| {
            let name = &it.draft.network_node.name;
            let pools = self.pools.iter().map(|pool| &pool.draft.pool);
            let here = pools.filter(|pool| pool.network_node.as_ref().or(first) == Some(name));
            let only = u32::from(self.pools.is_empty() && Some(name) == first);
            Ends {
                layer: Some(it.layer),
                draft: &it.draft,
                replicas: only + here.map(|pool| pool.replicas).sum::<u32>(),
                has_proxy: proxy_at == Some(name),
            }
        });
        ends.collect()
    }
}

fn one_of<T: Display>(names: &[T]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [] => "none: there is only one".to_owned(),
        names => format!("one of {}", names.join(", ")),
    }
}

/// The ends of tunnels at a Network Node.
struct Ends<'a> {
    /// `None` for the only one.
    layer: Option<&'a TableLayer>,
    draft: &'a Draft,
    replicas: u32,
    /// The inference proxy is registered there.
    has_proxy: bool,
}

impl Ends<'_> {
    fn ranges(&self) -> Vec<Ports> {
        if self.draft.exposure != ExposureKind::Tunnel || self.replicas == 0 {
            return Vec::new();
        }
        let tunnel = &self.draft.tunnel;
        let ends = [
            (API, tunnel.api_listen),
            (INFERENCE, tunnel.inference_listen),
        ];
        let ranges = ends.into_iter().filter_map(|(setting, first)| {
            Some(Ports {
                setting,
                key: self
                    .layer
                    .map_or(setting.to_owned(), |layer| layer.key(setting)),
                first: first?,
                number: self.replicas,
            })
        });
        ranges.collect()
    }
}

fn replicas(pools: &[PoolRead<'_>]) -> u32 {
    pools.iter().map(|pool| pool.draft.pool.replicas).sum()
}

/// Each pool has a name of its own.
fn names(pools: &[PoolRead<'_>]) -> Vec<Problem> {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    let clashes = pools.iter().filter_map(|pool| {
        let (layer, name) = (pool.layer, TableArray::Pool.name());
        let before = lines.insert(layer.name()?, layer.line_of(name))?;
        let what = format!("the pool of line {before} has this name");
        Some(
            pool.layer
                .problem(name, what, "a name of its own for each pool"),
        )
    });
    clashes.collect()
}

fn too_many(pools: &[PoolRead<'_>]) -> Option<Problem> {
    let all = replicas(pools);
    (all > MAX_REPLICAS).then(|| {
        let line = pools.first().map(|pool| pool.layer.line);
        let what = format!("the pools have {all} replicas together");
        let hint = Hint::Expected(format!("at most {MAX_REPLICAS}"));
        Problem::new(TableArray::Pool.key(), line, what, hint)
    })
}

/// Local ports that one setting takes: one after the other from its address.
struct Ports {
    setting: &'static str,
    /// What a report calls it.
    key: String,
    first: SocketAddr,
    number: u32,
}

impl Ports {
    fn start(&self) -> u32 {
        self.first.port().into()
    }

    fn end(&self) -> u32 {
        self.start() + self.number - 1
    }

    fn has(&self, port: u16) -> bool {
        (self.start()..=self.end()).contains(&port.into())
    }

    fn meets(&self, other: &Ports) -> bool {
        let (ours, theirs) = (self.first.ip(), other.first.ip());
        let is_same_host = ours == theirs || ours.is_unspecified() || theirs.is_unspecified();
        // The system chooses a free one for port 0.
        let are_fixed = self.start() != 0 && other.start() != 0;
        are_fixed && is_same_host && self.start() <= other.end() && other.start() <= self.end()
    }

    fn in_words(&self) -> String {
        match self.number {
            1 => format!("port {}", self.start()),
            _ => format!("ports {} to {}", self.start(), self.end()),
        }
    }
}

/// Each replica has a port of its own in both ranges of its Network Node.
fn ports(reader: &mut Reader<'_>, draft: &Draft, ends: &[Ends<'_>]) -> Vec<Problem> {
    let mut taken = taken(reader, draft);
    let mut problems = Vec::new();
    for end in ends {
        for range in end.ranges() {
            let is_checked = end.layer.is_some() || !reader.has_problem(range.setting);
            if let Some((what, expected)) = wrong_range(&range, &taken).filter(|_| is_checked) {
                match end.layer {
                    None => reader.problem(range.setting, what, expected),
                    Some(layer) => problems.push(layer.problem(range.setting, what, expected)),
                }
            }
            if is_checked {
                check_proxy(reader, draft, end, &range);
            }
            taken.push(range);
        }
    }
    problems
}

/// Ports of other services on this machine.
fn taken(reader: &Reader<'_>, draft: &Draft) -> Vec<Ports> {
    let proxy = reader
        .is_on("inference_proxy")
        .then_some(draft.proxy.listen);
    let settings = [
        ("inference_proxy.listen", proxy),
        ("notify.metrics_listen", draft.notify.metrics_listen),
        ("vllm.listen", Some(draft.vllm.listen)),
    ];
    let taken = settings.into_iter().filter_map(|(setting, first)| {
        Some(Ports {
            setting,
            key: setting.to_owned(),
            first: first?,
            number: 1,
        })
    });
    taken.collect()
}

/// The fault of a range, and what was expected.
fn wrong_range(range: &Ports, taken: &[Ports]) -> Option<(String, String)> {
    let number = range.number;
    let all = count(number, "replica");
    if range.start() == 0 && number > 1 {
        let what = format!("{all} need {number} ports from a first one on");
        return Some((what, "a port from 1".to_owned()));
    }
    if range.end() > LAST_PORT {
        let what = format!(
            "{all} need {number} ports from {} on, and the last port is {LAST_PORT}",
            range.start()
        );
        let expected = format!("a port up to {}", LAST_PORT + 1 - number);
        return Some((what, expected));
    }
    let other = taken.iter().find(|other| range.meets(other))?;
    let (ours, theirs) = (range.in_words(), other.in_words());
    let take = if number == 1 { "takes" } else { "take" };
    let what = format!("{all} {take} {ours}, and {} has {theirs}", other.key);
    let expected = "a first port from which each replica has its own";
    Some((what, expected.to_owned()))
}

/// The Network Node accepts one node per address.
fn check_proxy(reader: &mut Reader<'_>, draft: &Draft, end: &Ends<'_>, range: &Ports) {
    let (host, proxy) = (&end.draft.tunnel.host, &draft.proxy);
    let is_off = !reader.is_on("inference_proxy") || !end.has_proxy;
    if is_off || !proxy.host.eq_ignore_ascii_case(host) {
        return;
    }
    let ports = [
        ("inference_proxy.inference_port", proxy.inference_port),
        ("inference_proxy.poc_port", proxy.poc_port),
    ];
    for (setting, port) in ports {
        if range.has(port) && !reader.has_problem(setting) {
            let words = range.in_words();
            let what = format!(
                "{host}:{port} is an address of a replica ({} takes {words}), and the Network Node accepts one node per address",
                range.key
            );
            reader.problem(setting, what, "another port");
        }
    }
}

/// The same of a pool's own cap.
fn small_pool_cap(pool: &PoolRead<'_>) -> Option<Problem> {
    let cap = pool.draft.pool.budget.per_hour?;
    let price = pool.max_price();
    (price > cap).then(|| {
        let what =
            format!("{cap} is less than one of its replicas may cost (vast.max_price, {price})");
        pool.layer
            .problem(POOL_PER_HOUR, what, format!("at least {}", price.0))
    })
}

/// A cap below the price of one replica would keep its pool from ever renting.
fn small_cap(reader: &mut Reader<'_>, draft: &Draft, pools: &[PoolRead<'_>]) {
    let dearest = pools.iter().max_by_key(|pool| pool.max_price());
    if let (Some(cap), Some(pool)) = (draft.per_hour, dearest)
        && pool.max_price() > cap
    {
        let (title, price) = (pool.layer.title(), pool.max_price());
        let what =
            format!("{cap} is less than one replica of {title} may cost (vast.max_price, {price})");
        reader.problem(PER_HOUR, what, format!("at least {}", price.0));
    }
}

/// What a cap that was given leaves out.
pub(super) fn advice(draft: &Draft, pools: &[PoolRead<'_>]) -> Option<String> {
    let (cap, all) = (draft.per_hour?, replicas(pools));
    let held = held(cap, pools);
    let needed: UsdPerHour = pools.iter().flat_map(PoolRead::prices).sum();
    (held < all).then(|| {
        format!(
            "{PER_HOUR} holds {held} of {all} replicas if each costs vast.max_price: the others are not rented then. Set at least {} for all of them",
            needed.0
        )
    })
}

/// How many replicas fit into the cap: the first of each pool, then the second of each, as they are rented.
fn held(cap: UsdPerHour, pools: &[PoolRead<'_>]) -> u32 {
    let most = pools.iter().map(|pool| pool.draft.pool.replicas).max();
    let in_turn = (0..most.unwrap_or_default()).flat_map(|number| {
        let pools = pools.iter();
        pools.filter(move |pool| number < pool.draft.pool.replicas)
    });
    let mut used = UsdPerHour::ZERO;
    let fit = in_turn.filter(|pool| {
        let next = used + pool.max_price();
        let fits = next <= cap;
        if fits {
            used = next;
        }
        fits
    });
    u32::try_from(fit.count()).unwrap_or(u32::MAX)
}
