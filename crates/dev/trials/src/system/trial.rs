//! A system's description of itself for the trials.

use std::fmt::Debug;
use std::future::{Future, pending, ready};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use ballet::EventType;
use ballet_ops::audit::Report;
use ballet_testkit::explore::Move;
use jiff::SignedDuration;
use tokio::sync::watch;

use crate::customers::begun_saga::BegunSaga;
use crate::customers::case::Case;
use crate::customers::operation::Operation;
use crate::processes::endpoints::Endpoints;
use crate::processes::gateway::GatewaySetup;
use crate::processes::program::ServiceProgram;
use crate::scene::site::Site;

/// A system that can be tried. Items without a default are enough.
pub trait Trial: Debug + Send + Sync + 'static {
    /// The argument of [`Trial::play`]: a kind of customer.
    type Case: Debug + Send + Sync + 'static;

    /// The system's name, which is also the virtual host's.
    const NAME: &'static str;

    /// The events that bring a saga to its good end. The services declare the aborts.
    const COMPLETED: &'static [EventType];

    /// The events that a saga may have several times. Others that come twice were doubled.
    const REPEATED: &'static [EventType] = &[];

    /// The customers' word for sagas, in the plural.
    const SAGAS: &'static str = "sagas";

    /// The services. Each runs in processes of this program.
    fn services(&self) -> Vec<ServiceProgram>;

    /// The cases of customers. The first one is the usual one.
    fn cases(&self) -> Vec<Case<Self::Case>>;

    /// Plays one customer: publishes events, or calls services. Returns the saga that it began, with the expected end.
    /// An error is a request without an answer, which may have begun a saga. `number` counts the customers.
    fn play(
        &self,
        case: &Self::Case,
        number: usize,
        site: &Site,
    ) -> impl Future<Output = Result<BegunSaga>>;

    /// Makes the system ready for customers, with goods and prices. The services are ready.
    fn prepare(&self, _site: &Site) -> impl Future<Output = Result<()>> {
        ready(Ok(()))
    }

    /// Runs activities besides the customers until that time.
    fn meanwhile(&self, _site: &Site, _until: Instant) -> impl Future<Output = Result<()>> {
        ready(Ok(()))
    }

    /// Shows more than the demo's table, such as a map, until it is dropped. While `calm` is true it must begin no
    /// sagas, so that everything can be checked.
    fn show(
        &self,
        _site: &Arc<Site>,
        _calm: watch::Receiver<bool>,
    ) -> impl Future<Output = Result<()>> {
        pending()
    }

    /// Checks the invariants in and between the services' rows. An error is a service or a database without an answer.
    fn audit(&self, _audit: Audit<'_>) -> impl Future<Output = Result<Report>> {
        ready(Ok(Report::default()))
    }

    /// The variables of all services in a trial.
    fn env(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The providers outside that services play themselves.
    fn sandboxes(&self) -> &'static [Sandbox] {
        &[]
    }

    /// The gateway in front of the services, for trials in which clients go through it.
    fn front(&self) -> Option<GatewaySetup> {
        None
    }

    /// The operations of a client, for the trial that kills each service in turn. The system is ready, and customers
    /// come. This makes what operations need, such as a client of their own; they share the site.
    fn operations(&self, _site: &Arc<Site>) -> impl Future<Output = Result<Vec<Operation>>> {
        ready(Ok(Vec::new()))
    }

    /// What the clients of one schedule do in `explore`: each [`Move`] is one request, or one event, at a moment that a
    /// seed chooses. What this function does itself is done before the schedule. The seed chooses the number, too.
    fn moves<'a>(
        &'a self,
        _number: usize,
        _site: &'a Site,
    ) -> impl Future<Output = Result<Vec<Move<'a>>>> {
        ready(Ok(Vec::new()))
    }

    /// A deadline that passes while a service is unavailable.
    fn overdue(&self) -> Option<OverdueDeadline> {
        None
    }

    /// Why no customer leads a service to this fault point, in the notation of `kills`. Cases and activities have to
    /// reach all other points.
    fn unreachable(&self, _service: &str, _point: &str) -> Option<&'static str> {
        None
    }
}

/// What an audit works with.
#[derive(Debug, Clone, Copy)]
pub struct Audit<'a> {
    /// The addresses of the services and their databases.
    pub at: &'a Endpoints,
    /// The findings in the framework's own tables.
    pub framework: &'a Report,
    /// A saga without a change for this long is quiescent and judged.
    pub quiescent_after: SignedDuration,
}

/// A deadline that passes because a service is unavailable.
#[derive(Debug, Clone, Copy)]
pub struct OverdueDeadline {
    /// The owner of the sagas.
    pub owner: &'static str,
    /// The service without which no saga is decided.
    pub without: &'static str,
    /// The reason of the abort.
    pub reason: &'static str,
    /// The case of a customer who begins such a saga while `without` is unavailable, and does not wait.
    pub case: &'static str,
}

/// An outside provider that a service plays itself. It fails without this table of the service's database.
#[derive(Debug, Clone, Copy)]
pub struct Sandbox {
    /// The service.
    pub service: &'static str,
    /// The table.
    pub table: &'static str,
}
