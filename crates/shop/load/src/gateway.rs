//! The gateway in front of a shop, as a process, with keys made for this run.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet::Clock;
use ballet_stage::{Child, Children};
use reqwest::Client;
use rustix::process::Signal;
use serde_json::Value;

/// The shop's config file. Here it gets other addresses.
const CONFIG: &str = include_str!("../../../gateway/shop.toml");
const CONFIG_FILE: &str = "gateway.toml";
/// The folder of the keys, as the config names it.
const KEYS: &str = "keys";
/// The services' HTTP documents, in the workspace.
const DOCUMENTS: &str = "docs/openapi";
const DATABASE: &str = "\"env:GATEWAY_DATABASE_URL\"";
/// What it signs with, in its environment and in that of the services.
pub(crate) const SECRET: &str = "GATEWAY_SECRET";
/// How long a request waits for the database. It is on this machine, which may have much else to do.
const DATABASE_TIMEOUT: &str = "10s";
/// How long it may take to start, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long a client works with its token.
const VALID: &str = "7d";

/// The program `ballet-gateway`, or one that can be it.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) env: Vec<(&'static str, String)>,
}

/// A secret for this run.
pub(crate) fn drawn_secret() -> String {
    let clock = Clock::system();
    let id = || clock.new_id(clock.now()).simple().to_string();
    id() + &id()
}

#[derive(Debug)]
pub(crate) struct Gateway {
    program: Program,
    /// Holds the config file, the keys and the log.
    dir: PathBuf,
    /// For clients: `http://127.0.0.1:<port>`.
    pub(crate) url: String,
    /// For operators.
    private: String,
    child: Child,
}

impl Gateway {
    /// Makes keys, writes the config, and starts it on free ports. `root` is the checkout.
    pub(crate) async fn start(
        children: &Children,
        program: Program,
        root: &Path,
        dir: &Path,
        database_url: &str,
        services: &[(&str, &str)],
    ) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let text = config(root, database_url, services)?;
        let path = dir.join(CONFIG_FILE);
        // Only we may read the file: the database's password is in it.
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.with_context(|| format!("cannot write {}", path.display()))?;
        command(&program, &["keys", &dir.join(KEYS).display().to_string()]).await?;
        let child = run(children, &program, dir, ["127.0.0.1:0", "127.0.0.1:0"]).await?;
        let (url, private) = (String::new(), String::new());
        let mut gateway = Self { program, dir: dir.to_owned(), url, private, child };
        gateway.find_addresses().await?;
        Ok(gateway)
    }

    /// A token for a client, made by `ballet-gateway token`.
    pub(crate) async fn token(&self, subject: &str, scopes: &str) -> Result<String> {
        let (file, keys) = (self.config().display().to_string(), self.keys().display().to_string());
        let args = ["token", &file, "--keys", &keys, "--valid", VALID];
        let args = [&args[..], &["--subject", subject, "--scopes", scopes]].concat();
        Ok(command(&self.program, &args).await?.trim().to_owned())
    }

    /// Waits until it serves clients and has its database.
    pub(crate) async fn ready(&self, http: &Client) -> Result<()> {
        let begun = Instant::now();
        loop {
            let answer = http.get(format!("{}/readyz", self.private)).send().await;
            let state = match answer {
                Ok(answer) => answer.text().await.unwrap_or_default(),
                Err(error) => error.to_string(),
            };
            let parts: Value = serde_json::from_str(&state).unwrap_or_default();
            if parts["database"] == "ok" {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                bail!("the gateway is not ready after {PATIENCE:?}: {state}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Starts it again at the same addresses if it has ended. Returns a line about it.
    pub(crate) async fn revive(&mut self, children: &Children) -> Result<Option<String>> {
        let Some(status) = self.child.ended() else { return Ok(None) };
        let addresses = [&self.url, &self.private].map(|url| url.trim_start_matches("http://"));
        self.child = run(children, &self.program, &self.dir, addresses).await?;
        let pid = self.pid();
        Ok(Some(format!("the gateway ended ({status}) and was started again as process {pid}")))
    }

    /// The program, which has other commands as well.
    pub(crate) fn program(&self) -> &Path {
        &self.program.path
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.join(CONFIG_FILE)
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.dir.join(KEYS)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Kills it, and waits for its end.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.child.signal(Signal::KILL);
        self.child.wait().await?;
        Ok(())
    }

    pub(crate) async fn stop(self, patience: Duration) {
        self.child.stop(patience).await;
    }

    /// Its log says where it listens.
    async fn find_addresses(&mut self) -> Result<()> {
        let log = log(&self.dir);
        let begun = Instant::now();
        loop {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let mut entries = text.lines().filter_map(|line| serde_json::from_str(line).ok());
            if let Some(entry) = entries.find(|entry: &Value| entry["message"] == "listening") {
                let url = |name: &str| Some(format!("http://{}", entry[name].as_str()?));
                let urls = url("public").zip(url("private"));
                (self.url, self.private) = urls.context("the gateway does not say where it is")?;
                return Ok(());
            }
            let ended = self.child.ended();
            if ended.is_some() || begun.elapsed() > PATIENCE {
                bail!("the gateway does not start; its log is {}\n{text}", log.display());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The shop's config with these addresses of its services. The documents are in this checkout.
fn config(root: &Path, database_url: &str, services: &[(&str, &str)]) -> Result<String> {
    let documents = root.join(DOCUMENTS).display().to_string();
    let text = CONFIG.replace(&format!("../../{DOCUMENTS}"), &documents);
    let database = format!("\"{database_url}\"\ntimeout = \"{DATABASE_TIMEOUT}\"");
    let mut text = text.replace(DATABASE, &database);
    for (service, url) in services {
        text = text.replace(&format!("\"http://{service}:8080\""), &format!("\"{url}\""));
    }
    match text.lines().find(|line| line.starts_with("servers") && line.contains(":8080\"")) {
        Some(line) => bail!("the gateway's config has a service that nobody started: {line}"),
        None => Ok(text),
    }
}

fn log(dir: &Path) -> PathBuf {
    dir.join("gateway.log")
}

async fn run(
    children: &Children,
    program: &Program,
    dir: &Path,
    [public, private]: [&str; 2],
) -> Result<Child> {
    let path = log(dir);
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let file: File = file.with_context(|| format!("cannot write {}", path.display()))?;
    let config = dir.join(CONFIG_FILE).display().to_string();
    let args = ["run", &config, "--public", public, "--private", private].map(str::to_owned);
    let child = children
        .start(&program.path, &args, |command| {
            command
                .envs(program.env.iter().map(|(name, value)| (name, value)))
                // One line for each request would be most of the log.
                .env("LOG", "info,access=off")
                .stdout(Stdio::null())
                .stderr(file);
        })
        .await?;
    Ok(child)
}

/// Runs one of its commands to the end. Returns its output.
async fn command(program: &Program, args: &[&str]) -> Result<String> {
    let mut command = tokio::process::Command::new(&program.path);
    command.args(args).envs(program.env.iter().map(|(name, value)| (name, value)));
    let output = command.stdin(Stdio::null()).output().await;
    let output = output.with_context(|| format!("cannot run {}", program.path.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("the gateway's command {} failed: {}", args[0], said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_has_the_addresses_of_this_run() {
        let names = crate::system::SERVICES.clone();
        let urls: Vec<_> = names.iter().map(|name| (*name, "http://127.0.0.1:1")).collect();
        let text =
            config(Path::new("."), "postgres://gateway", &urls).expect("every service is started");
        assert!(text.contains("url = \"postgres://gateway\"\ntimeout = \"10s\"\n"), "{text}");
        assert!(config(Path::new("."), "postgres://gateway", &[]).is_err(), "none is started");
    }
}
