//! Fuzz targets of this crate. A target panics if and only if it finds a bug.
//!
//! The tests run the targets on the saved corpus, so that a fixed bug stays fixed.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::path::Path;

use crate::backend::{BackendError, RtenBackend};
use crate::{Backend, Batch, Logits, ModelFiles, Options, Question, QuestionAnswering};

/// `config.json` of a small BERT model.
const CONFIG: &[u8] =
    br#"{"architectures":["BertForQuestionAnswering"],"max_position_embeddings":64}"#;

/// Tokenizer like that of the bundled model, with a few dozen words.
const TOKENIZER: &[u8] = include_bytes!("fuzzing/tokenizer.json");

/// Short questions and contexts with special characters, special tokens, white space, and several windows.
const QUESTIONS: [(&str, &str); 4] = [
    (
        "Who wrote it?",
        "The opera was written by Ada Byron in 1843.",
    ),
    (
        "[CLS] who",
        "👩‍🚀 e\u{301}\r\n\0 [SEP] ada's 日本 \u{202e}byron",
    ),
    (" ", "\t \n"),
    (
        "who wrote it?",
        "a b c d e 1843 ada, byron a b c d e 1843 ada, byron a b c d e 1843 ada, byron a b c d e 1843",
    ),
];

/// Reads `data` as a `tokenizer.json`. If it is valid, answers a few short questions with it.
///
/// # Panics
/// An answer that is not the text from its start to its end.
pub fn tokenizer(data: &[u8]) {
    ask(&ModelFiles::from_bytes(
        "fuzzed",
        CONFIG,
        data.to_vec(),
        None,
    ));
}

/// Reads `data` as a `config.json` and, after the first NUL, a `tokenizer_config.json`. If they are valid, answers a few short
/// questions with these settings.
///
/// # Panics
/// An answer that is not the text from its start to its end.
pub fn config(data: &[u8]) {
    let mut parts = data.splitn(2, |&byte| byte == 0).map(<[u8]>::to_vec);
    let config = parts.next().unwrap_or_default();
    let tokenizer_config = parts.next().map(Cow::Owned);
    ask(&ModelFiles::from_bytes(
        "fuzzed",
        config,
        TOKENIZER,
        tokenizer_config,
    ));
}

/// Reads `data` as a `model.onnx`, without evaluating any part of the graph: a graph can use any amount of time and memory.
pub fn onnx(data: &[u8]) {
    // Most data is not a valid graph.
    let _ = RtenBackend::from_untrusted_bytes(data.to_vec(), Path::new("fuzzed/model.onnx"));
}

/// Answers the questions, if the files are those of a model, and checks the answers.
fn ask(files: &ModelFiles) {
    let Ok(model) = QuestionAnswering::with_backend(files, Box::new(Undecided)) else {
        return;
    };
    for (question, context) in QUESTIONS {
        let question = Question::new(question, context).expect("neither text is empty");
        for max_seq_len in [None, NonZeroUsize::new(model.max_seq_len())] {
            let options = Options {
                top_k: const { NonZeroUsize::new(3).expect("3 is not zero") },
                max_seq_len,
                handle_impossible_answer: true,
                ..Options::default()
            };
            let Ok(answers) = model.answer(&question, &options) else {
                continue;
            };
            for answer in answers {
                let length = answer.end.checked_sub(answer.start);
                let length = length.expect("an answer ends after its start");
                let text: String = context.chars().skip(answer.start).take(length).collect();
                assert_eq!(
                    answer.text, text,
                    "the answer is the context from start to end"
                );
            }
        }
    }
}

/// Backend that gives every span the same score.
#[derive(Debug)]
struct Undecided;

impl Backend for Undecided {
    fn forward(&self, batch: &Batch) -> Result<Logits, BackendError> {
        let zeros = vec![0.0; batch.input_ids.len()];
        Ok(Logits {
            start: zeros.clone(),
            end: zeros,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn saved_tokenizers_do_no_harm() {
        replay("tokenizer", tokenizer);
    }

    #[test]
    fn saved_configs_do_no_harm() {
        replay("config", config);
    }

    #[test]
    fn saved_graphs_do_no_harm() {
        replay("onnx", onnx);
    }

    #[test]
    fn the_files_that_stay_as_they_are_make_a_model() {
        let files = ModelFiles::from_bytes("small", CONFIG, TOKENIZER, None);
        let model = QuestionAnswering::with_backend(&files, Box::new(Undecided)).unwrap();
        assert_eq!((model.name(), model.max_seq_len()), ("small", 64));
        for (question, context) in QUESTIONS {
            let question = Question::new(question, context).unwrap();
            model.answer(&question, &Options::default()).unwrap();
        }
    }

    /// Runs `target` on every file in its folder of the corpus.
    fn replay(name: &str, target: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../fuzz/corpus")
            .join(name);
        let files: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for file in files {
            // The test framework prints the last file if the test fails.
            println!("{}", file.display());
            target(&fs::read(&file).unwrap());
        }
    }
}
