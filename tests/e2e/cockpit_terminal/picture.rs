//! A terminal's screen as an SVG picture: how the README's was made.

use std::fmt::Write as _;

use vt100::{Cell, Color, Screen};

const CELL_WIDTH: f64 = 8.4;
const CELL_HEIGHT: f64 = 18.0;
const BACKGROUND: &str = "#16181d";
const FOREGROUND: &str = "#d6d9e0";
/// The sixteen colours of a dark terminal.
const PALETTE: [&str; 16] = [
    "#16181d", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d6d9e0",
    "#7d8590", "#ff7b86", "#b5e890", "#ffd98f", "#82c4ff", "#e29bf2", "#7fd9e4", "#ffffff",
];

/// Everything about a cell but its text.
#[derive(Clone, PartialEq)]
struct Look {
    ink: String,
    paper: String,
    bold: bool,
}

pub fn svg(screen: &Screen) -> String {
    document(screen, &cells(screen))
}

/// Screens one after the other, each shown for so many seconds, over and over. Where pictures do not move
/// it is the first of them.
pub fn animation(frames: &[(Screen, u32)]) -> String {
    let whole: u32 = frames.iter().map(|(_, seconds)| seconds).sum();
    let part = |seconds: u32| f64::from(seconds) / f64::from(whole);
    let mut content = String::new();
    let mut from = 0;
    for (screen, seconds) in frames {
        let to = from + seconds;
        let (values, times) = match (from, to) {
            (0, _) => ("visible;hidden".to_owned(), format!("0;{:.4}", part(to))),
            (_, to) if to == whole => ("hidden;visible".to_owned(), format!("0;{:.4}", part(from))),
            _ => (
                "hidden;visible;hidden".to_owned(),
                format!("0;{:.4};{:.4}", part(from), part(to)),
            ),
        };
        let first = if from == 0 { "visible" } else { "hidden" };
        let _ = writeln!(
            content,
            "<g visibility=\"{first}\"><animate attributeName=\"visibility\" calcMode=\"discrete\" values=\"{values}\" keyTimes=\"{times}\" dur=\"{whole}s\" repeatCount=\"indefinite\"/>\n{}</g>",
            cells(screen)
        );
        from = to;
    }
    frames
        .first()
        .map_or_else(String::new, |(screen, _)| document(screen, &content))
}

fn document(screen: &Screen, content: &str) -> String {
    let (rows, columns) = screen.size();
    let (width, height) = (
        f64::from(columns.get()) * CELL_WIDTH,
        f64::from(rows.get()) * CELL_HEIGHT,
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\" xml:space=\"preserve\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{BACKGROUND}\"/>\n\
         {content}</svg>\n"
    )
}

fn cells(screen: &Screen) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let mut picture = String::new();
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            let start = column;
            let Some(first) = screen.cell(row, column).map(look) else {
                break;
            };
            let mut text = String::new();
            while let Some(cell) = screen.cell(row, column).filter(|cell| look(cell) == first) {
                text.push_str(if cell.has_contents() {
                    cell.contents()
                } else {
                    " "
                });
                column += 1;
            }
            run(&mut picture, (start, row), column - start, &text, &first);
        }
    }
    picture
}

fn run(picture: &mut String, (column, row): (u16, u16), columns: u16, text: &str, look: &Look) {
    let (x, y) = (f64::from(column) * CELL_WIDTH, f64::from(row) * CELL_HEIGHT);
    let width = f64::from(columns) * CELL_WIDTH;
    if look.paper != BACKGROUND {
        let _ = writeln!(
            picture,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{CELL_HEIGHT}\" fill=\"{}\"/>",
            look.paper
        );
    }
    if text.trim().is_empty() {
        return;
    }
    let weight = if look.bold {
        " font-weight=\"bold\""
    } else {
        ""
    };
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        picture,
        "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"{weight}>{escaped}</text>",
        y + CELL_HEIGHT - 5.0,
        look.ink,
    );
}

fn look(cell: &Cell) -> Look {
    let mut ink = hex(cell.fgcolor(), FOREGROUND);
    let mut paper = hex(cell.bgcolor(), BACKGROUND);
    if cell.inverse() {
        std::mem::swap(&mut ink, &mut paper);
    }
    if cell.dim() && ink == FOREGROUND {
        ink = PALETTE[8].into();
    }
    Look {
        ink,
        paper,
        bold: cell.bold(),
    }
}

/// One of the 256, as xterm has those beyond the first sixteen.
fn indexed(index: u8) -> String {
    if let Some(own) = PALETTE.get(usize::from(index)) {
        return (*own).to_owned();
    }
    if index >= 232 {
        let grey = 8 + 10 * (index - 232);
        return format!("#{grey:02x}{grey:02x}{grey:02x}");
    }
    let cube = index - 16;
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    let [red, green, blue] = [cube / 36, cube / 6 % 6, cube % 6].map(level);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn hex(color: Color, default: &str) -> String {
    match color {
        Color::Default => default.into(),
        Color::Idx(index) => indexed(index),
        Color::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
    }
}
