//! A service that can be started.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::{Extension, Router};
use ballet_amqp::{Broker, ConsumerHandle, PublisherHandle};
use ballet_core::envelope::Limits;
use ballet_core::{Part, Runs, ServiceContract};
use ballet_http::signature::Secrets;
use ballet_store::schema::migrate;
use ballet_store::schema::migration::Migration;

use crate::declare::handler::clock::Clock;
use crate::declare::participant::participant::Participant;
use crate::engine::aborts_held::AbortsHeld;
use crate::engine::calls::open_calls::{LOOKS, OpenCalls};
use crate::engine::database::Database;
use crate::engine::engine::Engine;
use crate::engine::handlers::guard::panic_message;
use crate::engine::handlers::handler_limit::HandlerLimit;
use crate::engine::lone_step::LoneSteps;
use crate::engine::registry::Registry;
use crate::engine::shared_clock::ProcessClocks;
use crate::http::door::{Door, with_its_body};
use crate::http::health::{HealthParts, TaskStates};
use crate::http::json::MaxBody;
use crate::http::own_routes::OwnRoutes;
use crate::http::trace::Tracer;
use crate::http::unit::Handle;
use crate::lane::intake::Lanes;
use crate::lane::lane;
use crate::outgoing::relay::Relay;
use crate::outgoing::spans::Spans;
use crate::service::background;
use crate::service::check::{CheckedSettings, check, check_declaration};
use crate::service::error::StartError;
use crate::service::frame::ServiceFrame;
use crate::service::front::HttpFront;
use crate::service::home::home;
use crate::service::metrics;
use crate::service::metrics::{CONSUME, PUBLISH, PUBLISH_TELEMETRY};
use crate::service::pool;
use crate::service::prepare::{PrepareInputs, ProcessPlace};
use crate::service::recorder;
use crate::service::roles;
use crate::service::running::Running;
use crate::service::settings::error::SettingsError;
use crate::service::settings::settings::Settings;
use crate::telemetry::publishing::TelemetryLine;
use crate::telemetry::reading::state::once_all_are_followed;

type Routes = Box<dyn FnOnce(Handle) -> Router + Send>;

/// A service that can be started.
pub struct Service {
    participant: Participant,
    migrations: Vec<Migration>,
    routes: Vec<Routes>,
    clock: Clock,
    broker: Option<Arc<dyn Broker>>,
}

impl Service {
    /// Creates a service from its participant.
    #[must_use]
    pub fn new(participant: Participant) -> Self {
        let clock = Clock::system();
        Self { participant, migrations: Vec::new(), routes: Vec::new(), clock, broker: None }
    }

    /// Adds migrations of the service's own tables. All of them are applied in the order of their numbers.
    #[must_use]
    pub fn migrations(mut self, migrations: &'static [Migration]) -> Self {
        self.migrations.extend_from_slice(migrations);
        self
    }

    /// Adds HTTP routes of the service's own. Those of several calls are [merged](Router::merge): if two answer the
    /// same path and method, the service does not start. Each `openapi::Api` answers `GET /openapi.json`, so
    /// a service has one.
    #[must_use]
    pub fn routes(mut self, routes: impl FnOnce(Handle) -> Router + Send + 'static) -> Self {
        self.routes.push(Box::new(routes));
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

    /// Its steps, each to be run alone by a test, and its migrations.
    #[doc(hidden)]
    #[must_use]
    pub fn lone(self) -> (LoneSteps, Vec<Migration>) {
        (LoneSteps::new(self.participant), self.migrations)
    }

    pub(super) fn check(&self, settings: &Settings) -> Result<CheckedSettings, SettingsError> {
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
        migrate::check(&self.migrations)?;
        let CheckedSettings { broker, database: hosts, spans, gateway } = self.check(&settings)?;
        let (spans, otlp) = spans.open()?;
        if hosts.are_several() {
            hosts.look().await;
        }
        let mut frame = ServiceFrame::new();
        let (database, bounded) = pool::database(
            &settings,
            &hosts,
            streams_read(&self.participant) + looks(&self.participant.part()),
            frame.stopping.clone(),
        );
        let limits = Limits { max_body: settings.max_body, ..Limits::default() };
        let time = ProcessClocks::new(self.clock.clone(), limits.clock_skew / 5);
        // Metrics that are counted before this are lost.
        recorder::install();
        metrics::begin(&self.participant.part());

        let signed = gateway.is_some();
        let front = self.open_front(&mut frame, &settings, &database, &time, &spans, gateway);
        let front = front.await?;
        if hosts.are_several() {
            frame.follow(bounded.clone(), &database);
        }
        let prepare = PrepareInputs {
            pool: &database.upkeep,
            hosts: &bounded,
            home: home(&settings),
            migrations: &self.migrations,
            shares: &self.participant.shares,
            copies: &self.participant.copies,
            limits: &limits,
            time: &time,
            waits: &front.waits,
        };
        let ProcessPlace { process, session, table } = prepare.run().await?;
        let version = settings.service_version().map(str::to_owned);
        let (named, health) = ((process, version.clone()), front.health.clone());
        frame.keep(session, bounded, named, health, &database);
        if let Some(otlp) = otlp {
            let export =
                otlp.run(self.participant.service(), (process, version), frame.leaving.clone());
            frame.base.spawn("the export of spans", export);
        }

        let (lanes, queues) = Lanes::new(settings.lanes);
        let registry = Registry::new(&self.participant);
        let answers = lanes.clone();
        let relay = Relay::new(process, table, time.clock.clone(), spans.clone());
        let engine = Arc::new(Engine {
            calls: OpenCalls::new(&registry, settings.calls, move |answer| answers.answer(answer)),
            handlers: HandlerLimit::new(settings.handler_time(), database.upkeep.clone()),
            registry,
            limits,
            time,
            database,
            relay: Arc::new(relay),
            aborts_held: AbortsHeld::default(),
            refusals: Mutex::default(),
            spans,
            stopping: frame.stopping.clone(),
        });
        let publisher = roles::publish(&engine, Arc::clone(&broker));
        let telemetry = telemetry_line(&engine, &self.participant.part(), &broker);
        let prefetch = settings.prefetch();
        let consumer = Arc::new(roles::consume(&engine, lanes, Arc::clone(&broker), prefetch));
        if !self.participant.followers.is_empty() {
            // Before it has connected, so that it takes nothing, since other replicas may handle
            // it.
            consumer.pause();
            engine.calls.leave_new_ones();
        }
        let work = &mut frame.work;
        let states =
            background::spawn(work, &engine, &consumer, broker, &self.participant, &settings);
        for works in queues {
            let most = usize::from(settings.batch);
            let lane = lane::run(Arc::clone(&engine), works, consumer.cautious(), most);
            let (readers, stopping) = (states.readers.clone(), frame.stopping.clone());
            frame.work.spawn("a lane", once_all_are_followed(readers, stopping, lane));
        }
        frame.base.watch("the consumer", CONSUME, consumer.state());
        frame.base.watch("the publisher", PUBLISH, publisher.state());
        if let Some(publisher) = &telemetry.publisher {
            frame.base.watch("the publisher of telemetry", PUBLISH_TELEMETRY, publisher.state());
        }

        let (address, departure) = (front.address, front.departure.clone());
        let asked_to_stop = frame.asked_to_stop.clone();
        let handle = Handle { engine, asked_to_stop, telemetry: Arc::new(telemetry) };
        let mut routes = merged(self.routes, &handle)?;
        if signed {
            routes = routes.layer(from_fn(with_its_body));
        }
        let routes = routes.layer(DefaultBodyLimit::max(settings.max_body));
        let routes = routes.layer(Extension(MaxBody(settings.max_body)));
        front.begin(routes, parts(&handle, &consumer, &publisher, states));
        let drain = settings.drain();
        let ServiceFrame { signals, failed, http, work, base, .. } = frame;
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
            departure,
        })
    }

    /// Opens the HTTP front, which answers at once.
    async fn open_front(
        &self,
        frame: &mut ServiceFrame,
        settings: &Settings,
        database: &Database,
        time: &ProcessClocks,
        spans: &Spans,
        gateway: Option<Secrets>,
    ) -> Result<HttpFront, StartError> {
        let door = Door { secrets: gateway, clock: self.clock.clone() };
        let trusts_network = !self.routes.is_empty() && door.secrets.is_none();
        let tracer = Tracer { clock: time.clock.clone(), spans: spans.clone() };
        let renewal = database.renewal.clone();
        let own_routes = OwnRoutes::new(settings.http_requests, renewal, tracer, door);
        let service = self.participant.service();
        let front = HttpFront::open(frame, service, settings, own_routes).await?;
        if trusts_network {
            front.warn_of_trust();
        }
        Ok(front)
    }
}

/// Merges the routes. axum panics if two of them answer the same path.
fn merged(all: Vec<Routes>, handle: &Handle) -> Result<Router, StartError> {
    let merge = |merged: Router, routes: Routes| merged.merge(routes(handle.clone()));
    catch_unwind(AssertUnwindSafe(|| all.into_iter().fold(Router::new(), merge)))
        .map_err(|panic| StartError::Routes(panic_message(&*panic)))
}

/// The number of streams of telemetry that a process may have to read at once.
fn streams_read(participant: &Participant) -> u32 {
    participant.readers.iter().map(|one| u32::from(one.reads().partition_count())).sum()
}

/// The number of looks of watches that a process may make at once.
fn looks(part: &Part) -> u32 {
    let steps = part.sagas.iter().flat_map(|saga| &saga.steps);
    steps.filter(|step| step.runs == Runs::StaysOpen).map(|_| u32::from(LOOKS)).sum()
}

fn telemetry_line(engine: &Engine, part: &Part, broker: &Arc<dyn Broker>) -> TelemetryLine {
    let publisher = roles::publish_telemetry(engine, part, Arc::clone(broker));
    TelemetryLine::new(part.service, part.telemetry.clone(), engine.time.clock.clone(), publisher)
}

fn parts(
    Handle { engine, telemetry, .. }: &Handle,
    consumer: &ConsumerHandle,
    publisher: &PublisherHandle,
    tasks: TaskStates,
) -> HealthParts {
    HealthParts {
        database: engine.database.state(),
        refusal: engine.database.probe.refusal().clone(),
        consume: consumer.state(),
        publish: publisher.state(),
        held: publisher.held(),
        publish_telemetry: telemetry.publisher.as_ref().map(|it| (it.state(), it.held())),
        tasks,
        shared_clock: Arc::clone(&engine.time.shared),
        wrong_statements: Arc::clone(&engine.handlers.wrong_statements),
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("participant", &self.participant).finish_non_exhaustive()
    }
}
