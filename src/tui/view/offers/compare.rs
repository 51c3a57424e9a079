//! Two offers side by side, with the better value marked.

use std::cmp::Ordering;

use ratatui::text::{Line, Span};

use crate::domain::RankedOffer;
use crate::tui::theme::Theme;
use crate::tui::view::format;

const NAME: usize = 11;

/// How the better one of two is found; none where neither is.
type Better = fn(&RankedOffer, &RankedOffer) -> Ordering;

struct Property {
    name: &'static str,
    text: fn(&RankedOffer, Theme) -> String,
    /// `Less` if the first is better.
    better: Option<Better>,
}

const PROPERTIES: [Property; 13] = [
    Property {
        name: "$/success",
        text: |row, _| row.cost_of_success().to_string(),
        better: Some(|a, b| a.cost_of_success().cmp(&b.cost_of_success())),
    },
    Property {
        name: "estimate",
        text: |row, _| row.expected_cost().to_string(),
        better: Some(|a, b| a.expected_cost().cmp(&b.expected_cost())),
    },
    Property {
        name: "worst",
        text: |row, theme| format::worst(row.worst_cost, theme),
        better: Some(|a, b| a.worst_cost.cmp(&b.worst_cost)),
    },
    Property {
        name: "chance",
        text: |row, _| format!("{:.0}%", row.chance() * 100.0),
        better: Some(|a, b| b.chance().total_cmp(&a.chance())),
    },
    Property {
        name: "boot",
        text: |row, _| format::length(row.boot.median),
        better: Some(|a, b| a.boot.median.cmp(&b.boot.median)),
    },
    Property {
        name: "$/h",
        text: |row, _| row.price.0.to_string(),
        better: Some(|a, b| a.price.cmp(&b.price)),
    },
    Property {
        name: "slow boot",
        text: |row, _| format::length(row.boot.p90()),
        better: Some(|a, b| a.boot.p90().cmp(&b.boot.p90())),
    },
    Property {
        name: "reliability",
        text: |row, _| format!("{:.1}%", row.offer.reliability * 100.0),
        better: Some(|a, b| b.offer.reliability.total_cmp(&a.offer.reliability)),
    },
    Property {
        name: "download",
        text: |row, _| format!("{} Mb/s", format::whole(row.offer.download_mbps)),
        better: Some(|a, b| b.offer.download_mbps.total_cmp(&a.offer.download_mbps)),
    },
    Property {
        name: "own boots",
        text: |row, _| {
            let boots = row.own_boots;
            format!(
                "{} ok, {} failed",
                boots.machine_ready, boots.machine_failed
            )
        },
        better: None,
    },
    Property {
        name: "GPUs",
        text: |row, _| row.offer.gpus(),
        better: None,
    },
    Property {
        name: "machine",
        text: |row, _| row.offer.machine.to_string(),
        better: None,
    },
    Property {
        name: "location",
        text: |row, _| row.offer.country_and_region(),
        better: None,
    },
];

/// The first line says which one is cheaper a success, and by how much.
pub(in crate::tui::view) fn compare(
    [a, b]: [&RankedOffer; 2],
    columns: usize,
    theme: Theme,
) -> Vec<Line<'static>> {
    let wide = (columns.saturating_sub(NAME + 5) / 2).clamp(8, 20);
    let mut lines = vec![verdict(a, b, theme)];
    let head = format!(
        "{:NAME$} {:>wide$}   {:>wide$}",
        "",
        a.offer.id.to_string(),
        b.offer.id.to_string()
    );
    lines.push(Line::styled(head, theme.strong()));
    lines.extend(
        PROPERTIES
            .iter()
            .map(|it| property(it, [a, b], wide, theme)),
    );
    lines
}

fn verdict(a: &RankedOffer, b: &RankedOffer, theme: Theme) -> Line<'static> {
    let [mine, other] = [a.cost_of_success(), b.cost_of_success()];
    let text = match mine.cmp(&other) {
        Ordering::Less => format!("{} is {} cheaper a success", a.offer.id, other - mine),
        Ordering::Greater => format!("{} is {} cheaper a success", b.offer.id, mine - other),
        Ordering::Equal => "A success costs the same with both".to_owned(),
    };
    Line::styled(text, theme.accent())
}

fn property(
    property: &Property,
    [a, b]: [&RankedOffer; 2],
    wide: usize,
    theme: Theme,
) -> Line<'static> {
    let texts = [(property.text)(a, theme), (property.text)(b, theme)];
    let order = property.better.map(|better| better(a, b));
    let is_same = texts[0] == texts[1];
    let cell = |text: &str, wins: Ordering| {
        let is_better = !is_same && order == Some(wins);
        let (mark, style) = match (is_better, is_same) {
            (true, _) => (theme.glyph("◂", "<"), theme.strong()),
            (false, true) => (" ", theme.dim()),
            (false, false) => (" ", theme.text()),
        };
        let text: String = text.chars().take(wide).collect();
        Span::styled(format!(" {text:>wide$}{mark} "), style)
    };
    Line::from(vec![
        Span::styled(format!("{:<NAME$}", property.name), theme.dim()),
        cell(&texts[0], Ordering::Less),
        cell(&texts[1], Ordering::Greater),
    ])
}
