//! The first start on the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Next, Question, Setup, Shown};
use crate::config::MouseMode;
use crate::tui::app::{Signals, Told};
use crate::tui::input::Input;
use crate::tui::layout::centered;
use crate::tui::message::Message;
use crate::tui::terminal::{self, Screen};
use crate::tui::theme::Theme;
use crate::tui::timings::Timings;
use crate::tui::view::{popup, words};
use crate::tui::{TimingsChoice, TuiError};

const WIDTH: u16 = 92;

/// Asks until the operator agrees to what is to be written, or leaves: then there are no answers.
pub async fn run(
    questions: Vec<Question>,
    file: &str,
    theme: Theme,
    judge: &(dyn Fn(usize, &[Question]) -> Option<String> + Sync),
) -> Result<Option<Vec<Question>>, TuiError> {
    terminal::check()?;
    let timings = Timings::new(TimingsChoice::Quiet);
    let mut signals = Signals::listen()?;
    let mut screen = Screen::enter(MouseMode::Terminal, &timings)?;
    let mut input = Input::start().map_err(|source| TuiError::Terminal {
        doing: "starting to read keys",
        source,
    })?;
    let mut setup = Setup::new(questions);
    let mut all = true;
    loop {
        screen.draw(all, |frame| {
            let area = frame.area();
            draw(frame.buffer_mut(), area, &setup, file, theme);
        })?;
        all = false;
        let message = tokio::select! {
            biased;
            told = signals.next() => match told {
                Told::End => return Ok(None),
                Told::Redraw => { all = true; continue; }
            },
            message = input.messages.recv() => message,
        };
        match message {
            None => return Ok(None),
            Some(Message::Paste(text)) => setup.paste(&text),
            Some(Message::Key(key)) => match setup.key(key, &|at, all| judge(at, all)) {
                Next::Ask => {}
                Next::Leave => return Ok(None),
                Next::Write => return Ok(Some(setup.questions)),
            },
            Some(_) => {}
        }
    }
}

/// Draws where the operator is.
pub fn draw(buf: &mut Buffer, screen: Rect, setup: &Setup, file: &str, theme: Theme) {
    let columns = usize::from(WIDTH.min(screen.width)).saturating_sub(6);
    let count = setup.questions.len();
    let (title, lines) = match setup.questions.get(setup.at) {
        Some(question) => (
            format!("pocpit, first start: {} of {count}", setup.at + 1),
            question_lines(question, setup, columns, theme),
        ),
        None => (
            "pocpit, first start: all of it".to_owned(),
            review_lines(setup, file, columns, theme),
        ),
    };
    let most = screen.height.saturating_sub(2);
    let height = u16::try_from(lines.len() + 2).map_or(most, |height| height.min(most));
    let area = centered(screen, WIDTH, height.max(3));
    // What is agreed to stands last and must be seen.
    let scroll = u16::try_from(lines.len())
        .unwrap_or(u16::MAX)
        .saturating_sub(height.saturating_sub(2));
    popup(buf, area, &title, lines, scroll, theme);
}

fn question_lines<'a>(
    question: &'a Question,
    setup: &'a Setup,
    columns: usize,
    theme: Theme,
) -> Vec<Line<'a>> {
    let mut lines = vec![
        Line::raw(""),
        Line::styled(format!(" {}", question.name), theme.strong()),
    ];
    for row in words::wrap(&question.text, columns) {
        lines.push(Line::raw(format!(" {row}")));
    }
    lines.push(Line::styled(
        format!(" for example {}", question.example),
        theme.dim(),
    ));
    lines.push(Line::raw(""));
    // The end of a long answer is what is typed.
    let answer = visible(question, theme);
    let skipped = answer
        .chars()
        .count()
        .saturating_sub(columns.saturating_sub(4));
    lines.push(Line::from(vec![
        Span::styled(format!(" {} ", theme.glyph("❯", ">")), theme.accent()),
        Span::raw(answer.chars().skip(skipped).collect::<String>()),
        Span::styled(" ", theme.selected()),
    ]));
    lines.push(Line::raw(""));
    if let Some(problem) = &setup.problem {
        for row in words::wrap(problem, columns) {
            lines.push(Line::styled(format!(" {row}"), theme.bad()));
        }
        lines.push(Line::raw(""));
    }
    let keys = " Enter next   Up back   Ctrl-U erase   Esc leave";
    lines.push(Line::styled(keys, theme.dim()));
    lines
}

fn review_lines<'a>(setup: &'a Setup, file: &str, columns: usize, theme: Theme) -> Vec<Line<'a>> {
    let widest = setup
        .questions
        .iter()
        .map(|question| question.name.len())
        .max()
        .unwrap_or(0);
    let mut lines = vec![Line::raw("")];
    for question in &setup.questions {
        let room = columns.saturating_sub(widest + 2);
        let answer: String = visible(question, theme).chars().take(room).collect();
        lines.push(Line::from(vec![
            Span::styled(format!(" {:<widest$}  ", question.name), theme.dim()),
            Span::raw(answer),
        ]));
    }
    lines.push(Line::raw(""));
    let text = format!(
        "This goes into {file}, which only you can read, with every other setting and its default as a comment; the key goes into a file beside it. Then everything is checked. Nothing is rented."
    );
    for row in words::wrap(&text, columns) {
        lines.push(Line::raw(format!(" {row}")));
    }
    lines.push(Line::raw(""));
    let keys = " Enter write and check   Up back   Esc leave";
    lines.push(Line::styled(keys, theme.accent()));
    lines
}

fn visible(question: &Question, theme: Theme) -> String {
    match question.shown {
        Shown::Plain => question.answer.clone(),
        Shown::Hidden => theme
            .glyph("•", "*")
            .repeat(question.answer.chars().count()),
    }
}
