//! A reader that follows the journal during a measurement: a process of its own that ends when it is dropped.

use std::process::Stdio;

use anyhow::Result;
use ballet::core::topology::REDRIVE;
use ballet_stage::{Child, TestEnv};

use crate::runs::console_process::ConsoleProcess;
use crate::runs::stage::BenchStage;

/// The kinds of readers that follow the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalObserver {
    /// A hand-written loop that prints the entries.
    Loop,
    /// A console.
    Console,
}

/// An observer that runs.
#[expect(dead_code, reason = "it is held, so that it runs")]
pub(crate) enum RunningObserver {
    Loop(Child),
    Console(Box<ConsoleProcess>),
}

impl JournalObserver {
    /// Starts the reader.
    pub(crate) async fn start(self, stage: &BenchStage, env: &TestEnv) -> Result<RunningObserver> {
        match self {
            Self::Console => {
                ConsoleProcess::start(stage, env).await.map(Box::new).map(RunningObserver::Console)
            }
            Self::Loop => {
                let program = stage.program.with_file_name("bench-stream");
                let args = ["tap", env.amqp_url(REDRIVE), &u64::MAX.to_string()].map(str::to_owned);
                let child = stage.children.start(program, &args, |command| {
                    command.stdout(Stdio::null());
                });
                Ok(RunningObserver::Loop(child.await?))
            }
        }
    }
}
