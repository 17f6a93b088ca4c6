//! The servers of a test run: a program that ends with its standard input.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The program prints this last.
const LAST: &str = "DIR";

/// Running servers, or those that the environment names.
pub(crate) struct TestServers {
    program: Child,
    pub(crate) env: Vec<(String, String)>,
}

impl TestServers {
    pub(crate) fn start(program: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg("--for-tests").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = command.spawn().context("cannot start the servers")?;
        let output = program.stdout.take().context("the servers have no output")?;
        let mut env = Vec::new();
        for line in BufReader::new(output).lines() {
            let line = line.context("cannot read what the servers say")?;
            let Some((name, value)) = line.split_once('=') else { continue };
            if name == LAST {
                return Ok(Self { program, env });
            }
            env.push((name.to_owned(), value.to_owned()));
        }
        let status = program.wait().context("cannot wait for the servers")?;
        anyhow::bail!("there are no servers: their program ended with {status}")
    }

    pub(crate) fn stop(mut self) -> Result<()> {
        drop(self.program.stdin.take());
        let status = self.program.wait().context("cannot wait for the servers")?;
        ensure!(status.success(), "the servers' program ended with {status}");
        Ok(())
    }
}
