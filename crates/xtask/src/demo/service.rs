//! One service of the demo, as a process of its own.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet_testkit::Bed;
use reqwest::Client;
use serde_json::Value;

use crate::children::{Child, Children};

/// Until a service has made its tables and is connected.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a stop leaves a service to end what is in hand.
const DRAIN: Duration = Duration::from_secs(5);

/// How often a service is started again: more looks like a fault of its own.
const RESTARTS: u32 = 100;

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) log: PathBuf,
    /// `http://127.0.0.1:<port>`
    pub(crate) url: String,
    program: PathBuf,
    amqp_url: String,
    database_url: String,
    child: Child,
    restarts: u32,
}

impl Service {
    /// Starts it.
    pub(crate) async fn start(
        children: &Children,
        name: &'static str,
        program: &Path,
        bed: &Bed,
        logs: &Path,
    ) -> Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let (amqp_url, database_url) = (bed.amqp_url(name), bed.database_url(name));
        let (amqp_url, database_url) = (amqp_url.to_owned(), database_url.to_owned());
        // A port of its own; the log says which.
        let child = run(children, program, &log, &amqp_url, &database_url, "127.0.0.1:0").await?;
        let (program, url) = (program.to_owned(), String::new());
        Ok(Self { name, log, url, program, amqp_url, database_url, child, restarts: 0 })
    }

    /// Starts it again, at the same address, if it has ended; says so.
    pub(crate) async fn revive(&mut self, children: &Children) -> Result<Option<String>> {
        let Some(status) = self.child.ended() else { return Ok(None) };
        self.restarts += 1;
        if self.restarts > RESTARTS {
            bail!(
                "{} ended with {status}, for the {}th time; its log is {}\n{}",
                self.name,
                self.restarts,
                self.log.display(),
                self.tail()
            );
        }
        let listen = self.url.trim_start_matches("http://");
        let (amqp, database) = (&self.amqp_url, &self.database_url);
        self.child = run(children, &self.program, &self.log, amqp, database, listen).await?;
        let pid = self.pid();
        Ok(Some(format!("{} ended ({status}), and is started again as process {pid}", self.name)))
    }

    /// The process's number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Waits until it has its database and its broker, and learns where it listens.
    pub(crate) async fn ready(&mut self, http: &Client) -> Result<()> {
        let begun = Instant::now();
        let mut state = "it does not serve HTTP yet".to_owned();
        loop {
            self.check()?;
            if self.url.is_empty() {
                self.url = self.address().map(|at| format!("http://{at}")).unwrap_or_default();
            } else {
                match http.get(format!("{}/readyz", self.url)).send().await {
                    Ok(answer) if answer.status().is_success() => return Ok(()),
                    Ok(answer) => state = answer.text().await.unwrap_or_default(),
                    Err(error) => state = error.to_string(),
                }
            }
            if begun.elapsed() > PATIENCE {
                bail!(
                    "{} is not ready after {PATIENCE:?}: {state}; its log is {}\n{}",
                    self.name,
                    self.log.display(),
                    self.tail()
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// An error if it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.ended() {
            None => Ok(()),
            Some(status) => {
                bail!(
                    "{} ended with {status}; its log is {}\n{}",
                    self.name,
                    self.log.display(),
                    self.tail()
                )
            }
        }
    }

    pub(crate) async fn stop(self) {
        self.child.stop(DRAIN + Duration::from_secs(2)).await;
    }

    fn address(&self) -> Option<String> {
        let log = fs::read_to_string(&self.log).ok()?;
        log.lines().find_map(|line| {
            let entry: Value = serde_json::from_str(line).ok()?;
            let serving = entry["message"] == "serving HTTP";
            entry["address"].as_str().filter(|_| serving).map(str::to_owned)
        })
    }

    fn tail(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

/// Starts the program; its secrets go through the environment, which other users cannot read.
async fn run(
    children: &Children,
    program: &Path,
    log: &Path,
    amqp_url: &str,
    database_url: &str,
    listen: &str,
) -> Result<Child> {
    let file = OpenOptions::new().create(true).append(true).open(log);
    let file = file.with_context(|| format!("cannot write {}", log.display()))?;
    let errors = file.try_clone().context("cannot share a log file")?;
    children
        .start(program, &[], |command| {
            command
                .env_remove("AMQP_URL_FILE")
                .env_remove("DATABASE_URL_FILE")
                .env("AMQP_URL", amqp_url)
                .env("DATABASE_URL", database_url)
                .env("LISTEN", listen)
                .env("LOG_FORMAT", "json")
                .env("DRAIN_SECONDS", DRAIN.as_secs().to_string())
                .stdout(file)
                .stderr(errors);
        })
        .await
}
