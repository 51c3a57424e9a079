//! The alert line, the list of alerts, and the bell.

use super::*;

#[test]
fn alert_line_fits_every_size() {
    for (width, height) in [(200, 60), (120, 40), (80, 24), (60, 16)] {
        let text = shown(&model(alarmed()), width, height);
        let line = text.lines().next().unwrap_or_default();
        assert!(
            line.contains("CRITICAL") && line.contains("28111222") && line.contains("+2 !"),
            "{width}x{height}: {line}"
        );
    }
}

#[test]
fn quitting_counts_only_what_is_listed() {
    let line = |snapshot| {
        let mut m = model(snapshot);
        m.quitting = true;
        let text = shown(&m, 80, 24);
        text.lines().nth(2).unwrap_or_default().to_owned()
    };
    let rented = line(rented(Step::Booting));
    assert!(
        rented.contains("QUITTING 1 rental and 0 registrations"),
        "{rented}"
    );
    // A rent call in flight may still give one.
    let unknown = line(choosing());
    assert!(
        unknown.contains("closes when everything is released"),
        "{unknown}"
    );
}

#[test]
fn alert_list_shows_age_and_advice() {
    let mut m = model(alarmed());
    assert_eq!(type_and_draw(&mut m, "!"), vec![]);
    let text = shown(&m, 120, 40);
    assert_shows(
        &text,
        &[
            "for 7m 00s",
            "https://console.vast.ai/instances/",
            "for 10h 00m",
            "3 alerts, 2 CRITICAL",
        ],
    );
    type_and_draw(&mut m, "!");
    assert_eq!(m.overlay, None);
}

#[test]
fn new_alert_and_gate_ring_once() {
    let mut m = model(proving());
    let mut rings = |snapshot: Snapshot| {
        publish(&mut m, snapshot);
        m.effects.bell.take()
    };
    let critical = rings(alarmed()).unwrap_or_default();
    assert!(critical.contains("28111222"), "{critical}");
    let mut later = alarmed();
    later.alerts[0].text = "instance 28111222 is still not gone 8 minutes after its destroy".into();
    assert_eq!(rings(later), None, "it is the same one");
    assert_eq!(rings(proving()), None, "it is over");
    let gate = rings(registering());
    assert_eq!(gate.as_deref(), Some("the register gate waits for you"));
    assert_eq!(rings(registering()), None);
}
