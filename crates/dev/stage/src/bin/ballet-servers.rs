//! Brings servers up, prints their addresses, and ends them on Ctrl-C.
//!
//! For work in a shell: `cargo run -p ballet-stage --bin ballet-servers`. It takes no arguments.

use std::io::Write;
use std::process::ExitCode;

use ballet_stage::{Error, Options, Servers};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if let Some(argument) = std::env::args().nth(1) {
        eprintln!("error: {argument}: this brings servers up until Ctrl-C, and takes no arguments");
        return ExitCode::from(2);
    }
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let servers = tokio::select! {
        servers = Servers::acquire(Options::durable()) => servers?,
        _ = tokio::signal::ctrl_c() => return Ok(()),
    };
    let mut text = String::new();
    for (name, value) in servers.env() {
        text += &format!("{name}={value}\n");
    }
    let mut pids = servers.rabbitmq().pids().await;
    pids.extend(servers.postgres().pids().await);
    let pids: Vec<_> = pids.iter().map(ToString::to_string).collect();
    let dir = servers.dir().map(|dir| dir.display().to_string()).unwrap_or_default();
    text += &format!("PIDS={}\nDIR={dir}\n", pids.join(","));
    let shown = std::io::stdout().write_all(text.as_bytes());
    shown.map_err(|source| Error::Machine { what: "print".to_owned(), source })?;
    let waited = tokio::signal::ctrl_c().await;
    servers.stop().await?;
    waited.map_err(|source| Error::Machine { what: "wait for Ctrl-C".to_owned(), source })
}
