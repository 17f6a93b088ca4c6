//! A config file's rules beyond its form: references by name, and choices that nobody should make by accident.

use std::collections::BTreeSet;

use crate::config::file::{
    ApiKey, Config, IdempotencyKey, PageConfig, PartConfig, Rate, RouteConfig, Upstream, WideScope,
};
use crate::config::words::{Prefix, Scope};
use crate::http::path::PathPattern;

pub(crate) const DOCUMENT: &str = "/openapi.json";

/// The fault, behind the name of its field.
type Checked = Result<(), String>;

/// Returns the first broken rule.
pub(crate) fn check(config: &Config) -> Checked {
    let scopes = &config.wide_scopes;
    whole(config)?;
    each("api_key", &config.api_keys, api_key)?;
    each("scope", scopes, |scope, before| wide_scope(scope, before, scopes))?;
    each("rate", &config.rates, rate)?;
    each("upstream", &config.upstreams, upstream)?;
    each("route", &config.routes, |one, before| route(config, one, before))?;
    each("page", &config.pages, |one, before| page(config, one, before))
}

/// Checks each table together with those before it.
fn each<T>(table: &str, all: &[T], check: impl Fn(&T, &[T]) -> Checked) -> Checked {
    all.iter().enumerate().try_for_each(|(at, one)| {
        check(one, &all[..at]).map_err(|what| format!("[[{table}]] {}, {what}", at + 1))
    })
}

fn whole(config: &Config) -> Checked {
    if let Some(rate) = config.openapi.as_ref().and_then(|openapi| openapi.rate.as_deref()) {
        known_rate(config, rate).map_err(|what| format!("openapi.{what}"))?;
    }
    if config.signing.as_ref().is_some_and(|signing| !signing.secret.is_of_each_upstream()) {
        let what = "signing.secret: expected \"file:PATH\" or \"env:NAME\" with {upstream} in it: who \
                    knows the secret of one service must not be believed by another";
        return Err(what.to_owned());
    }
    if config.jwt.as_ref().is_some_and(|jwt| jwt.scope_claims.is_empty()) {
        return Err("jwt.scope_claims: expected at least one claim, like \"scope\"".to_owned());
    }
    if config.routes.is_empty() && config.pages.is_empty() {
        return Err("nothing is served: expected at least one [[route]] or [[page]]".to_owned());
    }
    Ok(())
}

/// Only a running gateway needs these values.
pub(crate) fn environment(config: &Config) -> Checked {
    let Some(database) = &config.database else { return Ok(()) };
    let url = database.url.reveal().map_err(|what| format!("database.url: {what}"))?;
    // The content of a `file:` is checked when it is read.
    if ["postgres://", "postgresql://", "file:"].iter().any(|scheme| url.starts_with(scheme)) {
        return Ok(());
    }
    Err("database.url: expected an address like postgres://user:password@host/name".to_owned())
}

fn name(field: &str, name: &str, is_taken: bool) -> Checked {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 60 || !name.chars().all(good) {
        return Err(format!("{field}: expected letters a-z, digits, - and _, found {name:?}"));
    }
    if is_taken { Err(format!("{field}: {name:?} is taken by another")) } else { Ok(()) }
}

fn api_key(key: &ApiKey, before: &[ApiKey]) -> Checked {
    // Two while one is replaced.
    let is_taken = before.iter().filter(|other| other.id == key.id).count() > 1;
    name("id", &key.id, is_taken)?;
    if key.hash.len() != 64 || !key.hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let what = "hash: expected 64 hex digits, as `ballet-gateway api-key` prints them";
        return Err(what.to_owned());
    }
    Ok(())
}

fn wide_scope(scope: &WideScope, before: &[WideScope], all: &[WideScope]) -> Checked {
    let Scope(name) = &scope.name;
    if before.iter().any(|other| other.name == scope.name) {
        return Err(format!("name: {name:?} is taken by another scope"));
    }
    match scope.includes.iter().find(|own| all.iter().any(|other| other.name == **own)) {
        // One level is enough, and easy to check.
        Some(Scope(wide)) => {
            Err(format!("includes: {wide:?} is a [[scope]] itself; expected what that includes"))
        }
        None => Ok(()),
    }
}

fn rate(rate: &Rate, before: &[Rate]) -> Checked {
    name("name", &rate.name, before.iter().any(|other| other.name == rate.name))?;
    if rate.window.0.as_secs() == 0 || rate.window.0.subsec_nanos() != 0 {
        return Err(format!("window: expected whole seconds, found {:?}", rate.window.0));
    }
    Ok(())
}

fn upstream(upstream: &Upstream, before: &[Upstream]) -> Checked {
    name("name", &upstream.name, before.iter().any(|other| other.name == upstream.name))?;
    if upstream.servers.is_empty() {
        return Err("servers: expected at least one address".to_owned());
    }
    Ok(())
}

fn known<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Checked {
    let known: BTreeSet<&str> = known.collect();
    if known.contains(name) {
        return Ok(());
    }
    let known = known.into_iter().collect::<Vec<_>>().join(", ");
    Err(format!("{what}: there is no {what} {name:?}; expected one of {known}"))
}

fn known_rate(config: &Config, rate: &str) -> Checked {
    known("rate", rate, config.rates.iter().map(|rate| &*rate.name))
}

fn known_upstream(config: &Config, upstream: &str) -> Checked {
    known("upstream", upstream, config.upstreams.iter().map(|one| &*one.name))
}

fn access(config: &Config, public: bool, scopes: Option<&[Scope]>, rate: Option<&str>) -> Checked {
    let what = match (public, scopes) {
        (true, Some(_)) => "a public route has none; remove one of the two",
        (false, None) => {
            "nobody is named; expected public = true, or scopes = [\"...\"], or scopes = [] for every \
             client that signs in"
        }
        (false, Some(_)) if config.jwt.is_none() && config.api_keys.is_empty() => {
            "nobody can sign in: expected [jwt], an [[api_key]], or public = true"
        }
        _ => return rate.map_or(Ok(()), |rate| known_rate(config, rate)),
    };
    Err(format!("scopes: {what}"))
}

fn route(config: &Config, route: &RouteConfig, before: &[RouteConfig]) -> Checked {
    known_upstream(config, &route.upstream)?;
    let same = |other: &&RouteConfig| other.prefix.0.eq_ignore_ascii_case(&route.prefix.0);
    let twin = before.iter().filter(same);
    if let Some(twice) =
        route.methods.iter().find(|verb| twin.clone().any(|other| other.methods.contains(verb)))
    {
        let Prefix(prefix) = &route.prefix;
        return Err(format!("methods: {} {prefix} is taken by another route", twice.0));
    }
    if config.openapi.is_some() && route.prefix.0 == DOCUMENT {
        return Err(format!("prefix: {DOCUMENT} is the system's document, by [openapi]"));
    }
    access(config, route.public, route.scopes.as_deref(), route.rate.as_deref())?;
    let what = if route.idempotency == IdempotencyKey::Off {
        return Ok(());
    } else if route.public && !route.deduplicates {
        "the gateway keeps keys of clients that sign in: expected \"off\" on a public route, or a \
         service that recognises them (deduplicates)"
    } else if config.database.is_none() {
        "answers are kept in a database: expected [database]"
    } else if route.rate.is_none() {
        "each key is stored for a day, so a client could store without end: expected a rate"
    } else {
        return Ok(());
    };
    Err(format!("idempotency: {what}"))
}

fn page(config: &Config, page: &PageConfig, before: &[PageConfig]) -> Checked {
    let pattern = PathPattern::parse(&page.path).map_err(|what| format!("path: {what}"))?;
    if before.iter().any(|other| other.path == page.path) {
        return Err(format!("path: {} is taken by another page", page.path));
    }
    if config.openapi.is_some() && pattern.matches(DOCUMENT).is_some() {
        return Err(format!("path: {DOCUMENT} is the system's document, by [openapi]"));
    }
    access(config, page.public, page.scopes.as_deref(), page.rate.as_deref())?;
    each("page.part", &page.parts, |one, before| part(config, &pattern, one, before))
}

fn part(config: &Config, page: &PathPattern, part: &PartConfig, before: &[PartConfig]) -> Checked {
    let is_taken = part.name == "missing" || before.iter().any(|other| other.name == part.name);
    name("name", &part.name, is_taken)?;
    known_upstream(config, &part.upstream)?;
    let path = PathPattern::parse(&part.path).map_err(|what| format!("path: {what}"))?;
    match path.parameters().find(|name| !page.has(name)) {
        Some(unknown) => Err(format!("path: the page's path has no {{{unknown}}}")),
        None => Ok(()),
    }
}
