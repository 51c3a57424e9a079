//! `pocpit proxy`: the inference proxy.

use color_eyre::eyre::{Report, eyre};

use super::arguments::Common;
use super::telemetry::{self, Audience};
use super::{Exit, runtime, say, told_to_end};

pub(crate) async fn run(common: &Common) -> Result<Exit, Report> {
    let config = runtime::load(common)?.config;
    let Some(proxy) = &config.inference_proxy else {
        say(format_args!(
            "pocpit: the configuration has no section [inference_proxy]: see `pocpit config init`"
        ));
        return Ok(Exit::Usage);
    };
    let _guard = telemetry::start(Audience::Terminal, &config.paths.log_dir)?;
    crate::proxy::serve(proxy, told_to_end()?)
        .await
        .map_err(|error| eyre!("{error}"))?;
    Ok(Exit::Done)
}
