//! The gateway in front of a system, as a process, with keys made for this run.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use ballet::Clock;
use ballet_stage::{Child, Children, Database, Stage, wait_until, write_private};
use reqwest::Client;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use rustix::process::Signal;
use serde_json::Value;

const CONFIG_FILE: &str = "gateway.toml";
const KEYS: &str = "keys";
const DATABASE: &str = "\"env:GATEWAY_DATABASE_URL\"";
const DOCUMENTS: &str = "documents = \"";
/// The gateway's name in `TRIAL_SERVICE`, in its database's name and in reports.
pub(crate) const GATEWAY: &str = "gateway";
const SECRETS: &str = "secrets";
const SIGNING: &str = "secret = \"env:GATEWAY_SECRET_{upstream}\"";
/// The database is on this machine, which may be busy.
const DATABASE_TIMEOUT: &str = "10s";
const PATIENCE: Duration = Duration::from_secs(300);
const VALID: &str = "7d";

/// The gateway of a system.
#[derive(Debug, Clone)]
pub struct GatewaySetup {
    /// Its config file, with a service at `http://NAME:8080` and the database at `env:GATEWAY_DATABASE_URL`. A run
    /// replaces these addresses.
    pub config: PathBuf,
    /// The main function of the gateway's program.
    pub main: fn() -> ExitCode,
}

/// A program and its environment.
#[derive(Debug, Clone)]
pub struct ConfiguredProgram {
    /// The file.
    pub path: PathBuf,
    /// The variables.
    pub env: Vec<(&'static str, String)>,
}

/// The setting of a service in a run with this directory: the secret by which the gateway signs requests. It is drawn
/// for the first process, and the gateway reads it from a file.
///
/// # Errors
///
/// If the file cannot be written or read.
pub fn secret(dir: &Path, service: &str) -> Result<(&'static str, String)> {
    let file = dir.join(SECRETS).join(service);
    if !file.exists() {
        let clock = Clock::system();
        let id = || clock.new_id(clock.now()).simple().to_string();
        fs::create_dir_all(dir.join(SECRETS)).context("cannot make the folder of secrets")?;
        write_private(&file, (id() + &id()).as_bytes())?;
    }
    let drawn = fs::read_to_string(&file);
    Ok(("GATEWAY_SECRET", drawn.with_context(|| format!("cannot read {}", file.display()))?))
}

/// The gateway's process. Dropping it removes its database.
#[derive(Debug)]
pub struct Gateway {
    program: ConfiguredProgram,
    dir: PathBuf,
    /// The address for clients: `http://127.0.0.1:<port>`.
    pub url: String,
    /// The address for operators.
    private: String,
    child: Mutex<Child>,
    _database: Database,
}

impl Gateway {
    /// Makes keys, writes the config with these services' URLs, and starts the gateway on free ports and the stage's
    /// servers.
    ///
    /// # Errors
    ///
    /// If the config names a service that is not among them, or the gateway does not start.
    pub async fn start(
        stage: &Stage,
        http: &Client,
        program: ConfiguredProgram,
        front: &GatewaySetup,
        services: &[(&str, &str)],
    ) -> Result<Self> {
        let (children, dir) = (&stage.children, &stage.logs);
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let database = Database::new(stage.servers.postgres(), GATEWAY).await?;
        let text = config(&front.config, database.url(), services)?;
        let path = dir.join(CONFIG_FILE);
        // It has the database's password.
        write_private(&path, text.as_bytes())?;
        command(&program, &["keys", &dir.join(KEYS).display().to_string()]).await?;
        let child = run(children, &program, dir, ["127.0.0.1:0", "127.0.0.1:0"]).await?;
        let (url, private, child) = (String::new(), String::new(), Mutex::new(child));
        let mut gateway =
            Self { program, dir: dir.clone(), url, private, child, _database: database };
        gateway.find_addresses().await?;
        gateway.ready(http).await?;
        Ok(gateway)
    }

    /// A client with a token of this subject and these scopes.
    ///
    /// # Errors
    ///
    /// If the gateway makes no such token.
    pub async fn client(&self, subject: &str, scopes: &str, timeout: Duration) -> Result<Client> {
        let token = self.token(subject, scopes).await?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        let http = Client::builder().no_proxy().timeout(timeout).default_headers(headers).build();
        http.context("cannot set up HTTP")
    }

    /// # Errors
    ///
    /// If the gateway makes no such token.
    pub(crate) async fn token(&self, subject: &str, scopes: &str) -> Result<String> {
        Ok(self.tokens(&[subject], scopes).await?.concat())
    }

    pub(crate) async fn tokens(&self, subjects: &[&str], scopes: &str) -> Result<Vec<String>> {
        let [file, keys] = self.token_files();
        let args = ["token", &file, "--keys", &keys, "--valid", VALID, "--scopes", scopes];
        let subjects = subjects.iter().flat_map(|subject| ["--subject", subject]);
        let args: Vec<&str> = args.into_iter().chain(subjects).collect();
        Ok(command(&self.program, &args).await?.lines().map(str::to_owned).collect())
    }

    /// Waits until it serves clients and has its database.
    ///
    /// # Errors
    ///
    /// If it takes minutes.
    pub(crate) async fn ready(&self, http: &Client) -> Result<()> {
        let ready = wait_until("the gateway to be ready", PATIENCE, || async {
            let state = http.get(format!("{}/readyz", self.private)).send().await?.text().await?;
            let parts: Value = serde_json::from_str(&state).unwrap_or_default();
            ensure!(parts["database"] == "ok", state);
            anyhow::Ok(Some(()))
        });
        Ok(ready.await?)
    }

    /// Returns a line about a restart at the same addresses.
    ///
    /// # Errors
    ///
    /// If no process can be started.
    pub(crate) async fn revive(&self, children: &Children) -> Result<Option<String>> {
        let Some(status) = self.child().ended() else { return Ok(None) };
        let addresses = [&self.url, &self.private].map(|url| url.trim_start_matches("http://"));
        let child = run(children, &self.program, &self.dir, addresses).await?;
        *self.child() = child;
        let pid = self.pid();
        Ok(Some(format!("the gateway ended ({status}) and was started again as process {pid}")))
    }

    pub(crate) fn token_script(&self) -> String {
        let env = self.program.env.iter().map(|(name, value)| format!("{name}='{value}' "));
        let (env, program) = (env.collect::<String>(), self.program.path.display());
        let [config, keys] = self.token_files();
        format!("#!/bin/sh\n{env}exec '{program}' token '{config}' --keys '{keys}' \"$@\"\n")
    }

    fn token_files(&self) -> [String; 2] {
        [CONFIG_FILE, KEYS].map(|name| self.dir.join(name).display().to_string())
    }

    /// 0 when the process has ended.
    #[must_use]
    pub(crate) fn pid(&self) -> u32 {
        self.child().id().unwrap_or_default()
    }

    pub(crate) async fn kill(&self) {
        self.child().signal(Signal::KILL);
        while self.child().ended().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends SIGTERM, and SIGKILL after `patience`.
    pub async fn stop(self, patience: Duration) {
        let Self { child, .. } = self;
        child.into_inner().unwrap_or_else(PoisonError::into_inner).stop(patience).await;
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn find_addresses(&mut self) -> Result<()> {
        let log = log(&self.dir);
        let found = wait_until("the addresses of the gateway", PATIENCE, || async {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let mut entries = text.lines().filter_map(|line| serde_json::from_str(line).ok());
            let entry = entries.find(|entry: &Value| entry["message"] == "listening");
            if entry.is_none() && self.child().ended().is_some() {
                let log = log.display();
                return Ok(Some(Err(anyhow!(
                    "the gateway does not start; its log is {log}\n{text}"
                ))));
            }
            anyhow::Ok(entry.map(Ok))
        });
        let entry = found.await??;
        let url = |name: &str| Some(format!("http://{}", entry[name].as_str()?));
        let urls = url("public").zip(url("private"));
        (self.url, self.private) = urls.context("the gateway does not say where it is")?;
        Ok(())
    }
}

/// Relative paths become absolute.
fn config(file: &Path, database_url: &str, services: &[(&str, &str)]) -> Result<String> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let dir = file.parent().unwrap_or(file);
    let text = text.replace(DOCUMENTS, &format!("{DOCUMENTS}{}/", dir.display()));
    let database = format!("\"{database_url}\"\ntimeout = \"{DATABASE_TIMEOUT}\"");
    let signing = format!("secret = \"file:{SECRETS}/{{upstream}}\"");
    let mut text = text.replace(DATABASE, &database).replace(SIGNING, &signing);
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
    program: &ConfiguredProgram,
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
                // Otherwise the log would mostly have requests.
                .env("LOG", "info,access=off")
                .env("GATEWAY_SHUTDOWN_DELAY", "0s")
                .stdout(Stdio::null())
                .stderr(file);
        })
        .await?;
    Ok(child)
}

async fn command(program: &ConfiguredProgram, args: &[&str]) -> Result<String> {
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
