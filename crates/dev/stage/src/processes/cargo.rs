//! The variables of the cargo that runs this program.

use std::ffi::OsString;

/// Returns the variables that `cargo run` and `cargo test` set for this package. A cargo that we start must not inherit
/// them: build scripts watch them, and everything after those would be rebuilt.
#[must_use]
pub fn cargo_variables() -> Vec<OsString> {
    let is_about_package = |name: &OsString| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    };
    std::env::vars_os().map(|(name, _)| name).filter(is_about_package).collect()
}
