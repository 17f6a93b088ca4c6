//! Reads a service's own routes for readiness and metrics, once or until they meet a condition.

use std::net::SocketAddr;
use std::time::Duration;

use ballet_stage::wait_until;
use serde_json::Value;

/// The limit for changes that show only in reads far apart.
const LIMIT: Duration = Duration::from_secs(180);

/// Returns the status and the body of `/readyz`.
///
/// # Errors
///
/// If there is no answer, or it is not JSON.
pub async fn readiness(address: SocketAddr) -> reqwest::Result<(u16, Value)> {
    let answer = reqwest::get(format!("http://{address}/readyz")).await?;
    Ok((answer.status().as_u16(), answer.json().await?))
}

/// Returns the text of `/metrics`.
///
/// # Errors
///
/// If there is no answer.
pub async fn metrics(address: SocketAddr) -> reqwest::Result<String> {
    reqwest::get(format!("http://{address}/metrics")).await?.text().await
}

/// Returns the value of the first sample whose line begins with `begin`.
#[must_use]
pub fn sample(metrics: &str, begin: &str) -> Option<f64> {
    let line = metrics.lines().find(|line| line.starts_with(begin))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Waits until the answer of `/readyz` meets a condition, and returns the answer.
///
/// # Panics
///
/// If it does not within minutes.
pub async fn until_ready(
    address: SocketAddr,
    what: &str,
    is_it: impl Fn(u16, &Value) -> bool,
) -> Value {
    let said = wait_until(what, LIMIT, || async {
        let (status, said) = readiness(address).await.map_err(|error| error.to_string())?;
        if is_it(status, &said) { Ok(Some(said)) } else { Err(format!("{status} {said}")) }
    });
    said.await.unwrap_or_else(|error| panic!("{error}"))
}

/// Waits until `/readyz` answers with this status and this text anywhere in the body.
///
/// # Panics
///
/// If it does not within minutes.
pub async fn until_says(address: SocketAddr, status: u16, text: &str) -> Value {
    until_ready(address, text, |is, said| is == status && said.to_string().contains(text)).await
}
