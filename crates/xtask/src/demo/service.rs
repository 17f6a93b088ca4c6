//! One service of the demo, as a process of its own.

use std::fs::{self, File};
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

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) log: PathBuf,
    /// `http://127.0.0.1:<port>`
    pub(crate) url: String,
    child: Child,
}

impl Service {
    /// Starts it; its secrets go through the environment, which other users cannot read.
    pub(crate) async fn start(
        children: &Children,
        name: &'static str,
        program: &Path,
        bed: &Bed,
        logs: &Path,
    ) -> Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let errors = file.try_clone().context("cannot share a log file")?;
        let child = children
            .start(program, &[], |command| {
                command
                    .env_remove("AMQP_URL_FILE")
                    .env_remove("DATABASE_URL_FILE")
                    .env("AMQP_URL", bed.amqp_url(name))
                    .env("DATABASE_URL", bed.database_url(name))
                    // A port of its own; the log says which.
                    .env("LISTEN", "127.0.0.1:0")
                    .env("LOG_FORMAT", "json")
                    .env("DRAIN_SECONDS", DRAIN.as_secs().to_string())
                    .stdout(file)
                    .stderr(errors);
            })
            .await?;
        Ok(Self { name, log, url: String::new(), child })
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
