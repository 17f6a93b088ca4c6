//! Programs beside the servers that some tests need. A test without its program is left out.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

/// The system's packages are for the system's Python, which may not be first on the `PATH`.
const PYTHONS: [&str; 2] = ["python3", "/usr/bin/python3"];

/// Finds a Python interpreter that has `pika` and `psycopg`.
pub async fn python() -> Option<PathBuf> {
    python_with("pika, psycopg").await
}

/// Finds a Python interpreter that can import these modules. It is an absolute path: `python3` may mean another program
/// to whoever has another `PATH`.
pub async fn python_with(modules: &str) -> Option<PathBuf> {
    for python in PYTHONS {
        let found = Command::new(python)
            .args(["-c", &format!("import {modules}, sys; print(sys.executable)")])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        if let Ok(found) = found.await
            && found.status.success()
        {
            return Some(String::from_utf8_lossy(&found.stdout).trim().into());
        }
    }
    None
}

/// Reports the running test as left out because this program is missing. The line goes directly to standard error,
/// since the runner hides what passed tests print. `cargo xtask test` does not count the test as passed.
pub fn left_out(missing: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let line = format!("left out: {test}: there is no {missing}\n");
    // At once, so that no other line gets into it.
    std::io::stderr().write_all(line.as_bytes()).ok();
}
