//! Brings servers up, prints their addresses, and ends them on Ctrl-C.
//!
//! For work in a shell: `cargo run -p ballet-stage --bin ballet-servers`. With `--for-tests` they are fast, and also
//! end with the standard input.

use std::io::{Read, Write};
use std::process::ExitCode;

use ballet_stage::{Error, Options, Servers};
use tokio::sync::oneshot;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let for_tests = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--for-tests") => true,
        Some(argument) => {
            eprintln!("error: {argument}: this brings servers up until Ctrl-C");
            return ExitCode::from(2);
        }
    };
    match run(for_tests).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(for_tests: bool) -> Result<(), Error> {
    let options = if for_tests { Options::fast() } else { Options::durable() };
    let servers = tokio::select! {
        servers = Servers::acquire(options) => servers?,
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
    let (close, closed) = oneshot::channel::<()>();
    let never_closed = if for_tests {
        std::thread::spawn(move || {
            // An error ends the input as well.
            std::io::stdin().read_to_end(&mut Vec::new()).ok();
            drop(close);
        });
        None
    } else {
        Some(close)
    };
    let waited = tokio::select! {
        waited = tokio::signal::ctrl_c() => waited,
        _ = closed => Ok(()),
    };
    drop(never_closed);
    servers.stop().await?;
    waited.map_err(|source| Error::Machine { what: "wait for Ctrl-C".to_owned(), source })
}
