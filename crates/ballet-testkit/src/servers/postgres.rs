use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use rustix::process::Signal;
use sqlx::{Connection, PgConnection};
use tokio::sync::OnceCell;

use crate::error::{Error, Result};
use crate::servers::postgres_node::Node;
use crate::servers::run::Run;
use crate::servers::version::{self, Version};
use crate::servers::way::{self, Way};
use crate::servers::{Backend, Options, install};
use crate::{url, wait_until};

const NAME: &str = "Postgres";
/// In `compose.yaml`.
const SERVICE: &str = "postgres";
const PATIENCE: Duration = Duration::from_secs(120);

/// A Postgres, with an administrator's access.
#[derive(Debug)]
pub struct Postgres {
    url: Url,
    version: Version,
    backend: Backend<Node>,
}

impl Postgres {
    /// The server that all tests of one process share which need no broker: the one that
    /// `DATABASE_URL` names, or one of their own that ends with the process.
    pub async fn shared() -> Result<&'static Self, &'static Error> {
        static SHARED: OnceCell<Result<Postgres>> = OnceCell::const_new();
        let acquire = || async {
            match std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()) {
                Some(url) => Self::external(&url).await,
                None => Self::bring_up(&Arc::new(Run::start()?), &Options::fast()).await,
            }
        };
        SHARED.get_or_init(acquire).await.as_ref()
    }

    /// The administrator's URL.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The version that runs.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether it is ours alone and ends with us.
    pub fn is_private(&self) -> bool {
        !matches!(self.backend, Backend::External)
    }

    /// Its log, where it is a file on this machine.
    pub fn log(&self) -> Option<&Path> {
        self.backend.local().map(Node::log)
    }

    /// Its main process; none where it is not ours or in a container.
    pub async fn pids(&self) -> Vec<i32> {
        match self.backend.local() {
            Some(node) => node.pids().await,
            None => Vec::new(),
        }
    }

    /// `kill -9` for the server and all its sessions; returns when they are gone.
    pub async fn kill(&self) -> Result<()> {
        match &self.backend {
            Backend::External => Err(Error::NotPrivate { server: NAME, action: "kill" }),
            Backend::Containers(containers) => containers.kill(SERVICE).await,
            Backend::Local(node) => node.kill().await,
        }
    }

    /// Starts a killed server again, on the same port and data; returns when it is ready.
    pub async fn start(&self) -> Result<()> {
        match &self.backend {
            Backend::External => Err(Error::NotPrivate { server: NAME, action: "start" }),
            Backend::Containers(containers) => {
                containers.start(SERVICE).await?;
                wait_until("Postgres to be ready", PATIENCE, || ready(&self.url)).await.map(drop)
            }
            Backend::Local(node) => node.start_again(&self.url).await,
        }
    }

    /// Stops it in its tracks: sessions stay open and nothing answers.
    pub async fn freeze(&self) -> Result<()> {
        self.signal("freeze", Signal::STOP).await
    }

    /// Ends [`Postgres::freeze`].
    pub async fn thaw(&self) -> Result<()> {
        self.signal("thaw", Signal::CONT).await
    }

    async fn signal(&self, action: &'static str, signal: Signal) -> Result<()> {
        let node = self.backend.local().ok_or(Error::NotPrivate { server: NAME, action })?;
        node.signal(signal).await;
        Ok(())
    }

    pub(crate) fn admin(&self) -> &Url {
        &self.url
    }

    /// Uses the server that the environment names.
    pub(crate) async fn external(text: &str) -> Result<Self> {
        let url = url::parse("DATABASE_URL", text, &["postgres", "postgresql"])?;
        let version = check(&url).await?;
        version::check_postgres(version, &url::masked(&url))?;
        Ok(Self { url, version, backend: Backend::External })
    }

    /// Brings one up that is ours alone.
    pub(crate) async fn bring_up(run: &Arc<Run>, options: &Options) -> Result<Self> {
        let url =
            url::local("postgres", "ops", run.password(), run.ports().postgres(), "postgres")?;
        let (version, backend) = match way::find(run, &install::POSTGRES, &options.progress).await?
        {
            Way::Local(programs) => {
                let place = programs.display();
                (options.progress)(&format!("Postgres: starting a private server from {place}"));
                let (node, version) = Node::start(run, programs, options, &url).await?;
                (version, Backend::Local(node))
            }
            Way::Containers(containers) => {
                containers.up(SERVICE, &options.progress).await?;
                let limit = PATIENCE;
                let version = wait_until("Postgres to be ready", limit, || ready(&url)).await?;
                (version, Backend::Containers(containers))
            }
        };
        let port = url.port().unwrap_or_default();
        (options.progress)(&format!("Postgres: {version} is ready on 127.0.0.1:{port}"));
        Ok(Self { url, version, backend })
    }
}

async fn ready(url: &Url) -> Result<Option<Version>> {
    check(url).await.map(Some)
}

/// Says the version once the administrator gets in.
pub(crate) async fn check(url: &Url) -> Result<Version> {
    let mut session = connect(url).await?;
    let number: String = sqlx::query_scalar("show server_version_num")
        .fetch_one(&mut session)
        .await
        .map_err(|error| sql("asking for the version", url, &error))?;
    session.close().await.map_err(|error| sql("closing a session", url, &error))?;
    Ok(version::parse_postgres_number(number.parse().unwrap_or_default()))
}

pub(crate) async fn connect(url: &Url) -> Result<PgConnection> {
    PgConnection::connect(url.as_str()).await.map_err(|error| sql("connecting", url, &error))
}

pub(crate) fn sql(what: &str, url: &Url, error: &sqlx::Error) -> Error {
    Error::Server {
        what: what.to_owned(),
        place: url::masked(url),
        cause: error.to_string(),
        advice: "is the server up, and may that user do this? \
                 A test's administrator needs CREATEDB and CREATEROLE",
    }
}
