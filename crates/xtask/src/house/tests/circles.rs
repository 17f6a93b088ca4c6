//! Circles of files and of folders, and the words for them.

use super::{NOTHING, findings, texts};
use crate::house::finding::Rule;

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
    src/tx.rs:3 takes `Step` from src/step.rs";
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
    src/deep/inner/c.rs:2 takes `A` from src/a.rs";
    // The folder lies both above and below the files beside it.
    let [(Rule::Files, text), (Rule::Folders, _)] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(text, wanted);
}

#[test]
fn the_shortest_circle_is_shown() {
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
    src/c.rs:3 takes `B1` from src/b.rs";
    assert_eq!(found, [wanted]);
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
      src/lane/intake.rs:2 takes `guarded`, `limited` from src/engine/guard.rs";
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
