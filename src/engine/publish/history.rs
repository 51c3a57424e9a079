//! Past sprints in a snapshot.

use std::sync::Arc;

use crate::engine::snapshot::PastSprintRow;
use crate::engine::state::Shared;

/// A month of epochs.
const HISTORY_ROWS: usize = 30;

impl Shared {
    /// Reads past sprints from the ledger. Cheap when nothing is new.
    pub(crate) fn refresh_history(&mut self) {
        let source = self.ledger.history_source();
        if self.history_source == source {
            return;
        }
        self.history_source = source;
        let history = self.ledger.recent_history(HISTORY_ROWS);
        let rows = history.iter().map(|past| PastSprintRow {
            at: past.at,
            report: past.report.clone(),
            boots: past.boots.iter().map(|boot| (*boot).clone()).collect(),
            confirmation_ratio: past.confirmation_ratio,
            charged_usd: past.charged_usd,
        });
        self.history = Arc::new(rows.collect());
    }
}
