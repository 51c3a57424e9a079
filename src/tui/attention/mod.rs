//! The one thing to know: what the first row says, and how urgent it is. Pure; `view/top` draws it.

mod freshness;
mod gates;
mod groups;
mod losses;
mod outlook;
mod refusals;

use super::keymap::Keymap;
use super::model::Model;
pub use freshness::{Feed, frozen_since, is_stale, time_of};
pub use groups::{AlertGroup, groups};
pub use losses::{Loss, last_loss, loss_of, loss_text};
pub use refusals::refusal_text;

/// How urgent something is; later ones come first on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Nothing needs the operator.
    Ok,
    Notice,
    /// A decision that is not due yet.
    Early,
    Warning,
    /// A decision that is due.
    Due,
    /// A decision in its last minutes, or one whose waiting costs money.
    Urgent,
    Critical,
}

/// Something to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attention {
    pub rank: Rank,
    /// A sentence that stands alone, at 70 columns.
    pub text: String,
    /// The same with what there is room for on a wide screen.
    pub long: String,
}

impl Attention {
    pub(super) fn new(rank: Rank, text: impl Into<String>) -> Attention {
        let text = text.into();
        Attention {
            rank,
            long: text.clone(),
            text,
        }
    }

    /// What follows the text where there is room.
    pub(super) fn with_more(mut self, more: &str) -> Attention {
        self.long.push_str(more);
        self
    }

    /// What is said instead where there is room.
    pub(super) fn or_long(self, long: impl Into<String>) -> Attention {
        Attention {
            long: long.into(),
            ..self
        }
    }

    fn is_decision(&self) -> bool {
        matches!(self.rank, Rank::Due | Rank::Urgent)
    }
}

/// What the first rows show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    pub first: Attention,
    /// A due decision beside something critical, or the refusal of an offer beside the decision to rent:
    /// neither hides the other.
    pub second: Option<Attention>,
    /// What is in the list of alerts beside them.
    pub others: usize,
}

/// The most urgent thing first.
pub fn headline(model: &Model, keys: &Keymap) -> Headline {
    let groups = groups(model);
    let mut all = Vec::new();
    all.extend(freshness::silence(model));
    all.extend(groups.iter().map(AlertGroup::attention));
    all.extend(gates::decision(model, keys));
    all.extend(gates::elsewhere(model, keys));
    let refusal = refusals::unseen(model);
    all.extend(refusal.clone());
    all.extend(losses::unseen(model));
    all.extend(freshness::unread(model, &groups));
    all.push(outlook::outlook(model, keys));
    // Stable: what was collected first stays first among equals.
    all.sort_by_key(|it| std::cmp::Reverse(it.rank));
    let first = all.remove(0);
    let is_beside = |it: &Attention| match first.rank {
        Rank::Critical => it.is_decision(),
        Rank::Due | Rank::Urgent => refusal.as_ref() == Some(it),
        _ => false,
    };
    let beside = all.iter().position(is_beside);
    let second = beside.map(|place| all.remove(place));
    Headline {
        first,
        second,
        // What is well is not counted.
        others: all.iter().filter(|it| it.rank > Rank::Ok).count(),
    }
}
