//! Settings: the same for every service, from flags or the environment.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ballet_http::signature::Secrets;
use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};

use crate::service::settings::error::SettingsError;
use crate::service::settings::otel::OtelSettings;
use crate::service::settings::tls::TlsSettings;

const LANES: RangeInclusive<i64> = 1..=64;
const BATCH: RangeInclusive<i64> = 1..=5000;
const AT_LEAST_ONE: RangeInclusive<i64> = 1..=65_535;
const DATABASE_CONNECTIONS: RangeInclusive<i64> = 8..=500;
/// Connections beside those of the lanes, by default: five of them are for requests.
const MORE_CONNECTIONS: u32 = 11;
const REPUBLISH_RATE: RangeInclusive<i64> = 1..=1_000_000;
/// The broker takes a message back that is not settled within half an hour.
pub const HANDLER_SECONDS: RangeInclusive<u64> = 1..=25 * 60;
const DRAIN_SECONDS: RangeInclusive<u64> = 0..=3600;
const SHUTDOWN_DELAY_SECONDS: RangeInclusive<u64> = 0..=600;
const MAX_BODY: RangeInclusive<u64> = LEAST_BODY..=MOST_BODY;
/// With less, events of the services themselves would be dead letters.
const LEAST_BODY: u64 = 64 * 1024;
/// RabbitMQ itself takes no more.
const MOST_BODY: u64 = 512 * 1024 * 1024;

/// The minimum number of characters of the gateway's secret.
const LEAST_SECRET: usize = 32;

/// The settings that every service has. Put them into the service's own arguments with
/// `#[command(flatten)]`.
#[derive(Clone, Args)]
pub struct Settings {
    /// The broker, with user and virtual host; several hosts separated by commas.
    #[arg(long, env = "AMQP_URL", hide_env_values = true, value_name = "URL")]
    pub amqp_url: Option<String>,

    /// A file that holds the broker's URL, instead of the URL itself.
    #[arg(long, env = "AMQP_URL_FILE", value_name = "FILE", conflicts_with = "amqp_url")]
    pub amqp_url_file: Option<PathBuf>,

    /// RabbitMQ's management API, which lists the bindings that the service compares with its own
    /// every 20 seconds; `off` for no comparison. By default it is port 15672 of a broker on port
    /// 5672, with the broker's user.
    #[arg(long, env = "RABBITMQ_MANAGEMENT_URL", hide_env_values = true, value_name = "URL")]
    pub management_url: Option<String>,

    /// A file that holds the management API's URL, instead of the URL itself.
    #[arg(
        long,
        env = "RABBITMQ_MANAGEMENT_URL_FILE",
        value_name = "FILE",
        conflicts_with = "management_url"
    )]
    pub management_url_file: Option<PathBuf>,

    /// The service's own database, with user.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<String>,

    /// A file that holds the database's URL, instead of the URL itself.
    #[arg(long, env = "DATABASE_URL_FILE", value_name = "FILE", conflicts_with = "database_url")]
    pub database_url_file: Option<PathBuf>,

    /// Certificates.
    #[command(flatten)]
    pub tls: TlsSettings,

    /// Where HTTP is served; port 0 takes a free one.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,

    /// How many lanes work side by side, each on its own sagas.
    #[arg(long, env = "LANES", default_value_t = 1, value_parser = clap::value_parser!(u16).range(LANES))]
    pub lanes: u16,

    /// The most messages that one transaction takes in.
    #[arg(long, env = "BATCH", default_value_t = 250, value_parser = clap::value_parser!(u16).range(BATCH))]
    pub batch: u16,

    /// The most messages that the broker hands over unacknowledged; by default two batches a lane,
    /// and fewer while they are big.
    #[arg(long, env = "PREFETCH", value_parser = clap::value_parser!(u16).range(AT_LEAST_ONE))]
    pub prefetch: Option<u16>,

    /// The most calls to the outside that are made at a time, of each step and each compensation.
    #[arg(long, env = "CALLS", default_value_t = 32, value_parser = clap::value_parser!(u16).range(AT_LEAST_ONE))]
    pub calls: u16,

    /// The biggest message body, in bytes.
    #[arg(long, env = "MAX_BODY", default_value_t = 1024 * 1024, value_name = "BYTES", value_parser = RangedU64ValueParser::<usize>::new().range(MAX_BODY))]
    pub max_body: usize,

    /// The most database connections: one for each lane, six for upkeep, and the others for HTTP
    /// requests; by default eleven more than lanes.
    #[arg(long, env = "DATABASE_CONNECTIONS", value_parser = clap::value_parser!(u32).range(DATABASE_CONNECTIONS))]
    pub database_connections: Option<u32>,

    /// The most HTTP requests that are served at a time. Others are answered with 503.
    #[arg(long, env = "HTTP_REQUESTS", default_value_t = 256, value_parser = clap::value_parser!(u16).range(AT_LEAST_ONE))]
    pub http_requests: u16,

    /// The most HTTP connections beside those of these requests: idle ones, streams of events, looks at
    /// health and metrics. Others wait until one is closed, as an idle one is after three minutes.
    #[arg(long, env = "HTTP_CONNECTIONS", default_value_t = 2048, value_parser = clap::value_parser!(u16).range(AT_LEAST_ONE))]
    pub http_connections: u16,

    /// The environment that the service runs in, such as `production`. Its database remembers it, and no process of
    /// another one works in it; without it, none with another broker.
    #[arg(long, env = "ENVIRONMENT", value_name = "NAME")]
    pub environment: Option<String>,

    /// The version of the service, such as `1.4.2`: operators see which ones run, and spans have it.
    #[arg(long, env = "SERVICE_VERSION", value_name = "VERSION")]
    pub service_version: Option<String>,

    /// The gateway's secrets, separated by commas. With them HTTP requests are taken only if the gateway
    /// has signed them with one; without them the network is trusted.
    #[arg(long, env = "GATEWAY_SECRET", hide_env_values = true, value_name = "SECRETS")]
    pub gateway_secret: Option<String>,

    /// A file that holds the gateway's secrets, one a line. It is read again when it changes.
    #[arg(
        long,
        env = "GATEWAY_SECRET_FILE",
        value_name = "FILE",
        conflicts_with = "gateway_secret"
    )]
    pub gateway_secret_file: Option<PathBuf>,

    /// The most entities that are published anew in a second, when a service asks for all that this
    /// one shares; of all replicas together.
    #[arg(long, env = "REPUBLISH_RATE", default_value_t = 5000, value_name = "ENTITIES", value_parser = clap::value_parser!(u32).range(REPUBLISH_RATE))]
    pub republish_rate: u32,

    /// The most messages of telemetry that a reader takes in one transaction.
    #[arg(long, env = "TELEMETRY_BATCH", default_value_t = 1000, value_name = "MESSAGES", value_parser = clap::value_parser!(u16).range(BATCH))]
    pub telemetry_batch: u16,

    /// How long one handler may take with one message, in seconds; then it is rolled back and
    /// has failed.
    #[arg(long, env = "HANDLER_SECONDS", default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(HANDLER_SECONDS))]
    pub handler_seconds: u64,

    /// How long a stop waits for what is in hand, in seconds.
    #[arg(long, env = "DRAIN_SECONDS", default_value_t = 20, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(DRAIN_SECONDS))]
    pub drain_seconds: u64,

    /// How long a stop serves new HTTP connections, in seconds, while `/readyz` is red: whoever balances
    /// load sends some until it has seen that. The time of `DRAIN_SECONDS` begins after it.
    #[arg(long, env = "SHUTDOWN_DELAY_SECONDS", default_value_t = 5, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(SHUTDOWN_DELAY_SECONDS))]
    pub shutdown_delay_seconds: u64,

    /// The filter of the log: a level, or `target=level` separated by commas. The service tells what
    /// concerns the broker, so its client `lapin` logs only if it is named; so do the database's notices
    /// (`sqlx::postgres::notice`), which `ballet doctor` says.
    #[arg(long, env = "LOG", default_value = "info")]
    pub log: String,

    /// How logs look; `auto` is text on a terminal, JSON lines otherwise.
    #[arg(long, env = "LOG_FORMAT", default_value = "auto", value_enum)]
    pub log_format: LogFormat,

    /// The collector that spans are sent to over OTLP, without the path `/v1/traces`.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true, value_name = "URL")]
    pub otlp_endpoint: Option<String>,

    /// How spans are exported.
    #[command(flatten)]
    pub otel: OtelSettings,

    /// Print the service's contract as JSON, and end: what it declares, and its events with their
    /// schemas.
    #[arg(long)]
    pub print_contract: bool,
}

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON lines otherwise.
    Auto,
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

impl Settings {
    /// The usual settings, for the given broker and database; for tests and tools. Nobody balances load there, so a
    /// stop has no delay.
    #[must_use]
    pub fn new(amqp_url: impl Into<String>, database_url: impl Into<String>) -> Self {
        Self {
            amqp_url: Some(amqp_url.into()),
            amqp_url_file: None,
            management_url: None,
            management_url_file: None,
            database_url: Some(database_url.into()),
            database_url_file: None,
            tls: TlsSettings::default(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            lanes: 1,
            batch: 250,
            prefetch: None,
            calls: 32,
            max_body: 1024 * 1024,
            database_connections: None,
            http_requests: 256,
            http_connections: 2048,
            environment: None,
            service_version: None,
            gateway_secret: None,
            gateway_secret_file: None,
            republish_rate: 5000,
            telemetry_batch: 1000,
            handler_seconds: 30,
            drain_seconds: 20,
            shutdown_delay_seconds: 0,
            log: "info".to_owned(),
            log_format: LogFormat::Auto,
            otlp_endpoint: None,
            otel: OtelSettings::default(),
            print_contract: false,
        }
    }

    /// A variable that is set to nothing, as an image's may be, is not set.
    pub(crate) fn service_version(&self) -> Option<&str> {
        self.service_version.as_deref().filter(|version| !version.is_empty())
    }

    pub(crate) fn environment(&self) -> Option<&str> {
        self.environment.as_deref().map(str::trim).filter(|name| !name.is_empty())
    }

    pub(crate) fn prefetch(&self) -> u16 {
        self.prefetch.unwrap_or_else(|| self.batch.saturating_mul(2).saturating_mul(self.lanes))
    }

    pub(crate) fn database_connections(&self) -> u32 {
        self.database_connections.unwrap_or(u32::from(self.lanes) + MORE_CONNECTIONS)
    }

    pub(crate) fn handler_time(&self) -> Duration {
        Duration::from_secs(self.handler_seconds)
    }

    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    pub(crate) fn shutdown_delay(&self) -> Duration {
        Duration::from_secs(self.shutdown_delay_seconds)
    }

    /// The broker's URL.
    ///
    /// # Errors
    ///
    /// If there is none, or if its file cannot be read.
    pub fn amqp_url(&self) -> Result<String, SettingsError> {
        value_or_file(
            "the broker's URL",
            "AMQP_URL",
            self.amqp_url.as_ref(),
            self.amqp_url_file.as_deref(),
            "amqp://user:password@host:5672/vhost",
        )
    }

    /// The management API's URL, if it is not the usual one.
    pub(crate) fn management_url(&self) -> Result<Option<String>, SettingsError> {
        match (&self.management_url, self.management_url_file.as_deref()) {
            (None, Some(file)) => read("RABBITMQ_MANAGEMENT_URL", file).map(Some),
            (given, _) => Ok(given.clone()),
        }
    }

    /// The database's URL.
    ///
    /// # Errors
    ///
    /// If there is none, or if its file cannot be read.
    pub fn database_url(&self) -> Result<String, SettingsError> {
        value_or_file(
            "the database's URL",
            "DATABASE_URL",
            self.database_url.as_ref(),
            self.database_url_file.as_deref(),
            "postgres://user:password@host:5432/database",
        )
    }

    /// The secrets of the gateway, if only what it has signed is taken.
    pub(crate) fn gateway_secrets(&self) -> Result<Option<Secrets>, SettingsError> {
        let (text, file) = (self.gateway_secret.as_deref(), self.gateway_secret_file.as_ref());
        let secrets = Secrets::of("GATEWAY_SECRET", text, file, LEAST_SECRET);
        secrets.map_err(|wrong| SettingsError::new(wrong.to_string()))
    }
}

fn value_or_file(
    what: &str,
    name: &str,
    value: Option<&String>,
    file: Option<&Path>,
    example: &str,
) -> Result<String, SettingsError> {
    if let Some(value) = value {
        return Ok(value.clone());
    }
    let Some(file) = file else {
        let flag = name.to_lowercase().replace('_', "-");
        return Err(SettingsError::new(format!(
            "{what} is missing: set {name} or {name}_FILE, or give --{flag}; expected something \
             like {example}"
        )));
    };
    read(name, file)
}

fn read(name: &str, file: &Path) -> Result<String, SettingsError> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => Err(SettingsError::new(format!(
            "{name}_FILE names {}, which cannot be read: {error}",
            file.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_url_is_named_with_what_was_expected() {
        let mut settings = Settings::new("", "");
        settings.amqp_url = None;
        let error = settings.amqp_url().expect_err("missing").to_string();
        assert!(error.contains("AMQP_URL") && error.contains("amqp://user"), "{error}");
    }
}
