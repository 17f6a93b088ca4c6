//! An operation of a service, as the gateway exposes it.

use serde_json::{Map, Value, json};

use crate::config::file::{Config, IdempotencyKey, RouteConfig, WideScope};
use crate::config::words::Scope;
use crate::http::path::{begins_with, behind};
use crate::idempotency::key;
use crate::openapi::components::{ComponentNames, PROBLEM};

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

/// `item` has the operation, and the parameters of its path.
pub(crate) fn exposed(
    config: &Config,
    route: &RouteConfig,
    (item, operation): (&Value, &Value),
    names: &ComponentNames,
) -> Value {
    let mut made = names.rewrite(operation);
    let Some(fields) = made.as_object_mut() else { return made };
    fields.remove("servers");
    fields.remove("callbacks");
    fields.insert("security".to_owned(), security(config, route.scopes.as_deref()));
    fields.insert("tags".to_owned(), json!([route.upstream]));
    let parameters = parameters(item, operation, names, route.idempotency);
    if parameters.is_empty() {
        fields.remove("parameters");
    } else {
        fields.insert("parameters".to_owned(), parameters.into());
    }
    let responses = fields.entry("responses").or_insert_with(|| json!({}));
    add_refusals(responses, !route.public, route.rate.is_some());
    made
}

/// Adds the gateway's own answers to those of the service.
pub(crate) fn add_refusals(responses: &mut Value, signs_in: bool, has_rate: bool) {
    let Some(responses) = responses.as_object_mut() else { return };
    let all = [
        (signs_in, "401", "The request has no credentials, or they do not count."),
        (signs_in, "403", "The credentials lack a scope."),
        (has_rate, "429", "The client has used up its limit: `Retry-After` says how long."),
        (true, "default", "The gateway or the service refuses the request, or fails."),
    ];
    for (_, status, description) in all.into_iter().filter(|(is_given, ..)| *is_given) {
        responses.entry(status).or_insert_with(|| {
            let content = json!({ "application/problem+json": { "schema": { "$ref": PROBLEM } } });
            json!({ "description": description, "content": content })
        });
    }
}

fn parameters(
    item: &Value,
    operation: &Value,
    names: &ComponentNames,
    idempotency: IdempotencyKey,
) -> Vec<Value> {
    let of = |object: &Value| {
        let list = object["parameters"].as_array().into_iter().flatten();
        list.map(|one| names.rewrite(one)).collect::<Vec<_>>()
    };
    let mut all = of(operation);
    let is =
        |one: &Value, other: &Value| (&one["in"], &one["name"]) == (&other["in"], &other["name"]);
    for shared in of(item) {
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
