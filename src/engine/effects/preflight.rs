//! Reads the facts that a rental's usefulness depends on. Works without an engine.

use crate::config::{Config, Exposure};
use crate::domain::{
    AccountName, CallError, CallErrorKind, Duration, Finding, GovernanceModel, NetworkNodeName,
    NodeConfig, NodeId, OfferQuery, Preflight, RegisteredNode, Time,
};
use crate::engine::effects::requests::{NodeAddress, node_config};
use crate::network_node::{PreflightFacts, PreflightTarget, ProxyTarget, evaluate, evaluate_chain};
use crate::ports::{Chain, NetworkNode};

const MARKET_GOOD_FOR: Duration = Duration::minutes(10);

/// The verdict, and the list of nodes that it rests on.
#[derive(Debug)]
pub struct PreflightRun {
    /// What is met and what is not.
    pub preflight: Preflight,
    /// Every registered node, when it could be read.
    pub nodes: Result<Vec<RegisteredNode>, CallError>,
    /// Governance's catalogue, when it could be read.
    pub catalogue: Result<Vec<GovernanceModel>, CallError>,
}

/// What a preflight of every replica at a Network Node rests on.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) network_node: NetworkNodeName,
    /// When reading it began.
    pub(crate) at: Time,
    pub(crate) facts: PreflightFacts,
    pub(crate) market: MarketFinding,
}

/// What the market itself can tell before a rental.
#[derive(Debug, Clone)]
pub(crate) struct MarketFinding {
    pub(crate) account: AccountName,
    pub(crate) at: Time,
    pub(crate) finding: Finding,
}

impl MarketFinding {
    /// Good enough to be read no second time: what a key may do changes rarely.
    pub(crate) fn is_good(&self, now: Time, account: &AccountName) -> bool {
        let is_new = now - self.at <= MARKET_GOOD_FOR;
        is_new && self.account == *account && self.finding.trouble().is_none()
    }
}

/// Whether a rental could do its work, by what the outside world says now. Spends nothing.
/// Registrations that are `leaving` are ours and gone before the next rental: they hold no address.
pub async fn run_preflight(
    chain: &dyn Chain,
    network_node: &dyn NetworkNode,
    now: Time,
    config: &Config,
    leaving: &[NodeId],
) -> PreflightRun {
    let facts = read_facts(chain, network_node, now, config).await;
    PreflightRun {
        preflight: judge(now, config, leaving, &facts),
        nodes: facts.nodes,
        catalogue: facts.approved_models,
    }
}

/// What those facts say of a rental with these settings.
pub(crate) fn judge(
    now: Time,
    config: &Config,
    leaving: &[NodeId],
    facts: &PreflightFacts,
) -> Preflight {
    evaluate(now, &intent(config, leaving), facts)
}

/// The facts that all rentals for a participant and its Network Node depend on.
pub(crate) async fn read_facts(
    chain: &dyn Chain,
    network_node: &dyn NetworkNode,
    now: Time,
    config: &Config,
) -> PreflightFacts {
    let participant = &config.network_node.participant;
    let callback = async {
        match config.network_node.exposure {
            Exposure::Tunnel { .. } => Some(network_node.callback_answers().await),
            // The rental itself must reach it, and there is none yet.
            Exposure::Direct => None,
        }
    };
    let (nodes, approved_models, is_participant, synced, callback, callback_address, rules, report) = tokio::join!(
        network_node.nodes(),
        chain.approved_models(),
        chain.is_participant(participant),
        check_synced(chain, config),
        callback,
        network_node.callback_address(),
        chain.reward_rules(participant, now),
        network_node.setup_report(),
    );
    PreflightFacts {
        nodes,
        approved_models,
        is_participant,
        chain: synced,
        callback,
        callback_address,
        rules,
        report,
    }
}

/// The same for a rental that has nothing to do with the Network Node: the chain's height is what a
/// sprint goes by, whatever it is for.
pub async fn run_chain_preflight(chain: &dyn Chain, now: Time, config: &Config) -> Preflight {
    evaluate_chain(now, &check_synced(chain, config).await)
}

/// The RPC says whether it has caught up. Without one, that the public API answers is all there is.
async fn check_synced(chain: &dyn Chain, config: &Config) -> Result<(), CallError> {
    if !config.chain.rpc.is_empty() {
        match chain.stored_blocks().await {
            // The public API alone must do, as without an RPC.
            Err(error) if error.kind == CallErrorKind::NotServed => {}
            stored => return stored.map(|_| ()),
        }
    }
    chain.epoch().await.map(|_| ())
}

fn least_memory_mb(query: &OfferQuery) -> u64 {
    let each = query.min_gpu_memory_mb * u64::from(query.least_gpus());
    query.min_total_gpu_memory_mb.max(each)
}

fn intent(config: &Config, leaving: &[NodeId]) -> PreflightTarget {
    let callback = config.network_node.exposure.callback_target();
    PreflightTarget {
        participant: config.network_node.participant.clone(),
        model: config.mlnode.model.id.clone(),
        other_models: config.network_node.models.clone(),
        revision: config.mlnode.model.revision.clone(),
        gpu_memory_mb: least_memory_mb(&config.vast.query),
        proxy: config.inference_proxy.as_ref().map(|proxy| ProxyTarget {
            node: proxy.node_id.clone(),
            model: proxy.model.clone(),
        }),
        callback: callback.map(str::to_owned),
        address: address(config),
        node_prefix: config.network_node.node_prefix.clone(),
        leaving: leaving.to_vec(),
        release: config.poc.release,
        registration_margin: config.poc.registration_margin,
        unknown_rules: config.poc.unknown_rules,
    }
}

/// Where our node will be: known for a tunnel, whose ends are ours. A port that the system chooses
/// is free by nature.
fn address(config: &Config) -> Option<NodeConfig> {
    let Exposure::Tunnel {
        host,
        api_listen,
        inference_listen,
        ..
    } = &config.network_node.exposure
    else {
        return None;
    };
    Some(node_config(
        config,
        NodeId(config.network_node.node_prefix.clone()),
        NodeAddress {
            host: host.clone(),
            api: api_listen.port(),
            inference: inference_listen.port(),
        },
        Vec::new(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vast::judge_single_read;

    #[test]
    fn market_is_asked_again_after_trouble_or_ten_minutes() {
        let at = Time::UNIX_EPOCH;
        let (ours, other): (AccountName, AccountName) =
            ("main".parse().unwrap(), "second".parse().unwrap());
        let finding = |read| MarketFinding {
            account: ours.clone(),
            at,
            finding: judge_single_read(&read),
        };
        let known = finding(Ok(()));
        assert!(known.is_good(at + Duration::minutes(10), &ours));
        assert!(!known.is_good(at + Duration::minutes(11), &ours));
        assert!(!known.is_good(at, &other));
        let silent = CallError::new("read", CallErrorKind::Unanswered, "no answer");
        assert!(!finding(Err(silent)).is_good(at, &ours));
    }
}
