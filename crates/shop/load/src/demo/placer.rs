//! Places the orders: over AMQP, through the gateway, and from another language.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use ballet::{Clock, Event};
use ballet_amqp::RabbitMq;
use ballet_stage::Children;
use ballet_trials::Producer;
use futures_util::{StreamExt, TryStreamExt, stream};
use shop_events::orders::{OrderCompleted, OrderConfirmed};
use shop_events::shipping::ShipmentScheduled;
use tokio::io::{AsyncBufReadExt, BufReader};
use uuid::Uuid;

use crate::cases::{
    self, CAPTURE_FAILS, CancelMoment, DECLINED, ExpectedEnd, GOOD, Goods, OrderCase,
};
use crate::customer::Customer;
use crate::demo::orders::DemoOrders;
use crate::demo::tap::Tap;
use crate::open_shop::OpenShop;

/// The number of customers at the gateway at once, some of whom wait for the moment to cancel. The gateway counts their
/// connections with the user's.
const HTTP_AT_ONCE: usize = 24;
/// The number of events that are published before their confirms are awaited.
const AMQP_AT_ONCE: usize = 50;
/// Every event with a number divisible by this is sent twice.
const TWICE: usize = 20;
/// The foreign producer that the shop declares.
const STOREFRONT: &str = "storefront";

/// Places orders as customers do.
pub(crate) struct Placer {
    /// The customers take turns, because the gateway limits the requests of each per minute.
    customers: Vec<Customer>,
    storefront: Producer,
    storefront_url: String,
    children: Children,
    /// The root of the repository.
    root: PathBuf,
    clock: Clock,
    tap: Tap,
    orders: DemoOrders,
}

impl Placer {
    pub(crate) async fn new(shop: &OpenShop, tap: Tap, orders: DemoOrders) -> Result<Self> {
        let env = &shop.stage.env;
        Ok(Self {
            customers: shop.customers.clone(),
            storefront: Producer::at(&RabbitMq::new(env.amqp_url(STOREFRONT))?, STOREFRONT).await?,
            storefront_url: env.amqp_url(STOREFRONT).to_owned(),
            children: shop.stage.children.clone(),
            root: shop.root.clone(),
            clock: Clock::system(),
            tap,
            orders,
        })
    }

    fn new_id(&self) -> Uuid {
        self.clock.new_id(self.clock.now())
    }

    /// Places all orders. Returns when the broker or the service has them.
    pub(crate) async fn place(mut self, cases: &[OrderCase], with_python: bool) -> Result<()> {
        let mut rest = cases.to_vec();
        self.alone(&mut rest).await?;
        let in_python = if with_python { take_for_python(&mut rest) } else { 0 };
        let numbered: Vec<(usize, OrderCase)> = rest.into_iter().enumerate().collect();
        let (http, amqp): (Vec<_>, Vec<_>) =
            numbered.into_iter().partition(|(number, case)| case.is_placed_over_http(*number));
        self.over_amqp(&amqp).await?;
        tokio::try_join!(self.through_the_gateway(&http), self.in_python(in_python))?;
        self.storefront.close().await;
        Ok(())
    }

    /// Places two orders before the others, which run alone in the shop.
    async fn alone(&mut self, cases: &mut Vec<OrderCase>) -> Result<()> {
        for case in [GOOD, CAPTURE_FAILS] {
            let Some(at) = cases.iter().position(|one| *one == case) else { continue };
            cases.remove(at);
            let id = self.new_id();
            self.orders.add_alone(id, &case);
            self.storefront.send(STOREFRONT, id, &cases::checkout(&case, at, self.new_id())?)?;
            self.storefront.confirmed().await?;
            // The caller stops waiting if the order does not end.
            self.tap.wait_for(id, OrderCompleted::TYPE).await?;
        }
        Ok(())
    }

    async fn over_amqp(&mut self, cases: &[(usize, OrderCase)]) -> Result<()> {
        for some in cases.chunks(AMQP_AT_ONCE) {
            for (number, case) in some {
                let id = self.new_id();
                let checkout = cases::checkout(case, *number, self.new_id())?;
                self.orders.add(id, case);
                self.storefront.send(STOREFRONT, id, &checkout)?;
                if number % TWICE == 0 {
                    self.storefront.send(STOREFRONT, id, &checkout)?;
                }
            }
            self.storefront.confirmed().await?;
        }
        Ok(())
    }

    async fn through_the_gateway(&self, cases: &[(usize, OrderCase)]) -> Result<()> {
        stream::iter(cases)
            .map(|(number, case)| self.post(*number, case))
            .buffer_unordered(HTTP_AT_ONCE)
            .try_collect()
            .await
    }

    /// Places an order as one customer who searches for a product, fills a cart and checks it out, and may cancel.
    async fn post(&self, number: usize, case: &OrderCase) -> Result<()> {
        let customer = &self.customers[number % self.customers.len()];
        let checkout = customer.checkout(case, number)?;
        if case.goods == Goods::Plenty {
            customer.browse(checkout.lines[0].sku.as_str()).await?;
        }
        // A customer who cancels has no time for a cart: its order exists a moment later.
        let cancels = matches!(case.end, ExpectedEnd::CustomerCancels(_));
        let id = if case.goods == Goods::Plenty && !cancels {
            customer.buy_by_cart(&checkout).await?
        } else {
            customer.buy(&checkout).await?
        };
        self.orders.add(id, case);
        if let ExpectedEnd::CustomerCancels(when) = case.end {
            match when {
                CancelMoment::AtOnce => {}
                CancelMoment::AtCapture => self.tap.wait_for(id, ShipmentScheduled::TYPE).await?,
                CancelMoment::TooLate => self.tap.wait_for(id, OrderConfirmed::TYPE).await?,
            }
            let status = customer.cancel(id).await?;
            self.orders.add_answered(id, case, Some(status));
        }
        Ok(())
    }

    /// Runs the Python example, which places orders as any shop front would.
    async fn in_python(&self, count: usize) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        let script = self.root.join("examples/producer.py");
        let args = [script.display().to_string(), "--count".to_owned(), count.to_string()];
        let mut producer = self
            .children
            .start("python3", &args, |command| {
                command.env("AMQP_URL", &self.storefront_url).stdout(Stdio::piped());
            })
            .await?;
        let output = producer.stdout().context("the producer has no output")?;
        let mut lines = BufReader::new(output).lines();
        while let Some(line) = lines.next_line().await.context("cannot read the producer")? {
            let mut words = line.split_whitespace();
            let id = words.next().and_then(|id| id.parse().ok());
            let Some((id, card)) = id.zip(words.next()) else { continue };
            let case = if card == DECLINED.card { DECLINED } else { GOOD };
            self.orders.add(id, &case);
        }
        let status = producer.wait().await?;
        if !status.success() {
            bail!("examples/producer.py ended with {status}; its error is above");
        }
        Ok(())
    }
}

/// Whether the Python example can run here.
pub(crate) async fn has_pika() -> bool {
    let looks = tokio::process::Command::new("python3")
        .args(["-c", "import pika"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    looks.await.is_ok_and(|status| status.success())
}

/// Reserves a tenth of the orders for the Python example, of the kinds that it places.
fn take_for_python(cases: &mut Vec<OrderCase>) -> usize {
    let count = cases.len() / 10;
    for number in 0..count {
        let kind = if number % 4 == 3 { DECLINED } else { GOOD };
        let found = cases.iter().position(|case| *case == kind);
        cases.remove(found.unwrap_or(0));
    }
    count
}
