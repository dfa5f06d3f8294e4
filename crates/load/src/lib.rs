//! Drives users at an HTTP server and measures what they see.
//!
//! A [`Scenario`] says what users do; [`run()`] lets them do it and returns what they saw.
//! This crate knows HTTP and nothing of what is served: it cannot favour one server.
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

mod alarm;
mod arrivals;
mod capacity;
mod check;
mod client;
mod clock;
mod collector;
mod connection;
mod content_encoding;
mod control;
mod crowd;
mod duration;
mod error;
mod extract;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod get;
mod host;
mod json;
pub mod machine;
mod memory;
mod open_files;
mod pacer;
mod plan;
mod population;
mod recorder;
mod redirect;
mod roster;
mod row_set;
mod run;
mod sample;
mod scenario;
mod sequence;
mod target;
mod threshold;
mod timeout;
mod tls;
mod toml_text;
mod user;
mod visitors;
mod worker;
mod workload;

pub use arrivals::{Arrivals, Rate, Spacing};
pub use capacity::check_users;
pub use control::Control;
pub use duration::parse_duration;
pub use error::{HostError, LoadError, NotCorrect, ScenarioError, with_causes};
pub use get::{Get, GetAnswer, GetError, get};
pub use host::check_host;
pub use open_files::{TooFewOpenFiles, make_room};
pub use population::Stage;
pub use run::{Enough, LoadConfig, Phase, Progress, check_requests, run};
pub use sample::{SampleAnswer, check_once, sample};
pub use scenario::{DataFile, Load, MAX_IN_FLIGHT, Scenario, Task, UserClass, WaitTime};
pub use target::{Connecting, HttpVersion};
pub use threshold::{Broken, Threshold};
pub use toml_text::{TomlError, TomlText};
pub use workload::Workload;
