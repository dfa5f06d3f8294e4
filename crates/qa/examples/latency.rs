//! How long one question takes on one core, with the bundled model:
//! `cargo run --release -p bakeoff-qa --example latency`

#![expect(clippy::print_stdout, reason = "an example prints what it measured")]

use std::time::{Duration, Instant};

use bakeoff_qa::{Options, Question, QuestionAnswering};

/// Long enough for a median that repeats to a few per cent on a quiet machine.
const ROUNDS: usize = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = QuestionAnswering::embedded()?;
    let sentence =
        "The opera was written by Ada Byron in 1843, and first sung in Turin a year later. ";
    println!("sentences  median (ms)");
    for sentences in [1, 3, 8, 16] {
        let question = Question::new("Who wrote the opera?", sentence.repeat(sentences))?;
        let mut times = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let start = Instant::now();
            model.answer(&question, &Options::default())?;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        println!("{sentences:>9}  {:>11.2}", ms(times[ROUNDS / 2]));
    }
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
