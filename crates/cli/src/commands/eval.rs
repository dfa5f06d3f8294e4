//! `bakeoff eval`: quality of a model's answers on a SQuAD file.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::anyhow;
use bakeoff_qa::squad::{self, Example, Score, Totals};
use bakeoff_qa::{AnswerError, Options, Question, QuestionAnswering};
use tokio_util::sync::CancellationToken;

use crate::args::EvalArgs;
use crate::exit::{Exit, hinted};
use crate::model;
use crate::output::{data, say};
use crate::progress::Progress;
use crate::signals::stop_token;

/// Answers every question of the file and prints exact match and F1.
pub(crate) fn run(args: &EvalArgs) -> anyhow::Result<Exit> {
    let hint = "--data takes a SQuAD file, as JSON or gzipped JSON";
    let examples = squad::read(&args.data).map_err(|error| hinted(Exit::Usage, error, hint))?;
    let threads = args.threads.unwrap_or_else(bakeoff_serve::physical_cores);
    let model = model::open(&args.model, threads)?;
    let stop = stop_token()?;
    let totals = evaluate(&model, &examples, threads, &stop)?;
    if totals.questions() == 0 {
        return Ok(Exit::Interrupted);
    }
    data(&format!(
        "model        {}\nquestions    {}\nexact match  {:.2} %\nF1           {:.2} %\n",
        model.name(),
        totals.questions(),
        totals.exact_match_percent(),
        totals.f1_percent(),
    ))?;
    if totals.questions() < examples.len() {
        say(&format!(
            "interrupted: {} of {} questions were answered",
            totals.questions(),
            examples.len()
        ));
        return Ok(Exit::Interrupted);
    }
    Ok(Exit::Done)
}

/// Answers `examples` on `threads` threads, and shows the progress.
fn evaluate(
    model: &QuestionAnswering,
    examples: &[Example],
    threads: NonZeroUsize,
    stop: &CancellationToken,
) -> anyhow::Result<Totals> {
    let next = AtomicUsize::new(0);
    let shared = Mutex::new(Ok(Totals::default()));
    let work = || {
        while let Some(example) = examples
            .get(next.fetch_add(1, Ordering::Relaxed))
            .filter(|_| !stop.is_cancelled())
        {
            let scored = score(model, example).map_err(|error| {
                let hint = "remove the question from the file, or evaluate another model";
                hinted(Exit::Usage, error, hint).context(format!("question {}", example.id))
            });
            let mut totals = shared
                .lock()
                .map_err(|_| anyhow!("another thread panicked"))?;
            match (&mut *totals, scored) {
                (Ok(totals), Ok(score)) => totals.add(score),
                (first_error @ Ok(_), Err(error)) => {
                    *first_error = Err(error);
                    stop.cancel();
                }
                (Err(_), _) => {}
            }
        }
        anyhow::Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.get()).map(|_| scope.spawn(work)).collect();
        let mut progress = Progress::new(examples.len() as u64);
        while workers.iter().any(|worker| !worker.is_finished()) {
            let done = next.load(Ordering::Relaxed).min(examples.len());
            progress.set(
                done as u64,
                &format!("{done} of {} questions", examples.len()),
            );
            thread::sleep(Duration::from_millis(100));
        }
    });
    shared
        .into_inner()
        .map_err(|_| anyhow!("a thread panicked"))?
}

fn score(model: &QuestionAnswering, example: &Example) -> Result<Score, AnswerError> {
    let question = Question::new(example.question.as_str(), &*example.context)?;
    let answers = model.answer(&question, &Options::default())?;
    let text = answers.first().map_or("", |answer| answer.text.as_str());
    Ok(Score::new(text, &example.answers))
}
