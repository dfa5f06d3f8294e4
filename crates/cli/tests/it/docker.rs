//! `bakeoff compare` with a real Docker engine.

use std::fs;
use std::process::Command;

use crate::bakeoff::{available, root, run};
use crate::compare::{assert_measured, experiment, interrupted_by, record};

fn engine() -> Result<(), String> {
    let output = Command::new("docker")
        .arg("info")
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

fn containers() -> String {
    let arguments = [
        "ps",
        "-a",
        "--filter",
        "label=bakeoff.owner",
        "--format",
        "{{.Image}} {{.Label \"bakeoff.owner\"}}",
    ];
    String::from_utf8(
        Command::new("docker")
            .args(arguments)
            .output()
            .unwrap()
            .stdout,
    )
    .unwrap()
}

/// Folder of an experiment, with the Dockerfile of the repository in `image`.
fn experiment_with_image(contenders: &str) -> tempfile::TempDir {
    let folder = experiment(contenders);
    fs::create_dir(folder.path().join("image")).unwrap();
    fs::copy(
        root().join("Dockerfile"),
        folder.path().join("image/Dockerfile"),
    )
    .unwrap();
    folder
}

#[test]
fn own_image_is_built_and_measured_on_both_networks() {
    if !available("docker", engine()) {
        return;
    }
    let docker = |name: &str, more: &str| {
        format!(
            "[[contender]]\nname = \"{name}\"\nready = \"/ready\"\n\
            docker = {{ build = \"image\", copy = {{ bakeoff = \"{{bakeoff}}\" }}, port = 8000, {more} }}\n"
        )
    };
    let host =
        "network = \"host\", command = [\"serve\", \"--port\", \"{port}\", \"--threads\", \"1\"]";
    let bridge = docker("test-bridge", "network = \"bridge\"");
    let folder = experiment_with_image(&(bridge + &docker("test-host", host)));
    let ended = run(
        folder.path(),
        &["compare", "--strict", "--blocks", "2", "--json", "out.json"],
    );
    ended.expect(0, &[]);
    let record = record(folder.path());
    assert_measured(&record, "test-bridge");
    assert_measured(&record, "test-host");
    assert!(
        !containers().contains("bakeoff-contender-test-"),
        "{}",
        containers()
    );
}

#[test]
fn container_that_dies_is_reported_with_its_last_words() {
    if !available("docker", engine()) {
        return;
    }
    let dying = "[[contender]]\nname = \"test-dying\"\ndocker = { build = \"image\", \
        copy = { bakeoff = \"{bakeoff}\" }, port = 8000, command = [\"serve\", \"--model\", \"/nowhere\"] }\n";
    let folder = experiment_with_image(dying);
    let ended = run(
        folder.path(),
        &["compare", "--blocks", "1", "--json", "out.json"],
    );
    let problem = record(folder.path())["problems"][0]["what"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        problem.contains("exit code 2") && problem.contains("/nowhere"),
        "{problem}"
    );
    assert_ne!(
        ended.code,
        Some(0),
        "an experiment without a measurement is no success"
    );
    assert!(!containers().contains("test-dying"), "{}", containers());
}

#[test]
fn interruption_leaves_no_container_and_keeps_what_was_measured() {
    if !available("docker", engine()) {
        return;
    }
    let contender = "[[contender]]\nname = \"test-stopped\"\nready = \"/ready\"\n\
        docker = { build = \"image\", copy = { bakeoff = \"{bakeoff}\" }, port = 8000 }\n";
    let folder = experiment_with_image(contender);
    for signal in ["INT", "TERM"] {
        let record = interrupted_by(signal, &folder);
        let usage = &record["runs"][0]["usage"];
        assert!(usage["cpu_ms"].as_f64().unwrap() > 0.0, "{usage}");
        assert!(!containers().contains("test-stopped"), "{}", containers());
    }
}

#[test]
fn image_that_cannot_be_built_leaves_the_contender_out() {
    if !available("docker", engine()) {
        return;
    }
    let broken = "[[contender]]\nname = \"test-broken\"\ndocker = { build = \".\", port = 8000 }\n";
    let folder = experiment(broken);
    fs::write(
        folder.path().join("Dockerfile"),
        "FROM scratch\nCOPY nothing /nothing\n",
    )
    .unwrap();
    run(folder.path(), &["compare"]).expect(
        3,
        &[
            "left out: test-broken: its image cannot be built",
            "docker build",
        ],
    );
}
