//! Writes the HTML report of an experiment that never happened, to look at the page: `cargo run --example sample_report PATH`.

use std::path::PathBuf;
use std::process::ExitCode;

use bakeoff_report::{LoadTest, render};

#[path = "../src/fixture.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod fixture;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return ExitCode::from(2);
    };
    let mut experiment = fixture::plausible_experiment();
    "Sample report: all data is synthetic".clone_into(&mut experiment.name);
    let test = LoadTest {
        name: "Sample load test: all data is synthetic".to_owned(),
        host: "http://127.0.0.1:8000".to_owned(),
        bakeoff_version: experiment.bakeoff_version.clone(),
        machine: experiment.machine.clone(),
        measurement: experiment.runs[0].measurement.clone(),
    };
    let pages = [
        (path.clone(), render::html::render_experiment(&experiment)),
        (
            path.with_extension("load-test.html"),
            render::html::render_load_test(&test),
        ),
    ];
    let written = pages
        .into_iter()
        .all(|(path, html)| std::fs::write(path, html).is_ok());
    if written {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
