//! Runs an engine without a cockpit: prints progress to standard error, turns signals into commands and
//! the report into the exit code.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use color_eyre::eyre::Report;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::arguments::{Output, SprintOutput};
use super::page::Page;
use super::service::{self, ServiceManager};
use super::{Exit, print_report, status_line, timed_line};
use crate::config::{Config, PoolConfig, Pools};
use crate::domain::format::count;
use crate::domain::{OutcomeKind, ReplicaId, SprintReport, Step};
use crate::engine::{Command, EngineError, EngineHandle, QuitChoice, Snapshot, SprintSnapshot};
use crate::journal::{self, OpenRental};

pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

enum ControlSignal {
    /// Ctrl-C: release everything and exit.
    Release,
    /// SIGTERM: exit; a restart resumes.
    Detach,
    /// SIGHUP: the configuration has changed, or the terminal is lost.
    Reload,
}

/// Reloads the configuration on SIGHUP. If it is invalid, that is reported and the old one stays.
pub(crate) type Reload<'a> = &'a dyn Fn() -> Result<Config, String>;

pub(crate) enum FollowEnd {
    Exited(Exit),
    /// The engine detached so that one with this configuration resumes.
    Reloaded(Box<Config>),
}

impl Signals {
    /// From now on no signal kills the process: call it before the engine starts.
    pub(crate) fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal to exit. SIGHUP is ignored: there is nothing to reload yet.
    pub(crate) async fn end(&mut self) {
        while let ControlSignal::Reload = self.next().await {}
    }

    async fn next(&mut self) -> ControlSignal {
        tokio::select! {
            _ = self.interrupt.recv() => ControlSignal::Release,
            _ = self.terminate.recv() => ControlSignal::Detach,
            _ = self.hangup.recv() => ControlSignal::Reload,
        }
    }
}

/// Runs until the engine ends and prints the report, or the leftovers if there is none.
pub(crate) async fn follow(
    handle: EngineHandle,
    mut signals: Signals,
    config: &Config,
    output: SprintOutput,
) -> Result<Exit, Report> {
    match follow_until_reload(handle, &mut signals, config, output, None).await? {
        FollowEnd::Exited(exit) => Ok(exit),
        // Unreachable: there is nothing to reload.
        FollowEnd::Reloaded(_) => Ok(Exit::Done),
    }
}

/// The same, but SIGHUP may hand over to an engine with another configuration. Without `reload` it means
/// that the terminal is lost, and is ignored.
pub(crate) async fn follow_until_reload(
    mut handle: EngineHandle,
    signals: &mut Signals,
    config: &Config,
    output: SprintOutput,
    reload: Option<Reload<'_>>,
) -> Result<FollowEnd, Report> {
    let mut lines = StatusLines::default();
    let mut manager = ServiceManager::from_env();
    let mut fresh: Option<Config> = None;
    let mut stops = 0;
    let result = loop {
        tokio::select! {
            result = &mut handle.ended => break result,
            Ok(()) = handle.snapshots.changed() => {
                manager.engine_alive();
                if let Some(doing) = lines.print_changes(&handle.snapshots) {
                    service::set_status(&doing);
                }
            }
            signal = signals.next() => {
                if let ControlSignal::Reload = signal {
                    // A new engine resumes as it would after a restart.
                    fresh = reload_config(reload).or(fresh);
                    if fresh.is_some() && stops == 0 {
                        service::notify_reloading();
                        let _ = handle.commands.try_send(Command::Quit(QuitChoice::Detach));
                    }
                    continue;
                }
                stops += 1;
                service::notify_stopping();
                let choice = match signal {
                    ControlSignal::Release if stops == 1 => {
                        status_line("releasing everything; press Ctrl-C again to exit without waiting");
                        QuitChoice::Release
                    }
                    _ => QuitChoice::Detach,
                };
                // If the queue is full, a quit command is already in it.
                let _ = handle.commands.try_send(Command::Quit(choice));
            }
        }
    };
    let last = Arc::clone(&handle.snapshots.borrow());
    match result? {
        Ok(reports) => {
            print_reports(output, &reports)?;
            let replicas = last.replicas.len().max(1);
            Ok(match EngineEnd::of(&reports, replicas, &config.pools) {
                EngineEnd::Finished(exit) => FollowEnd::Exited(exit),
                EngineEnd::Stopped(exit) => match fresh.filter(|_| stops == 0) {
                    Some(config) => FollowEnd::Reloaded(Box::new(config)),
                    None => {
                        FollowEnd::Exited(report_leftovers(&config.paths.state_dir, &last, exit))
                    }
                },
            })
        }
        Err(error @ EngineError::Broken(_)) => {
            status_line(format_args!(
                "pocpit: {error}. This is a bug in pocpit: please report it with the log"
            ));
            let exit = report_leftovers(&config.paths.state_dir, &last, Exit::Failed);
            Ok(FollowEnd::Exited(exit))
        }
    }
}

/// How an engine ended.
#[derive(Debug, PartialEq)]
enum EngineEnd {
    /// Every replica finished its sprint.
    Finished(Exit),
    /// It was told to end before all had finished. The exit holds if nothing is left.
    Stopped(Exit),
}

impl EngineEnd {
    fn of(reports: &[SprintReport], replicas: usize, pools: &Pools) -> EngineEnd {
        let exit = match reports {
            [] => Exit::Done,
            reports => exit_of_all(reports, pools),
        };
        if reports.len() < replicas {
            EngineEnd::Stopped(exit)
        } else {
            EngineEnd::Finished(exit)
        }
    }
}

fn print_reports(output: SprintOutput, reports: &[SprintReport]) -> Result<(), Report> {
    let output = Output {
        json: output.json,
        ..Output::default()
    };
    for report in reports {
        print_report(output, report, || {
            Page::sentence().sentences(&summary(report))
        })?;
    }
    Ok(())
}

/// The reloaded configuration, if it is valid.
fn reload_config(reload: Option<Reload<'_>>) -> Option<Config> {
    let Some(load) = reload else {
        tracing::info!("the terminal is lost; continuing without it");
        return None;
    };
    match load() {
        Ok(config) => {
            status_line("configuration reloaded");
            Some(config)
        }
        Err(why) => {
            // Also in the log, where the sender of the signal looks.
            let text =
                format!("the configuration is not changed, the old one stays in force: {why}");
            tracing::error!("{text}");
            service::set_status(&text);
            None
        }
    }
}

/// Reports what may still cost money, from the journal: only the journal has rent calls with unknown
/// outcome.
fn report_leftovers(state_dir: &Path, last: &Snapshot, if_nothing: Exit) -> Exit {
    let ledger = match journal::read_only(state_dir) {
        Ok(ledger) => ledger,
        Err(error) => {
            status_line(format_args!(
                "exited; rentals unknown: {error}. Run `pocpit release` to find and destroy them"
            ));
            return Exit::Unknown;
        }
    };
    let left = ledger.open_rentals();
    if left.is_empty() {
        status_line("exited before the sprint finished; nothing is rented");
        return if_nothing;
    }
    for rental in left {
        status_line(format_args!("ended with {}", describe_rental(rental, last)));
    }
    status_line("start pocpit again to resume, or run `pocpit release` to destroy it");
    Exit::Unknown
}

fn describe_rental(open: &OpenRental, last: &Snapshot) -> String {
    let prices = &open.prices;
    let price = prices.gpu_price + prices.storage_price;
    let Some(id) = open.instance else {
        return format!(
            "a rent call with unknown outcome ({price} if it succeeded, label {})",
            open.label
        );
    };
    let lease = last.rentals().find(|rental| rental.id == id);
    let end = lease.map_or_else(String::new, |rental| {
        let until = rental.lease_until.format("%H:%M:%S UTC");
        format!("; left alone it ends itself at {until}")
    });
    format!("rental {id} alive ({price}){end}")
}

/// Causes that are refusals for safety, not failures.
const REFUSALS: &[&str] = &[
    "budget_refused",
    "preflight_failed",
    "missed_registration_deadline",
    "rent_refused",
];

/// Nothing may be unknown, and each pool must have made its epoch. Otherwise it failed, unless everything was
/// refused.
fn exit_of_all(reports: &[SprintReport], pools: &Pools) -> Exit {
    let exits: Vec<Exit> = reports.iter().map(exit_of).collect();
    if exits.contains(&Exit::Unknown) {
        return Exit::Unknown;
    }
    let has_made_it = |pool: &PoolConfig| {
        let of_pool = reports.iter().zip(&exits);
        let made = of_pool
            .filter(|(report, exit)| report.replica.pool == pool.name && **exit == Exit::Done);
        made.count() >= pool.min_replicas.get() as usize
    };
    if pools.iter().all(has_made_it) {
        Exit::Done
    } else if exits.iter().all(|exit| *exit == Exit::Refused) {
        Exit::Refused
    } else {
        Exit::Failed
    }
}

fn exit_of(report: &SprintReport) -> Exit {
    let leftovers = report.rentals_left != Some(0) || registrations_left(report) != Some(0);
    let (kind, _) = report.cause_parts().unwrap_or_default();
    match report.outcome {
        // What is not proven gone may still cost money.
        _ if report.succeeded() && leftovers => Exit::Unknown,
        _ if report.succeeded() => Exit::Done,
        OutcomeKind::Unknown => Exit::Unknown,
        _ if REFUSALS.contains(&kind) => Exit::Refused,
        _ => Exit::Failed,
    }
}

/// A serving sprint registers nothing, so an unreadable Network Node leaves nothing unknown.
fn registrations_left(report: &SprintReport) -> Option<u32> {
    let none = (report.outcome == OutcomeKind::Served).then_some(0);
    report.registrations_left.or(none)
}

fn summary(report: &SprintReport) -> String {
    let replica = Some(&report.replica).filter(|replica| !replica.is_default());
    let replica = replica.map(|replica| format!("{replica}, "));
    let epoch = report.epoch.map(|epoch| format!("epoch {epoch}: "));
    let weight = report.weight.map(|weight| format!(", weight {weight}"));
    let cause = report.cause.as_ref().map(|cause| format!(" ({cause})"));
    let parts = [replica, epoch, weight, cause].map(Option::unwrap_or_default);
    let [replica, epoch, weight, cause] = parts;
    let left = match (report.rentals_left, registrations_left(report)) {
        (Some(0), Some(0)) => "nothing is left over".to_owned(),
        (Some(rentals), Some(nodes)) => {
            let (rentals, nodes) = (count(rentals, "rental"), count(nodes, "registration"));
            format!("LEFT OVER: {rentals}, {nodes}")
        }
        _ => "leftovers unknown: run `pocpit release`".to_owned(),
    };
    format!(
        "{replica}{epoch}{}{weight}{cause}; {}; {left}",
        report.outcome,
        report.spent(None).in_words()
    )
}

/// Prints each change of status once.
#[derive(Default)]
struct StatusLines {
    /// What each replica does, without numbers.
    doing: BTreeMap<ReplicaId, String>,
    alerts: Vec<String>,
    is_ready: bool,
}

impl StatusLines {
    /// Prints what is new; returns the new activity, if it changed.
    fn print_changes(&mut self, snapshots: &watch::Receiver<Arc<Snapshot>>) -> Option<String> {
        let snapshot = Arc::clone(&snapshots.borrow());
        let mut is_news = false;
        for (replica, sprint) in snapshot.sprints() {
            if self.is_news(replica, sprint) {
                is_news = true;
                let line = if snapshot.is_single() {
                    doing(sprint)
                } else {
                    format!("{replica} {}", doing(sprint))
                };
                timed_line(snapshot.at, &line);
            }
        }
        // Obstacles are alerts; their absence is printed once.
        if let Some(preflight) = &snapshot.sprint.preflight {
            if preflight.is_clear() && !self.is_ready {
                timed_line(snapshot.at, &preflight.to_string());
            }
            self.is_ready = preflight.is_clear();
        }
        let alerts = snapshot.alerts.iter();
        let alerts: Vec<String> = alerts.map(|alert| without_digits(&alert.text)).collect();
        for (alert, news) in snapshot.alerts.iter().zip(&alerts) {
            if !self.alerts.contains(news) {
                let advice = &alert.advice.text;
                timed_line(snapshot.at, &format!("! {} → {advice}", alert.text));
            }
        }
        self.alerts = alerts;
        is_news.then(|| status(&snapshot))
    }

    /// Texts that differ only in numbers are not news.
    fn is_news(&mut self, replica: &ReplicaId, sprint: &SprintSnapshot) -> bool {
        let news = without_digits(&doing(sprint));
        if self.doing.get(replica) == Some(&news) {
            return false;
        }
        self.doing.insert(replica.clone(), news);
        true
    }
}

fn doing(sprint: &SprintSnapshot) -> String {
    format!("{}: {}", sprint.step, sprint.doing)
}

/// What the service manager shows: one sprint, or how many are where.
fn status(snapshot: &Snapshot) -> String {
    if snapshot.is_single() {
        return doing(&snapshot.sprint);
    }
    let mut steps: BTreeMap<Step, usize> = BTreeMap::new();
    for replica in &snapshot.replicas {
        *steps.entry(replica.sprint.step).or_default() += 1;
    }
    let steps: Vec<String> = steps
        .into_iter()
        .map(|(step, count)| format!("{count} {step}"))
        .collect();
    format!("{} replicas: {}", snapshot.replicas.len(), steps.join(", "))
}

fn without_digits(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_ascii_digit())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn report(outcome: OutcomeKind, cause: Option<&str>) -> SprintReport {
        SprintReport {
            outcome,
            cause: cause.map(str::to_owned),
            cost_usd: 1.0,
            rentals_left: Some(0),
            registrations_left: Some(0),
            ..SprintReport::default()
        }
    }

    #[test]
    fn exit_codes_follow_the_contract() {
        use OutcomeKind::{Aborted, Confirmed, Failed, NoWeight, Unknown};
        for (outcome, cause, exit) in [
            (Confirmed, None, Exit::Done),
            (NoWeight, Some("no_weight: none"), Exit::Failed),
            (Aborted, None, Exit::Failed),
            (Failed, Some("budget_refused: day"), Exit::Refused),
            (Failed, Some("boot_failed: out of memory"), Exit::Failed),
            (Unknown, Some("weight_unreadable: x"), Exit::Unknown),
        ] {
            assert_eq!(
                exit_of(&report(outcome, cause)),
                exit,
                "{outcome} {cause:?}"
            );
        }
    }

    /// `min_replicas` weights make a pool's epoch; nothing may be left anywhere.
    #[test]
    fn pool_has_made_its_epoch_with_enough_replicas() {
        use OutcomeKind::{Confirmed, Failed};
        let of = |number: u32, outcome, cause| SprintReport {
            replica: format!("minimax/{number}").parse().unwrap(),
            ..report(outcome, cause)
        };
        let three = NonZeroU32::MIN.saturating_add(2);
        let mut pool = PoolConfig::new("minimax".parse().unwrap(), three);
        pool.min_replicas = NonZeroU32::MIN.saturating_add(1);
        let pools = Pools {
            first: pool,
            others: Vec::new(),
            idle: Vec::new(),
        };
        let refused = Some("budget_refused: day");
        let two = || vec![of(1, Confirmed, None), of(2, Confirmed, None)];
        let mut most = two();
        most.push(of(3, Failed, refused));
        assert_eq!(exit_of_all(&most, &pools), Exit::Done);
        let few = [of(1, Confirmed, None), of(2, Failed, refused)];
        assert_eq!(exit_of_all(&few, &pools), Exit::Failed);
        let none = [of(1, Failed, refused), of(2, Failed, refused)];
        assert_eq!(exit_of_all(&none, &pools), Exit::Refused);
        let mut left = two();
        left[0].rentals_left = Some(1);
        assert_eq!(exit_of_all(&left, &pools), Exit::Unknown);
        // Given reports of some replicas only, the others may still have rentals, or a new engine goes on.
        assert_eq!(
            EngineEnd::of(&most, 3, &pools),
            EngineEnd::Finished(Exit::Done)
        );
        assert_eq!(
            EngineEnd::of(&two(), 3, &pools),
            EngineEnd::Stopped(Exit::Done)
        );
        assert_eq!(
            EngineEnd::of(&[], 3, &pools),
            EngineEnd::Stopped(Exit::Done)
        );
    }

    #[test]
    fn served_sprint_needs_no_network_node() {
        let mut served = report(OutcomeKind::Served, None);
        served.registrations_left = None;
        assert_eq!(exit_of(&served), Exit::Done);
        let text = "served; ~$1.00 est.; nothing is left over";
        assert_eq!(summary(&served), text);
        served.rentals_left = None;
        assert_eq!(exit_of(&served), Exit::Unknown);
    }

    #[test]
    fn charges_replace_our_own_count() {
        let mut confirmed = report(OutcomeKind::Confirmed, None);
        confirmed.charged_usd = Some(0.97);
        let text = "confirmed; $0.97 billed; nothing is left over";
        assert_eq!(summary(&confirmed), text);
    }

    #[test]
    fn leftovers_make_the_outcome_unknown() {
        let mut left = report(OutcomeKind::Confirmed, None);
        left.rentals_left = Some(1);
        assert_eq!(exit_of(&left), Exit::Unknown);
        left.rentals_left = None;
        assert_eq!(exit_of(&left), Exit::Unknown);
    }
}
