//! Runs the service behind the proxies as a process of its own.

use std::net::SocketAddr;

use bench::gateway::http;
use clap::Parser;

#[derive(Debug, Parser)]
struct Args {
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    http::serve(Args::parse().listen).await
}
