//! Reports of experiments and load tests: on a terminal, as Markdown, JSON, CSV, one HTML page, and in the formats of
//! other programs.
//!
//! `section` puts the content together, piece by piece. A renderer decides only the look of each piece. Every function is
//! pure: equal records give byte-identical output.

pub mod csv;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod gate;
pub mod html;
pub mod json;
pub mod junit;
pub mod locust_csv;
pub mod locust_json;
pub mod markdown;
pub mod otlp;
pub mod picture;
pub mod prometheus;
pub mod runs;
pub mod terminal;

mod answer;
mod cell;
mod chart;
mod current;
mod document;
mod machine;
mod section;
mod table;

pub use answer::answer;
