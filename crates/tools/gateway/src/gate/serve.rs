//! One request, from its first check to its last header.

use std::net::SocketAddr;
use std::sync::Arc;

use ballet_http::lingering_body::LingeringBody;
use ballet_http::peers;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};

use crate::auth::identity::Identity;
use crate::auth::sign_in;
use crate::gate::answer_body::{Credentials, until_its_end};
use crate::gate::exchange::Exchange;
use crate::gate::in_force::{CurrentGate, Gate};
use crate::gate::table::RouteTarget;
use crate::gate::{check, cors, forward, page, peer};
use crate::http::body::Answer;
use crate::http::headers::{REQUEST_ID, set};
use crate::http::problem::Problem;
use crate::limits::at_once;

pub(crate) async fn serve(
    current: &CurrentGate,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Answer {
    // In force when the request comes.
    let gate = &current.get();
    let request = LingeringBody::body_of(request);
    let config = &gate.config;
    let listen = &config.listen;
    let address = peers::client(peer.ip(), request.headers(), |address| listen.trusts(address));
    let mut exchange = Exchange::begin(&request, address);
    let origin = cors::origin(config.cors.as_ref(), request.headers());
    let outcome = decide(current, gate, &mut exchange, origin.as_ref(), request).await;
    let mut answer = outcome.unwrap_or_else(|problem| problem.answer(&exchange.id));
    let headers = answer.headers_mut();
    set(headers, REQUEST_ID, &exchange.id);
    if let Some((policy, count)) = &exchange.limited {
        policy.write(*count, headers);
    }
    if let Some(cors) = &config.cors {
        cors::write(cors, origin, headers);
    }
    protect(gate.hsts.as_ref(), headers);
    let status = answer.status();
    exchange.end(status);
    answer
}

async fn decide<'gate>(
    current: &CurrentGate,
    gate: &'gate Gate,
    exchange: &mut Exchange<'gate>,
    origin: Option<&HeaderValue>,
    request: Request<LingeringBody<Incoming>>,
) -> Result<Answer, Problem> {
    check::check(&request, &gate.config.limits)?;
    let path = request.uri().path();
    if let Some(cors) = &gate.config.cors
        && cors::is_preflight(&request)
    {
        return Ok(cors::preflight(cors, origin, &gate.table.methods(path)));
    }
    let target = gate.table.find(request.method(), path)?;
    exchange.target = Some(target);
    let access = target.access();
    let identity = identify(gate, exchange, request.headers()).await?;
    let identity = identity.as_deref();
    exchange.client = identity.map(|identity| Arc::clone(&identity.client));
    if let Some(scopes) = &access.scopes {
        gate.sign_in.allowed(identity, scopes)?;
    }
    let client = match identity {
        Some(identity) => Arc::clone(&identity.client),
        None => peer::client_name(exchange.address).into(),
    };
    if let Some(policy) = &access.policy {
        let count = policy.count(&gate.lasting.rates, &client);
        exchange.limited = Some((policy, count));
        policy.check(count)?;
    }
    let most = gate.config.limits.client_requests;
    let under_way = Arc::new(at_once::begin(&gate.lasting.at_once, client, most)?);
    let scopes = access.scopes.as_deref().unwrap_or_default();
    let credentials = identity.map(|_| Credentials::new(request.headers(), scopes));
    let answer = match target {
        RouteTarget::Document(document) => Ok(document.text.answer(request.headers())),
        RouteTarget::Page(page) => page::compose(page, path, exchange, identity).await,
        RouteTarget::Route(route) => {
            forward::forward(gate, route, exchange, identity, &under_way, request).await
        }
    };
    answer.map(|answer| until_its_end(answer, current, credentials, under_way))
}

async fn identify(
    gate: &Gate,
    exchange: &Exchange<'_>,
    headers: &HeaderMap,
) -> Result<Option<Arc<Identity>>, Problem> {
    if !sign_in::has_credentials(headers) {
        return Ok(None);
    }
    // A verified token is no guess: nobody at a shared address can lock its client out.
    if let Some(known) = gate.sign_in.known(headers) {
        return Ok(Some(known));
    }
    let (refused, limits) = (&gate.lasting.refused, &gate.config.limits);
    refused.check(limits, exchange.address)?;
    let identified = gate.sign_in.identify(headers).await;
    if matches!(&identified, Err(wrong) if wrong.is_guess) {
        refused.note(limits, exchange.address);
    }
    identified.map_err(|wrong| wrong.problem)
}

/// The service's own headers stay.
fn protect(hsts: Option<&HeaderValue>, headers: &mut HeaderMap) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Some(hsts) = hsts {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
}
