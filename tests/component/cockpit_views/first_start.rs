//! The first start at every size.

use super::*;
use pocpit::tui::setup::{self, Echo, Setup, SetupQuestion};

fn question(name: &str, answer: &str, echo: Echo) -> SetupQuestion {
    SetupQuestion {
        name: name.into(),
        text: "Name of this cockpit on the Vast account: 1 to 32 of a-z, 0-9 and -. Every rental is labelled with it.".into(),
        example: "home".into(),
        answer: answer.into(),
        echo,
    }
}

#[test]
fn first_start_matches_its_snapshots() {
    let questions = vec![
        question("cockpit.id", "My Home", Echo::Plain),
        question("vast.api_key", "a-secret-key", Echo::Masked),
    ];
    let wrong =
        |_: usize, _: &[SetupQuestion]| Some("\"My Home\" is not of the right form".to_owned());
    let right = |_: usize, _: &[SetupQuestion]| None;
    let enter = KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE);
    let mut asked = Setup::new(questions.clone());
    asked.on_key(enter, &wrong);
    let mut hidden = Setup::new(questions);
    hidden.on_key(enter, &right);
    let mut all = hidden.clone();
    all.on_key(enter, &right);
    for (name, state) in [("wrong", asked), ("hidden", hidden), ("all", all)] {
        for (width, height) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            let draw = |frame: &mut ratatui::Frame<'_>| {
                let area = frame.area();
                setup::draw(
                    frame.buffer_mut(),
                    area,
                    &state,
                    "~/.config/pocpit/config.toml",
                    THEME,
                );
            };
            terminal.draw(draw).unwrap();
            let screen = terminal.backend().to_string();
            assert!(!screen.contains("a-secret-key"), "{screen}");
            insta::assert_snapshot!(
                format!("first_start_{name}_{width}x{height}"),
                terminal.backend()
            );
        }
    }
}
