//! Wrong settings: the program ends and says what to fix.

use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Returns the program's output.
fn refused(variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
    command.env_clear().envs([
        ("AMQP_URL", "amqp://orders:geheim@127.0.0.1:1/shop"),
        ("DATABASE_URL", "postgres://orders:geheim@127.0.0.1:1/orders"),
    ]);
    command.envs(variables.iter().copied()).stderr(Stdio::piped());
    let child = command.spawn().expect("it starts");
    let pid = child.id();
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || ended.send(child.wait_with_output()));
    let Ok(output) = end.recv_timeout(Duration::from_secs(60)) else {
        Command::new("kill").args(["-9", &pid.to_string()]).status().expect("killed");
        panic!("{variables:?}: it goes on");
    };
    let output = output.expect("an output");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{variables:?}: {said}");
    assert!(!said.contains("geheim"), "a password in {said}");
    said
}

#[test]
fn t182_each_wrong_setting_is_refused_at_the_start() {
    for (name, value) in [
        ("MAX_BODY", "0"),
        ("MAX_BODY", "65535"),
        ("LOG", "loud"),
        ("LOG", ""),
        ("DATABASE_URL", "mysql://orders:geheim@127.0.0.1/orders"),
        ("DATABASE_URL", "orders"),
        ("AMQP_URL", "http://orders:geheim@127.0.0.1/shop"),
        ("LANES", "99"),
        ("LISTEN", "everywhere"),
        ("DRAIN_SECONDS", "18446744073709551615"),
        ("LOG_FORMAT", "xml"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("ORDER_DEADLINE_SECONDS", "0"),
    ] {
        let said = refused(&[(name, value)]);
        assert!(said.starts_with("error: ") && said.contains(name), "{name}={value}: {said}");
    }
}

#[test]
fn t156_t182_all_wrong_settings_are_named_at_once() {
    let wrong = [
        ("AMQP_URL", "geheim"),
        ("BATCH", "0"),
        ("DATABASE_URL", "mysql://orders:geheim@127.0.0.1/orders"),
        ("LANES", "many"),
        ("LOG", "loud"),
        ("MAX_BODY", "0"),
        ("ORDER_DEADLINE_SECONDS", "-1"),
    ];
    let said = refused(&wrong);
    assert!(said.starts_with("error: 7 settings are wrong:\n"), "{said}");
    for (name, _) in wrong {
        assert_eq!(said.matches(&format!("- {name}")).count(), 1, "{name} in {said}");
    }
}
