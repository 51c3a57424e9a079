//! `pocpit serve`: vLLM's own image, for inference alone. Asks before it rents.

use color_eyre::eyre::Report;

use super::arguments::{ChosenPools, Common, Serve};
use super::{Exit, on_demand};
use crate::domain::Aim;

pub(crate) async fn run(arguments: Serve, common: &Common) -> Result<Exit, Report> {
    let minutes = arguments.minutes;
    let aim = Aim::Serving { minutes };
    let pools = ChosenPools::default();
    on_demand::run(
        aim,
        &pools,
        arguments.confirmation,
        arguments.output,
        common,
    )
    .await
}
