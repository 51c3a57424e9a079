//! A cap that refused what was to be rented, until the next key in the offers.

use crate::engine::Refusal;
use crate::tui::model::Model;

use super::{Attention, Rank};

/// Which cap, what it has left, and what is needed.
pub fn refusal_text(refusal: &Refusal) -> String {
    let Refusal {
        cap, cost, left, ..
    } = refusal;
    let cap = cap.title();
    format!("Not rented: the {cap} has {left} left, {cost} needed")
}

pub(super) fn unseen(model: &Model) -> Option<Attention> {
    let refused = model.snapshot.money.refused;
    let refusal = refused.filter(|_| refused != model.seen_refusal)?;
    Some(Attention::new(Rank::Warning, refusal_text(&refusal)))
}
