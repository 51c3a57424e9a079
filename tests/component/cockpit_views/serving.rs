//! A sprint that serves and proves nothing.

use super::*;

#[test]
fn serving_shows_steps_and_address() {
    let mut snapshot = rented(Step::Serving);
    snapshot.sprint.aim = Aim::Serving { minutes: 240 };
    snapshot.sprint.doing = "serves org/model until 18:20 UTC: http://127.0.0.1:8000/v1".into();
    snapshot.sprint.release_at = Some(band(200));
    let mut m = model(snapshot);
    type_and_draw(&mut m, "2");
    for (width, height) in [(80, 24), (120, 40)] {
        let text = shown(&m, width, height);
        assert_shows(&text, &["▶ serve", "serves org/model", "4h 00m of serving"]);
        for never in ["register ", "prove", "confirm "] {
            assert!(!text.contains(never), "{never} is in:\n{text}");
        }
    }
}
