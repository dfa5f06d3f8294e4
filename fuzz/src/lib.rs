//! What the fuzz targets share.

use std::panic;
use std::process;

/// Lets libraries panic where our code catches it; a panic of our own code still ends the fuzzing at once.
///
/// A library's panic that nobody catches ends it too, without a message: run the target on the offending file with
/// `RUST_BACKTRACE=1` to see one.
pub fn libraries_may_panic() {
    let print = panic::take_hook();
    let verbose = std::env::var_os("RUST_BACKTRACE").is_some();
    // The hook of libFuzzer aborts before anybody can catch anything.
    panic::set_hook(Box::new(move |panic| {
        let ours = panic
            .location()
            .is_some_and(|place| place.file().contains("crates/"));
        if ours {
            print(panic);
            process::abort();
        }
        if verbose {
            eprintln!("{panic}");
        }
    }));
}
