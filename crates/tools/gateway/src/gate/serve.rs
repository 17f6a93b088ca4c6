//! One request, from its first check to its last header.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use ballet_http::{limits, peers};
use hyper::header::{self, HeaderMap, HeaderValue};

use crate::gate::answer_body::until_its_end;
use crate::gate::exchange::Exchange;
use crate::gate::in_force::{CurrentGate, Gate};
use crate::gate::table::RouteTarget;
use crate::gate::{check, cors, forward, page};
use crate::http::body::{Answer, json};
use crate::http::headers::{REQUEST_ID, set};
use crate::http::problem::Problem;
use crate::limits::at_once;

pub(crate) async fn serve(
    State(current): State<CurrentGate>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Answer {
    // In force when the request comes.
    let gate = &current.get();
    let config = &gate.config;
    let listen = &config.listen;
    let address = peers::client(peer.ip(), request.headers(), |address| listen.trusts(address));
    let mut exchange = Exchange::begin(&request, address);
    let origin = cors::origin(config.cors.as_ref(), request.headers());
    let outcome = decide(gate, &mut exchange, origin.as_ref(), request).await;
    let mut answer = outcome.unwrap_or_else(|problem| problem.answer(&exchange.id));
    let headers = answer.headers_mut();
    set(headers, REQUEST_ID, &exchange.id);
    if let Some((policy, count)) = &exchange.limited {
        policy.write(*count, headers);
    }
    if config.cors.is_some() {
        cors::write(origin, headers);
    }
    protect(gate.hsts.as_ref(), headers);
    let status = answer.status();
    exchange.end(status);
    answer
}

async fn decide<'gate>(
    gate: &'gate Gate,
    exchange: &mut Exchange<'gate>,
    origin: Option<&HeaderValue>,
    request: Request,
) -> Result<Answer, Problem> {
    check::check(&request)?;
    let path = request.uri().path();
    if let Some(cors) = &gate.config.cors
        && cors::is_preflight(&request)
    {
        return Ok(cors::preflight(cors, origin, &gate.table.methods(path), request.headers()));
    }
    let target = gate.table.find(request.method(), path)?;
    exchange.target = Some(target);
    let access = target.access();
    let identity = gate.sign_in.identify(request.headers()).await?;
    let identity = identity.as_deref();
    exchange.client = identity.map(|identity| Arc::clone(&identity.client));
    if let Some(scopes) = &access.scopes {
        gate.sign_in.allowed(identity, scopes)?;
    }
    let client = match identity {
        Some(identity) => Arc::clone(&identity.client),
        None => format!("ip:{}", limits::network(exchange.address)).into(),
    };
    if let Some(policy) = &access.policy {
        let count = policy.count(&gate.lasting.rates, &client);
        exchange.limited = Some((policy, count));
        policy.check(count)?;
    }
    let most = gate.config.limits.client_requests;
    let under_way = Arc::new(at_once::begin(&gate.lasting.at_once, client, most)?);
    let answer = match target {
        RouteTarget::Document(document) => Ok(json(document.text.clone())),
        RouteTarget::Page(page) => page::compose(page, path, exchange, identity).await,
        RouteTarget::Route(route) => {
            forward::forward(gate, route, exchange, identity, &under_way, request).await
        }
    };
    let departure = gate.lasting.departure.clone();
    answer.map(|answer| until_its_end(answer, departure, identity, under_way))
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
