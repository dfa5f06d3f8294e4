//! `bakeoff swarm` without `--headless`: a page starts and stops the load.

use std::path::PathBuf;

use anyhow::Context;
use bakeoff_load::{LoadConfig, Scenario};
use bakeoff_record::Measurement;
use bakeoff_web::{PageConfig, WebPage};
use tokio_util::sync::CancellationToken;

use super::history;
use crate::args::SwarmArgs;
use crate::exit::{Exit, hinted};
use crate::output::say;

/// The experiment files named, or the default one where it lies here.
fn experiments(named: &[PathBuf]) -> Vec<PathBuf> {
    let default = PathBuf::from("bakeoff.toml");
    if named.is_empty() && default.is_file() {
        return vec![default];
    }
    named.to_vec()
}

/// Serves the page until a signal, and returns what its last load measured.
pub(crate) fn run(
    args: &SwarmArgs,
    scenario: Scenario,
    config: LoadConfig,
    stop: CancellationToken,
) -> anyhow::Result<Option<Measurement>> {
    let page = PageConfig {
        scenario,
        defaults: config,
        machine: bakeoff_load::machine::describe(),
        bakeoff_version: env!("CARGO_PKG_VERSION").to_owned(),
        experiments: experiments(&args.experiment),
        history: history::open(args.store.as_deref())?,
        login: args.web_login.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    runtime.block_on(async {
        let listening = WebPage::bind(&args.web_host, args.web_port)
            .await
            .map_err(|error| {
                hinted(
                    Exit::Environment,
                    error,
                    "choose a port with --web-port, or run without the page with --headless",
                )
            })?;
        let address = listening.address();
        if !address.ip().is_loopback() && page.login.is_none() {
            say(
                "warning: whoever reaches this address can start loads; ask for a login with --web-login USER:PASSWORD",
            );
        }
        say(&format!("the page is at http://{address}"));
        Ok(listening.serve(page, stop).await)
    })
}
