//! The forms of arrows, and the search for files.

use super::{NOTHING, findings, texts};
use crate::house::finding::Rule;
use crate::house::judge::{Package, judge};
use crate::house::read::Sources;

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

/// Forms in which `b.rs` can use `A` or `f` of `a.rs`. As `a.rs` uses `B`, each closes a circle.
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
        let package = Package {
            name: "fixture".to_owned(),
            folder: "src".to_owned(),
            roots: vec!["src/lib.rs".to_owned()],
            without_tests: Vec::new(),
        };
        judge(&package, &sources).expect_err("nothing to judge").to_string()
    };
    assert_eq!(error("mod gone;"), "there is neither src/gone.rs nor src/gone/mod.rs");
    assert_eq!(error("\nfn f( {}"), "src/lib.rs:2:5: cannot parse string into token stream");
}
