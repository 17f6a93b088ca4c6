//! A gateway as a process.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballet_stage::wait_until;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::tokens::{SigningKey, set};

/// A limit for hangs, not for speed.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

pub(crate) const LISTEN: &str = "[listen]\npublic = \"127.0.0.1:0\"\nprivate = \"127.0.0.1:0\"\n";

/// Removed at the end of the test.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ballet-gateway-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        // As a whole, as editors do.
        let beside = self.0.join(format!("{name}.new"));
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(&beside, &path).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Returns whether it succeeded, and its output.
pub(crate) fn command(arguments: &[&str]) -> (bool, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ballet-gateway"));
    let output = command
        .args(arguments)
        .env_remove("LOG")
        .env_remove("GATEWAY_DATABASE_URL")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// Killed when dropped.
#[derive(Debug)]
pub(crate) struct Gateway {
    child: Child,
    pub(crate) public: String,
    pub(crate) private: String,
    log: Arc<Mutex<Vec<Value>>>,
    /// Kept while it runs.
    _folder: Option<Folder>,
}

impl Gateway {
    pub(crate) async fn start(config: &str) -> Self {
        Self::start_with_keys(&[], config).await
    }

    /// Starts with these keys in `jwks.json`, on free ports.
    pub(crate) async fn start_with_keys(keys: &[&SigningKey], config: &str) -> Self {
        let folder = Folder::new();
        folder.write("jwks.json", &set(keys));
        let gateway = Self::start_in(&folder, config).await;
        Self { _folder: Some(folder), ..gateway }
    }

    pub(crate) async fn start_in(folder: &Folder, config: &str) -> Self {
        Self::run(&folder.write("gateway.toml", &format!("{LISTEN}{config}"))).await
    }

    pub(crate) fn reload(&self, folder: &Folder, config: &str) {
        folder.write("gateway.toml", &format!("{LISTEN}{config}"));
        self.signal("-HUP");
    }

    /// Starts a gateway with this file. Nobody balances load here, so its stop has no delay.
    pub(crate) async fn run(file: &Path) -> Self {
        Self::run_with(file, &["--shutdown-delay", "0s"]).await
    }

    /// Starts a gateway with this file and these arguments.
    pub(crate) async fn run_with(file: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ballet-gateway"))
            .arg("run")
            .arg(file)
            .args(arguments)
            .env_remove("LOG")
            .env_remove("GATEWAY_SHUTDOWN_DELAY")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log: Arc<Mutex<Vec<Value>>> = Arc::default();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let written = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let entry = serde_json::from_str(&line).unwrap_or(Value::String(line));
                written.lock().unwrap().push(entry);
            }
        });
        let (public, private) = (String::new(), String::new());
        let mut gateway = Self { child, public, private, log, _folder: None };
        let entry = gateway.logged("listening").await;
        let address = |name: &str| format!("http://{}", entry[name].as_str().unwrap());
        (gateway.public, gateway.private) = (address("public"), address("private"));
        gateway
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.public)
    }

    pub(crate) fn host(&self) -> &str {
        self.public.strip_prefix("http://").unwrap()
    }

    pub(crate) async fn logged(&self, message: &str) -> Value {
        self.logged_with("message", message).await
    }

    pub(crate) async fn logged_request(&self, id: &str) -> Value {
        self.logged_with("request_id", id).await
    }

    async fn logged_with(&self, name: &str, value: &str) -> Value {
        let what = format!("{name} {value:?} in the log");
        let found = wait_until(&what, LIMIT, || async {
            let entries = self.log.lock().unwrap();
            let entry = entries.iter().find(|entry| entry[name] == value);
            match entry {
                Some(entry) => Ok(Some(entry.clone())),
                None => Err(format!("{entries:?}")),
            }
        });
        found.await.unwrap()
    }

    pub(crate) fn accesses(&self) -> Vec<Value> {
        let entries = self.log.lock().unwrap();
        entries.iter().filter(|entry| entry["target"] == "access").cloned().collect()
    }

    pub(crate) fn log(&self) -> String {
        format!("{:?}", self.log.lock().unwrap())
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        let done = std::process::Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(done.success());
    }

    /// Waits until all threads stand still: one may go on for a while.
    pub(crate) async fn freeze(&self) {
        self.signal("-STOP");
        let tasks = format!("/proc/{}/task", self.child.id().unwrap());
        wait_until("all threads to stand still", LIMIT, || async {
            for task in std::fs::read_dir(&tasks)?.flatten() {
                let stat = std::fs::read_to_string(task.path().join("stat"))?;
                if !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('T') {
                    return Ok(None);
                }
            }
            Ok::<_, std::io::Error>(Some(()))
        })
        .await
        .unwrap();
    }

    pub(crate) async fn ended(&mut self) -> bool {
        tokio::time::timeout(LIMIT, self.child.wait()).await.unwrap().unwrap().success()
    }

    pub(crate) async fn private_says(&self, path: &str, status: u16, text: &str) {
        let what = format!("{path} to answer {status} with {text:?}");
        let found = wait_until(&what, LIMIT, || async {
            let answer = reqwest::get(format!("{}{path}", self.private)).await;
            let answer = answer.map_err(|error| error.to_string())?;
            let is = answer.status().as_u16();
            let body = answer.text().await.map_err(|error| error.to_string())?;
            if is == status && body.contains(text) { Ok(Some(())) } else { Err(body) }
        });
        found.await.unwrap();
    }
}

/// Returns the sentence of one of the gateway's own answers.
pub(crate) async fn problem(answer: reqwest::Response, status: u16) -> String {
    let (is, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    assert_eq!(is, status, "{text}");
    assert_eq!(headers["content-type"], "application/problem+json", "{text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["status"], status);
    assert_eq!(body["request_id"].as_str(), headers["x-request-id"].to_str().ok());
    body["detail"].as_str().unwrap().to_owned()
}
