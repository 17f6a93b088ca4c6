//! Runs the service behind the proxies as a process of its own. It answers every request with the same kilobyte of JSON.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::serve::ListenerExt;
use clap::Parser;
use tokio::net::TcpListener;

const ANSWER: usize = 1_024;

#[derive(Debug, Parser)]
struct Args {
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let listener = TcpListener::bind(Args::parse().listen).await?;
    // Small answers leave at once.
    let listener = listener.tap_io(|stream| {
        stream.set_nodelay(true).ok();
    });
    let answer = Bytes::from(format!("{{\"text\":\"{}\"}}", "x".repeat(ANSWER)));
    // A request is over when its body has been read.
    let routes = Router::new()
        .fallback(async move |_: Bytes| ([(CONTENT_TYPE, "application/json")], answer.clone()));
    Ok(axum::serve(listener, routes).await?)
}
