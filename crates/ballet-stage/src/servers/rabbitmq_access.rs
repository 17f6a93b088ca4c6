//! How the administrator reaches a RabbitMQ: over AMQP and over the management API.

use std::fmt;
use std::time::Duration;

use lapin::{Connection, ConnectionProperties};
use reqwest::{Method, Url};

use crate::error::{Error, Result};
use crate::management::Management;
use crate::servers::ports::Ports;
use crate::servers::run::Run;
use crate::servers::version::{self, Version};
use crate::url;

/// The administrator of servers that we bring up.
pub(crate) const OPS: &str = "ops";
/// The limit of one attempt to log in.
const LOG_IN: Duration = Duration::from_secs(8);
const LOG_INS: u32 = 8;

/// The administrator's access over both protocols.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) amqp: Url,
    pub(crate) management: Management,
}

impl Access {
    pub(crate) fn ours(run: &Run, ports: &Ports) -> Result<Self> {
        let amqp = url::local("amqp", OPS, run.password(), ports.amqp(), "%2f")?;
        let base = url::local("http", OPS, run.password(), ports.management(), "")?;
        let management = Management::new(base)?;
        Ok(Self { amqp, management })
    }

    /// Logs in over both protocols, and returns the version.
    pub(crate) async fn check(&self) -> Result<Version> {
        let connection = log_in(&self.amqp).await?;
        connection.close(200, "seen".into()).await.map_err(|error| amqp(&self.amqp, &error))?;
        let overview = self.management.call(Method::GET, &["overview"], None).await?;
        let text = overview["rabbitmq_version"].as_str().unwrap_or_default();
        version::parse(text).ok_or_else(|| Error::Server {
            what: "reading the version".to_owned(),
            place: self.management.url().to_owned(),
            cause: format!("it says {text:?}"),
            advice: "is that RabbitMQ's management API?",
        })
    }
}

/// Opens a connection that the broker shows under our name.
pub(crate) async fn log_in(url: &Url) -> Result<Connection> {
    let properties = ConnectionProperties::default().with_connection_name("ballet-stage".into());
    // Under load lapin 4.12 sometimes waits forever on a port that nobody listens on.
    for _ in 0..LOG_INS {
        let opening = Connection::connect(url.as_str(), properties.clone());
        if let Ok(connection) = tokio::time::timeout(LOG_IN, opening).await {
            return connection.map_err(|error| amqp(url, &error));
        }
    }
    Err(amqp(url, &format!("{LOG_INS} times no answer within {LOG_IN:?}")))
}

pub(crate) fn amqp(url: &Url, cause: &dyn fmt::Display) -> Error {
    Error::Server {
        what: "AMQP".to_owned(),
        place: url::masked(url),
        cause: cause.to_string(),
        advice: "is the broker up, and may that user log in there?",
    }
}
