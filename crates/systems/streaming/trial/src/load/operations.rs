//! The operations of a client through the gateway, and the service that each needs.

use std::sync::Arc;

use anyhow::Result;
use ballet_trials::{Attempt, BegunSaga, End, Operation, Site, id};
use reqwest::Method;
use serde_json::Value;

use crate::load::client::{Household, StreamingClient, TitlePublisher, new_title};

#[derive(Debug)]
struct Visitor {
    site: Arc<Site>,
    home: Household,
    publisher: TitlePublisher,
    title: String,
}

pub(crate) async fn operations(site: &Arc<Site>) -> Result<Vec<Operation>> {
    let client = StreamingClient::new(site, 0);
    let publisher = TitlePublisher::new(site).await?;
    let title = publisher.at(client).title("DE", 0).await?;
    let home = client.home("family", 1).await?;
    let visitor = Arc::new(Visitor { site: Arc::clone(site), home, publisher, title });
    let account = format!("/accounts/{}", visitor.home.account);
    let reads = |name, service, path: String| {
        let visitor = Arc::clone(&visitor);
        let act = move || Arc::clone(&visitor).reads(service, path.clone());
        Operation::does(name, act).needs(service)
    };
    let [starts, publishes] = [(); 2].map(|()| Arc::clone(&visitor));
    Ok(vec![
        reads("search titles", "titles", "/titles/search?q=harbour".to_owned()),
        reads("read a title", "titles", format!("/titles/{}", visitor.title)),
        Operation::does("publish a title", move || Arc::clone(&publishes).publishes())
            .needs("titles")
            .once(),
        reads("see what is watched most", "analytics", "/most-watched".to_owned()),
        reads("read the plans", "accounts", "/plans".to_owned()),
        reads("read the account", "accounts", account.clone()),
        reads("see the devices", "accounts", format!("{account}/devices")),
        reads("see what plays", "playback", "/sessions?open=true".to_owned()),
        reads("see where to go on", "playback", format!("/positions/{}", visitor.home.account)),
        Operation::does("start a session", move || Arc::clone(&starts).starts())
            .needs("playback")
            .followed(),
    ])
}

impl Visitor {
    fn viewer(&self) -> StreamingClient<'_> {
        self.home.at(StreamingClient::new(&self.site, 0))
    }

    async fn reads(self: Arc<Self>, service: &'static str, path: String) -> Result<Attempt> {
        let (seen, _) = self.viewer().http.once(Method::GET, service, &path, &Value::Null).await;
        Ok(seen.into())
    }

    async fn publishes(self: Arc<Self>) -> Result<Attempt> {
        let publisher = self.publisher.at(self.viewer());
        let title = new_title("DE", 0);
        Ok(publisher.http.once(Method::POST, "titles", "/titles", &title).await.0.into())
    }

    /// Nobody stops the session, so it is lost some time later.
    async fn starts(self: Arc<Self>) -> Result<Attempt> {
        let wanted = self.home.wants(0, &self.title);
        let viewer = self.viewer().http;
        let (seen, body) = viewer.once(Method::POST, "playback", "/sessions", &wanted).await;
        let begun = id(&body["session_id"]).ok();
        Ok(Attempt { seen, begun: begun.map(|saga| BegunSaga { saga, end: End::Completed }) })
    }
}
