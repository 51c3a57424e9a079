//! Renting and destroying.

use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::config::onstart_script;
use crate::domain::{
    AccountName, CallError, CallErrorKind, Duration, InstanceId, Offer, ReleaseAction, RentOrder,
    RentalLabel, Time, Usd,
};
use crate::engine::effects::release_calls::ReleaseReporter;
use crate::engine::effects::requests::prices;
use crate::engine::effects::task_key::TaskKey;
use crate::engine::observe::observation::{ReplicaReport, TaskReport};
use crate::engine::reconcile::absence::{Absence, prove_absence};
use crate::engine::reconcile::plan::find;
use crate::engine::rental::access::container_spec;
use crate::engine::state::{Replica, Shared};
use crate::fleet::deal::Spread;
use crate::flow::{self, EffectKey, Event, HedgeRoom, RentalRole};
use crate::journal::Record;
use crate::ports::{Clock, Market, RentError};

/// The market takes one in five seconds. A rent call that waits longer than a minute for its turn is for an
/// offer that is gone by then, and is held to be lost.
const MAX_RENT_CALLS: usize = 12;
/// Between asking for a destroy and looking whether it worked.
const DESTROY_SHOWS_AFTER: Duration = Duration::seconds(4);

impl Replica {
    pub(crate) fn rent(
        &mut self,
        shared: &mut Shared,
        offer: &Offer,
        label: RentalLabel,
        reserved: Usd,
        lease_until: Time,
    ) {
        let now = self.ports.clock.now();
        if let Some(ahead) = shared.observed.skew.proven_ahead() {
            let text = format!(
                "this machine's clock is {} minutes ahead of the market's and of the chain's: set it (timedatectl set-ntp true); leases would be too long",
                ahead.num_minutes()
            );
            let error = CallError::new("rent", CallErrorKind::NotSent, text);
            return self.dispatch(shared, now, Event::RentRefused(error));
        }
        // Another replica may have taken the machine since the search.
        let taken = shared.taken_from(&self.id);
        if !taken.admits(offer, Spread::Anywhere) {
            let offers = self.sprint.offers();
            let left = offers.filter(|offer| taken.admits(offer, Spread::Anywhere));
            let left = left.map(|offer| offer.id).collect();
            return self.dispatch(shared, now, Event::OffersTaken { left });
        }
        let account = self.account();
        let of_account = shared.renting.values().filter(|other| *other == account);
        if of_account.count() >= MAX_RENT_CALLS {
            return self.dispatch(shared, now, Event::RentMustWait);
        }
        let room = self.hedge_room(shared);
        if self.sprint.is_renting_hedge() && room != HedgeRoom::Free {
            return self.dispatch(shared, now, Event::HedgeRefused(room));
        }
        // The caps were checked when the offers came; what counts is what is spent now (law 5).
        let price = offer.price_with_disk(self.config.vast.query.disk_gb);
        // A clock that was set since the search makes the lease longer than its worst case.
        let reserved = reserved.max(price.times(lease_until - now));
        let caps = self.sprint.plan().caps;
        if let Err(refusal) = flow::admit(price, reserved, &self.funds(shared, now), &caps) {
            return self.dispatch(shared, now, Event::RentOverCap(refusal));
        }
        let intent = Record::RentIntended {
            label: label.clone(),
            replica: self.id.clone(),
            account: self.account().clone(),
            offer: offer.id,
            machine: offer.machine,
            host: offer.host,
            prices: prices(offer, &self.config),
            reserved,
        };
        if !shared.record_intent(&intent) {
            return self.dispatch(shared, now, Event::RentNotRecorded);
        }
        // The sprint that rents too: one that is taken up in the step before would choose again.
        let _ = self.save_checkpoint(shared);
        let order = self.order(shared, offer, label.clone(), lease_until);
        let (ports, change) = (self.ports.clone(), shared.tasks.change());
        let fee = offer.surcharge_text();
        tracing::info!(
            "{}renting offer {} as {label} for {price}{fee}",
            self.tag,
            offer.id
        );
        let account = self.account().clone();
        shared.renting.insert(self.id.clone(), account);
        self.spawn_effect(shared, EffectKey::Rent, async move {
            let rented = ports.market.rent(&order).await;
            drop(change);
            let (records, event) = match rented {
                Ok(instance) => (
                    vec![Record::Rented { label, instance }],
                    Event::Rented(instance),
                ),
                Err(RentError::OfferGone(_)) => (Vec::new(), Event::OfferGone),
                Err(RentError::Refused(error)) => (Vec::new(), Event::RentRefused(error)),
                Err(RentError::Unknown(error)) => (Vec::new(), Event::RentReplyLost(error)),
            };
            ReplicaReport::Done {
                key: EffectKey::Rent,
                records,
                events: vec![event],
                nodes: None,
            }
        });
    }

    fn order(
        &self,
        shared: &Shared,
        offer: &Offer,
        label: RentalLabel,
        lease_until: Time,
    ) -> RentOrder {
        let vast = &self.config.vast;
        let container_spec = container_spec(&self.config, self.workload());
        let mut env = container_spec.env(&offer.gpu_name);
        env.extend(vast.env.clone());
        let lease = shared.lease(lease_until);
        let seconds = lease.seconds_left(self.ports.clock.now());
        env.insert("POCPIT_LEASE_UNTIL".into(), lease.timestamp().to_string());
        // The rental's clock may be wrong; its watchdog counts these from its start.
        env.insert("POCPIT_LEASE_SECONDS".into(), seconds.to_string());
        env.insert("POCPIT_COMMAND".into(), container_spec.command);
        env.insert(
            "POCPIT_SSH_KEY".into(),
            self.ports.remote.public_key().to_owned(),
        );
        let onstart = onstart_script(&vast.onstart_extra);
        RentOrder {
            offer: offer.id,
            label,
            image: container_spec.image,
            template_hash: container_spec.template_hash,
            disk_gb: vast.query.disk_gb,
            env,
            ports: container_spec.ports,
            onstart,
        }
    }

    pub(crate) fn find_label(&mut self, shared: &mut Shared, label: RentalLabel) {
        let ports = self.ports.clone();
        self.spawn_effect(shared, EffectKey::FindLabel, async move {
            let listing = ports.market.instances().await;
            let listing = listing.inspect_err(|error| {
                tracing::warn!("the rental is still being looked for: {error}");
            });
            let event = listing.map(|instances| find(&instances, &label));
            ReplicaReport::done(EffectKey::FindLabel, event.ok())
        });
    }

    pub(crate) fn destroy(&mut self, shared: &mut Shared, key: EffectKey, instance: InstanceId) {
        let now = self.ports.clock.now();
        shared.destroying.entry(instance).or_insert(now);
        // Releasing never waits for the journal: a destroy that is not recorded is still right.
        shared.record(&Record::DestroyIntended { instance });
        let release = match key {
            EffectKey::Destroy(RentalRole::Primary) => {
                self.release_call(ReleaseAction::DestroyRental)
            }
            _ => ReleaseReporter::silent(ReleaseAction::DestroyRental),
        };
        let (ports, change) = (self.ports.clone(), shared.tasks.change());
        self.spawn_effect(shared, key, async move {
            let (market, clock) = (ports.market.as_ref(), ports.clock.as_ref());
            let proof = destroy(market, clock, instance, change, &release).await;
            if let Some(absence) = proof {
                return ReplicaReport::Gone {
                    key,
                    instance,
                    absence,
                };
            }
            ReplicaReport::done(key, Some(Event::RentalRemains(instance)))
        });
    }
}

impl Shared {
    /// Destroys one of our rentals that no sprint uses.
    pub(crate) fn clean_up_rental(&mut self, account: &AccountName, instance: InstanceId) {
        self.destroying.insert(instance, self.ports.clock.now());
        self.record(&Record::DestroyIntended { instance });
        let (clock, change) = (self.ports.clock.clone(), self.tasks.change());
        let (account, market) = (account.clone(), self.ports.market_of(account).clone());
        self.spawn_task(TaskKey::CleanUpRental, async move {
            let silent = ReleaseReporter::silent(ReleaseAction::DestroyRental);
            let proof = destroy(market.as_ref(), clock.as_ref(), instance, change, &silent).await;
            TaskReport::RentalCleanedUp {
                account,
                instance,
                proof,
            }
        });
    }
}

/// Destroys a rental and proves that it is gone. `change` is in flight until the market has answered.
async fn destroy(
    market: &dyn Market,
    clock: &dyn Clock,
    instance: InstanceId,
    change: TaskTrackerToken,
    release: &ReleaseReporter,
) -> Option<Absence> {
    let destroyed = market.destroy(instance).await;
    drop(change);
    release.ended(destroyed.as_ref().err());
    if let Err(error) = destroyed {
        tracing::warn!("instance {instance} is not destroyed yet: {error}");
    }
    clock.sleep(DESTROY_SHOWS_AFTER).await;
    let absence = prove_absence(market, clock, instance, || release.absent()).await?;
    tracing::info!("instance {instance} is gone");
    Some(absence)
}
