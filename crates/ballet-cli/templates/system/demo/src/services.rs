//! The services as processes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use ballet_stage::TestEnv;
use tokio::process::{Child, Command};

/// How often the processes are looked at.
const WATCH: Duration = Duration::from_millis(200);

/// Builds all programs of the workspace, and returns the directory that they are in.
pub(crate) fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = std::process::Command::new(cargo);
    // What `cargo run` says of this package would reach build scripts, and build all of them again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&name);
        }
    }
    let status = build.args(["build", "--workspace"]).status().context("cannot run cargo")?;
    if !status.success() {
        bail!("the services do not compile; see cargo's output above");
    }
    let own = std::env::current_exe().context("this program has no path")?;
    Ok(own.parent().context("this program is in no directory")?.to_owned())
}

/// The services that have a program here.
#[derive(Debug)]
pub(crate) struct Services {
    running: Vec<(String, Child)>,
    logs: PathBuf,
}

impl Services {
    /// Starts those of these services that have a program here.
    pub(crate) fn start(programs: &Path, names: &[&str], env: &TestEnv) -> Result<Self> {
        let logs = programs.with_file_name("my_system");
        fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
        let mut running = Vec::new();
        for name in names {
            let program = programs.join(name);
            if !program.exists() {
                println!("{name} has a contract, and no program here: start it yourself");
                continue;
            }
            let file = logs.join(format!("{name}.log"));
            let log = File::create(&file);
            let log = log.with_context(|| format!("cannot write {}", file.display()))?;
            let child = Command::new(program)
                .env("AMQP_URL", env.amqp_url(name))
                .env("DATABASE_URL", env.database_url(name))
                .env("RABBITMQ_MANAGEMENT_URL", env.management().url())
                .stdin(Stdio::null())
                .stdout(log.try_clone().context("cannot share a log file")?)
                .stderr(log)
                .kill_on_drop(true)
                .spawn();
            running.push(((*name).to_owned(), child.with_context(|| format!("no {name}"))?));
        }
        Ok(Self { running, logs })
    }

    pub(crate) fn logs(&self) -> &Path {
        &self.logs
    }

    /// Waits until a service ends, and says which.
    pub(crate) async fn failed(&mut self) -> anyhow::Error {
        loop {
            for (name, child) in &mut self.running {
                match child.try_wait() {
                    Ok(None) => {}
                    Ok(Some(status)) => {
                        let logs = self.logs.display();
                        return anyhow!("{name} ended with {status}; its log is {logs}/{name}.log");
                    }
                    Err(error) => return anyhow!("{name} cannot be watched: {error}"),
                }
            }
            tokio::time::sleep(WATCH).await;
        }
    }

    /// Ends all of them. A service may be killed at any time: the next process goes on.
    pub(crate) async fn stop(self) {
        for (_, mut child) in self.running {
            child.kill().await.ok();
        }
    }
}
