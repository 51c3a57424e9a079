//! What an operator may meet, why, and what to do: every alert and every exit code. The README has it as
//! a table.

use std::fmt::Write as _;

use strum::VariantNames as _;

use super::Exit;
use crate::engine::Condition;

pub(super) struct Trouble {
    pub(super) symptom: String,
    pub(super) cause: String,
    pub(super) remedy: String,
}

/// An alert of the cockpit.
struct OfAlert {
    /// Its condition, as JSON names it.
    condition: &'static str,
    symptom: &'static str,
    cause: &'static str,
    remedy: Remedy,
}

#[derive(Clone, Copy)]
enum Remedy {
    /// The alert says the same.
    OfAlert(&'static str),
    /// The alert says more, by what it found.
    InShort(&'static str),
}

impl Remedy {
    fn text(self) -> &'static str {
        let (Remedy::OfAlert(text) | Remedy::InShort(text)) = self;
        text
    }
}

const fn alert(
    condition: &'static str,
    symptom: &'static str,
    cause: &'static str,
    remedy: Remedy,
) -> OfAlert {
    OfAlert {
        condition,
        symptom,
        cause,
        remedy,
    }
}

use Remedy::{InShort, OfAlert as Says};

#[rustfmt::skip]
const ALERTS: &[OfAlert] = &[
    alert("clock_skew", "this machine's clock is ahead or behind",
        "no time synchronisation, or a virtual machine that slept",
        Says("synchronise it (timedatectl set-ntp true)")),
    alert("descriptors_low", "pocpit is almost out of file descriptors",
        "clients keep connections to the proxy or the tunnel open",
        InShort("`ss -tnp | grep pocpit` lists them; raise LimitNOFILE= in the unit and restart")),
    alert("release_policy_cut", "the release policy is cut short",
        "poc.execution_timeout ends a rental before poc.release does",
        InShort("raise poc.execution_timeout or choose a shorter poc.release; `pocpit plan` shows what each costs")),
    alert("release_only", "release-only: nothing new is rented or registered",
        "the journal cannot be written: disk full, read-only or failing",
        InShort("free space on the state directory's disk, or repair it; pocpit then continues by itself")),
    alert("journal_lost", "nothing is rented: the journal starts empty",
        "the state directory was emptied, or restored from an older backup",
        Says("stop pocpit and restore the state directory from a backup; or compare the budget with the Vast console, then agree with `pocpit accept-journal`")),
    alert("foreign_rental", "an instance belongs to another cockpit",
        "two cockpits share the Vast account",
        Says("stop one of the two, or add it to cockpit.peers if both are intended")),
    alert("destroy_overdue", "a rental still exists minutes after it was destroyed",
        "Vast or the host does not act on it",
        InShort("`vastai destroy instance ID`, or the Vast console; it costs money until then")),
    alert("price_increase", "an instance costs more than was agreed",
        "the host changed its price",
        Says("auto mode releases it before registration; in manual mode x aborts, then another offer can be rented")),
    alert("price_requested", "a host asks for a higher price",
        "an unanswered request in the Vast console",
        Says("pocpit never accepts; reject it in the Vast console, or abort and rent another offer")),
    alert("boot_fault", "a boot failed or its workload is restarted",
        "image, model, driver, disk or memory of the rental: the alert quotes the line of its log",
        InShort("follow the alert; a machine at fault is avoided, and another offer is rented if there is time")),
    alert("workload_partial", "part of the workload does not work",
        "one of several models or GPUs on the rental failed",
        Says("read the rental's log: the missing part proves nothing and serves nothing")),
    alert("poc_work_lost", "work of a PoC is lost",
        "batches did not reach the Network Node, or a GPU stopped computing",
        InShort("follow the alert; the workload itself keeps running")),
    alert("link_down", "no link to a rental",
        "this machine's network, the host's, or its SSH port",
        Says("retrying; PoC needs this link. Check this machine's network; `pocpit ssh --print` shows the command to try by hand")),
    alert("host_key_mismatch", "the host key of a rental changed",
        "its container was recreated, or somebody else answers",
        Says("abort the sprint to release this rental; trust the key only if its container was recreated")),
    alert("callback_unproven", "the proofs of a rental would not arrive",
        "the rental does not reach api.poc_callback_url through the tunnel",
        Says("fix it before the PoC: a node whose proofs do not arrive gets no weight. It is tested again every 15 seconds")),
    alert("watchdog_unverified", "a rental would not end itself with its lease",
        "the watchdog on it does not run, or counts another lease",
        Says("while this program runs it ends the rental itself; if it cannot, destroy the rental by hand: it costs money until then")),
    alert("low_credit", "the account's credit is below the next sprint's cost",
        "the credit is used up, or budget.credit_floor keeps it",
        Says("add credit to the Vast account before PoC: nothing is rented without it")),
    alert("rentals_unknown", "rentals are unknown",
        "Vast does not answer, or refuses the key",
        Says("check vast.api_key and vast.base_url; nothing is rented, and no rental is given up, until then")),
    alert("network_node_down", "the Network Node does not answer",
        "it is stopped, or its admin API (port 9200) is out of reach",
        Says("check network_node.admin_api; a node cannot be registered without it")),
    alert("node_change_failed", "a change of a node failed",
        "the Network Node refused or did not answer",
        Says("check the registrations and retry")),
    alert("proxy_down", "the inference proxy does not answer",
        "`pocpit proxy` is stopped, or listens elsewhere",
        Says("start it (systemctl start pocpit-proxy, or pocpit proxy): requests to it fail until then")),
    alert("no_healthy_upstream", "no upstream of the inference proxy is healthy",
        "wrong key, no credit, or the upstream is down",
        Says("see the log of pocpit proxy; check inference_proxy.upstream, its key and its credit")),
    alert("chain_unreachable", "the chain cannot be read",
        "every source in chain.public_api and chain.rpc fails",
        Says("check chain.public_api; nothing is rented meanwhile")),
    alert("chain_stalled", "the chain shows no new block",
        "the chain is halted, or the only source is stuck",
        Says("nothing is rented until it moves; compare another source")),
    alert("unreliable_source", "a source of the chain is behind, silent or wrong",
        "the node behind it catches up or is broken",
        Says("using the other sources; replace it in chain.public_api or chain.rpc if this persists")),
    alert("parameters_changed", "parameters of the chain changed",
        "a governance proposal passed",
        Says("the plan adapts by itself; check that lead and budget still fit")),
    alert("first_start", "a confirmation PoC after release loses this epoch's reward",
        "the default policy releases after validation",
        Says("choose a policy with poc.release")),
    alert("upgrade", "an upgrade halts the chain",
        "governance scheduled it at a height",
        Says("prepare your nodes; the chain continues when most are upgraded")),
    alert("confirmation", "a confirmation PoC is under way",
        "the chain checks at random times that the weight is still there",
        InShort("keep what is rented; `pocpit plan` shows what each policy costs")),
    alert("challenge", "a PoC Challenge is open",
        "the Network Node lets a node generate outside every PoC",
        Says("release nothing that has weight in this epoch, and keep the callback reachable")),
    alert("parameters_untold", "the chain's reply lacks the epoch's parameters",
        "the API is of another version than pocpit knows",
        Says("update pocpit: the Network Node may speak a newer version; check release times with `pocpit plan`")),
    alert("preflight_failure", "nothing is rented: a check of the preflight failed",
        "the alert names it: model, participant, address, sync, callback, credit, reward rules",
        InShort("`pocpit check` lists every failed check with its remedy")),
    alert("sprint_broke", "the sprint of a replica broke",
        "a bug in pocpit",
        InShort("report it with the log; its rental is taken down, the others go on, and it joins again in the next epoch")),
];

/// The rows of the README: alerts, then exit codes.
pub fn markdown_table() -> String {
    let mut table = "| symptom | cause | remedy |\n| --- | --- | --- |\n".to_owned();
    let alerts = Condition::VARIANTS.iter().filter_map(|name| of_alert(name));
    let exits = Exit::ALL.into_iter().filter_map(of_exit);
    for Trouble {
        symptom,
        cause,
        remedy,
    } in alerts.chain(exits)
    {
        let row = [symptom, cause, remedy].map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(table, "| {} |", row.join(" | "));
    }
    table
}

fn of_alert(condition: &str) -> Option<Trouble> {
    let row = ALERTS.iter().find(|row| row.condition == condition)?;
    Some(Trouble {
        symptom: row.symptom.to_owned(),
        cause: row.cause.to_owned(),
        remedy: row.remedy.text().to_owned(),
    })
}

/// Why a command ends with an exit code, and what to do.
pub(super) fn of_exit(exit: Exit) -> Option<Trouble> {
    let (cause, remedy) = match exit {
        Exit::Done => return None,
        Exit::Failed => (
            "the command could not do its work, or the sprint ended without weight",
            "read its last line on standard error; `pocpit history` shows why a sprint failed, `pocpit check` what is wrong now",
        ),
        Exit::Usage => (
            "the command line or the configuration is wrong; nothing was changed",
            "`pocpit help COMMAND`, `pocpit config check`",
        ),
        Exit::Refused => (
            "going on could cost too much or disturb another cockpit: a cap, a deadline, a failed preflight, a state directory in use, the journal of a newer pocpit",
            "the last line names it; `pocpit plan` lists everything that blocks the next sprint",
        ),
        Exit::Unknown => (
            "the outcome could not be determined, or something may still be rented",
            "start pocpit again: it resumes; `pocpit gc --dry-run` lists leftovers, `pocpit release` removes everything",
        ),
        Exit::NoJournal => (
            "the journal is damaged or its disk cannot be written",
            "repair the disk or restore the state directory from a backup, then `pocpit gc --dry-run`; see `pocpit accept-journal`",
        ),
    };
    let symptom = format!("exit code {}", exit as u8);
    Some(Trouble {
        symptom,
        cause: cause.into(),
        remedy: remedy.into(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    fn sources(directory: &Path, text: &mut String) {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, text);
            } else {
                text.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn every_alert_has_a_row() {
        let rows: BTreeSet<&str> = ALERTS.iter().map(|alert| alert.condition).collect();
        // These two say where another one is.
        let places = ["at_network_node", "of_account"];
        let alerts = Condition::VARIANTS.iter().copied();
        let alerts: BTreeSet<&str> = alerts.filter(|alert| !places.contains(alert)).collect();
        assert_eq!(rows, alerts);
        assert_eq!(rows.len(), ALERTS.len(), "one row each");
    }

    #[test]
    fn table_advises_as_the_alerts_do() {
        let mut engine = String::new();
        sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine"),
            &mut engine,
        );
        for row in ALERTS {
            if let Says(advice) = row.remedy {
                assert!(engine.contains(advice), "{}: {advice}", row.condition);
            }
        }
    }
}
