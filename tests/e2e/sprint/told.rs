//! What an operator who looks elsewhere reads of an epoch, at a receiver of theirs.

use std::time::Duration;

use axum::routing::post;
use axum::{Json, Router};
use pocpit::world::Scenario;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::rig::Rig;

/// Nothing in a sprint takes this long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A receiver of notices.
struct Receiver {
    address: url::Url,
    notices: UnboundedReceiver<Value>,
}

impl Receiver {
    async fn start() -> Receiver {
        let (heard, notices) = unbounded_channel();
        let hook = move |Json(notice): Json<Value>| async move {
            let _ = heard.send(notice);
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/hook", listener.local_addr().unwrap());
        let app = Router::new().route("/hook", post(hook));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Receiver {
            address: address.parse().unwrap(),
            notices,
        }
    }

    /// Level, title and body of an epoch's notice; others are skipped.
    async fn hears_of_an_epoch(&mut self) -> [String; 3] {
        let notice = tokio::time::timeout(PATIENCE, async {
            loop {
                let notice = self.notices.recv().await.unwrap();
                if notice["title"].as_str().unwrap().starts_with("epoch ") {
                    return notice;
                }
            }
        });
        let notice = notice.await.expect("a notice of an epoch");
        ["level", "title", "body"].map(|part| notice[part].as_str().unwrap().to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmed_epoch_notice_has_reward_and_cost() {
    let mut receiver = Receiver::start().await;
    let rig = Rig::start_telling(Scenario::default(), receiver.address.clone()).await;
    let (report, _) = rig.end().await;
    let [level, title, body] = receiver.hears_of_an_epoch().await;
    let (epoch, weight) = (report.epoch.unwrap(), report.weight.unwrap());
    assert_eq!(
        (level.as_str(), title),
        ("notice", format!("epoch {epoch}: confirmed"))
    );
    let earned = format!("weight {weight}, cost {}. ", report.spent(None));
    assert!(
        body.starts_with(&earned) && body.contains("booting"),
        "{body}"
    );
    assert!(!body.contains("To do"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn skipped_epoch_notice_has_reason_and_remedy() {
    // Given an upgrade that halts the chain five blocks before a PoC,
    let mut receiver = Receiver::start().await;
    let halted = Scenario {
        upgrade_before_poc: 5,
        ..Scenario::default()
    };
    let rig = Rig::start_telling(halted, receiver.address.clone()).await;
    // when that PoC has passed, then a notice says that nothing was rented for it.
    let [level, title, body] = receiver.hears_of_an_epoch().await;
    assert_eq!(level, "warning");
    assert!(title.ends_with(": not tried"), "{title}");
    assert!(
        body.starts_with("Nothing was rented for it: ") && body.contains("upgrade"),
        "{body}"
    );
    for line in [
        "To do: ",
        "Money: nothing was spent",
        "Time: PoC of",
        "Look: pocpit check",
    ] {
        assert!(body.contains(line), "{line} in {body}");
    }
    assert!(rig.world.truth().rentals.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_sprint_notice_has_cost_and_leftovers() {
    let mut receiver = Receiver::start().await;
    let scenario = Scenario::named("boot-fails").unwrap();
    let rig = Rig::start_telling(scenario, receiver.address.clone()).await;
    let (report, _) = rig.end().await;
    let [level, title, body] = receiver.hears_of_an_epoch().await;
    assert_eq!(level, "warning");
    assert!(title.ends_with(": failed"), "{title}");
    let cost = format!(
        "Money: the sprint cost {}, nothing of it is running",
        report.spent(None)
    );
    for line in ["To do: ", &cost, "pocpit: ", "Look: pocpit history"] {
        assert!(body.contains(line), "{line} in {body}");
    }
}
