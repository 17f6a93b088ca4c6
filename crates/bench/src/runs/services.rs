//! The services of a contestant as processes.

use std::fs::{self, OpenOptions};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ballet_stage::{Child, TestEnv, usage, wait_until};
use rustix::process::Signal;

use crate::contestants::contestant::Contestant;
use crate::runs::stage::Stage;
use crate::saga4::contract::SERVICES;

/// How long the services may take until all of them consume.
const PATIENCE: Duration = Duration::from_secs(30);

/// How the services of a contestant run.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Processes of each service.
    pub replicas: usize,
    /// Lanes of each process. Only ballet has them.
    pub lanes: u16,
    /// Where spans go, if any are wanted.
    pub collector: Option<SocketAddr>,
}

impl Default for Setting {
    fn default() -> Self {
        Self { replicas: 1, lanes: 1, collector: None }
    }
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

    /// The memory of the largest process and its peak, in megabytes.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let all = self.pids().into_iter().filter_map(usage::memory);
        all.fold((0.0, 0.0), |(now, most), (n, m)| (f64::max(now, n), f64::max(most, m)))
    }

    /// Fails if a process has ended.
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

    pub(crate) async fn stop(self) {
        // All at once, so that none works on without the others.
        self.processes.iter().for_each(|(child, _)| child.signal(Signal::TERM));
        for (child, _) in self.processes {
            child.stop(Duration::from_secs(10)).await;
        }
    }
}

/// Starts a contestant's services. Returns when all of them consume.
pub(crate) async fn start(
    stage: &Stage,
    contestant: Contestant,
    env: &TestEnv,
    setting: Setting,
) -> Result<Services> {
    let mut processes = Vec::new();
    for service in SERVICES {
        for replica in 0..setting.replicas {
            let log = stage.logs.join(format!("{}-{service}-{replica}.log", contestant.name()));
            let file = OpenOptions::new().create(true).append(true).open(&log);
            let file = file.with_context(|| format!("cannot write {}", log.display()))?;
            let errors = file.try_clone().context("cannot share a log file")?;
            let spans =
                setting.collector.map(|at| ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{at}")));
            let args = [contestant.name().to_owned(), service.to_owned()];
            let child = stage.children.start(&stage.program, &args, |command| {
                command
                    .env("AMQP_URL", env.amqp_url(service))
                    .env("DATABASE_URL", env.database_url(service))
                    .env("LANES", setting.lanes.to_string())
                    .env("LOG_FORMAT", "json")
                    .envs(spans)
                    .env_remove("AMQP_URL_FILE")
                    .env_remove("DATABASE_URL_FILE")
                    .stdout(file)
                    .stderr(errors);
            });
            processes.push((child.await?, log));
            if replica == 0 && setting.replicas > 1 {
                // The first process creates the tables.
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

async fn consumed(env: &TestEnv, service: &str, consumers: u64) -> Result<()> {
    let what = format!("service {service} to consume its queue");
    let there = || async {
        let depth = env.management().depth(service).await?;
        Ok::<_, ballet_stage::Error>((depth.consumers >= consumers).then_some(()))
    };
    Ok(wait_until(&what, PATIENCE, there).await?)
}
