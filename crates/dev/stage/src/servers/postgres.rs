//! A Postgres for tests: found or brought up, killed and frozen on request.

use std::path::Path;
use std::sync::Arc;

use rustix::process::Signal;
use sqlx::Executor;
use tokio::sync::OnceCell;
use url::Url;

use crate::error::{Error, Result};
use crate::servers::backend::{self, Backend, BackendKind, PATIENCE};
use crate::servers::install;
use crate::servers::options::Options;
use crate::servers::ports::Ports;
use crate::servers::postgres_access::{check, connect, sql};
use crate::servers::postgres_node::{self, NAME};
use crate::servers::server_set::ServerSet;
use crate::servers::source::{self, ServerSource};
use crate::servers::version::{self, ServerVersion};
use crate::urls;
use crate::wait::wait_until;

/// A Postgres, with an administrator's access.
#[derive(Debug)]
pub struct Postgres {
    url: Url,
    version: ServerVersion,
    backend: Backend,
    _ports: Option<Ports>,
}

impl Postgres {
    /// Returns the server shared by this process's tests without a broker: `DATABASE_URL`, or our own, which ends with
    /// the process.
    pub async fn shared() -> Result<&'static Self, &'static Error> {
        static SHARED: OnceCell<Result<Postgres>> = OnceCell::const_new();
        let acquire = || async {
            match std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()) {
                Some(url) => Self::external(&url).await,
                None => Self::bring_up(&Arc::new(ServerSet::start()?), &Options::fast()).await,
            }
        };
        SHARED.get_or_init(acquire).await.as_ref()
    }

    /// Brings up a server for one test, which may kill it. It ends when dropped.
    pub async fn private() -> Result<Self> {
        Self::bring_up(&Arc::new(ServerSet::start()?), &Options::fast()).await
    }

    /// Returns the administrator's URL.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Returns the version that runs.
    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// Whether it was brought up for us, and ends with us.
    pub fn is_private(&self) -> bool {
        self.backend.is_private()
    }

    /// Returns its log, if it is a file on this machine.
    pub fn log(&self) -> Option<&Path> {
        self.backend.log()
    }

    /// Returns its main process. Empty if it is not ours, or in a container.
    pub async fn pids(&self) -> Vec<i32> {
        self.backend.pid().await.into_iter().collect()
    }

    /// Kills the server and all its sessions with `kill -9`, and waits until they are gone.
    pub async fn kill(&self) -> Result<()> {
        self.backend.kill().await
    }

    /// Starts a killed server again, on the same port and data, and waits until it is ready.
    pub async fn start(&self) -> Result<()> {
        self.backend.start(|| check(&self.url)).await
    }

    /// Starts the server again if it has ended, and waits until it is ready.
    pub async fn revive(&self) -> Result<()> {
        if self.backend.is_running().await {
            return backend::ready(NAME, || check(&self.url)).await.map(drop);
        }
        self.start().await
    }

    /// Starts a standby with a copy of the data. From then on a commit waits for the standby's disk.
    ///
    /// # Errors
    ///
    /// If this is not a private server from local programs, or if the standby does not start.
    pub async fn synchronous_standby(&self) -> Result<Self> {
        let standby = self.standby().await?;
        self.execute("alter system set synchronous_standby_names = '*'").await?;
        self.execute("select pg_reload_conf()").await?;
        wait_until("the standby to be synchronous", PATIENCE, || async {
            let found = "select 1 from pg_stat_replication where sync_state = 'sync'";
            Ok::<_, Error>((self.execute(found).await? > 0).then_some(()))
        })
        .await?;
        Ok(standby)
    }

    /// Starts a standby with a copy of the data, some moments behind. Once promoted, it is like this server restored
    /// from a base backup and the log up to then.
    ///
    /// # Errors
    ///
    /// If this is not a private server from local programs, or if the standby does not start.
    pub async fn standby(&self) -> Result<Self> {
        let action = "add a standby to";
        let primary = self.backend.local().ok_or_else(|| self.backend.refuses(action))?;
        let (url, ports, standby) =
            postgres_node::standby(primary, "postgres-2", &self.url).await?;
        let backend = Backend { server: NAME, kind: BackendKind::Local(Box::new(standby)) };
        Ok(Self { url, version: self.version, backend, _ports: Some(ports) })
    }

    /// Makes a standby the primary.
    pub async fn promote(&self) -> Result<()> {
        self.execute("select pg_promote()").await.map(drop)
    }

    /// Returns the number of rows found or changed.
    async fn execute(&self, statement: &'static str) -> Result<u64> {
        let mut db = connect(&self.url).await?;
        let done = db.execute(statement).await;
        let done = done.map_err(|error| sql(statement, &self.url, &error))?;
        Ok(done.rows_affected())
    }

    /// Freezes it: sessions stay open and nothing answers.
    pub async fn freeze(&self) -> Result<()> {
        self.backend.signal("freeze", Signal::STOP).await
    }

    /// Ends [`Postgres::freeze`].
    pub async fn thaw(&self) -> Result<()> {
        self.backend.signal("thaw", Signal::CONT).await
    }

    pub(crate) fn admin(&self) -> &Url {
        &self.url
    }

    pub(crate) async fn external(text: &str) -> Result<Self> {
        let url = urls::parse("DATABASE_URL", text, &["postgres", "postgresql"])?;
        let version = check(&url).await;
        let unusable = |why| Error::Named { name: "DATABASE_URL", why: Box::new(why) };
        let version = version.map_err(unusable)?;
        version::check_postgres(version, &urls::masked(&url))?;
        let backend = Backend { server: NAME, kind: BackendKind::External };
        Ok(Self { url, version, backend, _ports: None })
    }

    pub(crate) async fn bring_up(set: &Arc<ServerSet>, options: &Options) -> Result<Self> {
        let url =
            urls::local("postgres", "ops", set.password(), set.ports().postgres(), "postgres")?;
        let (version, kind) = match source::find(set, &install::POSTGRES, &options.progress).await?
        {
            ServerSource::Local(programs) => {
                let place = programs.display();
                (options.progress)(&format!("Postgres: starting a private server from {place}"));
                let (server, version) = postgres_node::start(set, &programs, options, &url).await?;
                (version, BackendKind::Local(Box::new(server)))
            }
            ServerSource::Containers(containers) => {
                containers.up("postgres", &options.progress).await?;
                let version = backend::ready(NAME, || check(&url)).await?;
                (version, BackendKind::Containers(containers))
            }
        };
        let port = url.port().unwrap_or_default();
        (options.progress)(&format!("Postgres: {version} is ready on 127.0.0.1:{port}"));
        Ok(Self { url, version, backend: Backend { server: NAME, kind }, _ports: None })
    }
}
