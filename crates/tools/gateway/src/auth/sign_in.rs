//! Finds a request's client by its token or API key.

use std::path::Path;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName};

use crate::auth::api_key;
use crate::auth::identity::Identity;
use crate::auth::jwt::{self, TokenError};
use crate::auth::key_set::{KeyLookup, KeySet};
use crate::auth::key_source::{KeySource, is_address};
use crate::auth::verified_tokens::{VerifiedToken, VerifiedTokens};
use crate::auth::verifier;
use crate::config::file::{ApiKey, Config, Jwt, WideScope};
use crate::http::headers::single;
use crate::http::problem::Problem;

pub(crate) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

#[derive(Debug)]
pub(crate) struct SignIn {
    jwt: Option<(Jwt, Arc<KeySet>)>,
    /// Under this config.
    verified: VerifiedTokens,
    api_keys: Vec<ApiKey>,
    wide_scopes: Vec<WideScope>,
}

#[derive(Debug)]
pub(crate) struct NotSignedIn {
    pub(crate) problem: Problem,
    /// Whether the credentials may be a guess, as an expired token of ours is not.
    pub(crate) is_guess: bool,
}

impl SignIn {
    /// Key sets in use are kept.
    ///
    /// # Errors
    ///
    /// If a key file cannot be read. An address may be unavailable for now.
    pub(crate) async fn new(
        config: &Config,
        place: &Path,
        before: Option<&Self>,
    ) -> Result<Self, String> {
        let (api_keys, verified) = (config.api_keys.clone(), VerifiedTokens::default());
        let wide_scopes = config.wide_scopes.clone();
        let Some(jwt) = &config.jwt else {
            return Ok(Self { jwt: None, verified, api_keys, wide_scopes });
        };
        verifier::install();
        let known = before.and_then(|before| before.jwt.as_ref());
        let of_set = |jwt: &Jwt| (jwt.keys.clone(), jwt.ca_file.clone(), jwt.refresh, jwt.max_age);
        let known = known.filter(|(old, _)| of_set(old) == of_set(jwt));
        let set = match known {
            Some((_, set)) => Arc::clone(set),
            None => {
                let set = Arc::new(KeySet::new(KeySource::of(jwt, place)?, jwt.max_age.0));
                tokio::spawn(KeySet::keep(Arc::downgrade(&set), jwt.refresh.0));
                set
            }
        };
        match set.read().await {
            Err(why) if !is_address(&jwt.keys) && !set.is_read() => return Err(why),
            Err(why) => tracing::warn!("the key set cannot be read for now: {why}"),
            Ok(()) => {}
        }
        Ok(Self { jwt: Some((jwt.clone(), set)), verified, api_keys, wide_scopes })
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.jwt.as_ref().is_none_or(|(_, set)| set.is_read())
    }

    /// The keys were read once, but not for long.
    pub(crate) fn has_old_keys(&self) -> bool {
        self.jwt.as_ref().is_some_and(|(jwt, set)| set.is_old(jwt.refresh.0))
    }

    /// The keys were not read for so long that no token counts.
    pub(crate) fn has_no_keys(&self) -> bool {
        self.jwt.as_ref().is_some_and(|(_, set)| set.is_too_old())
    }

    pub(crate) fn known(&self, headers: &HeaderMap) -> Option<Arc<Identity>> {
        let (jwt, set) = self.jwt.as_ref()?;
        let (Ok(Some(value)), Ok(None)) =
            (single(headers, header::AUTHORIZATION), single(headers, API_KEY))
        else {
            return None;
        };
        let known = self.verified.find(bearer(value)?)?;
        let is_in_set = set.has(&known.key);
        known.token.now(jwt).ok().filter(|_| is_in_set)
    }

    /// `None` if the request names no client.
    pub(crate) async fn identify(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<Arc<Identity>>, NotSignedIn> {
        let guessed = |reason, detail: &str| NotSignedIn {
            problem: unauthorized(reason, detail),
            is_guess: true,
        };
        let one = |name: HeaderName| {
            single(headers, &name).map_err(|()| guessed("header", &format!("expected one {name}")))
        };
        match (one(header::AUTHORIZATION)?, one(API_KEY)?) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                Err(guessed("both", "expected a token or an API key, found both"))
            }
            (None, Some(key)) => match api_key::sign_in(&self.api_keys, key) {
                Some(identity) => Ok(Some(Arc::new(identity))),
                None => Err(guessed("api_key", "the API key is unknown")),
            },
            (Some(value), None) => {
                let Some(token) = bearer(value) else {
                    return Err(guessed("scheme", "expected `Authorization: Bearer <token>`"));
                };
                self.token(token).await.map(Some)
            }
        }
    }

    pub(crate) fn allowed(
        &self,
        identity: Option<&Identity>,
        scopes: &[String],
    ) -> Result<(), Problem> {
        let Some(identity) = identity else {
            let detail = match (&self.jwt, self.api_keys.is_empty()) {
                (Some(_), true) => "sign in with `Authorization: Bearer <token>`",
                (None, false) => "sign in with `X-API-Key`",
                _ => "sign in with `Authorization: Bearer <token>` or `X-API-Key`",
            };
            let problem = Problem::new(StatusCode::UNAUTHORIZED, detail);
            return Err(problem.with(header::WWW_AUTHENTICATE, "Bearer"));
        };
        let Some(missing) = scopes.iter().find(|scope| !self.has(identity, scope)) else {
            return Ok(());
        };
        let needed = scopes.join(" ");
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{needed}\"");
        let place = match &self.jwt {
            Some((jwt, _)) if identity.is_of_token() => {
                format!("token's {}", jwt.scope_claims.join(" or "))
            }
            _ => "API key".to_owned(),
        };
        let detail = format!("this needs the scope {missing}, which is not in the {place}");
        let problem = Problem::new(StatusCode::FORBIDDEN, detail);
        Err(problem.with(header::WWW_AUTHENTICATE, challenge))
    }

    /// Directly or through a wide scope.
    fn has(&self, identity: &Identity, scope: &str) -> bool {
        let includes = |wide: &WideScope| wide.includes.iter().any(|own| own.0 == scope);
        identity.may(scope)
            || self.wide_scopes.iter().any(|wide| includes(wide) && identity.may(&wide.name.0))
    }

    async fn token(&self, text: &str) -> Result<Arc<Identity>, NotSignedIn> {
        let Some((jwt, set)) = &self.jwt else {
            let problem = unauthorized("no_tokens", "this gateway takes no tokens, only API keys");
            return Err(NotSignedIn { problem, is_guess: true });
        };
        let why = |error: TokenError| NotSignedIn {
            problem: unauthorized("token", &error.to_string()),
            is_guess: !matches!(error, TokenError::Expired | TokenError::NotYetValid),
        };
        let kid = jwt::key_id(text).map_err(why)?;
        let key = match set.find(kid.as_deref()).await {
            KeyLookup::Key(key) => key,
            KeyLookup::Unknown if kid.is_none() => return Err(why(TokenError::NoKeyId)),
            KeyLookup::Unknown => return Err(why(TokenError::UnknownKey)),
            KeyLookup::NoSet => {
                let away = "tokens cannot be checked now: the key set cannot be read";
                let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, away)
                    .retry_after(std::time::Duration::from_secs(2));
                return Err(NotSignedIn { problem, is_guess: false });
            }
        };
        let token = jwt::check(text, &key, jwt).map_err(why)?;
        let identity = token.now(jwt).map_err(why)?;
        self.verified.add(text, VerifiedToken { key, token });
        Ok(identity)
    }
}

fn bearer(value: &str) -> Option<&str> {
    let scheme = value.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer "))?;
    value.get(scheme.len()..).map(str::trim)
}

fn unauthorized(reason: &'static str, detail: &str) -> Problem {
    metrics::counter!("gateway_sign_ins_refused_total", "reason" => reason).increment(1);
    // No quotes are allowed within (RFC 6750).
    let described = detail.replace(['"', '\\'], "'");
    let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{described}\"");
    Problem::new(StatusCode::UNAUTHORIZED, detail).with(header::WWW_AUTHENTICATE, challenge)
}

pub(crate) fn has_credentials(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION) || headers.contains_key(API_KEY)
}
