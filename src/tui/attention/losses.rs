//! Epochs and rewards that were lost, until the operator has seen it.

use crate::domain::{ConfirmationParams, OutcomeKind, Step};
use crate::engine::PastSprintRow;
use crate::tui::model::Model;

use super::{Attention, Rank};

/// What a past sprint lost.
#[derive(Debug, Clone, PartialEq)]
pub enum Loss {
    /// The `PoC`: failed, without weight, or nobody knows.
    Epoch,
    /// The weight was confirmed by the chain, and a confirmation `PoC` took the reward.
    Reward {
        /// Share of the confirmation weight that was shown, 0 to 1.
        shown: f64,
    },
}

/// What a past sprint lost, if anything. A sprint that the operator aborted lost nothing that was not known.
pub fn loss_of(row: &PastSprintRow, params: Option<ConfirmationParams>) -> Option<Loss> {
    match row.report.outcome {
        OutcomeKind::Failed
        | OutcomeKind::NoWeight
        | OutcomeKind::Unknown
        | OutcomeKind::NotTried => Some(Loss::Epoch),
        OutcomeKind::Confirmed => {
            let (shown, limit) = (row.confirmation_ratio?, params?.fails_below()?);
            (shown < limit).then_some(Loss::Reward { shown })
        }
        OutcomeKind::Rehearsed | OutcomeKind::Served | OutcomeKind::Aborted => None,
    }
}

/// The last sprint, if it lost something.
pub fn last_loss(model: &Model) -> Option<(&PastSprintRow, Loss)> {
    let row = model.snapshot.history.last()?;
    let loss = loss_of(row, model.snapshot.chain.confirmation)?;
    Some((row, loss))
}

/// A loss that the operator has not seen, until the next sprint rents.
pub(super) fn unseen(model: &Model) -> Option<Attention> {
    let (row, _) = last_loss(model)?;
    let is_seen = model.seen_until.is_some_and(|seen| row.at <= seen);
    let is_past = (Step::Renting..Step::Done).contains(&model.snapshot.sprint.step);
    if is_seen || is_past {
        return None;
    }
    Some(Attention::new(Rank::Warning, loss_text(model)?))
}

/// What the last sprint lost, and why.
pub fn loss_text(model: &Model) -> Option<String> {
    let (row, loss) = last_loss(model)?;
    let epoch = row.report.epoch.map(|epoch| format!(" {epoch}"));
    let epoch = epoch.unwrap_or_default();
    Some(match loss {
        Loss::Epoch => {
            let cause = row.report.cause_parts();
            let cause = cause.map_or("no cause is known", |(_, sentence)| sentence);
            format!("Epoch{epoch} lost: {cause}")
        }
        Loss::Reward { shown } => format!(
            "Reward of epoch{epoch} lost: a confirmation PoC saw {:.0}% of its weight",
            shown * 100.0
        ),
    })
}
