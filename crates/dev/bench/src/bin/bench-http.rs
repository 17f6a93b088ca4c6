//! Runs the service behind the proxies, or the proxy without layers, as a process of its own.

use std::net::SocketAddr;

use bench::gateway::http;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    role: HttpRole,
}

#[derive(Debug, Subcommand)]
enum HttpRole {
    /// Answers every request.
    Service { listen: SocketAddr },
    /// Passes every request on.
    Proxy { listen: SocketAddr, upstream: SocketAddr },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Args::parse().role {
        HttpRole::Service { listen } => http::serve(listen).await,
        HttpRole::Proxy { listen, upstream } => http::pass_on(listen, upstream).await,
    }
}
