//! The accounts of the console, by command.

use std::process::Stdio;

use ballet_stage::{Database, Servers};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Returns its exit code and output.
async fn account(url: &str, arguments: &[&str], password: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
    command.args(["console", "account"]).args(arguments);
    command.env("DATABASE_URL", url).env_remove("DATABASE_URL_FILE");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("it starts");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(password.as_bytes()).await.ok();
    drop(input);
    let ended = child.wait_with_output().await.expect("it ends");
    (ended.status.code(), String::from_utf8_lossy(&ended.stdout).into_owned())
}

#[tokio::test]
async fn accounts_of_the_console_are_made_listed_and_removed() {
    let servers = Servers::shared().await.expect("servers");
    let database = Database::new(servers.postgres(), "console_people").await.expect("a database");
    let url = database.url().replace("console_people", "{service}_people");
    let listed = async || -> Value {
        let (code, text) = account(&url, &["-o", "json"], "").await;
        assert_eq!(code, Some(0), "{text}");
        serde_json::from_str(&text).expect("JSON")
    };
    assert_eq!(listed().await, json!([]));
    for (name, role) in [("ada", "operator"), ("eve", "viewer")] {
        let (code, _) = account(&url, &[name, "--role", role], "a long password").await;
        assert_eq!(code, Some(0), "{name}");
    }
    let (code, table) = account(&url, &[], "").await;
    assert!(code == Some(0) && table.contains("ada") && table.contains("viewer"), "{table}");
    assert_eq!(account(&url, &["eve", "--remove"], "").await.0, Some(0));
    assert_eq!(account(&url, &["eve", "--remove"], "").await.0, Some(2), "there is none");
    assert_eq!(account(&url, &["--remove"], "").await.0, Some(2), "without a name");
    assert_eq!(listed().await, json!([{ "name": "ada", "role": "operator" }]));
}
