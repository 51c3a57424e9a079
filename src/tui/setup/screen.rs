//! Screen of the first start.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Echo, Setup, SetupAction, SetupQuestion};
use crate::config::MouseMode;
use crate::tui::input::Input;
use crate::tui::layout::centered;
use crate::tui::message::Message;
use crate::tui::signals::{SignalAction, Signals};
use crate::tui::terminal::{self, Screen};
use crate::tui::theme::Theme;
use crate::tui::timings::Timings;
use crate::tui::view::format;
use crate::tui::view::widgets::popup;
use crate::tui::{TimingsChoice, TuiError};

const WIDTH: u16 = 92;

/// Asks until the operator confirms, or cancels: then there are no answers.
pub async fn run(
    questions: Vec<SetupQuestion>,
    file: &str,
    theme: Theme,
    validate: &(dyn Fn(usize, &[SetupQuestion]) -> Option<String> + Sync),
) -> Result<Option<Vec<SetupQuestion>>, TuiError> {
    terminal::check()?;
    let timings = Timings::new(TimingsChoice::Off);
    let mut signals = Signals::listen()?;
    let mut screen = Screen::enter(MouseMode::Terminal, &timings)?;
    let mut input = Input::start()?;
    let mut setup = Setup::new(questions);
    let mut redraw = true;
    loop {
        screen.draw(redraw, |frame| {
            let area = frame.area();
            draw(frame.buffer_mut(), area, &setup, file, theme);
        })?;
        redraw = false;
        let message = tokio::select! {
            biased;
            action = signals.next() => match action {
                SignalAction::Exit | SignalAction::HangUp => return Ok(None),
                SignalAction::Suspend => {
                    screen.suspend()?;
                    redraw = true;
                    continue;
                }
                SignalAction::Redraw => {
                    redraw = true;
                    continue;
                }
            },
            message = input.messages.recv() => message,
        };
        match message {
            None => return Ok(None),
            Some(Message::Paste(text)) => setup.on_paste(&text),
            Some(Message::Key(key)) => {
                match setup.on_key(key, &|index, all| validate(index, all)) {
                    SetupAction::Continue => {}
                    SetupAction::Cancel => return Ok(None),
                    SetupAction::Write => return Ok(Some(setup.questions)),
                }
            }
            Some(_) => {}
        }
    }
}

pub fn draw(buf: &mut Buffer, screen: Rect, setup: &Setup, file: &str, theme: Theme) {
    let columns = usize::from(WIDTH.min(screen.width)).saturating_sub(6);
    let count = setup.questions.len();
    let (title, lines) = match setup.questions.get(setup.index) {
        Some(question) => (
            format!("pocpit, first start: {} of {count}", setup.index + 1),
            question_lines(question, setup, columns, theme),
        ),
        None => (
            "pocpit, first start: review".to_owned(),
            review_lines(setup, file, columns, theme),
        ),
    };
    let most = screen.height.saturating_sub(2);
    let height = u16::try_from(lines.len() + 2).map_or(most, |height| height.min(most));
    let area = centered(screen, WIDTH, height.max(3));
    // The confirmation is last and must be visible.
    let scroll = u16::try_from(lines.len())
        .unwrap_or(u16::MAX)
        .saturating_sub(height.saturating_sub(2));
    popup(buf, area, &title, lines, scroll, theme);
}

fn question_lines<'a>(
    question: &'a SetupQuestion,
    setup: &'a Setup,
    columns: usize,
    theme: Theme,
) -> Vec<Line<'a>> {
    let mut lines = vec![
        Line::raw(""),
        Line::styled(format!(" {}", question.name), theme.strong()),
    ];
    for row in format::wrap(&question.text, columns) {
        lines.push(Line::raw(format!(" {row}")));
    }
    lines.push(Line::styled(
        format!(" for example {}", question.example),
        theme.dim(),
    ));
    lines.push(Line::raw(""));
    // Show the end of a long answer, where the cursor is.
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
        for row in format::wrap(problem, columns) {
            lines.push(Line::styled(format!(" {row}"), theme.bad()));
        }
        lines.push(Line::raw(""));
    }
    let keys = " Enter next   Up back   Ctrl-U erase   Esc cancel";
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
        "This is written to {file}, readable only by you, with every other setting and its default as a comment; the key goes into a file beside it. Then everything is checked. Nothing is rented."
    );
    for row in format::wrap(&text, columns) {
        lines.push(Line::raw(format!(" {row}")));
    }
    lines.push(Line::raw(""));
    let keys = " Enter write and check   Up back   Esc cancel";
    lines.push(Line::styled(keys, theme.accent()));
    lines
}

fn visible(question: &SetupQuestion, theme: Theme) -> String {
    match question.echo {
        Echo::Plain => question.answer.clone(),
        Echo::Masked => theme
            .glyph("•", "*")
            .repeat(question.answer.chars().count()),
    }
}
