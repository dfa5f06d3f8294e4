//! Fuzz target of this crate. It panics if and only if it finds a bug.
//!
//! The test runs the target on the saved corpus, so that a fixed bug stays fixed.

use bakeoff_qa::Compat;

use crate::{
    config::Limits,
    wire::{hugging_face, open_inference, problem::Problem, question_answering},
};

/// Reads `data` as the body of a request, once for each API.
///
/// For the binary tensors of the Open Inference Protocol, the first two bytes are the length of the JSON in the rest, least
/// significant byte first.
///
/// # Panics
/// A body that is rejected without a problem.
pub fn request_body(data: &[u8]) {
    let limits = Limits::default();
    let check = |refused: Option<Vec<Problem>>| {
        assert!(
            refused.is_none_or(|problems| !problems.is_empty()),
            "refused without a reason"
        );
    };
    check(question_answering::read(data, &limits, Compat::default()).err());
    check(hugging_face::read(data, &limits, Compat::default()).err());
    check(open_inference::read(data, None, &limits, Compat::default()).err());
    if let Some((length, rest)) = data.split_first_chunk::<2>() {
        let header = u16::from_le_bytes(*length).to_string();
        check(
            open_inference::read(rest, Some(header.as_bytes()), &limits, Compat::default()).err(),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn saved_bodies_do_no_harm() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/request_body");
        let entries = fs::read_dir(&folder).unwrap();
        let files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for file in files {
            // The test framework prints the last file if the test fails.
            println!("{}", file.display());
            request_body(&fs::read(&file).unwrap());
        }
    }
}
