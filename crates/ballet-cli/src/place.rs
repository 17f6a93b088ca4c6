//! Where the system is: its broker, its databases, and what it declares.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ballet::Clock;
use ballet::core::{Part, System};
use ballet::internal::TlsSettings;
use ballet::internal::connect_options;
use ballet_amqp::{Broker, BrokerError, RabbitMq, tls};
use ballet_ops::redrive::{DeadLetters, Held, RedriveError};
use clap::Args;
use sqlx::{Connection, PgConnection};

use crate::exit::{Refusal, usage};
use crate::ui::Output;

/// A broker that has loaded `broker/definitions.json` on this machine.
const HERE: &str = "amqp://redrive:redrive-development@127.0.0.1:5672/shop";
/// Stands in a database's URL for the service's name.
const SERVICE: &str = "{service}";

/// What every command is told.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The broker, with user and virtual host [default: the development user here]
    #[arg(
        long,
        global = true,
        env = "AMQP_URL",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Where"
    )]
    amqp_url: Option<String>,
    /// A file that holds the broker's URL
    #[arg(long, global = true, env = "AMQP_URL_FILE", value_name = "FILE", help_heading = "Where")]
    amqp_url_file: Option<PathBuf>,
    /// The services' databases; {service} in it stands for each service's name
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Where"
    )]
    database_url: Option<String>,
    /// A file that holds the databases' URL
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL_FILE",
        value_name = "FILE",
        help_heading = "Where"
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

/// One service's dead letters, and what it declares, if that is known here.
#[derive(Debug)]
pub(crate) struct Dead {
    pub(crate) letters: DeadLetters,
    pub(crate) part: Option<Part>,
    pub(crate) held: Held,
}

impl Dead {
    pub(crate) fn service(&self) -> &str {
        self.letters.service()
    }
}

/// The systems that are part of this build.
pub(crate) fn systems() -> Vec<System> {
    vec![shop::system()]
}

impl Place {
    pub(crate) fn broker(&self) -> Result<Arc<dyn Broker>> {
        let url = match (&self.amqp_url, &self.amqp_url_file) {
            (Some(url), _) => url.clone(),
            (None, Some(file)) => read(file)?,
            (None, None) => HERE.to_owned(),
        };
        let tls = self.tls.amqp(&url).map_err(|error| usage(error.to_string()))?;
        Ok(Arc::new(RabbitMq::new(&url)?.tls(tls)))
    }

    /// A connection to the service's database, if it is said where that is.
    pub(crate) async fn connect(&self, service: &str) -> Result<Option<PgConnection>> {
        let url = match (&self.database_url, &self.database_url_file) {
            (Some(url), _) => url.clone(),
            (None, Some(file)) => read(file)?,
            (None, None) => return Ok(None),
        };
        let url = url.replace("%7Bservice%7D", SERVICE).replace(SERVICE, service);
        let tls = self.tls.database().map_err(|error| usage(error.to_string()))?;
        let at = || format!("the database of {service}");
        let options = connect_options(&url, &tls).with_context(at)?.application_name("ballet");
        let opened = PgConnection::connect_with(&options).await;
        let opened = opened.map_err(|error| {
            match (tls::problem(&error.to_string(), "DATABASE_CA_FILE"), &error) {
                (Some(problem), _) => Refusal::NotReachable(problem).into(),
                (None, sqlx::Error::Io(cause)) => {
                    let (host, port) = (options.get_host(), options.get_port());
                    Refusal::NotReachable(format!(
                        "Postgres at {host}:{port} cannot be reached: {cause}. Is it running \
                         there? DATABASE_URL, or --database-url, says where it is"
                    ))
                    .into()
                }
                (None, _) => anyhow::Error::from(error),
            }
        });
        opened.map(Some).with_context(at)
    }

    /// The services that were named, or else all that this build knows and that are there.
    pub(crate) async fn dead(&self, named: &[String]) -> Result<Vec<Dead>> {
        let broker = self.broker()?;
        let parts: Vec<Part> = systems().into_iter().flat_map(|system| system.parts).collect();
        let known = || parts.iter().map(|part| part.service.to_owned()).collect();
        let services: Vec<String> = if named.is_empty() { known() } else { named.to_vec() };
        let mut found = Vec::new();
        for service in services {
            let letters = DeadLetters::on(Arc::clone(&broker), &service);
            let held = match letters.held().await {
                Ok(held) => held,
                Err(RedriveError::NoQueue { .. }) if named.is_empty() => continue,
                Err(error) => return Err(reached(error)),
            };
            let part = parts.iter().find(|part| part.service == service).cloned();
            found.push(Dead { letters, part, held });
        }
        if found.is_empty() {
            let known: Vec<String> = known();
            return Err(usage(format!(
                "none of {} has a queue for dead letters in this virtual host: name a service \
                 with --service, or another virtual host in AMQP_URL",
                known.join(", ")
            )));
        }
        Ok(found)
    }
}

/// The same error; nothing is tried again by this command.
fn reached(error: RedriveError) -> anyhow::Error {
    match &error {
        RedriveError::Broker(BrokerError::Unreachable { at, reason }) => {
            let said = format!(
                "RabbitMQ at {at} cannot be reached: {reason}. Is it running there? AMQP_URL, or \
                 --amqp-url, says where it is"
            );
            Refusal::NotReachable(said).into()
        }
        _ => error.into(),
    }
}

fn read(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file);
    Ok(text.with_context(|| format!("cannot read {}", file.display()))?.trim().to_owned())
}
