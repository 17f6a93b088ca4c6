//! Wrong settings: the program ends and says what to fix.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The program, which finds neither of its servers.
fn orders(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
    command.env_clear().envs([
        ("AMQP_URL", "amqp://orders:geheim@127.0.0.1:1/shop"),
        ("DATABASE_URL", "postgres://orders:geheim@127.0.0.1:1/orders"),
    ]);
    command.envs(variables.iter().copied());
    command
}

/// Returns the program's output.
fn refused(variables: &[(&str, &str)]) -> String {
    let child = orders(variables).stderr(Stdio::piped()).spawn().expect("it starts");
    let pid = child.id();
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || ended.send(child.wait_with_output()));
    let Ok(output) = end.recv_timeout(Duration::from_secs(60)) else {
        Command::new("kill").args(["-9", &pid.to_string()]).status().expect("killed");
        panic!("{variables:?}: it goes on");
    };
    let output = output.expect("an output");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{variables:?}: {said}");
    assert!(!said.contains("geheim"), "a password in {said}");
    said
}

#[test]
fn t156_t182_each_wrong_setting_is_refused_at_the_start() {
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
        ("ORDER_DEADLINE_SECONDS", "0"),
    ] {
        let said = refused(&[(name, value)]);
        let flag = format!("--{}", name.to_lowercase().replace('_', "-"));
        let is_named = said.contains(name) || said.contains(&flag);
        assert!(said.starts_with("error: ") && is_named, "{name}={value}: {said}");
    }
}

#[test]
fn what_a_cluster_sets_for_opentelemetry_and_is_not_done_is_told() {
    let collector = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    for (name, value, told) in [
        ("OTEL_TRACES_SAMPLER", "xray", "xray is not supported"),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "collector:4318",
            "OTEL_EXPORTER_OTLP_ENDPOINT: the address",
        ),
    ] {
        let mut command = orders(&[collector, (name, value)]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let log = BufReader::new(child.stderr.take().expect("a log"));
        let (said, heard) = mpsc::channel();
        std::thread::spawn(move || {
            let mut lines = log.lines().map_while(Result::ok);
            said.send(lines.any(|line| line.contains(told)))
        });
        let line = heard.recv_timeout(Duration::from_secs(60));
        child.kill().and_then(|()| child.wait()).expect("it ends");
        assert_eq!(line, Ok(true), "{name}={value} is not told");
    }
}
