//! Money: what runs, what it cost, and what the caps leave.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::{Usd, UsdPerHour};
use crate::tui::theme::Theme;

use super::format;
use super::widgets::Canvas;

/// Columns of a name.
const NAME: usize = 9;

pub fn lines(canvas: &Canvas<'_>, width: u16) -> Vec<Line<'static>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let money = &model.snapshot.money;
    let row = |name: &str, text: String, style: Style| {
        Line::from(vec![
            Span::styled(format!(" {name:<NAME$} "), theme.dim()),
            Span::styled(text, style),
        ])
    };
    let mut lines = Vec::new();
    if money.per_hour > UsdPerHour::ZERO {
        let releasing = model
            .snapshot
            .rental
            .as_ref()
            .is_some_and(|it| it.releasing);
        let until = if releasing { " until proven gone" } else { "" };
        lines.push(row(
            "running",
            format!("{}{until}", money.per_hour),
            theme.strong(),
        ));
    }
    if money.sprint > Usd::ZERO {
        lines.push(row(
            "estimate",
            format::estimate(money.sprint),
            theme.text(),
        ));
    }
    if money.reserved > Usd::ZERO {
        let worst = format::worst(money.sprint + money.reserved, theme);
        lines.push(row("worst", format!("{worst} is reserved"), theme.text()));
    }
    for cap in &money.caps {
        lines.push(cap_line(&cap.name, cap.used, cap.limit, width, theme));
    }
    let hour = (money.hour_used.0, money.hour_limit.0);
    lines.push(cap_line("hour", hour.0, hour.1, width, theme));
    let accounts = &model.snapshot.accounts;
    for account in accounts {
        let credit = account.credit;
        let credit = credit.map_or_else(|| "unknown".to_owned(), |credit| credit.to_string());
        let rentals = format::count(account.rentals, "rental");
        let text = format!("{credit}, floor {}, {rentals}", account.credit_floor);
        lines.push(row(account.name.as_str(), text, theme.text()));
    }
    if let Some(credit) = money.credit.filter(|_| accounts.is_empty()) {
        let text = format!("{credit}, floor {}", money.credit_floor);
        lines.push(row("credit", text, theme.text()));
    }
    lines
}

/// What is used of a cap: a bar, and what is left.
fn cap_line(name: &str, used: Usd, limit: Usd, width: u16, theme: Theme) -> Line<'static> {
    let left = limit - used;
    let part = used.dollars() / limit.dollars().max(f64::EPSILON);
    let style = match part {
        0.9.. => theme.bad(),
        0.7.. => theme.warn(),
        _ => theme.text(),
    };
    let columns = usize::from(width)
        .saturating_sub(NAME + 3 + 28)
        .clamp(4, 30);
    let room = usize::from(width).saturating_sub(NAME + 2 + columns);
    let in_cents = format!(" {left} of {limit} left");
    let text = if in_cents.len() <= room {
        in_cents
    } else {
        format!(" {} of {} left", left.whole(), limit.whole())
    };
    Line::from(vec![
        Span::styled(format!(" {name:<NAME$} "), theme.dim()),
        Span::styled(theme.bar(columns, part), theme.accent()),
        Span::styled(text, style),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{BackgroundChoice, ColorChoice, ColorDepth, GlyphChoice};

    #[test]
    fn cap_that_is_too_long_for_its_line_loses_its_cents() {
        let color = ColorChoice::Use(ColorDepth::None);
        let (background, glyphs) = (BackgroundChoice::Auto, GlyphChoice::Ascii);
        let theme = Theme::resolve(color, background, glyphs, |_| None);
        let (used, limit) = (Usd::from_dollars(83.03), Usd::from_dollars(5_400.0));
        for (width, words) in [
            (60, " $5,316.97 of $5,400.00 left"),
            (40, " $5,316 of $5,400 left"),
        ] {
            let line = cap_line("month", used, limit, width, theme).to_string();
            assert!(line.ends_with(words), "{line}");
            assert!(line.len() <= usize::from(width), "{line}");
        }
    }
}
