//! `pocpit serve`: vLLM's own image, rented by hand for inference alone. It asks before it costs
//! anything.

use color_eyre::eyre::Report;

use super::Exit;
use super::arguments::{Common, Serve};
use super::headless::Format;
use super::on_demand::{self, Consent, OnDemandRun};
use crate::domain::Aim;

pub(crate) async fn run(arguments: Serve, common: &Common) -> Result<Exit, Report> {
    let request = OnDemandRun {
        aim: Aim::Serving {
            minutes: arguments.minutes,
        },
        name: "Inference alone",
        done: "served",
        consent: Consent::from_flag(arguments.yes),
        format: Format::from_flag(arguments.json),
    };
    on_demand::run(request, common).await
}
