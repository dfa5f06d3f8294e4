//! Writes sample HTML reports of an experiment and of a load test, from synthetic data: `cargo run --example sample_report PATH`.

use std::path::PathBuf;
use std::process::ExitCode;

use bakeoff_record::fixture;
use bakeoff_report::html;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return ExitCode::from(2);
    };
    let mut experiment = fixture::plausible_experiment();
    "Sample report: all data is synthetic".clone_into(&mut experiment.name);
    let mut test = fixture::load_test(&["/a", "/b", "/question_answering"], 600);
    "Sample load test: all data is synthetic".clone_into(&mut test.name);
    let pages = [
        (path.clone(), html::render_experiment(&experiment)),
        (
            path.with_extension("load-test.html"),
            html::render_load_test(&test),
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
