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

pub(super) fn ended(row: &PastSprintRow, model: &Model, theme: Theme) -> Ended {
    let report = &row.report;
    if let Some(Loss::Reward { shown }) = loss_of(row, model.snapshot.chain.confirmation) {
        return Ended {
            word: "REWARD LOST",
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
        word: report.outcome.headline(),
        style,
        why: report.cause_parts().map(|(name, _)| name.replace('_', " ")),
    }
}
