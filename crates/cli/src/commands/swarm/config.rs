//! Configuration of a load test: the command line over the scenario file, resolved once.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use anyhow::anyhow;
use bakeoff_load::{
    ArrivalRate, HttpVersion, LoadConfig, MAX_IN_FLIGHT, OpenModel, Scenario, Share, Spacing,
    Workload,
};

use super::otlp::{self, Collector};
use crate::args::{FileArgs, HistoryArgs, LoadArgs, OutcomeArgs, PageArgs, SwarmArgs};
use crate::exit::{Exit, hinted};

/// A load test before it starts.
#[derive(Debug)]
pub(super) struct SwarmConfig {
    /// Scenario with the selected user classes and tasks only.
    pub(super) scenario: Scenario,
    pub(super) load: LoadConfig,
    pub(super) page: PageArgs,
    pub(super) history: HistoryArgs,
    pub(super) files: FileArgs,
    pub(super) outcome: OutcomeArgs,
    /// Receiver of the metrics; `None` if nothing is sent.
    pub(super) collector: Option<Collector>,
}

impl SwarmConfig {
    /// Opens the scenario and puts the values of the command line over its own.
    pub(super) fn resolve(args: SwarmArgs) -> anyhow::Result<Self> {
        let mut scenario = Scenario::open(&args.scenario)?;
        scenario.select_users(&args.user_classes)?;
        scenario.select(&args.load.tags, &args.load.exclude_tags)?;
        let connecting = scenario.connection_settings_mut();
        connecting.insecure |= args.server.insecure;
        if args.server.http2 {
            connecting.http = HttpVersion::Http2;
        }
        let host = args.server.host.as_deref().or(scenario.host());
        let host = host.ok_or_else(|| {
            let what = anyhow!("{} names no host", args.scenario.display());
            let hint = "set it with --host http://127.0.0.1:8000, or as `host` in the scenario";
            hinted(Exit::Usage, what, hint)
        })?;
        let load = load_config(&args.load, host.to_owned(), &scenario);
        let collector = otlp::collector(&args.telemetry)?;
        if !args.page.headless && collector.is_some() {
            let what = anyhow!("cannot send metrics of a load test with a web page");
            let hint = "add --headless; the page has GET /metrics for Prometheus";
            return Err(hinted(Exit::Usage, what, hint));
        }
        Ok(Self {
            scenario,
            load,
            page: args.page,
            history: args.history,
            files: args.files,
            outcome: args.outcome,
            collector,
        })
    }
}

fn load_config(args: &LoadArgs, host: String, scenario: &Scenario) -> LoadConfig {
    let of_scenario = scenario.load();
    LoadConfig {
        host,
        workload: workload(args, &of_scenario.workload),
        iterations: args.iterations.or(of_scenario.iterations),
        run_time: args.run_time.or(of_scenario.run_time),
        warm_up: args.reset_stats.then_some(Duration::ZERO),
        stop_timeout: args.stop_timeout,
        enough: None,
        seed: args.seed,
        share: Share::WHOLE,
        threads: args
            .threads
            .or_else(|| std::thread::available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN),
    }
}

/// Workload of the command line, an arrival rate or users, over that of the scenario.
fn workload(args: &LoadArgs, of_scenario: &Workload) -> Workload {
    if let Some(rate) = args.arrival_rate {
        return Workload::OpenModel(OpenModel {
            rates: vec![ArrivalRate::constant(rate)],
            spacing: Spacing::Poisson,
            max_in_flight: args.max_in_flight.unwrap_or(MAX_IN_FLIGHT),
        });
    }
    let sets_users = args.users.is_some() || args.spawn_rate.is_some();
    match of_scenario.clone() {
        Workload::Users { users, spawn_rate } => Workload::Users {
            users: args.users.unwrap_or(users),
            spawn_rate: args.spawn_rate.unwrap_or(spawn_rate),
        },
        _ if sets_users => Workload::Users {
            users: args.users.unwrap_or(NonZeroU32::MIN),
            spawn_rate: args.spawn_rate.unwrap_or(1.0),
        },
        Workload::OpenModel(arrivals) => Workload::OpenModel(OpenModel {
            max_in_flight: args.max_in_flight.unwrap_or(arrivals.max_in_flight),
            ..arrivals
        }),
        other @ (Workload::Stages(_) | Workload::Spread { .. }) => other,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    /// Load of a scenario with `[load]` and of the command line `flags`.
    fn load_of(load: &str, flags: &str) -> LoadConfig {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s.toml");
        let text = format!("host = \"http://scenario\"\n[load]\n{load}\n[[task]]\npath = \"/\"\n");
        std::fs::write(&file, text).unwrap();
        resolve(&file, flags).unwrap().load
    }

    fn resolve(file: &Path, flags: &str) -> anyhow::Result<SwarmConfig> {
        let start = ["bakeoff", "swarm", "-f", file.to_str().unwrap()];
        let cli = Cli::try_parse_from(start.into_iter().chain(flags.split_whitespace())).unwrap();
        match cli.command {
            Command::Swarm(args) => SwarmConfig::resolve(*args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_wins_over_the_scenario() {
        let users = "users = 3\nspawn_rate = 2\nrun_time = \"5s\"\niterations = 9";
        let arrivals = "arrival_rate = 4\nmax_in_flight = 7\nrun_time = \"5s\"";
        for (load, flags, expected) in [
            (users, "", "3 users at 2/s for 5s"),
            (users, "-u 8", "8 users at 2/s for 5s"),
            (users, "-r 6 -t 1h30m", "3 users at 6/s for 1h 30m"),
            (users, "--arrival-rate 5", "up to 5 arrivals/s for 5s"),
            (arrivals, "", "up to 4 arrivals/s for 5s"),
            (arrivals, "-u 2", "2 users at 1/s for 5s"),
        ] {
            assert_eq!(load_of(load, flags).describe(), expected, "{flags}");
        }
        assert_eq!(load_of(users, "").host, "http://scenario");
        assert_eq!(load_of(users, "-H http://flag").host, "http://flag");
        assert_eq!(load_of(users, "").iterations.unwrap().get(), 9);
        assert_eq!(load_of(users, "-i 4").iterations.unwrap().get(), 4);
        assert_eq!(load_of(users, "").warm_up, None);
        assert_eq!(
            load_of(users, "--reset-stats").warm_up,
            Some(Duration::ZERO)
        );
        let most_in_flight = |flags| match load_of(arrivals, flags).workload {
            Workload::OpenModel(arrivals) => arrivals.max_in_flight.get(),
            other => panic!("{other:?}"),
        };
        assert_eq!(most_in_flight(""), 7);
        assert_eq!(most_in_flight("--max-in-flight 2"), 2);
    }
}
