//! Body of this crate's fuzz target. It panics when something is wrong, and only then.
//!
//! The test feeds it what earlier fuzzing found, so that a mended fault stays mended.

use std::path::Path;

use crate::ExperimentFile;

/// Reads `data` as an experiment file. Nothing is started.
///
/// # Panics
/// When a file is accepted that makes no sense.
pub fn experiment_file(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let path = Path::new("/no/such/folder/bakeoff.toml");
    let mut file = match ExperimentFile::parse(text, path) {
        Ok(file) => file,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "refused without a reason");
            return;
        }
    };
    assert_eq!(
        file.check_blocks().is_err(),
        file.blocks_missing().is_some()
    );
    assert!(file.max_blocks >= file.blocks && file.measure_limit >= file.measure);
    assert!(!file.measure.is_zero() && file.same_ratio.is_finite());
    let names: Vec<String> = file.contenders.iter().map(|it| it.name.clone()).collect();
    assert!(names.contains(&file.baseline), "{} is none", file.baseline);
    file.make_quick();
    assert!(
        file.blocks_missing().is_none(),
        "too few blocks for a verdict"
    );
    let last = names.last().cloned().into_iter().collect::<Vec<_>>();
    assert!(file.only(&last).is_ok() && file.baseline == last[0]);
    assert!(file.only(&["no such contender".to_owned()]).is_err());
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn saved_experiment_files_do_no_harm() {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/experiment_file");
        let entries = fs::read_dir(&folder).unwrap();
        let files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for file in files {
            // Shown when the test fails: the last one did it.
            println!("{}", file.display());
            experiment_file(&fs::read(&file).unwrap());
        }
    }
}
