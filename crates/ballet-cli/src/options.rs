//! The options of every command: the broker, the databases, and the form of the result.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ballet::Clock;
use ballet::TlsSettings;
use ballet::internal::connect_options;
use ballet_amqp::{Broker, RabbitMq, tls};
use clap::Args;
use sqlx::{Connection, PgConnection};

use crate::exit::{Refusal, usage};
use crate::ui::Output;

/// A broker on this machine that has loaded `broker/definitions.json`.
const DEVELOPMENT: &str = "amqp://redrive:redrive-development@127.0.0.1:5672/shop";
/// Stands for the service's name in a database's URL.
const SERVICE: &str = "{service}";

/// The options of every command.
#[derive(Debug, Args)]
pub(crate) struct GlobalOptions {
    /// The broker, with user and virtual host [default: the development user on this machine]
    #[arg(
        long,
        global = true,
        env = "AMQP_URL",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Servers"
    )]
    amqp_url: Option<String>,
    /// A file that holds the broker's URL
    #[arg(
        long,
        global = true,
        env = "AMQP_URL_FILE",
        value_name = "FILE",
        help_heading = "Servers"
    )]
    amqp_url_file: Option<PathBuf>,
    /// The services' databases; {service} in the URL stands for the name of each service
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Servers"
    )]
    database_url: Option<String>,
    /// A file that holds the databases' URL
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL_FILE",
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
    pub(crate) fn broker(&self) -> Result<Arc<dyn Broker>> {
        let url = match (&self.amqp_url, &self.amqp_url_file) {
            (Some(url), _) => url.clone(),
            (None, Some(file)) => read(file)?,
            (None, None) => DEVELOPMENT.to_owned(),
        };
        let tls = self.tls.amqp(&url).map_err(|error| usage(error.to_string()))?;
        Ok(Arc::new(RabbitMq::new(&url)?.tls(tls)))
    }

    /// Connects to the service's database, if its URL is given.
    pub(crate) async fn connect(&self, service: &str) -> Result<Option<PgConnection>> {
        let url = match (&self.database_url, &self.database_url_file) {
            (Some(url), _) => url.clone(),
            (None, Some(file)) => read(file)?,
            (None, None) => return Ok(None),
        };
        let url = url.replace("%7Bservice%7D", SERVICE).replace(SERVICE, service);
        let tls = self.tls.database().map_err(|error| usage(error.to_string()))?;
        let context = || format!("the database of {service}");
        let options = connect_options(&url, &tls).with_context(context)?.application_name("ballet");
        let opened = PgConnection::connect_with(&options).await;
        let opened = opened.map_err(|error| {
            match (tls::problem(&error.to_string(), "DATABASE_CA_FILE"), &error) {
                (Some(problem), _) => Refusal::Unreachable(problem).into(),
                (None, sqlx::Error::Io(cause)) => {
                    let (host, port) = (options.get_host(), options.get_port());
                    Refusal::Unreachable(format!(
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

fn read(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file);
    Ok(text.with_context(|| format!("cannot read {}", file.display()))?.trim().to_owned())
}
