//! JSON of server information.

use bakeoff_qa::{Compat, QuestionAnswering};
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::ServeConfig;

/// Status of the server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Status {
    /// `ok` or `ready`.
    pub(crate) status: &'static str,
}

/// Model, version and limits of a server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Info {
    /// Name of the model, as in paths with `{name}`.
    model: String,
    /// Class of the model in transformers.
    architecture: String,
    /// Hash of the model's settings, tokenizer and weights.
    #[schema(example = "3f8a21c09d4e")]
    revision: String,
    /// Version of Bakeoff.
    version: &'static str,
    /// Version of transformers that defines the answers.
    compat: &'static str,
    /// Number of inference workers. Each worker is one thread.
    #[schema(minimum = 1)]
    threads: usize,
    /// Limits of the server.
    limits: InfoLimits,
}

/// Limits of the server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Limits)]
struct InfoLimits {
    /// Maximum size of a request body.
    max_body_bytes: usize,
    /// Maximum size of all bodies that are being received or wait to be parsed.
    body_memory_bytes: usize,
    /// Maximum size of a response.
    max_answer_bytes: usize,
    /// Maximum size of all responses that are being written or sent.
    answer_memory_bytes: usize,
    /// Maximum number of questions in a request.
    max_items: usize,
    /// Maximum length of a question in characters.
    max_question_chars: usize,
    /// Maximum length of a context in characters.
    max_context_chars: usize,
    /// Maximum length of a window in tokens.
    max_seq_len: usize,
    /// Time limit for a response, in seconds.
    timeout_seconds: f64,
    /// Maximum size of the head of a request.
    max_header_bytes: usize,
    /// Time limit for receiving the head of a request, and then for its body, in seconds.
    read_timeout_seconds: f64,
    /// Time limit for a connection without a request, in seconds.
    idle_timeout_seconds: f64,
    /// Maximum number of connections.
    max_connections: u32,
    /// Maximum number of tokens in the queue.
    max_queue_tokens: usize,
    /// Maximum time in the queue, in seconds.
    max_queue_delay_seconds: f64,
}

impl Info {
    /// Information about a server with this model and configuration.
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
