//! The fields of a config file.

use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;

use crate::config::defaults;
use crate::config::secret::Secret;
use crate::config::units::{ByteSize, Span};
use crate::config::words::{Origin, Prefix, ProxyNetwork, Scope, Server, Verb};

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default)]
    pub(crate) listen: Listen,
    #[serde(default)]
    pub(crate) limits: Limits,
    #[serde(default)]
    pub(crate) timeouts: Timeouts,
    pub(crate) database: Option<DatabaseConfig>,
    pub(crate) jwt: Option<Jwt>,
    pub(crate) signing: Option<Signing>,
    pub(crate) cors: Option<Cors>,
    #[serde(default)]
    pub(crate) security: Security,
    pub(crate) openapi: Option<OpenApi>,
    #[serde(default, rename = "api_key")]
    pub(crate) api_keys: Vec<ApiKey>,
    #[serde(default, rename = "scope")]
    pub(crate) wide_scopes: Vec<WideScope>,
    #[serde(default, rename = "rate")]
    pub(crate) rates: Vec<Rate>,
    #[serde(default, rename = "upstream")]
    pub(crate) upstreams: Vec<Upstream>,
    #[serde(default, rename = "route")]
    pub(crate) routes: Vec<RouteConfig>,
    #[serde(default, rename = "page")]
    pub(crate) pages: Vec<PageConfig>,
}

/// The addresses on which the gateway listens.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Listen {
    /// The address for clients.
    pub(crate) public: SocketAddr,
    /// The address for operators: health, readiness, metrics.
    pub(crate) private: SocketAddr,
    /// Proxies in front of the gateway, or their networks. The client that they name is believed.
    pub(crate) trusted_proxies: Vec<ProxyNetwork>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) connections: usize,
    /// The maximum number of connections of one address. Trusted proxies have no limit.
    pub(crate) address_connections: usize,
    /// The maximum number of requests of one client at the same time.
    pub(crate) client_requests: usize,
    pub(crate) body: ByteSize,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Timeouts {
    /// The limit for a client's headers, and for its next request.
    pub(crate) headers: Span,
    /// The limit for a client's whole body.
    pub(crate) body: Span,
    /// The limit for the head of an upstream's answer, retries included.
    pub(crate) upstream: Span,
    /// The limit for the next piece of an upstream's answer, and for a client to take it.
    pub(crate) idle: Span,
    /// The time for which a stop serves new connections while readiness is red, before `drain`.
    pub(crate) shutdown_delay: Span,
    /// The limit for the requests in progress at a stop.
    pub(crate) drain: Span,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseConfig {
    pub(crate) url: Secret,
    #[serde(default = "defaults::eight")]
    pub(crate) connections: u32,
    /// A request waits for the database at most this long.
    #[serde(default = "defaults::one_second")]
    pub(crate) timeout: Span,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Jwt {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    /// A JWK set: a file, relative to the config file, or an address.
    pub(crate) keys: String,
    /// The claims with a client's scopes, by name or JSON pointer. All of them count.
    #[serde(default = "defaults::scope_claims")]
    pub(crate) scope_claims: Vec<String>,
    /// CAs to trust beside the public ones, for an `https://` address. Relative to the config file.
    pub(crate) ca_file: Option<String>,
    #[serde(default = "defaults::five_minutes")]
    pub(crate) refresh: Span,
    /// The tolerated difference between clocks.
    #[serde(default = "defaults::thirty_seconds")]
    pub(crate) leeway: Span,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signing {
    /// `env:NAME` or `file:PATH`, relative to the config file. `{upstream}` stands for an upstream's name.
    pub(crate) secret: Secret,
}

/// A key of a client that is a program. Only its hash is here.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKey {
    pub(crate) id: String,
    /// The key's SHA-256, in hex.
    pub(crate) hash: String,
    #[serde(default)]
    pub(crate) scopes: Vec<Scope>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WideScope {
    pub(crate) name: Scope,
    pub(crate) includes: Vec<Scope>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rate {
    pub(crate) name: String,
    pub(crate) requests: u32,
    pub(crate) window: Span,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Upstream {
    pub(crate) name: String,
    pub(crate) servers: Vec<Server>,
    #[serde(default = "defaults::one_second")]
    pub(crate) connect: Span,
    #[serde(default)]
    pub(crate) breaker: BreakerConfig,
    /// Whether it has an OpenAPI document.
    #[serde(default = "defaults::yes")]
    pub(crate) documented: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BreakerConfig {
    /// Consecutive failures open it.
    pub(crate) failures: u32,
    /// Then requests try again, and the first failure opens it again.
    pub(crate) open: Span,
}

/// Requests, their upstream, and who may make them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteConfig {
    pub(crate) prefix: Prefix,
    pub(crate) methods: Vec<Verb>,
    pub(crate) upstream: String,
    /// Replaces the prefix on the way to the upstream.
    pub(crate) to: Option<Prefix>,
    /// Whether it is for everybody. Otherwise `scopes` is required.
    #[serde(default)]
    pub(crate) public: bool,
    /// A client needs all. An empty list admits any client that signs in.
    pub(crate) scopes: Option<Vec<Scope>>,
    /// Limits a client's requests.
    pub(crate) rate: Option<String>,
    #[serde(default)]
    pub(crate) idempotency: IdempotencyKey,
    /// Whether the upstream recognises the `Idempotency-Key` itself, so that a request whose outcome is unknown may be
    /// sent again.
    #[serde(default)]
    pub(crate) deduplicates: bool,
    pub(crate) body: Option<ByteSize>,
    pub(crate) timeout: Option<Span>,
    pub(crate) idle: Option<Span>,
    /// Whether it is in the system's OpenAPI document, unlike a webhook.
    #[serde(default = "defaults::yes")]
    pub(crate) documented: bool,
}

/// Whether a route remembers answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IdempotencyKey {
    #[default]
    Off,
    Optional,
    Required,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageConfig {
    /// With parameters: `/pages/product/{sku}`.
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) public: bool,
    pub(crate) scopes: Option<Vec<Scope>>,
    pub(crate) rate: Option<String>,
    #[serde(rename = "part")]
    pub(crate) parts: Vec<PartConfig>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartConfig {
    pub(crate) name: String,
    pub(crate) upstream: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) optional: bool,
    pub(crate) timeout: Option<Span>,
}

/// Pages of other origins that may call the gateway.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cors {
    pub(crate) origins: Vec<Origin>,
    #[serde(default = "defaults::ten_minutes")]
    pub(crate) max_age: Span,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Security {
    /// `Strict-Transport-Security`, only behind TLS.
    pub(crate) hsts: Option<Span>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenApi {
    pub(crate) title: String,
    #[serde(default = "defaults::first_version")]
    pub(crate) version: String,
    pub(crate) description: Option<String>,
    /// The folder with each upstream's `<upstream>.json`, relative to the config file.
    pub(crate) documents: String,
    /// Limits a client's requests.
    pub(crate) rate: Option<String>,
}

impl Listen {
    /// Whether a peer is a proxy in front of the gateway.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|ProxyNetwork(network)| network.contains(peer))
    }
}
