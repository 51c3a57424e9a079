//! Screen of the first start.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{Echo, Setup, SetupAction, SetupQuestion};
use crate::config::MouseMode;
use crate::tui::input::Input;
use crate::tui::message::Message;
use crate::tui::signals::{SignalAction, Signals};
use crate::tui::terminal::{self, Screen};
use crate::tui::theme::Theme;
use crate::tui::timings::Timings;
use crate::tui::view::format;
use crate::tui::view::widgets::{box_area, popup};
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
            Some(Message::Key(key)) => match setup.on_key(key, validate) {
                SetupAction::Continue => {}
                SetupAction::Cancel => return Ok(None),
                SetupAction::Write => return Ok(Some(setup.questions)),
            },
            Some(_) => {}
        }
    }
}

pub fn draw(buf: &mut Buffer, screen: Rect, setup: &Setup, file: &str, theme: Theme) {
    let columns = usize::from(WIDTH.min(screen.width)).saturating_sub(6);
    let (place, lines) = match setup.questions.get(setup.index) {
        Some(question) => (
            format!("{} of {}", setup.index + 1, setup.questions.len()),
            question_lines(question, setup, columns, theme),
        ),
        None => (
            "review".to_owned(),
            review_lines(setup, file, columns, theme),
        ),
    };
    let title = format!("pocpit, first start: {place}");
    let area = box_area(screen, WIDTH, lines.len());
    // The confirmation is last and must be visible.
    popup(buf, area, &title, lines, usize::MAX, theme);
}

fn question_lines<'a>(
    question: &'a SetupQuestion,
    setup: &'a Setup,
    columns: usize,
    theme: Theme,
) -> Vec<Line<'a>> {
    // Show the end of a long answer, where the cursor is.
    let answer = visible(question, theme);
    let room = columns.saturating_sub(4);
    let skipped = answer.chars().count().saturating_sub(room);
    let mut lines = vec![
        Line::raw(""),
        Line::styled(format!(" {}", question.name), theme.strong()),
    ];
    lines.extend(indented(&question.text, columns, theme.text()));
    lines.extend([
        Line::styled(format!(" for example {}", question.example), theme.dim()),
        Line::raw(""),
        Line::from(vec![
            Span::styled(format!(" {} ", theme.glyph("❯", ">")), theme.accent()),
            Span::raw(answer.chars().skip(skipped).collect::<String>()),
            Span::styled(" ", theme.selected()),
        ]),
        Line::raw(""),
    ]);
    if let Some(problem) = &setup.problem {
        lines.extend(indented(problem, columns, theme.bad()));
        lines.push(Line::raw(""));
    }
    let keys = " Enter next   Up back   Ctrl-U erase   Esc cancel";
    lines.push(Line::styled(keys, theme.dim()));
    lines
}

fn review_lines<'a>(setup: &'a Setup, file: &str, columns: usize, theme: Theme) -> Vec<Line<'a>> {
    let names = setup.questions.iter().map(|question| question.name.len());
    let widest = names.max().unwrap_or(0);
    let room = columns.saturating_sub(widest + 2);
    let mut lines = vec![Line::raw("")];
    lines.extend(setup.questions.iter().map(|question| {
        let answer: String = visible(question, theme).chars().take(room).collect();
        let name = format!(" {:<widest$}  ", question.name);
        Line::from(vec![Span::styled(name, theme.dim()), Span::raw(answer)])
    }));
    lines.push(Line::raw(""));
    let text = format!(
        "This is written to {file}, readable only by you, with every other setting and its default as a comment; the key goes into a file beside it. Then everything is checked. Nothing is rented."
    );
    lines.extend(indented(&text, columns, theme.text()));
    lines.push(Line::raw(""));
    let keys = " Enter write and check   Up back   Esc cancel";
    lines.push(Line::styled(keys, theme.accent()));
    lines
}

fn indented(text: &str, columns: usize, style: Style) -> impl Iterator<Item = Line<'static>> {
    let rows = format::wrap(text, columns).into_iter();
    rows.map(move |row| Line::styled(format!(" {row}"), style))
}

fn visible(question: &SetupQuestion, theme: Theme) -> String {
    match question.echo {
        Echo::Plain => question.answer.clone(),
        Echo::Masked => {
            let letters = question.answer.chars().count();
            theme.glyph("•", "*").repeat(letters)
        }
    }
}
