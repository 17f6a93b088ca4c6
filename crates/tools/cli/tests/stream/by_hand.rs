//! The command with a person: a reader that stops reading, and a question in a terminal.

use std::process::Stdio;

use ballet_stage::wait_until;
use ballet_testkit::command::interrupt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::world::{SOON, StreamWorld};

#[tokio::test]
async fn ctrl_c_ends_a_tap_whose_reader_does_not_read() {
    let world = StreamWorld::new("stuck").await;
    world.ticks(0..4_000).await;
    let arguments = ["tap", "-o", "jsonl", "--from", "first"];
    let mut tap = world.command(&arguments).spawn().expect("started");
    let mut out = tap.stdout.take().expect("output");
    // A pipe takes only a part, so after the first bytes the command waits.
    timeout(SOON, out.read_u8()).await.expect("in time").expect("a byte");
    let id = tap.id().expect("it runs");
    wait_until("a write that is held up", SOON, || async move {
        let tasks = std::fs::read_dir(format!("/proc/{id}/task")).map_err(|e| e.to_string())?;
        let is_writing = tasks.flatten().any(|task| {
            let at = std::fs::read_to_string(task.path().join("wchan")).unwrap_or_default();
            at.contains("pipe")
        });
        Ok::<_, String>(is_writing.then_some(()))
    })
    .await
    .expect("held up");
    interrupt(&tap);
    let status = timeout(SOON, tap.wait()).await.expect("in time").expect("ended");
    assert_eq!(status.code(), Some(0));
    world.close().await;
}

#[tokio::test]
async fn a_replay_step_by_step_asks_again_and_ends_with_ctrl_c() {
    let world = StreamWorld::new("steps").await;
    world.ticks(0..3).await;
    let file = world.record("steps.jsonl").await;
    let ballet = env!("CARGO_BIN_EXE_ballet");
    let line = format!("{ballet} replay {file} --pace step --yes");
    let mut terminal = world.command_at(world.env.ops_amqp_url(), &[]);
    let mut replay = terminal_of(&line, terminal.as_std_mut()).spawn().expect("`script` runs");
    let mut keys = replay.stdin.take().expect("input");
    let mut screen = replay.stdout.take().expect("output");
    let mut seen = String::new();
    for (question, key) in [(1, "x\n"), (2, "\n"), (3, "\u{3}")] {
        while seen.matches("q quits:").count() < question {
            let mut bytes = [0; 1024];
            let read = timeout(SOON, screen.read(&mut bytes)).await;
            let read = read.unwrap_or_else(|_| panic!("no question {question}: {seen}"));
            let read = read.expect("read");
            assert!(read > 0, "it ended: {seen}");
            seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        keys.write_all(key.as_bytes()).await.expect("a key");
    }
    let status = timeout(SOON, replay.wait()).await.expect("in time").expect("ended");
    let mut rest = Vec::new();
    screen.read_to_end(&mut rest).await.expect("read");
    seen.push_str(&String::from_utf8_lossy(&rest));
    assert_eq!(status.code(), Some(3), "{seen}");
    assert!(seen.contains("`x` is none of Enter, s and q"), "{seen}");
    assert!(seen.contains("1 event of 3 sent to") && !seen.contains("--resume"), "{seen}");
    assert!(!seen.contains("events sent"), "a bar stands between the questions: {seen}");
    world.close().await;
}

/// Returns the command's exit code. A shell that stayed would get the Ctrl-C as well, and some then end with a code
/// of their own.
fn terminal_of(line: &str, like: &std::process::Command) -> tokio::process::Command {
    let mut script = tokio::process::Command::new("script");
    let line = format!("exec {line}");
    script.args(["-qefc", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    script.kill_on_drop(true);
    script
}
