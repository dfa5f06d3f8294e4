//! Load generator: runs users against an HTTP server and measures their requests.
//!
//! A [`Scenario`] describes users and their tasks. [`run()`] runs it and returns a measurement. Several generators can run
//! one load, each with its own [`Share`]. This crate knows HTTP and nothing of the content of answers, so it cannot favour
//! one server.
//!
//! ```
//! use std::path::Path;
//!
//! use bakeoff_load::Scenario;
//!
//! let text = r#"
//!     [load]
//!     users = 70
//!     spawn_rate = 10
//!     run_time = "60s"
//!
//!     [[task]]
//!     method = "POST"
//!     path = "/question_answering"
//!     json = { question = "Who wrote it?", context = "Ada wrote it." }
//!     check = [{ status = 200 }, { json = "/answer", kind = "string" }]
//! "#;
//! let scenario = Scenario::parse(text, Path::new("qa.toml"))?;
//! let [class] = scenario.users() else { panic!("one class") };
//! assert_eq!(class.tasks()[0].name(), "/question_answering");
//! # Ok::<(), bakeoff_load::ScenarioError>(())
//! ```

mod capacity;
mod cause;
mod check;
mod client;
mod clock;
mod connection;
mod connection_settings;
mod duration;
mod error;
mod extract;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod get;
mod host;
mod json;
mod load_config;
pub mod machine;
mod open_files;
mod plan;
mod redirect;
mod run;
mod runner;
mod sample;
mod scenario;
mod seed;
mod session;
mod share;
mod stats;
mod target;
mod threshold;
mod tls;
mod toml_text;
mod url_path;
mod workload;

pub use capacity::check_users_fit;
pub use connection_settings::{ConnectionSettings, HttpVersion};
pub use duration::parse_duration;
pub use error::{HostError, IncorrectAnswer, LoadError, ScenarioError, with_causes};
pub use get::{Get, GetAnswer, GetError, get};
pub use host::check_host;
pub use load_config::{Enough, LoadConfig};
pub use open_files::{TooFewOpenFiles, raise_open_files_limit};
pub use run::control::Control;
pub use run::progress::{Phase, Progress};
pub use run::{check_requests, run};
pub use sample::{SampleAnswer, check_once, sample};
pub use scenario::Scenario;
pub use scenario::data_file::DataFile;
pub use scenario::load::{LoadSettings, MAX_IN_FLIGHT};
pub use scenario::task::Task;
pub use scenario::user::UserClass;
pub use share::Share;
pub use threshold::{BrokenThreshold, Threshold};
pub use toml_text::{TomlError, TomlText};
pub use workload::Workload;
pub use workload::open_model::{ArrivalRate, OpenModel, Spacing};
pub use workload::stage::Stage;
pub use workload::wait_time::WaitTime;
