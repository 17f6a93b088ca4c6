//! Checks that no account watches more streams than its plan has.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use ballet_ops::terminal::ui;
use ballet_trials::{ClientAnswer, Site, SiteClient};
use reqwest::Method;
use serde_json::Value;

const PAUSE: Duration = Duration::from_millis(20);
const BEHIND: &str = "accounts:all";
/// The maximum time between two successful checks, also while services are killed every second.
const SEEN_WITHIN: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct PlanWatcher {
    seen: Mutex<WatcherFindings>,
}

#[derive(Debug, Default)]
struct WatcherFindings {
    /// The maximum per account so far. Accounts whose first plan was missed are left out.
    streams: HashMap<String, i64>,
    violations: Vec<String>,
}

impl PlanWatcher {
    /// Checks at least once. A check that a service does not answer is repeated.
    pub(crate) async fn run(&self, site: &Site, until: Instant) {
        // Only operators see all accounts.
        let token = site.token(&site.new_id().to_string(), BEHIND).await.unwrap_or_default();
        let client = SiteClient::new(site, 0).with(token.as_deref());
        let (begun, mut last) = (Instant::now(), Instant::now());
        let (mut looks, mut longest) = (0, Duration::ZERO);
        loop {
            let looked = self.look(client).await;
            longest = longest.max(last.elapsed());
            if looked.is_ok() {
                (looks, last) = (looks + 1, Instant::now());
            }
            if Instant::now() >= until {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        if longest > SEEN_WITHIN {
            self.seen().violations.push(format!("nobody looked at slots for {longest:.1?}"));
        }
        // A single check proves nothing.
        if looks > 1 {
            ui::say(&format!(
                "looked {looks} times in {:.0?}, {longest:.1?} between two looks at most: {} accounts were \
                 beyond their plans",
                begun.elapsed(),
                self.seen().violations.len()
            ));
        }
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.seen().violations.clone()
    }

    fn seen(&self) -> MutexGuard<'_, WatcherFindings> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look(&self, client: SiteClient<'_>) -> Result<()> {
        // One statement reads a page. The sessions come first: the plan that allowed them is known when the accounts
        // are read.
        let sessions = page(client, "playback", "/sessions?open=true&limit=1000").await?;
        let accounts = page(client, "accounts", "/accounts?limit=1000").await?;
        let mut seen = self.seen();
        for row in &accounts {
            let account = row["account_id"].as_str().unwrap_or_default();
            let slots = row["live"].as_i64().unwrap_or_default();
            let streams = row["streams"].as_i64().unwrap_or_default();
            if slots > streams {
                let wrong = format!("account {account} had {slots} live slots of {streams}");
                seen.violations.push(wrong);
            }
            match seen.streams.get_mut(account) {
                Some(most) => *most = streams.max(*most),
                None if row["version"] == 1 => {
                    seen.streams.insert(account.to_owned(), streams);
                }
                None => {}
            }
        }
        let mut live: BTreeMap<&str, i64> = BTreeMap::new();
        for session in &sessions {
            if session["status"] == "playing" && session["ending"].is_null() {
                *live.entry(session["account_id"].as_str().unwrap_or_default()).or_default() += 1;
            }
        }
        for (account, count) in live {
            if let Some(streams) = seen.streams.get(account).filter(|streams| count > **streams) {
                let wrong = format!("account {account} watched {count} streams of {streams}");
                seen.violations.push(wrong);
            }
        }
        Ok(())
    }
}

/// Fails if the service does not answer; the next check asks again.
async fn page(client: SiteClient<'_>, service: &str, path: &str) -> Result<Vec<Value>> {
    let (saw, mut page) = client.once(Method::GET, service, path, &Value::Null).await;
    match page["items"].take() {
        Value::Array(items) if saw == ClientAnswer::Works => Ok(items),
        _ => bail!("{service} has no page: {saw:?}"),
    }
}
