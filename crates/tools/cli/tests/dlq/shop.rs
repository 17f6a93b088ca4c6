//! F11: a poison event in any service becomes a dead letter, and its redrive after a fix completes the saga.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ballet::core::topology;
use ballet::{Clock, Running, Service, Settings};
use ballet_stage::{Servers, TestEnv, wait_until};
use ballet_testkit::command::{CommandOutput, ended};
use ballet_testkit::until_yields;
use cart::config::CartSettings;
use futures_util::future::join_all;
use jiff::SignedDuration;
use reqwest::Client;
use serde_json::{Value, json};
use shop::audit::{Report, audit_beside};
use sqlx::{Connection, PgConnection};
use tokio::process::Command;

use crate::audit::any_system_is_audited_by_its_contracts_and_addresses_alone;
use crate::companies::Companies;
use crate::world::{SOON, ballet, place};

pub(crate) struct ShopWorld {
    pub(crate) env: TestEnv,
    running: BTreeMap<&'static str, Running>,
    databases: BTreeMap<String, String>,
    carrier: shipping::sandbox::Sandbox,
    pub(crate) companies: Option<Companies>,
    pub(crate) http: Client,
    pub(crate) place: PathBuf,
}

impl ShopWorld {
    pub(crate) async fn open(name: &str) -> Self {
        Self::open_with(name, None).await
    }

    /// The bank and the carrier are in none of its databases.
    pub(crate) async fn open_beside(companies: Companies, name: &str) -> Self {
        Self::open_with(name, Some(companies)).await
    }

    async fn open_with(name: &str, companies: Option<Companies>) -> Self {
        let servers = Servers::shared().await.expect("servers");
        let system = shop::system();
        let services: Vec<&'static str> = system.parts.iter().map(|part| part.service).collect();
        let definitions = topology::definitions(&system, |_| String::new());
        let env = TestEnv::prepared(servers, name, &definitions, &services).await;
        let env = env.expect("a test environment");
        let carrier = shipping::sandbox::Sandbox::new(Duration::from_millis(20));
        let (running, http, place) = (BTreeMap::new(), Client::new(), place(name));
        let databases = BTreeMap::new();
        let mut shop = Self { env, running, databases, carrier, companies, http, place };
        let started = join_all(services.iter().map(|name| shop.started(name, None))).await;
        for (name, running) in services.into_iter().zip(started) {
            shop.runs(name, running);
        }
        shop.receive("note-1", 10).await;
        let product = json!({ "sku": "mug", "title": "A mug", "category": "kitchen",
            "price": { "amount_minor": 1250, "currency": "EUR" } });
        shop.post("catalog", "/products", &product).await;
        let known = "select count(*) > 0 from ballet.copy where id = 'mug'";
        until_yields(shop.env.database_url("orders"), known, "true", SOON).await;
        shop
    }

    /// A small `max_body` makes every message poison.
    pub(crate) async fn start(&mut self, name: &'static str, max_body: Option<usize>) {
        let running = self.started(name, max_body).await;
        self.runs(name, running);
    }

    fn runs(&mut self, name: &'static str, running: Running) {
        self.databases.insert(name.to_owned(), self.env.database_url(name).to_owned());
        self.running.insert(name, running);
    }

    async fn started(&self, name: &str, max_body: Option<usize>) -> Running {
        let database_url = self.env.database_url(name).to_owned();
        let settings = Settings::new(self.env.amqp_url(name), database_url);
        let settings = match max_body {
            Some(max_body) => Settings { max_body, ..settings },
            None => settings,
        };
        let service: Service = match (name, &self.companies) {
            ("orders", _) => orders::Orders(SignedDuration::from_mins(10).into()).service(),
            ("cart", _) => cart::Carts(CartSettings::default()).service(),
            ("catalog", _) => catalog::Catalog::service(),
            ("inventory", _) => inventory::Inventory::service(),
            ("payments", Some(companies)) => payments::Payments::new(companies.clone()).service(),
            ("payments", None) => payments::Payments::new(common::cards::Sandbox::new(
                settings.database_url.clone().expect("a URL"),
            ))
            .service(),
            ("recommendations", _) => recommendations::Recommendations::service(),
            (_, Some(companies)) => shipping::Shipping::new(companies.clone()).service(),
            (_, None) => shipping::Shipping::new(self.carrier.clone()).service(),
        };
        service.start(settings).await.expect("started")
    }

    pub(crate) async fn stop(&mut self, name: &str) {
        self.running.remove(name).expect("it runs").stop().await;
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://{}", self.running[name].address())
    }

    async fn post(&self, service: &str, path: &str, body: &Value) {
        let url = format!("{}{path}", self.url(service));
        let answer = self.http.post(&url).json(body).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{answer:?}");
    }

    pub(crate) async fn receive(&self, receipt: &str, quantity: u64) {
        let note = json!({ "receipt": receipt, "quantity": quantity });
        self.post("inventory", "/stock/mug/receive", &note).await;
    }

    pub(crate) async fn database(&self, service: &str) -> PgConnection {
        let url = self.env.admin_database_url(service);
        PgConnection::connect(url).await.expect("a database")
    }

    pub(crate) fn new_id() -> String {
        let context = Clock::system();
        context.new_id(context.now()).to_string()
    }

    pub(crate) fn old_id() -> String {
        let clock = Clock::system();
        clock.new_id(clock.now() - SignedDuration::from_mins(30)).to_string()
    }

    /// The order gets the message's id.
    pub(crate) async fn drop(&self, id: &str, body: &str) {
        let properties = json!({ "message_id": id });
        let key = "cart.checked_out.v1";
        let published = self.env.management().publish("events", key, &properties, body).await;
        assert!(published.expect("published"));
    }

    /// Under a new id, which it returns.
    pub(crate) async fn new_order(&self, checkout: &Value) -> String {
        let id = Self::new_id();
        self.drop(&id, &checkout.to_string()).await;
        id
    }

    pub(crate) async fn order_is(&self, id: &str, status: &str) {
        let url = format!("{}/orders/{id}", self.url("orders"));
        wait_until(&format!("order {id} to be {status}"), SOON, || async {
            let answer = self.http.get(&url).send().await.map_err(|error| error.to_string())?;
            let order: Value = answer.json().await.map_err(|error| error.to_string())?;
            if order["status"] == status { Ok(Some(())) } else { Err(order.to_string()) }
        })
        .await
        .expect("the status");
    }

    pub(crate) async fn dead(&self, service: &str) {
        let (management, queue) = (self.env.management(), topology::dead_queue(service));
        let found = management.until_depth(&queue, SOON, |depth| depth.ready > 0).await;
        found.expect("a dead letter");
    }

    /// It finds the shop's services.
    pub(crate) async fn ballet(&self, arguments: &[&str]) -> CommandOutput {
        ended(self.command(arguments)).await
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = ballet(&self.env, &self.place);
        let database = self.env.admin_database_url("orders").replace("/orders", "/{service}");
        command.args(arguments).env("DATABASE_URL", database);
        command
    }

    pub(crate) async fn is_sound(&self) {
        wait_until("a shop at rest without violations", SOON, || async {
            let report =
                audit_beside(&Report::default(), &self.databases, SignedDuration::ZERO).await;
            let report = report.map_err(|error| error.to_string())?;
            if report.is_settled() { Ok(Some(())) } else { Err(report.to_string()) }
        })
        .await
        .expect("a sound shop");
    }

    pub(crate) async fn close(self) {
        join_all(self.running.into_values().map(Running::stop)).await;
        self.env.close().await.expect("closed");
        std::fs::remove_dir_all(&self.place).expect("removed");
    }
}

pub(crate) fn checkout() -> Value {
    json!({
        "customer_id": "0193f7a0-0000-7000-8000-00000000c001",
        "lines": [{ "sku": "mug", "quantity": 1,
            "unit_price": { "amount_minor": 1250, "currency": "EUR" } }],
        "card_token": "card_approved",
        "ship_to": { "name": "Ada", "street": "Main Street 1", "postal_code": "D02",
            "city": "Dublin", "country": "IE" },
    })
}

pub(crate) fn declined_checkout() -> Value {
    let mut declined = checkout();
    declined["card_token"] = json!("card_declined");
    declined
}

pub(crate) fn wrong_checkout() -> Value {
    let mut wrong = checkout();
    wrong["lines"][0]["quantity"] = json!("one");
    wrong
}

#[tokio::test]
async fn f11_a_poison_event_in_any_service_is_redriven_after_a_fix_and_completes_the_saga() {
    let mut shop = ShopWorld::open("f11").await;
    let of_a_saga = shop::system().parts.into_iter().filter(|part| !part.sagas.is_empty());
    for service in of_a_saga.map(|part| part.service) {
        shop.stop(service).await;
        shop.start(service, Some(10)).await;
        let id = shop.new_order(&checkout()).await;
        shop.dead(service).await;
        shop.ballet(&["dlq", "groups"]).await.ends_with(0).prints(&[service, "body_too_big"]);
        let stuck: Vec<Value> =
            shop.ballet(&["sagas", "stuck", "-o", "json"]).await.ends_with(0).json();
        assert!(
            stuck.iter().any(|row| row["saga"] == id && row["waits"][0]["dead"] == true),
            "{stuck:?}"
        );
        shop.stop(service).await;
        shop.start(service, None).await;
        shop.ballet(&["dlq", "redrive", "--all", "--why", "the limit was wrong"])
            .await
            .ends_with(0);
        shop.order_is(&id, "completed").await;
    }
    shop.is_sound().await;
    shop.ballet(&["sagas", "stuck"]).await.ends_with(0).prints(&["no saga is stuck"]);
    shop.ballet(&["dlq", "list"]).await.ends_with(0).prints(&["no dead letters match"]);
    any_system_is_audited_by_its_contracts_and_addresses_alone(&shop).await;
    shop.close().await;
}
