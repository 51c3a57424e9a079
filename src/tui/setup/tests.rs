use proptest::prelude::*;

use super::*;

fn question(name: &str, answer: &str, shown: Shown) -> Question {
    Question {
        name: name.into(),
        text: "What it means.".into(),
        example: "an example".into(),
        answer: answer.into(),
        shown,
    }
}

fn setup() -> Setup {
    Setup::new(vec![
        question("cockpit.id", "home", Shown::Plain),
        question("vast.api_key", "", Shown::Hidden),
    ])
}

/// An answer must be there, and the two must differ.
fn judge(at: usize, all: &[Question]) -> Option<String> {
    if all[at].answer.is_empty() {
        return Some("it is missing".into());
    }
    (at == 0 && all[0].answer == all[1].answer).then(|| "the two are the same".into())
}

fn press(setup: &mut Setup, codes: &[KeyCode]) -> Next {
    let mut next = Next::Ask;
    for code in codes {
        next = setup.key(KeyEvent::new(*code, KeyModifiers::NONE), &judge);
    }
    next
}

#[test]
fn a_good_answer_leads_on_and_a_bad_one_is_told() {
    let mut setup = setup();
    press(&mut setup, &[KeyCode::Enter, KeyCode::Enter]);
    assert_eq!(
        (setup.at, setup.problem.as_deref()),
        (1, Some("it is missing"))
    );
    setup.paste(" s3cret\n");
    assert_eq!(setup.problem, None, "what is typed is new");
    assert_eq!(press(&mut setup, &[KeyCode::Enter]), Next::Ask);
    assert_eq!(setup.at, 2);
    assert_eq!(press(&mut setup, &[KeyCode::Enter]), Next::Write);
    assert_eq!(setup.questions[1].answer, "s3cret");
}

#[test]
fn an_answer_that_another_one_made_wrong_is_asked_for_again() {
    let mut setup = setup();
    press(&mut setup, &[KeyCode::Enter]);
    setup.paste("home");
    assert_eq!(
        press(&mut setup, &[KeyCode::Enter, KeyCode::Enter]),
        Next::Ask
    );
    assert_eq!(
        (setup.at, setup.problem.as_deref()),
        (0, Some("the two are the same"))
    );
}

#[test]
fn leaving_writes_nothing_and_a_secret_is_not_on_the_screen() {
    let mut setup = setup();
    press(&mut setup, &[KeyCode::Enter]);
    setup.paste("s3cret");
    let area = ratatui::layout::Rect::new(0, 0, 80, 24);
    let theme = crate::tui::theme::Theme {
        colors: crate::tui::theme::Colors::None,
        ground: crate::tui::theme::Ground::Dark,
        unicode: false,
        own: crate::tui::theme::OwnColors::NONE,
    };
    for at in [1, 2] {
        setup.at = at;
        let mut buffer = ratatui::buffer::Buffer::empty(area);
        screen::draw(&mut buffer, area, &setup, "config.toml", theme);
        let shown: String = buffer
            .content()
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        assert!(
            shown.contains("******") && !shown.contains("s3cret"),
            "{shown}"
        );
        assert!(shown.contains("vast.api_key"), "{shown}");
    }
    assert_eq!(press(&mut setup, &[KeyCode::Esc]), Next::Leave);
}

proptest! {
    #[test]
    fn whatever_is_typed_at_any_size_it_neither_breaks_nor_writes_a_bad_answer(
        keys in prop::collection::vec(0_u8..8, 0..60),
        (width, height) in (1_u16..120, 1_u16..40),
    ) {
        let mut setup = setup();
        for key in keys {
            let code = [
                KeyCode::Enter, KeyCode::Up, KeyCode::Backspace, KeyCode::Char('a'),
                KeyCode::Char('ä'), KeyCode::BackTab, KeyCode::Tab, KeyCode::Left,
            ][usize::from(key)];
            let next = press(&mut setup, &[code]);
            if next == Next::Write {
                prop_assert!((0..2).all(|at| judge(at, &setup.questions).is_none()));
            }
            let area = ratatui::layout::Rect::new(0, 0, width, height);
            let mut buffer = ratatui::buffer::Buffer::empty(area);
            let theme = crate::tui::theme::Theme {
                colors: crate::tui::theme::Colors::True,
                ground: crate::tui::theme::Ground::Dark,
                unicode: true,
                own: crate::tui::theme::OwnColors::NONE,
            };
            screen::draw(&mut buffer, area, &setup, "config.toml", theme);
        }
    }
}
