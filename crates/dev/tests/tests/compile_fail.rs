//! Wrong declarations do not compile, and the compiler says so in words of ours.
//!
//! The libraries are those that cargo has built for this test. After an intended change of the words: `OVERWRITE=1
//! cargo test --workspace --test compile_fail`, and read the difference.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ballet_stage::cargo_variables;
use serde_json::Value;

const CASES: &str = "tests/compile_fail";
const INCLUDED: [&str; 2] = ["prelude.inc", "attributes.inc"];
const LIBRARIES: [&str; 3] = ["ballet", "schemars", "serde"];

#[test]
fn wrong_declarations_do_not_compile() {
    let libraries = libraries();
    let overwrite = env::var_os("OVERWRITE").is_some();
    let (mut wrong, mut tried) = (String::new(), 0);
    for case in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(CASES)).expect("cases") {
        let case = case.expect("a case").path();
        if case.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        tried += 1;
        let name = Path::new(case.file_name().expect("a name"));
        let (said, words) = (compile(name, &libraries), case.with_extension("stderr"));
        if overwrite {
            fs::write(&words, &said).expect("written");
        } else if fs::read_to_string(&words).ok().as_ref() != Some(&said) {
            wrong += &format!("\n{}:\n{said}", name.display());
        }
    }
    assert!(tried > 0, "there are no cases in {CASES}");
    assert!(wrong.is_empty(), "the compiler says otherwise:\n{wrong}");
}

/// Returns them as built with the features of the whole workspace.
fn libraries() -> Vec<(&'static str, PathBuf)> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    for name in cargo_variables() {
        build.env_remove(name);
    }
    let built = build
        .args(["test", "--workspace", "--test", "compile_fail", "--no-run", "--offline"])
        .arg("--message-format=json")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    let text = String::from_utf8_lossy(&built.stdout);
    let artifacts: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let library = |name| {
        let is_it = |message: &&Value| {
            let target = &message["target"];
            target["name"] == name
                && target["kind"][0] == "lib"
                && message["profile"]["test"] == false
        };
        let found: Vec<&Value> = artifacts.iter().filter(is_it).collect();
        let [one] = found[..] else {
            panic!("{} of {name}: {}", found.len(), String::from_utf8_lossy(&built.stderr));
        };
        (name, PathBuf::from(one["filenames"][0].as_str().expect("a file")))
    };
    LIBRARIES.map(library).into()
}

/// Leaves out what changes with each edit of a library.
fn compile(case: &Path, libraries: &[(&str, PathBuf)]) -> String {
    let mut compiler = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    compiler.args(["--edition=2024", "--emit=metadata", "-Adead_code", "--diagnostic-width=140"]);
    compiler.args(["--color=never", "-o"]).arg(env::temp_dir().join("ballet-compile-fail.rmeta"));
    for (name, file) in libraries {
        let mut folder = OsString::from("dependency=");
        folder.push(file.parent().expect("a folder"));
        compiler.arg("-L").arg(folder).arg("--extern").arg(format!("{name}={}", file.display()));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(CASES);
    let output = compiler.arg(case).current_dir(folder).output().expect("a compiler");
    assert!(!output.status.success(), "{} compiles", case.display());
    let said = String::from_utf8(output.stderr).expect("text");
    let said = said.split("error: aborting due to").next().unwrap_or_default();
    let case = case.display().to_string();
    let mut is_in_library = false;
    let words = said.trim_end().lines().filter(|line| {
        is_in_library = match place(line) {
            Some((_, place)) => is_library(place, &case),
            None => is_in_library && !line.starts_with(|c: char| c.is_ascii_alphabetic()),
        };
        // The compiler shows a library's text if it has that, as with the component `rust-src`.
        let text = line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit());
        !(is_in_library && text.starts_with('|'))
    });
    words.map(|line| stable(line, &case) + "\n").collect()
}

fn place(line: &str) -> Option<(&str, &str)> {
    line.split_once("--> ").or_else(|| line.split_once("::: "))
}

fn is_library(place: &str, case: &str) -> bool {
    !place.starts_with(case) && !INCLUDED.iter().any(|included| place.starts_with(included))
}

/// Keeps only the file of a place in a library.
fn stable(line: &str, case: &str) -> String {
    match place(line) {
        Some((arrow, place)) if is_library(place, case) => {
            let file = place.split_once(".rs:").map_or(place, |(file, _)| file);
            let file = file.rsplit_once("/library/").map_or(file, |(_, file)| file);
            format!("{arrow}--> {file}.rs")
        }
        _ => line.to_owned(),
    }
}
