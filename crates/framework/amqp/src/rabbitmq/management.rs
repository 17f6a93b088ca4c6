//! The questions to RabbitMQ's management API: which bindings a virtual host has, and what policies make of
//! its queues.
//!
//! AMQP 0-9-1 can neither list bindings nor show a policy. Binding again does not tell whether the
//! binding was there, and a service has no right to bind.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ballet_core::hosts::with_port;
use ballet_core::topology::{Binding, Destination};
use hyper::{Method, StatusCode};
use lapin::uri::{AMQPScheme, AMQPUri};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::management::{ManagementApi, ManagementError};
use crate::session::error::BrokerError;
use crate::session::seam::NotListed;

/// Time limit for one host.
const LIMIT: Duration = Duration::from_secs(5);
const AMQP_PORT: u16 = 5672;
const MANAGEMENT_PORT: u16 = 15672;
/// The columns that are requested of a queue. Counts and rates of many queues would be work for the broker.
const QUEUE_COLUMNS: &str = "name,vhost,type,state,leader,durable,auto_delete,arguments,policy,\
                             operator_policy,effective_policy_definition";
/// The longest answer that is read. A binding takes about 200 bytes, a queue 600.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;
const OFF: &str = "off";
const SWITCHED_OFF: &str = "RABBITMQ_MANAGEMENT_URL is off";
const UNSET: &str = "RABBITMQ_MANAGEMENT_URL is not set";
const NOT_HTTP: &str = "it does not start with http://";
const TLS_ALONE: &str = "this client speaks no TLS: for an API with https:// alone, run a tunnel that does \
                         on this machine (stunnel, socat), and name that";
const UNENCRYPTED: &str = "it names no user, and the password of AMQP_URL, which has TLS, would go \
                           there unencrypted";

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
            return Err(wrong(if base.scheme() == "https" { TLS_ALONE } else { NOT_HTTP }));
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
#[derive(Debug, Clone)]
pub(super) struct Management {
    /// One for each host.
    apis: Vec<ManagementApi>,
    /// The reason why there is none.
    unknown: &'static str,
}

#[derive(Deserialize)]
struct ListedBinding {
    source: String,
    destination: String,
    destination_type: String,
    routing_key: String,
}

impl Management {
    /// The API on the hosts of these addresses. It has no addresses if one of them is on another
    /// port, since the usual port of the API may then be another broker's. With TLS it has none
    /// either, because the password would go over a connection without.
    pub(super) fn beside(uris: &[AMQPUri]) -> Self {
        let usual =
            |uri: &AMQPUri| uri.scheme == AMQPScheme::AMQP && uri.authority.port == AMQP_PORT;
        let base = |uri: &AMQPUri| {
            let text = format!("http://{}", with_port(&uri.authority.host, MANAGEMENT_PORT));
            let mut base: Url = text.parse().ok()?;
            sign_in(&mut base, uri);
            Some(base)
        };
        let bases = if uris.iter().all(usual) {
            uris.iter().filter_map(base).collect()
        } else {
            Vec::new()
        };
        Self::new(bases, UNSET, uris)
    }

    /// The API at this address. Without a user it takes the first broker's, unless the password
    /// would go over a connection without TLS.
    pub(super) fn at(
        ManagementAddress(base): ManagementAddress,
        uris: &[AMQPUri],
    ) -> Result<Self, BrokerError> {
        let mut bases: Vec<Url> = base.into_iter().collect();
        for base in bases.iter_mut().filter(|base| base.username().is_empty()) {
            if uris.iter().any(|uri| uri.scheme == AMQPScheme::AMQPS) {
                return Err(BrokerError::BadManagementUrl(UNENCRYPTED.to_owned()));
            }
            if let Some(uri) = uris.first() {
                sign_in(base, uri);
            }
        }
        Ok(Self::new(bases, SWITCHED_OFF, uris))
    }

    fn new(bases: Vec<Url>, unknown: &'static str, uris: &[AMQPUri]) -> Self {
        let vhost = uris.first().map(|uri| &*uri.vhost).unwrap_or_default();
        let api = |base| ManagementApi::new(base, vhost, LIMIT).at_most(LONGEST_ANSWER);
        Self { apis: bases.into_iter().map(api).collect(), unknown }
    }

    pub(super) async fn bindings(&self) -> Result<Vec<Binding>, NotListed> {
        let listed: Vec<ListedBinding> = self.list("bindings", None).await?;
        Ok(listed.into_iter().map(Binding::from).collect())
    }

    pub(super) async fn queues(&self) -> Result<Vec<Value>, NotListed> {
        self.list("queues", Some(QUEUE_COLUMNS)).await
    }

    /// The hosts are asked in turn until one answers.
    async fn list<T: DeserializeOwned>(
        &self,
        what: &str,
        columns: Option<&str>,
    ) -> Result<Vec<T>, NotListed> {
        let mut unknown = NotListed(self.unknown.to_owned());
        for api in &self.apis {
            let query: Vec<_> = columns.map(|columns| ("columns", columns)).into_iter().collect();
            match api.answer(Method::GET, &[what, api.vhost()], &query, None).await {
                Ok((listed, _)) => return Ok(listed),
                Err(error) => unknown = not_listed(api, &error),
            }
        }
        Err(unknown)
    }
}

/// Why nothing is listed, for the readiness and the log of a service.
fn not_listed(api: &ManagementApi, error: &ManagementError) -> NotListed {
    let address = api.address();
    let host = address.host_str().unwrap_or_default();
    let port = address.port_or_known_default().unwrap_or_default();
    let why = match error {
        ManagementError::Refused {
            status: status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN),
            ..
        } => format!("{status}: the user has another password, or lacks the tag management"),
        other => other.cause(),
    };
    NotListed(format!("RabbitMQ's management API at {host}:{port}: {why}"))
}

impl From<ListedBinding> for Binding {
    fn from(listed: ListedBinding) -> Self {
        let kind = match &*listed.destination_type {
            "exchange" => Destination::Exchange,
            _ => Destination::Queue,
        };
        let ListedBinding { source, destination, routing_key: key, .. } = listed;
        Self { source, kind, destination, key }
    }
}

fn sign_in(base: &mut Url, uri: &AMQPUri) {
    let user = &uri.authority.userinfo;
    // This fails only for URLs that cannot have a user; the API then answers 401.
    base.set_username(&user.username).ok();
    base.set_password(Some(&user.password)).ok();
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn uris(urls: &[&str]) -> Vec<AMQPUri> {
        urls.iter().map(|url| url.parse().expect("a URL")).collect()
    }

    #[test]
    fn it_is_beside_brokers_on_the_usual_port_without_tls() {
        let found = |urls: &[&str]| {
            let apis = Management::beside(&uris(urls)).apis;
            apis.iter().map(|api| api.base.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            found(&["amqp://u:p%40@a/shop", "amqp://u:p%40@b:5672/shop"]),
            ["http://u:p%40@a:15672/", "http://u:p%40@b:15672/"]
        );
        let six = crate::Addresses::parse("amqp://u:p@[::1]/shop").expect("a URL");
        let beside = Management::beside(six.all());
        assert_eq!(beside.apis[0].base.as_str(), "http://u:p@[::1]:15672/");
        assert_eq!(found(&["amqp://u:p@a:5673/shop"]), [""; 0]);
        assert_eq!(found(&["amqps://u:p@a/shop"]), [""; 0]);
    }

    fn at(address: &str, amqp: &[&str]) -> Result<Management, BrokerError> {
        Management::at(address.parse().expect("an address"), &uris(amqp))
    }

    #[test]
    fn an_address_without_a_user_takes_the_brokers_and_is_never_shown_with_a_password() {
        let at = |address: &str| at(address, &["amqp://orders:s3cret@a:1/shop"]).expect("good");
        let management = at("http://b:2");
        assert_eq!(management.apis[0].base.as_str(), "http://orders:s3cret@b:2/");
        assert!(!format!("{management:?}").contains("s3cret"));
        assert_eq!(at("http://me:mine@b:2").apis[0].base.username(), "me");
        assert!(at("off").apis.is_empty());
        for wrong in ["https://b", "b:2", "b"] {
            let error = wrong.parse::<ManagementAddress>().expect_err("wrong").to_string();
            assert!(error.contains("RABBITMQ_MANAGEMENT_URL"), "{error}");
        }
    }

    #[test]
    fn the_password_of_an_encrypted_connection_is_not_sent_over_another() {
        for amqp in [&["amqps://u:s3cret@a/shop"][..], &["amqp://u:p@a", "amqps://u:s3cret@b"]] {
            for address in ["http://b:2", "http://:s3cret@b:2"] {
                let error = at(address, amqp).expect_err("refused").to_string();
                assert!(error.contains("it names no user"), "{error}");
                assert!(!error.contains("s3cret"), "{error}");
            }
            assert_eq!(at("http://me:mine@b:2", amqp).expect("good").apis[0].base.username(), "me");
            at("off", amqp).expect("good");
        }
    }

    /// The error about an API that answers like this. If `goes_on` is set, it sends blanks until nobody
    /// reads them.
    async fn said(answer: &'static [u8], goes_on: bool) -> String {
        let api = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", api.local_addr().expect("an address"));
        let answering = tokio::spawn(async move {
            let (mut stream, _) = api.accept().await.expect("a question");
            assert!(stream.read(&mut [0; 4096]).await.expect("a request") > 0);
            stream.write_all(answer).await.expect("heard");
            while goes_on && stream.write_all(&[b' '; 65_536]).await.is_ok() {}
        });
        let management = at(&address, &["amqp://u:p@a/shop"]).expect("good");
        let unknown = management.bindings().await.expect_err("no bindings");
        answering.await.expect("the answer");
        unknown.to_string()
    }

    #[tokio::test]
    async fn what_is_not_the_api_is_neither_followed_nor_read_without_end() {
        let elsewhere =
            b"HTTP/1.1 302 Found\r\nlocation: http://a.invalid/\r\ncontent-length: 0\r\n\r\n";
        let said_there = said(elsewhere, false).await;
        assert!(said_there.ends_with("302 Found"), "{said_there}");
        let endless = said(b"HTTP/1.1 200 OK\r\n\r\n[", true).await;
        assert!(endless.ends_with("the answer has more than 16777216 bytes"), "{endless}");
    }
}
