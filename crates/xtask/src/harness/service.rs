//! A service of the shop as a process.

use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::Client;
use rustix::process::Signal;
use serde_json::Value;

use crate::process::children::{Child, Children};

/// The services of the shop.
pub(crate) static SERVICES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| shop::system().parts.iter().map(|part| part.service).collect());

/// How long a service may take to create its tables and to connect: as long as a server, on a machine
/// that has much else to do.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long a service may take to stop.
pub(crate) const DRAIN: Duration = Duration::from_secs(5);
/// How often a service is started again. More restarts point to a fault of the service.
const RESTARTS: u32 = 100;

/// What a service is started with.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    /// Variables besides those that every service gets.
    pub(crate) env: Vec<(&'static str, String)>,
    pub(crate) amqp_url: String,
    pub(crate) database_url: String,
    pub(crate) log: PathBuf,
}

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) launch: Launch,
    /// `http://127.0.0.1:<port>`
    pub(crate) url: String,
    child: Child,
    restarts: u32,
}

impl Service {
    /// Starts it on a free port. The log says which.
    pub(crate) async fn start(children: &Children, launch: Launch) -> Result<Self> {
        let child = run(children, &launch, "127.0.0.1:0").await?;
        Ok(Self { launch, url: String::new(), child, restarts: 0 })
    }

    /// Starts it again at the same address if it has ended. Returns a line about it.
    pub(crate) async fn revive(&mut self, children: &Children) -> Result<Option<String>> {
        let Some(status) = self.child.ended() else { return Ok(None) };
        self.restarts += 1;
        if self.restarts > RESTARTS {
            bail!(
                "{} ended with {status}, for the {}th time; its log is {}\n{}",
                self.launch.name,
                self.restarts,
                self.launch.log.display(),
                self.tail()
            );
        }
        self.start_again(children).await?;
        let (name, pid) = (self.launch.name, self.pid());
        Ok(Some(format!("{name} ended ({status}) and was started again as process {pid}")))
    }

    /// Starts it again at the same address.
    pub(crate) async fn start_again(&mut self, children: &Children) -> Result<()> {
        let listen = self.url.trim_start_matches("http://");
        let listen = if listen.is_empty() { "127.0.0.1:0" } else { listen };
        self.child = run(children, &self.launch, listen).await?;
        Ok(())
    }

    /// How the process ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.ended()
    }

    /// Sends a signal to the process.
    pub(crate) fn signal(&self, signal: Signal) {
        self.child.signal(signal);
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Waits until it is connected to its database and its broker, and finds its address.
    pub(crate) async fn ready(&mut self, http: &Client) -> Result<()> {
        let begun = Instant::now();
        let mut state = "it does not serve HTTP".to_owned();
        loop {
            self.check()?;
            if self.find_address() {
                match http.get(format!("{}/readyz", self.url)).send().await {
                    Ok(answer) if answer.status().is_success() => return Ok(()),
                    Ok(answer) => state = answer.text().await.unwrap_or_default(),
                    Err(error) => state = error.to_string(),
                }
            }
            if begun.elapsed() > PATIENCE {
                bail!(
                    "{} is not ready after {PATIENCE:?}: {state}; its log is {}\n{}",
                    self.launch.name,
                    self.launch.log.display(),
                    self.tail()
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Fails if the process has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.ended() {
            None => Ok(()),
            Some(status) => {
                bail!(
                    "{} ended with {status}; its log is {}\n{}",
                    self.launch.name,
                    self.launch.log.display(),
                    self.tail()
                )
            }
        }
    }

    pub(crate) async fn stop(self) {
        self.child.stop(DRAIN + Duration::from_secs(2)).await;
    }

    /// Finds the address in the log, and says whether it is known.
    pub(crate) fn find_address(&mut self) -> bool {
        if self.url.is_empty() {
            self.url = self.address().map(|at| format!("http://{at}")).unwrap_or_default();
        }
        !self.url.is_empty()
    }

    fn address(&self) -> Option<String> {
        let log = fs::read_to_string(&self.launch.log).ok()?;
        log.lines().find_map(|line| {
            let entry: Value = serde_json::from_str(line).ok()?;
            let serving = entry["message"] == "serving HTTP";
            entry["address"].as_str().filter(|_| serving).map(str::to_owned)
        })
    }

    /// The last lines of the log.
    pub(crate) fn tail(&self) -> String {
        let log = fs::read_to_string(&self.launch.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

/// Starts the program. The passwords go through the environment, which other users cannot read.
async fn run(children: &Children, launch: &Launch, listen: &str) -> Result<Child> {
    let Launch { name: _, program, env, amqp_url, database_url, log } = launch;
    let file = OpenOptions::new().create(true).append(true).open(log);
    let file = file.with_context(|| format!("cannot write {}", log.display()))?;
    let errors = file.try_clone().context("cannot share a log file")?;
    children
        .start(program, &[], |command| {
            command
                .env_remove("AMQP_URL_FILE")
                .env_remove("DATABASE_URL_FILE")
                .env_remove("RABBITMQ_MANAGEMENT_URL")
                .env("AMQP_URL", amqp_url)
                .env("DATABASE_URL", database_url)
                .env("LISTEN", listen)
                .env("LOG_FORMAT", "json")
                .env("DRAIN_SECONDS", DRAIN.as_secs().to_string())
                .envs(env.iter().map(|(name, value)| (name, value)))
                .stdout(file)
                .stderr(errors);
        })
        .await
}
