//! `pocpit rehearse`: a sprint that begins now, as an end-to-end test. Asks before it rents.

use color_eyre::eyre::Report;

use super::arguments::{ChosenPools, Common, Rehearse};
use super::{Exit, on_demand};
use crate::domain::Aim;

pub(crate) async fn run(arguments: Rehearse, common: &Common) -> Result<Exit, Report> {
    let aim = if arguments.skip_poc {
        Aim::Registration
    } else {
        Aim::Rehearsal
    };
    let pools = ChosenPools {
        pools: Vec::from_iter(arguments.pool),
    };
    on_demand::run(
        aim,
        &pools,
        arguments.confirmation,
        arguments.output,
        common,
    )
    .await
}
