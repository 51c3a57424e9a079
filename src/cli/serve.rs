//! `pocpit serve`: vLLM's own image, for inference alone. Asks before it rents.

use color_eyre::eyre::Report;

use super::Exit;
use super::arguments::{Common, Serve};
use super::on_demand::{self, OnDemandRun};
use crate::domain::Aim;

pub(crate) async fn run(arguments: Serve, common: &Common) -> Result<Exit, Report> {
    let request = OnDemandRun {
        aim: Aim::Serving {
            minutes: arguments.minutes,
        },
        name: "Inference alone",
        done: "served",
        confirmation: arguments.confirmation,
        output: arguments.output,
    };
    on_demand::run(request, common).await
}
