//! The service behind the proxies.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

const ANSWER: usize = 1_024;

/// Answers every request with the same kilobyte of JSON.
///
/// # Errors
///
/// If it cannot listen.
pub async fn serve(listen: SocketAddr) -> Result<()> {
    let answer = Bytes::from(format!("{{\"text\":\"{}\"}}", "x".repeat(ANSWER)));
    let listener = TcpListener::bind(listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {listen}"))?;
    loop {
        let (stream, _) = listener.accept().await.context("cannot accept a connection")?;
        stream.set_nodelay(true).context("cannot set up a connection")?;
        let answer = answer.clone();
        tokio::spawn(async move {
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
            // The client has gone.
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}
