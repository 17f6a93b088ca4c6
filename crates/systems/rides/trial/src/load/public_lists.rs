//! The public lists, as operators read them. Without retries, because the watchers read again in a moment.

use anyhow::Result;
use ballet_trials::{Site, SiteClient};
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::load::client::BEHIND;

/// A live offer, as dispatch lists it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LiveOffer {
    pub(crate) ride_id: Uuid,
    pub(crate) driver_id: Uuid,
    pub(crate) state: String,
}

const PAGES: usize = 20;

#[derive(Debug, Deserialize)]
struct Items<T> {
    items: Vec<T>,
    #[serde(default)]
    next: Option<String>,
}

/// Reads the lists for a client that may see everything.
#[derive(Debug)]
pub(crate) struct PublicLists<'a> {
    site: &'a Site,
    token: Option<String>,
}

impl<'a> PublicLists<'a> {
    pub(crate) async fn of(site: &'a Site) -> Result<Self> {
        Ok(Self { site, token: site.token(&site.new_id().to_string(), BEHIND).await? })
    }

    /// One statement reads a thousand of them.
    pub(crate) async fn live(&self) -> Result<(Vec<LiveOffer>, bool)> {
        self.all("dispatch", "/trips?live=true&limit=1000").await
    }

    /// Page after page. Returns the items, and whether these are all.
    pub(crate) async fn all<T: DeserializeOwned>(
        &self,
        service: &str,
        path: &str,
    ) -> Result<(Vec<T>, bool)> {
        let client = SiteClient::new(self.site, 0).with(self.token.as_deref());
        let (mut all, mut after) = (Vec::new(), String::new());
        for _ in 0..PAGES {
            let page = format!("{path}{after}");
            let request = client.request(Method::GET, service, &page, &Value::Null).await?;
            let answer = request.send().await?.error_for_status()?;
            let Items::<T> { items, next } = serde_json::from_slice(&answer.bytes().await?)?;
            all.extend(items);
            let Some(next) = next else { return Ok((all, true)) };
            after = format!("&after={next}");
        }
        Ok((all, false))
    }
}
