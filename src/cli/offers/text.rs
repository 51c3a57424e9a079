//! The offers as text.

use super::JudgedBy;
use crate::cli::page::{Look, Page};
use crate::cli::table::{Cell, Column, Table, cell, number, words};
use crate::domain::format::{clock, roughly};
use crate::domain::{Duration, Offer, PoolName, RankedOffer, Time, Usd};
use crate::flow::{Caps, Funds, admit};
use crate::vast::RankedOffers;

/// What the text shows beside the ranking.
pub(super) struct Scene<'a> {
    pub now: Time,
    /// Whose offers they are; `None` without pools.
    pub pool: Option<&'a PoolName>,
    pub ranked: &'a RankedOffers,
    pub judged_by: &'a JudgedBy,
    pub funds: Funds,
    pub caps: Caps,
}

/// Usable offers, best first.
pub(super) fn usable(scene: &Scene<'_>, page: &Page) -> String {
    let usable = &scene.ranked.usable;
    let headline = headline(scene.judged_by, scene.now);
    let headline = match scene.pool {
        Some(pool) => format!("Pool {pool}; {headline}"),
        None => headline,
    };
    let mut lines = page.paragraph(&headline, 0);
    lines.push(String::new());
    let Some(best) = usable.first() else {
        let out = scene.ranked.rejected.len();
        let none = format!("No offer is usable; {out} out: `pocpit offers --out` says why.");
        lines.extend(page.paragraph(&none, 0));
        return lines.join("\n");
    };
    let alike = Alike::of(usable);
    lines.extend(table(scene, &alike).lines(page));
    lines.push(String::new());
    lines.extend(page.paragraph(&summary(scene, &alike), 0));
    let best = format!(
        "Best: {}, {} est. / {:.0}% ready in time = {} a success",
        best.offer.id,
        best.expected_cost(),
        best.chance() * 100.0,
        best.cost_of_success()
    );
    lines.extend(page.paragraph(&best, 0));
    lines.join("\n")
}

/// Offers that are not usable, with the reason.
pub(super) fn out(scene: &Scene<'_>, page: &Page) -> String {
    if scene.ranked.rejected.is_empty() {
        return "No offer is out.".to_owned();
    }
    let columns = [
        number("$/h"),
        words("GPUs"),
        number("machine"),
        number("offer"),
        words("why"),
    ];
    let mut table = Table::new(columns);
    for (offer, reason) in &scene.ranked.rejected {
        table.row([
            Cell::from(offer.running_price().0.figure()),
            offer.gpus().into(),
            offer.machine.into(),
            offer.id.into(),
            reason.as_str().into(),
        ]);
    }
    let pool = scene.pool.map(|pool| format!("Pool {pool}"));
    let lines: Vec<String> = pool.into_iter().chain(table.lines(page)).collect();
    lines.join("\n")
}

/// What every usable offer has in common: it stands below the table, not in a column.
struct Alike {
    gpus: Option<String>,
    location: Option<String>,
}

impl Alike {
    fn of(usable: &[RankedOffer]) -> Alike {
        Alike {
            gpus: shared(usable, Offer::gpus),
            location: shared(usable, location),
        }
    }

    /// Something differs from row to row.
    fn differs(&self) -> bool {
        self.gpus.is_none() || self.location.is_none()
    }
}

fn location(offer: &Offer) -> String {
    offer.location.clone().unwrap_or_else(|| "-".to_owned())
}

fn shared(usable: &[RankedOffer], of: impl Fn(&Offer) -> String) -> Option<String> {
    let mut all = usable.iter().map(|ranked| of(&ranked.offer));
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

fn table(scene: &Scene<'_>, alike: &Alike) -> Table {
    let mut columns: Vec<Column> = vec![
        number("#"),
        number("$/success"),
        number("$/h"),
        number("est."),
        number("worst"),
        number("chance"),
        number("boot"),
        number("rel."),
        number("machine"),
        number("offer"),
    ];
    columns.extend(alike.differs().then_some(words("what")));
    let mut table = Table::new(columns);
    for (index, ranked) in scene.ranked.usable.iter().enumerate() {
        table.row(row(index + 1, ranked, scene, alike));
    }
    table
}

fn row(rank: usize, ranked: &RankedOffer, scene: &Scene<'_>, alike: &Alike) -> Vec<Cell> {
    let (offer, boot) = (&ranked.offer, &ranked.boot);
    let is_over = is_over_a_cap(ranked, scene);
    let (look, worst_look, mark) = if is_over {
        (Look::Dim, Look::Bad, " !")
    } else {
        (Look::Plain, Look::Plain, "  ")
    };
    let mut cells = vec![
        cell(rank, look),
        cell(ranked.cost_of_success().figure(), look),
        cell(ranked.price.0.figure(), look),
        cell(ranked.expected_cost().figure(), look),
        cell(ranked.worst_cost.figure(), worst_look).marked(mark),
        cell(format!("{:.0}%", ranked.chance() * 100.0), look),
        cell(
            format!("{}-{}m", boot.p10().num_minutes(), boot.p90().num_minutes()),
            look,
        ),
        cell(format!("{:.1}%", offer.reliability * 100.0), look),
        cell(offer.machine, look),
        cell(offer.id, look),
    ];
    if alike.differs() {
        let gpus = alike.gpus.is_none().then(|| offer.gpus());
        let location = alike.location.is_none().then(|| location(offer));
        let what: Vec<String> = gpus.into_iter().chain(location).collect();
        cells.push(cell(what.join(", "), look));
    }
    cells
}

/// The credit is not read for a list.
fn is_over_a_cap(ranked: &RankedOffer, scene: &Scene<'_>) -> bool {
    let funds = Funds {
        credit: Some(Usd(i64::MAX)),
        ..scene.funds
    };
    admit(ranked.price, ranked.worst_cost, &funds, &scene.caps).is_err()
}

fn headline(judged_by: &JudgedBy, now: Time) -> String {
    match judged_by {
        JudgedBy::NextPoc {
            epoch,
            start,
            register_by,
            boot_within_seconds,
            ..
        } => {
            let rent = if *start > now {
                format!("rent at {}", clock(*start, *register_by))
            } else {
                "rent now".to_owned()
            };
            let left = match boot_within_seconds {
                ..=0 => "too late to boot".to_owned(),
                seconds => format!("{} to boot", roughly(Duration::seconds(*seconds))),
            };
            format!(
                "PoC {epoch}: {rent}, register by {} UTC; {left}. {}",
                register_by.format("%H:%M"),
                register_by.format("%Y-%m-%d")
            )
        }
        JudgedBy::StartupTimeout {
            boot_within_seconds,
            ..
        } => format!(
            "PoC unknown: offers are judged by mlnode.startup_timeout, {} to boot",
            roughly(Duration::seconds(*boot_within_seconds))
        ),
    }
}

/// What the chain leaves uncertain, for standard error.
pub(super) fn doubt(judged_by: &JudgedBy) -> Option<String> {
    match judged_by {
        JudgedBy::NextPoc { doubt, .. } => {
            let doubt = doubt.as_ref()?;
            Some(format!(
                "warning: the chain's height is not certain: {doubt}"
            ))
        }
        JudgedBy::StartupTimeout { why, .. } => Some(format!("warning: {why}")),
    }
}

/// `11 usable, all 4x H100 SXM in Washington, US; 2 out (--out); ! over a cap`.
fn summary(scene: &Scene<'_>, alike: &Alike) -> String {
    let usable = scene.ranked.usable.len();
    let common = match (&alike.gpus, &alike.location) {
        (Some(gpus), Some(location)) => format!(", all {gpus} in {location}"),
        (Some(gpus), None) => format!(", all {gpus}"),
        (None, Some(location)) => format!(", all in {location}"),
        (None, None) => String::new(),
    };
    let out = match scene.ranked.rejected.len() {
        0 => String::new(),
        out => format!("; {out} out (--out)"),
    };
    let over = scene.ranked.usable.iter();
    let over = match over.filter(|ranked| is_over_a_cap(ranked, scene)).count() {
        0 => "",
        _ => "; ! over a cap",
    };
    format!("{usable} usable{common}{out}{over}")
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::config::samples::config;
    use crate::domain::Height;
    use crate::engine::attach::tests::offer;
    use crate::engine::caps_of;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    /// The usable and the other offers as text.
    fn shown(ranked: &RankedOffers, columns: usize) -> [String; 2] {
        let caps = Caps {
            sprint: Usd::from_dollars(35.0),
            ..caps_of(&config().budget)
        };
        let scene = Scene {
            now: time("2026-11-29T02:51:00Z"),
            pool: None,
            ranked,
            judged_by: &JudgedBy::NextPoc {
                epoch: 359,
                start: time("2026-11-29T03:34:00Z"),
                register_by_height: Height(5_536_681),
                register_by: time("2026-11-29T04:20:00Z"),
                boot_within_seconds: 46 * 60,
                doubt: None,
            },
            funds: Funds::default(),
            caps,
        };
        let page = Page::plain(columns);
        [super::usable(&scene, &page), super::out(&scene, &page)]
    }

    fn ranked(usable: Vec<RankedOffer>) -> RankedOffers {
        let out = (
            offer(20_052_000).offer,
            "offered until 04:20, needed until 05:18".to_owned(),
        );
        RankedOffers {
            usable,
            rejected: vec![out],
        }
    }

    #[test]
    fn offers_fit_into_eighty_columns() {
        // Given two alike offers, one over the cap of a sprint,
        let mut dear = offer(20_045_000);
        dear.worst_cost = Usd::from_dollars(1_234.56);
        let [text, out] = shown(&ranked(vec![offer(20_040_000), dear]), 80);
        // then the headline says when, a row says what, and what all share stands below.
        assert_eq!(
            text.lines().next(),
            Some("PoC 359: rent at 03:34, register by 04:20 UTC; 46m to boot. 2026-11-29")
        );
        let rows: Vec<&str> = text.lines().collect();
        assert!(rows[4].contains(" 1,234.56 !  "), "{text}");
        assert!(
            text.contains("2 usable, all 4x H100 SXM in Norway, NO; 1 out (--out); ! over a cap"),
            "{text}"
        );
        assert!(text.contains("Best: 20040000, $20.00 est. / "), "{text}");
        assert!(out.contains("needed until 05:18"), "{out}");
        for line in text.lines().chain(out.lines()) {
            assert!(line.width() <= 80, "{line}");
        }
    }

    #[test]
    fn different_offers_say_where_they_are() {
        let mut other = offer(20_045_000);
        other.offer.gpu_name = "H100 NVL with a long name that never ends".into();
        other.offer.location = Some("São Paulo, Estado de São Paulo, Brasil, BR".into());
        let [text, _] = shown(&ranked(vec![offer(20_040_000), other]), 80);
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        assert!(
            text.contains("H100 NVL with a long name that never ends, São Paulo"),
            "{text}"
        );
    }

    #[test]
    fn empty_lists_are_sentences() {
        let [text, _] = shown(&ranked(Vec::new()), 80);
        assert!(
            text.ends_with("No offer is usable; 1 out: `pocpit offers --out` says why."),
            "{text}"
        );
        let [_, out] = shown(&RankedOffers::default(), 80);
        assert_eq!(out, "No offer is out.");
    }
}
