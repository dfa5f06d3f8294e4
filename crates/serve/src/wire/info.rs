//! What the server says about itself.

use bakeoff_qa::{Compat, QuestionAnswering};
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::ServeConfig;

/// Whether the server is there, or ready.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Status {
    /// `ok` or `ready`.
    pub(crate) status: &'static str,
}

/// What serves here, and what it takes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Info {
    /// The model's name, as the paths with `{name}` take it.
    model: String,
    /// The kind of model, as its config.json names it.
    architecture: String,
    /// What the model is by its content: a hash of its settings, tokenizer and weights.
    #[schema(example = "3f8a21c09d4e")]
    revision: String,
    /// The version of Bakeoff.
    version: &'static str,
    /// The version of transformers whose answers are given.
    compat: &'static str,
    /// Inference workers, each one thread.
    #[schema(minimum = 1)]
    threads: usize,
    /// The most that a request may ask for.
    limits: InfoLimits,
}

/// The most that a request may ask for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Limits)]
struct InfoLimits {
    /// The largest body.
    max_body_bytes: usize,
    /// All bodies together that are read or wait to be parsed.
    body_memory_bytes: usize,
    /// The largest answer to a request.
    max_answer_bytes: usize,
    /// All answers together that are made or wait to be taken.
    answer_memory_bytes: usize,
    /// Questions in one request.
    max_items: usize,
    /// The longest question in characters.
    max_question_chars: usize,
    /// The longest context in characters.
    max_context_chars: usize,
    /// The longest window that the model can take, in tokens.
    max_seq_len: usize,
    /// How long an answer may take, in seconds.
    timeout_seconds: f64,
    /// The largest head of a request.
    max_header_bytes: usize,
    /// How long the head of a request may take to arrive, and then its body, in seconds.
    read_timeout_seconds: f64,
    /// How long a connection may stay open without a request, in seconds.
    idle_timeout_seconds: f64,
    /// Connections at once.
    max_connections: u32,
    /// Tokens that may wait for a worker.
    max_queue_tokens: usize,
    /// The longest that a question may have to wait for a worker, in seconds.
    max_queue_delay_seconds: f64,
}

impl Info {
    /// What the server with these settings says about itself.
    pub(crate) fn new(model: &QuestionAnswering, config: &ServeConfig) -> Self {
        let limits = &config.limits;
        Self {
            model: model.name().to_owned(),
            architecture: model.architecture().to_owned(),
            revision: model.revision().to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            compat: match config.compat {
                Compat::V4_57 => "4.57",
                Compat::V4_52 => "4.52",
            },
            threads: config.threads.get(),
            limits: InfoLimits {
                max_body_bytes: limits.max_body_bytes,
                body_memory_bytes: limits.body_memory_bytes,
                max_answer_bytes: limits.max_answer_bytes,
                answer_memory_bytes: limits.answer_memory_bytes,
                max_items: limits.max_items.get(),
                max_question_chars: limits.max_question_chars.get(),
                max_context_chars: limits.max_context_chars.get(),
                max_seq_len: model.max_seq_len(),
                timeout_seconds: limits.timeout.as_secs_f64(),
                max_header_bytes: limits.max_header_bytes.get(),
                read_timeout_seconds: limits.read_timeout.as_secs_f64(),
                idle_timeout_seconds: limits.idle_timeout.as_secs_f64(),
                max_connections: limits.max_connections.get(),
                max_queue_tokens: config.admission.max_queue_tokens.get(),
                max_queue_delay_seconds: config.admission.max_queue_delay.as_secs_f64(),
            },
        }
    }
}
