//! The selected offer: its cost in parts, its chances, and what it leaves of the caps.

use ratatui::text::{Line, Span};

use crate::domain::{BootTime, Duration, RankedOffer, Time};
use crate::engine::CapCheck;
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::view::format;

/// Rows of the details below the list, without their title.
pub(super) const COMPACT: u16 = 5;
const NAME: usize = 10;
/// Cells of the axis of a boot.
const AXIS: u8 = 8;

/// `rank 1 of 11`, and what the mark in the list means where this offer has it.
pub(super) fn rank(row: &RankedOffer, model: &Model) -> String {
    let rows = &model.snapshot.offers.rows;
    let Some(place) = place(row, model) else {
        return "no longer offered".to_owned();
    };
    let refusal = model.snapshot.money.refusal(row);
    let over = refusal.map(|refusal| format!(", ! over the {} cap", refusal.cap.name()));
    format!(
        "rank {} of {}{}",
        place + 1,
        rows.len(),
        over.unwrap_or_default()
    )
}

fn place(row: &RankedOffer, model: &Model) -> Option<usize> {
    let mut rows = model.snapshot.offers.rows.iter();
    rows.position(|other| other.offer.id == row.offer.id)
}

/// All of it, for a column of its own or a dialog.
pub(in crate::tui::view) fn detail(
    row: &RankedOffer,
    model: &Model,
    columns: usize,
    theme: Theme,
) -> Vec<Line<'static>> {
    let now = model.now();
    let mut table = Table::new(columns, theme);
    table.add("$/success", &success(row));
    let until = format::clock(now + row.session, now);
    table.add(
        "estimate",
        &format!("{} until {until}", row.expected_cost()),
    );
    table.add(
        "  GPUs",
        &format!("{:>7}  {}", row.gpu_cost.to_string(), gpu_time(row)),
    );
    table.add("  disk", &format!("{:>7}", row.storage_cost.to_string()));
    table.add(
        "  traffic",
        &format!("{:>7}  {}", row.traffic_cost.to_string(), per_gb(row)),
    );
    let worst = format::worst(row.worst_cost, theme);
    table.add("worst", &format!("{worst} if it runs until its lease ends"));
    table.add("boot", &axis(row.boot, theme));
    table.add("known by", &row.known_by());
    table.add("chance", &in_time(row, theme));
    table.add("works", &row.work_reason());
    let [host, offered] = host(row, now);
    table.add("host", &host);
    table.add("", &offered);
    for (check, name) in model.snapshot.money.checks(row).iter().zip(
        ["caps left", "  after", "  renting"]
            .into_iter()
            .chain(std::iter::repeat("")),
    ) {
        table.add_styled(name, &cap(check), check, theme);
    }
    table.add("next best", &next_best(row, model));
    table.lines
}

/// The same in five rows, for below the list.
pub(super) fn compact(
    row: &RankedOffer,
    model: &Model,
    columns: usize,
    theme: Theme,
) -> Vec<Line<'static>> {
    let now = model.now();
    let [p10, p90] = [row.boot.p10(), row.boot.p90()].map(format::roughly);
    let within = row.boot_within.map_or_else(String::new, |within| {
        format!(" of {}", format::roughly(within))
    });
    let [host, offered] = host(row, now);
    let left = model.snapshot.money.checks(row);
    let left: Vec<String> = left
        .iter()
        .map(|check| match check.refusal() {
            Some(refusal) => format!("{} {} too little", check.cap.name(), refusal.missing),
            None => format!("{} {}", check.cap.name(), check.left - check.needed),
        })
        .collect();
    let rows = [
        (
            "why",
            format!("{}; {}", success(row), next_best(row, model)),
        ),
        (
            "",
            format!(
                "{} GPUs ({}) + {} disk + {} traffic",
                row.gpu_cost,
                gpu_time(row),
                row.storage_cost,
                row.traffic_cost
            ),
        ),
        (
            "boot",
            format!(
                "{} (80% range {p10} to {p90}){within}; {host}",
                format::length(row.boot.median)
            ),
        ),
        (
            "",
            format!("{}: {}", in_time(row, theme), row.work_evidence()),
        ),
        ("after", format!("{}; {offered}", left.join(", "))),
    ];
    let rows = rows.into_iter().map(|(name, text)| {
        let text = format::cut(&text, columns.saturating_sub(7), theme.glyph("…", "..."));
        Line::from(vec![
            Span::styled(format!("{name:<6} "), theme.dim()),
            Span::raw(text),
        ])
    });
    rows.collect()
}

/// Rows of a name and a text, whose further rows begin below its first.
struct Table {
    columns: usize,
    theme: Theme,
    lines: Vec<Line<'static>>,
}

impl Table {
    fn new(columns: usize, theme: Theme) -> Table {
        Table {
            columns,
            theme,
            lines: Vec::new(),
        }
    }

    fn add(&mut self, name: &'static str, text: &str) {
        let columns = self.columns.saturating_sub(NAME + 1).max(1);
        // What is aligned in columns stays as it is.
        let rows = if text.chars().count() <= columns {
            vec![text.to_owned()]
        } else {
            format::wrap(text, columns)
        };
        let names = std::iter::once(name).chain(std::iter::repeat(""));
        self.lines.extend(names.zip(rows).map(|(name, row)| {
            Line::from(vec![
                Span::styled(format!("{name:<NAME$} "), self.theme.dim()),
                Span::raw(row),
            ])
        }));
    }

    /// What is over a cap is red.
    fn add_styled(&mut self, name: &'static str, text: &str, check: &CapCheck, theme: Theme) {
        let style = if check.holds() {
            theme.text()
        } else {
            theme.bad()
        };
        self.lines.push(Line::from(vec![
            Span::styled(format!("{name:<NAME$} "), self.theme.dim()),
            Span::styled(text.to_owned(), style),
        ]));
    }
}

/// The sum that the rank goes by.
fn success(row: &RankedOffer) -> String {
    format!(
        "{} = {} est. / {}",
        row.cost_of_success(),
        row.expected_cost(),
        percent(row.chance())
    )
}

fn gpu_time(row: &RankedOffer) -> String {
    format!(
        "{} at {}{}",
        format::roughly(row.session),
        row.offer.running_price(),
        row.offer.surcharge_text()
    )
}

fn per_gb(row: &RankedOffer) -> String {
    format!("at {} a GB", row.offer.download_per_gb)
}

/// The chance as its product: no certainty stands beside another one.
fn in_time(row: &RankedOffer, theme: Theme) -> String {
    format!(
        "in time {} {} works {} = {}",
        percent(row.chance_in_time),
        theme.glyph("×", "x"),
        percent(row.chance_to_work),
        percent(row.chance())
    )
}

fn percent(chance: f64) -> String {
    format!("{:.0}%", chance * 100.0)
}

/// `13m 52s  8m ├──●────┤ 23m`: eight boots of ten are within.
fn axis(boot: BootTime, theme: Theme) -> String {
    let [p10, median, p90] = [boot.p10(), boot.median, boot.p90()];
    let dot = place_of(median - p10, p90 - p10);
    let line = theme.glyph("─", "-");
    format!(
        "{}  {} {}{}{}{}{} {}",
        format::length(median),
        format::roughly(p10),
        theme.glyph("├", "|"),
        line.repeat(dot),
        theme.glyph("●", "o"),
        line.repeat(usize::from(AXIS - 1).saturating_sub(dot)),
        theme.glyph("┤", "|"),
        format::roughly(p90)
    )
}

/// Cells before the median.
fn place_of(part: Duration, whole: Duration) -> usize {
    let whole = whole.num_milliseconds().max(1);
    let cells = part.num_milliseconds().clamp(0, whole) * i64::from(AXIS - 1) / whole;
    usize::try_from(cells).unwrap_or(0)
}

/// Who the host is, and until when it offers the machine.
fn host(row: &RankedOffer, now: Time) -> [String; 2] {
    let offer = &row.offer;
    let verified = if offer.verified {
        "verified"
    } else {
        "NOT VERIFIED"
    };
    let place = offer.location.as_deref().unwrap_or("unknown location");
    let offered = match offer.ends_at {
        Some(end) => format!("offered until {}", format::clock(end, now)),
        None => "offered for an unknown time".to_owned(),
    };
    [format!("{verified}, {place}"), offered]
}

/// What a cap has left afterwards, or by how much it is too little.
fn cap(check: &CapCheck) -> String {
    let name = check.cap.name();
    if let Some(refusal) = check.refusal() {
        return format!("{name:<6} {:>8} too little", refusal.missing.to_string());
    }
    let after = check.left - check.needed;
    format!("{name:<6} {:>8} of {}", after.to_string(), check.left)
}

/// How far the next one is, or the best.
fn next_best(row: &RankedOffer, model: &Model) -> String {
    let rows = &model.snapshot.offers.rows;
    let mine = row.cost_of_success();
    match place(row, model) {
        None => "no longer offered".to_owned(),
        Some(0) => match rows.get(1) {
            Some(next) => format!("the next best is {} dearer", next.cost_of_success() - mine),
            None => "there is no other".to_owned(),
        },
        Some(_) => rows.first().map_or_else(String::new, |best| {
            let behind = mine - best.cost_of_success();
            format!("{behind} dearer than {}, the best", best.offer.id)
        }),
    }
}
