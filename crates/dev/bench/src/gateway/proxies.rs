//! The compared proxies, each in front of the same service.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ballet_stage::{Children, Database, wait_until};
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};

use crate::gateway::load::{ClientConnection, ClientCredentials, LoadTarget};
use crate::runs::process::MeasuredProcess;
use crate::runs::stage::beside;

/// One more client has an API key.
const TOKENS: usize = 15;
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct RunningProxy {
    pub(crate) name: &'static str,
    pub(crate) process: MeasuredProcess,
    pub(crate) target: LoadTarget,
}

#[derive(Debug)]
pub(crate) struct Proxies {
    pub(crate) all: Vec<RunningProxy>,
    service: MeasuredProcess,
}

impl Proxies {
    /// nginx is left out if it is not installed.
    pub(crate) async fn start(dir: &Path, database: &Database) -> Result<Self> {
        fs::remove_dir_all(dir).ok();
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let dir = &dir.canonicalize().context("cannot find the directory of the run")?;
        let threads = std::thread::available_parallelism()?.get();
        let (http, gateway) = (beside("bench-http")?, beside("ballet-gateway")?);
        let [at, nginx_at, public, private] = free_addresses()?;
        let text = [at, nginx_at, public, private].map(|address| address.to_string());
        let [service, _, public_listen, private_listen] = &text;
        let log = |name: &str| dir.join(format!("{name}.log"));
        let children = Children::new()?;
        let start = async |program: &Path, name: &str, args: &[&str]| {
            // With this many worker threads.
            let adjust = |command: &mut tokio::process::Command| {
                command.env("TOKIO_WORKER_THREADS", threads.to_string()).env_remove("LOG");
            };
            MeasuredProcess::start(&children, program, args, &log(name), adjust).await
        };
        let clients = sign_in(&gateway, dir, database, service)?;
        let run = |name, process, address| {
            let target = LoadTarget { address, clients: Arc::clone(&clients) };
            RunningProxy { name, process, target }
        };
        let mut all = Vec::new();
        if let Some(nginx) = nginx() {
            let (file, prefix) = (dir.join("nginx.conf"), format!("{}/", dir.display()));
            fs::write(&file, nginx_config(threads, nginx_at, at)).context("no room for a file")?;
            let args = ["-p", &prefix, "-e", "stderr", "-c", &file.display().to_string()];
            all.push(run("nginx", start(&nginx, "nginx", &args).await?, nginx_at));
        }
        let config = dir.join(CONFIG).display().to_string();
        let args = ["run", &config, "--public", public_listen, "--private", private_listen];
        all.push(run("gateway", start(&gateway, "gateway", &args).await?, public));
        let service = start(&http, "service", &[service]).await?;
        let proxies = Self { all, service };
        for running in &proxies.all {
            running.ready().await?;
        }
        // Without its database the gateway would do less.
        database_is_there(private).await?;
        Ok(proxies)
    }

    pub(crate) async fn stop(self) {
        for running in self.all {
            running.process.stop().await;
        }
        self.service.stop().await;
    }
}

impl RunningProxy {
    async fn ready(&self) -> Result<()> {
        let what = format!("{} to answer", self.name);
        let there = || async {
            let answered = async { ClientConnection::open(&self.target, 0).await?.ask().await };
            match answered.await {
                Ok(()) => Ok(Some(())),
                Err(error) => Err(format!("{error:#}\n{}", self.process.last_lines())),
            }
        };
        Ok(wait_until(&what, PATIENCE, there).await?)
    }
}

async fn database_is_there(private: SocketAddr) -> Result<()> {
    let http = reqwest::Client::builder().no_proxy().build().context("cannot set up HTTP")?;
    let there = || async {
        let answer = http.get(format!("http://{private}/readyz")).send().await?;
        let text = answer.text().await?;
        anyhow::Ok(text.contains("\"database\":\"ok\"").then_some(()))
    };
    Ok(wait_until("the gateway's database", PATIENCE, there).await?)
}

/// Debian installs it outside a user's search path.
fn nginx() -> Option<PathBuf> {
    let works = |path: &&str| {
        let mut command = Command::new(path);
        command.arg("-v").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    ["nginx", "/usr/sbin/nginx"].iter().find(|path| works(path)).map(PathBuf::from)
}

fn free_addresses<const N: usize>() -> Result<[SocketAddr; N]> {
    let listeners: Vec<_> =
        (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    let addresses: Vec<_> =
        listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
    addresses.try_into().ok().context("there are as many addresses as listeners")
}

/// Keeps connections open on both sides.
fn nginx_config(threads: usize, listen: SocketAddr, service: SocketAddr) -> String {
    format!(
        "daemon off;
worker_processes {threads};
pid nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 1000000000;
    upstream service {{
        server {service};
        keepalive 256;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {listen};
        location / {{
            proxy_pass http://service;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
        }}
    }}
}}
"
    )
}

const CONFIG: &str = "gateway.toml";

/// A route with everything that a route can have. The rate limit is too high to refuse anybody.
const ROUTES: &str = r#"
[jwt]
issuer = "https://login.shop.example"
audience = "shop"
keys = "keys/jwks.json"

[cors]
origins = ["https://shop.example"]

[security]
hsts = "365d"

[[rate]]
name = "things"
requests = 1000000000
window = "1h"

[[route]]
prefix = "/things"
methods = ["GET"]
upstream = "service"
scopes = ["things:read"]
rate = "things"

"#;
const SCOPES: &str = "things:read";

fn sign_in(
    gateway: &Path,
    dir: &Path,
    database: &Database,
    service: &str,
) -> Result<Arc<[ClientCredentials]>> {
    let printed = command(gateway, &["api-key", "program", "--scopes", SCOPES])?;
    let (key, stanza) = printed.split_once("\n\n").context("`ballet-gateway api-key` is new")?;
    let url = database.url();
    let upstream = format!("[[upstream]]\nname = \"service\"\nservers = [\"http://{service}\"]\n");
    // On a busy machine a request waits instead of failing.
    let database = format!("[database]\nurl = \"{url}\"\ntimeout = \"10s\"\n");
    let config = format!("{database}{ROUTES}\n{upstream}\n{stanza}");
    let (file, keys) = (dir.join(CONFIG), dir.join("keys"));
    fs::write(&file, config).with_context(|| format!("cannot write {}", file.display()))?;
    let (file, keys) = (file.display().to_string(), keys.display().to_string());
    command(gateway, &["keys", &keys])?;
    let subjects: Vec<_> = (0..TOKENS).map(|number| format!("--subject=client-{number}")).collect();
    let mut args = vec!["token", &file, "--keys", &keys, "--scopes", SCOPES, "--valid", "1d"];
    args.extend(subjects.iter().map(String::as_str));
    let tokens = command(gateway, &args)?;
    let client = |token: &str| -> Result<ClientCredentials> {
        let value = HeaderValue::try_from(format!("Bearer {token}"))?;
        Ok(ClientCredentials { name: AUTHORIZATION, value })
    };
    let mut clients = tokens.lines().map(client).collect::<Result<Vec<_>>>()?;
    let (name, value) = (HeaderName::from_static("x-api-key"), HeaderValue::try_from(key)?);
    clients.push(ClientCredentials { name, value });
    Ok(clients.into())
}

fn command(gateway: &Path, args: &[&str]) -> Result<String> {
    let output = Command::new(gateway).args(args).stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {}", gateway.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("ballet-gateway {} failed: {}", args[0], said.trim());
    }
    String::from_utf8(output.stdout).context("the gateway printed no text")
}
