//! What a known fault is.

use crate::domain::Blame;

/// A known fault, recognised by its texts.
pub(in crate::mlnode) struct Fault {
    /// Lower case; any of them shows the fault, whatever the case of the line.
    pub(super) texts: &'static [&'static str],
    /// Lower case; one of them must be in the line as well. Empty when the text is enough.
    pub(super) besides: &'static [&'static str],
    pub(in crate::mlnode) name: &'static str,
    pub(in crate::mlnode) blame: Blame,
    pub(in crate::mlnode) advice: &'static str,
    pub(in crate::mlnode) weight: Weight,
}

/// What a line says about why a workload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::mlnode) enum Weight {
    /// Only that it ended: the cause is further up, if it was logged at all.
    End,
    /// What various causes bring about: a known cause says more.
    Consequence,
    Cause,
}

pub(crate) const ANOTHER_MACHINE: &str = "retrying on another machine";
pub(super) const NEWER_DRIVER: &str =
    "retrying on another machine; a higher vast.min_cuda excludes such hosts";

/// Caused by our image, key, model or arguments.
pub(super) const fn ours(
    name: &'static str,
    advice: &'static str,
    texts: &'static [&'static str],
) -> Fault {
    Fault {
        texts,
        besides: &[],
        name,
        blame: Blame::Ours,
        advice,
        weight: Weight::Cause,
    }
}

/// Caused by the machine.
pub(super) const fn host(name: &'static str, texts: &'static [&'static str]) -> Fault {
    Fault {
        blame: Blame::Host,
        ..ours(name, ANOTHER_MACHINE, texts)
    }
}

/// Caused by the machine or by us: a wrong blame is worse than none.
pub(super) const fn nobody(
    name: &'static str,
    advice: &'static str,
    texts: &'static [&'static str],
) -> Fault {
    Fault {
        blame: Blame::Nobody,
        ..ours(name, advice, texts)
    }
}

impl Fault {
    pub(super) const fn with_advice(self, advice: &'static str) -> Fault {
        Fault { advice, ..self }
    }

    pub(super) const fn besides(self, besides: &'static [&'static str]) -> Fault {
        Fault { besides, ..self }
    }

    pub(super) const fn consequence(self) -> Fault {
        let weight = Weight::Consequence;
        Fault { weight, ..self }
    }

    pub(super) const fn end(self) -> Fault {
        let weight = Weight::End;
        Fault { weight, ..self }
    }

    /// Where a text in lower case shows this fault.
    pub(super) fn position(&self, text: &str) -> Option<usize> {
        let at = self.texts.iter().find_map(|known| text.find(known))?;
        let besides = self.besides;
        (besides.is_empty() || besides.iter().any(|also| text.contains(also))).then_some(at)
    }
}
