//! Viewers, each with an account and devices, and publishers.

use anyhow::{Context, Result, ensure};
use ballet_trials::{Site, SiteClient};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const WATCHES: &str = "streaming:watch";
const PUBLISHES: &str = "titles:write";

#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamingClient<'a> {
    pub(crate) http: SiteClient<'a>,
}

#[derive(Debug)]
pub(crate) struct Household {
    pub(crate) account: String,
    pub(crate) devices: Vec<String>,
    /// The token of its devices for the gateway.
    pub(crate) token: Option<String>,
}

#[derive(Debug)]
pub(crate) struct TitlePublisher {
    token: Option<String>,
}

impl TitlePublisher {
    pub(crate) async fn new(site: &Site) -> Result<Self> {
        Ok(Self { token: site.token(&site.new_id().to_string(), PUBLISHES).await? })
    }

    pub(crate) fn at<'a>(&'a self, client: StreamingClient<'a>) -> StreamingClient<'a> {
        StreamingClient { http: client.http.with(self.token.as_deref()) }
    }
}

pub(crate) fn new_title(region: &str, min_age: u8) -> Value {
    json!({ "name": "The Harbour", "genre": "drama", "min_age": min_age, "length_seconds": 5400,
        "rights": [{ "region": region,
            "from": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z" }] })
}

impl Household {
    pub(crate) fn wants(&self, device: usize, title: &str) -> Value {
        json!({
            "account_id": self.account, "device_id": self.devices[device], "title_id": title,
        })
    }

    pub(crate) fn at<'a>(&'a self, client: StreamingClient<'a>) -> StreamingClient<'a> {
        StreamingClient { http: client.http.with(self.token.as_deref()) }
    }
}

impl<'a> StreamingClient<'a> {
    pub(crate) const fn new(site: &'a Site, number: usize) -> Self {
        Self { http: SiteClient::new(site, number) }
    }

    async fn make(&self, service: &str, path: &str, field: &str, body: &Value) -> Result<String> {
        let answer = self.http.done(Method::POST, service, path, body).await?;
        let id = answer[field].as_str();
        Ok(id.with_context(|| format!("POST {path} answered {answer}"))?.to_owned())
    }

    pub(crate) async fn home(&self, plan: &str, devices: usize) -> Result<Household> {
        let email = format!("{}@example.org", self.http.site.new_id());
        let person = json!({ "email": email, "name": "Viewer", "plan": plan, "region": "DE" });
        let account = self.make("accounts", "/sign-up", "account_id", &person).await?;
        let token = self.http.site.token(&account, WATCHES).await?;
        let mut home = Household { account, devices: Vec::new(), token };
        for number in 0..devices {
            let path = format!("/accounts/{}/devices", home.account);
            let device = json!({ "name": format!("Device {number}") });
            let device = home.at(*self).make("accounts", &path, "device_id", &device).await?;
            home.devices.push(device);
        }
        Ok(home)
    }

    pub(crate) async fn title(&self, region: &str, min_age: u8) -> Result<String> {
        self.make("titles", "/titles", "title_id", &new_title(region, min_age)).await
    }

    pub(crate) async fn request(
        &self,
        home: &Household,
        device: usize,
        title: &str,
    ) -> Result<String> {
        self.make("playback", "/sessions", "session_id", &home.wants(device, title)).await
    }

    pub(crate) async fn decided(&self, session: &str) -> Result<Value> {
        let path = format!("/sessions/{session}");
        let is_decided = |read: &Value| read["status"] != "requested";
        self.http.until("playback", &path, "decided", is_decided).await
    }

    pub(crate) async fn read(&self, session: &str) -> Result<Value> {
        let path = format!("/sessions/{session}");
        self.http.done(Method::GET, "playback", &path, &Value::Null).await
    }

    pub(crate) async fn beat(
        &self,
        session: &str,
        number: u32,
        watched: u32,
    ) -> Result<StatusCode> {
        let path = format!("/sessions/{session}/heartbeats");
        let heartbeat =
            json!({ "number": number, "position_seconds": watched, "watched_seconds": watched });
        Ok(self.http.ask(Method::POST, "playback", &path, &heartbeat).await?.0)
    }

    pub(crate) async fn stop(&self, session: &str) -> Result<Value> {
        let path = format!("/sessions/{session}/stop");
        self.http.done(Method::POST, "playback", &path, &json!({})).await
    }

    /// Another attempt may have done so before.
    pub(crate) async fn delete(&self, service: &str, path: &str) -> Result<()> {
        let (status, answer) = self.http.ask(Method::DELETE, service, path, &Value::Null).await?;
        let was_gone = matches!(status, StatusCode::GONE | StatusCode::NOT_FOUND);
        ensure!(status.is_success() || was_gone, "DELETE {path} answered {status}: {answer}");
        Ok(())
    }
}
