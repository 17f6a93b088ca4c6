//! A broker with a journal, a database, a console, and a browser that keeps its cookie.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ballet::Clock;
use ballet_amqp::{
    AMQPValue, BasicProperties, Broker, Confirms, FieldTable, Publish, PublishOutcome, RabbitMq,
    Session,
};
use ballet_check::Contracts;
use ballet_console::{Account, Console, Options};
use ballet_core::topology::{self, DEAD, EVENTS, ROUTE};
use ballet_stage::{Database, Servers, TestEnv};
use futures_util::StreamExt;
use reqwest::{Client, Method, RequestBuilder, StatusCode, redirect};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

pub(crate) const SOON: Duration = Duration::from_secs(60);
pub(crate) const CHECKED_OUT: &str = "cart.checked_out.v1";
pub(crate) const PLACED: &str = "orders.order_placed.v1";
pub(crate) const RESERVED: &str = "inventory.stock_reserved.v1";

pub(crate) fn contracts() -> &'static Contracts {
    static CONTRACTS: OnceLock<Contracts> = OnceLock::new();
    CONTRACTS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/contracts/shop");
        Contracts::read(&folder).expect("the shop's contracts")
    })
}

/// Prepared databases of these services, and what the console is told of them.
pub(crate) async fn service_databases(
    test: &str,
    services: &[&str],
) -> (BTreeMap<String, Database>, Vec<(String, PgConnectOptions)>) {
    let servers = Servers::shared().await.expect("servers");
    let of = Database::prepared(servers.postgres(), test, services).await.expect("databases");
    let told = of.iter().map(|(name, of)| (name.clone(), of.url().parse().expect("a URL")));
    let told = told.collect();
    (of, told)
}

pub(crate) struct TestConsole {
    pub(crate) env: TestEnv,
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    session: Arc<dyn Session>,
    confirms: tokio::sync::Mutex<Confirms>,
}

impl TestConsole {
    pub(crate) async fn new(name: &str) -> Self {
        let servers = Servers::shared().await.expect("servers");
        let definitions = topology::definitions(contracts().system(), |_| String::new());
        let env = TestEnv::new(servers, name, &definitions, &[]).await.expect("a world");
        let database = Database::new(servers.postgres(), name).await.expect("a database");
        let broker = RabbitMq::new(env.ops_amqp_url()).expect("a URL");
        let session = broker.connect("test").await.expect("a session");
        let confirms = session.confirms().await.expect("confirms").into();
        Self { env, database, clock: Clock::system(), session, confirms }
    }

    pub(crate) fn options(&self) -> Options {
        options(self.env.amqp_url("redrive"), self.database.url())
    }

    pub(crate) async fn console(&self) -> RunningConsole {
        self.console_with(|_| {}).await
    }

    pub(crate) async fn console_with(&self, set: impl FnOnce(&mut Options)) -> RunningConsole {
        let mut options = self.options();
        set(&mut options);
        let mut console = Console::open(options).await.expect("it opens");
        let first = console.first.take();
        let address = console.address;
        let task = tokio::spawn(async move { console.run().await.expect("it runs") });
        RunningConsole { address, first, task }
    }

    pub(crate) async fn unbind(&self, service: &str, name: &str) {
        let path = ["bindings", self.env.vhost(), "e", ROUTE, "q", service, name];
        self.env.management().call(Method::DELETE, &path, None).await.expect("deleted");
    }

    /// Waits until the broker has them.
    pub(crate) async fn publish(&self, messages: Vec<Publish>) {
        let mut confirms = self.confirms.lock().await;
        let mut open = messages.len();
        for message in messages {
            self.session.publish(message).expect("published");
        }
        while open > 0 {
            for confirmed in confirms.next().await.expect("open").expect("confirms") {
                assert_eq!(confirmed.outcome, PublishOutcome::Ack);
                open -= 1;
            }
        }
    }

    /// Takes messages from the service's queue until this one, and publishes an event because of it.
    pub(crate) async fn handles(&self, service: &str, id: &str, name: &str) {
        let mut queue = self.session.consume(service, "test service", 1).await.expect("its queue");
        loop {
            let next = tokio::time::timeout(SOON, queue.next()).await.expect("in time");
            let message = next.expect("open").expect("a message");
            let properties = &message.properties;
            let is_it = properties.message_id().as_ref().is_some_and(|own| own.as_str() == id);
            if is_it {
                let of = |text: &str| text.parse().expect("an id");
                let saga = properties.correlation_id().as_ref().map(|saga| of(saga.as_str()));
                let event = self.event(name, saga.expect("a saga"), Some(of(id)), "{}");
                self.publish(vec![event]).await;
            }
            self.session.ack(message.tag, false).await.expect("taken");
            if is_it {
                return;
            }
        }
    }

    pub(crate) fn id(&self) -> Uuid {
        self.clock.new_id(self.clock.now())
    }

    /// As a client's random id is: no time is in it.
    pub(crate) fn random_id(&self) -> Uuid {
        Uuid::from_u128(self.id().as_u128() & !(0xf << 76) | (0x4 << 76))
    }

    pub(crate) fn event(&self, name: &str, saga: Uuid, cause: Option<Uuid>, body: &str) -> Publish {
        let properties = self.properties(name, saga, cause);
        Publish {
            exchange: EVENTS.to_owned(),
            routing_key: name.to_owned(),
            mandatory: false,
            properties,
            body: body.as_bytes().to_vec().into(),
        }
    }

    fn properties(&self, name: &str, saga: Uuid, cause: Option<Uuid>) -> BasicProperties {
        let mut headers = FieldTable::default();
        if let Some(cause) = cause {
            headers.insert("causation_id".into(), AMQPValue::LongString(cause.to_string().into()));
        }
        let service = name.split('.').next().unwrap_or_default();
        BasicProperties::default()
            .with_type(name.into())
            .with_message_id(self.id().to_string().into())
            .with_correlation_id(saga.to_string().into())
            .with_app_id(service.into())
            .with_content_type("application/json".into())
            .with_delivery_mode(2)
            .with_headers(headers)
    }

    pub(crate) fn dead(
        &self,
        service: &str,
        name: &str,
        saga: Uuid,
        detail: &str,
        body: &[u8],
    ) -> Publish {
        let mut properties = self.properties(name, saga, None);
        let mut headers = FieldTable::default();
        for (header, value) in [
            ("x-dead-reason", "failed"),
            ("x-dead-detail", detail),
            ("x-dead-service", service),
            (
                "x-dead-step",
                if service == "payments" { "authorize_payment" } else { "reserve_stock" },
            ),
            ("x-dead-at", &self.clock.now().to_string()),
            ("x-dead-exchange", EVENTS),
            ("x-dead-routing-key", name),
        ] {
            headers.insert(header.into(), AMQPValue::LongString(value.into()));
        }
        properties = properties.with_headers(headers);
        Publish {
            exchange: DEAD.to_owned(),
            routing_key: service.to_owned(),
            mandatory: true,
            properties,
            body: body.to_vec().into(),
        }
    }

    /// Puts copies before the saga's first entry, each a message of its own.
    pub(crate) async fn repeat(&self, saga: Uuid, times: i32) {
        let mut db = PgConnection::connect(self.database.url()).await.expect("a session");
        let copies = "insert into console.entry (place, at, kind, saga, type, service, message_id, body, size) \
                      select -n, at, kind, saga, type, service, gen_random_uuid(), body, size \
                      from (select * from console.entry where saga = $1 order by place limit 1) first, generate_series(1, $2) n";
        let copies = sqlx::query(copies).bind(saga).bind(times).execute(&mut db).await;
        assert_eq!(copies.expect("copies").rows_affected(), u64::try_from(times).expect("some"));
    }

    pub(crate) async fn close(self) {
        self.session.close().await;
        self.env.close().await.expect("closed");
    }
}

pub(crate) fn options(amqp: &str, database: &str) -> Options {
    let broker = Arc::new(RabbitMq::new(amqp).expect("a URL"));
    Options::new(contracts(), broker, database.parse().expect("a URL"))
}

pub(crate) struct RunningConsole {
    pub(crate) address: SocketAddr,
    pub(crate) first: Option<Account>,
    task: JoinHandle<()>,
}

impl Drop for RunningConsole {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RunningConsole {
    /// Returns a browser that has logged in as the first account.
    pub(crate) async fn browser(&self) -> Browser {
        let first = self.first.as_ref().expect("the first start");
        self.browser_of(first.name, &first.password).await
    }

    pub(crate) async fn browser_of(&self, name: &str, password: &str) -> Browser {
        let mut browser = self.stranger();
        let answer = browser.log_in(name, password).await;
        assert_eq!(answer, StatusCode::SEE_OTHER);
        browser
    }

    pub(crate) fn stranger(&self) -> Browser {
        self.stranger_at([127, 0, 0, 1])
    }

    pub(crate) fn stranger_at(&self, address: [u8; 4]) -> Browser {
        let client = Client::builder().redirect(redirect::Policy::none());
        let client = client.local_address(IpAddr::from(address)).build().expect("a client");
        Browser { client, at: format!("http://{}", self.address), cookie: None }
    }
}

pub(crate) struct Browser {
    client: Client,
    at: String,
    pub(crate) cookie: Option<String>,
}

impl Browser {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.at)).timeout(SOON);
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    pub(crate) fn form(&self, path: &str, body: &str) -> RequestBuilder {
        self.request(Method::POST, path)
            .header("origin", &self.at)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.to_owned())
    }

    pub(crate) async fn act(&self, page: &str, to: &str, fields: &str) -> (StatusCode, String) {
        let (_, page) = self.get(page).await;
        self.fill_in(&page, to, fields).await
    }

    /// Fills in a page that was loaded before. Hidden fields are sent along.
    pub(crate) async fn fill_in(&self, page: &str, to: &str, fields: &str) -> (StatusCode, String) {
        let seen = page.split("name=\"seen\" value=\"").nth(1);
        let seen = seen.and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let fields = format!("seen={}&{fields}", seen.replace(' ', "+"));
        let answer = self.form(to, &fields).send().await.expect("an answer");
        let status = answer.status();
        let to =
            answer.headers().get("location").and_then(|to| to.to_str().ok()).map(str::to_owned);
        (status, to.unwrap_or(answer.text().await.expect("text")))
    }

    pub(crate) async fn log_in(&mut self, name: &str, password: &str) -> StatusCode {
        let answer = self.form("/login", &format!("name={name}&password={password}"));
        let answer = answer.send().await.expect("an answer");
        let set = answer.headers().get_all("set-cookie").into_iter();
        let set = set.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
        let set: Vec<&str> = set.collect();
        if !set.is_empty() {
            self.cookie = Some(set.join("; "));
        }
        answer.status()
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = self.request(Method::GET, path).send().await.expect("an answer");
        (answer.status(), answer.text().await.expect("text"))
    }

    pub(crate) async fn until(&self, path: &str, says: &str) -> String {
        let end = Instant::now() + SOON;
        loop {
            let (status, page) = self.get(path).await;
            if status == StatusCode::OK && page.contains(says) {
                return page;
            }
            assert!(Instant::now() < end, "{path} does not say {says:?}: {status} {page}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}
