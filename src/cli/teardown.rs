//! Shared by `release` and `gc`: prompts, and destroying until verified.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};

use color_eyre::eyre::{Report, eyre};
use futures_util::future::join_all;

use super::arguments::Confirmation;
use super::status_line;
use crate::domain::{InstanceId, Time};
use crate::engine;
use crate::ports::{Clock, Market};

const MAX_ROUNDS: u32 = 10;
const ROUND_INTERVAL: std::time::Duration = std::time::Duration::from_secs(5);

/// True if the operator agrees, or did so with `--yes`.
pub(crate) fn confirm(confirmation: Confirmation, question: &str) -> Result<bool, Report> {
    if confirmation.yes {
        return Ok(true);
    }
    if !is_interactive() {
        return Err(eyre!(
            "not a terminal, so it cannot ask for confirmation: add --yes"
        ));
    }
    let answer = prompt(&format!("{question} [y/N]"))?;
    Ok(matches!(answer.as_str(), "y" | "Y" | "yes"))
}

pub(crate) fn is_interactive() -> bool {
    std::io::stdin().is_terminal()
}

/// Prints a question and reads a line.
pub(crate) fn prompt(question: &str) -> std::io::Result<String> {
    status_line(question);
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// Destroys until each rental is verified gone (law 4). Returns those that are, each with the time since
/// when.
pub(crate) async fn destroy_all(
    market: &impl Market,
    clock: &dyn Clock,
    rentals: &[InstanceId],
) -> BTreeMap<InstanceId, Time> {
    let mut gone = BTreeMap::new();
    for round in 0..MAX_ROUNDS {
        let left = rentals.iter().filter(|id| !gone.contains_key(*id));
        let left: Vec<InstanceId> = left.copied().collect();
        if left.is_empty() {
            break;
        }
        if round > 0 {
            tokio::time::sleep(ROUND_INTERVAL).await;
        }
        for id in &left {
            if let Err(error) = market.destroy(*id).await {
                status_line(format_args!(
                    "warning: rental {id} not destroyed yet: {error}"
                ));
            }
        }
        // Concurrently: each proof takes half a minute.
        let proofs = left.iter().map(async |id| {
            let absence = engine::prove_absence(market, clock, *id, || ()).await?;
            Some((*id, absence.since))
        });
        gone.extend(join_all(proofs).await.into_iter().flatten());
    }
    gone
}
