//! The administrator's access to a RabbitMQ: over AMQP and over the management API.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Broker, RabbitMq, Session};
use hyper::Method;
use url::Url;

use crate::error::{Error, Result};
use crate::management::ManagementClient;
use crate::servers::ports::Ports;
use crate::servers::server_set::ServerSet;
use crate::servers::version::{self, ServerVersion};
use crate::urls;

pub(crate) const OPS: &str = "ops";
const LOG_IN: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub(crate) struct RabbitMqAccess {
    pub(crate) amqp: Url,
    pub(crate) management: ManagementClient,
}

impl RabbitMqAccess {
    pub(crate) fn ours(set: &ServerSet, ports: &Ports) -> Result<Self> {
        let amqp = urls::local("amqp", OPS, set.password(), ports.amqp(), "%2f")?;
        let base = urls::local("http", OPS, set.password(), ports.management(), "")?;
        let management = ManagementClient::new(base);
        Ok(Self { amqp, management })
    }

    /// Logs in over both protocols, and returns the version.
    pub(crate) async fn check(&self) -> Result<ServerVersion> {
        log_in(&self.amqp).await?.close().await;
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

/// The broker shows the connection under our name.
async fn log_in(url: &Url) -> Result<Arc<dyn Session>> {
    let broker = RabbitMq::new(url.as_str()).map_err(|error| amqp(url, &error))?;
    let session = broker.patience(LOG_IN).connect("ballet-stage").await;
    session.map_err(|error| amqp(url, &error))
}

fn amqp(url: &Url, cause: &dyn fmt::Display) -> Error {
    Error::Server {
        what: "AMQP".to_owned(),
        place: urls::masked(url),
        cause: cause.to_string(),
        advice: "is the broker up, and may that user log in there?",
    }
}
