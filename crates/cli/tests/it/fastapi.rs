//! The service that we race against gives the answers that ours gives.

use serde_json::Value;

use crate::bakeoff::{Server, available, root, run};
use crate::compare::{NATIVE, assert_measured, experiment, record};

/// The contender's virtual environment is made by its set-up, which needs a package index: not a test's business.
fn environment() -> Result<(), String> {
    let uvicorn = root().join("contenders/fastapi/.venv/bin/uvicorn");
    let graph = root().join("contenders/fastapi/model.onnx");
    if uvicorn.is_file() && graph.is_file() {
        Ok(())
    } else {
        Err("run `cargo run --release -- compare --only fastapi` once".to_owned())
    }
}

#[test]
fn fastapi_is_measured_beside_bakeoff() {
    if !available("python", environment()) {
        return;
    }
    let fastapi = format!(
        "[[contender]]\nname = \"fastapi\"\ndirectory = \"{}\"\nready = \"/health\"\n\
        process = [\".venv/bin/uvicorn\", \"app:app\", \"--port\", \"{{port}}\", \"--no-access-log\"]\n",
        root()
            .join("contenders/fastapi")
            .canonicalize()
            .unwrap()
            .display()
    );
    let folder = experiment(&(NATIVE.to_owned() + &fastapi));
    run(
        folder.path(),
        &["compare", "--strict", "--blocks", "2", "--json", "out.json"],
    )
    .expect(0, &[]);
    assert_measured(&record(folder.path()), "fastapi");
}

#[test]
fn fastapi_gives_the_answers_that_bakeoff_gives() {
    if !available("python", environment()) {
        return;
    }
    let ours = Server::serve();
    let sample = std::fs::read_to_string(root().join("scenarios/squad-sample.jsonl")).unwrap();
    let questions: Vec<&str> = sample.lines().step_by(25).collect();
    let theirs = python_answers(&questions);
    let mut same = 0;
    for (question, theirs) in questions.iter().zip(&theirs) {
        let ours = ours.post_json("/question_answering", question).json();
        assert!(theirs["answer"].is_string(), "{theirs}");
        same += usize::from(
            ["answer", "start", "end"]
                .iter()
                .all(|key| ours[key] == theirs[key]),
        );
        let apart = (ours["score"].as_f64().unwrap() - theirs["score"].as_f64().unwrap()).abs();
        assert!(apart < 0.5, "{question}: {ours} and {theirs}");
    }
    // Two engines round to 8 bits differently, which turns a close call now and then.
    assert_eq!(theirs.len(), questions.len());
    assert!(
        same * 10 >= questions.len() * 8,
        "{same} of {} the same",
        questions.len()
    );
}

/// The answers of the contender's own code to JSON bodies, without a server.
fn python_answers(questions: &[&str]) -> Vec<Value> {
    let folder = root().join("contenders/fastapi");
    let script = "import sys\nfrom app import BUNDLED_MODEL, Answerer, Question\n\
        answerer = Answerer(BUNDLED_MODEL.resolve())\n\
        for line in sys.stdin:\n    \
            print(answerer.answer(Question.model_validate_json(line))[0].model_dump_json())\n";
    let mut child = std::process::Command::new(folder.join(".venv/bin/python"))
        .args(["-c", script])
        .current_dir(&folder)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(
        &mut child.stdin.take().unwrap(),
        (questions.join("\n") + "\n").as_bytes(),
    )
    .unwrap();
    let output = child.wait_with_output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
