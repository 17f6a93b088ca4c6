//! An operation of a service, as the gateway exposes it.

use serde_json::{Map, Value, json};

use crate::config::file::{Config, IdempotencyKey, RouteConfig, WideScope};
use crate::config::words::Scope;
use crate::http::path::{begins_with, behind};
use crate::idempotency::key;
use crate::openapi::components::ComponentNames;
use crate::openapi::refusals::{self, Demands, field_mut};

#[derive(Debug, Clone, Copy)]
pub(crate) struct ServiceOperation<'a> {
    pub(crate) document: &'a Value,
    pub(crate) item: &'a Value,
    pub(crate) operation: &'a Value,
}

pub(crate) const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

pub(crate) fn path_by(route: &RouteConfig, path: &str) -> Option<String> {
    let prefix = route.prefix.0.as_str();
    let inner = route.to.as_ref().map_or(prefix, |to| to.0.as_str());
    // A client may write a prefix in any case, but the service gets this one.
    let rest = behind(path, inner).filter(|_| path.starts_with(inner.trim_end_matches('/')))?;
    let outer = format!("{}{rest}", prefix.trim_end_matches('/'));
    Some(if outer.is_empty() { "/".to_owned() } else { outer })
}

/// The longest prefix decides.
pub(crate) fn is_by(config: &Config, route: &RouteConfig, method: &str, path: &str) -> bool {
    let fits = config.routes.iter().filter(|route| begins_with(path, &route.prefix.0));
    let longest = fits.map(|route| route.prefix.0.len()).max();
    let takes = |verb: &str| route.methods.iter().any(|known| known.0.as_str() == verb);
    longest == Some(route.prefix.0.len())
        && begins_with(path, &route.prefix.0)
        && takes(&method.to_uppercase())
}

pub(crate) fn exposed(
    config: &Config,
    route: &RouteConfig,
    of: ServiceOperation<'_>,
    names: &ComponentNames,
) -> Value {
    let mut made = names.rewrite(of.operation);
    let Some(fields) = made.as_object_mut() else { return made };
    fields.remove("servers");
    fields.remove("callbacks");
    let demands = Demands {
        sign_in: !route.public,
        scopes: route.scopes.as_ref().is_some_and(|scopes| !scopes.is_empty()),
        rate: route.rate.is_some(),
        body: fields.contains_key("requestBody").then(|| route.body.unwrap_or(config.limits.body)),
        idempotency: route.idempotency,
    };
    fields.insert("security".to_owned(), security(config, route.scopes.as_deref()));
    fields.insert("tags".to_owned(), json!([route.upstream]));
    let own = match fields.remove("parameters") {
        Some(Value::Array(own)) => own,
        Some(_) | None => Vec::new(),
    };
    let parameters = parameters(of.item, own, names, route.idempotency);
    if !parameters.is_empty() {
        fields.insert("parameters".to_owned(), parameters.into());
    }
    let described = of.operation["responses"].as_object().into_iter().flatten();
    let described = described
        .map(|(status, answer)| (status.clone(), names.rewrite(resolved(of.document, answer))));
    let mut responses: Map<String, Value> = described.collect();
    if route.idempotency != IdempotencyKey::Off {
        for (_, answer) in responses.iter_mut().filter(|(status, _)| status.starts_with('2')) {
            let headers = field_mut(answer, "headers");
            *field_mut(headers, "Idempotency-Replayed") = json!({
                "description": "`true` if this is the stored answer of the request that was sent \
                                with the same key before.",
                "schema": { "type": "string", "enum": ["true"] },
            });
        }
    }
    refusals::add(config, demands, &mut responses);
    fields.insert("responses".to_owned(), responses.into());
    made
}

/// The reference's target, or the value itself.
pub(crate) fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let place = value["$ref"].as_str().and_then(|text| text.strip_prefix('#'));
    place.and_then(|place| document.pointer(place)).unwrap_or(value)
}

fn parameters(
    item: &Value,
    own: Vec<Value>,
    names: &ComponentNames,
    idempotency: IdempotencyKey,
) -> Vec<Value> {
    let mut all = own;
    let is =
        |one: &Value, other: &Value| (&one["in"], &one["name"]) == (&other["in"], &other["name"]);
    for shared in item["parameters"].as_array().into_iter().flatten() {
        let shared = names.rewrite(shared);
        if !all.iter().any(|one| is(one, &shared)) {
            all.push(shared);
        }
    }
    // The service takes this header from the gateway, whose own replaces it.
    let is_key = |one: &Value| {
        let name = one["name"].as_str().unwrap_or_default();
        one["in"] == "header" && name.eq_ignore_ascii_case("idempotency-key")
    };
    all.retain(|one| !is_key(one));
    if idempotency != IdempotencyKey::Off {
        all.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "required": idempotency == IdempotencyKey::Required,
            "description": "Any text that is used for this request only. The request sent again \
                            with the same key takes effect once, and gets the same answer.",
            "schema": { "type": "string", "minLength": 1, "maxLength": key::LONGEST,
                        "pattern": "^[!#-\\[\\]-~]+$" },
        }));
    }
    all
}

/// Everybody, or clients with all scopes.
pub(crate) fn security(config: &Config, scopes: Option<&[Scope]>) -> Value {
    let Some(scopes) = scopes else { return json!([]) };
    let scopes: Vec<&str> = scopes.iter().map(|scope| scope.0.as_str()).collect();
    schemes(config).keys().map(|scheme| json!({ scheme: scopes })).collect()
}

pub(crate) fn schemes(config: &Config) -> Map<String, Value> {
    let mut schemes = Map::new();
    if let Some(jwt) = &config.jwt {
        let mut text = format!(
            "A token of {} for the audience `{}`. The scopes that an operation lists are needed \
             together, in the token's `{}`.",
            jwt.issuer,
            jwt.audience,
            jwt.scope_claims.join("` or `")
        );
        for WideScope { name: Scope(name), includes } in &config.wide_scopes {
            let includes: Vec<_> = includes.iter().map(|Scope(own)| format!("`{own}`")).collect();
            text += &format!(" `{name}` includes {}.", includes.join(" and "));
        }
        let scheme = json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": text });
        schemes.insert("token".to_owned(), scheme);
    }
    if !config.api_keys.is_empty() {
        let text = "A key of a program. It has its scopes in the gateway's config.";
        let scheme = json!({ "type": "apiKey", "in": "header", "name": "X-API-Key",
            "description": text });
        schemes.insert("api_key".to_owned(), scheme);
    }
    schemes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::words::Prefix;

    #[test]
    fn a_path_is_the_one_that_clients_use() {
        let route = |prefix: &str, to: Option<&str>| {
            let text = "prefix = \"/a\"\nmethods = [\"GET\"]\nupstream = \"a\"\npublic = true";
            let route: RouteConfig = toml::from_str(text).unwrap();
            let to = to.map(|to| Prefix(to.to_owned()));
            RouteConfig { prefix: Prefix(prefix.to_owned()), to, ..route }
        };
        for (prefix, to, path, outer) in [
            ("/orders", None, "/orders/{id}", Some("/orders/{id}")),
            ("/orders", None, "/ordersx", None),
            ("/", None, "/orders", Some("/orders")),
            ("/api/orders", Some("/orders"), "/orders/{id}", Some("/api/orders/{id}")),
            ("/api", Some("/"), "/orders", Some("/api/orders")),
            ("/", Some("/v1"), "/v1", Some("/")),
        ] {
            assert_eq!(path_by(&route(prefix, to), path).as_deref(), outer, "{prefix} {path}");
        }
    }
}
