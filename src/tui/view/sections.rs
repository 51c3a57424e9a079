//! Measures and draws the sections of a frame.

use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::tui::hit_areas::HitTarget;
use crate::tui::layout::{Placed, Rows};
use crate::tui::message::LogSizes;
use crate::tui::section::Section;

use super::widgets::{Canvas, put_cut};
use super::{
    charts, fleet, fleet_detail, history, log, money, nodes, offers, proof, rental, schedule,
    sprint, stages,
};

/// The lines of the sections that know them before they know their height.
pub struct Prepared {
    /// The log needs the rows more than the stages of the boot.
    is_low: bool,
    lines: Vec<(Section, Vec<Line<'static>>)>,
}

impl Prepared {
    pub fn new(is_low: bool) -> Prepared {
        Prepared {
            is_low,
            lines: Vec::new(),
        }
    }

    fn take(&mut self, section: Section) -> Option<Vec<Line<'static>>> {
        let place = self.lines.iter().position(|(of, _)| *of == section)?;
        Some(self.lines.swap_remove(place).1)
    }
}

/// How many rows a section wants at this width, with its title.
pub fn measure(canvas: &Canvas<'_>, section: Section, width: u16, prepared: &mut Prepared) -> Rows {
    let model = canvas.model;
    if let Some((_, lines)) = prepared.lines.iter().find(|(of, _)| *of == section) {
        return rows_of(section, lines.len());
    }
    let lines = match section {
        Section::Fleet => return fleet::rows(model),
        Section::FleetDetail => fleet_detail::lines(canvas, width, usize::MAX),
        Section::Schedule => schedule::lines(canvas, width),
        Section::Stages => stages::lines(canvas, width, prepared.is_low),
        Section::Rental => rental::lines(canvas, width),
        Section::Proof => proof::lines(canvas, width),
        Section::Gpus => rental::gpu_lines(canvas, width),
        Section::Money => money::lines(canvas, width),
        Section::Sprint => sprint::lines(canvas, width),
        Section::Nodes => return nodes::rows(model),
        Section::History => return history::rows(model),
        Section::Offers => return offers::rows(canvas, width),
        Section::Log | Section::ProgramLog => return log::rows(model, section),
        Section::Epochs => return charts::epochs_rows(),
        Section::Trends => return charts::trends_rows(),
    };
    let rows = rows_of(section, lines.len());
    prepared.lines.push((section, lines));
    rows
}

/// What does not scroll is shown as a whole, but for the main thing of a small screen.
fn rows_of(section: Section, lines: usize) -> Rows {
    let least = match section {
        Section::Schedule | Section::Sprint | Section::FleetDetail => 6,
        Section::Stages => 3,
        Section::Proof => 5,
        _ => u16::try_from(lines + 1).unwrap_or(Rows::ENDLESS),
    };
    Rows::up_to(least, lines + 1)
}

/// Draws every section; returns the sizes of the logs.
pub fn draw(canvas: &mut Canvas<'_>, placed: &Placed, mut prepared: Prepared) -> LogSizes {
    let mut sizes = LogSizes::default();
    for &(section, area) in &placed.sections {
        canvas.hits.add(area, HitTarget::Pane(section.pane()));
        match section {
            Section::Log => sizes.rental = Some(log::draw(canvas, section, area)),
            Section::ProgramLog => sizes.program = Some(log::draw(canvas, section, area)),
            _ => draw_section(canvas, section, area, &mut prepared),
        }
    }
    for divider in &placed.dividers {
        canvas.divide(*divider);
    }
    sizes
}

fn draw_section(canvas: &mut Canvas<'_>, section: Section, area: Rect, prepared: &mut Prepared) {
    let model = canvas.model;
    let note = |canvas: &mut Canvas<'_>, note: &str| canvas.section_rule(area, section, note);
    let titled = |canvas: &mut Canvas<'_>, (title, note): (String, String)| {
        canvas.rule(area, &title, &note, false)
    };
    let inner = match section {
        Section::Fleet => return fleet::draw(canvas, area),
        Section::Offers => return offers::draw(canvas, area),
        Section::Nodes => return nodes::draw(canvas, area),
        Section::History => return history::draw(canvas, area),
        Section::Epochs => return charts::draw_epochs(canvas, area),
        Section::Trends => return charts::draw_trends(canvas, area),
        Section::FleetDetail => titled(canvas, fleet_detail::title(model)),
        Section::Proof => titled(canvas, proof::title(model)),
        Section::Schedule => note(canvas, &schedule::note(model)),
        Section::Stages => note(canvas, &stages::note(model)),
        Section::Sprint => note(canvas, &sprint::note(model)),
        Section::Gpus => note(canvas, &rental::gpu_note(model)),
        Section::Rental | Section::Money | Section::Log | Section::ProgramLog => note(canvas, ""),
    };
    let mut lines = prepared.take(section).unwrap_or_default();
    if section == Section::Stages && usize::from(inner.height) < lines.len() {
        lines = stages::lines(canvas, inner.width, true);
    }
    if section == Section::Sprint && usize::from(inner.height) < lines.len() {
        lines = sprint::lines_in(canvas, inner.width, usize::from(inner.height));
    }
    if section == Section::FleetDetail && usize::from(inner.height) < lines.len() {
        lines = fleet_detail::lines(canvas, inner.width, usize::from(inner.height));
    }
    put_cut(canvas.buf, inner, lines);
}
