//! The proof that a rental is gone.

use crate::domain::{BETWEEN_LISTINGS, Instance, InstanceId, Time};
use crate::ports::{Clock, Market};

#[derive(Debug)]
pub struct Absence {
    /// When it was first listed nowhere.
    pub since: Time,
    /// The newest complete listing.
    pub listing: Vec<Instance>,
}

/// Proves that a rental is gone: two complete listings half a minute apart do not have it, and its own
/// GET agrees both times (law 4). A single listing can lag. Each of them is told.
pub async fn prove_absence(
    market: &dyn Market,
    clock: &dyn Clock,
    instance: InstanceId,
    absent: impl Fn(),
) -> Option<Absence> {
    let since = clock.now();
    listing_without(market, instance).await?;
    absent();
    clock.sleep(BETWEEN_LISTINGS).await;
    let listing = listing_without(market, instance).await?;
    absent();
    Some(Absence { since, listing })
}

async fn listing_without(market: &dyn Market, instance: InstanceId) -> Option<Vec<Instance>> {
    let listing = market.instances().await.ok()?;
    let listed = listing.iter().any(|other| other.id == instance);
    let gone = !listed && matches!(market.instance(instance).await, Ok(None));
    gone.then_some(listing)
}
