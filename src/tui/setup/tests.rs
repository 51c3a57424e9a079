use proptest::prelude::*;

use super::*;
use crate::tui::theme::{BackgroundShade, ColorDepth, ColorOverrides, Theme};

const THEME: Theme = Theme {
    colors: ColorDepth::True,
    background: BackgroundShade::Dark,
    unicode: false,
    overrides: ColorOverrides::NONE,
};

fn question(name: &str, answer: &str, echo: Echo) -> SetupQuestion {
    SetupQuestion {
        name: name.into(),
        text: "What it means.".into(),
        example: "an example".into(),
        answer: answer.into(),
        echo,
    }
}

fn setup() -> Setup {
    Setup::new(vec![
        question("cockpit.id", "home", Echo::Plain),
        question("vast.api_key", "", Echo::Masked),
    ])
}

/// An answer must be there, and the two must differ.
fn validate(at: usize, all: &[SetupQuestion]) -> Option<String> {
    if all[at].answer.is_empty() {
        return Some("it is missing".into());
    }
    (at == 0 && all[0].answer == all[1].answer).then(|| "the two are the same".into())
}

fn press(setup: &mut Setup, codes: &[KeyCode]) -> SetupAction {
    let mut next = SetupAction::Continue;
    for code in codes {
        next = setup.on_key(KeyEvent::new(*code, KeyModifiers::NONE), &validate);
    }
    next
}

#[test]
fn invalid_answer_is_reported_and_kept() {
    let mut setup = setup();
    press(&mut setup, &[KeyCode::Enter, KeyCode::Enter]);
    assert_eq!(
        (setup.index, setup.problem.as_deref()),
        (1, Some("it is missing"))
    );
    setup.on_paste(" s3cret\n");
    assert_eq!(setup.problem, None, "typing clears the problem");
    assert_eq!(press(&mut setup, &[KeyCode::Enter]), SetupAction::Continue);
    assert_eq!(setup.index, 2);
    assert_eq!(press(&mut setup, &[KeyCode::Enter]), SetupAction::Write);
    assert_eq!(setup.questions[1].answer, "s3cret");
}

#[test]
fn answer_invalidated_later_is_asked_again() {
    let mut setup = setup();
    press(&mut setup, &[KeyCode::Enter]);
    setup.on_paste("home");
    assert_eq!(
        press(&mut setup, &[KeyCode::Enter, KeyCode::Enter]),
        SetupAction::Continue
    );
    assert_eq!(
        (setup.index, setup.problem.as_deref()),
        (0, Some("the two are the same"))
    );
}

#[test]
fn secret_is_masked_and_cancel_writes_nothing() {
    let mut setup = setup();
    press(&mut setup, &[KeyCode::Enter]);
    setup.on_paste("s3cret");
    let area = ratatui::layout::Rect::new(0, 0, 80, 24);
    for at in [1, 2] {
        setup.index = at;
        let mut buffer = ratatui::buffer::Buffer::empty(area);
        screen::draw(&mut buffer, area, &setup, "config.toml", THEME);
        let cells = buffer.content().iter();
        let shown: String = cells.map(ratatui::buffer::Cell::symbol).collect();
        assert!(
            shown.contains("******") && !shown.contains("s3cret"),
            "{shown}"
        );
        assert!(shown.contains("vast.api_key"), "{shown}");
    }
    assert_eq!(press(&mut setup, &[KeyCode::Esc]), SetupAction::Cancel);
}

proptest! {
    #[test]
    fn any_input_never_writes_invalid_answers(
        keys in prop::collection::vec(0_u8..8, 0..60),
        (width, height) in (1_u16..120, 1_u16..40),
    ) {
        let mut setup = setup();
        let theme = Theme { unicode: true, ..THEME };
        for key in keys {
            let code = [
                KeyCode::Enter, KeyCode::Up, KeyCode::Backspace, KeyCode::Char('a'),
                KeyCode::Char('ä'), KeyCode::BackTab, KeyCode::Tab, KeyCode::Left,
            ][usize::from(key)];
            let next = press(&mut setup, &[code]);
            if next == SetupAction::Write {
                prop_assert!((0..2).all(|at| validate(at, &setup.questions).is_none()));
            }
            let area = ratatui::layout::Rect::new(0, 0, width, height);
            let mut buffer = ratatui::buffer::Buffer::empty(area);
            screen::draw(&mut buffer, area, &setup, "config.toml", theme);
        }
    }
}
