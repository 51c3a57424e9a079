//! Two rentals that race: a hedge beside a boot that is behind.

use ratatui::text::{Line, Span};

use crate::engine::RentalSnapshot;
use crate::tui::attention::{Feed, time_of};
use crate::tui::model::Model;
use crate::tui::theme::Theme;

use super::{boot_trouble, format};

/// Two rentals race: a row each, the one that is ahead first.
pub fn lines(
    [rental, hedge]: [&RentalSnapshot; 2],
    model: &Model,
    width: u16,
    theme: Theme,
) -> Vec<Line<'static>> {
    let mut both = [(rental, "first"), (hedge, "HEDGE")];
    both.sort_by_key(|(it, _)| (it.releasing, it.boot.ready_at.is_none(), it.boot.ready_at));
    let columns = (usize::from(width) / 4).clamp(6, 40);
    let row = |(it, name): (&RentalSnapshot, &str)| {
        let boot = &it.boot;
        let state = match boot.ready_at {
            _ if it.releasing => "lost the race, RELEASING".to_owned(),
            _ if it.is_ready() => "ready".to_owned(),
            Some(at) => format!("ready ~{}", format::clock(at, model.now())),
            None => String::new(),
        };
        let part = boot.progress.map(|part| format!("{:.0}% ", part * 100.0));
        let style = if it.releasing {
            theme.warn()
        } else {
            theme.accent()
        };
        Line::from(vec![
            Span::styled(format!(" {name:<6} "), style),
            Span::styled(format!("#{} ", it.id), theme.strong()),
            Span::raw(format!("{:<11}", boot.stage.to_string())),
            Span::styled(theme.bar(columns, overall(it, model)), theme.accent()),
            Span::raw(format!(" {}{state}", part.unwrap_or_default())),
        ])
    };
    let mut lines: Vec<Line<'static>> = both.into_iter().map(row).collect();
    let costs = format!(
        " cost {} and {}, both {}",
        format::estimate(rental.cost),
        format::estimate(hedge.cost),
        model.snapshot.money.per_hour
    );
    lines.push(Line::styled(costs, theme.text()));
    for it in [rental, hedge] {
        lines.extend(boot_trouble::lines(it, width, theme));
    }
    lines
}

/// How much of the whole boot is over.
fn overall(rental: &RentalSnapshot, model: &Model) -> f64 {
    let boot = &rental.boot;
    if rental.is_ready() {
        return 1.0;
    }
    let now = time_of(model, Feed::Rentals);
    let spent = (now - rental.rented_at).as_seconds_f64().max(0.0);
    let left = boot
        .ready_at
        .map_or(f64::INFINITY, |at| (at - now).as_seconds_f64().max(1.0));
    spent / (spent + left)
}
