//! A service that can be started.

use std::sync::{Arc, OnceLock};

use axum::extract::DefaultBodyLimit;
use axum::{Extension, Router};
use ballet_amqp::Broker;
use ballet_core::envelope::Limits;
use ballet_core::{Part, ServiceContract};
use ballet_store::schema::migration::Migration;
use tokio::sync::{Mutex, watch};

use crate::declare::clock::Clock;
use crate::declare::participant::Participant;
use crate::engine::aborts_held::AbortsHeld;
use crate::engine::engine::Engine;
use crate::engine::held_worker;
use crate::engine::last_work::LastWork;
use crate::engine::open_calls::OpenCalls;
use crate::engine::registry::Registry;
use crate::engine::shared_clock::SharedClock;
use crate::http::door::Door;
use crate::http::health::{self, Health, Parts};
use crate::http::json::MaxBody;
use crate::http::own_routes::OwnRoutes;
use crate::http::trace::Tracer;
use crate::http::unit::Handle;
use crate::lane::intake::Lanes;
use crate::lane::lane;
use crate::outgoing::relay::Relay;
use crate::service::beside::{Beside, States};
use crate::service::check::{Checked, check, check_declaration};
use crate::service::error::StartError;
use crate::service::metrics::{CONSUME, PUBLISH};
use crate::service::prepare::Prepare;
use crate::service::running::{Running, Signals};
use crate::service::settings::error::SettingsError;
use crate::service::settings::settings::Settings;
use crate::service::tasks::Tasks;
use crate::service::{metrics, pool, recorder, roles, serve};
use crate::upkeep::hosts as upkeep_hosts;
use crate::upkeep::process;

type Routes = Box<dyn FnOnce(Handle) -> Router + Send>;

/// A service that can be started.
pub struct Service {
    participant: Participant,
    migrations: &'static [Migration],
    routes: Option<Routes>,
    clock: Clock,
    broker: Option<Arc<dyn Broker>>,
}

impl Service {
    /// Creates a service from its participant.
    #[must_use]
    pub fn new(participant: Participant) -> Self {
        let clock = Clock::system();
        Self { participant, migrations: &[], routes: None, clock, broker: None }
    }

    /// Sets the migrations of the service's own tables.
    #[must_use]
    pub const fn migrations(mut self, migrations: &'static [Migration]) -> Self {
        self.migrations = migrations;
        self
    }

    /// Sets the service's own HTTP routes.
    #[must_use]
    pub fn routes(mut self, routes: impl FnOnce(Handle) -> Router + Send + 'static) -> Self {
        self.routes = Some(Box::new(routes));
        self
    }

    /// Replaces the system clock and id source.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Returns the service's contract. See [`Participant::contract`].
    #[must_use]
    pub fn contract(&self) -> ServiceContract {
        self.participant.contract()
    }

    /// Returns what the service declares.
    #[must_use]
    pub fn part(&self) -> Part {
        self.participant.part()
    }

    /// Checks the settings before anything starts.
    pub(super) fn check(&self, settings: &Settings) -> Result<Checked, SettingsError> {
        check(settings, self.participant.service(), self.broker.clone())
    }

    /// Replaces the broker from the settings.
    #[must_use]
    pub fn broker(mut self, broker: Arc<dyn Broker>) -> Self {
        self.broker = Some(broker);
        self
    }

    /// Starts the service. HTTP answers at once. The function returns when the database is up and
    /// its tables exist. The connection to the broker is made in the background, see `/readyz`.
    ///
    /// # Errors
    ///
    /// A [`StartError`] for problems that do not end by themselves. A declaration that would lose work
    /// is refused before anything starts, with the rule that it breaks.
    pub async fn start(self, settings: Settings) -> Result<Running, StartError> {
        check_declaration(&self.participant)?;
        let Checked { broker, database: hosts, spans, otlp, gateway } = self.check(&settings)?;
        if hosts.are_several() {
            hosts.look().await;
        }
        let pools = pool::pools(&settings, &hosts);
        let (stop, asked_to_stop) = watch::channel(false);
        let (end, stopping) = watch::channel(false);
        let (leave, leaving) = watch::channel(false);
        let signals = Signals { stop, end, leave };
        let (fail, failed) = watch::channel(None);
        let tasks = || Tasks::new(asked_to_stop.clone(), fail.clone());
        let (mut http, mut work, mut base) = (tasks(), tasks(), tasks());

        let (waits, waits_for) = watch::channel(None);
        let health = Health { waits_for, parts: Arc::new(OnceLock::new()) };
        let limits = Limits { max_body: settings.max_body, ..Limits::default() };
        let door = Door { secrets: gateway, clock: self.clock.clone() };
        let trusts_network = self.routes.is_some() && door.secrets.is_none();
        let shared_clock = SharedClock::new(self.clock, limits.clock_skew / 5);
        let clock = shared_clock.clock();
        let tracer = Tracer { clock: clock.clone(), spans: spans.clone() };
        let own_routes =
            OwnRoutes::new(settings.http_requests, pools.renewal.clone(), tracer, door);
        recorder::install();
        let routes = health::router(health.clone(), recorder::rendered, own_routes.clone());
        metrics::begin(&self.participant.part());
        let failing = failed.clone();
        let address =
            serve::serve(&mut http, settings.listen, routes, failing, asked_to_stop.clone())
                .await?;
        tracing::info!(service = self.participant.service(), %address, "serving HTTP");
        if trusts_network && !address.ip().is_loopback() {
            tracing::warn!(
                %address,
                "the network is trusted: whoever reaches this address may do everything; with \
                 GATEWAY_SECRET only what the gateway has signed is taken"
            );
        }

        if hosts.are_several() || settings.database_url_file.is_some() {
            let read_again = pool::url_file(&settings, pools.hosts.clone())?;
            let all_pools = [&pools.lanes, &pools.requests, &pools.upkeep].map(Clone::clone);
            let (bounded, renewal) = (pools.hosts.clone(), pools.renewal.clone());
            base.spawn(
                "the watch over the database's servers",
                upkeep_hosts::follow(bounded, read_again, all_pools, renewal, leaving.clone()),
            );
        }

        let prepare = Prepare {
            pool: &pools.upkeep,
            hosts: &hosts,
            migrations: self.migrations,
            shares: &self.participant.shares,
            copies: &self.participant.copies,
            limits: &limits,
            clock: &clock,
            shared_clock: &shared_clock,
            waits: &waits,
        };
        let (process, session, table) = prepare.run().await?;
        let told = health.clone();
        base.spawn(
            "the process's session",
            process::keep(
                session,
                hosts,
                process,
                Box::new(move || told.why_unready()),
                leaving.clone(),
            ),
        );
        if let Some(otlp) = otlp {
            base.spawn(
                "the export of spans",
                otlp.run(self.participant.service(), process, leaving),
            );
        }

        let (lanes, queues) = Lanes::new(settings.lanes);
        let answers = lanes.clone();
        let (database, database_state) = watch::channel(true);
        let registry = Registry::new(&self.participant);
        let engine = Arc::new(Engine {
            calls: OpenCalls::new(&registry, settings.calls),
            aborts_held: AbortsHeld::default(),
            registry,
            pool: pools.upkeep,
            lane_pool: pools.lanes,
            request_pool: pools.requests,
            probe: pools.probe,
            renewal: pools.renewal.clone(),
            limits,
            relay: Relay::new(process, table, clock.clone(), spans.clone()),
            clock,
            shared_clock,
            spans,
            suspects: Mutex::default(),
            batch: usize::from(settings.batch),
            handler_time: settings.handler_time(),
            last_work: Arc::new(LastWork::new()),
            answers: Box::new(move |answer| answers.answer(answer)),
            stopping,
            database,
        });
        held_worker::watch(engine.registry.service, Arc::downgrade(&engine.last_work));
        let publisher = roles::publish(&engine, Arc::clone(&broker));
        let consumer = roles::consume(&engine, lanes, Arc::clone(&broker), settings.prefetch());
        let consumer = Arc::new(consumer);
        let part = self.participant.part();
        base.watch("the consumer", CONSUME, consumer.state());
        base.watch("the publisher", PUBLISH, publisher.state());
        base.spawn("the upkeep of metrics", recorder::upkeep(engine.stopping.clone()));
        let Participant { shares, copies, .. } = self.participant;
        let beside = Beside {
            engine: Arc::clone(&engine),
            consumer: Arc::clone(&consumer),
            broker,
            part,
            shares,
            copies,
            republish_rate: settings.republish_rate,
        };
        let States { hindered, unpublishable, bindings, queues: declared_queues, copies, progress } =
            beside.spawn(&mut work);
        for works in queues {
            work.spawn("a lane", lane::run(Arc::clone(&engine), works, consumer.cautious()));
        }

        let handle = Handle { engine: Arc::clone(&engine), asked_to_stop };
        let parts = Parts {
            database: database_state,
            refusal: engine.probe.refusal().clone(),
            hindered,
            consume: consumer.state(),
            publish: publisher.state(),
            held: publisher.held(),
            unpublishable,
            bindings,
            queues: declared_queues,
            copies,
            progress,
            service: engine.registry.service,
            shared_clock: Arc::clone(&engine.shared_clock),
        };
        let routes = self.routes.map_or_else(Router::new, |routes| routes(handle.clone()));
        let routes = routes.layer(DefaultBodyLimit::max(settings.max_body));
        let routes = routes.layer(Extension(MaxBody(settings.max_body)));
        if !own_routes.serve(routes) || health.parts.set(parts).is_err() {
            tracing::error!("the service was started twice");
        }
        let drain = settings.drain();
        Ok(Running {
            address,
            handle,
            consumer,
            publisher,
            signals,
            failed,
            http,
            work,
            base,
            drain,
        })
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("participant", &self.participant).finish_non_exhaustive()
    }
}
