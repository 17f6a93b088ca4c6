//! The console as a whole: its database, the observer, and the pages.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ballet::Clock;
use ballet_amqp::Broker;
use ballet_check::Contracts;
use ballet_http::departure::Departure;
use ballet_http::limits::WindowedCounts;
use ballet_http::serving::{ListenerLimits, serve};
use ballet_ops::doctor::SystemServers;
use ballet_ops::monitor::WatchedJournal;
use ballet_ops::sagas::PATIENCE;
use jiff::SignedDuration;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::access::role::Role;
use crate::access::trusted_header::TrustedHeader;
use crate::access::{password, token};
use crate::actions::action_context::ActionContext;
use crate::actions::running_actions::RunningActions;
use crate::contract_index::ContractIndex;
use crate::observer::system_findings::{self, SystemFindings};
use crate::observer::{follow, judge, ledger_check, upkeep, violations};
use crate::server::dead_letters::DeadLetterReader;
use crate::server::site::{HASHED_AT_ONCE, Site};
use crate::server::timed_value::TimedValue;
use crate::server::{live, routes};
use crate::store::{accounts, prepare};

const FIRST: &str = "operator";
/// The limit for the requests in progress at a stop.
const DRAIN: Duration = Duration::from_secs(20);
/// The maximum number of connections from browsers.
const CONNECTIONS: usize = 256;

/// A console's configuration.
#[derive(Clone)]
pub struct Options {
    /// The contracts of the system.
    pub contracts: &'static Contracts,
    /// The broker, for a user who may read the journal and the dead letters.
    pub broker: Arc<dyn Broker>,
    /// The console's own database.
    pub database: PgConnectOptions,
    /// The services with their databases. Without any, pages show the journal's view.
    pub databases: Vec<(String, PgConnectOptions)>,
    /// The address on which it listens.
    pub listen: SocketAddr,
    /// The names by which browsers reach it, besides addresses and `localhost`.
    pub hosts: Vec<String>,
    /// How it ends: by default when it is dropped.
    pub departure: Departure,
    /// Whether browsers reach it through HTTPS, so that the cookie is for HTTPS only.
    pub is_behind_tls: bool,
    /// The time for which entries are kept.
    pub keep: SignedDuration,
    /// A step is late this long after its cause, without a known hindrance.
    pub patience: SignedDuration,
    /// The address of the broker's management API, with user and password.
    pub management: Option<String>,
    /// The header in which a gateway names the person.
    pub trusted: Option<TrustedHeader>,
    /// The folder to which discarded dead letters are written.
    pub archive: PathBuf,
    /// The time.
    pub clock: Clock,
}

impl Options {
    /// Returns the options of a console on a free port of this machine with only the broker and its own database. It
    /// keeps entries for 7 days, and a step is late after 5 minutes.
    #[must_use]
    pub fn new(
        contracts: &'static Contracts,
        broker: Arc<dyn Broker>,
        database: PgConnectOptions,
    ) -> Self {
        Self {
            contracts,
            broker,
            database,
            databases: Vec::new(),
            listen: ([127, 0, 0, 1], 0).into(),
            hosts: Vec::new(),
            departure: Departure::never(),
            is_behind_tls: false,
            keep: SignedDuration::from_hours(7 * 24),
            patience: PATIENCE,
            management: None,
            trusted: None,
            archive: std::env::temp_dir(),
            clock: Clock::system(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// An account that was created because there was none.
#[derive(Debug)]
pub struct Account {
    /// Its name.
    pub name: &'static str,
    /// Its password, which is in no file and no table.
    pub password: String,
}

/// A console that listens with its database, but does not run yet.
#[derive(Debug)]
pub struct Console {
    options: Options,
    pool: PgPool,
    listener: TcpListener,
    /// The address on which it listens.
    pub address: SocketAddr,
    /// The account that it has created.
    pub first: Option<Account>,
}

impl Console {
    /// Connects to its database, creates missing tables, and listens.
    ///
    /// # Errors
    ///
    /// The database does not answer, or the address is taken.
    pub async fn open(options: Options) -> Result<Self> {
        let pool = prepare::prepare(options.database.clone()).await?;
        let listen = || format!("cannot listen on {}", options.listen);
        let listener = TcpListener::bind(options.listen).await.with_context(listen)?;
        let address = listener.local_addr().with_context(listen)?;
        let password = token::new()?;
        let made = accounts::first(&pool, FIRST, &password::hash_new(&password)?).await?;
        let first = made.then_some(Account { name: FIRST, password });
        Ok(Self { options, pool, listener, address, first })
    }

    /// Creates an account, or gives it another password and role.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn set_account(
        database: PgConnectOptions,
        name: &str,
        role: Role,
        password: &str,
    ) -> Result<()> {
        let pool = prepare::prepare(database).await?;
        accounts::set(&pool, name, role, &password::hash_new(password)?).await?;
        pool.close().await;
        Ok(())
    }

    /// Returns the accounts with their roles, by name.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn accounts(database: PgConnectOptions) -> Result<Vec<(String, Role)>> {
        Ok(accounts::all(&prepare::prepare(database).await?).await?)
    }

    /// Removes an account, and ends its sessions. Returns false if there is none of this name.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn remove_account(database: PgConnectOptions, name: &str) -> Result<bool> {
        Ok(accounts::remove(&prepare::prepare(database).await?, name).await?)
    }

    /// Follows the journal and answers requests, until it is dropped or its departure is over.
    ///
    /// # Errors
    ///
    /// One of its tasks has panicked.
    pub async fn run(self) -> Result<()> {
        let Self { options, pool, listener, .. } = self;
        let contract_index = Arc::new(ContractIndex::new(options.contracts));
        let (trouble, added) = (watch::Sender::new(None), Arc::new(Notify::new()));
        let found = watch::Sender::new(SystemFindings::default());
        let servers = SystemServers {
            system: options.contracts.system(),
            broker: Arc::clone(&options.broker),
            management: options.management.clone(),
            databases: options.databases.clone(),
            clock: options.clock.clone(),
        };
        let context = ActionContext {
            pool: pool.clone(),
            contract_index: Arc::clone(&contract_index),
            broker: Arc::clone(&options.broker),
            databases: options.databases.clone(),
            clock: options.clock.clone(),
            archive: options.archive.clone(),
            running: Arc::new(RunningActions::default()),
        };
        let watched = WatchedJournal::new(options.contracts.system(), options.patience);
        let watched = Arc::new(watched);
        let site = Arc::new(Site {
            dead: DeadLetterReader::new(),
            context,
            trusted: options.trusted.clone(),
            found: found.subscribe(),
            watched: Arc::clone(&watched),
            trouble: trouble.subscribe(),
            now: TimedValue::new(live::FRESH),
            attempts: WindowedCounts::default(),
            hashing: Semaphore::new(HASHED_AT_ONCE),
            hosts: options.hosts.clone(),
            is_behind_tls: options.is_behind_tls,
            departure: options.departure.clone(),
        });
        let is_behind = Arc::new(AtomicBool::default());
        let observer = follow::Observer {
            pool: pool.clone(),
            broker: Arc::clone(&options.broker),
            contract_index: Arc::clone(&contract_index),
            keep: options.keep,
            trouble,
            is_behind: Arc::clone(&is_behind),
            added: Arc::clone(&added),
            watched: Arc::clone(&watched),
        };
        // The tasks end with this future.
        let mut tasks = JoinSet::new();
        tasks.spawn(observer.follow());
        tasks.spawn(violations::write(watched, pool.clone(), Arc::clone(&options.broker)));
        tasks.spawn(ledger_check::ask(
            pool.clone(),
            options.databases.clone(),
            Arc::clone(&contract_index),
        ));
        tasks.spawn(judge::judge(pool.clone(), contract_index, options.patience, added, is_behind));
        tasks.spawn(upkeep::keep_up(pool, options.keep));
        tasks.spawn(system_findings::watch(servers, found));
        let limits = ListenerLimits::new(CONNECTIONS);
        let departure = options.departure;
        let routes = routes::router(site);
        let served = tasks.spawn(serve(listener, routes, limits, departure.clone())).id();
        let over = async move {
            departure.closes().await;
            sleep(DRAIN).await;
        };
        tokio::pin!(over);
        loop {
            let ended = tokio::select! {
                ended = tasks.join_next_with_id() => ended,
                () = over.as_mut() => return Ok(()),
            };
            // A task with nothing to do ends well. If one fails, the pages would go on to show old data.
            match ended.transpose().context("a part of the console has failed")? {
                Some((id, ())) if id != served => {}
                _ => return Ok(()),
            }
        }
    }
}
