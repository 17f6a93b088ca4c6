//! Finds a request's client by its token or API key.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName};

use crate::auth::identity::Identity;
use crate::auth::key_set::KeySet;
use crate::auth::key_source::{KeySource, is_address};
use crate::auth::verified_tokens::VerifiedTokens;
use crate::auth::{api_key, jwk, jwt, verifier};
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
        let of_set = |jwt: &Jwt| (jwt.keys.clone(), jwt.ca_file.clone(), jwt.refresh);
        let known = known.filter(|(old, _)| of_set(old) == of_set(jwt));
        let set = match known {
            Some((_, set)) => Arc::clone(set),
            None => {
                let set = Arc::new(KeySet::new(KeySource::of(jwt, place)?));
                tokio::spawn(KeySet::keep(Arc::downgrade(&set), jwt.refresh.0));
                set
            }
        };
        match set.read().await {
            Err(why) if !is_address(&jwt.keys) && set.last().is_none() => return Err(why),
            Err(why) => tracing::warn!("the key set cannot be read for now: {why}"),
            Ok(()) => {}
        }
        Ok(Self { jwt: Some((jwt.clone(), set)), verified, api_keys, wide_scopes })
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.jwt.as_ref().is_none_or(|(_, set)| set.last().is_some())
    }

    /// The keys were read once, but not for long.
    pub(crate) fn has_old_keys(&self) -> bool {
        self.jwt.as_ref().is_some_and(|(jwt, set)| set.is_old(jwt.refresh.0))
    }

    /// `None` if the request names no client.
    pub(crate) async fn identify(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<Arc<Identity>>, Problem> {
        let one = |name: HeaderName| {
            single(headers, &name).map_err(|()| unauthorized(&format!("expected one {name}")))
        };
        match (one(header::AUTHORIZATION)?, one(API_KEY)?) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(unauthorized("expected a token or an API key, found both")),
            (None, Some(key)) => {
                let identity = api_key::sign_in(&self.api_keys, key);
                let identity = identity.ok_or_else(|| unauthorized("the API key is unknown"))?;
                Ok(Some(Arc::new(identity)))
            }
            (Some(value), None) => {
                let scheme = || unauthorized("expected `Authorization: Bearer <token>`");
                self.token(bearer(value).ok_or_else(scheme)?).await.map(Some)
            }
        }
    }

    pub(crate) fn allowed(
        &self,
        identity: Option<&Identity>,
        scopes: &[String],
    ) -> Result<(), Problem> {
        let Some(identity) = identity else {
            let detail = "sign in with `Authorization: Bearer <token>` or `X-API-Key`";
            let problem = Problem::new(StatusCode::UNAUTHORIZED, detail);
            return Err(problem.with(header::WWW_AUTHENTICATE, "Bearer"));
        };
        let Some(missing) = scopes.iter().find(|scope| !self.has(identity, scope)) else {
            return Ok(());
        };
        let needed = scopes.join(" ");
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{needed}\"");
        let detail = format!("this needs the scope {missing}, which the credentials do not have");
        let problem = Problem::new(StatusCode::FORBIDDEN, detail);
        Err(problem.with(header::WWW_AUTHENTICATE, challenge))
    }

    /// Directly or through a wide scope.
    fn has(&self, identity: &Identity, scope: &str) -> bool {
        let includes = |wide: &WideScope| wide.includes.iter().any(|own| own.0 == scope);
        identity.may(scope)
            || self.wide_scopes.iter().any(|wide| includes(wide) && identity.may(&wide.name.0))
    }

    async fn token(&self, text: &str) -> Result<Arc<Identity>, Problem> {
        let Some((jwt, set)) = &self.jwt else {
            return Err(unauthorized("this gateway takes no tokens, only API keys"));
        };
        let why = |error: String| unauthorized(&error);
        if let Some(known) = set.last().and_then(|last| self.verified.find(&last.keys, text)) {
            return known.now(jwt).map_err(why);
        }
        let kid = jwt::key_id(text).map_err(why)?;
        set.read_for(kid.as_deref()).await;
        let Some(last) = set.last() else {
            let away = "tokens cannot be checked now: the key set cannot be read";
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, away);
            return Err(problem.retry_after(Duration::from_secs(2)));
        };
        let key = jwk::of_token(&last.keys, kid.as_deref()).ok_or_else(|| {
            unauthorized(match kid {
                None => "the token names no key (kid), and the key set has several",
                Some(_) => "no key of the key set has the token's kid",
            })
        })?;
        let claims = jwt::check(text, key, jwt).map_err(why)?;
        let identity = claims.now(jwt).map_err(why)?;
        self.verified.add(&last.keys, text, claims);
        Ok(identity)
    }
}

fn bearer(value: &str) -> Option<&str> {
    let scheme = value.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer "))?;
    value.get(scheme.len()..).map(str::trim)
}

fn unauthorized(detail: &str) -> Problem {
    // No quotes are allowed within (RFC 6750).
    let described = detail.replace(['"', '\\'], "'");
    let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{described}\"");
    Problem::new(StatusCode::UNAUTHORIZED, detail).with(header::WWW_AUTHENTICATE, challenge)
}
