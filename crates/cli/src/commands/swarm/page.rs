//! `bakeoff swarm` without `--headless`: the web page starts and stops the load.

use std::path::PathBuf;

use anyhow::Context;
use bakeoff_record::Measurement;
use bakeoff_web::{PageConfig, WebPage};
use tokio_util::sync::CancellationToken;

use super::config::SwarmConfig;
use crate::exit::{Exit, hinted};
use crate::history;
use crate::output::say;

/// Serves the page until `stop` is cancelled, and returns the measurement of its last load.
pub(super) fn run(
    config: &SwarmConfig,
    stop: CancellationToken,
) -> anyhow::Result<Option<Measurement>> {
    let args = &config.page;
    let page = PageConfig {
        scenario: config.scenario.clone(),
        defaults: config.load.clone(),
        machine: bakeoff_load::machine::describe(),
        bakeoff_version: env!("CARGO_PKG_VERSION").to_owned(),
        experiments: experiments(&args.experiment),
        history: history::open(config.history.store.as_deref())?,
        login: args.web_login.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    runtime.block_on(async {
        let listening = WebPage::bind(&args.web_host, args.web_port).await;
        let listening = listening.map_err(|error| {
            let hint = "choose another port with --web-port, or run without the page with --headless";
            hinted(Exit::Environment, error, hint)
        })?;
        let address = listening.address();
        if !address.ip().is_loopback() && page.login.is_none() {
            say(
                "warning: everyone who can reach this address can start load tests; set a login with --web-login USER:PASSWORD",
            );
        }
        say(&format!("web page: http://{address}"));
        Ok(listening.serve(page, stop).await)
    })
}

/// Experiment files of the command line, else `bakeoff.toml` if it is in the current folder.
fn experiments(named: &[PathBuf]) -> Vec<PathBuf> {
    let default = PathBuf::from("bakeoff.toml");
    if named.is_empty() && default.is_file() {
        return vec![default];
    }
    named.to_vec()
}
