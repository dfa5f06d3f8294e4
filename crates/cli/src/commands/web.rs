//! `bakeoff swarm` without `--headless`: a page starts and stops the load.

use anyhow::Context;
use bakeoff_load::{LoadConfig, Scenario};
use bakeoff_report::Measurement;
use bakeoff_web::WebPage;
use tokio_util::sync::CancellationToken;

use crate::args::SwarmArgs;
use crate::exit::{Exit, hinted};
use crate::output::say;

/// Serves the page until a signal, and returns what its last load measured.
pub(crate) fn run(
    args: &SwarmArgs,
    scenario: Scenario,
    config: LoadConfig,
    stop: CancellationToken,
) -> anyhow::Result<Option<Measurement>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    runtime.block_on(async {
        let page = WebPage::bind(&args.web_host, args.web_port)
            .await
            .map_err(|error| {
                hinted(
                    Exit::Environment,
                    error,
                    "choose a port with --web-port, or run without the page with --headless",
                )
            })?;
        say(&format!("the page is at http://{}", page.address()));
        Ok(page.serve(scenario, config, stop).await?)
    })
}
