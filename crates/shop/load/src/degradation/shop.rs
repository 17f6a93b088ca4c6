//! The shop of this run, with those who try what still works.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use ballet_stage::{Options, Servers, ServiceProcess, Stage, wait_until};
use rustix::process::Signal;
use serde_json::Value;
use uuid::Uuid;

use crate::cases::GOOD;
use crate::customer::{BUYS, Customer, SUPPORTS};
use crate::degradation::operation::{Visitor, open_cart};
use crate::gateway::Program;
use crate::open_shop::{OpenShop, PATIENCE as TIMEOUT};
use crate::products;
use crate::system::GATEWAY;
use crate::system::SERVICES;
use ballet_terminal::ui;
use ballet_trials::SERVICE;
use ballet_trials::run_dir;

/// For what hangs; nothing depends on the pace.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) struct Shop {
    pub(crate) open: OpenShop,
    pub(crate) visitor: Visitor,
    /// The orders that anybody was told of.
    pub(crate) placed: usize,
    /// Requests that may have placed an order that nobody heard of.
    pub(crate) unknown: usize,
}

impl Shop {
    pub(crate) async fn open(root: &Path) -> Result<Self> {
        let path = std::env::current_exe().context("cannot find this program")?;
        let logs = run_dir(Some(&path), "degradation")?;
        let servers = Servers::acquire(Options::durable().progress(ui::say)).await?;
        let stage = Stage::of(&::shop::system()).named("degradation").on(servers, logs).await?;
        // This program can be any of them.
        let program =
            |name: &str| Ok(Program { path: path.clone(), env: vec![(SERVICE, name.to_owned())] });
        let open = OpenShop::open(root, stage, &SERVICES, program).await?;
        let customer = Customer::new(&open.gateway, BUYS, TIMEOUT).await?;
        let support = Customer::new(&open.gateway, SUPPORTS, TIMEOUT).await?;
        let merchant = open.merchant.clone();
        products::publish_all(&merchant.http, &merchant.shop).await?;
        let checkout = customer.checkout(&GOOD, 0)?;
        let order = customer.buy(&checkout).await?;
        customer.ends(order, GOOD.end).await?;
        let cart = cart(&customer).await?;
        let visitor = Visitor { customer, merchant, support, order, cart };
        Ok(Self { open, visitor, placed: 1, unknown: 0 })
    }

    /// Kills a service, or the gateway.
    pub(crate) async fn kill(&mut self, name: &str) -> Result<()> {
        if name == GATEWAY {
            return self.open.gateway.kill().await;
        }
        self.service(name)?.signal(Signal::KILL);
        Ok(())
    }

    /// Starts it again, at the same address, and waits until it is ready.
    pub(crate) async fn start(&mut self, name: &str) -> Result<()> {
        let stage = &self.open.stage;
        let (children, http) = (stage.children.clone(), stage.http.clone());
        if name == GATEWAY {
            self.open.gateway.revive(&children).await?;
            return self.open.gateway.ready(&http).await;
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
        self.open.stage.service(name).with_context(|| format!("the shop has no service {name}"))
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
