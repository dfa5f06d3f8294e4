//! HTTP server for question answering: `POST /question_answering`, other APIs, probes, limits, and a documentation page.
//!
//! Only this crate has the HTTP formats. Inference never runs on a thread that serves connections.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use bakeoff_qa::QuestionAnswering;
//! use bakeoff_serve::{Drained, ServeConfig, Server, Signals};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = QuestionAnswering::open("models/minilm-squad".as_ref())?;
//! let server = Server::bind("127.0.0.1", 0).await?;
//! let signals = Signals::default(); // a signal handler can cancel `shutdown` in a clone
//! let drained = server.run(&ServeConfig::default(), Arc::new(model), signals).await?;
//! assert_eq!(drained, Drained::Whole);
//! # Ok(())
//! # }
//! ```

mod body;
mod compression;
mod config;
mod cores;
mod edge;
mod engine;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod keys;
mod memory;
mod metrics;
mod openapi;
mod path;
mod refusal;
mod routes;
mod server;
mod service;
mod wire;

#[cfg(test)]
mod fake;

pub use config::{Access, Admission, Limits, ServeConfig};
pub use cores::physical_cores;
pub use error::ServeError;
pub use server::{Drained, Server, Signals};
