//! Options of every command: the broker, the databases, and the result's form.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ballet::Clock;
use ballet::core::topology::{OPS, REDRIVE};
use ballet::settings::TlsSettings;
use ballet_amqp::{Broker, RabbitMq, tls};
use ballet_check::definitions::development_password;
use ballet_ops::doctor::SystemServers;
use ballet_store::database::connection::{connect_briefly, connect_options};
use clap::Args;
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use tokio::time::timeout;

use crate::base::exit::{CommandError, usage, without_databases};
use crate::base::systems::{services, system};
use crate::base::ui::Output;

const PATIENCE: Duration = Duration::from_secs(10);
/// Unlike a service, a command asks once.
const BROKER_PATIENCE: Duration = Duration::from_secs(15);
const SERVICE: &str = "{service}";

/// The options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct GlobalOptions {
    /// The folder with the contracts of the system's services [default: the one below `contracts`
    /// or `docs/contracts`, here or in the nearest directory above]
    #[arg(
        long,
        global = true,
        env = "BALLET_CONTRACTS",
        value_name = "DIR",
        help_heading = "System"
    )]
    pub(crate) contracts: Option<PathBuf>,
    /// The broker, with user and virtual host [default: AMQP_URL, or the development user on this
    /// machine]
    #[arg(
        long,
        global = true,
        env = "BALLET_AMQP_URL",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Servers"
    )]
    amqp_url: Option<String>,
    /// A file that holds the broker's URL
    #[arg(
        long,
        global = true,
        env = "BALLET_AMQP_URL_FILE",
        value_name = "FILE",
        help_heading = "Servers"
    )]
    amqp_url_file: Option<PathBuf>,
    /// RabbitMQ's management API, with user and password [default: RABBITMQ_MANAGEMENT_URL, or a
    /// development user on this machine]
    #[arg(
        long,
        global = true,
        env = "BALLET_MANAGEMENT_URL",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Servers"
    )]
    management_url: Option<String>,
    /// The services' databases; {service} in the URL stands for the name of each service [default:
    /// DATABASE_URL]
    #[arg(
        long,
        global = true,
        env = "BALLET_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Servers"
    )]
    database_url: Option<String>,
    /// A file that holds the databases' URL
    #[arg(
        long,
        global = true,
        env = "BALLET_DATABASE_URL_FILE",
        value_name = "FILE",
        help_heading = "Servers"
    )]
    database_url_file: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Certificates")]
    tls: TlsSettings,
    /// The form of the result
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
    #[arg(skip = Clock::system())]
    pub(crate) clock: Clock,
}

impl GlobalOptions {
    /// The same options for a program: a line of JSON for each row, and the system in this folder.
    pub(crate) fn for_program(self, contracts: PathBuf) -> Self {
        Self { contracts: Some(contracts), output: Output::Jsonl, ..self }
    }

    pub(crate) fn broker(&self) -> Result<Arc<dyn Broker>> {
        self.broker_as(REDRIVE)
    }

    /// The broker; without a URL, the one on this machine with this development user.
    pub(crate) fn broker_as(&self, user: &str) -> Result<Arc<dyn Broker>> {
        let given =
            given_or_set(self.amqp_url.as_ref(), self.amqp_url_file.as_deref(), "AMQP_URL")?;
        let url = match given {
            Some(url) => url,
            None => development(user)?,
        };
        self.broker_at(&url)
    }

    pub(crate) fn broker_at(&self, url: &str) -> Result<Arc<dyn Broker>> {
        let tls = self.tls.amqp(url).map_err(|error| usage(error.to_string()))?;
        Ok(Arc::new(RabbitMq::new(url)?.tls(tls).patience(BROKER_PATIENCE)))
    }

    fn named_management_url(&self) -> Option<String> {
        let url = self.management_url.clone();
        url.or_else(|| std::env::var("RABBITMQ_MANAGEMENT_URL").ok())
    }

    /// The URL of the broker's management API.
    pub(crate) fn management_url(&self) -> Result<Option<String>> {
        let url = self.named_management_url();
        if url.as_ref().is_some_and(|url| url.starts_with("https://")) {
            return Err(usage(
                "the management URL begins with https://, and this client speaks no TLS: run a tunnel that does on \
                 this machine (stunnel, socat), and name that, like http://user:password@127.0.0.1:15672",
            ));
        }
        Ok(url)
    }

    /// The same for those who go on without it, else that of a broker on this machine with the development users.
    pub(crate) fn management_address(&self) -> String {
        let development = || format!("http://{OPS}:{}@127.0.0.1:15672", development_password(OPS));
        self.named_management_url().unwrap_or_else(development)
    }

    pub(crate) fn servers(&self) -> Result<(String, String)> {
        let broker =
            given_or_set(self.amqp_url.as_ref(), self.amqp_url_file.as_deref(), "AMQP_URL")?;
        let file = self.database_url_file.as_deref();
        let databases = given_or_set(self.database_url.as_ref(), file, "DATABASE_URL")?;
        let both = broker.zip(databases);
        let (broker, databases) = both.ok_or_else(|| {
            usage("the servers have to be given: set AMQP_URL and DATABASE_URL, with an administrator")
        })?;
        let databases = databases.replace("%7Bservice%7D", SERVICE).replace(SERVICE, "postgres");
        Ok((broker, databases))
    }

    /// The servers of the system, for those who judge what is wrong. Without a URL the databases are left out.
    pub(crate) fn system_servers(&self) -> Result<SystemServers> {
        Ok(SystemServers {
            system: system()?,
            broker: self.broker()?,
            management: Some(self.management_address()),
            databases: self.databases_if_given()?,
            clock: self.clock.clone(),
        })
    }

    pub(crate) fn has_databases(&self) -> bool {
        let file = self.database_url_file.as_deref();
        !matches!(given_or_set(self.database_url.as_ref(), file, "DATABASE_URL"), Ok(None))
    }

    pub(crate) fn database(&self, service: &str) -> Result<Option<PgConnectOptions>> {
        let file = self.database_url_file.as_deref();
        let Some(url) = given_or_set(self.database_url.as_ref(), file, "DATABASE_URL")? else {
            return Ok(None);
        };
        let url = url.replace("%7Bservice%7D", SERVICE).replace(SERVICE, service);
        let tls = self.tls.database().map_err(|error| usage(error.to_string()))?;
        let context = || format!("the database of {service}");
        let options = connect_options(&url, &tls).with_context(context)?;
        Ok(Some(options.application_name("ballet")))
    }

    /// Without a URL this is a usage error.
    pub(crate) fn databases(&self, services: &[String]) -> Result<Vec<(String, PgConnectOptions)>> {
        let database = |service: &String| {
            let found = self.database(service)?;
            let options = found.ok_or_else(|| {
                without_databases("what sagas wait for is in the services' databases")
            })?;
            Ok((service.clone(), options))
        };
        services.iter().map(database).collect()
    }

    /// None without a URL.
    pub(crate) fn databases_if_given(&self) -> Result<Vec<(String, PgConnectOptions)>> {
        if self.has_databases() { self.databases(&services()?) } else { Ok(Vec::new()) }
    }

    /// Without a URL this is a usage error that begins with `what`.
    pub(crate) async fn connect_needed(&self, service: &str, what: &str) -> Result<PgConnection> {
        self.connect(service).await?.ok_or_else(|| without_databases(what))
    }

    pub(crate) async fn connect(&self, service: &str) -> Result<Option<PgConnection>> {
        let Some(options) = self.database(service)? else { return Ok(None) };
        let context = || format!("the database of {service}");
        let opened = timeout(PATIENCE, connect_briefly(&options)).await;
        let no_answer = || {
            let silence = format!("no answer within {} s", PATIENCE.as_secs());
            sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, silence))
        };
        let opened = opened.unwrap_or_else(|_| Err(no_answer())).map_err(|error| {
            match (tls::problem(&error.to_string(), "DATABASE_CA_FILE"), &error) {
                (Some(problem), _) => CommandError::Tls(problem).into(),
                (None, sqlx::Error::Io(cause)) => {
                    let (host, port) = (options.get_host(), options.get_port());
                    CommandError::Unreachable(format!(
                        "Postgres at {host}:{port} cannot be reached: {cause}. Check that it is \
                         running, or set its address with DATABASE_URL or --database-url"
                    ))
                    .into()
                }
                (None, _) => anyhow::Error::from(error),
            }
        });
        opened.map(Some).with_context(context)
    }
}

/// It has loaded the system's definitions.
fn development(user: &str) -> Result<String> {
    let vhost = system()?.name;
    Ok(format!("amqp://{user}:{user}-development@127.0.0.1:5672/{vhost}"))
}

fn given_or_set(url: Option<&String>, file: Option<&Path>, name: &str) -> Result<Option<String>> {
    let of_services = || std::env::var(name).ok();
    let in_file = || std::env::var_os(format!("{name}_FILE")).map(PathBuf::from);
    match (url, file) {
        (Some(url), _) => Ok(Some(url.clone())),
        (None, Some(file)) => read(file).map(Some),
        (None, None) => match (of_services(), in_file()) {
            (Some(url), _) => Ok(Some(url)),
            (None, file) => file.as_deref().map(read).transpose(),
        },
    }
}

fn read(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file);
    Ok(text.with_context(|| format!("cannot read {}", file.display()))?.trim().to_owned())
}
