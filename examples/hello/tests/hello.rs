//! The program, as a newcomer runs it.

use std::process::Command;

const README: &str = include_str!("../../../README.md");

#[test]
fn the_seats_are_held_and_freed_as_the_readme_shows() {
    let ran = Command::new(env!("CARGO_BIN_EXE_hello")).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    assert!(ran.status.success(), "{}", text(ran.stderr));
    let drawn = without_times(&text(ran.stdout));
    assert!(drawn.last().is_some_and(|line| line.contains("hall.seats_freed")), "{drawn:#?}");
    let (_, shown) =
        README.split_once("$ cargo run -p hello\n").expect("the command in the README");
    let (shown, _) = shown.split_once("```").expect("the end of the block");
    assert_eq!(drawn, without_times(shown));
}

fn without_times(lanes: &str) -> Vec<String> {
    let rest = |line: &str| line.trim().split_once(' ').map(|(_, rest)| rest.trim().to_owned());
    lanes.lines().filter_map(rest).collect()
}
