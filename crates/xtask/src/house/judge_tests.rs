//! Small crates that break one rule each, and the words for it.

use super::*;
use crate::house::finding::Rule;

/// What is wrong with a crate of these files, each below `src/`. Their first lines are added.
fn findings(files: &[(&str, &str)]) -> Vec<(Rule, String)> {
    let with_header =
        |(path, text): &(&str, &str)| (format!("src/{path}"), format!("//! .\n{text}"));
    judged(files.iter().map(with_header).collect())
}

fn judged(sources: Sources) -> Vec<(Rule, String)> {
    let package = Package { name: "fixture".to_owned(), roots: vec!["src/lib.rs".to_owned()] };
    let judged = judge(&package, &sources).expect("the fixture is a crate");
    judged.findings.into_iter().map(|one| (one.rule, one.text)).collect()
}

fn texts(files: &[(&str, &str)], rule: Rule) -> Vec<String> {
    let all = findings(files);
    assert!(all.iter().all(|(of, _)| *of == rule), "of other rules too: {all:#?}");
    all.into_iter().map(|(_, text)| text).collect()
}

const NOTHING: [(Rule, String); 0] = [];

#[test]
fn two_files_that_import_each_other() {
    let found = texts(
        &[
            ("lib.rs", "mod step; mod tx;"),
            ("step.rs", "use crate::tx::{Rows, Tx};\npub struct Step;"),
            ("tx.rs", "pub struct Tx; pub struct Rows;\nfn f() { crate::step::Step; }"),
        ],
        Rule::Files,
    );
    let wanted = "\
2 in a circle: src/step.rs, src/tx.rs
  the shortest way round:
    src/step.rs:2 takes `Rows`, `Tx` from src/tx.rs
    src/tx.rs:3 takes `Step` from src/step.rs
  the cheapest way to open it, by 1 arrow:
    move `Step` out of src/step.rs, or down to where both can reach it (used by src/tx.rs:3)";
    assert_eq!(found, [wanted]);
}

#[test]
fn a_circle_of_three_through_renamed_re_exports() {
    let found = findings(&[
        ("lib.rs", "mod a; mod b; mod deep;"),
        ("a.rs", "use crate::b::B;\npub struct A;"),
        ("b.rs", "use crate::deep::Third;\npub struct B;"),
        ("deep/mod.rs", "mod inner; pub use inner::*;"),
        ("deep/inner/mod.rs", "mod c; pub use self::c::C as Third;"),
        ("deep/inner/c.rs", "pub struct C(crate::a::A);"),
    ]);
    let wanted = "\
3 in a circle: src/a.rs, src/b.rs, src/deep/inner/c.rs
  the shortest way round:
    src/a.rs:2 takes `B` from src/b.rs
    src/b.rs:2 takes `C` from src/deep/inner/c.rs
    src/deep/inner/c.rs:2 takes `A` from src/a.rs
";
    // The folder lies both above and below the files beside it.
    let [(Rule::Files, text), (Rule::Folders, _)] = &found[..] else { panic!("{found:#?}") };
    assert!(text.starts_with(wanted), "{text}");
}

#[test]
fn the_shortest_circle_is_shown_and_the_fewest_names_are_moved() {
    let found = texts(
        &[
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "use crate::b::{B1, B2};\npub struct A;"),
            ("b.rs", "use crate::c::{C1, C2};\npub struct B1; pub struct B2;"),
            ("c.rs", "use crate::d::{D1, D2};\nuse crate::b::B1;\npub struct C1; pub struct C2;"),
            ("d.rs", "use crate::a::A;\npub struct D1; pub struct D2;"),
        ],
        Rule::Files,
    );
    let wanted = "\
4 in a circle: src/a.rs, src/b.rs, src/c.rs, src/d.rs
  the shortest way round:
    src/b.rs:2 takes `C1`, `C2` from src/c.rs
    src/c.rs:3 takes `B1` from src/b.rs
  the cheapest way to open it, by 2 arrows:
    move `B1` out of src/b.rs, or down to where both can reach it (used by src/c.rs:3)
    move `A` out of src/a.rs, or down to where both can reach it (used by src/d.rs:2)";
    assert_eq!(found, [wanted]);
}

#[test]
fn what_only_tests_import_is_no_arrow() {
    let found = findings(&[
        ("lib.rs", "mod a; mod b; #[cfg(test)] mod c;"),
        ("a.rs", "use crate::b::B;\npub struct A;"),
        (
            "b.rs",
            "pub struct B;
            #[cfg(test)] use crate::a::A;
            #[cfg(all(test, unix))] fn f() { crate::a::A; }
            impl B { #[cfg(test)] fn f() { crate::a::A; } }
            #[test] fn g() { crate::a::A; }
            #[cfg(test)] #[path = \"b_tests.rs\"] mod tests;",
        ),
        ("b_tests.rs", "use super::*; use crate::a::A;"),
        ("c.rs", "use crate::a::A; impl A {}"),
    ]);
    assert_eq!(found, NOTHING);
}

#[test]
fn what_is_not_only_for_tests_is_an_arrow() {
    for cfg in
        ["not(test)", "any(test, feature = \"x\")", "feature = \"x\"", "all(unix, not(test))"]
    {
        let b = format!("pub struct B;\n#[cfg({cfg})]\nuse crate::a::A;");
        let found = findings(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B;\npub struct A;"),
            ("b.rs", &b),
        ]);
        assert_eq!(found.len(), 1, "{cfg}: {found:#?}");
    }
}

/// What `b.rs` says to use `A` or `f` of `a.rs`, which uses `B`: each is half of a circle.
#[test]
fn arrows_are_seen_wherever_a_name_can_stand() {
    for b in [
        "use super::a; fn g() { a::f(); }",
        "use crate::a as other; fn g() { other::f(); }",
        "use crate::a::*; fn g() { f(); }",
        "fn g() { use super::a::A; A::new(); }",
        "fn g(one: Option<crate::a::A>) {}",
        "fn g() { match 1 { super::a::LIMIT => {} _ => {} } }",
        "use crate::a::Kind::*; fn g() { Small; }",
        "fn g() { crate::a::Kind::Small; }",
        "async fn g() { tokio::select! { x = super::a::f() => {} () = other() => {} } }",
        "use crate::a; fn g() { println!(\"{}\", a::LIMIT); }",
        "fn g() { crate::shout!(); }",
        "made! { use crate::a::{self, A}; }",
        "made! { use crate::{b, a::Kind::{Small}}; }",
        "macro_rules! m { () => { $crate::a::f() }; }",
        "#[derive(Clone)] struct S { #[serde(with = \"crate::a::text\")] s: u8 }",
        "mod inner { use super::super::a::A; }",
        "impl From<crate::a::A> for B { fn from(_: crate::a::A) -> Self { B } }",
        "fn g() { <crate::a::A as Clone>::clone(&a); }",
    ] {
        let b = format!("pub struct B;\n{b}");
        let found = findings(&[
            ("lib.rs", "mod a; mod b;"),
            (
                "a.rs",
                "use crate::b::B; pub struct A; pub enum Kind { Small } pub const LIMIT: u8 = 1;
                pub fn f() {} pub mod text {} impl A { pub fn new() {} }
                #[macro_export] macro_rules! shout { () => {}; }",
            ),
            ("b.rs", &b),
        ]);
        assert_eq!(found.len(), 1, "{b}: {found:#?}");
        assert!(found[0].1.contains("src/b.rs:3 takes "), "{b}: {}", found[0].1);
    }
}

#[test]
fn what_is_of_another_crate_or_only_looks_like_a_path_is_no_arrow() {
    for b in [
        "use ::a::A;",
        "pub(in crate::b) fn g() {}",
        "/// See [`crate::a::A`].\nfn g() {}",
        "fn g() { say!(x.a, 'a, $a); }",
        "fn g() { println!(\"crate::a::A\"); }",
        "fn g() { serde::a::f(); }",
    ] {
        let b = format!("pub struct B;\n{b}");
        let found = findings(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", &b),
        ]);
        assert_eq!(found, NOTHING, "{b}");
    }
}

#[test]
fn a_macro_of_an_outer_file_is_an_arrow_to_it() {
    let found = texts(
        &[
            ("lib.rs", "mod checks;"),
            (
                "checks/mod.rs",
                "macro_rules! check { () => {}; }\nmod once;\nfn all() { once::f(); }",
            ),
            ("checks/once.rs", "pub fn f() { check!(); }"),
        ],
        Rule::Files,
    );
    assert!(
        found[0].contains("src/checks/once.rs:2 takes `check` from src/checks/mod.rs"),
        "{found:#?}"
    );
}

#[test]
fn a_name_that_a_macro_makes_is_of_the_file_that_calls_it() {
    let found = texts(
        &[
            ("lib.rs", "mod events; mod step;"),
            ("events.rs", "events! { Opened = \"opened\" }\nuse crate::step::Step;"),
            ("step.rs", "use crate::events::Opened;\npub struct Step;"),
        ],
        Rule::Files,
    );
    assert!(found[0].contains("src/step.rs:2 takes `Opened` from src/events.rs"), "{found:#?}");
}

#[test]
fn folders_that_take_from_each_other_without_a_circle_of_files() {
    let found = texts(
        &[
            ("lib.rs", "mod engine; mod lane;"),
            ("engine.rs", "mod guard; mod run; fn f() { run::go(); }"),
            ("engine/guard.rs", "pub fn limited() {} pub fn guarded() {}"),
            ("engine/run.rs", "pub fn go() { crate::lane::batch::begin(); }"),
            ("lane/mod.rs", "pub(crate) mod batch; mod intake;"),
            ("lane/batch.rs", "pub fn begin() {}"),
            ("lane/intake.rs", "use crate::engine::guard::{guarded, limited};\npub struct Intake;"),
        ],
        Rule::Folders,
    );
    let wanted = "\
2 in a circle: src/engine/, src/lane/
  the shortest way round:
    src/engine/ -> src/lane/
      src/engine/run.rs:2 takes `begin` from src/lane/batch.rs
    src/lane/ -> src/engine/
      src/lane/intake.rs:2 takes `guarded`, `limited` from src/engine/guard.rs
  the cheapest way to open it, by 1 arrow:
    src/engine/ -> src/lane/
      move `begin` out of src/lane/batch.rs, or down to where both can reach it (used by src/engine/run.rs:2)";
    assert_eq!(found, [wanted]);
}

#[test]
fn a_folder_and_a_file_beside_it_go_one_way_as_well() {
    let files = |clock: &'static str| {
        findings(&[
            ("lib.rs", "mod upkeep;"),
            ("upkeep/mod.rs", "mod clock; mod sweep;"),
            ("upkeep/clock.rs", clock),
            ("upkeep/sweep/mod.rs", "mod find; pub(super) mod mark;"),
            ("upkeep/sweep/find.rs", "pub struct Found(crate::upkeep::clock::Clock);"),
            ("upkeep/sweep/mark.rs", "pub struct Mark;"),
        ])
    };
    assert_eq!(files("pub struct Clock;"), NOTHING);
    let found = files("pub struct Clock(super::sweep::mark::Mark);");
    let [(Rule::Folders, text)] = &found[..] else { panic!("{found:#?}") };
    assert!(text.starts_with("2 in a circle: src/upkeep/clock.rs, src/upkeep/sweep/\n"), "{text}");
}

#[test]
fn a_face_that_only_re_exports_has_no_arrows_and_one_with_items_has() {
    let files = |item: &str| {
        let face = format!("mod a; mod b; pub use a::A; pub use b::B; {item}");
        findings(&[
            ("lib.rs", "mod folder;"),
            ("folder/mod.rs", &face),
            ("folder/a.rs", "pub struct A(crate::folder::b::B);"),
            ("folder/b.rs", "pub struct B; fn f() { let made: super::Made; }"),
        ])
    };
    assert_eq!(files(""), NOTHING);
    let found = files("made!();");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].1.contains("src/folder/b.rs:2 takes `Made` from src/folder/mod.rs"),
        "{found:#?}"
    );
}

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
        ("src/c.rs", "//! What lives here.\n"),
    ];
    let found = judged(files.map(|(path, text)| (path.to_owned(), text.to_owned())).into());
    let wanted = ["src/a.rs", "src/b.rs"].map(|file| {
        (Rule::Headers, format!("{file} says nothing of itself: begin it with a line `//! ...`"))
    });
    assert_eq!(found, wanted);
}

#[test]
fn files_are_found_along_mod_declarations_and_path_attributes() {
    let found = findings(&[
        ("lib.rs", "mod outer { mod inner; }\n#[path = \"odd/place.rs\"] mod placed;"),
        ("outer/inner.rs", "mod leaf; fn f() { crate::placed::near::g(); }"),
        ("outer/inner/leaf.rs", "impl super::super::super::placed::near::Near {}"),
        ("odd/place.rs", "pub mod near;"),
        ("odd/near.rs", "pub fn g() {} pub struct Near;"),
    ]);
    let [(Rule::Impls, text)] = &found[..] else { panic!("{found:#?}") };
    assert!(text.starts_with("src/outer/inner/leaf.rs:2 `impl Near` () "), "{text}");
}

#[test]
fn a_file_that_is_missing_or_cannot_be_parsed_is_named() {
    let error = |text: &str| {
        let sources = Sources::from([("src/lib.rs".to_owned(), text.to_owned())]);
        let package = Package { name: "fixture".to_owned(), roots: vec!["src/lib.rs".to_owned()] };
        judge(&package, &sources).expect_err("nothing to judge").to_string()
    };
    assert_eq!(error("mod gone;"), "there is neither src/gone.rs nor src/gone/mod.rs");
    assert_eq!(error("\nfn f( {}"), "src/lib.rs:2:5: cannot parse string into token stream");
}
