//! How a past sprint ended: in a word and its colour, and why.

use ratatui::style::Style;

use crate::domain::OutcomeKind;
use crate::engine::PastSprintRow;
use crate::tui::attention::{Loss, loss_of};
use crate::tui::model::Model;
use crate::tui::theme::Theme;

#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) word: &'static str,
    pub(super) style: Style,
    /// Why it lost something.
    pub(super) why: Option<String>,
}

/// The share of its weight that a confirmation `PoC` saw, where that cost the reward.
fn lost_reward(row: &PastSprintRow, model: &Model) -> Option<f64> {
    match loss_of(row, model.snapshot.chain.confirmation)? {
        Loss::Reward { shown } => Some(shown),
        Loss::Epoch => None,
    }
}

pub(super) fn word(row: &PastSprintRow, model: &Model) -> &'static str {
    match lost_reward(row, model) {
        Some(_) => "REWARD LOST",
        None => row.report.outcome.headline(),
    }
}

pub(super) fn ended(row: &PastSprintRow, model: &Model, theme: Theme) -> Ended {
    let report = &row.report;
    let word = word(row, model);
    if let Some(shown) = lost_reward(row, model) {
        return Ended {
            word,
            style: theme.bad(),
            why: Some(format!("confirmation {:.0}% of weight", shown * 100.0)),
        };
    }
    let style = match report.outcome {
        OutcomeKind::Confirmed | OutcomeKind::Rehearsed | OutcomeKind::Served => theme.ok(),
        OutcomeKind::Failed | OutcomeKind::NoWeight | OutcomeKind::NotTried => theme.bad(),
        OutcomeKind::Unknown => theme.warn(),
        OutcomeKind::Aborted => theme.text(),
    };
    Ended {
        word,
        style,
        why: report.cause_parts().map(|(name, _)| name.replace('_', " ")),
    }
}
