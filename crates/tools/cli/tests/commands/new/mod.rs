//! `ballet new`: what it writes and refuses.

mod second_team;
mod test_directory;

use std::fs;
use std::path::Path;

use self::test_directory::{BALLET, TestDirectory, edit, said_by};

#[tokio::test]
async fn what_does_not_fit_between_two_contracts_is_found_without_any_code() {
    let place = TestDirectory::new("misfits");
    place.begin().await;
    place.ballet(&["new", "service", "pantry"], "harbour").await.ends_with(0);
    let contract = place.at("harbour/contracts/harbour/pantry.json");
    let sound = fs::read_to_string(&contract).expect("a contract");

    edit(&contract, "\"title\": \"RequestMade\"", "\"required\": [\"colour\"]");
    let said = place.ballet(&["check"], "harbour").await.ends_with(1).both();
    let missing = "pantry reads desk.request_made.v1, and there is no `colour`";
    assert!(said.contains(missing), "{said}");

    fs::write(&contract, &sound).expect("written");
    edit(&contract, "desk.request_made.v1", "desk.request_taken.v1");
    let said = place.ballet(&["check", "-o", "json"], "harbour").await.ends_with(1).both();
    assert!(said.contains("pantry waits for desk.request_taken.v1, which nobody emits"), "{said}");

    fs::write(&contract, sound.replace("\"do_part\",", "\"do_part\", \"refuses\": 1,"))
        .expect("written");
    let said = place.ballet(&["check"], "harbour").await.ends_with(3).both();
    let unknown =
        "pantry.json is not a contract: sagas[0].steps[0].refuses: it is not known, only ";
    assert!(said.contains(unknown), "{said}");

    let mut elsewhere = place.command(BALLET, &["check"], "");
    said_by(&mut elsewhere).await.ends_with(2).tells(&["there are no contracts of services here"]);
}

/// None of the templates' names and marks may survive.
const PLACEHOLDERS: [&str; 18] = [
    "my_service",
    "my_system",
    "ALL_SERVICES",
    "my_saga",
    "my_owner",
    "MySaga",
    "MyService",
    "MyTrigger",
    "MyAbort",
    "_OF_TRIGGER",
    "_OF_ABORT",
    "LINTS",
    "BALLET_DEPENDENCIES",
    "BALLET_INSTALL",
    "BALLET_COPY",
    "BALLET_CONTEXT",
    "BALLET_SOURCE",
    "FIELDS_OF",
];

fn files(root: &Path) -> Vec<(String, String)> {
    let (mut folders, mut files) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).expect("text");
                files.push((path.display().to_string(), text));
            }
        }
    }
    files
}

#[tokio::test]
async fn a_new_project_is_small() {
    let place = TestDirectory::new("small");
    place.ballet(&["new", "harbour"], "").await.ends_with(0);
    let mut files = files(&place.at("harbour"));
    files.retain(|(name, _)| !name.ends_with("Cargo.lock"));
    let lines: usize = files.iter().map(|(_, text)| text.lines().count()).sum();
    assert!(files.len() <= 10 && lines <= 400, "{} files, {lines} lines", files.len());
}

#[tokio::test]
async fn no_placeholder_survives_in_what_is_written() {
    let place = TestDirectory::new("placeholders");
    place.begin().await;
    place.ballet(&["new", "service", "pantry"], "harbour").await.ends_with(0);
    for part in ["trials", "gateway", "ci"] {
        place.ballet(&["new", part], "harbour").await.ends_with(0);
    }
    place.ballet(&["new", "service", "cellar"], "harbour").await.ends_with(0);
    let files = files(&place.at("harbour"));
    for (name, text) in &files {
        for placeholder in PLACEHOLDERS {
            assert!(!text.contains(placeholder), "{placeholder} is in {name}");
            assert!(!name.contains(placeholder), "{placeholder} is in the name {name}");
        }
    }
    assert!(files.len() > 30, "{} files", files.len());

    // The services of before and after are in all lists.
    let trials = fs::read_to_string(place.at("harbour/trials/src/main.rs")).expect("a file");
    let compose = fs::read_to_string(place.at("harbour/containers.yaml")).expect("a file");
    for service in ["desk", "pantry", "cellar"] {
        assert!(trials.contains(&format!("ServiceProgram::of({service}::service),")), "{trials}");
        assert!(compose.contains(&format!("      GATEWAY_SECRET_{service}: ")), "{compose}");
    }

    // The broker in a container is set like the tests'.
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dev/stage/broker/rabbitmq.conf");
    let ours = fs::read_to_string(ours).expect("our settings");
    let file = place.at("harbour/broker/rabbitmq.conf");
    assert_eq!(fs::read_to_string(file).expect("its settings"), ours);
    let mount = "- ./broker/rabbitmq.conf:/etc/rabbitmq/conf.d/20-ballet.conf:ro\n";
    assert!(compose.contains(mount), "{compose}");
}

#[tokio::test]
async fn nothing_is_overwritten_and_no_name_is_taken_that_would_not_work() {
    let place = TestDirectory::new("names");
    place.ballet(&["new", "harbour"], "").await.ends_with(0);
    let missing = place.ballet(&["new", "trials"], "harbour").await.ends_with(2);
    missing.tells(&["`ballet contract write SERVICE` writes the first one of a new project"]);
    place.write_contract("harbour", "desk");
    let inside = concat!(env!("CARGO_MANIFEST_DIR"), "/target/harbour");
    edit(&place.at("harbour/contracts/harbour/desk.json"), "\"clerk\"", "\"porter\"");
    let nowhere = ["new", "other", "--ballet", "nowhere"];
    place.ballet(&nowhere, "").await.ends_with(2).tells(&["no checkout of ballet in nowhere"]);
    fs::create_dir(place.at("harbour/broker")).expect("a directory");
    fs::write(place.at("harbour/broker/definitions.json"), "{}").expect("written");
    for (arguments, below, why) in [
        (&["new", "gateway"][..], "harbour", "definitions.json exists already"),
        (&["new", "harbour"], "", "exists already: nothing was written"),
        (&["new", "Old Harbour"], "", "lower case with underscores"),
        (&["new", inside], "", "would lie in the checkout of ballet"),
        (&["new", "service", "desk"], "harbour", "harbour has a service desk already"),
        (&["new", "service", "journal"], "harbour", "a service's name is its own"),
        (&["new", "service", "trials"], "harbour", "choose another name"),
        (&["new", "service", "gateway"], "harbour", "choose another name"),
        (&["new", "service", "porter"], "harbour", "porter is a producer outside of harbour"),
    ] {
        let said = place.ballet(arguments, below).await.ends_with(2).both();
        assert!(said.contains(why), "{why} is not in:\n{said}");
    }
    assert!(!place.at("harbour/containers.yaml").exists());
}

#[tokio::test]
async fn the_private_key_of_the_gateway_is_neither_committed_nor_in_the_image() {
    let place = TestDirectory::new("private_key");
    place.begin().await;
    place.ballet(&["new", "gateway"], "harbour").await.ends_with(0);
    let key = "keys/signing-key.json";
    fs::write(place.at("harbour").join(key), "{}").expect("written");
    for arguments in [&["init", "--quiet"][..], &["add", "."]] {
        said_by(&mut place.command("git", arguments, "harbour")).await.ends_with(0);
    }
    let staged = ["ls-files", "--", "keys"];
    let staged = said_by(&mut place.command("git", &staged, "harbour")).await.both();
    assert_eq!(staged, "keys/.gitignore\n");
    let ignored = fs::read_to_string(place.at("harbour/.dockerignore")).expect("a file");
    assert!(ignored.lines().any(|line| line == "keys"), "{ignored}");
}

#[tokio::test]
async fn a_service_joins_the_shop_with_one_command() {
    let place = TestDirectory::new("joining");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    fs::copy(root.join("Cargo.toml"), place.at("Cargo.toml")).expect("copied");
    for folder in ["docs/contracts/shop", "crates/systems/shop"] {
        fs::create_dir_all(place.at(folder)).expect("a directory");
    }
    let contracts = fs::read_dir(root.join("docs/contracts/shop")).expect("contracts");
    for contract in contracts.flatten() {
        let copy = place.at("docs/contracts/shop").join(contract.file_name());
        fs::copy(contract.path(), copy).expect("copied");
    }
    let gifts = ["new", "service", "gifts", "--on", "orders.order_confirmed.v1"];
    place.ballet(&gifts, "").await.ends_with(0);
    let manifest = fs::read_to_string(place.at("Cargo.toml")).expect("a manifest");
    assert!(manifest.contains("members = [\n    \"crates/systems/shop/gifts\","), "{manifest}");
    let own =
        fs::read_to_string(place.at("crates/systems/shop/gifts/Cargo.toml")).expect("a manifest");
    assert!(own.ends_with("\n\n[lints]\nworkspace = true\n"), "{own}");
    let events = fs::read_to_string(place.at("crates/systems/shop/gifts/src/events.rs"));
    let events = events.expect("a file");
    assert!(events.contains("pub struct OrderConfirmed {}"), "{events}");
    assert!(events.contains("//   order_id: UUID\n"), "{events}");
    place
        .ballet(&["check"], "crates/systems/shop/gifts")
        .await
        .ends_with(0)
        .tells(&["shop is sound"]);
    let said = place.ballet(&["topology", "definitions"], "").await.ends_with(0).both();
    assert!(said.contains(r#""name": "gifts.dead""#), "{said}");
}
