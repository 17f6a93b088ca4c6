//! Counts and names in a test program's output.

/// How the test runner says that a test has failed.
const FAILED: &str = " ... FAILED";

/// The tests that were left out, each with its reason: `left out: alarms::rules: there is no promtool`.
pub(crate) fn left_out(output: &str) -> impl Iterator<Item = &str> {
    // The runner may have begun the line with the test's name.
    output.lines().filter_map(|line| Some(line.split_once("left out: ")?.1))
}

/// Counts tests from the closing lines: `test result: ok. 3 passed; 0 failed`. A test that was left out has passed for
/// the runner, and counts as ignored.
pub(crate) fn tests(output: &str, how: &str) -> usize {
    let closing = output.lines().filter_map(|line| line.strip_prefix("test result: "));
    let counts = closing.flat_map(|line| line.split(['.', ';'])).filter_map(|part| {
        let (count, ended) = part.trim().split_once(' ')?;
        if ended == how { count.parse::<usize>().ok() } else { None }
    });
    let count: usize = counts.sum();
    match how {
        "passed" => count.saturating_sub(left_out(output).count()),
        "ignored" => count + left_out(output).count(),
        _ => count,
    }
}

/// The tests that a program which may still run has reported as failed.
pub(crate) fn failed_so_far(output: &str) -> Vec<String> {
    let names = output.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(FAILED));
    names.map(str::to_owned).collect()
}

pub(crate) fn failed_tests(output: &str) -> Vec<String> {
    let Some((_, list)) = output.rsplit_once("\nfailures:\n") else { return Vec::new() };
    let names = list.lines().map_while(|line| line.strip_prefix("    "));
    names.map(str::to_owned).collect()
}
