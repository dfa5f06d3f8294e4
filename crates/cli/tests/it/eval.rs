//! `bakeoff eval`.

use std::fs;

use crate::bakeoff::run;

const DATA: &str = r#"{"version": "1.1", "data": [{"title": "t", "paragraphs": [{
    "context": "The opera was written by Ada Byron in 1843.",
    "qas": [
        {"id": "1", "question": "Who wrote it?", "answers": [{"text": "Ada Byron", "answer_start": 25}]},
        {"id": "2", "question": "When was the opera written?", "answers": [{"text": "in 1843", "answer_start": 35}]}
    ]}]}]}"#;

#[test]
fn exact_match_and_f1_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("squad.json"), DATA).unwrap();
    let ended = run(folder.path(), &["eval", "--data", "squad.json"]);
    ended.expect(0, &[]);
    assert!(ended.stdout.contains("questions    2"), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("exact match  50.00 %"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("F1           83.33 %"),
        "{}",
        ended.stdout
    );
}

#[test]
fn file_that_is_not_squad_is_the_users_mistake() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("squad.json"), "[1, 2]").unwrap();
    run(folder.path(), &["eval", "--data", "squad.json"])
        .expect(2, &["squad.json is not a SQuAD file", "hint: "]);
    run(folder.path(), &["eval", "--data", "none.json"]).expect(2, &["none.json"]);
}
