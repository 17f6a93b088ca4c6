//! The service behind the proxies, and the proxy without layers: the server and the client that the gateway builds on,
//! and nothing else.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::uri::{Authority, Scheme};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

/// The size of an answer.
const ANSWER: usize = 1_024;

/// Answers every request with the same kilobyte of JSON.
///
/// # Errors
///
/// If it cannot listen.
pub async fn serve(listen: SocketAddr) -> Result<()> {
    let answer = Bytes::from(format!("{{\"text\":\"{}\"}}", "x".repeat(ANSWER)));
    accept(listen, move |stream| {
        let answer = answer.clone();
        async move {
            let service = service_fn(|request: Request<Incoming>| {
                let answer = answer.clone();
                async move {
                    // A request is over when its body has been read.
                    let read = request.into_body().collect().await;
                    let mut response = Response::new(Full::new(answer));
                    if read.is_err() {
                        *response.status_mut() = StatusCode::BAD_REQUEST;
                    }
                    let json = HeaderValue::from_static("application/json");
                    response.headers_mut().insert(CONTENT_TYPE, json);
                    Ok::<_, Infallible>(response)
                }
            });
            // An error means that the client has gone.
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        }
    })
    .await
}

/// Passes every request on.
///
/// # Errors
///
/// If it cannot listen.
pub async fn pass_on(listen: SocketAddr, upstream: SocketAddr) -> Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<HttpConnector, Incoming> =
        Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
    let authority: Authority = upstream.to_string().parse().context("no address of a service")?;
    accept(listen, move |stream| {
        let (client, authority) = (client.clone(), authority.clone());
        async move {
            let service = service_fn(|mut request: Request<Incoming>| {
                let (client, authority) = (client.clone(), authority.clone());
                async move {
                    let mut parts = request.uri().clone().into_parts();
                    parts.scheme = Some(Scheme::HTTP);
                    parts.authority = Some(authority);
                    *request.uri_mut() = Uri::from_parts(parts)?;
                    anyhow::Ok(client.request(request).await?)
                }
            });
            // An error means that the client has gone, or that its request failed.
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        }
    })
    .await
}

async fn accept<F>(listen: SocketAddr, serve: impl Fn(TcpStream) -> F) -> Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {listen}"))?;
    loop {
        let (stream, _) = listener.accept().await.context("cannot accept a connection")?;
        stream.set_nodelay(true).context("cannot set up a connection")?;
        tokio::spawn(serve(stream));
    }
}
