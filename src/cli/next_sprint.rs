//! The next sprint from the state of the chain: `plan` explains it, and offers are judged by it.

use crate::chain::client::ChainClient;
use crate::chain::clock::{BlockClock, STRETCH, STRETCHES};
use crate::chain::sources::ChainSources;
use crate::config::Config;
use crate::domain::{
    Aim, Blocks, CallError, Duration, EpochIndex, EpochView, Governance, Mode, PoolName,
    SourceReport, SourceStatus, Time, Usd,
};
use crate::engine::{Place, common_funds, sprint_rules};
use crate::flow::{Effect, Event, Funds, Sprint};
use crate::journal::Ledger;
use crate::ports::{Chain, SourceSelection};

pub(super) struct NextSprint {
    pub now: Time,
    pub view: EpochView,
    /// Why the engine would not rely on the view yet.
    pub doubt: Option<String>,
    pub sources: Vec<SourceStatus>,
    pub clock: BlockClock,
    pub governance: Result<Option<Governance>, CallError>,
}

impl NextSprint {
    /// Queries every chain source. The error says why none answered.
    pub async fn read(chain: &ChainClient, now: Time) -> Result<NextSprint, String> {
        let reports = chain.query_sources(SourceSelection::All);
        let (reports, governance) = tokio::join!(reports, chain.governance());
        NextSprint::by(chain, now, reports, governance).await
    }

    /// From the reports of the sources.
    pub async fn by(
        chain: &ChainClient,
        now: Time,
        reports: Vec<SourceReport>,
        governance: Result<Option<Governance>, CallError>,
    ) -> Result<NextSprint, String> {
        let alone = reports
            .iter()
            .filter_map(|report| report.head.as_ref().ok()?.view.clone())
            .filter(|view| crate::chain::epoch::consistent(view).is_ok())
            .max_by_key(|view| view.height);
        let mut sources = ChainSources::default();
        let (view, doubt) = match (sources.observe(now, reports), alone) {
            (Ok(view), _) => (view, None),
            (Err(why), Some(view)) => (view, Some(why)),
            (Err(why), None) => return Err(why),
        };
        Ok(NextSprint {
            now,
            clock: block_clock(chain, now, &view).await,
            view,
            doubt,
            sources: sources.statuses(),
            governance,
        })
    }

    /// The sprint as it will be, and what it would search for.
    pub fn sprint(&self, config: &Config, ledger: &Ledger, aim: Aim) -> (Sprint, Option<Effect>) {
        // In manual mode it stays where it is: before the search.
        let mut sprint = Sprint::new(
            sprint_rules(config, ledger.boots(), aim, Place::default(), 0),
            Mode::Manual,
            self.now,
        );
        let done = ledger.reports().last();
        if let Some(done) = done.and_then(|(_, report)| report.epoch) {
            sprint = sprint.not_before(done);
        }
        let governance = self.governance.as_ref().ok().and_then(Option::as_ref);
        let upgrade = governance.and_then(|known| known.upgrade.clone());
        sprint.handle(self.now, Event::UpgradePlanned(upgrade));
        let observed = Event::ChainObserved {
            view: self.view.clone(),
            block_time: self.clock.block_time(),
        };
        sprint.handle(self.now, observed);
        let mut effects = sprint.handle(self.now, Event::RefreshRequested);
        let search = effects
            .iter()
            .position(|effect| matches!(effect, Effect::SearchOffers { .. }));
        let search = search.map(|index| effects.swap_remove(index));
        (sprint, search)
    }
}

/// What counts against the caps of a pool's next sprint.
pub(super) fn funds(
    ledger: &Ledger,
    pool: &PoolName,
    epoch: Option<EpochIndex>,
    now: Time,
    credit: Option<Usd>,
) -> Funds {
    Funds {
        sprint: ledger.reserved(now),
        credit,
        ..common_funds(ledger, pool, epoch, Duration::zero(), now)
    }
}

/// Block time from headers; unmeasured without an RPC.
async fn block_clock(chain: &ChainClient, now: Time, view: &EpochView) -> BlockClock {
    let mut clock = BlockClock::new();
    clock.observe_height(now, view.height);
    let Ok(stored) = chain.stored_blocks().await else {
        return clock;
    };
    clock.observe_header(stored.latest);
    let back = stored.back(Blocks(STRETCH.0 * STRETCHES as u64));
    if let Ok(header) = chain.header(back).await {
        clock.observe_header(header);
    }
    clock
}
