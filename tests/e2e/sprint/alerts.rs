//! Each thing that can be wrong, reached from the world, and what the operator sees of it.

use pocpit::domain::Mode;
use pocpit::engine::{Alert, AlertLevel, Snapshot};
use pocpit::tui::attention::headline;
use pocpit::tui::keymap::Keymap;
use pocpit::tui::model::Model;
use pocpit::tui::theme::{BackgroundShade, ColorDepth, ColorOverrides, Theme};
use pocpit::tui::view;
use pocpit::world::{Fault, FaultKind, MODEL, Scenario, WorkloadFault};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::rig::Rig;

fn broken(service: &str, call: &str) -> Scenario {
    let kind = FaultKind::Status {
        status: 500,
        body: "broken".into(),
    };
    Scenario {
        faults: vec![Fault {
            service: service.into(),
            call: call.into(),
            nth: None,
            probability: None,
            kind,
        }],
        ..Scenario::default()
    }
}

fn shows<'a>(snapshot: &'a Snapshot, level: AlertLevel, text: &str) -> Option<&'a Alert> {
    let mut alerts = snapshot.alerts.iter();
    alerts.find(|alert| alert.level == level && alert.text.contains(text))
}

/// The screen of a cockpit of this size, in characters that every terminal has.
fn drawn(snapshot: &Snapshot, width: u16, height: u16) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    let theme = Theme {
        colors: ColorDepth::None,
        background: BackgroundShade::Dark,
        unicode: false,
        overrides: ColorOverrides::NONE,
    };
    let model = Model::new(std::sync::Arc::new(snapshot.clone()));
    view::draw(&mut buffer, area, &model, Keymap::defaults(), theme);
    buffer
        .content()
        .iter()
        .map(ratatui::buffer::Cell::symbol)
        .collect()
}

/// The world comes to this alert, which has a remedy, and every screen shows the worst one.
async fn is_told(rig: &mut Rig, level: AlertLevel, text: &str) {
    rig.until(text, |snapshot| shows(snapshot, level, text).is_some())
        .await;
    let snapshot = rig.snapshot();
    if let Some(alert) = shows(&snapshot, level, text) {
        assert!(!alert.advice.text.is_empty(), "{alert:?}");
    }
    let first = headline(&Model::new(snapshot.clone()), Keymap::defaults()).first;
    for (width, height) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
        let screen = drawn(&snapshot, width, height);
        let begin: String = first.text.chars().take(30).collect();
        assert!(screen.contains(&begin), "{width}x{height}: {screen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_services_raise_alerts() {
    for (service, call, text) in [
        ("public", "", "the chain cannot be read"),
        ("vast", "GET /api/v1/instances", "rentals are unknown"),
        ("admin", "", "the Network Node does not answer"),
    ] {
        let mut rig = Rig::start(Mode::Manual, broken(service, call)).await;
        is_told(&mut rig, AlertLevel::Warning, text).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rent_blockers_raise_alerts() {
    let poor = Scenario {
        credit: 0.5,
        ..Scenario::default()
    };
    let mut rig = Rig::start(Mode::Auto, poor).await;
    is_told(&mut rig, AlertLevel::Warning, "credit is $0.50").await;
    let upgraded = Scenario {
        upgrade_before_poc: 40,
        ..Scenario::default()
    };
    let mut rig = Rig::start(Mode::Auto, upgraded).await;
    is_told(&mut rig, AlertLevel::Warning, "upgrade").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_proxy_raises_alerts() {
    // Given a broken upstream, when the proxy gets a request, then no upstream is left;
    let mut rig = Rig::start(Mode::Manual, broken("upstream", "")).await;
    let (serving, listen) = rig.serve_proxy();
    let answers = |snapshot: &Snapshot| {
        let proxy = snapshot.proxy.as_ref();
        proxy.is_some_and(|proxy| proxy.figures.is_some() && proxy.silent_since.is_none())
    };
    rig.until("the proxy answers", answers).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = http
        .post(format!("http://{listen}/v1/chat/completions"))
        .json(&serde_json::json!({"model": MODEL, "messages": []}))
        .send();
    assert_eq!(asked.await.unwrap().status(), 502);
    is_told(
        &mut rig,
        AlertLevel::Warning,
        "no upstream of the inference proxy is healthy",
    )
    .await;
    // and when the proxy itself is gone, that alert replaces it until the proxy is back.
    serving.abort();
    let silent = "the inference proxy does not answer any more";
    is_told(&mut rig, AlertLevel::Warning, silent).await;
    let _serving = rig.serve_proxy();
    let over = |snapshot: &Snapshot| shows(snapshot, AlertLevel::Warning, silent).is_none();
    rig.until("the alert is over", over).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_rental_raises_critical_alert() {
    let mut rig = Rig::start(Mode::Manual, Scenario::default()).await;
    rig.rent_behind_its_back("pocpit/another/1/1-abc").await;
    is_told(&mut rig, AlertLevel::Critical, "belongs to another cockpit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_boot_alerts_with_cause() {
    let scenario = Scenario::named("boot-fails").unwrap();
    let mut rig = Rig::start(Mode::Auto, scenario).await;
    is_told(&mut rig, AlertLevel::Warning, "out of memory").await;
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stuck_destroy_alerts_with_command() {
    // Given a market that takes no destroy,
    let mut rig = Rig::start(Mode::Auto, broken("vast", "DELETE /api/v0/instances/")).await;
    // when the sprint is over, then money runs: that cannot be missed,
    is_told(&mut rig, AlertLevel::Critical, "is still not gone").await;
    let snapshot = rig.snapshot();
    let alert = shows(&snapshot, AlertLevel::Critical, "is still not gone").unwrap();
    assert!(
        alert.advice.text.contains("vastai destroy instance"),
        "{alert:?}"
    );
    // and the address and the command stand on the screen.
    let screen = drawn(&snapshot, 200, 60);
    assert!(screen.contains("vastai destroy instance"), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmation_poc_alerts_about_the_reward() {
    let scenario = Scenario::named("confirmation").unwrap();
    let mut rig = Rig::start_and_go_on(Mode::Auto, scenario).await;
    is_told(
        &mut rig,
        AlertLevel::Critical,
        "a confirmation PoC is under way",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crashed_generation_is_told() {
    // Given a rental whose generation crashes a minute after its start,
    let scenario = Scenario {
        workload_fault: Some(WorkloadFault::GenerationCrashes { after: 60.0 }),
        ..Scenario::default()
    };
    let mut rig = Rig::start(Mode::Auto, scenario).await;
    // then its log says so, and the operator what it means;
    is_told(&mut rig, AlertLevel::Warning, "computes nothing any more").await;
    // and the Network Node's next start of it still earns.
    let (report, _) = rig.end().await;
    let outcome = pocpit::domain::OutcomeKind::Confirmed;
    assert_eq!(report.outcome, outcome, "{report:?}");
}
