//! Wrong settings, and the program's messages about them.

use std::process::Command;

#[test]
fn a_transit_longer_than_a_call_may_take_is_refused() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_shipping"));
    program.env_clear().env("AMQP_URL", "amqp://u:p@h/v").env("DATABASE_URL", "postgres://h/d");
    program.arg("--print-config").env("SANDBOX_TRANSIT_MILLIS", "30000");
    let output = program.output().expect("a program");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    assert!(said.contains("30000 is not between 0 and 25000"), "{said}");
}
