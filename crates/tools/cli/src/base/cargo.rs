//! Cargo, as a person in this workspace would run it.

use std::process::Command;

use ballet_stage::cargo_variables;

pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for name in cargo_variables() {
        cargo.env_remove(name);
    }
    cargo
}
