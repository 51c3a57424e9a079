//! Sprints on a market with oddities that its users have seen.

use pocpit::domain::{Outcome, Step};
use pocpit::engine::AlertLevel;
use pocpit::world::{Fault, FaultKind, MarketOddity, Scenario};
use serde_json::Value;

use crate::boot::{Lived, live_in, watch};
use crate::played::Stage;

fn market(change: impl FnOnce(&mut Scenario)) -> Lived {
    let mut scenario = Scenario {
        credit: 1e9,
        ..Scenario::default()
    };
    change(&mut scenario);
    live_in(scenario)
}

fn confirmed(lived: &Lived) -> bool {
    matches!(lived.outcome, Outcome::Confirmed { .. })
}

#[test]
fn contract_born_stopped_is_replaced() {
    let lived = market(|scenario| scenario.born_stopped = 1);
    assert!(confirmed(&lived), "{lived:?}");
    assert_eq!(lived.rentals, 2);
}

#[test]
fn odd_markets_cost_no_epoch() {
    use MarketOddity::{
        GoneIsEmptyList, NotANumber, OddRows, PlatformFee, PriceIncreases, SingleReadRetired,
        TokenBuckets, UnrentableOffers,
    };
    for oddity in [
        SingleReadRetired,
        GoneIsEmptyList,
        NotANumber,
        OddRows,
        UnrentableOffers,
        PlatformFee,
        PriceIncreases,
        TokenBuckets,
    ] {
        let lived = market(|scenario| scenario.market_oddities = vec![oddity]);
        assert!(confirmed(&lived), "{oddity:?}: {lived:?}");
        assert_eq!(lived.rentals, 1, "{oddity:?}");
    }
}

#[test]
fn requested_price_is_told_and_never_accepted() {
    let scenario = Scenario {
        credit: 1e9,
        market_oddities: vec![MarketOddity::PriceIncreases],
        ..Scenario::default()
    };
    let mut told = None;
    let pending = watch(scenario, |stage, snapshot| {
        let mut alerts = snapshot.alerts.iter();
        let alert = alerts.find(|alert| alert.text.contains("asks for"));
        if let Some(alert) = alert {
            told.get_or_insert_with(|| {
                (alert.level, alert.text.clone(), alert.advice.text.clone())
            });
        }
        // When it works, nobody has answered the host.
        let serves = snapshot.sprint.step >= Step::Proving;
        (serves && told.is_some()).then(|| pending_increases(stage))
    });
    let (level, text, advice) = told.unwrap();
    assert_eq!(level, AlertLevel::Warning);
    assert!(text.contains("instead of"), "{text}");
    assert!(advice.contains("pocpit never accepts"), "{advice}");
    assert_eq!(pending, 1);
}

fn pending_increases(stage: &Stage) -> usize {
    let path = "/api/v0/instances/pending-price-increases/";
    let (_, body) = stage.ask_market("GET", path, Value::Null);
    body["pending_price_increases"].as_array().unwrap().len()
}

/// A page of a gateway in place of the market's reply.
fn page_at(call: &str) -> Fault {
    Fault {
        service: "vast".into(),
        call: call.into(),
        nth: Some(1),
        probability: None,
        kind: FaultKind::Status {
            status: 403,
            body: "<!DOCTYPE html><title>Just a moment...</title>".into(),
        },
    }
}

#[test]
fn gateway_page_costs_no_epoch() {
    for call in [
        "PUT /api/v0/asks/",
        "POST /api/v0/bundles/",
        "DELETE /api/v0/instances/",
    ] {
        let lived = market(|scenario| scenario.faults = vec![page_at(call)]);
        assert!(confirmed(&lived), "{call}: {lived:?}");
        assert_eq!(lived.rentals, 1, "{call}");
    }
}
