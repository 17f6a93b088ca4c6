//! The servers, and each contestant's world in them: a vhost, databases, processes.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ballet::core::topology;
use ballet_testkit::{Options, Servers, TestEnv, wait_until};
use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use tokio::process::{Child, Command};

use crate::contract::{self, SERVICES};
use crate::usage;

/// Until all services of a contestant consume.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum Contestant {
    /// ballet with ordinary handlers.
    Ballet,
    /// ballet with bulk handlers.
    BalletBulk,
    /// A transaction a message, by hand.
    Twin,
    /// Batches by hand, business statements one by one.
    Ceiling,
    /// Batches by hand, business statements in bulk.
    CeilingBulk,
}

impl Contestant {
    /// The name on the command line and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ballet => "ballet",
            Self::BalletBulk => "ballet-bulk",
            Self::Twin => "twin",
            Self::Ceiling => "ceiling",
            Self::CeilingBulk => "ceiling-bulk",
        }
    }
}

/// How the services of a contestant are run.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Processes of each service.
    pub replicas: usize,
    /// Lanes of each process; only ballet has them.
    pub lanes: u16,
}

impl Default for Setting {
    fn default() -> Self {
        Self { replicas: 1, lanes: 1 }
    }
}

/// The servers, durable and ours alone.
#[derive(Debug)]
pub struct Stage {
    pub(crate) servers: Servers,
    program: PathBuf,
    logs: PathBuf,
}

impl Stage {
    /// Brings the servers up.
    ///
    /// # Errors
    ///
    /// If they do not come up.
    pub async fn set_up(out: &Path) -> Result<Self> {
        let own = std::env::current_exe().context("cannot find this program")?;
        let program = own.with_file_name("bench-service");
        if !program.exists() {
            bail!("{} is missing: build all of the package `bench`", program.display());
        }
        let logs = out.join("logs");
        fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
        let servers = Box::pin(Servers::private(Options::durable())).await?;
        Ok(Self { servers, program, logs })
    }

    /// Takes the servers down.
    ///
    /// # Errors
    ///
    /// If they do not go.
    pub async fn take_down(self) -> Result<()> {
        Ok(self.servers.stop().await?)
    }

    /// A new world for a contestant: the broker's topology, and empty databases.
    pub(crate) async fn env(&self, contestant: Contestant) -> Result<TestEnv> {
        let definitions = topology::definitions(&contract::system(), |_| String::new());
        self.bed_with(contestant, &definitions).await
    }

    /// The same with another topology.
    pub(crate) async fn bed_with(
        &self,
        contestant: Contestant,
        topology: &Value,
    ) -> Result<TestEnv> {
        Ok(TestEnv::new(&self.servers, contestant.name(), topology, &SERVICES).await?)
    }

    /// Starts a contestant's services; returns when all of them consume.
    pub(crate) async fn start(
        &self,
        contestant: Contestant,
        env: &TestEnv,
        setting: Setting,
    ) -> Result<Services> {
        let mut processes = Vec::new();
        for service in SERVICES {
            for replica in 0..setting.replicas {
                let log = self.logs.join(format!("{}-{service}-{replica}.log", contestant.name()));
                let file = OpenOptions::new().create(true).append(true).open(&log);
                let file = file.with_context(|| format!("cannot write {}", log.display()))?;
                let errors = file.try_clone().context("cannot share a log file")?;
                let child = Command::new(&self.program)
                    .args([contestant.name(), service])
                    .env("AMQP_URL", env.amqp_url(service))
                    .env("DATABASE_URL", env.database_url(service))
                    .env("LANES", setting.lanes.to_string())
                    .env("LOG_FORMAT", "json")
                    .env_remove("AMQP_URL_FILE")
                    .env_remove("DATABASE_URL_FILE")
                    // It ends when this pipe does, however we end.
                    .stdin(Stdio::piped())
                    .stdout(file)
                    .stderr(errors)
                    .kill_on_drop(true)
                    .spawn()
                    .with_context(|| format!("cannot start {}", self.program.display()))?;
                processes.push((child, log));
                if replica == 0 && setting.replicas > 1 {
                    // The first one makes the tables.
                    consumed(env, service, 1).await?;
                }
            }
        }
        let services = Services { processes };
        for service in SERVICES {
            let all = u64::try_from(setting.replicas)?;
            if let Err(error) = consumed(env, service, all).await {
                services.check()?;
                return Err(error);
            }
        }
        Ok(services)
    }
}

async fn consumed(env: &TestEnv, service: &str, consumers: u64) -> Result<()> {
    let what = format!("service {service} to consume its queue");
    let there = || async {
        let depth = env.management().depth(service).await?;
        Ok::<_, ballet_testkit::Error>((depth.consumers >= consumers).then_some(()))
    };
    Ok(wait_until(&what, PATIENCE, there).await?)
}

/// The processes of one contestant.
pub(crate) struct Services {
    processes: Vec<(Child, PathBuf)>,
}

impl Services {
    pub(crate) fn pids(&self) -> Vec<i32> {
        let ids = self.processes.iter().filter_map(|(child, _)| child.id());
        ids.filter_map(|id| i32::try_from(id).ok()).collect()
    }

    /// The memory of the largest, now and at most, in megabytes.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let all = self.pids().into_iter().filter_map(usage::memory);
        all.fold((0.0, 0.0), |(now, most), (n, m)| (f64::max(now, n), f64::max(most, m)))
    }

    /// An error if one has ended.
    pub(crate) fn check(&self) -> Result<()> {
        for (child, log) in &self.processes {
            if child.id().is_some_and(|id| fs::exists(format!("/proc/{id}/exe")).unwrap_or(false)) {
                continue;
            }
            let text = fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let tail = lines[lines.len().saturating_sub(5)..].join("\n");
            bail!("a service has ended; {} ends with\n{tail}", log.display());
        }
        Ok(())
    }

    pub(crate) async fn stop(mut self) {
        for pid in self.pids() {
            if let Some(pid) = Pid::from_raw(pid) {
                // An error says that it has ended.
                kill_process(pid, Signal::TERM).ok();
            }
        }
        for (child, _) in &mut self.processes {
            if tokio::time::timeout(Duration::from_secs(10), child.wait()).await.is_err() {
                child.kill().await.ok();
            }
        }
    }
}

/// An administrator's session in a service's database.
pub(crate) async fn admin(env: &TestEnv, service: &str) -> Result<PgConnection> {
    let url = env.admin_database_url(service);
    PgConnection::connect(url).await.with_context(|| format!("cannot look into {service}"))
}
