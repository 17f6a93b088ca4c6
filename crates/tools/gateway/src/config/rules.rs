//! A config file's rules beyond its form: references by name, and choices that nobody should make by accident.

use std::collections::BTreeSet;

use crate::config::file::{
    ApiKey, Config, IdempotencyKey, Jwt, PageConfig, PartConfig, Rate, RouteConfig, Upstream,
    WideScope,
};
use crate::config::words::{Prefix, Scope};
use crate::http::path::PathPattern;

/// The table and its place among those of its kind, the field, and the fault.
#[derive(Debug)]
pub(crate) struct BrokenRule {
    pub(crate) table: &'static str,
    pub(crate) index: usize,
    pub(crate) field: &'static str,
    pub(crate) what: String,
}

pub(crate) const DOCUMENT: &str = "/openapi.json";

type CheckResult = Result<(), BrokenRule>;

/// Returns the first broken rule.
pub(crate) fn check(config: &Config) -> CheckResult {
    server(config)?;
    let scopes = &config.wide_scopes;
    each("api_key", &config.api_keys, api_key)?;
    each("scope", scopes, |scope, before| wide_scope(scope, before, scopes))?;
    each("rate", &config.rates, rate)?;
    each("upstream", &config.upstreams, upstream)?;
    each("route", &config.routes, |one, before| route(config, one, before))?;
    let mut parts = 0;
    for (index, page) in config.pages.iter().enumerate() {
        let before = &config.pages[..index];
        let pattern = self::page(config, page, before)
            .map_err(|(field, what)| broken("page", index, field, what))?;
        let mut names = BTreeSet::from(["missing"]);
        for part in &page.parts {
            self::part(config, &pattern, part, &mut names)
                .map_err(|(field, what)| broken("page.part", parts, field, what))?;
            parts += 1;
        }
    }
    if config.routes.is_empty() && config.pages.is_empty() {
        let what = "nothing is served: expected at least one [[route]] or [[page]]";
        return Err(broken("route", 0, "", what.to_owned()));
    }
    Ok(())
}

type FieldFault = (&'static str, String);

/// Together with those before it.
fn each<T>(
    table: &'static str,
    all: &[T],
    check: impl Fn(&T, &[T]) -> Result<(), FieldFault>,
) -> CheckResult {
    all.iter().enumerate().try_for_each(|(index, one)| {
        check(one, &all[..index]).map_err(|(field, what)| broken(table, index, field, what))
    })
}

fn broken(table: &'static str, index: usize, field: &'static str, what: String) -> BrokenRule {
    BrokenRule { table, index, field, what }
}

fn server(config: &Config) -> CheckResult {
    let limits = &config.limits;
    let ranges = [
        ("connections", limits.connections, 1, 1_000_000),
        ("address_connections", limits.address_connections, 1, 1_000_000),
        ("client_requests", limits.client_requests, 1, 1_000_000),
        ("headers", limits.headers, 8, 1000),
        ("header_bytes", limits.header_bytes.0, 1024, 1024 * 1024),
        ("uri", limits.uri.0, 64, 64 * 1024),
        ("refused_sign_ins", limits.refused_sign_ins as usize, 1, 1_000_000),
    ];
    for (field, value, least, most) in ranges {
        if !(least..=most).contains(&value) {
            let what = format!("expected {least} to {most}, found {value}");
            return Err(broken("limits", 0, field, what));
        }
    }
    if let Some(rate) = config.openapi.as_ref().and_then(|openapi| openapi.rate.as_deref()) {
        known("rate", rate, config.rates.iter().map(|rate| &*rate.name))
            .map_err(|what| broken("openapi", 0, "rate", what))?;
    }
    if config.signing.as_ref().is_some_and(|signing| !signing.secret.is_of_each_upstream()) {
        let what = "expected \"file:PATH\" or \"env:NAME\" with {upstream} in it: who knows the \
                    secret of one service must not be believed by another";
        return Err(broken("signing", 0, "secret", what.to_owned()));
    }
    config.jwt.as_ref().map_or(Ok(()), jwt)
}

fn jwt(jwt: &Jwt) -> CheckResult {
    if jwt.scope_claims.is_empty() {
        let what = "expected at least one claim, like \"scope\"";
        return Err(broken("jwt", 0, "scope_claims", what.to_owned()));
    }
    if jwt.max_age.0 <= jwt.refresh.0 {
        let what = format!("expected more than refresh = \"{}\"", jwt.refresh);
        return Err(broken("jwt", 0, "max_age", what));
    }
    Ok(())
}

/// Only a running gateway needs these values.
pub(crate) fn environment(config: &Config) -> CheckResult {
    let Some(database) = &config.database else { return Ok(()) };
    let wrong = |what| Err(broken("database", 0, "url", what));
    match database.url.reveal() {
        Err(what) => wrong(what),
        // The content of a `file:` is checked when it is read.
        Ok(url)
            if !["postgres://", "postgresql://", "file:"].iter().any(|s| url.starts_with(s)) =>
        {
            wrong("expected an address like postgres://user:password@host/name".into())
        }
        Ok(_) => Ok(()),
    }
}

fn name(name: &str) -> Result<(), FieldFault> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if !name.is_empty() && name.len() <= 60 && name.chars().all(good) {
        return Ok(());
    }
    Err(("name", format!("expected letters a-z, digits, - and _, found {name:?}")))
}

fn api_key(key: &ApiKey, before: &[ApiKey]) -> Result<(), FieldFault> {
    name(&key.id).map_err(|(_, what)| ("id", what))?;
    if before.iter().filter(|other| other.id == key.id).count() > 1 {
        let what = "has two keys already: one that is replaced, and the one that replaces it";
        return Err(("id", format!("{:?} {what}", key.id)));
    }
    if key.hash.len() != 64 || !key.hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let what = "expected 64 hex digits, as `ballet-gateway api-key` prints them";
        return Err(("hash", what.to_owned()));
    }
    Ok(())
}

fn wide_scope(
    scope: &WideScope,
    before: &[WideScope],
    all: &[WideScope],
) -> Result<(), FieldFault> {
    let Scope(name) = &scope.name;
    if before.iter().any(|other| other.name == scope.name) {
        return Err(("name", format!("{name:?} is taken by another scope")));
    }
    if scope.includes.is_empty() {
        return Err(("includes", format!("expected at least one scope that {name:?} includes")));
    }
    match scope.includes.iter().find(|own| all.iter().any(|other| other.name == **own)) {
        // One level is enough, and easy to check.
        Some(Scope(wide)) => {
            let what = format!("{wide:?} is a [[scope]] itself; expected what that includes");
            Err(("includes", what))
        }
        None => Ok(()),
    }
}

fn rate(rate: &Rate, before: &[Rate]) -> Result<(), FieldFault> {
    name(&rate.name)?;
    if before.iter().any(|other| other.name == rate.name) {
        return Err(("name", format!("{:?} is taken by another rate", rate.name)));
    }
    if rate.requests == 0 {
        return Err(("requests", "expected at least 1".to_owned()));
    }
    if rate.window.0.as_secs() == 0 || rate.window.0.subsec_nanos() != 0 {
        return Err(("window", format!("expected whole seconds, found \"{}\"", rate.window)));
    }
    Ok(())
}

fn upstream(upstream: &Upstream, before: &[Upstream]) -> Result<(), FieldFault> {
    name(&upstream.name)?;
    if before.iter().any(|other| other.name == upstream.name) {
        return Err(("name", format!("{:?} is taken by another upstream", upstream.name)));
    }
    if upstream.servers.is_empty() {
        return Err(("servers", "expected at least one address".to_owned()));
    }
    if upstream.retries > 3 {
        return Err(("retries", format!("expected 0 to 3, found {}", upstream.retries)));
    }
    if upstream.breaker.failures == 0 {
        return Err(("breaker.failures", "expected at least 1".to_owned()));
    }
    Ok(())
}

fn known<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let known: BTreeSet<&str> = known.collect();
    if known.contains(name) {
        return Ok(());
    }
    if known.is_empty() {
        return Err(format!("there is no [[{what}]], so {name:?} names nothing"));
    }
    let known = known.into_iter().collect::<Vec<_>>().join(", ");
    Err(format!("there is no {what} {name:?}; expected one of {known}"))
}

fn access(
    config: &Config,
    public: bool,
    scopes: Option<&[Scope]>,
    rate: Option<&str>,
) -> Result<(), FieldFault> {
    match (public, scopes) {
        (true, Some(_)) => {
            return Err(("scopes", "a public route has none; remove one of the two".to_owned()));
        }
        (false, None) => {
            let what = "nobody is named; expected public = true, or scopes = [\"...\"], or \
                        scopes = [] for every client that signs in";
            return Err(("scopes", what.to_owned()));
        }
        (false, Some(_)) if config.jwt.is_none() && config.api_keys.is_empty() => {
            let what = "nobody can sign in: expected [jwt], an [[api_key]], or public = true";
            return Err(("scopes", what.to_owned()));
        }
        _ => {}
    }
    let Some(rate) = rate else { return Ok(()) };
    known("rate", rate, config.rates.iter().map(|rate| &*rate.name)).map_err(|what| ("rate", what))
}

fn route(config: &Config, route: &RouteConfig, before: &[RouteConfig]) -> Result<(), FieldFault> {
    known("upstream", &route.upstream, config.upstreams.iter().map(|one| &*one.name))
        .map_err(|what| ("upstream", what))?;
    if route.methods.is_empty() {
        return Err(("methods", "expected at least one, like \"GET\"".to_owned()));
    }
    let same = |other: &&RouteConfig| other.prefix.0.eq_ignore_ascii_case(&route.prefix.0);
    let twin = before.iter().filter(same);
    if let Some(twice) =
        route.methods.iter().find(|verb| twin.clone().any(|other| other.methods.contains(verb)))
    {
        let Prefix(prefix) = &route.prefix;
        return Err(("methods", format!("{twice} {prefix} is taken by another route")));
    }
    if config.openapi.is_some() && route.prefix.0 == DOCUMENT {
        return Err(("prefix", format!("{DOCUMENT} is the system's document, by [openapi]")));
    }
    access(config, route.public, route.scopes.as_deref(), route.rate.as_deref())?;
    if route.idempotency == IdempotencyKey::Off {
        return Ok(());
    }
    if route.public && !route.deduplicates {
        let what = "the gateway keeps keys of clients that sign in: expected \"off\" on a public route, \
                    or a service that recognises them (deduplicates)";
        return Err(("idempotency", what.to_owned()));
    }
    if config.database.is_none() {
        return Err(("idempotency", "answers are kept in a database: expected [database]".into()));
    }
    if route.rate.is_none() {
        let what =
            "each key is stored for a day, so a client could store without end: expected a rate";
        return Err(("idempotency", what.to_owned()));
    }
    Ok(())
}

fn page(
    config: &Config,
    page: &PageConfig,
    before: &[PageConfig],
) -> Result<PathPattern, FieldFault> {
    let pattern = PathPattern::parse(&page.path).map_err(|what| ("path", what))?;
    if before.iter().any(|other| other.path == page.path) {
        return Err(("path", format!("{} is taken by another page", page.path)));
    }
    if config.openapi.is_some() && pattern.matches(DOCUMENT).is_some() {
        return Err(("path", format!("{DOCUMENT} is the system's document, by [openapi]")));
    }
    access(config, page.public, page.scopes.as_deref(), page.rate.as_deref())?;
    if page.parts.is_empty() {
        return Err(("part", "expected at least one [[page.part]]".to_owned()));
    }
    Ok(pattern)
}

fn part<'a>(
    config: &Config,
    page: &PathPattern,
    part: &'a PartConfig,
    names: &mut BTreeSet<&'a str>,
) -> Result<(), FieldFault> {
    name(&part.name)?;
    if !names.insert(&part.name) {
        return Err(("name", format!("{:?} is taken", part.name)));
    }
    known("upstream", &part.upstream, config.upstreams.iter().map(|one| &*one.name))
        .map_err(|what| ("upstream", what))?;
    let path = PathPattern::parse(&part.path).map_err(|what| ("path", what))?;
    match path.parameters().find(|name| !page.has(name)) {
        Some(unknown) => Err(("path", format!("the page's path has no {{{unknown}}}"))),
        None => Ok(()),
    }
}
