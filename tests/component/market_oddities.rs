//! The market's client against a market that answers as people have seen it.

use std::collections::BTreeSet;
use std::time::Duration as RealDuration;

use pocpit::domain::{
    CallErrorKind, Duration, Instance, InstanceId, Offer, Usd, is_harmless, is_same_gpu,
};
use pocpit::ports::Market;
use pocpit::vast::{RentalHistory, SessionNeeds, rank};
use pocpit::world::{MarketOddity, Scenario};

use crate::scene::{Scene, eventually};

async fn scene_with(oddity: MarketOddity) -> Scene {
    let scenario = Scenario {
        market_oddities: vec![oddity],
        ..Scenario::default()
    };
    Scene::new(60.0, scenario).await
}

/// The row of a new rental, as soon as the market shows it.
async fn rented(scene: &Scene) -> (InstanceId, Instance) {
    let (market, id) = (scene.market(), scene.rent().await);
    let row = eventually(|| async { market.instance(id).await.unwrap() }).await;
    (id, row)
}

#[tokio::test]
async fn odd_markets_hide_no_rental() {
    use MarketOddity::{
        BidOffers, GoneIsEmptyList, GoneIsEmptyObject, NotANumber, OddRows, PlatformFee,
        PriceIncreases, SingleReadIsList, SingleReadRetired, UnrentableOffers, V0ListEmpty,
    };
    for oddity in [
        SingleReadRetired,
        SingleReadIsList,
        GoneIsEmptyObject,
        GoneIsEmptyList,
        NotANumber,
        OddRows,
        V0ListEmpty,
        UnrentableOffers,
        BidOffers,
        PlatformFee,
        PriceIncreases,
    ] {
        let scene = scene_with(oddity).await;
        let market = scene.market();
        let (id, row) = rented(&scene).await;
        assert_eq!(row.id, id, "{oddity:?}");
        let listed = market.instances().await.unwrap();
        assert!(listed.iter().any(|row| row.id == id), "{oddity:?}");
        let single_read = market.try_single_read().await;
        assert_eq!(
            single_read.is_err(),
            oddity == SingleReadRetired,
            "{oddity:?}"
        );
        market.destroy(id).await.unwrap();
        eventually(|| async {
            let listed = market.instances().await.unwrap();
            listed.iter().all(|row| row.id != id).then_some(())
        })
        .await;
        assert_eq!(market.instance(id).await.unwrap(), None, "{oddity:?}");
    }
}

#[tokio::test]
async fn hostile_texts_reach_no_terminal() {
    // Given hosts whose texts are attacks on a terminal,
    let scene = scene_with(MarketOddity::HostileTexts).await;
    let query = scene.config.vast.query.clone();
    let offers = scene
        .market()
        .search(&query, chrono::Utc::now())
        .await
        .unwrap();
    assert!(!offers.is_empty());
    for offer in offers {
        // when they are read, then nothing is left that a terminal obeys or that deceives, and they are short.
        for text in [Some(offer.gpu_name.clone()), offer.location]
            .into_iter()
            .flatten()
        {
            assert!(text.chars().all(is_harmless), "{text:?}");
            assert!(text.chars().count() <= 64, "{text:?}");
        }
        // The GPU is still known.
        let mut wanted = query.gpu_names.iter();
        let is_known = wanted.any(|name| is_same_gpu(&offer.gpu_name, name));
        assert!(is_known, "{}", offer.gpu_name);
    }
}

#[tokio::test]
async fn refused_accounts_are_told_from_passing_trouble() {
    for oddity in [MarketOddity::KeyDeleted, MarketOddity::TwoFactorMissing] {
        let scene = scene_with(oddity).await;
        let error = scene.market().instances().await.unwrap_err();
        assert_eq!(
            error.kind,
            CallErrorKind::Unauthorized,
            "{oddity:?}: {error}"
        );
    }
}

#[tokio::test]
async fn offers_that_cannot_be_rented_are_marked() {
    for oddity in [MarketOddity::UnrentableOffers, MarketOddity::BidOffers] {
        let scene = scene_with(oddity).await;
        let offers = scene.offers().await;
        let closed = offers.iter().filter(|offer| offer.closed.is_some()).count();
        assert!(closed > 0 && closed < offers.len(), "{oddity:?}: {closed}");
    }
    let offers = scene_with(MarketOddity::PlatformFee).await.offers().await;
    assert!(offers.iter().any(|offer| !offer.surcharge.is_zero()));
    let plain = Scene::new(60.0, Scenario::default()).await.offers().await;
    assert!(
        plain
            .iter()
            .all(|offer| offer.surcharge.is_zero() && offer.closed.is_none())
    );
}

#[tokio::test]
async fn contract_born_stopped_is_reported() {
    let scenario = Scenario {
        born_stopped: 1,
        ..Scenario::default()
    };
    let scene = Scene::new(60.0, scenario).await;
    let (_, row) = rented(&scene).await;
    assert_eq!(row.intended.as_deref(), Some("stopped"));
}

#[tokio::test]
async fn requested_prices_are_read() {
    let scene = scene_with(MarketOddity::PriceIncreases).await;
    let (id, agreed) = rented(&scene).await;
    let market = scene.market();
    let requested = eventually(|| async {
        let requested = market.requested_prices().await.unwrap();
        requested.into_iter().find(|price| price.instance == id)
    })
    .await;
    assert!(requested.requested > requested.current, "{requested:?}");
    // It was only read: the price is the old one.
    let row = market.instance(id).await.unwrap().unwrap();
    assert!(!row.total_price.exceeds(agreed.total_price), "{row:?}");
}

#[tokio::test]
async fn charges_are_those_of_the_market() {
    let scene = Scene::new(600.0, Scenario::default()).await;
    let (id, _) = rented(&scene).await;
    let market = scene.market();
    tokio::time::sleep(RealDuration::from_secs(2)).await;
    market.destroy(id).await.unwrap();
    let now = scene.world.clock().now();
    let charges = market
        .charges(now - Duration::days(1), now + Duration::days(1))
        .await
        .unwrap();
    let charge = charges.iter().find(|charge| charge.instance == id).unwrap();
    let truth = scene.world.truth();
    let cost = truth
        .rentals
        .iter()
        .find(|rental| rental.id == id.0)
        .unwrap()
        .cost;
    assert!(charge.total > Usd::ZERO && charge.storage > Usd::ZERO);
    // Charges are rounded to a tenth of a cent.
    assert!(
        (charge.total.dollars() - cost.dollars()).abs() < 0.01,
        "{charge:?} {cost}"
    );
    let parts = charge.gpu + charge.storage + charge.traffic;
    assert!(
        (charge.total.dollars() - parts.dollars()).abs() < 0.01,
        "{charge:?}"
    );
}

#[tokio::test]
async fn demo_shows_hundreds_of_offers() {
    // Given the demo's market and configuration, when its offers are searched and ranked,
    let scene = Scene::new(60.0, Scenario::named("happy").unwrap()).await;
    let (offers, vast) = (scene.offers().await, &scene.config.vast);
    let now = scene.world.clock().now();
    let needs = SessionNeeds {
        now,
        until: now + Duration::hours(2),
        at_worst_until: now + Duration::hours(6),
        boot_within: Some(Duration::minutes(45)),
        image_gb: vast.image_gb,
        model_gb: vast.model_gb,
    };
    let ranked = rank(offers, &vast.query, &needs, &RentalHistory::default());
    let (usable, rejected) = (ranked.usable.len(), ranked.rejected.len());
    assert!(usable > 80 && rejected > 80, "{usable} {rejected}");
    // then there is something to sort, to filter and to look at.
    let variety = |text: fn(&Offer) -> Option<String>| {
        let offers = ranked.usable.iter().map(|row| &row.offer);
        let texts: BTreeSet<String> = offers.filter_map(text).collect();
        texts.len()
    };
    assert!(variety(|offer| Some(offer.gpu_name.clone())) >= 5);
    assert!(variety(|offer| Some(offer.gpu_count.to_string())) >= 2);
    assert!(variety(|offer| offer.country().map(str::to_owned)) >= 12);
    assert!(variety(|offer| Some(offer.verified.to_string())) == 2);
    let hosts = variety(|offer| offer.host.map(|host| host.to_string()));
    assert!(hosts > 30 && hosts < usable, "{hosts} of {usable}");
    let reasons = ranked.rejected.iter().map(|(_, reason)| {
        let letters = reason.chars().filter(|letter| letter.is_alphabetic());
        letters.take(12).collect::<String>()
    });
    let reasons: BTreeSet<String> = reasons.collect();
    assert!(reasons.len() >= 4, "{reasons:?}");
}
