//! The one question to RabbitMQ's management API: which bindings a virtual host has.
//!
//! AMQP 0-9-1 has no way to list bindings. A passive declare does not show them. Binding again does
//! not tell whether the binding was there, and a service has no right to bind.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ballet_core::topology::{Binding, Destination};
use lapin::uri::{AMQPScheme, AMQPUri};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;

use crate::session::error::BrokerError;
use crate::session::seam::BindingsUnknown;

/// Time limit for one host.
const LIMIT: Duration = Duration::from_secs(5);
const AMQP_PORT: u16 = 5672;
const MANAGEMENT_PORT: u16 = 15672;
/// The value of the setting that switches the comparison off.
const OFF: &str = "off";

/// The address of RabbitMQ's management API: `http://host:15672`, with or without a user, or `off`.
/// `Debug` shows no password.
#[derive(Clone)]
pub struct ManagementAddress(Option<Url>);

impl FromStr for ManagementAddress {
    type Err = BrokerError;

    fn from_str(address: &str) -> Result<Self, BrokerError> {
        if address == OFF {
            return Ok(Self(None));
        }
        let wrong = |why: &str| BrokerError::BadManagementUrl(why.to_owned());
        let base: Url = address.parse().map_err(|_| wrong("it is no URL"))?;
        if base.scheme() != "http" {
            return Err(wrong("it does not start with http://"));
        }
        Ok(Self(Some(base)))
    }
}

impl fmt::Debug for ManagementAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.as_ref().map(|base| (base.host_str(), base.port()));
        f.debug_tuple("ManagementAddress").field(&host).finish()
    }
}

/// The management API of a broker. `Debug` shows no password.
#[derive(Clone)]
pub(super) struct Management {
    /// With user and password, which reqwest turns into a header.
    bases: Vec<Url>,
    vhost: String,
}

/// A binding as the management API lists it.
#[derive(Deserialize)]
struct Listed {
    source: String,
    destination: String,
    destination_type: String,
    routing_key: String,
}

impl Management {
    /// The API on the hosts of these addresses. It has no addresses if any of them is not on the
    /// usual port: another broker may be behind the usual port of the API. With TLS it has none
    /// either, because the password would go over a connection without.
    pub(super) fn beside(uris: &[AMQPUri]) -> Self {
        let usual =
            |uri: &AMQPUri| uri.scheme == AMQPScheme::AMQP && uri.authority.port == AMQP_PORT;
        let base = |uri: &AMQPUri| {
            let text = format!("http://{}:{MANAGEMENT_PORT}", uri.authority.host);
            let mut base: Url = text.parse().ok()?;
            sign_in(&mut base, uri);
            Some(base)
        };
        let bases = if uris.iter().all(usual) {
            uris.iter().filter_map(base).collect()
        } else {
            Vec::new()
        };
        Self { bases, vhost: vhost(uris) }
    }

    /// The API at this address.
    pub(super) fn at(ManagementAddress(base): ManagementAddress, uris: &[AMQPUri]) -> Self {
        let mut bases: Vec<Url> = base.into_iter().collect();
        for base in bases.iter_mut().filter(|base| base.username().is_empty()) {
            if let Some(uri) = uris.first() {
                sign_in(base, uri);
            }
        }
        Self { bases, vhost: vhost(uris) }
    }

    /// All bindings of the virtual host. The hosts are asked in turn until one answers.
    pub(super) async fn bindings(&self) -> Result<Vec<Binding>, BindingsUnknown> {
        let mut unknown = BindingsUnknown("RABBITMQ_MANAGEMENT_URL is not set".to_owned());
        for base in &self.bases {
            match self.list(base.clone()).await {
                Ok(bindings) => return Ok(bindings),
                Err(why) => unknown = why,
            }
        }
        Err(unknown)
    }

    async fn list(&self, base: Url) -> Result<Vec<Binding>, BindingsUnknown> {
        let at = format!(
            "{}:{}",
            base.host_str().unwrap_or_default(),
            base.port_or_known_default().unwrap_or_default()
        );
        let failed = |why: &dyn fmt::Display| {
            BindingsUnknown(format!("RabbitMQ's management API at {at}: {why}"))
        };
        let mut url = base;
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(["api", "bindings", &self.vhost]);
        }
        let http = Client::builder().no_proxy().timeout(LIMIT).build();
        let http = http.map_err(|error| failed(&innermost(&error)))?;
        let answer = http.get(url).send().await.map_err(|error| failed(&innermost(&error)))?;
        match answer.status() {
            StatusCode::OK => {}
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                return Err(failed(&format!("{status}; the user needs the tag management")));
            }
            status => return Err(failed(&status)),
        }
        let listed: Vec<Listed> =
            answer.json().await.map_err(|error| failed(&innermost(&error)))?;
        Ok(listed.into_iter().map(Binding::from).collect())
    }
}

impl From<Listed> for Binding {
    fn from(listed: Listed) -> Self {
        let kind = match &*listed.destination_type {
            "exchange" => Destination::Exchange,
            _ => Destination::Queue,
        };
        let Listed { source, destination, routing_key: key, .. } = listed;
        Self { source, kind, destination, key }
    }
}

impl fmt::Debug for Management {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.bases.iter().map(|base| (base.host_str(), base.port()));
        f.debug_list().entries(hosts).finish()
    }
}

fn vhost(uris: &[AMQPUri]) -> String {
    uris.first().map(|uri| uri.vhost.clone()).unwrap_or_default()
}

fn sign_in(base: &mut Url, uri: &AMQPUri) {
    let user = &uri.authority.userinfo;
    // This fails only for URLs that cannot have a user; the API then answers 401.
    base.set_username(&user.username).ok();
    base.set_password(Some(&user.password)).ok();
}

/// The innermost source says the cause, such as "connection refused".
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uris(urls: &[&str]) -> Vec<AMQPUri> {
        urls.iter().map(|url| url.parse().expect("a URL")).collect()
    }

    #[test]
    fn it_is_beside_brokers_on_the_usual_port_without_tls() {
        let found = |urls: &[&str]| {
            let bases = Management::beside(&uris(urls)).bases;
            bases.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            found(&["amqp://u:p%40@a/shop", "amqp://u:p%40@b:5672/shop"]),
            ["http://u:p%40@a:15672/", "http://u:p%40@b:15672/"]
        );
        assert_eq!(found(&["amqp://u:p@a:5673/shop"]), [""; 0]);
        assert_eq!(found(&["amqps://u:p@a/shop"]), [""; 0]);
    }

    #[test]
    fn an_address_without_a_user_takes_the_brokers_and_is_never_shown_with_a_password() {
        let uris = uris(&["amqp://orders:s3cret@a:1/shop"]);
        let at = |address: &str| Management::at(address.parse().expect("an address"), &uris);
        let management = at("http://b:2");
        assert_eq!(management.bases[0].as_str(), "http://orders:s3cret@b:2/");
        assert!(!format!("{management:?}").contains("s3cret"));
        assert_eq!(at("http://me:mine@b:2").bases[0].username(), "me");
        assert!(at("off").bases.is_empty());
        for wrong in ["https://b", "b:2", "b"] {
            let error = wrong.parse::<ManagementAddress>().expect_err("wrong").to_string();
            assert!(error.contains("RABBITMQ_MANAGEMENT_URL"), "{error}");
        }
    }
}
