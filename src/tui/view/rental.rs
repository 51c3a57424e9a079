//! Facts about what is rented: machine, GPUs, link, lease.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::domain::{GpuDevice, PocStatus, Time};
use crate::engine::{NodeOwner, RentalSnapshot};
use crate::tui::attention::{Feed, time_of};
use crate::tui::model::Model;
use crate::tui::theme::Theme;

use super::widgets::{Canvas, Facts};
use super::{format, link};

/// Columns of a name.
const NAME: usize = 9;

pub fn lines(canvas: &Canvas<'_>, width: u16) -> Vec<Line<'static>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let Some(rental) = &model.snapshot.rental else {
        return vec![Line::styled(" Nothing is rented.", theme.dim())];
    };
    let facts = facts(width, theme);
    let mut lines = Vec::new();
    let mut add = |name: &str, text: String, style: Style| {
        lines.extend(facts.lines(name, &text, style));
    };
    let now = time_of(model, Feed::Rentals);
    if let Some(text) = machine(rental) {
        add("machine", text, theme.text());
    }
    if let Some(text) = offer(rental) {
        add("offer", text, theme.text());
    }
    add("status", rental.status.clone(), theme.text());
    let link = link::in_full(&rental.link, now);
    add("link", link, theme.text());
    add("watchdog", watchdog(rental, now), theme.text());
    let cost = format!("{} at {}", format::estimate(rental.cost), rental.price);
    add("cost", cost, theme.text());
    if let Some(service) = rental.service {
        add(
            "service",
            format!("{service:?}").to_lowercase(),
            theme.text(),
        );
    }
    lines.extend(gpus(rental, model, width, theme));
    lines
}

/// What the fleet says of a rental below its row.
pub fn in_brief(rental: &RentalSnapshot, model: &Model) -> String {
    let now = time_of(model, Feed::Rentals);
    let boot = &rental.boot;
    let progress = boot
        .progress
        .map(|part| format!(" {:.0}%", (100.0 * part).min(99.0)));
    let ready = boot.ready_at.filter(|_| !rental.is_ready());
    let ready = ready.map(|at| format!(", ready ~{}", format::clock(at, now)));
    let stage = format!(
        "{}{}{}",
        boot.stage,
        progress.unwrap_or_default(),
        ready.unwrap_or_default()
    );
    let link = link::in_full(&rental.link, now);
    let watchdog = watchdog(rental, now);
    format!("{stage}; link {link}; watchdog {watchdog}")
}

/// What stands beside each GPU.
pub fn gpu_note(model: &Model) -> String {
    let rental = model.snapshot.rental.as_ref();
    let is_seen = rental.is_some_and(|rental| !rental.devices.is_empty());
    let note = if is_seen { "use, memory, heat" } else { "" };
    note.to_owned()
}

/// GPUs and link alone, while the `PoC` runs.
pub fn gpu_lines(canvas: &Canvas<'_>, width: u16) -> Vec<Line<'static>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let Some(rental) = &model.snapshot.rental else {
        return vec![Line::styled(" Nothing is rented.", theme.dim())];
    };
    let facts = facts(width, theme);
    let mut lines = gpus(rental, model, width, theme);
    let now = time_of(model, Feed::Rentals);
    let link = link::in_full(&rental.link, now);
    lines.extend(facts.lines("link", &link, theme.text()));
    let lease = watchdog(rental, now);
    lines.extend(facts.lines("watchdog", &lease, theme.text()));
    let place = rental
        .machine
        .as_ref()
        .map(|it| format!(", machine {}", it.machine));
    let text = format!("{}{}", rental.id, place.unwrap_or_default());
    lines.extend(facts.lines("rental", &text, theme.text()));
    lines
}

fn facts(width: u16, theme: Theme) -> Facts {
    Facts {
        names: NAME,
        width,
        theme,
    }
}

fn watchdog(rental: &RentalSnapshot, now: Time) -> String {
    format!(
        "ends it {} ({})",
        format::clock(rental.lease_until, now),
        format::short(rental.lease_until - now)
    )
}

fn machine(rental: &RentalSnapshot) -> Option<String> {
    let it = rental.machine.as_ref()?;
    let host = it
        .host
        .map_or_else(String::new, |host| format!(", host {host}"));
    let location = rental.location.as_deref().map(|text| format!(", {text}"));
    let verified = if it.verified { "" } else { ", NOT VERIFIED" };
    let location = location.unwrap_or_default();
    Some(format!("{}{host}{location}{verified}", it.machine))
}

fn offer(rental: &RentalSnapshot) -> Option<String> {
    let it = rental.machine.as_ref()?;
    let reliability = it.reliability * 100.0;
    Some(format!("{}, reliability {reliability:.1}%", it.offer))
}

/// GPUs as the driver in the container reports them.
fn gpus(rental: &RentalSnapshot, model: &Model, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let all = rental.devices.len();
    if all == 0 {
        let text = format!("{}, not seen from inside yet", rental.gpus);
        return facts(width, theme).lines("GPUs", &text, theme.dim());
    }
    let usable = rental.devices.iter().filter(|gpu| gpu.available).count();
    let style = if usable == all {
        theme.text()
    } else {
        theme.bad()
    };
    let name = rental.devices.first().map_or("", |gpu| gpu.name.as_str());
    let text = format!("{usable} of {all} usable, {name}");
    let mut lines = facts(width, theme).lines("GPUs", &text, style);
    lines.truncate(1);
    let devices = rental.devices.iter();
    lines.extend(devices.map(|gpu| device(gpu, must_work(model), width, theme)));
    lines
}

/// The node generates: a GPU that does nothing loses weight.
fn must_work(model: &Model) -> bool {
    let mut rows = model.snapshot.nodes.rows.iter();
    let ours = rows.find(|row| row.owner == NodeOwner::Sprint);
    ours.is_some_and(|row| row.node.poc_current == PocStatus::Generating)
}

fn device(gpu: &GpuDevice, must_work: bool, width: u16, theme: Theme) -> Line<'static> {
    #[expect(clippy::cast_precision_loss, reason = "megabytes of a GPU")]
    let (used, total) = (gpu.used_memory_mb as f64, gpu.total_memory_mb.max(1) as f64);
    let (style, state) = if !gpu.available {
        (theme.bad(), " UNUSABLE")
    } else if must_work && gpu.utilization_percent < 1.0 {
        (theme.bad(), " IDLE")
    } else {
        (theme.text(), "")
    };
    let name = format!("GPU {}", gpu.index);
    let percent = gpu.utilization_percent;
    let temperature = gpu.temperature_c;
    let heat = temperature.map_or_else(String::new, |c| format!(" {c:.0} °C"));
    let heat = if theme.unicode {
        heat
    } else {
        heat.replace(" °C", "C")
    };
    let (used_gb, total_gb) = (used / 1000.0, total / 1000.0);
    let memory = format!(" {used_gb:>2.0}/{total_gb:.0} GB{heat}{state}");
    // Beside the bars: the name and the use.
    let beside = 7 + 6 + memory.width();
    let columns = (usize::from(width).saturating_sub(beside) / 2).clamp(2, 24);
    Line::from(vec![
        Span::styled(format!(" {name:<6}"), theme.dim()),
        Span::styled(theme.bar(columns, percent / 100.0), theme.accent()),
        Span::styled(format!(" {percent:>3.0}% "), style),
        Span::styled(theme.bar(columns, used / total), theme.ok()),
        Span::styled(memory, style),
    ])
}
