//! Slow commands: other tests and CI run them.

use std::fs;
use std::path::Path;

/// A command, the file that runs it, and the text in that file that does so.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    (".ci/run", ".ci/run", "set -euo pipefail"),
    ("cargo ballet chaos", "crates/tools/cli/tests/commands/new/second_team.rs", "\"chaos\""),
    (
        "cargo ballet contract write",
        "crates/tools/cli/tests/commands/contract.rs",
        "[\"contract\", \"write\"",
    ),
    (
        "cargo ballet demo",
        "crates/tools/cli/tests/commands/new/second_team.rs",
        "[\"trials\", \"demo\"",
    ),
    ("cargo ballet new", "crates/tools/cli/tests/commands/new/mod.rs", "[\"new\", \"harbour\""),
    ("cargo run -p hello", "examples/hello/tests/hello.rs", "\"CARGO_BIN_EXE_hello\""),
    ("cargo test --workspace", ".ci/run", "cargo test --workspace"),
    (
        "cargo test",
        "crates/tools/cli/tests/commands/new/second_team.rs",
        "[\"test\", \"--workspace\"",
    ),
    ("cargo xtask chaos", "crates/dev/xtask/tests/chaos.rs", "\"chaos\""),
    ("cargo xtask check", ".ci/run", "\"$xtask\" check"),
    ("cargo xtask degradation", "crates/dev/xtask/tests/degradation.rs", "\"degradation\""),
    ("cargo xtask demo --customers", "crates/dev/xtask/tests/walk/main.rs", "\"cargo xtask demo\""),
    ("cargo xtask kills", "crates/dev/xtask/tests/kills.rs", ".arg(\"kills\")"),
    ("cargo xtask test", ".ci/run", "\"$xtask\" test"),
];

const BY_HAND: &[(&str, &str)] =
    &[("cargo xtask bench", "it measures for ten minutes, with all optimisations")];

pub(crate) fn runs(root: &Path, command: &str) -> bool {
    if BY_HAND.iter().any(|(known, _)| command.starts_with(known)) {
        return true;
    }
    let Some((_, file, text)) = ELSEWHERE.iter().find(|(known, ..)| command.starts_with(known))
    else {
        return false;
    };
    let whole = fs::read_to_string(root.join(file)).expect("a file");
    assert!(whole.contains(text), "{file} no longer runs {command}: {text} is not in it");
    true
}
