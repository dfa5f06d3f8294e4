//! How results are shown: on a terminal, as Markdown, as JSON, as one HTML page, and in the formats of others.
//!
//! The content is put together once, piece by piece; a renderer only decides how each piece looks.

pub mod csv;
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
mod so_far;
mod table;

pub use answer::answer;
pub use so_far::render_so_far;
