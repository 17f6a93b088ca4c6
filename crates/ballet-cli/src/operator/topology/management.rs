//! The part of RabbitMQ's management API that `ballet topology` and `ballet doctor` need.

use std::time::Duration;

use anyhow::{Context as _, Error, Result, anyhow, bail};
use ballet::core::mask::masked;
use ballet::core::topology::OPS;
use ballet::core::topology::drift::{BrokerObjects, Difference, ObjectKind};
use ballet_amqp::{ManagementApi, ManagementError};
use ballet_check::definitions::development_password;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::{Method, StatusCode, Url};
use serde_json::{Value, json};

use crate::base::exit::{CommandError, usage};
use crate::base::options::management_url;

const PATIENCE: Duration = Duration::from_secs(30);
/// The patience of commands that ask many things and want an answer soon.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// The given address, else that of the services, else that of a broker on this machine with the development users.
pub(crate) fn address(given: Option<&String>) -> String {
    management_url(given).unwrap_or_else(development)
}

fn development() -> String {
    let password = development_password(OPS);
    format!("http://{OPS}:{password}@127.0.0.1:15672")
}

/// One virtual host of a broker.
pub(crate) struct VhostManagement {
    api: ManagementApi,
    /// The URL without the password.
    shown: String,
    vhost: String,
}

impl VhostManagement {
    pub(crate) fn at(address: &str, vhost: &str) -> Result<Self> {
        Self::within(PATIENCE, address, vhost)
    }

    /// Limits the wait for each answer to `patience`.
    pub(crate) fn within(patience: Duration, address: &str, vhost: &str) -> Result<Self> {
        let expected = "RABBITMQ_MANAGEMENT_URL should be like http://user:password@host:15672";
        let base: Url = address.parse().map_err(|_| usage(expected))?;
        if base.scheme() != "http" || base.username().is_empty() || base.password().is_none() {
            return Err(usage(expected));
        }
        let shown = masked(base.as_str());
        let api = ManagementApi::new(base, patience).context("cannot set up HTTP")?;
        Ok(Self { api, shown, vhost: vhost.to_owned() })
    }

    pub(crate) async fn read_objects(&self) -> Result<BrokerObjects> {
        Ok(BrokerObjects {
            exchanges: self.list("exchanges").await?,
            queues: self.queues().await?,
            bindings: self.list("bindings").await?,
            policies: self.list("policies").await?,
        })
    }

    /// The queues, each with the number of its consumers. RabbitMQ 4.3 counts them every five seconds and reports none
    /// until then; its list of consumers has each at once.
    pub(crate) async fn queues(&self) -> Result<Vec<Value>> {
        let (mut queues, consumers) =
            tokio::try_join!(self.list("queues"), self.list("consumers"))?;
        for queue in &mut queues {
            let reads = |consumer: &&Value| consumer["queue"]["name"] == queue["name"];
            let listed = consumers.iter().filter(reads).count();
            if listed > 0 && queue["consumers"] == 0 {
                queue["consumers"] = listed.into();
            }
        }
        Ok(queues)
    }

    /// The broker's overview, and its time, if the answer has one.
    pub(crate) async fn overview(&self) -> Result<(Value, Option<Timestamp>)> {
        self.answer(Method::GET, &["overview"], None).await
    }

    /// Sends any GET request.
    pub(crate) async fn get(&self, path: &[&str]) -> Result<Value> {
        self.call(Method::GET, path, None).await
    }

    async fn list(&self, what: &str) -> Result<Vec<Value>> {
        let found = self.call(Method::GET, &[what, &self.vhost], None).await?;
        match found {
            Value::Array(found) => Ok(found),
            other => bail!("the management API lists {what} as {other}"),
        }
    }

    /// Repairs a difference, if that is possible without losing messages.
    pub(crate) async fn apply(&self, difference: &Difference) -> Result<()> {
        let vhost = &*self.vhost;
        let text =
            |object: &Value, field: &str| object[field].as_str().unwrap_or_default().to_owned();
        match difference {
            Difference::Missing { kind: ObjectKind::Binding, wanted } => {
                let (from, to) = (text(wanted, "source"), text(wanted, "destination"));
                let path = ["bindings", vhost, "e", &from, end(wanted), &to];
                let binding = json!({ "routing_key": wanted["routing_key"],
                    "arguments": wanted["arguments"] });
                self.call(Method::POST, &path, Some(&binding)).await?;
            }
            Difference::Missing { kind, wanted }
            | Difference::Other { kind: kind @ ObjectKind::Policy, wanted, .. } => {
                let section = match kind {
                    ObjectKind::Exchange => "exchanges",
                    ObjectKind::Queue => "queues",
                    ObjectKind::Policy => "policies",
                    ObjectKind::Binding => "bindings",
                };
                let path = [section, vhost, &text(wanted, "name")];
                self.call(Method::PUT, &path, Some(wanted)).await?;
            }
            Difference::Unwanted { found } => {
                let (from, to) = (text(found, "source"), text(found, "destination"));
                let key = text(found, "properties_key");
                let path = ["bindings", vhost, "e", &from, end(found), &to, &key];
                self.call(Method::DELETE, &path, None).await?;
            }
            Difference::Other { .. } | Difference::Policed { .. } | Difference::Strange { .. } => {}
        }
        Ok(())
    }

    /// Calls the API. The parts of the path are encoded here.
    async fn call(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Value> {
        Ok(self.answer(method, path, body).await?.0)
    }

    /// Calls the API. Returns the answer, and the time at which the broker gave it.
    async fn answer(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<(Value, Option<Timestamp>)> {
        let answer = self.api.call(method, path, &[], body).await;
        let (value, date) = answer.map_err(|error| self.failed(error))?;
        let date = date.and_then(|date| rfc2822::parse(&date).ok()).map(|date| date.timestamp());
        Ok((value, date))
    }

    fn failed(&self, error: ManagementError) -> Error {
        let cause = match error {
            ManagementError::Refused { status, text } => {
                return anyhow!(self.refused(status, &text));
            }
            ManagementError::Unreachable(cause) => cause,
            other => {
                return Error::new(other).context("the management API did not answer in JSON");
            }
        };
        let message = format!(
            "RabbitMQ's management API at {} cannot be reached: {cause}. Check that the plugin \
             rabbitmq_management is enabled, or set the address with RABBITMQ_MANAGEMENT_URL or \
             --management-url",
            self.shown
        );
        CommandError::Unreachable(message).into()
    }

    fn refused(&self, status: StatusCode, text: &str) -> String {
        let vhost = &self.vhost;
        let advice = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "; the user needs the tag policymaker, and the rights that the definitions give \
                 to `topology`"
                    .to_owned()
            }
            StatusCode::NOT_FOUND => format!("; check that there is a virtual host {vhost:?}"),
            _ => String::new(),
        };
        let answer: Value = serde_json::from_str(text).unwrap_or_default();
        let reason = answer["reason"].as_str().unwrap_or(text.trim());
        format!("RabbitMQ at {} answers {}: {reason}{advice}", self.shown, status.as_u16())
    }
}

/// The kind of a binding's destination, as the API abbreviates it.
fn end(binding: &Value) -> &'static str {
    if binding["destination_type"] == "exchange" { "e" } else { "q" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_development_broker_is_asked_as_its_operator() {
        let address = development();
        assert!(VhostManagement::at(&address, "shop").is_ok());
        assert!(address.starts_with("http://ops:ops-development@127.0.0.1"));
    }
}
