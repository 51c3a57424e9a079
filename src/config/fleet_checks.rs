//! Checks of the pools together: their names, their number, their ports and the budget that they share.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::draft::{Draft, ExposureKind};
use super::pool_layer::NAME;
use super::pools::PoolRead;
use super::read::Reader;
use super::report::{Hint, Problem};
use super::syntax::POOL;
use super::table::MAX_REPLICAS;
use crate::domain::format::count;
use crate::domain::{PoolName, UsdPerHour};

const API: &str = "network_node.api_listen";
const INFERENCE: &str = "network_node.inference_listen";
const PER_HOUR: &str = "budget.per_hour";
const POOL_PER_HOUR: &str = "pool.per_hour";
const LAST_PORT: u32 = u16::MAX as u32;

/// Problems of the pools; those of the file's own settings become the reader's.
pub(super) fn run(reader: &mut Reader<'_>, draft: &Draft, pools: &[PoolRead<'_>]) -> Vec<Problem> {
    let mut problems = names(pools);
    problems.extend(too_many(pools));
    if problems.is_empty() && !pools.is_empty() {
        ports(reader, draft, replicas(pools));
    }
    problems.extend(pools.iter().filter_map(small_pool_cap));
    small_cap(reader, draft, pools);
    problems
}

fn replicas(pools: &[PoolRead<'_>]) -> u32 {
    pools.iter().map(|pool| pool.draft.pool.replicas).sum()
}

/// Each pool has a name of its own.
fn names(pools: &[PoolRead<'_>]) -> Vec<Problem> {
    let mut lines: BTreeMap<PoolName, usize> = BTreeMap::new();
    let clashes = pools.iter().filter_map(|PoolRead { layer, .. }| {
        let line = layer.line_of(NAME);
        let before = lines.insert(layer.name()?, line)?;
        let what = format!("the pool of line {before} has this name");
        let hint = Hint::Expected("a name of its own for each pool".to_owned());
        Some(Problem::new(&layer.key(NAME), Some(line), what, hint))
    });
    clashes.collect()
}

fn too_many(pools: &[PoolRead<'_>]) -> Option<Problem> {
    let all = replicas(pools);
    (all > MAX_REPLICAS).then(|| {
        let line = pools.first().map(|pool| pool.layer.line);
        let what = format!("the pools have {all} replicas together");
        let hint = Hint::Expected(format!("at most {MAX_REPLICAS}"));
        Problem::new(POOL, line, what, hint)
    })
}

/// Local ports that one setting takes: one after the other from its address.
#[derive(Clone, Copy)]
struct Ports {
    setting: &'static str,
    first: SocketAddr,
    number: u32,
}

impl Ports {
    fn start(self) -> u32 {
        self.first.port().into()
    }

    fn end(self) -> u32 {
        self.start() + self.number - 1
    }

    fn has(self, port: u16) -> bool {
        (self.start()..=self.end()).contains(&port.into())
    }

    fn meets(self, other: Ports) -> bool {
        let (ours, theirs) = (self.first.ip(), other.first.ip());
        let is_same_host = ours == theirs || ours.is_unspecified() || theirs.is_unspecified();
        // The system chooses a free one for port 0.
        let are_fixed = self.start() != 0 && other.start() != 0;
        are_fixed && is_same_host && self.start() <= other.end() && other.start() <= self.end()
    }

    fn in_words(self) -> String {
        match self.number {
            1 => format!("port {}", self.start()),
            _ => format!("ports {} to {}", self.start(), self.end()),
        }
    }
}

/// Each replica has a port of its own in both ranges.
fn ports(reader: &mut Reader<'_>, draft: &Draft, replicas: u32) {
    if draft.exposure != ExposureKind::Tunnel {
        return;
    }
    let ends = [
        (API, draft.tunnel.api_listen),
        (INFERENCE, draft.tunnel.inference_listen),
    ];
    let ranges = ends.into_iter().filter_map(|(setting, first)| {
        let number = replicas;
        let first = first?;
        Some(Ports {
            setting,
            first,
            number,
        })
    });
    let mut taken = taken(reader, draft);
    for range in ranges.collect::<Vec<_>>() {
        if !reader.has_problem(range.setting) {
            check_range(reader, range, &taken);
            check_proxy(reader, draft, range);
        }
        taken.push(range);
    }
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
        let number = 1;
        let first = first?;
        Some(Ports {
            setting,
            first,
            number,
        })
    });
    taken.collect()
}

fn check_range(reader: &mut Reader<'_>, range: Ports, taken: &[Ports]) {
    let Ports {
        setting, number, ..
    } = range;
    let all = count(number, "replica");
    if range.start() == 0 && number > 1 {
        let what = format!("{all} need {number} ports from a first one on");
        return reader.problem(setting, what, "a port from 1");
    }
    if range.end() > LAST_PORT {
        let what = format!(
            "{all} need {number} ports from {} on, and the last port is {LAST_PORT}",
            range.start()
        );
        let expected = format!("a port up to {}", LAST_PORT + 1 - number);
        return reader.problem(setting, what, expected);
    }
    let other = taken.iter().find(|other| range.meets(**other));
    if let Some(other) = other {
        let (ours, theirs) = (range.in_words(), other.in_words());
        let take = if number == 1 { "takes" } else { "take" };
        let what = format!("{all} {take} {ours}, and {} has {theirs}", other.setting);
        reader.problem(
            setting,
            what,
            "a first port from which each replica has its own",
        );
    }
}

/// The Network Node accepts one node per address.
fn check_proxy(reader: &mut Reader<'_>, draft: &Draft, range: Ports) {
    let (host, proxy) = (&draft.tunnel.host, &draft.proxy);
    if !reader.is_on("inference_proxy") || !proxy.host.eq_ignore_ascii_case(host) {
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
                range.setting
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
        let line = pool.layer.line_of(POOL_PER_HOUR);
        let what =
            format!("{cap} is less than one of its replicas may cost (vast.max_price, {price})");
        let hint = Hint::Expected(format!("at least {}", price.0));
        Problem::new(&pool.layer.key(POOL_PER_HOUR), Some(line), what, hint)
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
