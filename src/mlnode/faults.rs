//! Known causes of failed boots, by the texts of hosts and containers. Pure.

mod fault;
mod log;
mod market;
mod signs;
mod wording;
mod work;

pub(crate) use fault::ANOTHER_MACHINE;
pub(super) use fault::{Fault, Weight};
pub(super) use signs::{SIGNS, WORK_SIGNS};

/// Known faults of one kind of text.
#[derive(Clone, Copy)]
pub(super) struct Table {
    faults: &'static [Fault],
    writer: Writer,
}

/// Who writes the texts of a table.
#[derive(Clone, Copy)]
enum Writer {
    /// Programs on the rental, which also warn, retry, and quote what users send.
    Workload,
    /// The same during a `PoC`, where warnings count: work is lost, and the node keeps running.
    Worker,
    /// The market, about the rental's container.
    Market,
}

/// Log lines of the workload, and the errors that its API reports.
pub(super) const LOG: Table = Table {
    faults: log::FAULTS,
    writer: Writer::Workload,
};

/// Log lines about lost work on a node that keeps running.
pub(super) const WORK: Table = Table {
    faults: work::FAULTS,
    writer: Writer::Worker,
};

/// Texts in the market's status message that mean our image or its login is wrong.
pub(super) const IMAGE: Table = Table {
    faults: market::IMAGE,
    writer: Writer::Market,
};

/// Texts in the market's status message that mean the host is broken.
pub(super) const HOST: Table = Table {
    faults: market::HOST,
    writer: Writer::Market,
};

/// The first fault that a line shows. Warnings, retries and users' words in a log show none.
pub(super) fn find(table: Table, line: &str) -> Option<&'static Fault> {
    locate(table, line).map(|(fault, _)| fault)
}

/// The first fault that a line shows, and where in the line.
pub(super) fn locate(table: Table, line: &str) -> Option<(&'static Fault, usize)> {
    let text = match table.writer {
        Writer::Workload => wording::own_error(line)?,
        Writer::Worker => wording::own_words(line)?,
        Writer::Market => line.to_ascii_lowercase(),
    };
    let at = |fault: &'static Fault| Some((fault, fault.position(&text)?));
    table.faults.iter().find_map(at)
}

#[cfg(test)]
mod tests;
