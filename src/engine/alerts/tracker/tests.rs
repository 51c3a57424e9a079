use super::*;
use crate::domain::InstanceId;
use crate::engine::alerts::alert::Advice;
use crate::engine::attach::tests::snapshot;
use crate::engine::observe::freshness::Feed;

fn at(second: i64) -> Time {
    Time::UNIX_EPOCH + Duration::seconds(second)
}

pub(crate) fn alert(level: AlertLevel, text: &str) -> Alert {
    Alert {
        condition: Condition::ChainUnread,
        level,
        text: text.into(),
        advice: Advice::with_command("look at it with `pocpit nodes`", "pocpit nodes"),
        since: at(0),
    }
}

/// What is told when these alerts are seen at these seconds.
fn told(seen: &[(i64, &[Alert])]) -> Vec<(i64, NoticeLevel, String)> {
    let mut told = AlertTracker::default();
    let mut all = Vec::new();
    for (second, alerts) in seen {
        let snapshot = Snapshot {
            at: at(*second),
            alerts: alerts.to_vec(),
            ..snapshot(0)
        };
        let notices = told
            .update(&snapshot, &Freshness::default(), &Prices::new())
            .into_iter();
        all.extend(notices.map(|notice| (*second, notice.level, notice.title)));
    }
    all
}

#[test]
fn an_alert_is_told_when_it_is_sure_and_again_when_it_is_over() {
    let bad = [alert(AlertLevel::Warning, "the chain cannot be read")];
    let seen: [(i64, &[Alert]); 6] = [
        (0, &bad),
        (30, &bad),
        (60, &bad),
        (90, &bad),
        (150, &[]),
        (220, &[]),
    ];
    assert_eq!(
        told(&seen),
        [
            (
                60,
                NoticeLevel::Warning,
                "the chain cannot be read".to_owned()
            ),
            (
                220,
                NoticeLevel::Resolved,
                "over: the chain cannot be read".to_owned()
            ),
        ]
    );
}

#[test]
fn what_is_gone_before_it_is_sure_is_not_told_and_what_flickers_once() {
    let bad = [alert(AlertLevel::Warning, "the chain cannot be read")];
    let short: [(i64, &[Alert]); 4] = [(0, &bad), (30, &bad), (40, &[]), (300, &[])];
    assert_eq!(told(&short), []);
    // One look after a long sleep is one look.
    let one: [(i64, &[Alert]); 2] = [(0, &bad), (3_000, &[])];
    assert_eq!(told(&one), []);
    let flickers: [(i64, &[Alert]); 6] = [
        (0, &bad),
        (60, &bad),
        (90, &[]),
        (120, &bad),
        (180, &[]),
        (230, &bad),
    ];
    assert_eq!(told(&flickers).len(), 1);
}

#[test]
fn trouble_that_comes_and_goes_is_told_once_and_over_once() {
    // Half a minute there, half a minute not, and new each time.
    let bad = |second| Alert {
        since: at(second),
        ..alert(AlertLevel::Warning, "the chain cannot be read")
    };
    let seen: Vec<(i64, Vec<Alert>)> = (0..30)
        .map(|look| {
            let second = look * 15;
            let there = second % 60 < 30 && second < 360;
            (
                second,
                if there {
                    vec![bad(second - second % 60)]
                } else {
                    Vec::new()
                },
            )
        })
        .collect();
    let seen: Vec<(i64, &[Alert])> = seen
        .iter()
        .map(|(at, alerts)| (*at, alerts.as_slice()))
        .collect();
    let levels: Vec<_> = told(&seen).into_iter().map(|(_, level, _)| level).collect();
    assert_eq!(levels, [NoticeLevel::Warning, NoticeLevel::Resolved]);
}

#[test]
fn a_warning_that_is_back_soon_after_its_end_is_told_again_only_when_it_lasts() {
    let bad = |level, seconds: std::ops::Range<i64>| {
        let alerts = [alert(level, "the chain cannot be read")];
        let seconds = seconds.step_by(30);
        seconds.map(move |second| (second, alerts.to_vec()))
    };
    let told = |spells: [std::ops::Range<i64>; 3], level| {
        let mut seen = Vec::new();
        for spell in spells {
            let end = spell.end;
            seen.extend(bad(level, spell));
            seen.extend([(end, Vec::new()), (end + 130, Vec::new())]);
        }
        let seen: Vec<(i64, &[Alert])> = seen
            .iter()
            .map(|(at, alerts): &(i64, Vec<Alert>)| (*at, alerts.as_slice()))
            .collect();
        let told = told(&seen).into_iter();
        told.map(|(second, level, _)| (second, level))
            .collect::<Vec<_>>()
    };
    let (warning, critical, over) = (
        NoticeLevel::Warning,
        NoticeLevel::Critical,
        NoticeLevel::Resolved,
    );
    // Two minutes, two minutes a while later, and then for long;
    let soon = [0..120, 600..720, 1_200..2_400];
    assert_eq!(
        told(soon.clone(), AlertLevel::Warning),
        [(60, warning), (250, over), (1_800, warning), (2_530, over)]
    );
    // after more than an hour it is news,
    assert_eq!(
        told([0..120, 4_000..4_120, 9_000..9_030], AlertLevel::Warning),
        [(60, warning), (250, over), (4_060, warning), (4_250, over)]
    );
    // and what costs something always is.
    let costly = told(soon, AlertLevel::Critical);
    let told_at: Vec<i64> = costly
        .iter()
        .filter(|(_, level)| *level == critical)
        .map(|(second, _)| *second)
        .collect();
    assert_eq!(told_at, [30, 630, 1_230]);
}

#[test]
fn what_costs_something_now_is_told_sooner_and_what_became_worse_anew() {
    let text = "instance 7 is not gone";
    let (bad, worse) = (
        [alert(AlertLevel::Warning, text)],
        [alert(AlertLevel::Critical, text)],
    );
    let seen: [(i64, &[Alert]); 5] = [
        (0, &worse),
        (16, &worse),
        (40, &worse),
        (41, &[]),
        (42, &bad),
    ];
    assert_eq!(told(&seen), [(16, NoticeLevel::Critical, text.to_owned())]);
    let seen: [(i64, &[Alert]); 3] = [(0, &bad), (60, &bad), (90, &worse)];
    let levels: Vec<_> = told(&seen).into_iter().map(|(_, level, _)| level).collect();
    assert_eq!(levels, [NoticeLevel::Warning, NoticeLevel::Critical]);
}

#[test]
fn what_lasts_is_told_again_every_day_and_what_is_only_worth_knowing_never() {
    let day = 86_400;
    let bad = [
        alert(AlertLevel::Warning, "no credit"),
        Alert {
            condition: Condition::FirstStart,
            ..alert(
                AlertLevel::Notice,
                "a confirmation PoC would cost the epoch's reward",
            )
        },
    ];
    let seen: Vec<(i64, &[Alert])> = (0..150).map(|hour| (hour * 900, bad.as_slice())).collect();
    let titles: Vec<_> = told(&seen)
        .into_iter()
        .map(|(at, _, title)| (at, title))
        .collect();
    let again = "still: no credit".to_owned();
    assert_eq!(titles, [(900, "no credit".to_owned()), (900 + day, again)]);
}

#[test]
fn a_page_says_what_is_at_stake_what_the_program_does_and_one_command() {
    let mut told = AlertTracker::default();
    let bad = alert(AlertLevel::Critical, "instance 7 is not gone");
    let look = |told: &mut AlertTracker, second| {
        let mut snapshot = snapshot(0);
        snapshot.at = at(second);
        snapshot.alerts = vec![bad.clone()];
        snapshot.money.per_hour = UsdPerHour::from_dollars(9.6);
        told.update(&snapshot, &Freshness::default(), &Prices::new())
    };
    look(&mut told, 0);
    let notices = look(&mut told, 20);
    assert_eq!(
        notices[0].body,
        "To do: look at it with `pocpit nodes`.\n\
         Money: $9.60/h is running, $0.00 so far in this sprint.\n\
         pocpit: it is waiting, and goes on until the next word is yours.\n\
         Look: pocpit nodes"
    );
}

/// Looks at these alerts at this second.
fn look(told: &mut AlertTracker, second: i64, alerts: &[Alert]) -> Vec<String> {
    let snapshot = Snapshot {
        at: at(second),
        alerts: alerts.to_vec(),
        ..snapshot(0)
    };
    let notices = told
        .update(&snapshot, &Freshness::default(), &Prices::new())
        .into_iter();
    notices.map(|notice| notice.title).collect()
}

#[test]
fn two_rentals_that_are_found_at_once_are_two_pages() {
    let of = |instance| Alert {
        condition: Condition::Foreign(InstanceId(instance)),
        ..alert(
            AlertLevel::Critical,
            &format!("instance {instance} belongs to another cockpit"),
        )
    };
    let both = [of(7), of(8)];
    let mut told = AlertTracker::default();
    assert!(look(&mut told, 0, &both).is_empty());
    assert_eq!(look(&mut told, 20, &both).len(), 2);
    // One of them is over, the other lasts.
    assert!(look(&mut told, 40, &both[..1]).is_empty());
    assert_eq!(
        look(&mut told, 150, &both[..1]),
        ["over: instance 8 belongs to another cockpit"]
    );
}

#[test]
fn over_a_restart_nothing_is_told_twice_and_what_is_over_meanwhile_is_told() {
    let place = tempfile::tempdir().unwrap();
    let file = Some(place.path().join("told.json"));
    let bad = [
        alert(AlertLevel::Warning, "the chain cannot be read"),
        Alert {
            condition: Condition::LowCredit,
            ..alert(AlertLevel::Warning, "no credit")
        },
    ];
    let mut told = AlertTracker::open(file.clone(), at(0));
    look(&mut told, 0, &bad);
    assert_eq!(look(&mut told, 60, &bad).len(), 2);
    // Hours later another process sees one of them again, a while after its start.
    let mut told = AlertTracker::open(file.clone(), at(20_000));
    let none = Vec::<String>::new();
    assert_eq!(look(&mut told, 20_000, &[]), none);
    assert_eq!(look(&mut told, 20_030, &bad[1..]), none);
    assert_eq!(
        look(&mut told, 20_130, &bad[1..]),
        ["over: the chain cannot be read"]
    );
    // A damaged file is no reason not to tell.
    std::fs::write(place.path().join("told.json"), "{").unwrap();
    let mut told = AlertTracker::open(file, at(30_000));
    assert_eq!(look(&mut told, 30_000, &bad), none);
    assert_eq!(look(&mut told, 30_060, &bad).len(), 2);
}

#[test]
fn state_file_without_commands_is_read() {
    // Given the file that versions before alerts had a command wrote,
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("told.json");
    let saved = r#"[{"condition":{"not_gone":7},"since":"1970-01-01T00:00:00Z",
        "advice":"destroy it by hand: `vastai destroy instance 7`","text":"instance 7 is not gone",
        "level":"critical","first_seen":"1970-01-01T00:00:00Z","last_seen":"1970-01-01T00:00:20Z",
        "read_at":null,"readings":2,"told":"1970-01-01T00:00:20Z"}]"#;
    std::fs::write(&file, saved).unwrap();
    // when the alert is gone, then that is sent.
    let mut tracker = AlertTracker::open(Some(file), at(60));
    assert_eq!(
        look(&mut tracker, 180, &[]),
        ["over: instance 7 is not gone"]
    );
}

/// What is told of a foreign rental that is shown every second of this time, when rentals are listed at
/// these seconds.
fn told_of_foreign(shown: std::ops::Range<i64>, listed: &[i64]) -> Vec<(i64, NoticeLevel)> {
    let foreign = Alert {
        condition: Condition::Foreign(InstanceId(7)),
        ..alert(
            AlertLevel::Critical,
            "instance 7 belongs to another cockpit",
        )
    };
    let mut told = AlertTracker::default();
    let mut reads = Freshness::default();
    let mut all = Vec::new();
    for second in 0..300 {
        if listed.contains(&second) {
            reads.mark(Feed::Rentals, at(second));
        }
        // It is asked for in vain, and other sources are read meanwhile: they say nothing of it.
        reads.mark(Feed::RentalsPoll, at(second));
        reads.mark(Feed::Chain, at(second));
        let is_shown = shown.contains(&second);
        let snapshot = Snapshot {
            at: at(second),
            alerts: is_shown.then(|| foreign.clone()).into_iter().collect(),
            ..snapshot(0)
        };
        let notices = told.update(&snapshot, &reads, &Prices::new()).into_iter();
        all.extend(notices.map(|notice| (second, notice.level)));
    }
    all
}

#[test]
fn one_bad_listing_that_is_good_again_at_the_next_is_not_told() {
    assert_eq!(told_of_foreign(0..30, &[0, 30, 60]), []);
    // Nor is one after which nothing is listed any more: that is told by itself.
    assert_eq!(told_of_foreign(0..300, &[0]), []);
}

#[test]
fn what_two_listings_say_is_told_at_the_second_one() {
    let critical = (30, NoticeLevel::Critical);
    let over = (209, NoticeLevel::Resolved);
    assert_eq!(told_of_foreign(0..90, &[0, 30, 60, 90]), [critical, over]);
}

#[test]
fn a_page_of_a_rental_that_is_not_the_sprints_says_what_it_costs() {
    let foreign = Alert {
        condition: Condition::Foreign(InstanceId(7)),
        ..alert(
            AlertLevel::Critical,
            "instance 7 belongs to another cockpit",
        )
    };
    let page = |prices: &Prices| {
        let mut told = AlertTracker::default();
        let mut look = |second| {
            let snapshot = Snapshot {
                at: at(second),
                alerts: vec![foreign.clone()],
                ..snapshot(0)
            };
            told.update(&snapshot, &Freshness::default(), prices)
        };
        look(0);
        look(20).remove(0).body
    };
    let known = page(&[(InstanceId(7), UsdPerHour::from_dollars(9.6))].into());
    let money = "\nMoney: instance 7 costs $9.60/h as long as it is there; this sprint has nothing rented.\n";
    assert!(known.contains(money), "{known}");
    let unknown = page(&Prices::new());
    assert!(
        unknown.contains("what instance 7 costs is not known"),
        "{unknown}"
    );
}
