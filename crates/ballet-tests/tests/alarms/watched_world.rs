//! One test's world with services that a Prometheus watches.

use std::collections::BTreeSet;
use std::time::Duration;

use ballet_stage::{Prometheus, Proxy, ScrapeTarget, Servers, wait_until};

use crate::meter::METER_TABLES;
use crate::process::{ServerAddresses, ServiceProcess, participant};
use crate::rules::{read, rules};
use crate::scrape::Sample;
use crate::trip::HOTEL_TABLES;
use crate::world::{LONG, TripWorld, part};

/// The broker's metrics that the page tells an operator to scrape.
const OF_THE_BROKER: &str = "/metrics/detailed?family=queue_coarse_metrics\
    &family=queue_consumer_count&family=node_metrics&family=node_coarse_metrics";

/// The length of a rule's minute in these tests.
const MINUTE: Duration = Duration::from_secs(2);

pub(crate) struct WatchedWorld {
    pub(crate) world: TripWorld,
    /// The service that the test is about.
    pub(crate) process: ServiceProcess,
    /// Its ways to the servers.
    pub(crate) broker: Proxy,
    pub(crate) database: Proxy,
    /// The others, with their ways to the broker and to their databases.
    pub(crate) others: Vec<(ServiceProcess, Proxy, Proxy)>,
    pub(crate) prometheus: Prometheus,
    /// The samples of the first scrape.
    pub(crate) first: Vec<Sample>,
}

impl WatchedWorld {
    /// A service of that name that has done nothing yet.
    pub(crate) async fn new(test: &str, service: &'static str) -> Self {
        Self::with(test, &[service], None, |_| {}).await
    }

    /// The first of these services, beside the others.
    pub(crate) async fn beside(test: &str, services: &[&'static str]) -> Self {
        Self::with(test, services, None, |_| {}).await
    }

    /// `absent` belongs to the system and does not run. `set` changes where the first finds its servers.
    pub(crate) async fn with(
        test: &str,
        services: &[&'static str],
        absent: Option<&'static str>,
        set: impl FnOnce(&mut ServerAddresses),
    ) -> Self {
        let known: BTreeSet<_> = services.iter().copied().chain(absent).collect();
        let tables = |name: &str| match name {
            "hotel" => HOTEL_TABLES,
            "meter" => METER_TABLES,
            _ => &[],
        };
        let parts = known.iter().map(|name| part(participant(name), tables(name))).collect();
        // The running services have processes of their own.
        let world = TripWorld::prepared(test, parts).await;
        let mut set = Some(set);
        let mut running = Vec::new();
        for name in services {
            let broker = Proxy::to(world.env.amqp_url(name)).await.expect("a way");
            let database = Proxy::to(world.env.database_url(name)).await.expect("a way");
            let mut places = ServerAddresses {
                amqp: broker.url().to_owned(),
                database: database.url().to_owned(),
                management: Some(world.env.management().url().to_owned()),
            };
            if let Some(set) = set.take() {
                set(&mut places);
            }
            running.push((ServiceProcess::start(name, &places).await, broker, database));
        }
        let metrics = Servers::shared().await.expect("servers").rabbitmq().metrics_url();
        let of_broker = format!("{metrics}{OF_THE_BROKER}&vhost={}", world.env.vhost());
        let mut targets = vec![ScrapeTarget::new("rabbitmq", &of_broker).expect("a URL")];
        for (name, (process, ..)) in services.iter().zip(&running) {
            targets.push(ScrapeTarget::new(name, &process.metrics_url()).expect("a URL"));
        }
        let rules = read("docs/monitoring/alarms.yml");
        let prometheus = Prometheus::start(&targets, &rules, MINUTE).await.expect("a Prometheus");
        let mut running = running.into_iter();
        let (process, broker, database) = running.next().expect("a service");
        let first = process.scrape().await;
        let others = running.collect();
        let watched = Self { world, process, broker, database, others, prometheus, first };
        let all = targets.len().to_string();
        watched.until_value("sum(up)", &all).await;
        watched
    }

    /// Waits until an expression has this value.
    pub(crate) async fn until_value(&self, expression: &str, value: &str) {
        wait_until(expression, LONG, || async {
            let found = self.prometheus.query(expression).await.map_err(|why| why.to_string())?;
            let is_it = found.first().is_some_and(|one| one["value"][1] == value);
            if is_it { Ok(Some(())) } else { Err(format!("{found:?}")) }
        })
        .await
        .expect("the value");
    }

    /// Waits until these alarms ring and no other.
    pub(crate) async fn until_only(&self, alarms: &[&str]) {
        let alarms = set(alarms);
        wait_until(&format!("{alarms:?}"), LONG, || async {
            let ringing = self.prometheus.ringing().await.map_err(|why| why.to_string())?;
            if ringing == alarms { Ok(Some(())) } else { Err(format!("{ringing:?}")) }
        })
        .await
        .expect("these alarms");
    }

    /// Waits until this alarm rings, and then for as long as any other alarm would need: none other rings.
    pub(crate) async fn until_alone(&self, alarm: &str) {
        self.until_only(&[alarm]).await;
        let longest = rules().iter().map(|rule| rule.minutes).max().expect("rules");
        let since = std::time::Instant::now();
        wait_until("all alarms to have had their time", LONG, || async {
            let ringing = self.prometheus.ringing().await.map_err(|why| why.to_string())?;
            assert_eq!(ringing, set(&[alarm]), "one cause rings one alarm");
            let is_over = since.elapsed() > MINUTE * (longest + 1);
            if is_over { Ok(Some(())) } else { Err("it goes on".to_owned()) }
        })
        .await
        .expect("it ends");
    }

    /// Waits until this alarm rings, whatever else does.
    pub(crate) async fn until_rings(&self, alarm: &str) {
        wait_until(alarm, LONG, || async {
            let ringing = self.prometheus.ringing().await.map_err(|why| why.to_string())?;
            if ringing.contains(alarm) { Ok(Some(())) } else { Err(format!("{ringing:?}")) }
        })
        .await
        .expect("the alarm");
    }
}

fn set(alarms: &[&str]) -> BTreeSet<String> {
    alarms.iter().map(|alarm| (*alarm).to_owned()).collect()
}
