//! Fake model for tests: the tokenizer is real, and the logits follow rules of the question.

use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, mpsc};

use bakeoff_qa::backend::BackendError;
use bakeoff_qa::{Backend, Batch, Logits, ModelFiles, Question, QuestionAnswering};
use tokio::sync::mpsc as events;

/// Backend that finds the tokens of the question in the context. The questions `panic`, `fail` and `block` are commands: the
/// backend panics, fails, or blocks until the test releases it.
#[derive(Debug)]
pub(crate) struct Fake {
    started: events::UnboundedSender<String>,
    batches: events::UnboundedSender<Vec<String>>,
    release: Mutex<mpsc::Receiver<()>>,
}

/// Controls of a [`Fake`] for a test.
#[derive(Debug)]
pub(crate) struct Controls {
    /// Question at the start of its inference, in lower case.
    pub(crate) started: events::UnboundedReceiver<String>,
    /// Questions of a batch at the start of its inference, in lower case.
    pub(crate) batches: events::UnboundedReceiver<Vec<String>>,
    /// Each message releases one `block`. Dropping the sender releases all.
    pub(crate) release: mpsc::Sender<()>,
}

/// Question of the warm-up, in lower case.
pub(crate) const WARM_UP: &str = "what warms up?";

impl Fake {
    /// Fake model and its controls.
    pub(crate) fn model() -> (Arc<QuestionAnswering>, Controls) {
        let (started_sender, started) = events::unbounded_channel();
        let (batches_sender, batches) = events::unbounded_channel();
        let (release, release_receiver) = mpsc::channel();
        let fake = Self {
            started: started_sender,
            batches: batches_sender,
            release: Mutex::new(release_receiver),
        };
        let controls = Controls {
            started,
            batches,
            release,
        };
        (with_backend(fake), controls)
    }
}

/// Model with the bundled tokenizer and settings, and another backend.
pub(crate) fn with_backend(backend: impl Backend + 'static) -> Arc<QuestionAnswering> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/minilm-squad");
    let files = ModelFiles::read(&folder).expect("the folder is in the repository");
    let model = QuestionAnswering::with_backend(&files, Box::new(backend));
    Arc::new(model.expect("its files are valid"))
}

impl Controls {
    /// Next question whose inference starts, without the warm-up.
    pub(crate) async fn next_started(&mut self) -> String {
        loop {
            let question = self.started.recv().await;
            let question = question.expect("the fake lives as long as the server");
            if question != WARM_UP {
                return question;
            }
        }
    }

    /// Questions of the next batch whose inference starts, without the warm-up.
    pub(crate) async fn next_batch(&mut self) -> Vec<String> {
        loop {
            let batch = self.batches.recv().await;
            let batch = batch.expect("the fake lives as long as the server");
            if batch != [WARM_UP] {
                return batch;
            }
        }
    }
}

impl Backend for Fake {
    fn forward(&self, batch: &Batch) -> Result<Logits, BackendError> {
        let questions = batch.sequences().map(|sequence| {
            let types = &batch.token_type_ids[sequence.clone()];
            let context = sequence.start + types.partition_point(|&kind| kind == 0);
            let question = &batch.input_ids[sequence.start + 1..context - 1];
            TOKENIZER.decode(question, true)
        });
        let questions: Vec<String> = questions.collect::<Result<_, BackendError>>()?;
        // The receiver is gone in tests that do not use it.
        let _ = self.batches.send(questions.clone());
        let mut logits = Logits::default();
        for (sequence, question) in batch.sequences().zip(questions) {
            self.run_command(&question)?;
            let (ids, types) = (
                &batch.input_ids[sequence.clone()],
                &batch.token_type_ids[sequence],
            );
            let context = types.partition_point(|&kind| kind == 0);
            let (start, end) = occurrences(&ids[1..context - 1], &ids[context..]);
            // The class token gets the probability that no span has.
            logits
                .start
                .extend([vec![5.0], vec![0.0; context - 1], start].concat());
            logits
                .end
                .extend([vec![5.0], vec![0.0; context - 1], end].concat());
        }
        Ok(logits)
    }
}

impl Fake {
    fn run_command(&self, question: &str) -> Result<(), BackendError> {
        let _ = self.started.send(question.to_owned());
        match question {
            "panic" => panic!("the question says so"),
            "fail" => return Err("out of luck".into()),
            "block" => {
                let release = self.release.lock();
                let _ = release.expect("nothing panics with this lock held").recv();
            }
            _ => {}
        }
        Ok(())
    }
}

/// Start and end logits of a context: high at the start and end of the question's tokens.
fn occurrences(question: &[u32], context: &[u32]) -> (Vec<f32>, Vec<f32>) {
    let (mut start, mut end) = (vec![0.0; context.len()], vec![0.0; context.len()]);
    for (index, found) in context.windows(question.len().max(1)).enumerate() {
        if found == question {
            start[index] = 15.0;
            end[index + found.len() - 1] = 15.0;
        }
    }
    (start, end)
}

static TOKENIZER: LazyLock<tokenizers::Tokenizer> = LazyLock::new(|| {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../models/minilm-squad/tokenizer.json"
    );
    tokenizers::Tokenizer::from_file(path).expect("the bundled tokenizer is valid")
});

/// Question that leaves no room for its context.
pub(crate) fn too_long() -> Question {
    Question::new("who ".repeat(300), "here ".repeat(300)).expect("neither is empty")
}
