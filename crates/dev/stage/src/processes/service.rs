//! A service as a process, from its program.

use std::error::Error as StdError;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::client::conn::http1::handshake;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustix::process::Signal;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::error::{Error, Result, machine};
use crate::processes::children::{Child, Children};

/// A service on a busy machine may take this long to create its tables and connect, as a server may to start.
const PATIENCE: Duration = Duration::from_secs(300);
/// The limit for one answer.
const ANSWER: Duration = Duration::from_secs(30);
/// An isolated process inherits these, for programs, folders and languages.
const KEPT: &[&str] = &[
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "RUST_BACKTRACE",
    "TMPDIR",
    "TZ",
    "USER",
];

/// The program and settings with which a service is started.
#[derive(Debug, Clone)]
pub struct ServiceLaunch {
    /// The service's name.
    pub name: &'static str,
    /// Its program.
    pub program: PathBuf,
    /// Variables besides those that every service gets.
    pub env: Vec<(String, String)>,
    /// Whether it inherits none of our settings, such as the address of a payment provider.
    pub isolated: bool,
    /// The URL of the broker for this service.
    pub amqp_url: String,
    /// The URL of its database.
    pub database_url: String,
    /// The file for its output.
    pub log: PathBuf,
}

/// A service as a process. It ends with this value and with this program.
#[derive(Debug)]
pub struct ServiceProcess {
    /// Its program and settings, also for a restart.
    pub launch: ServiceLaunch,
    /// Its URL, `http://127.0.0.1:<port>`, or empty until the log has the port.
    pub url: String,
    child: Child,
}

impl ServiceProcess {
    /// The time that a service may take to stop.
    pub const DRAIN: Duration = Duration::from_secs(5);

    /// Starts it on a free port, which it writes to its log.
    ///
    /// # Errors
    ///
    /// If the process or the file for its log cannot be made.
    pub async fn start(children: &Children, launch: ServiceLaunch) -> Result<Self> {
        let child = run(children, &launch, "127.0.0.1:0").await?;
        Ok(Self { launch, url: String::new(), child })
    }

    /// Starts it again at the same address.
    pub async fn start_again(&mut self, children: &Children) -> Result<()> {
        // It may have ended before its address was read.
        self.find_address();
        let listen = self.url.trim_start_matches("http://");
        let listen = if listen.is_empty() { "127.0.0.1:0" } else { listen };
        self.child = run(children, &self.launch, listen).await?;
        Ok(())
    }

    /// Returns the process's exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.ended()
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        self.child.signal(signal);
    }

    /// Returns the process id; 0 when it has ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Waits until it is connected to database and broker, and finds its address.
    ///
    /// # Errors
    ///
    /// If it has ended, or is not ready after five minutes, with the last lines of its log.
    pub async fn ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        let mut state = "it does not serve HTTP".to_owned();
        loop {
            self.check()?;
            if self.find_address() {
                match readiness(self.url.trim_start_matches("http://")).await {
                    Ok((status, _)) if status.is_success() => return Ok(()),
                    Ok((_, says)) => state = says,
                    Err(error) => state = error.to_string(),
                }
            }
            if begun.elapsed() > PATIENCE {
                return Err(self.failed(format!("is not ready after {PATIENCE:?}: {state}")));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Fails if the process has ended.
    ///
    /// # Errors
    ///
    /// If it has ended, with the last lines of its log.
    pub fn check(&mut self) -> Result<()> {
        match self.child.ended() {
            None => Ok(()),
            Some(status) => Err(self.failed(format!("ended with {status}"))),
        }
    }

    /// Asks it to stop, and kills it if it takes too long.
    pub async fn stop(self) {
        self.child.stop(Self::DRAIN + Duration::from_secs(2)).await;
    }

    /// Finds the address in the log. Returns whether it is known.
    pub fn find_address(&mut self) -> bool {
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

    /// Returns the last lines of the log.
    #[must_use]
    pub fn tail(&self) -> String {
        last_lines(&self.launch.log, 10)
    }

    fn failed(&self, state: String) -> Error {
        let (service, log) = (self.launch.name, self.launch.log.clone());
        Error::Service { service, state, log, tail: self.tail() }
    }
}

/// Returns the status and the text of `/readyz`.
async fn readiness(
    address: &str,
) -> std::result::Result<(StatusCode, String), Box<dyn StdError + Send + Sync>> {
    let answer = async {
        let stream = TokioIo::new(TcpStream::connect(address).await?);
        let (mut sender, connection) = handshake(stream).await?;
        // Its errors are also those of the request.
        tokio::spawn(connection);
        let request = Request::get("/readyz").header(HOST, address).body(String::new())?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
    };
    timeout(ANSWER, answer).await?
}

/// Other users cannot read the passwords in the environment.
async fn run(children: &Children, launch: &ServiceLaunch, listen: &str) -> Result<Child> {
    let ServiceLaunch { name: _, program, env, isolated, amqp_url, database_url, log } = launch;
    let file = OpenOptions::new().create(true).append(true).open(log);
    let file = file.map_err(machine(format!("write {}", log.display())))?;
    let errors = file.try_clone().map_err(machine("share a log file"))?;
    children
        .start(program, &[], |command| {
            if *isolated {
                let kept = KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
                command.env_clear().envs(kept);
            }
            // A service takes a value or its file.
            for (name, _) in env {
                command.env_remove(format!("{name}_FILE"));
            }
            set_addresses(command, amqp_url, database_url)
                .env("LISTEN", listen)
                .env("LOG_FORMAT", "json")
                .env("DRAIN_SECONDS", ServiceProcess::DRAIN.as_secs().to_string())
                .envs(env.iter().map(|(name, value)| (name, value)))
                .stdout(file)
                .stderr(errors);
        })
        .await
}

/// Sets the variables that name a service's broker and database, and removes ours. Nobody balances load here, so a stop
/// has no delay.
pub fn set_addresses<'a>(
    command: &'a mut Command,
    amqp_url: &str,
    database_url: &str,
) -> &'a mut Command {
    command
        .env_remove("AMQP_URL_FILE")
        .env_remove("DATABASE_URL_FILE")
        .env_remove("RABBITMQ_MANAGEMENT_URL")
        .env_remove("RABBITMQ_MANAGEMENT_URL_FILE")
        .env("AMQP_URL", amqp_url)
        .env("DATABASE_URL", database_url)
        .env("SHUTDOWN_DELAY_SECONDS", "0")
}

/// Returns the log's last non-empty lines.
#[must_use]
pub fn last_lines(log: &Path, count: usize) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
