//! One notice a pool and epoch: nobody wants fifty.

use crate::config::PoolConfig;
use crate::domain::format::count;
use crate::domain::{
    EpochIndex, OutcomeKind, PoolName, ReplicaId, SprintReport, Time, Usd, Weight,
};
use crate::engine::alerts::notice_body::{self, NextEpoch};
use crate::engine::snapshot::Snapshot;
use crate::engine::state::Engine;
use crate::notify::{Notice, NoticeLevel};

/// So many that made no weight are told one by one.
const MAX_FAILURES: usize = 5;

impl Engine {
    /// The notice of a pool's epoch, once each of its replicas has ended it. `None` for a pool of one, which
    /// has a notice of its own.
    pub(crate) fn pool_notice(
        &self,
        now: Time,
        pool: &PoolName,
        epoch: EpochIndex,
        next: NextEpoch,
    ) -> Option<Notice> {
        let config = self.shared.config.pools.get(pool)?;
        // The last one counts: the operator may have tried again.
        let last = |id: ReplicaId| {
            let of_replica = self.shared.ledger.reports_of(&id);
            let of_epoch = of_replica.filter(|(_, report)| report.epoch == Some(epoch));
            let mut of_epoch = of_epoch.rev();
            of_epoch.next().map(|(_, report)| report)
        };
        let reports: Option<Vec<&SprintReport>> = config.replica_ids().map(last).collect();
        let reports = reports?;
        Some(notice(config, epoch, &reports, next, &self.situation(now)))
    }

    pub(crate) fn is_alone_in_pool(&self, id: &ReplicaId) -> bool {
        let pool = self.shared.config.pools.get(&id.pool);
        pool.is_none_or(|pool| pool.replicas.get() == 1)
    }
}

fn notice(
    pool: &PoolConfig,
    epoch: EpochIndex,
    reports: &[&SprintReport],
    next: NextEpoch,
    snapshot: &Snapshot,
) -> Notice {
    let made = reports
        .iter()
        .filter(|report| report.outcome == OutcomeKind::Confirmed);
    let made = made.count();
    let weight: u64 = reports
        .iter()
        .filter_map(|report| report.weight)
        .map(|weight| weight.0)
        .sum();
    let cost: Usd = reports.iter().map(|report| report.spent(None).usd()).sum();
    let of = count(reports.len(), "replica");
    let mut body = format!(
        "{made} of {of} made their weight: {} in all, cost ~{cost}.",
        Weight(weight)
    );
    let failed = reports.iter().filter(|report| !report.succeeded());
    let failed: Vec<&&SprintReport> = failed.collect();
    for report in failed.iter().take(MAX_FAILURES) {
        let cause = report.cause.as_deref().unwrap_or("no cause is known");
        body = format!("{body}\n{}: {}: {cause}", report.replica, report.outcome);
    }
    if failed.len() > MAX_FAILURES {
        body = format!("{body}\nand {} more", failed.len() - MAX_FAILURES);
    }
    let is_enough = made >= pool.min_replicas.get() as usize;
    let level = if is_enough {
        NoticeLevel::Notice
    } else {
        let action = "see whether you can fix the causes";
        let money = format!("the pool's sprints cost ~{cost}");
        let rest = notice_body::epoch_body(snapshot, next, action, money, "pocpit history");
        body = format!("{body}\n{rest}");
        NoticeLevel::Warning
    };
    Notice {
        level,
        title: format!("{}, epoch {epoch}: {made} of {of} confirmed", pool.name),
        body,
        at: snapshot.at,
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::engine::attach::tests::snapshot;

    fn report(number: u32, cause: Option<&str>) -> SprintReport {
        SprintReport {
            replica: format!("minimax/{number}").parse().unwrap(),
            outcome: match cause {
                None => OutcomeKind::Confirmed,
                Some(_) => OutcomeKind::Failed,
            },
            cause: cause.map(str::to_owned),
            weight: cause.is_none().then_some(Weight(2_000)),
            cost_usd: 8.0,
            ..SprintReport::default()
        }
    }

    fn told(made: u32, failed: u32, least: u32) -> Notice {
        let number = |number: u32| NonZeroU32::new(number).unwrap();
        let mut pool = PoolConfig::new("minimax".parse().unwrap(), number(made + failed));
        pool.min_replicas = number(least);
        let reports: Vec<SprintReport> = (1..=made)
            .map(|number| report(number, None))
            .chain((1..=failed).map(|more| report(made + more, Some("boot_failed: no memory"))))
            .collect();
        let reports: Vec<&SprintReport> = reports.iter().collect();
        notice(
            &pool,
            EpochIndex(7),
            &reports,
            NextEpoch::Automatic,
            &snapshot(0),
        )
    }

    #[test]
    fn pool_is_told_as_the_sum_of_its_parts() {
        let whole = told(3, 0, 2);
        assert_eq!(whole.level, NoticeLevel::Notice);
        assert_eq!(whole.title, "minimax, epoch 7: 3 of 3 replicas confirmed");
        assert_eq!(
            whole.body,
            "3 of 3 replicas made their weight: 6000 in all, cost ~$24.00."
        );
        // A part that failed has its cause, and is no alarm while there are enough.
        let most = told(3, 1, 3);
        assert_eq!(most.level, NoticeLevel::Notice);
        assert!(
            most.body
                .contains("minimax/4: failed: boot_failed: no memory"),
            "{}",
            most.body
        );
        let few = told(1, 7, 2);
        assert_eq!(few.level, NoticeLevel::Warning);
        for part in ["and 2 more", "To do: see whether", "Look: pocpit history"] {
            assert!(few.body.contains(part), "{}", few.body);
        }
    }
}
