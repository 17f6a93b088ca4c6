//! `ballet new`: the files that it writes, and its refusals.

mod second_team;
mod test_directory;

use std::fs;
use std::path::Path;

use crate::test_directory::{BALLET, TestDirectory, edit, said_by};

/// One system with a service more: what is written, what git and an image leave out, and what a check finds.
#[tokio::test]
async fn a_new_system_is_whole_keeps_its_key_to_itself_and_is_checked_by_its_contracts() {
    let place = TestDirectory::new("harbour");
    place.ballet(&["new", "system", "harbour"], "").await.ends_with(0);
    place.ballet(&["new", "service", "pantry"], "harbour").await.ends_with(0);
    no_placeholder_survives_in_what_is_written(&place);
    the_private_key_of_the_gateway_is_neither_committed_nor_in_the_image(&place).await;
    what_does_not_fit_between_two_contracts_is_found_without_any_code(&place).await;
}

async fn what_does_not_fit_between_two_contracts_is_found_without_any_code(place: &TestDirectory) {
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

/// The names and marks of the templates. None of them may survive.
const PLACEHOLDERS: [&str; 17] = [
    "my_service",
    "my_system",
    "MY_SERVICE",
    "my_saga",
    "my_owner",
    "MySaga",
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

fn no_placeholder_survives_in_what_is_written(place: &TestDirectory) {
    let (mut folders, mut read) = (vec![place.at("harbour")], 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let (name, text) = (path.display().to_string(), fs::read_to_string(&path));
            let text = text.expect("text");
            for placeholder in PLACEHOLDERS {
                assert!(!text.contains(placeholder), "{placeholder} is in {name}");
                assert!(!name.contains(placeholder), "{placeholder} is in the name {name}");
            }
            read += 1;
        }
    }
    assert!(read > 30, "{read} files");

    // The broker in a container is set as the one of the tests.
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dev/stage/broker/rabbitmq.conf");
    let ours = fs::read_to_string(ours).expect("our settings");
    let file = place.at("harbour/broker/rabbitmq.conf");
    assert_eq!(fs::read_to_string(file).expect("its settings"), ours);
    let compose = fs::read_to_string(place.at("harbour/compose.yaml")).expect("a file");
    let mount = "- ./broker/rabbitmq.conf:/etc/rabbitmq/conf.d/20-ballet.conf:ro\n";
    assert!(compose.contains(mount), "{compose}");
}

#[tokio::test]
async fn nothing_is_overwritten_and_no_name_is_taken_that_would_not_work() {
    let place = TestDirectory::new("names");
    place.ballet(&["new", "system", "harbour"], "").await.ends_with(0);
    let inside = concat!(env!("CARGO_MANIFEST_DIR"), "/target/harbour");
    edit(&place.at("harbour/contracts/harbour/desk.json"), "\"clerk\"", "\"porter\"");
    let nowhere = ["new", "system", "other", "--ballet", "nowhere"];
    place.ballet(&nowhere, "").await.ends_with(2).tells(&["no checkout of ballet in nowhere"]);
    for (arguments, below, why) in [
        (&["new", "system", "harbour"], "", "exists already: nothing was written"),
        (&["new", "system", "Old Harbour"], "", "lower case with underscores"),
        (&["new", "system", inside], "", "would lie in the checkout of ballet"),
        (&["new", "service", "desk"], "harbour", "harbour has a service desk already"),
        (&["new", "service", "journal"], "harbour", "a service's name is its own"),
        (&["new", "service", "trials"], "harbour", "choose another name"),
        (&["new", "service", "gateway"], "harbour", "choose another name"),
        (&["new", "service", "porter"], "harbour", "porter is a producer outside of harbour"),
    ] {
        let said = place.ballet(arguments, below).await.ends_with(2).both();
        assert!(said.contains(why), "{why} is not in:\n{said}");
    }
}

async fn the_private_key_of_the_gateway_is_neither_committed_nor_in_the_image(
    place: &TestDirectory,
) {
    // A key as `ballet-gateway keys keys` makes it.
    let key = "keys/signing-key.json";
    fs::create_dir(place.at("harbour/keys")).expect("a directory");
    fs::write(place.at("harbour").join(key), "{}").expect("written");
    for arguments in [&["init", "--quiet"][..], &["add", "."]] {
        said_by(&mut place.command("git", arguments, "harbour")).await.ends_with(0);
    }
    let staged = ["ls-files", "--", ".gitignore", key];
    let staged = said_by(&mut place.command("git", &staged, "harbour")).await.both();
    assert_eq!(staged, ".gitignore\n");
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
    assert!(said.contains(r#"{"name": "gifts.dead""#), "{said}");
}
