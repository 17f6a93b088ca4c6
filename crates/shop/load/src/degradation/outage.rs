//! One service is killed while customers buy, everybody tries everything, and it is started again.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ballet_stage::wait_until;
use jiff::SignedDuration;
use uuid::Uuid;

use crate::cases::{Case, GOOD};
use crate::degradation::load::Load;
use crate::degradation::operation::{Operation, Seen};
use crate::degradation::shop::{PATIENCE, Shop};
use crate::system::{self, GATEWAY};

/// Orders of the load before the kill, and its requests during the outage.
const ENOUGH: usize = 12;
/// The services that an order passes on its way to its end.
const ON_THE_WAY: [&str; 4] = ["orders", "inventory", "payments", "shipping"];

/// What was seen while a service was stopped.
#[derive(Debug)]
pub(crate) struct Outage {
    pub(crate) stopped: &'static str,
    pub(crate) seen: Vec<(Operation, Seen)>,
    pub(crate) meanwhile: Meanwhile,
    orders: usize,
    answers: BTreeMap<String, usize>,
    /// From its restart until every order had ended and nothing moved any more.
    caught_up: Duration,
}

/// What becomes of an order that a customer places meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meanwhile {
    /// It is completed without the service.
    Completed,
    /// It waits for the service.
    Waits,
    /// It cannot be placed. The customer sends it again.
    Refused,
}

impl Meanwhile {
    fn expected(stopped: &str) -> Self {
        match stopped {
            GATEWAY | "orders" => Self::Refused,
            stopped if ON_THE_WAY.contains(&stopped) => Self::Waits,
            _ => Self::Completed,
        }
    }
}

/// Stops a service, and returns when everything has caught up.
pub(crate) async fn suffer(shop: &mut Shop, stopped: &'static str) -> Result<Outage> {
    let (load, customers) = (Load::default(), shop.open.customers.clone());
    let outage = async {
        let enough = wait_until("orders before the outage", PATIENCE, || async {
            let placed = load.placed().len();
            if placed >= ENOUGH { Ok(Some(())) } else { Err(format!("{placed} orders")) }
        });
        enough.await?;
        shop.kill(stopped).await?;
        let (seen, placed, meanwhile) = endure(shop, stopped, &load).await?;
        shop.start(stopped).await?;
        load.end();
        anyhow::Ok((seen, placed, meanwhile, Instant::now()))
    };
    // The load ends when it has placed what it began.
    let ((seen, placed, meanwhile, started), ()) = tokio::try_join!(outage, load.run(&customers))?;
    let mut orders = load.placed();
    orders.extend(meanwhile.1.map(|order| (order, GOOD)));
    all_end(shop, &orders).await?;
    shop.placed += load.placed().len() + placed;
    shop.unknown += load.unknown();
    is_sound(shop).await?;
    let caught_up = started.elapsed();
    let count = shop.orders().await?.len();
    let (placed, unknown) = (shop.placed, shop.unknown);
    ensure!(
        (placed..=placed + unknown).contains(&count),
        "customers were told of {placed} orders, and {unknown} requests had an unknown outcome, \
         but there are {count} orders"
    );
    let (orders, answers) = (orders.len(), load.answers());
    Ok(Outage { stopped, seen, meanwhile: meanwhile.0, orders, answers, caught_up })
}

type Endured = (Vec<(Operation, Seen)>, usize, (Meanwhile, Option<Uuid>));

/// Tries everything while a service is stopped, and checks that it went as it must. Also returns how
/// many orders that placed.
async fn endure(shop: &Shop, stopped: &'static str, load: &Load) -> Result<Endured> {
    let (mut all, mut placed, mut order) = (Vec::new(), 0, None);
    // The gateway's connections to it have to break first, and its circuit breaker for the service that
    // was stopped before has to close.
    for operation in Operation::ALL.into_iter().filter(|operation| operation.is_repeatable()) {
        all.push((operation, felt(shop, operation, stopped).await?));
    }
    let attempts = load.attempts();
    for operation in Operation::ALL.into_iter().filter(|operation| !operation.is_repeatable()) {
        let (seen, new) = operation.attempt(&shop.visitor).await?;
        let (name, expected) = (operation.name(), operation.expected(stopped));
        ensure!(seen == expected, "{name}: expected {expected:?}, but saw {seen:?}");
        all.push((operation, seen));
        placed += usize::from(new.is_some());
        order = new.filter(|_| operation == Operation::Place).or(order);
    }
    let meanwhile = Meanwhile::expected(stopped);
    match (meanwhile, order) {
        (Meanwhile::Refused, None) => {}
        (Meanwhile::Completed, Some(order)) => {
            shop.visitor.customer.ends(order, GOOD.end).await?;
        }
        (Meanwhile::Waits, Some(order)) => {
            let waits = wait_until("a message that waits", PATIENCE, || async {
                let depth = shop.open.stage.env.management().depth(stopped).await?;
                Ok::<_, ballet_stage::Error>((depth.ready > 0).then_some(()))
            });
            waits.await?;
            let status = shop.visitor.customer.status(order).await?;
            ensure!(status == "placed", "without {stopped} order {order} is {status}");
        }
        (meanwhile, order) => {
            anyhow::bail!("an order should be {meanwhile:?}, but its id is {order:?}");
        }
    }
    let under_load = wait_until("customers in the outage", PATIENCE, || async {
        let more = load.attempts() - attempts;
        if more >= ENOUGH { Ok(Some(())) } else { Err(format!("{more} requests")) }
    });
    under_load.await?;
    Ok((all, placed, (meanwhile, order)))
}

/// Tries an operation until it goes as it must, and returns what was seen then.
pub(crate) async fn felt(shop: &Shop, operation: Operation, stopped: &str) -> Result<Seen> {
    let felt = wait_until("an outage that is felt", PATIENCE, || async {
        let (seen, _) = operation.attempt(&shop.visitor).await?;
        let felt = seen == operation.expected(stopped);
        if felt { Ok(Some(seen)) } else { Err(anyhow::anyhow!("{}: {seen:?}", operation.name())) }
    });
    Ok(felt.await?)
}

/// Waits until these orders have ended, each as it must.
async fn all_end(shop: &Shop, orders: &[(Uuid, Case)]) -> Result<()> {
    let ended = wait_until("the ends of all orders", PATIENCE, || async {
        let now = shop.orders().await?;
        let open = orders
            .iter()
            .filter(|(order, case)| now.get(order).map(String::as_str) != Some(case.end.status()));
        let open: Vec<_> = open.map(|(order, case)| (order, case.name, now.get(order))).collect();
        if open.is_empty() { Ok(Some(())) } else { Err(anyhow::anyhow!("{open:?}")) }
    });
    ended.await.context("not every order ends as it must")
}

/// Waits until nothing moves any more and nothing is wrong.
pub(crate) async fn is_sound(shop: &Shop) -> Result<()> {
    let subject = system::subject();
    let endpoints = shop.open.endpoints();
    let sound = wait_until("a quiescent shop without violations", PATIENCE, || async {
        let broker = endpoints.broker().await?;
        let report = subject.audit(&endpoints, &broker, SignedDuration::ZERO).await;
        if report.is_quiescent() { Ok(Some(())) } else { Err(anyhow::anyhow!("{report}")) }
    });
    sound.await.context("the shop does not catch up")
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stopped, seen, meanwhile, orders, answers, caught_up } = self;
        writeln!(f, "without {stopped}:")?;
        for (operation, seen) in seen {
            writeln!(f, "  {:<28} {}", operation.name(), seen.cell())?;
        }
        let answers: Vec<_> =
            answers.iter().map(|(answer, count)| format!("{answer}: {count}")).collect();
        writeln!(f, "  {:<28} {meanwhile:?}", "an order of meanwhile")?;
        writeln!(f, "  {:<28} {}", "answers to customers", answers.join(", "))?;
        write!(
            f,
            "  {orders} orders ended as they must, {:.1} s after it was back",
            caught_up.as_secs_f64()
        )
    }
}
