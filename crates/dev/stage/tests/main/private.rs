//! Private servers, and the end of their owner.

use std::path::Path;
use std::time::Duration;

use ballet_stage::wait_until;
use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

struct ServersOwner {
    process: Child,
    pids: Vec<i32>,
    dir: String,
    database_url: String,
}

async fn owner() -> ServersOwner {
    let mut process = Command::new(env!("CARGO_BIN_EXE_ballet-servers"))
        .env_remove("AMQP_URL")
        .env_remove("DATABASE_URL")
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut owner =
        ServersOwner { process, pids: Vec::new(), dir: String::new(), database_url: String::new() };
    while let Some(line) = lines.next_line().await.unwrap() {
        match line.split_once('=').unwrap() {
            ("PIDS", pids) => {
                owner.pids = pids.split(',').map(|pid| pid.parse().unwrap()).collect();
            }
            ("DATABASE_URL", url) => url.clone_into(&mut owner.database_url),
            ("DIR", dir) => {
                dir.clone_into(&mut owner.dir);
                return owner;
            }
            _ => {}
        }
    }
    panic!("the owner ended without saying what it has");
}

/// A container's first process may never reap the dead.
fn is_there(pid: i32) -> bool {
    let known = rustix::process::Pid::from_raw(pid).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    rustix::process::test_kill_process(known).is_ok() && !stat.contains(") Z ")
}

async fn wait_until_gone(owner: &ServersOwner) {
    wait_until("everything of the owner to be gone", Duration::from_secs(60), || async {
        let left: Vec<_> = owner.pids.iter().filter(|pid| is_there(**pid)).collect();
        if left.is_empty() && !Path::new(&owner.dir).exists() {
            return Ok(Some(()));
        }
        Err(format!("processes {left:?}, directory {}", owner.dir))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn owners_side_by_side_do_not_disturb_each_other_and_leave_nothing_when_killed() {
    let (mut one, mut two) = tokio::join!(owner(), owner());
    assert_ne!(one.database_url, two.database_url);
    assert_eq!(one.pids.len(), 3);
    assert!(one.pids.iter().all(|pid| is_there(*pid)));

    one.process.kill().await.unwrap();
    wait_until_gone(&one).await;

    let mut session = PgConnection::connect(&two.database_url).await.unwrap();
    session.ping().await.unwrap();
    assert!(two.pids.iter().all(|pid| is_there(*pid)));
    let pid = rustix::process::Pid::from_raw(two.process.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert!(two.process.wait().await.unwrap().success());
    // On Ctrl-C the owner itself waits for the end.
    assert!(!Path::new(&two.dir).exists());
    assert!(!two.pids.iter().any(|pid| is_there(*pid)));
}
