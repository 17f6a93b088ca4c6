//! The part of RabbitMQ's management API that checks and repairs of a topology need.

use std::time::Duration;

use ballet_amqp::{ManagementApi, ManagementError};
use ballet_core::mask::masked;
use ballet_core::topology::drift::{BrokerObjects, Difference, ObjectKind, compare};
use ballet_core::{System, contract, topology};
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde_json::{Value, json};
use url::Url;

const PATIENCE: Duration = Duration::from_secs(30);
/// The patience of those who ask many things and want an answer soon.
pub const SOON: Duration = Duration::from_secs(10);

/// Why the management API gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ManagementFault {
    /// The address is wrong.
    #[error("RABBITMQ_MANAGEMENT_URL should be like http://user:password@host:15672")]
    Address,
    /// It cannot be reached.
    #[error("{0}")]
    Unreachable(String),
    /// It refuses, or says something else than expected.
    #[error("{0}")]
    Refused(String),
}

type Result<T> = std::result::Result<T, ManagementFault>;

/// One virtual host of a broker.
#[derive(Debug)]
pub struct VhostManagement {
    api: ManagementApi,
    /// The URL without the password.
    shown: String,
    vhost: String,
}

impl VhostManagement {
    /// Opens it, for tools that have time.
    ///
    /// # Errors
    ///
    /// The address is wrong.
    pub fn at(address: &str, vhost: &str) -> Result<Self> {
        Self::within(PATIENCE, address, vhost)
    }

    /// Limits the wait for each answer to `patience`.
    ///
    /// # Errors
    ///
    /// The address is wrong.
    pub fn within(patience: Duration, address: &str, vhost: &str) -> Result<Self> {
        let base: Url = address.parse().map_err(|_| ManagementFault::Address)?;
        if base.scheme() != "http" || base.username().is_empty() || base.password().is_none() {
            return Err(ManagementFault::Address);
        }
        let shown = masked(base.as_str());
        let api = ManagementApi::new(base, patience);
        Ok(Self { api, shown, vhost: vhost.to_owned() })
    }

    /// Lists the objects of the topology.
    ///
    /// # Errors
    ///
    /// There is no answer.
    pub async fn read_objects(&self) -> Result<BrokerObjects> {
        Ok(BrokerObjects {
            exchanges: self.list("exchanges").await?,
            queues: self.queues().await?,
            bindings: self.list("bindings").await?,
            policies: self.list("policies").await?,
        })
    }

    /// How the objects differ from what a system declares.
    ///
    /// # Errors
    ///
    /// There is no answer.
    pub async fn differences(&self, system: &System) -> Result<Vec<Difference>> {
        Ok(differences(system, &self.vhost, &self.read_objects().await?))
    }

    /// The queues, each with the number of its consumers. RabbitMQ 4.3 counts them every five seconds and reports none
    /// until then; its list of consumers has each at once.
    ///
    /// # Errors
    ///
    /// There is no answer.
    pub async fn queues(&self) -> Result<Vec<Value>> {
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
    ///
    /// # Errors
    ///
    /// There is no answer.
    pub async fn overview(&self) -> Result<(Value, Option<Timestamp>)> {
        self.answer(Method::GET, &["overview"], None).await
    }

    /// Sends any GET request.
    ///
    /// # Errors
    ///
    /// There is no answer.
    pub async fn get(&self, path: &[&str]) -> Result<Value> {
        self.call(Method::GET, path, None).await
    }

    async fn list(&self, what: &str) -> Result<Vec<Value>> {
        let found = self.call(Method::GET, &[what, &self.vhost], None).await?;
        match found {
            Value::Array(found) => Ok(found),
            other => {
                let said = format!("the management API lists {what} as {other}");
                Err(ManagementFault::Refused(said))
            }
        }
    }

    /// Repairs a difference, if that is possible without losing messages.
    ///
    /// # Errors
    ///
    /// There is no answer.
    pub async fn apply(&self, difference: &Difference) -> Result<()> {
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

    fn failed(&self, error: ManagementError) -> ManagementFault {
        let cause = match error {
            ManagementError::Refused { status, text } => {
                return ManagementFault::Refused(self.refused(status, &text));
            }
            ManagementError::Unreachable(cause) => cause,
            other => {
                let said = format!("the management API did not answer in JSON: {other}");
                return ManagementFault::Refused(said);
            }
        };
        ManagementFault::Unreachable(format!(
            "RabbitMQ's management API at {} cannot be reached: {cause}. Check that the plugin \
             rabbitmq_management is enabled, or set the address with RABBITMQ_MANAGEMENT_URL or \
             --management-url",
            self.shown
        ))
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

pub(crate) fn differences(system: &System, vhost: &str, found: &BrokerObjects) -> Vec<Difference> {
    let here = contract::system(vhost, system.parts.clone());
    compare(&topology::definitions(&here, |_| String::new()), found)
}

/// Whether a process of the release before may need what the repair of a difference takes: it has to be asked for.
#[must_use]
pub const fn has_to_be_asked_for(difference: &Difference) -> bool {
    matches!(difference, Difference::Unwanted { .. } | Difference::Other { keeps_less: true, .. })
}

/// The kind of a binding's destination, as the API abbreviates it.
fn end(binding: &Value) -> &'static str {
    if binding["destination_type"] == "exchange" { "e" } else { "q" }
}
