//! The proof that a rental is gone.

use crate::domain::{Duration, Instance, InstanceId, Time};
use crate::ports::{Clock, Market};

/// Between the two listings that prove a rental gone.
const BETWEEN_LISTINGS: Duration = Duration::seconds(30);

/// The proof that a rental is gone.
#[derive(Debug)]
pub struct Absence {
    /// From when on it was seen nowhere.
    pub since: Time,
    /// The newest complete listing.
    pub listing: Vec<Instance>,
}

/// Two complete listings half a minute apart no longer have it, and its own GET agrees both times
/// (law 4): a listing can lag behind the market for a moment.
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
