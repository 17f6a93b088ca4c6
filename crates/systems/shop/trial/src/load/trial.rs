//! The shop as a trial.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use anyhow::Result;
use ballet::{Event, EventType};
use ballet_trials::{
    Audit, BegunSaga, Case, GatewaySetup, Move, Operation, OverdueDeadline, Report, Sandbox,
    ServiceProgram, Site, SiteClient, Trial,
};
use shop_events::orders::OrderCompleted;
use uuid::Uuid;

use crate::load::cases::{self, CASES, GOOD};
use crate::load::customers::{BUYS, SUPPORTS};
use crate::load::{customers, merchant, operations, products, schedules, services};

/// The gateway allows each of them 60 orders a minute.
const CUSTOMERS: usize = 20;

#[derive(Debug, Default)]
pub(crate) struct ShopTrial {
    /// The customers, with their tokens if there is a gateway.
    customers: OnceLock<Vec<(Uuid, Option<String>)>>,
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
        let known = self.customers.get().map_or(&[][..], Vec::as_slice);
        let who = match known.get(number % known.len().max(1)) {
            Some((customer, token)) => (*customer, token.as_deref()),
            None => (site.new_id(), None),
        };
        customers::order(case, number, site, who).await
    }

    async fn prepare(&self, site: &Site) -> Result<()> {
        let token = site.token(&site.new_id().to_string(), SUPPORTS).await?;
        products::open(SiteClient::new(site, 0).with(token.as_deref())).await?;
        if site.gateway().is_some() {
            // `prepare` runs once per run.
            self.customers.set(site.subjects(CUSTOMERS, BUYS).await?).ok();
        }
        Ok(())
    }

    async fn meanwhile(&self, site: &Site, until: Instant) -> Result<()> {
        // Services behind a gateway accept nothing from others.
        if site.gateway().is_none() {
            merchant::run(site, until).await;
        }
        Ok(())
    }

    async fn audit(&self, audit: Audit<'_>) -> Result<Report> {
        let Audit { at, framework, quiescent_after } = audit;
        Ok(crate::audit::audit_beside(framework, &at.databases, quiescent_after).await?)
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        // Short enough while payments are killed every few seconds.
        vec![("SANDBOX_SLOW_MILLIS", "500".to_owned())]
    }

    fn sandboxes(&self) -> &'static [Sandbox] {
        &[Sandbox { service: "payments", table: "sandbox_operation" }]
    }

    fn front(&self) -> Option<GatewaySetup> {
        Some(GatewaySetup {
            config: concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tools/gateway/shop.toml").into(),
            main: || ballet_gateway::main(std::env::args_os()),
        })
    }

    async fn operations(&self, site: &Arc<Site>) -> Result<Vec<Operation>> {
        operations::operations(site).await
    }

    async fn moves<'a>(&'a self, number: usize, site: &'a Site) -> Result<Vec<Move<'a>>> {
        schedules::moves(site, number).await
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
