use serde_json::json;

use super::*;
use crate::domain::{AccountName, InstanceId, Requirement};
use crate::engine::alerts::alert::Advice;
use crate::engine::attach::tests::snapshot;
use crate::engine::observe::freshness::Feed;

const UNREAD: &str = "the chain cannot be read";
const FOREIGN: &str = "instance 7 belongs to another cockpit";

fn at(second: i64) -> Time {
    Time::UNIX_EPOCH + Duration::seconds(second)
}

fn alert(condition: Condition, level: AlertLevel, text: &str) -> Alert {
    let advice = Advice::with_command("look at it with `pocpit nodes`", "pocpit nodes");
    Alert::new(condition, level, at(0), text, advice)
}

fn unread(level: AlertLevel) -> Alert {
    alert(Condition::ChainUnreachable, level, UNREAD)
}

fn foreign(instance: u64) -> Alert {
    alert(
        Condition::ForeignRental(InstanceId(instance)),
        AlertLevel::Critical,
        &FOREIGN.replace('7', &instance.to_string()),
    )
}

fn update(tracker: &mut AlertTracker, second: i64, alerts: &[Alert]) -> Vec<Notice> {
    let snapshot = Snapshot {
        at: at(second),
        alerts: alerts.to_vec(),
        ..snapshot(0)
    };
    tracker.update(&snapshot, &Freshness::default(), &Prices::new())
}

fn titles(tracker: &mut AlertTracker, second: i64, alerts: &[Alert]) -> Vec<String> {
    let notices = update(tracker, second, alerts).into_iter();
    notices.map(|notice| notice.title).collect()
}

/// The notices that are sent when these alerts are active at these seconds.
fn sent(active: &[(i64, Vec<Alert>)]) -> Vec<(i64, NoticeLevel, String)> {
    let mut tracker = AlertTracker::default();
    let notices = active.iter().flat_map(|(second, alerts)| {
        let notices = update(&mut tracker, *second, alerts).into_iter();
        notices.map(|notice| (*second, notice.level, notice.title))
    });
    notices.collect()
}

fn levels(active: &[(i64, Vec<Alert>)]) -> Vec<(i64, NoticeLevel)> {
    let sent = sent(active).into_iter();
    sent.map(|(second, level, _)| (second, level)).collect()
}

/// This alert at these seconds, and none at those.
fn spell(alert: &Alert, active: &[i64], gone: &[i64]) -> Vec<(i64, Vec<Alert>)> {
    let active = active.iter().map(|second| (*second, vec![alert.clone()]));
    let gone = gone.iter().map(|second| (*second, Vec::new()));
    let mut seconds: Vec<_> = active.chain(gone).collect();
    seconds.sort_by_key(|(second, _)| *second);
    seconds
}

#[test]
fn lasting_alert_is_sent_and_resolved() {
    let active = spell(&unread(AlertLevel::Warning), &[0, 30, 60, 90], &[150, 220]);
    assert_eq!(
        sent(&active),
        [
            (60, NoticeLevel::Warning, UNREAD.to_owned()),
            (220, NoticeLevel::Resolved, format!("over: {UNREAD}")),
        ]
    );
}

#[test]
fn brief_alert_is_not_sent_and_flicker_once() {
    let bad = unread(AlertLevel::Warning);
    assert_eq!(sent(&spell(&bad, &[0, 30], &[40, 300])), []);
    // One reading before a long sleep is one reading.
    assert_eq!(sent(&spell(&bad, &[0], &[3_000])), []);
    let flickers = spell(&bad, &[0, 60, 120, 230], &[90, 180]);
    assert_eq!(sent(&flickers).len(), 1);
}

#[test]
fn flapping_alert_is_sent_and_resolved_once() {
    // Active for half a minute of each minute, with a new onset each time.
    let active = (0..450).step_by(15).map(|second| {
        let alert = Alert {
            since: at(second - second % 60),
            ..unread(AlertLevel::Warning)
        };
        let is_active = second % 60 < 30 && second < 360;
        (second, is_active.then_some(alert).into_iter().collect())
    });
    let levels: Vec<_> = levels(&active.collect::<Vec<_>>())
        .into_iter()
        .map(|(_, level)| level)
        .collect();
    assert_eq!(levels, [NoticeLevel::Warning, NoticeLevel::Resolved]);
}

#[test]
fn warning_soon_after_its_end_must_last() {
    let sent = |spells: [std::ops::Range<i64>; 3], level| {
        let active = spells.into_iter().flat_map(|seconds| {
            let end = seconds.end;
            let seconds: Vec<_> = seconds.step_by(30).collect();
            spell(&unread(level), &seconds, &[end, end + 130])
        });
        levels(&active.collect::<Vec<_>>())
    };
    let (warning, over) = (NoticeLevel::Warning, NoticeLevel::Resolved);
    // Two minutes, two minutes a while later, and then for long;
    let soon = [0..120, 600..720, 1_200..2_400];
    assert_eq!(
        sent(soon.clone(), AlertLevel::Warning),
        [(60, warning), (250, over), (1_800, warning), (2_530, over)]
    );
    // after more than an hour it is news,
    assert_eq!(
        sent([0..120, 4_000..4_120, 9_000..9_030], AlertLevel::Warning),
        [(60, warning), (250, over), (4_060, warning), (4_250, over)]
    );
    // and a critical alert always is.
    let mut critical = sent(soon, AlertLevel::Critical);
    critical.retain(|(_, level)| *level == NoticeLevel::Critical);
    assert_eq!(
        critical,
        [30, 630, 1_230].map(|at| (at, NoticeLevel::Critical))
    );
}

#[test]
fn critical_alert_is_sooner_and_escalation_sent_again() {
    let (bad, worse) = (unread(AlertLevel::Warning), unread(AlertLevel::Critical));
    let mut active = spell(&worse, &[0, 16, 40], &[41]);
    active.push((42, vec![bad.clone()]));
    assert_eq!(
        sent(&active),
        [(16, NoticeLevel::Critical, UNREAD.to_owned())]
    );
    let mut active = spell(&bad, &[0, 60], &[]);
    active.push((90, vec![worse]));
    assert_eq!(
        levels(&active),
        [(60, NoticeLevel::Warning), (90, NoticeLevel::Critical)]
    );
}

#[test]
fn reminder_is_daily_and_notices_never_sent() {
    let bad = vec![
        unread(AlertLevel::Warning),
        alert(Condition::FirstStart, AlertLevel::Notice, "a risk"),
    ];
    let active: Vec<_> = (0..150).map(|hour| (hour * 900, bad.clone())).collect();
    let (warning, day) = (NoticeLevel::Warning, 86_400);
    assert_eq!(
        sent(&active),
        [
            (900, warning, UNREAD.to_owned()),
            (900 + day, warning, format!("still: {UNREAD}"))
        ]
    );
}

#[test]
fn notice_states_money_activity_and_command() {
    let mut tracker = AlertTracker::default();
    let mut update = |second| {
        let mut snapshot = snapshot(0);
        snapshot.at = at(second);
        snapshot.alerts = vec![unread(AlertLevel::Critical)];
        snapshot.money.per_hour = UsdPerHour::from_dollars(9.6);
        tracker.update(&snapshot, &Freshness::default(), &Prices::new())
    };
    update(0);
    assert_eq!(
        update(20)[0].body,
        "To do: look at it with `pocpit nodes`.\n\
         Money: $9.60/h is running, $0.00 so far in this sprint.\n\
         pocpit: it is waiting and continues until it needs your approval.\n\
         Look: pocpit nodes"
    );
}

#[test]
fn two_foreign_rentals_are_two_notices() {
    let both = [foreign(7), foreign(8)];
    let mut tracker = AlertTracker::default();
    assert!(update(&mut tracker, 0, &both).is_empty());
    assert_eq!(update(&mut tracker, 20, &both).len(), 2);
    // One of them is resolved, the other lasts.
    assert!(update(&mut tracker, 40, &both[..1]).is_empty());
    assert_eq!(
        titles(&mut tracker, 150, &both[..1]),
        ["over: instance 8 belongs to another cockpit"]
    );
}

#[test]
fn restart_sends_nothing_twice_and_still_resolves() {
    let place = tempfile::tempdir().unwrap();
    let file = Some(place.path().join("told.json"));
    let bad = [
        unread(AlertLevel::Warning),
        alert(Condition::LowCredit, AlertLevel::Warning, "no credit"),
    ];
    let mut tracker = AlertTracker::open(file.clone(), at(0));
    update(&mut tracker, 0, &bad);
    assert_eq!(update(&mut tracker, 60, &bad).len(), 2);
    // Hours later another process has one of them again, a while after its start.
    let mut tracker = AlertTracker::open(file.clone(), at(20_000));
    assert!(update(&mut tracker, 20_000, &[]).is_empty());
    assert!(update(&mut tracker, 20_030, &bad[1..]).is_empty());
    assert_eq!(
        titles(&mut tracker, 20_130, &bad[1..]),
        [format!("over: {UNREAD}")]
    );
    // Without a readable file everything is sent again.
    std::fs::write(place.path().join("told.json"), "{").unwrap();
    let mut tracker = AlertTracker::open(file, at(30_000));
    assert!(update(&mut tracker, 30_000, &bad).is_empty());
    assert_eq!(update(&mut tracker, 30_060, &bad).len(), 2);
}

#[test]
fn state_file_of_older_versions_is_read() {
    // Given what versions wrote before alerts had a command,
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("told.json");
    let saved = r#"[{"condition":{"not_gone":7},"since":"1970-01-01T00:00:00Z",
        "advice":"destroy it by hand: `vastai destroy instance 7`","text":"instance 7 is not gone",
        "level":"critical","first_seen":"1970-01-01T00:00:00Z","last_seen":"1970-01-01T00:00:20Z",
        "read_at":null,"readings":2,"told":"1970-01-01T00:00:20Z"}]"#;
    std::fs::write(&file, saved).unwrap();
    // when the alert is gone, then it is resolved.
    let mut tracker = AlertTracker::open(Some(file), at(60));
    assert_eq!(
        titles(&mut tracker, 180, &[]),
        ["over: instance 7 is not gone"]
    );
}

#[test]
fn old_condition_names_are_read() {
    let requirement = Requirement::AdminApi;
    for (saved, condition) in [
        (json!("clock_behind"), Condition::ClockSkew),
        (json!("policy_cut_short"), Condition::ReleasePolicyCut),
        (
            json!({"foreign": 7}),
            Condition::ForeignRental(InstanceId(7)),
        ),
        (
            json!({"not_gone": 7}),
            Condition::DestroyOverdue(InstanceId(7)),
        ),
        (json!({"no_link": 7}), Condition::LinkDown(InstanceId(7))),
        (
            json!({"strange_host": 7}),
            Condition::HostKeyMismatch(InstanceId(7)),
        ),
        (json!("rentals_unread"), Condition::RentalsUnknown),
        (json!("nodes_unread"), Condition::NetworkNodeDown),
        (json!("node_not_changed"), Condition::NodeChangeFailed),
        (json!("proxy_silent"), Condition::ProxyDown),
        (
            json!("proxy_without_upstream"),
            Condition::NoHealthyUpstream,
        ),
        (json!("chain_unread"), Condition::ChainUnreachable),
        (json!("chain_stands"), Condition::ChainStalled),
        (
            json!({"obstacle": requirement}),
            Condition::PreflightFailure(requirement),
        ),
    ] {
        let read: Condition = serde_json::from_value(saved.clone()).unwrap();
        assert_eq!(read, condition, "{saved}");
    }
}

/// What is sent of a foreign rental that is active every second of this time, when rentals are listed
/// at these seconds.
fn sent_by_listings(active: std::ops::Range<i64>, listed: &[i64]) -> Vec<(i64, NoticeLevel)> {
    let mut tracker = AlertTracker::default();
    let mut freshness = Freshness::default();
    let mut sent = Vec::new();
    for second in 0..300 {
        if listed.contains(&second) {
            freshness.mark(Feed::Rentals(AccountName::default()), at(second));
        }
        // Failed polls and readings of other feeds do not count.
        freshness.mark(Feed::RentalsPoll(AccountName::default()), at(second));
        freshness.mark(Feed::Chain, at(second));
        let is_active = active.contains(&second);
        let snapshot = Snapshot {
            at: at(second),
            alerts: is_active.then(|| foreign(7)).into_iter().collect(),
            ..snapshot(0)
        };
        let notices = tracker.update(&snapshot, &freshness, &Prices::new());
        sent.extend(notices.iter().map(|notice| (second, notice.level)));
    }
    sent
}

#[test]
fn alert_needs_two_bad_listings() {
    assert_eq!(sent_by_listings(0..30, &[0, 30, 60]), []);
    // A listing that nothing follows is one: that rentals are unread is an alert of its own.
    assert_eq!(sent_by_listings(0..300, &[0]), []);
    assert_eq!(
        sent_by_listings(0..90, &[0, 30, 60, 90]),
        [(30, NoticeLevel::Critical), (209, NoticeLevel::Resolved)]
    );
}

#[test]
fn notice_of_foreign_rental_has_its_price() {
    let body = |prices: &Prices| {
        let mut tracker = AlertTracker::default();
        let mut update = |second| {
            let snapshot = Snapshot {
                at: at(second),
                alerts: vec![foreign(7)],
                ..snapshot(0)
            };
            tracker.update(&snapshot, &Freshness::default(), prices)
        };
        update(0);
        update(20).remove(0).body
    };
    let known = body(&[(InstanceId(7), UsdPerHour::from_dollars(9.6))].into());
    let money =
        "\nMoney: instance 7 costs $9.60/h while it exists; this sprint has nothing rented.\n";
    assert!(known.contains(money), "{known}");
    let unknown = body(&Prices::new());
    let money = "the price of instance 7 is unknown";
    assert!(unknown.contains(money), "{unknown}");
}

#[test]
fn clock_that_is_set_back_delays_no_alert() {
    let hour = Duration::hours(1);
    let mut tracker = AlertTracker::default();
    let alerts = [unread(AlertLevel::Warning)];
    // Given an alert that has lasted for half a minute when the clock is set back by an hour,
    assert!(update(&mut tracker, 3_600, &alerts).is_empty());
    assert!(update(&mut tracker, 3_630, &alerts).is_empty());
    tracker.shift(-hour);
    // then it is sent half a minute later,
    assert_eq!(titles(&mut tracker, 60, &alerts), [UNREAD]);
    // and its end too, as soon as it is over.
    let over = update(&mut tracker, 200, &[]);
    assert_eq!(over.len(), 1);
    assert_eq!(over[0].level, NoticeLevel::Resolved);
}
