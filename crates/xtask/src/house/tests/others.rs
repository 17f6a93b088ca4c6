//! Faces, methods away from their type, and first lines.

use super::{NOTHING, findings, judged, texts};
use crate::house::finding::Rule;
use crate::house::rules;

#[test]
fn imports_through_the_crates_own_face_are_named_with_the_path_to_write() {
    let found = texts(
        &[
            (
                "lib.rs",
                "pub mod declare; mod tx;\npub use ballet_core as core; pub use ballet_core::Event;
                pub use declare::Item; pub use tx::*;",
            ),
            ("declare/mod.rs", "pub mod item;\npub use item::Item;"),
            ("declare/item.rs", "pub struct Item;"),
            ("tx.rs", "use crate::Item as One;\npub struct Tx;\nfn f(e: crate::core::Part) {}"),
            ("declare/step.rs", "not reached"),
        ],
        Rule::Faces,
    );
    let face = "goes through the face src/lib.rs: write";
    assert_eq!(
        found,
        [
            format!("src/tx.rs:2 `crate::Item` {face} `crate::declare::Item`"),
            format!("src/tx.rs:4 `crate::core::Part` {face} `ballet_core::Part`"),
        ]
    );
}

#[test]
fn inside_of_a_folder_its_own_face_is_not_the_way_either() {
    let found = texts(
        &[
            ("lib.rs", "mod declare; mod tx;"),
            ("declare/mod.rs", "mod item; mod step;\npub use item::Item;"),
            ("declare/item.rs", "pub struct Item; pub struct Lineage;"),
            ("declare/step.rs", "use super::Item;\nfn f(i: crate::declare::Item) {}"),
            // From outside, the face is the door.
            ("tx.rs", "use crate::declare::Item;"),
        ],
        Rule::Faces,
    );
    let face = "goes through the face src/declare/mod.rs: write `crate::declare::item::Item`";
    assert_eq!(
        found,
        [
            format!("src/declare/step.rs:2 `super::Item` {face}"),
            format!("src/declare/step.rs:3 `crate::declare::Item` {face}"),
        ]
    );
}

#[test]
fn what_the_root_defines_itself_is_taken_from_there() {
    let found = findings(&[
        ("lib.rs", "mod a;\npub struct Top; pub enum Way { Up } ids! { OrderId }"),
        ("a.rs", "use crate::{OrderId, Top};\nuse crate::Way::Up;\nmod inner { use super::Top; }"),
    ]);
    assert_eq!(found, NOTHING);
}

#[test]
fn methods_away_from_their_type() {
    let found = texts(
        &[
            ("lib.rs", "mod engine; mod relay;"),
            ("engine.rs", "pub struct Engine<T>(T); impl<T> Engine<T> { fn own(&self) {} }"),
            (
                "relay.rs",
                "use crate::engine::Engine;\nimpl<T> Engine<T> { fn send(&self) {} const N: u8 = 1; }
                impl<T> Clone for Engine<T> {}",
            ),
        ],
        Rule::Impls,
    );
    let wanted = "src/relay.rs:3 `impl Engine` (`send`, `N`) is away from its type: move it to \
                  src/engine.rs, or make it functions or a type of this file";
    assert_eq!(found, [wanted]);
}

#[test]
fn a_file_says_first_what_it_is() {
    let files = [
        ("src/lib.rs", "//! The crate.\nmod a;\nmod b;\nmod c;"),
        ("src/a.rs", "// Words, but no docs.\n//! Too late.\n"),
        ("src/b.rs", "use std::fmt;\n"),
        ("src/c.rs", "//! The steps of a saga.\n"),
    ];
    let found = judged(&files.map(|(path, text)| (path.to_owned(), text.to_owned())).into());
    let wanted = ["src/a.rs", "src/b.rs"].map(|file| {
        (Rule::Headers, format!("{file} says nothing of itself: begin it with a line `//! ...`"))
    });
    assert_eq!(found, wanted);
}

#[test]
fn a_doc_begins_with_its_subject() {
    let found = texts(
        &[
            ("lib.rs", "mod a;"),
            (
                "a.rs",
                "/// What is kept.\npub struct A;\n/// The rows, and\n/// What follows.\npub struct B;
                // What is no doc.\nconst C: &str = \"What is text.\";",
            ),
        ],
        Rule::Docs,
    );
    assert_eq!(found, ["src/a.rs:2 `What is kept.`: begin with the subject or a verb"]);
}

#[test]
fn sql_on_the_schema_is_the_stores() {
    let found = texts(
        &[
            ("lib.rs", "mod a; mod b;"),
            (
                "a.rs",
                "/// Reads from ballet.inbox.\nconst A: &str = \"select 1 from ballet.inbox i\";
                const B: &str = \"delete from only_mine where at < ballet.now()\";",
            ),
            (
                "b.rs",
                "const C: &str = \"an event is kept in ballet.outbox_dead: ballet.saga_id\";
                /// sqlx::query(\"insert into a values (now())\")
                fn run(tx: &mut Tx<'_>) { tx.now(); Instant::now(); }",
            ),
        ],
        Rule::Sql,
    );
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].starts_with("src/a.rs:3 `const A"), "{found:#?}");
    assert!(found[1].starts_with("src/a.rs:4 `const B"), "{found:#?}");
    assert!(found[2].starts_with("src/b.rs:3 `/// sqlx"), "{found:#?}");
}

#[test]
fn a_file_of_another_package_is_not_reached_by_its_path() {
    let found = texts(
        &[
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "#[cfg(test)] mod tests;"),
            (
                "a/tests.rs",
                "#[path = \"../odd.rs\"]\nmod odd;\n#[path = \"../../rig.rs\"]\nmod rig;",
            ),
            ("odd.rs", ""),
        ],
        Rule::Paths,
    );
    assert_eq!(found, ["src/a/tests.rs:4 rig.rs is another package's: make it a package"]);
}

#[test]
fn a_test_that_cargo_does_not_build_is_found() {
    let test = "#[cfg(test)]\nmod tests {\n    #[test]\n    fn one() {}\n}";
    let files = [("src/lib.rs", "mod a;"), ("src/a.rs", test), ("src/main.rs", test)];
    let sources = files.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
    let found = |without: &str| {
        let roots = ["src/lib.rs", "src/main.rs"].map(str::to_owned);
        let found = rules::tests(&[without.to_owned()], &roots, &sources);
        found.into_iter().map(|one| one.text).collect::<Vec<_>>()
    };
    let of = |file: &str, root: &str| {
        [format!("{file}:3 is a test that does not run: {root} is built with `test = false`")]
    };
    assert_eq!(found("src/lib.rs"), of("src/a.rs", "src/lib.rs"));
    assert_eq!(found("src/main.rs"), of("src/main.rs", "src/main.rs"));
}
