use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::process::Command;

/// The programs are not what their names say.
fn fake(name: &str, programs: &[&str], script: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&dir).unwrap();
    for program in programs {
        let path = dir.join(program);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }
    dir
}

async fn refusal(env: &[(&str, &str)]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_ballet-servers"))
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("refusals"))
        .envs(env.iter().copied())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused_and_so_is_a_wrong_url_in_the_same_breath() {
    let old = fake("old", &["postgres", "initdb"], "echo 'postgres (PostgreSQL) 13.11'");
    let env = [
        ("AMQP_URL", "hello"),
        ("DATABASE_URL", ""),
        ("BALLET_POSTGRES_BIN", old.to_str().unwrap()),
    ];
    let said = refusal(&env).await;
    assert!(said.contains("Postgres 13.11 at "), "{said}");
    assert!(said.contains("is too old: ballet needs 14.0 or newer"), "{said}");
    assert!(said.contains("AMQP_URL is not a URL"), "{said}");
}

#[tokio::test]
async fn a_variable_that_names_no_server_is_named() {
    // Nobody listens there.
    let env = [
        ("AMQP_URL", "amqp://guest:guest@127.0.0.1:1"),
        ("DATABASE_URL", "postgres://ops:ops@127.0.0.1:1/{service}"),
    ];
    let said = refusal(&env).await;
    assert!(said.contains("AMQP_URL names a server that cannot be used"), "{said}");
    assert!(said.contains("DATABASE_URL names a server that cannot be used"), "{said}");
}

#[tokio::test]
async fn a_server_that_does_not_start_leaves_its_log_and_its_last_words() {
    let broken = fake("broken", &["rabbitmq-server"], "echo 'BOOT FAILED: no reason'; exit 3");
    let env = [
        ("AMQP_URL", ""),
        ("DATABASE_URL", "hello"),
        ("BALLET_RABBITMQ_BIN", broken.to_str().unwrap()),
    ];
    let said = refusal(&env).await;
    assert!(said.contains("it ended with exit status: 3"), "{said}");
    assert!(said.contains("\nBOOT FAILED: no reason\n"), "{said}");
    let log = said.split("its log is ").nth(1).unwrap().split(":\n").next().unwrap();
    assert!(fs::read_to_string(log).unwrap().contains("BOOT FAILED"));
    fs::remove_dir_all(Path::new(log).parent().unwrap()).unwrap();
}
