//! One test's world with one service that is watched.

use std::collections::BTreeSet;

use ballet_stage::{Proxy, wait_until};

use crate::process::{Places, Process, participant};
use crate::rules::{Rule, rules};
use crate::scrape::Sample;
use crate::trip::HOTEL_TABLES;
use crate::world::{LONG, World, part};

pub(crate) struct Watched {
    pub(crate) world: World,
    pub(crate) process: Process,
    /// The ways to the servers.
    pub(crate) broker: Proxy,
    pub(crate) database: Proxy,
    rules: Vec<Rule>,
    /// The samples of the first scrape.
    pub(crate) first: Vec<Sample>,
}

impl Watched {
    /// A service of that name that has done nothing yet.
    pub(crate) async fn new(test: &str, service: &'static str) -> Self {
        Self::with(test, service, |_| {}).await
    }

    pub(crate) async fn with(
        test: &str,
        service: &'static str,
        set: impl FnOnce(&mut Places),
    ) -> Self {
        let tables = if service == "hotel" { HOTEL_TABLES } else { &[] };
        let mut world = World::new(test, vec![part(participant(service), tables)]).await;
        // It runs in a process of its own.
        world.services.remove(0).stop().await;
        let broker = Proxy::to(world.env.amqp_url(service)).await.expect("a way");
        let database = Proxy::to(world.env.database_url(service)).await.expect("a way");
        let mut places = Places {
            amqp: broker.url().to_owned(),
            database: database.url().to_owned(),
            management: Some(world.env.management().url().to_owned()),
        };
        set(&mut places);
        let process = Process::start(service, &places).await;
        let first = process.scrape().await;
        Self { world, process, broker, database, rules: rules(), first }
    }

    /// The alarms that ring, as far as two scrapes can tell: not how long they have.
    async fn ringing(&self) -> BTreeSet<String> {
        let now = self.process.scrape().await;
        let rings = self.rules.iter().filter(|rule| rule.expression.holds(&self.first, &now));
        rings.map(|rule| rule.alert.clone()).collect()
    }

    /// Waits until these alarms ring and no other.
    pub(crate) async fn until_only(&self, alarms: &[&str]) {
        let alarms: BTreeSet<String> = alarms.iter().map(|alarm| (*alarm).to_owned()).collect();
        wait_until(&format!("{alarms:?}"), LONG, || async {
            let ringing = self.ringing().await;
            if ringing == alarms { Ok(Some(())) } else { Err(format!("{ringing:?}")) }
        })
        .await
        .expect("these alarms");
    }

    /// Waits until this alarm rings, whatever else does.
    pub(crate) async fn until_rings(&self, alarm: &str) {
        wait_until(alarm, LONG, || async {
            let ringing = self.ringing().await;
            if ringing.contains(alarm) { Ok(Some(())) } else { Err(format!("{ringing:?}")) }
        })
        .await
        .expect("the alarm");
    }

    /// The value that an alarm compares with its bound now.
    pub(crate) async fn figure(&self, alarm: &str) -> f64 {
        let rule = self.rules.iter().find(|rule| rule.alert == alarm).expect("a rule");
        let figures = rule.expression.figures(&self.first, &self.process.scrape().await);
        figures.into_iter().fold(0.0, f64::max)
    }
}
