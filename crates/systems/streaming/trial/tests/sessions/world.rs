//! Streaming in the test's process, with viewers.

use ballet::Service;
use ballet_stage::Method;
use ballet_testkit::TestSystem;
use ballet_testkit::process_log::log_here;
use jiff::{SignedDuration, Timestamp};
use playback::Playback;
use playback::config::PlaybackSettings;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// No session is lost or overdue.
pub(crate) const PATIENT: PlaybackSettings = PlaybackSettings {
    start_deadline_seconds: 600,
    heartbeat_seconds: 10,
    lost_after_seconds: 600,
};

pub(crate) struct StreamingWorld {
    pub(crate) system: TestSystem,
    pub(crate) settings: PlaybackSettings,
}

pub(crate) struct Home {
    pub(crate) account: String,
    pub(crate) devices: Vec<String>,
}

impl StreamingWorld {
    pub(crate) async fn open(test: &str) -> Self {
        Self::with(test, PATIENT).await
    }

    /// Starts all but analytics, which takes no part in a session.
    pub(crate) async fn with(test: &str, settings: PlaybackSettings) -> Self {
        log_here();
        let system = TestSystem::asleep(test, streaming::system().parts).await;
        let mut world = Self { system, settings };
        for service in ["accounts", "playback", "titles"] {
            world.start(service).await;
        }
        world
    }

    pub(crate) async fn whole(test: &str) -> Self {
        let mut world = Self::open(test).await;
        world.start("analytics").await;
        world
    }

    pub(crate) async fn start(&mut self, service: &str) {
        let service: Service = match service {
            "accounts" => accounts::Accounts::service(),
            "analytics" => analytics::Analytics::service(),
            "playback" => Playback { settings: self.settings }.service(),
            _ => titles::Titles::service(),
        };
        self.system.start(service).await;
    }

    pub(crate) async fn home(&self, plan: &str, devices: usize) -> Home {
        let email = format!("{}@example.org", self.system.new_id());
        let person = json!({ "email": email, "name": "Ada", "plan": plan, "region": "DE" });
        let account = self.made("accounts", "/sign-up", &person).await;
        let account = text(&account, "account_id");
        let mut home = Home { account, devices: Vec::new() };
        for number in 0..devices {
            let device = json!({ "name": format!("Device {number}") });
            let path = format!("/accounts/{}/devices", home.account);
            home.devices.push(text(&self.made("accounts", &path, &device).await, "device_id"));
        }
        home
    }

    /// Publishes a title with rights in Germany for this time.
    pub(crate) async fn title(&self, rights: SignedDuration, min_age: u8) -> String {
        let now = self.system.handle(0).now();
        self.title_in("DE", now, now + rights, min_age).await
    }

    pub(crate) async fn title_in(
        &self,
        region: &str,
        from: Timestamp,
        until: Timestamp,
        min_age: u8,
    ) -> String {
        let title = json!({
            "name": "The Harbour", "genre": "drama", "min_age": min_age, "length_seconds": 5400,
            "rights": [{ "region": region, "from": from, "until": until }],
        });
        text(&self.made("titles", "/titles", &title).await, "title_id")
    }

    /// Publishes a title that anybody in Germany may watch.
    pub(crate) async fn any_title(&self) -> String {
        self.title(SignedDuration::from_hours(10), 0).await
    }

    pub(crate) async fn request(&self, home: &Home, device: usize, title: &str) -> String {
        let wanted = json!({
            "account_id": home.account, "device_id": home.devices[device], "title_id": title,
        });
        text(&self.made("playback", "/sessions", &wanted).await, "session_id")
    }

    pub(crate) async fn play(&self, home: &Home, device: usize, title: &str) -> String {
        let session = self.request(home, device, title).await;
        self.until(&session, "playing").await;
        session
    }

    pub(crate) async fn beat(
        &self,
        session: &str,
        number: u32,
        position: u32,
    ) -> (StatusCode, Value) {
        let heartbeat = json!({
            "number": number, "position_seconds": position, "watched_seconds": position,
        });
        self.system.post("playback", &format!("/sessions/{session}/heartbeats"), &heartbeat).await
    }

    pub(crate) async fn stop(&self, session: &str) -> StatusCode {
        self.system.post("playback", &format!("/sessions/{session}/stop"), &json!({})).await.0
    }

    pub(crate) async fn until(&self, session: &str, status: &str) {
        let query = format!("select status from session where session_id = '{session}'");
        self.system.until("playback", &query, status).await;
    }

    /// Waits for this final status and reason, and no live slot or licence.
    pub(crate) async fn over(&self, session: &str, status: &str, reason: &str) {
        self.until(session, status).await;
        let query = format!("select reason from session where session_id = '{session}'");
        assert_eq!(self.system.value::<String>("playback", &query).await, reason);
        for (service, table) in [("accounts", "slot"), ("titles", "license")] {
            let query = format!(
                "select count(*) from {table} where session_id = '{session}' and state = 'live'"
            );
            self.system.until(service, &query, 0).await;
        }
    }

    pub(crate) async fn read(&self, session: &str) -> Value {
        self.system.get("playback", &format!("/sessions/{session}")).await.1
    }

    pub(crate) async fn delete(&self, service: &str, path: &str) -> (StatusCode, Value) {
        self.system.request(Method::DELETE, service, path, None).await
    }

    async fn made(&self, service: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.system.post(service, path, body).await;
        assert_eq!(status, StatusCode::CREATED, "{path}: {answer}");
        answer
    }
}

pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}
