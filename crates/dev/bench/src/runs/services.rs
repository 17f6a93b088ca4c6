//! A contestant's services as processes.

use std::time::Duration;

use anyhow::Result;
use ballet_stage::{TestEnv, set_addresses, usage, wait_until};
use tokio::process::Command;

use crate::contestants::contestant::Contestant;
use crate::runs::process::MeasuredProcess;
use crate::runs::stage::BenchStage;
use crate::saga4::contract::SERVICES;

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct ContestantServices {
    processes: Vec<MeasuredProcess>,
}

impl ContestantServices {
    pub(crate) fn pids(&self) -> Vec<i32> {
        self.processes.iter().filter_map(MeasuredProcess::id).collect()
    }

    /// The peak memory of the largest process, in megabytes.
    pub(crate) fn memory_peak(&self) -> f64 {
        let all = self.pids().into_iter().filter_map(usage::memory);
        all.map(|(_, most)| most).fold(0.0, f64::max)
    }

    pub(crate) fn check(&self) -> Result<()> {
        self.processes.iter().try_for_each(MeasuredProcess::check)
    }

    pub(crate) async fn stop(self) {
        // No process works on without the others.
        self.processes.iter().for_each(MeasuredProcess::terminate);
        for process in self.processes {
            process.stop().await;
        }
    }
}

/// A process each. Returns when all consume.
pub(crate) async fn start(
    stage: &BenchStage,
    contestant: Contestant,
    env: &TestEnv,
) -> Result<ContestantServices> {
    let mut processes = Vec::new();
    for service in SERVICES {
        let log = stage.logs.join(format!("{}-{service}.log", contestant.name()));
        let args = [contestant.name(), service];
        let adjust = |command: &mut Command| {
            set_addresses(command, env.amqp_url(service), env.database_url(service))
                .env("LOG_FORMAT", "json")
                .env_remove("LANES");
        };
        let children = &stage.children;
        processes
            .push(MeasuredProcess::start(children, &stage.program, &args, &log, adjust).await?);
    }
    let services = ContestantServices { processes };
    for service in SERVICES {
        if let Err(error) = consumed(env, service).await {
            services.check()?;
            return Err(error);
        }
    }
    Ok(services)
}

async fn consumed(env: &TestEnv, service: &str) -> Result<()> {
    let what = format!("service {service} to consume its queue");
    let there = || async {
        let depth = env.management().depth(service).await?;
        Ok::<_, ballet_stage::Error>((depth.consumers > 0).then_some(()))
    };
    Ok(wait_until(&what, PATIENCE, there).await?)
}
