//! The shop as a trial.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use ballet::{Event, EventType, MessageId};
use ballet_trials::{
    Audit, BegunSaga, Case, GatewaySetup, Move, Operation, OverdueDeadline, Report, Sandbox,
    ServiceProgram, Site, Trial,
};
use shop_events::orders::OrderCompleted;
use uuid::Uuid;

use crate::audit::PublishedProducts;
use crate::load::cases::{self, CASES, GOOD};
use crate::load::customer::{BUYS, Customer, PATIENCE, SELLS};
use crate::load::merchant::Merchant;
use crate::load::{customers, operations, products, schedules, services, stock};

/// The gateway allows each of them 60 orders a minute.
const CUSTOMERS: usize = 20;

#[derive(Debug, Default)]
pub(crate) struct ShopTrial {
    merchant: Merchant,
    published: Mutex<PublishedProducts>,
    /// The customers with their tokens, if there is a gateway.
    customers: OnceLock<Vec<(Uuid, Option<String>)>>,
}

pub(crate) fn gateway() -> GatewaySetup {
    GatewaySetup {
        config: concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tools/gateway/shop.toml").into(),
        main: || ballet_gateway::main(std::env::args_os()),
    }
}

impl Trial for ShopTrial {
    type Case = cases::OrderCase;

    const NAME: &'static str = "shop";
    const COMPLETED: &'static [EventType] = &[OrderCompleted::TYPE];
    const SAGAS: &'static str = "orders";

    fn services(&self) -> Vec<ServiceProgram> {
        services::services()
    }

    fn cases(&self) -> Vec<Case<cases::OrderCase>> {
        CASES.iter().map(|case| Case::new(case.name, case.share, *case)).collect()
    }

    async fn play(&self, case: &cases::OrderCase, number: usize, site: &Site) -> Result<BegunSaga> {
        let known = self.customers.get().map(|all| &all[number % all.len()]);
        let who = known.map(|(customer, token)| (*customer, token.as_deref()));
        customers::order(case, number, site, who.unwrap_or_else(|| (site.new_id(), None))).await
    }

    async fn prepare(&self, site: &Site) -> Result<()> {
        if let Some(gateway) = site.gateway() {
            let merchant = Customer::new(gateway, SELLS, PATIENCE).await?;
            stock::fill_shelves(&merchant.http, &merchant.shop).await?;
            products::publish_all(&merchant.http, &merchant.shop).await?;
            let one = Customer::new(gateway, BUYS, PATIENCE).await?;
            let place = |checkout: &_| one.post_json("/orders", checkout);
            products::known_to_orders(one.id, place).await?;
            // `prepare` runs once per run.
            self.customers.set(site.subjects(CUSTOMERS, BUYS).await?).ok();
            return Ok(());
        }
        stock::fill_shelves(&site.http, &site.url("inventory", 0).await?).await?;
        products::publish_all(&site.http, &site.url("catalog", 0).await?).await?;
        let url = format!("{}/orders", site.url("orders", 0).await?);
        products::known_to_orders(Uuid::nil(), |checkout| site.http.post(&url).json(checkout)).await
    }

    async fn meanwhile(&self, site: &Site, until: Instant) -> Result<()> {
        // Services behind a gateway accept nothing from others.
        if site.gateway().is_some() {
            return Ok(());
        }
        self.merchant.run(site, until).await
    }

    fn saw(&self, event_type: &str, id: MessageId, body: &[u8]) {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        published.add(event_type, id, body);
    }

    async fn audit(&self, audit: Audit<'_>) -> Result<Report> {
        let Audit { at, framework, quiescent_after } = audit;
        let mut report =
            crate::audit::audit_beside(framework, &at.databases, quiescent_after).await;
        let published = self.published.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Without a reader of the journal there is nothing to compare.
        if !published.is_empty() {
            let products = crate::audit::products(&at.databases).await?;
            report.violations.extend(crate::audit::unlike_published(&products, &published));
        }
        report.violations.extend(self.merchant.audit(&at.databases).await?);
        Ok(report)
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        // Short enough while payments are killed every few seconds.
        vec![("SANDBOX_SLOW_MILLIS", "500".to_owned())]
    }

    fn sandboxes(&self) -> &'static [Sandbox] {
        &[Sandbox { service: "payments", table: "sandbox_operation" }]
    }

    fn front(&self) -> Option<GatewaySetup> {
        Some(gateway())
    }

    async fn operations(&self, site: &Arc<Site>) -> Result<Vec<Operation>> {
        let gateway = site.gateway().context("clients of the shop go through its gateway")?;
        operations::operations(site, gateway).await
    }

    async fn moves<'a>(&'a self, number: usize, site: &'a Site) -> Result<Vec<Move<'a>>> {
        schedules::moves(site, number)
    }

    fn overdue(&self) -> Option<OverdueDeadline> {
        Some(OverdueDeadline {
            owner: "orders",
            without: "payments",
            reason: "deadline_passed",
            case: GOOD.name,
        })
    }

    fn unreachable(&self, service: &str, point: &str) -> Option<&'static str> {
        let noted = point.starts_with("before_note@") || point.starts_with("after_note@");
        (service == "shipping" && noted).then_some("the sandbox's carrier always answers")
    }
}
