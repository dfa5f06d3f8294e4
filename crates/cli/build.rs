//! Warns of a release build without the flags of `.cargo/config.toml`: Cargo reads them from the folder that it is called in,
//! so that `cargo install --path` from anywhere else loses them, and with them a third of the speed of long questions.

fn main() {
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    let variable = |name| std::env::var(name).unwrap_or_default();
    let is_release = variable("PROFILE") == "release";
    let has_flags = variable("CARGO_ENCODED_RUSTFLAGS").contains("inline-threshold");
    if is_release && variable("CARGO_CFG_TARGET_OS") == "linux" && !has_flags {
        println!(
            "cargo::warning=built without the flags of .cargo/config.toml: long questions take 1.4 times as long; \
             call cargo in the folder of the clone"
        );
    }
}
