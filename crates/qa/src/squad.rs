//! SQuAD benchmark: data files, and scores of answers against gold answers.
//!
//! Scores are those of the benchmark's script `evaluate-v1.1.py`. Both texts are normalised, and the best score over the gold
//! answers counts. Files of version 2 can be read too. For a question without gold answers, the correct answer is empty.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

/// Question of the benchmark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Id of the question in the benchmark.
    pub id: String,
    /// Text of the question.
    pub question: String,
    /// Text with the answer, shared by all questions about it.
    pub context: Arc<str>,
    /// Gold answers; empty if the question has no answer.
    pub answers: Vec<String>,
}

/// Error of a data file.
#[derive(Debug, thiserror::Error)]
pub enum SquadError {
    /// The file cannot be read or unpacked.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// The file is not SQuAD JSON.
    #[error("{} is not a SQuAD file", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Position and cause.
        #[source]
        source: serde_json::Error,
    },
    /// The file has no questions.
    #[error("{} has no questions", path.display())]
    NoQuestions {
        /// The file.
        path: PathBuf,
    },
}

/// Questions of a SQuAD file, plain or gzipped, in the order of the file.
///
/// # Errors
/// [`SquadError`] names the file.
pub fn read(path: &Path) -> Result<Vec<Example>, SquadError> {
    let json = read_unpacked(path).map_err(|source| SquadError::Read {
        path: path.to_owned(),
        source,
    })?;
    let file: File = serde_json::from_slice(&json).map_err(|source| SquadError::Json {
        path: path.to_owned(),
        source,
    })?;
    let paragraphs = file.data.into_iter().flat_map(|article| article.paragraphs);
    let examples: Vec<Example> = paragraphs.flat_map(Paragraph::into_examples).collect();
    if examples.is_empty() {
        return Err(SquadError::NoQuestions {
            path: path.to_owned(),
        });
    }
    Ok(examples)
}

/// Score of one answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// `true` if the normalised answer equals a normalised gold answer.
    pub exact_match: bool,
    /// Harmonic mean of precision and recall of the words, for the best gold answer; 0 to 1.
    pub f1: f64,
}

impl Score {
    /// Score of `prediction` against the gold `answers`. Without gold answers, only an empty prediction is correct.
    pub fn new(prediction: &str, answers: &[String]) -> Self {
        let prediction = normalise(prediction);
        if answers.is_empty() {
            let right = prediction.is_empty();
            return Self {
                exact_match: right,
                f1: f64::from(u8::from(right)),
            };
        }
        let gold: Vec<String> = answers.iter().map(|answer| normalise(answer)).collect();
        Self {
            exact_match: gold.contains(&prediction),
            f1: gold
                .iter()
                .map(|gold| f1(&prediction, gold))
                .fold(0.0, f64::max),
        }
    }
}

/// Sums of the scores of answers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    questions: usize,
    exact_matches: usize,
    f1: f64,
}

impl Totals {
    /// Adds the score of an answer.
    pub fn add(&mut self, score: Score) {
        self.questions += 1;
        self.exact_matches += usize::from(score.exact_match);
        self.f1 += score.f1;
    }

    /// Adds the scores in `other`.
    pub fn merge(&mut self, other: &Self) {
        self.questions += other.questions;
        self.exact_matches += other.exact_matches;
        self.f1 += other.f1;
    }

    /// Number of scored answers.
    pub fn questions(&self) -> usize {
        self.questions
    }

    /// Share of answers with an exact match, in percent; 0 without answers.
    pub fn exact_match_percent(&self) -> f64 {
        self.mean_percent(self.exact_matches as f64)
    }

    /// Mean F1 in percent; 0 without answers.
    pub fn f1_percent(&self) -> f64 {
        self.mean_percent(self.f1)
    }

    fn mean_percent(&self, sum: f64) -> f64 {
        100.0 * sum / self.questions.max(1) as f64
    }
}

/// Answer in lower case, without ASCII punctuation and English articles, with one space between words.
pub fn normalise(answer: &str) -> String {
    let lower: String = answer
        .to_lowercase()
        .chars()
        .filter(|c| !c.is_ascii_punctuation())
        .collect();
    let mut text = String::with_capacity(lower.len());
    for piece in lower.split_inclusive(|c: char| !is_word_character(c)) {
        let word = piece.trim_end_matches(|c: char| !is_word_character(c));
        let article = matches!(word, "a" | "an" | "the");
        text.push_str(if article { " " } else { word });
        text.push_str(&piece[word.len()..]);
    }
    text.split(is_space)
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// `true` for `\w` in Python's regular expressions. Underscores are already removed as punctuation.
fn is_word_character(c: char) -> bool {
    c.is_alphanumeric()
}

/// `true` for separators of Python's `str.split`.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// F1 of the words of two normalised texts.
fn f1(prediction: &str, gold: &str) -> f64 {
    let mut gold_words: HashMap<&str, usize> = HashMap::new();
    for word in words(gold) {
        *gold_words.entry(word).or_default() += 1;
    }
    let mut shared = 0_usize;
    for word in words(prediction) {
        if let Some(left) = gold_words.get_mut(word).filter(|left| **left > 0) {
            *left -= 1;
            shared += 1;
        }
    }
    if shared == 0 {
        return 0.0;
    }
    let precision = shared as f64 / words(prediction).count() as f64;
    let recall = shared as f64 / words(gold).count() as f64;
    2.0 * precision * recall / (precision + recall)
}

fn words(normalised: &str) -> impl Iterator<Item = &str> {
    normalised.split(' ').filter(|word| !word.is_empty())
}

fn read_unpacked(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = fs::read(path)?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut json = Vec::new();
    MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut json)?;
    Ok(json)
}

#[derive(Deserialize)]
struct File {
    data: Vec<Article>,
}

#[derive(Deserialize)]
struct Article {
    paragraphs: Vec<Paragraph>,
}

#[derive(Deserialize)]
struct Paragraph {
    context: String,
    qas: Vec<Qa>,
}

#[derive(Deserialize)]
struct Qa {
    id: String,
    question: String,
    answers: Vec<Gold>,
}

#[derive(Deserialize)]
struct Gold {
    text: String,
}

impl Paragraph {
    fn into_examples(self) -> impl Iterator<Item = Example> {
        let context: Arc<str> = self.context.into();
        self.qas.into_iter().map(move |qa| Example {
            id: qa.id,
            question: qa.question,
            context: Arc::clone(&context),
            answers: qa.answers.into_iter().map(|gold| gold.text).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const FILE: &str = r#"{"version": "1.1", "data": [{"title": "Paris", "paragraphs": [{"context": "Paris is in France.",
        "qas": [{"id": "q1", "question": "Where is Paris?", "answers": [{"text": "France", "answer_start": 12}]},
                {"id": "q2", "question": "Who built it?", "is_impossible": true, "answers": []}]}]}]}"#;

    fn read_bytes(bytes: &[u8]) -> Result<Vec<Example>, SquadError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        read(file.path())
    }

    #[test]
    fn plain_and_gzipped_files_give_the_same_questions() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(FILE.as_bytes()).unwrap();
        let examples = read_bytes(FILE.as_bytes()).unwrap();
        assert_eq!(read_bytes(&gzip.finish().unwrap()).unwrap(), examples);
        assert_eq!(examples.len(), 2);
        assert_eq!(
            (examples[0].id.as_str(), examples[0].question.as_str()),
            ("q1", "Where is Paris?")
        );
        assert_eq!(
            (&*examples[1].context, examples[0].answers.as_slice()),
            ("Paris is in France.", &["France".to_owned()][..])
        );
        assert_eq!(examples[1].answers, Vec::<String>::new());
    }

    #[test]
    fn files_that_are_no_squad_are_refused_by_name() {
        assert!(matches!(
            read(Path::new("/nowhere/dev.json")),
            Err(SquadError::Read { .. })
        ));
        assert!(matches!(
            read_bytes(&[0x1f, 0x8b, 0, 0]),
            Err(SquadError::Read { .. })
        ));
        assert!(matches!(read_bytes(b""), Err(SquadError::Json { .. })));
        assert!(matches!(
            read_bytes(br#"{"questions": []}"#),
            Err(SquadError::Json { .. })
        ));
        assert!(matches!(
            read_bytes(br#"{"data": []}"#),
            Err(SquadError::NoQuestions { .. })
        ));
        let error = read(Path::new("/nowhere/dev.json")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nowhere/dev.json");
    }

    #[test]
    fn answers_are_compared_without_case_punctuation_articles_and_spacing() {
        for (answer, expected) in [
            ("The  Eiffel Tower!", "eiffel tower"),
            ("an a the", ""),
            ("theory of a man", "theory of man"),
            ("U.S.A.", "usa"),
            ("state-of-the-art", "stateoftheart"),
            ("the\u{2013}end", "\u{2013}end"),
            ("\u{201c}The End\u{201d}", "\u{201c} end\u{201d}"),
            ("\tA\u{a0}B\u{1f}C\n", "b c"),
            ("", ""),
        ] {
            assert_eq!(normalise(answer), expected, "{answer:?}");
        }
    }

    fn check(prediction: &str, answers: &[&str], exact_match: bool, f1: f64) {
        let answers: Vec<String> = answers.iter().map(|&answer| answer.to_owned()).collect();
        let score = Score::new(prediction, &answers);
        assert_eq!(score.exact_match, exact_match, "{prediction:?} {answers:?}");
        assert!(
            (score.f1 - f1).abs() < 1e-12,
            "{prediction:?} {answers:?}: {}",
            score.f1
        );
    }

    #[test]
    fn the_best_gold_answer_counts() {
        check(
            "the Denver Broncos",
            &["Carolina Panthers", "Denver Broncos"],
            true,
            1.0,
        );
        check("Denver", &["Denver Broncos", "Broncos"], false, 2.0 / 3.0);
        check("in the city of Denver", &["Denver"], false, 0.4);
        check("Boston", &["Denver"], false, 0.0);
        check("", &["Denver"], false, 0.0);
    }

    #[test]
    fn a_repeated_word_counts_as_often_as_the_gold_answer_has_it() {
        check("new york new york", &["New York"], false, 2.0 / 3.0);
    }

    #[test]
    fn a_question_without_gold_answers_wants_none() {
        check("", &[], true, 1.0);
        check("the", &[], true, 1.0);
        check("Denver", &[], false, 0.0);
    }

    #[test]
    fn totals_are_means_in_per_cent() {
        let mut totals = Totals::default();
        assert_eq!((totals.questions(), totals.f1_percent()), (0, 0.0));
        totals.add(Score {
            exact_match: true,
            f1: 1.0,
        });
        let mut others = Totals::default();
        others.add(Score {
            exact_match: false,
            f1: 0.5,
        });
        totals.merge(&others);
        assert_eq!(
            (
                totals.questions(),
                totals.exact_match_percent(),
                totals.f1_percent()
            ),
            (2, 50.0, 75.0)
        );
    }
}
