//! Requests that outlast the restart of a service.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use reqwest::{RequestBuilder, Response, StatusCode};

const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

/// Sends a request until the service, which may have been killed, answers. If it began a saga before the kill, the
/// saga's id is unknown.
///
/// # Errors
///
/// If the service stays unavailable too long.
pub async fn send_until_answered(request: RequestBuilder) -> Result<Response> {
    let begun = Instant::now();
    loop {
        let attempt = request.try_clone().context("a request whose body is a stream")?;
        match attempt.send().await {
            Ok(answer) if answer.status() != StatusCode::SERVICE_UNAVAILABLE => return Ok(answer),
            Ok(answer) if begun.elapsed() > PATIENCE => return Ok(answer),
            Err(error) if begun.elapsed() > PATIENCE => return Err(error.into()),
            Ok(_) | Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
