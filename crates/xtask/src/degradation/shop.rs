//! The shop of this run: servers, services, the gateway, and those who use it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ballet::core::topology;
use ballet_stage::{
    Children, Database, Launch, Options, Servers, ServiceProcess, TestEnv, wait_until,
};
use futures_util::future::{join_all, try_join_all};
use reqwest::Client;
use rustix::process::Signal;
use serde_json::Value;
use uuid::Uuid;

use crate::degradation::operation::{Visitor, open_cart};
use crate::harness::cases::GOOD;
use crate::harness::customer::{BUYS, Customer, SELLS, SUPPORTS};
use crate::harness::endpoints::Endpoints;
use crate::harness::gateway::{Gateway, Program, SECRET, drawn_secret};
use crate::harness::products;
use crate::harness::run_dir::run_dir;
use crate::harness::serve::{GATEWAY, SERVICE};
use crate::harness::services::SERVICES;
use crate::harness::stock::fill_shelves;
use crate::ui;

/// The gateway allows each of them 60 orders a minute.
const CUSTOMERS: usize = 20;
/// For what hangs; nothing depends on the pace.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// For an answer.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct Shop {
    children: Children,
    pub(crate) http: Client,
    servers: Servers,
    pub(crate) env: TestEnv,
    database: Database,
    services: Vec<ServiceProcess>,
    gateway: Gateway,
    /// What it signs with.
    secret: String,
    pub(crate) visitor: Visitor,
    pub(crate) customers: Vec<Customer>,
    logs: PathBuf,
    /// The orders that anybody was told of.
    pub(crate) placed: usize,
    /// Requests that may have placed an order of which nobody was told.
    pub(crate) unknown: usize,
}

impl Shop {
    pub(crate) async fn open() -> Result<Self> {
        let children = Children::new()?;
        let http = Client::builder().no_proxy().timeout(TIMEOUT).build();
        let http = http.context("cannot set up HTTP")?;
        let path = std::env::current_exe().context("cannot find this program")?;
        let logs = run_dir(Some(&path), "degradation")?;
        let servers = Servers::acquire(Options::durable().progress(ui::say)).await?;
        let definitions = topology::definitions(&shop::system(), |_| String::new());
        let env = TestEnv::new(&servers, "degradation", &definitions, &SERVICES).await?;
        let database = Database::new(servers.postgres(), GATEWAY).await?;
        let secret = drawn_secret();
        let mut services = Vec::new();
        for name in SERVICES.iter().copied() {
            let launch = Launch {
                name,
                program: path.clone(),
                env: vec![
                    (SERVICE.to_owned(), name.to_owned()),
                    (SECRET.to_owned(), secret.clone()),
                ],
                isolated: false,
                amqp_url: env.amqp_url(name).to_owned(),
                database_url: env.database_url(name).to_owned(),
                log: logs.join(format!("{name}.log")),
            };
            services.push(ServiceProcess::start(&children, launch).await?);
        }
        try_join_all(services.iter_mut().map(|service| service.ready(&http))).await?;
        let urls = services.iter().map(|service| (service.launch.name, &*service.url));
        let urls: Vec<_> = urls.collect();
        let program =
            Program { path, env: vec![(SERVICE, GATEWAY.to_owned()), (SECRET, secret.clone())] };
        let gateway = Gateway::start(&children, program, &logs, database.url(), &urls).await?;
        gateway.ready(&http).await?;
        let mut customers = Vec::new();
        for _ in 0..CUSTOMERS {
            customers.push(Customer::new(&gateway, BUYS, TIMEOUT).await?);
        }
        let customer = Customer::new(&gateway, BUYS, TIMEOUT).await?;
        let merchant = Customer::new(&gateway, SELLS, TIMEOUT).await?;
        let support = Customer::new(&gateway, SUPPORTS, TIMEOUT).await?;
        fill_shelves(&merchant.http, &merchant.shop).await?;
        products::publish_all(&merchant.http, &merchant.shop).await?;
        let checkout = customer.checkout(&GOOD, 0)?;
        let order = customer.buy(&checkout).await?;
        customer.ends(order, GOOD.end).await?;
        let cart = cart(&customer).await?;
        let visitor = Visitor { customer, merchant, support, order, cart };
        let (placed, unknown) = (1, 0);
        Ok(Self {
            children,
            http,
            servers,
            env,
            database,
            services,
            gateway,
            secret,
            visitor,
            customers,
            logs,
            placed,
            unknown,
        })
    }

    /// Kills a service, or the gateway.
    pub(crate) async fn kill(&mut self, name: &str) -> Result<()> {
        if name == GATEWAY {
            return self.gateway.kill().await;
        }
        self.service(name)?.signal(Signal::KILL);
        Ok(())
    }

    /// Starts it again, at the same address, and waits until it is ready.
    pub(crate) async fn start(&mut self, name: &str) -> Result<()> {
        let (children, http) = (self.children.clone(), self.http.clone());
        if name == GATEWAY {
            self.gateway.revive(&children).await?;
            return self.gateway.ready(&http).await;
        }
        let service = self.service(name)?;
        // Reaps it first.
        while service.ended().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        service.start_again(&children).await?;
        service.ready(&http).await?;
        Ok(())
    }

    /// Ends a service, and starts it again with this setting.
    pub(crate) async fn start_with(
        &mut self,
        name: &str,
        setting: &'static str,
        value: String,
    ) -> Result<()> {
        self.kill(name).await?;
        self.service(name)?.launch.env.push((setting.to_owned(), value));
        self.start(name).await
    }

    fn service(&mut self, name: &str) -> Result<&mut ServiceProcess> {
        let found = self.services.iter_mut().find(|service| service.launch.name == name);
        found.with_context(|| format!("the shop has no service {name}"))
    }

    /// All orders that there are, with their statuses.
    pub(crate) async fn orders(&self) -> Result<HashMap<Uuid, String>> {
        let Customer { http, shop, .. } = &self.visitor.support;
        let (mut orders, mut after) = (HashMap::new(), String::new());
        loop {
            let page = http.get(format!("{shop}/orders?limit=1000{after}")).send().await?;
            let page: Value = page.error_for_status()?.json().await?;
            for order in page["items"].as_array().into_iter().flatten() {
                let id = order["order_id"].as_str().and_then(|id| id.parse().ok());
                let status = order["status"].as_str().map(str::to_owned);
                orders.extend(id.zip(status));
            }
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(orders),
            }
        }
    }

    pub(crate) fn endpoints(&self) -> Result<Endpoints> {
        let of = |service: &ServiceProcess| (service.launch.name.to_owned(), service.url.clone());
        let services = self.services.iter().map(of).collect();
        Ok(Endpoints::new(&self.env, services).signed(&self.secret))
    }

    /// Ends everything. The logs of a run that held are removed.
    pub(crate) async fn close(self, held: bool) -> Result<()> {
        self.gateway.stop(ServiceProcess::DRAIN).await;
        join_all(self.services.into_iter().map(ServiceProcess::stop)).await;
        drop((self.database, self.children));
        if held {
            // A failure does no harm: the directory is in `target`.
            std::fs::remove_dir_all(&self.logs).ok();
        } else {
            ui::say(&format!("the logs are in {}", self.logs.display()));
        }
        let closed = self.env.close().await;
        self.servers.stop().await?;
        if let Err(error) = closed {
            bail!("cannot remove what this run has made: {error}");
        }
        Ok(())
    }
}

/// Opens a cart, once cart knows the products.
async fn cart(customer: &Customer) -> Result<Uuid> {
    let opened = wait_until("a cart", PATIENCE, || async {
        let (seen, cart) = open_cart(customer).await?;
        let id = cart["cart_id"].as_str().and_then(|id| id.parse().ok());
        if id.is_some() { Ok(id) } else { Err(anyhow::anyhow!("{seen:?}")) }
    });
    Ok(opened.await?)
}
