//! `pocpit rehearse`: a sprint that begins now, as an end-to-end test. Asks before it rents.

use color_eyre::eyre::Report;

use super::Exit;
use super::arguments::{Common, Rehearse};
use super::on_demand::{self, OnDemandRun};
use crate::domain::Aim;

pub(crate) async fn run(arguments: Rehearse, common: &Common) -> Result<Exit, Report> {
    let aim = if arguments.skip_poc {
        Aim::Registration
    } else {
        Aim::Rehearsal
    };
    let request = OnDemandRun {
        aim,
        name: "A rehearsal",
        done: "rehearsed",
        confirmation: arguments.confirmation,
        output: arguments.output,
    };
    on_demand::run(request, common).await
}
