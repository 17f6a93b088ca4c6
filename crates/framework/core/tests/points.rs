//! Every dangerous line of the engine lies between two points.

use std::fs;
use std::path::{Path, PathBuf};

/// The crates that report fault points.
const CRATES: [&str; 3] = ["framework/amqp", "framework/ballet", "tools/ops"];
/// The calls that must have a point on both sides.
const DANGEROUS: [&str; 7] = [
    ".commit().await",
    "session.publish(",
    "session.ack(",
    "=> handlers.call(",
    "copies::send(&engine",
    ".commit()).await",
    "calls::note_failures(&engine",
];
/// The maximum number of lines between a call and its point.
const NEAR: usize = 12;

#[test]
fn a_commit_a_publish_an_ack_and_a_call_are_between_two_points() {
    let mut found = [0; DANGEROUS.len()];
    for file in all_sources() {
        let text = fs::read_to_string(&file).expect("a source");
        let lines: Vec<&str> = text.lines().collect();
        let is_point = |line: &&str| line.contains("fault::point(");
        for (at, line) in lines.iter().enumerate() {
            let Some(which) = DANGEROUS.iter().position(|code| line.contains(code)) else {
                continue;
            };
            // A search's note in the journal replaces nothing, since the next search writes its
            // own. An ack to a stream, by the journal's reader or those of telemetry, removes
            // nothing. A replay sends what is recorded.
            let harmless = ["self.transaction.commit", "run.searched("];
            let lies_in = |folder: &str| file.components().any(|part| part.as_os_str() == folder);
            if harmless.iter().any(|code| line.contains(code))
                || lies_in("stream")
                || (lies_in("telemetry") && line.contains("session.ack("))
            {
                continue;
            }
            found[which] += 1;
            let before = lines[at.saturating_sub(NEAR)..at].iter().any(is_point);
            let after = lines[at + 1..].iter().take(NEAR).any(is_point);
            let place = format!("{}:{}: {line}", file.display(), at + 1);
            assert!(before && after, "put a `fault::point` before and after {place}");
        }
    }
    for (code, found) in DANGEROUS.iter().zip(found) {
        assert!(found > 0, "`{code}` is nowhere: this test looks for the wrong thing");
    }
}

fn all_sources() -> Vec<PathBuf> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    CRATES.iter().flat_map(|name| sources(&crates.join(name).join("src"))).collect()
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
