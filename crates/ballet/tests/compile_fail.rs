//! Wrong declarations do not compile, and the compiler says so in words of ours.
//!
//! After an intended change of the words: `TRYBUILD=overwrite cargo test -p ballet --test compile_fail`,
//! and read the difference.

#[test]
fn wrong_declarations_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile_fail/*.rs");
}
