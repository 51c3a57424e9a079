//! Sprints on a market with oddities that its users have seen.

use pocpit::domain::{Outcome, Step, Usd};
use pocpit::engine::AlertLevel;
use pocpit::world::{Fault, FaultKind, MarketOddity, Scenario};
use serde_json::Value;
use strum::VariantArray as _;

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
    let usual = market(|_| {}).cost.dollars();
    for oddity in MarketOddity::VARIANTS.iter().copied() {
        if refuses_account(oddity) {
            continue;
        }
        let lived = market(|scenario| scenario.market_oddities = vec![oddity]);
        assert!(confirmed(&lived), "{oddity:?}: {lived:?}");
        assert_eq!(lived.rentals, 1, "{oddity:?}");
        // The market's fee is 4 %.
        assert!(lived.cost.dollars() < 1.05 * usual, "{oddity:?}: {lived:?}");
    }
}

/// Nothing can be rented on such a market.
fn refuses_account(oddity: MarketOddity) -> bool {
    use MarketOddity::{KeyDeleted, SearchQuotaExceeded, TwoFactorMissing};
    matches!(oddity, KeyDeleted | TwoFactorMissing | SearchQuotaExceeded)
}

#[test]
fn refused_account_costs_nothing() {
    let refused = MarketOddity::VARIANTS.iter().copied();
    for oddity in refused.filter(|oddity| refuses_account(*oddity)) {
        let lived = market(|scenario| scenario.market_oddities = vec![oddity]);
        assert!(!confirmed(&lived), "{oddity:?}: {lived:?}");
        assert_eq!((lived.rentals, lived.cost), (0, Usd::ZERO), "{oddity:?}");
    }
}

/// Replies to the rent call that rent nothing, as documented and as seen.
const REFUSALS: [(u16, &str); 9] = [
    (
        404,
        r#"{"success":false,"error":"invalid_args","msg":"error 404/3603: no_such_ask Instance type by id 1 is not available."}"#,
    ),
    (
        410,
        r#"{"success":false,"error":"no_such_ask","msg":"error 410/3907: no_such_ask Instance type 1 is no longer available."}"#,
    ),
    (
        400,
        r#"{"success":false,"error":"no_such_ask","msg":"no_such_ask"}"#,
    ),
    (
        200,
        r#"{"success":false,"error":"no_such_ask","msg":"no_such_ask"}"#,
    ),
    (429, "API requests too frequent: endpoint threshold=4.5"),
    (
        429,
        r#"{"detail":"API requests too frequent endpoint threshold=4.5"}"#,
    ),
    (
        429,
        r#"{"error":"HTTPTooManyRequests","retry_after":7,"limit":1,"remaining":0}"#,
    ),
    (502, "<html><title>502 Bad Gateway</title></html>"),
    (200, "<html><title>Just a moment...</title></html>"),
];

#[test]
fn odd_rent_replies_cost_no_epoch() {
    for (status, body) in REFUSALS {
        let lived = market(|scenario| {
            let body = body.to_owned();
            scenario.faults = vec![first(
                "PUT /api/v0/asks/",
                FaultKind::Status { status, body },
            )];
        });
        assert!(confirmed(&lived), "{status} {body}: {lived:?}");
        assert_eq!((lived.rentals, lived.faults_met), (1, 1), "{status} {body}");
    }
    // Given a reply that is lost or cut off after the market has rented, then nothing is rented twice.
    for kind in [
        FaultKind::DropBefore,
        FaultKind::DropAfter,
        FaultKind::Malformed,
    ] {
        let lived = market(|scenario| {
            scenario.faults = vec![first("PUT /api/v0/asks/", kind.clone())];
        });
        assert!(confirmed(&lived), "{kind:?}: {lived:?}");
        assert_eq!((lived.rentals, lived.faults_met), (1, 1), "{kind:?}");
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

/// What happens to the first such call.
fn first(call: &str, kind: FaultKind) -> Fault {
    Fault {
        service: "vast".into(),
        call: call.into(),
        nth: Some(1),
        probability: None,
        kind,
    }
}

#[test]
fn gateway_page_costs_no_epoch() {
    let changes = ["PUT /api/v0/asks/", "DELETE /api/v0/instances/"];
    let reads = [
        "POST /api/v0/bundles/",
        "GET /api/v1/instances/",
        "GET /api/v0/instances/",
        "GET /api/v0/users/current/",
        "GET /api/v0/ssh/",
        "GET /api/v0/charges/",
    ];
    // Given a page in place of one change, or of each kind of read, at its first call,
    for calls in [&changes[..1], &changes[1..], &reads] {
        let page = FaultKind::GatewayPage { status: 403 };
        let faults = calls.iter().map(|call| first(call, page.clone()));
        let faults: Vec<Fault> = faults.collect();
        let lived = market(|scenario| scenario.faults = faults);
        assert!(confirmed(&lived), "{calls:?}: {lived:?}");
        assert_eq!(
            (lived.rentals, lived.faults_met),
            (1, calls.len()),
            "{calls:?}"
        );
    }
}
