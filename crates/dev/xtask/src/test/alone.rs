//! Runs tests that failed or hung beside others once more, alone.
//!
//! A test that ran out of time on a busy machine passes then. That is shown, but does not fail the run. A test that
//! fails for a reason of its own fails again.

use std::collections::HashSet;

use crate::test::programs::TestProgram;

/// The most tests that are run again. If more failed, a busy machine was not the cause. A disk that stalls for a minute
/// fails several at once.
pub(crate) const MOST: usize = 8;

/// The failed tests, from the list at the end of a program's output.
pub(crate) fn failed_tests(output: &str) -> Vec<String> {
    let Some((_, list)) = output.rsplit_once("\nfailures:\n") else { return Vec::new() };
    let names = list.lines().map_while(|line| line.strip_prefix("    "));
    names.map(str::to_owned).collect()
}

/// The tests of a program that was ended, less those that had passed by then; such a program prints no list of
/// failures. `None` if it cannot list its tests.
pub(crate) async fn not_passed(program: &TestProgram, output: &str) -> Option<Vec<String>> {
    if !program.args.is_empty() {
        return None;
    }
    let mut list = tokio::process::Command::new(&program.file);
    list.args(["--list", "--format", "terse"]).current_dir(&program.dir).kill_on_drop(true);
    let listed = list.output().await.ok()?;
    let listed = String::from_utf8(listed.stdout).ok()?;
    let all = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    let passed = |line: &str| {
        let (test, how) = line.strip_prefix("test ")?.split_once(" ... ")?;
        let test = test.strip_suffix(" - should panic").unwrap_or(test);
        (how == "ok" || how.starts_with("ignored")).then(|| test.to_owned())
    };
    let passed: HashSet<String> = output.lines().filter_map(passed).collect();
    Some(all.filter(|test| !passed.contains(*test)).map(str::to_owned).collect())
}

/// The program with these tests only. `None` for a program that takes no names: cargo itself, or one that ended before
/// it could list its failures.
pub(crate) fn only(program: &TestProgram, tests: &[String]) -> Option<TestProgram> {
    if tests.is_empty() || !program.args.is_empty() {
        return None;
    }
    let mut args = tests.to_vec();
    args.extend(["--exact", "--test-threads=1"].map(str::to_owned));
    Some(TestProgram { name: format!("{}, alone", program.name), args, ..program.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_at_the_end_names_what_failed() {
        let output = "running 3 tests\ntest a::one ... FAILED\n\nfailures:\n\n---- a::one stdout ----\n\
            \nfailures:\n    said by the test\n---- b stdout\n\nfailures:\n    a::one\n    b\n\n\
            test result: FAILED. 1 passed; 2 failed; 0 ignored\n";
        assert_eq!(failed_tests(output), ["a::one", "b"]);
        assert_eq!(failed_tests("running 3 tests\nabort"), [""; 0]);
    }

    #[tokio::test]
    async fn what_had_not_passed_when_a_program_was_ended_is_known() {
        let program = TestProgram {
            name: "this one".to_owned(),
            file: std::env::current_exe().expect("this program"),
            args: Vec::new(),
            dir: std::env::temp_dir(),
        };
        let this = "test::alone::tests::what_had_not_passed_when_a_program_was_ended_is_known";
        let runs_again = async |said: String| {
            let again = not_passed(&program, &said).await.expect("a list");
            assert!(again.len() > 1, "{again:?}");
            again.iter().any(|test| test == this)
        };
        assert!(runs_again("running 3 tests\n".to_owned()).await);
        assert!(runs_again(format!("test {this} ... FAILED\n")).await);
        // With one thread the name comes first.
        assert!(runs_again(format!("test {this} ... \nit was ended")).await);
        for passed in ["ok", "ignored, it takes minutes"] {
            assert!(!runs_again(format!("test {this} ... {passed}\n")).await, "{passed}");
        }
    }

    #[test]
    fn only_a_test_program_runs_again() {
        let program = |args: &[&str]| TestProgram {
            name: "ballet-tests engine".to_owned(),
            file: "engine".into(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            dir: "/w".into(),
        };
        let one = ["a::one".to_owned()];
        let again = only(&program(&[]), &one).expect("again");
        assert_eq!(again.name, "ballet-tests engine, alone");
        assert_eq!(again.args, ["a::one", "--exact", "--test-threads=1"]);
        assert_eq!(only(&program(&[]), &[]), None);
        assert_eq!(only(&program(&["test", "--doc"]), &one), None);
    }
}
