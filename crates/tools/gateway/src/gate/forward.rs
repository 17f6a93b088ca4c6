//! Passes a request on to a service, and its answer back.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use hyper::body::Body as HttpBody;
use hyper::http::uri::PathAndQuery;
use hyper::{HeaderMap, Method, StatusCode, Uri, header};

use crate::auth::identity::{Identity, SCOPES};
use crate::config::file::IdempotencyKey;
use crate::gate::answer_body::with_limit_of_silence;
use crate::gate::exchange::Exchange;
use crate::gate::in_force::Gate;
use crate::gate::table::Route;
use crate::http::body::Answer;
use crate::http::bounded_body::{self, BodyFault};
use crate::http::headers::{
    FORWARDED_FOR, FORWARDED_HOST, REQUEST_ID, clean_request, clean_response, set,
};
use crate::http::path::behind;
use crate::http::problem::Problem;
use crate::idempotency::key;
use crate::idempotency::remember::{self, KeyedRequest};
use crate::limits::at_once::RequestGuard;
use crate::upstream::failure::{UpstreamFailure, body_problem};
use crate::upstream::outgoing::{self, OutgoingRequest};
use crate::upstream::service::UpstreamService;

pub(crate) async fn forward(
    gate: &Gate,
    route: &Route,
    exchange: &Exchange<'_>,
    identity: Option<&Identity>,
    under_way: &Arc<RequestGuard>,
    request: Request,
) -> Result<Answer, Problem> {
    let too_large = request.body().size_hint().lower() > route.body as u64;
    if too_large {
        return Err(body_problem(BodyFault::TooLarge(route.body)));
    }
    if !request.body().is_end_stream() && is_packed(request.headers()) {
        // The limit is for the body that a service reads.
        let detail = "the body is packed: send it as it is, without the header `Content-Encoding`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
            .header("Content-Encoding")
            .with(header::ACCEPT_ENCODING, "identity"));
    }
    let idempotency_key = match route.idempotency {
        IdempotencyKey::Off => None,
        _ if matches!(*request.method(), Method::GET | Method::HEAD) => None,
        IdempotencyKey::Optional => key::of(request.headers())?,
        IdempotencyKey::Required => Some(key::of(request.headers())?.ok_or_else(|| {
            let detail =
                "this needs an Idempotency-Key: any text that you use for one request only";
            Problem::new(StatusCode::BAD_REQUEST, detail).header("Idempotency-Key")
        })?),
    };
    let (head, body) = request.into_parts();
    let is_safe = matches!(head.method, Method::GET | Method::HEAD);
    let told =
        |failure: UpstreamFailure| failure.report(route.service.name(), &exchange.id, is_safe);
    let path = target(route, &head.uri).map_err(told)?;
    let headers = outgoing_headers(exchange, identity, head.headers);
    let time = gate.config.timeouts.body.0;
    let body = bounded_body::read(body, route.body, time).await.map_err(body_problem)?;
    let mut outgoing = OutgoingRequest {
        method: head.method,
        path,
        headers,
        body,
        signed_in: route.access.scopes.is_some(),
        timeout: route.timeout,
        sent_by: None,
    };
    let (service, idle) = (&route.service, route.idle);
    if route.deduplicates
        && let Some(text) = &idempotency_key
    {
        // Another client may use the same text as key.
        let client = identity.map_or("public", |identity| &*identity.client);
        set(&mut outgoing.headers, key::HEADER, &key::at_service(client, text));
    }
    let Some((text, identity)) = idempotency_key.zip(identity) else {
        return send(service, &outgoing, idle).await.map_err(told);
    };
    let (method, path) = (&outgoing.method, outgoing.path.as_str());
    let fingerprint = key::fingerprint(method, path, &outgoing.headers, &outgoing.body);
    let keyed = KeyedRequest {
        client: (*identity.client).to_owned(),
        key: text,
        fingerprint,
        timeout: route.timeout,
        deduplicates: route.deduplicates,
        upstream: service.name().to_owned(),
        request_id: exchange.id.clone(),
    };
    let Some(database) = gate.lasting.database.clone() else {
        let detail = "the gateway has no memory for Idempotency-Key";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    };
    // If the client goes away the task goes on, as the answer is for a later request with the key. Until then it is one
    // of the client's requests.
    let in_flight = Arc::clone(&gate.lasting.in_flight).read_owned().await;
    let working = (in_flight, Arc::clone(under_way));
    let service = Arc::clone(service);
    let running = tokio::spawn(async move {
        let _working = working;
        let sending = async |by| {
            outgoing.sent_by = Some(by);
            send(&service, &outgoing, idle).await
        };
        remember::once(&database, keyed, sending).await
    });
    running.await.unwrap_or_else(|error| {
        tracing::error!("a request with an Idempotency-Key failed: {error}");
        Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the gateway failed; its log says why"))
    })
}

fn is_packed(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn target(route: &Route, asked: &Uri) -> Result<PathAndQuery, UpstreamFailure> {
    let path = asked.path();
    let rest = match (&route.to, asked.path_and_query()) {
        // An address without a path has only a query there.
        (None, Some(whole)) if whole.as_str().starts_with('/') => return Ok(whole.clone()),
        (None, _) => path.to_owned(),
        (Some(to), _) => {
            let rest = behind(path, &route.prefix).unwrap_or(path);
            let to = to.trim_end_matches('/');
            if to.is_empty() && rest.is_empty() { "/".to_owned() } else { format!("{to}{rest}") }
        }
    };
    outgoing::path(match asked.query() {
        Some(query) => format!("{rest}?{query}"),
        None => rest,
    })
}

/// What the client may send, and what only the gateway writes.
pub(crate) fn outgoing_headers(
    exchange: &Exchange<'_>,
    identity: Option<&Identity>,
    mut headers: HeaderMap,
) -> HeaderMap {
    let host = headers.remove(header::HOST);
    clean_request(&mut headers);
    if let Some(host) = host {
        headers.insert(FORWARDED_HOST, host);
    }
    set(&mut headers, REQUEST_ID, &exchange.id);
    set(&mut headers, FORWARDED_FOR, &exchange.address.to_string());
    exchange.trace.write(&mut headers);
    match identity {
        Some(identity) => identity.write(&mut headers),
        // Otherwise a service would take the request for an internal one.
        None => set(&mut headers, SCOPES, ""),
    }
    headers
}

async fn send(
    service: &UpstreamService,
    outgoing: &OutgoingRequest,
    idle: Duration,
) -> Result<Answer, UpstreamFailure> {
    let mut answer = service.send(outgoing).await?;
    clean_response(answer.headers_mut());
    Ok(answer.map(|body| with_limit_of_silence(body, idle)))
}
