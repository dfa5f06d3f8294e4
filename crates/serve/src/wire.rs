//! HTTP formats: JSON of requests, answers and errors, and tensors of the Open Inference Protocol.

pub(crate) mod answers;
pub(crate) mod asked;
pub(crate) mod fields;
pub(crate) mod hugging_face;
pub(crate) mod info;
pub(crate) mod offsets;
pub(crate) mod open_inference;
pub(crate) mod parameters;
pub(crate) mod problem;
pub(crate) mod question_answering;
