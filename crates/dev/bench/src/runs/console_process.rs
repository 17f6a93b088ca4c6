//! A console as a process, to measure its processor time and memory.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ballet::core::topology::REDRIVE;
use ballet_stage::{Child, Database, TestEnv, usage};
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::{Client, redirect};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use crate::runs::contracts;
use crate::runs::stage::BenchStage;

const PATIENCE: Duration = Duration::from_secs(30);

/// Follows an environment's journal, with `saga4`.
pub(crate) struct ConsoleProcess {
    child: Child,
    pub(crate) database: Database,
    url: String,
    name: String,
    password: String,
}

impl ConsoleProcess {
    /// Waits until it answers.
    pub(crate) async fn start(stage: &BenchStage, env: &TestEnv) -> Result<Self> {
        let program = stage.program.with_file_name("bench-console");
        let folder = contracts::write(&stage.logs)?;
        let database = Database::new(stage.servers.postgres(), "console").await?;
        let args = [folder.display().to_string()];
        let child = stage.children.start(&program, &args, |command| {
            command
                .env("AMQP_URL", env.amqp_url(REDRIVE))
                .env("DATABASE_URL", database.url())
                .stdout(Stdio::piped());
        });
        let mut child = child.await?;
        let said = child.stdout().context("its output is a pipe")?;
        let mut lines = BufReader::new(said).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.context("it does not start")??;
        let line = line.context("the console has ended")?;
        let words: Vec<&str> = line.split(' ').collect();
        let [url, name, password] = words[..] else { bail!("the console says {line:?}") };
        let [url, name, password] = [url, name, password].map(str::to_owned);
        Ok(Self { child, database, url, name, password })
    }

    /// Its peak memory, in megabytes.
    pub(crate) fn memory(&self) -> Result<f64> {
        let id = self.child.id().and_then(|id| usage::memory(i32::try_from(id).ok()?));
        id.map(|(_, most)| most).context("the console has ended")
    }

    pub(crate) async fn client(&self) -> Result<(Client, String)> {
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).build()?;
        let form = format!("name={}&password={}", self.name, self.password);
        let login = client.post(format!("{}/login", self.url)).header(ORIGIN, &self.url);
        let login = login.header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer = login.send().await?;
        let cookie = answer.headers().get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok());
        let cookie = cookie.and_then(|cookie| cookie.split(';').next());
        let cookie = cookie.context("the console does not let us in")?.to_owned();
        Ok((client, cookie))
    }

    pub(crate) async fn page(
        &self,
        (client, cookie): &(Client, String),
        path: &str,
    ) -> Result<String> {
        let request = client.get(format!("{}{path}", self.url)).header(COOKIE, cookie);
        let answer = request.send().await?.error_for_status()?;
        Ok(answer.text().await?)
    }
}
