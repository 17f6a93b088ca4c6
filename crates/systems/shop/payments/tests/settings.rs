//! Wrong settings, and the program's messages about them.

use std::process::Command;

fn output_of(settings: &[(&str, &str)]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_payments"));
    program.env_clear().env("AMQP_URL", "amqp://u:p@h/v").env("DATABASE_URL", "postgres://h/d");
    program.arg("--print-contract").envs(settings.iter().copied());
    let output = program.output().expect("a program");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).expect("text");
    assert!(!text.contains("s3cret"), "{text}");
    text
}

#[test]
fn a_wrong_setting_of_the_provider_is_named_and_its_secrets_are_not_shown() {
    let url = ("PAYMENT_PROVIDER_URL", "https://api.example.com/v1");
    let key = ("PAYMENT_PROVIDER_KEY", "s3cret");
    for (settings, expected) in [
        (&[url][..], "PAYMENT_PROVIDER_URL is set without a key: set PAYMENT_PROVIDER_KEY or"),
        (&[key], "PAYMENT_PROVIDER_KEY is set without PAYMENT_PROVIDER_URL"),
        (&[("PAYMENT_PROVIDER_URL", "http://api.example.com"), key], "plain http is for this"),
        (&[url, ("PAYMENT_PROVIDER_KEY_FILE", "/no/such/file")], "/no/such/file cannot be read"),
        (&[url, key, ("PAYMENT_PROVIDER_CA_FILE", "/no/such/file")], "the file /no/such/file:"),
        (&[url, key, ("PAYMENT_PROVIDER_MILLIS", "60000")], "60000 is not in 1..=14000"),
        (&[("SANDBOX_SLOW_MILLIS", "30000")], "30000 is not in 0..=25000"),
        (&[("PAYMENT_WEBHOOK_SECRETS", "s3cret")], "PAYMENT_WEBHOOK_SECRETS: a secret has 6"),
    ] {
        let said = output_of(settings);
        assert!(said.contains(expected), "{settings:?}: {said}");
    }
}
