//! The proof that a rental is gone.

use crate::domain::{Duration, Instance, InstanceId, Time};
use crate::ports::{Clock, Market};

const BETWEEN_LISTINGS: Duration = Duration::seconds(30);

#[derive(Debug)]
pub struct Absence {
    /// When it was first listed nowhere.
    pub since: Time,
    /// The newest complete listing.
    pub listing: Vec<Instance>,
}

/// Proves that a rental is gone: two complete listings half a minute apart do not have it, and its own
/// GET agrees both times (law 4). A single listing can lag.
pub async fn prove_absence(
    market: &dyn Market,
    clock: &dyn Clock,
    instance: InstanceId,
) -> Option<Absence> {
    let since = clock.now();
    listing_without(market, instance).await?;
    clock.sleep(BETWEEN_LISTINGS).await;
    let listing = listing_without(market, instance).await?;
    Some(Absence { since, listing })
}

async fn listing_without(market: &dyn Market, instance: InstanceId) -> Option<Vec<Instance>> {
    let listing = market.instances().await.ok()?;
    let listed = listing.iter().any(|other| other.id == instance);
    let gone = !listed && matches!(market.instance(instance).await, Ok(None));
    gone.then_some(listing)
}
