//! What requests to market and Network Node carry, by the configuration.

use crate::config::Config;
use crate::domain::{Duration, Hardware, NodeConfig, NodeId, Offer, RentalPrices, Time};
use crate::flow::Effect;
use crate::vast::SessionNeeds;

/// Where the Network Node reaches a node.
pub(crate) struct NodeAddress {
    pub(crate) host: String,
    pub(crate) api: u16,
    pub(crate) inference: u16,
}

pub(crate) fn node_config(
    config: &Config,
    id: NodeId,
    place: NodeAddress,
    hardware: Vec<Hardware>,
) -> NodeConfig {
    let mlnode = &config.mlnode;
    NodeConfig {
        id,
        host: place.host,
        inference_port: place.inference,
        inference_segment: mlnode.inference_segment.clone(),
        poc_port: place.api,
        poc_segment: mlnode.poc_segment.clone(),
        max_concurrent: mlnode.max_concurrent,
        models: [(mlnode.model.id.clone(), mlnode.model.args.clone())].into(),
        hardware,
    }
}

/// What an offer must do for a search.
pub fn needs(now: Time, effect: &Effect, config: &Config) -> SessionNeeds {
    let (session, longest, ready_by) = match effect {
        Effect::SearchOffers {
            session,
            longest,
            ready_by,
        } => (*session, *longest, *ready_by),
        _ => (Duration::zero(), Duration::zero(), now),
    };
    SessionNeeds {
        now,
        until: now + session,
        at_worst_until: now + longest,
        boot_within: Some(ready_by - now),
        image_gb: config.vast.image_gb,
        model_gb: config.vast.model_gb,
    }
}

pub(crate) fn prices(offer: &Offer, config: &Config) -> RentalPrices {
    RentalPrices {
        gpu_price: offer.running_price(),
        storage_price: offer.storage_price(config.vast.query.disk_gb),
        download_per_gb: offer.download_per_gb,
        download_gb: config.vast.image_gb + config.vast.model_gb,
    }
}
