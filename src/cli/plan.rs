//! `pocpit plan`: what the next sprint will do. It only reads.

pub(super) mod report;
mod text;

use color_eyre::eyre::{Report, eyre};

use super::arguments::{Common, Output};
use super::next_sprint::{NextSprint, funds};
use super::page::Page;
use super::runtime::{self, Clients};
use super::{Exit, print_report};
use crate::config::Config;
use crate::domain::{Account, CallError, GovernanceModel, Offer, Preflight, Workload};
use crate::engine::preflight::{run_chain_preflight, run_preflight};
use crate::flow::Funds;
use crate::journal::{self, Ledger};
use crate::ports::Market;

/// Everything a plan is based on. The plan reports what could not be read instead of failing.
pub(super) struct PlanInputs {
    pub next: NextSprint,
    preflight: Preflight,
    /// Governance's models; absent for a workload that governance does not affect.
    catalogue: Option<Result<Vec<GovernanceModel>, CallError>>,
    offers: Result<Vec<Offer>, CallError>,
    account: Result<Account, CallError>,
    pub ledger: Ledger,
}

pub(crate) async fn run(common: &Common, output: Output) -> Result<Exit, Report> {
    let config = runtime::load_quietly(common)?;
    let inputs = read_inputs(&config, Workload::MlNode).await?;
    let plan = report::plan(&config, &inputs);
    print_report(output, &plan, || {
        text::of(&plan, &Page::stdout(common, output))
    })
}

/// Reads what a sprint with this workload depends on.
pub(super) async fn read_inputs(config: &Config, workload: Workload) -> Result<PlanInputs, Report> {
    let clients = Clients::new(config);
    let (chain, market) = (&clients.chain, &clients.market);
    let now = clients.clock.now();
    let ledger = journal::read_only(&config.paths.state_dir)?;
    let leaving = ledger.our_nodes();
    let preflight = async {
        match workload {
            Workload::Vllm => (run_chain_preflight(chain, now, config).await, None),
            Workload::MlNode => {
                let node = &clients.network_node;
                let examined = run_preflight(chain, node, now, config, &leaving).await;
                (examined.preflight, Some(examined.catalogue))
            }
        }
    };
    let (next, (preflight, catalogue)) = tokio::join!(NextSprint::read(chain, now), preflight);
    // One after the other: the market limits calls by the second.
    let offers = market.search(&config.vast.query, now).await;
    let account = market.account().await;
    let next = next.map_err(|why| eyre!("no plan, because the chain cannot be read: {why}"))?;
    Ok(PlanInputs {
        next,
        preflight,
        catalogue,
        offers,
        account,
        ledger,
    })
}

impl PlanInputs {
    fn funds(&self) -> Funds {
        let credit = self.account.as_ref().ok().map(|account| account.credit);
        funds(&self.ledger, self.next.now, credit)
    }
}
