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
    refusal(orders(variables), variables)
}

fn refusal(mut program: Command, variables: &[(&str, &str)]) -> String {
    let child = program.stderr(Stdio::piped()).spawn().expect("it starts");
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
        ("ORDER_DEADLINE_SECONDS", "0"),
    ] {
        let said = refused(&[(name, value)]);
        assert!(said.starts_with("error: ") && said.contains(name), "{name}={value}: {said}");
    }
    for (flag, value, name) in [
        ("--otlp-endpoint", "collector:4318", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("--otlp-traces-endpoint", "https://c/v1/traces", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
    ] {
        let mut program = orders(&[]);
        program.args([flag, value]);
        let said = refusal(program, &[(flag, value)]);
        assert!(said.starts_with("error: ") && said.contains(name), "{flag} {value}: {said}");
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

#[test]
fn what_a_cluster_sets_for_opentelemetry_is_honoured_or_told() {
    let collector = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    for (name, value, told) in [
        ("OTEL_SDK_DISABLED", "true", "no spans are exported: OTEL_SDK_DISABLED is true"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/json is not supported"),
        ("OTEL_TRACES_SAMPLER", "xray", "xray is not supported"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "9", "OTEL_BSP_MAX_QUEUE_SIZE is set, and has no effect"),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "collector:4318",
            "OTEL_EXPORTER_OTLP_ENDPOINT: the address",
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "https://collector/v1/traces",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: the address",
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
