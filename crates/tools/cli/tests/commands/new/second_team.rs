//! A second workspace with services of its own, built and tested as `ballet new` writes it. The command works on it
//! while it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ballet_stage::{ManagementClient, left_out, wait_until};
use ballet_testkit::command::{has_all, interrupt};
use serde_json::{Value, json};
use tokio::process::Child;

use super::test_directory::{BALLET, PATIENCE, TestDirectory, edit, said_by};

/// Run by its name, because rustup's program tells the compiler which toolchain it is.
const CARGO: &str = "cargo";
/// A colleague has cloned another's system.
const CLONE: &str = "colleague/harbour";
/// The number of shares of which one has chaos and a demo. `BALLET_TURN` chooses; without it they run.
const SHARES: usize = 4;

/// Uses this workspace's target directory. A further package gives dependencies the features and the profile that they
/// have here, so that none is built again. If nothing has debug information, cargo strips all, and builds all again.
async fn share_build(place: &TestDirectory, workspace: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let edges = ["--edges", "normal,dev,no-proc-macro", "--prefix", "none"];
    let tree = [&["tree", "--workspace", "--locked", "--format", "{p}|{f}"], &edges[..]].concat();
    let tree =
        said_by(place.command(CARGO, &tree, "").current_dir(&root)).await.ends_with(0).both();
    let mut features = BTreeMap::<(&str, &str), BTreeSet<&str>>::new();
    for line in tree.lines().filter(|line| !line.contains(" (/")) {
        let Some((package, of_it)) = line.split_once('|') else { continue };
        let Some((name, version)) = package.split_once(" v") else { continue };
        let version = version.split(' ').next().unwrap_or_default();
        let of_it = of_it.trim_end_matches(" (*)").split(',').filter(|feature| !feature.is_empty());
        features.entry((name, version)).or_default().extend(of_it);
    }
    assert!(features.len() > 100, "{tree}");
    let mut text =
        "[package]\nname = \"shared\"\nedition = \"2024\"\n\n[dependencies]\n".to_owned();
    for (number, ((name, version), features)) in features.iter().enumerate() {
        text += &format!(
            "of_{number} = {{ package = {name:?}, version = \"={version}\", default-features = false, \
             features = {features:?} }}\n",
            features = features.iter().collect::<Vec<_>>()
        );
    }
    let package = place.at(workspace).join("shared");
    fs::create_dir_all(package.join("src")).expect("a directory");
    fs::write(package.join("Cargo.toml"), text).expect("written");
    fs::write(package.join("src/lib.rs"), "").expect("written");
    let manifest = place.at(workspace).join("Cargo.toml");
    edit(&manifest, "members = [", "members = [\"shared\", ");
    edit(&manifest, "\n[dependencies]\n", "\n[dependencies]\nshared = { path = \"shared\" }\n");
    let ours = fs::read_to_string(root.join("Cargo.toml")).expect("our manifest");
    let known = fs::read_to_string(&manifest).expect("its manifest");
    let profile: String = ours
        .lines()
        .filter(|line| line.contains("opt-level = ") && line.ends_with("debug = false }"))
        .filter(|line| !known.contains(line))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(&manifest, known + &profile).expect("written");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target directory");
    target.to_owned()
}

/// Waits for its variables for a shell.
async fn start_demo(
    place: &TestDirectory,
    workspace: &str,
    target: &Path,
) -> (Child, Vec<(String, String)>) {
    let log = place.at("demo.log");
    let file = fs::File::create(&log).expect("a file");
    let mut command = place.command(CARGO, &["trials", "demo", "--customers", "10"], workspace);
    command.env("CARGO_NET_OFFLINE", "true").env("CARGO_TARGET_DIR", target);
    command.stdout(file.try_clone().expect("a file")).stderr(file);
    let mut demo = command.spawn().expect("it starts");
    let env = wait_until("the demo", PATIENCE, || {
        let ended = demo.try_wait().expect("a state");
        let log = fs::read_to_string(&log).expect("a log");
        async move {
            assert!(ended.is_none(), "it ended with {ended:?}:\n{log}");
            Ok::<_, String>(
                log.lines().find_map(|line| line.strip_prefix("  . ").map(PathBuf::from)),
            )
        }
    });
    let env = fs::read_to_string(env.await.expect("the demo is up")).expect("variables");
    let variable = |line: &str| {
        let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('\'').to_owned()))
    };
    (demo, env.lines().filter_map(variable).collect())
}

#[tokio::test]
async fn a_second_team_has_its_own_system_checked_tested_and_observed() {
    let place = TestDirectory::new("second-team");
    let checkout = place.path_to_checkout();
    let first = ["new", "author/harbour", "--service", "front_desk", "--ballet", &checkout];
    let said = place.ballet(&first, "").await.ends_with(0).both();
    assert!(said.contains("whoever clones it needs a checkout there"), "{said}");
    clone(&place).await;
    // A machine has only its own platform's crates.
    let locked = ["tree", "--locked", "--offline", "--depth", "0"];
    said_by(&mut place.command(CARGO, &locked, CLONE)).await.ends_with(0);

    let target = share_build(&place, CLONE).await;
    place.write_contract(CLONE, "front_desk");
    let said = place.ballet(&["check"], CLONE).await.ends_with(0).both();
    assert!(said.contains("harbour is sound: its service front_desk, 8 events"), "{said}");
    for part in ["trials", "gateway", "ci"] {
        place.ballet(&["new", part], CLONE).await.ends_with(0);
    }
    let trials = place.at(CLONE).join("trials/Cargo.toml");
    edit(&trials, "[dependencies]\n", "[dependencies]\nshared = { path = \"../shared\" }\n");
    let said = place.ballet(&["new", "service", "pantry"], CLONE).await.ends_with(0).both();
    assert!(said.contains("it waits for front_desk.request_made.v1"), "{said}");
    let said =
        place.ballet(&["check"], &format!("{CLONE}/services/pantry/src")).await.ends_with(0).both();
    assert!(said.contains("harbour is sound: its 2 services, 10 events"), "{said}");

    let packages = ["front_desk", "pantry", "trials"].map(|name| ["--package", name]).concat();
    let formatted = [&["fmt", "--check"], &packages[..]].concat();
    let mut formatted = place.command(CARGO, &formatted, CLONE);
    said_by(&mut formatted).await.ends_with(0);
    // Without unit tests half as many programs are linked. With the feature of the trials, which run next, the
    // framework is built once.
    let only = ["front_desk", "pantry"].map(|name| ["--test", name]).concat();
    let whole = ["test", "--workspace", "--offline", "--features", "trials/faults"];
    let only = [&whole[..], &only[..]].concat();
    let mut tests = place.command(CARGO, &only, CLONE);
    tests.env("CARGO_TARGET_DIR", &target);
    let said = said_by(&mut tests).await.ends_with(0).both();
    for name in [
        "a_request_is_confirmed_or_refused_and_one_that_is_withdrawn_frees_its_places",
        "the_contract_is_that_of_its_file",
        "the_contract_is_in_its_file_and_fits_the_others",
        "the_part_is_done_and_taken_back_with_the_saga",
    ] {
        assert!(said.contains(&format!("test {name} ... ok")), "{name} is not in:\n{said}");
    }

    // From the printed contracts the broker's definitions are made.
    for service in ["front_desk", "pantry"] {
        let program = target.join("debug").join(service).display().to_string();
        let mut print = place.command(&program, &["--print-contract"], CLONE);
        let file = place.at(CLONE).join(format!("contracts/harbour/{service}.json"));
        let file = fs::read_to_string(file).expect("a contract");
        assert_eq!(said_by(&mut print).await.ends_with(0).both(), file);
    }
    let said = place.ballet(&["topology", "definitions"], CLONE).await.ends_with(0).both();
    let file = fs::read_to_string(place.at(&format!("{CLONE}/broker/definitions.json")));
    assert_eq!(said.trim_end(), file.expect("definitions").trim_end());
    has_all(&said, &[r#""name": "harbour""#, r#""name": "pantry""#, r#""name": "clerk""#]);

    let turn =
        std::env::var("BALLET_TURN").ok().map(|turn| turn.parse::<usize>().expect("a number"));
    if turn.is_some_and(|turn| turn % SHARES != 1) {
        return left_out(
            "chaos or demo of the second team with this commit: every fourth has them",
        );
    }
    is_tried(&place, &target).await;
    let (mut demo, env) = start_demo(&place, CLONE, &target).await;
    observe(&place, &env, &target).await;
    interrupt(&demo);
    let ended = demo.wait().await.expect("an end");
    let log = fs::read_to_string(place.at("demo.log")).expect("a log");
    assert!(ended.success(), "{ended}:\n{log}");
}

async fn is_tried(place: &TestDirectory, target: &Path) {
    let only = ["--only", "kill,stop,copies", "--replicas", "1"];
    let chaos = [&["chaos", "--minutes", "0.4", "--json"], &only[..]].concat();
    let mut chaos = place.command(BALLET, &chaos, CLONE);
    chaos.env("CARGO", CARGO).env("CARGO_NET_OFFLINE", "true").env("CARGO_TARGET_DIR", target);
    let output = chaos.output().await.expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {text}\n{said}", output.status);
    let report: Value = serde_json::from_str(&text).expect("a report in JSON");
    for what in ["lost", "doubled", "broken", "unfinished"] {
        assert_eq!(report[what], json!([]), "{what}");
    }
    let number = |name: &str| report[name].as_u64().unwrap_or_default();
    assert!(number("sagas") > 20 && number("rows") > 20, "{text}");
    assert_eq!(number("effects"), number("effects_expected"), "{text}");
}

/// What the author has committed.
async fn clone(place: &TestDirectory) {
    let git = async |arguments: &[&str], below: &str| {
        said_by(&mut place.command("git", arguments, below)).await.ends_with(0);
    };
    git(&["init", "--quiet"], "author/harbour").await;
    git(&["add", "--all"], "author/harbour").await;
    let name = ["-c", "user.name=a", "-c", "user.email=a@b.example"];
    git(&[&name[..], &["commit", "--quiet", "-m", "A system"]].concat(), "author/harbour").await;
    git(&["clone", "--quiet", "author/harbour", CLONE], "").await;
}

async fn observe(place: &TestDirectory, env: &[(String, String)], target: &Path) {
    let ballet = |arguments: &'static [&'static str]| {
        let mut command = place.command(BALLET, arguments, CLONE);
        command.envs(env.iter().map(|(name, value)| (name, value)));
        command.env("CARGO", CARGO).env("CARGO_NET_OFFLINE", "true");
        command.env("CARGO_TARGET_DIR", target);
        async move { said_by(&mut command).await }
    };
    ballet(&["topology", "check"]).await.ends_with(0).tells(&["the broker is as declared"]);
    // A process is known to be ready a beat after it is.
    let stuck = wait_until("a sound system", PATIENCE, || async {
        let said = ballet(&["sagas", "stuck"]).await.ends_with(0).both();
        if said.trim() == "no saga is stuck" { Ok(Some(())) } else { Err(said) }
    });
    stuck.await.expect("nothing is stuck");
    let said = ballet(&["outbox", "list"]).await.ends_with(0).both();
    assert_eq!(said.trim(), "every event could be published");
    let said = ballet(&["audit"]).await.ends_with(0).both();
    assert!(said.contains("no violations"), "{said}");
    assert!(!said.contains("not judged: what must hold between"), "its own tables: {said}");

    let value = |name: &str| {
        let found = env.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).expect("a variable")
    };
    let management = ManagementClient::at(value("BALLET_MANAGEMENT_URL"), value("BALLET_VHOST"));
    let key = "front_desk.request_answered.v1";
    let properties = json!({ "type": key, "content_type": "application/json" });
    let published = management.expect("an address").publish("events", key, &properties, "{}").await;
    assert!(published.expect("published"), "{key} reaches nobody");
    wait_until("the dead letter", PATIENCE, || async {
        let listed = ballet(&["dlq", "list", "-o", "json"]).await;
        let is = listed.code == Some(0) && listed.both().contains("no_correlation_id");
        if is { Ok(Some(())) } else { Err(format!("{listed:?}")) }
    })
    .await
    .expect("a dead letter");
}
