//! The lists of the services, read once: who watches looks again in a moment.

use anyhow::Result;
use ballet_trials::{Site, SiteClient};
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

/// An offer that lives, as dispatch tells it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Live {
    pub(crate) ride_id: Uuid,
    pub(crate) driver_id: Uuid,
    pub(crate) state: String,
}

#[derive(Debug, Deserialize)]
struct Items<T> {
    items: Vec<T>,
}

/// All offers that live, which one statement reads.
pub(crate) async fn live(site: &Site) -> Result<Vec<Live>> {
    list(site, "dispatch", "/trips?live=true&limit=1000").await
}

/// The items of a list.
pub(crate) async fn list<T: DeserializeOwned>(
    site: &Site,
    service: &str,
    path: &str,
) -> Result<Vec<T>> {
    let client = SiteClient::new(site, 0);
    let request = client.request(Method::GET, service, path, &Value::Null).await?;
    let answer = request.send().await?.error_for_status()?;
    let list: Items<T> = serde_json::from_slice(&answer.bytes().await?)?;
    Ok(list.items)
}
