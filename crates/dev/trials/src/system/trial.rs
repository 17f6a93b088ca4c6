//! A system's description of itself for the trials.

use std::fmt::Debug;
use std::future::{Future, pending, ready};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use ballet::{EventType, MessageId};
use ballet_ops::audit::Report;
use jiff::SignedDuration;
use tokio::sync::watch;

use crate::customers::begun_saga::BegunSaga;
use crate::customers::case::Case;
use crate::customers::operation::Operation;
use crate::processes::endpoints::Endpoints;
use crate::processes::gateway::GatewaySetup;
use crate::processes::program::ServiceProgram;
use crate::scene::site::Site;

/// A system that can be tried. The items without a default are enough for all trials.
pub trait Trial: Debug + Send + Sync + 'static {
    /// The argument of [`Trial::play`]: a kind of customer.
    type Case: Debug + Send + Sync + 'static;

    /// The system's name, which is also the virtual host's.
    const NAME: &'static str;

    /// The events that bring a saga to its good end. The services declare the aborts.
    const COMPLETED: &'static [EventType];

    /// The events that a saga may have several times. Any other event that comes twice was doubled.
    const REPEATED: &'static [EventType] = &[];

    /// The customers' word for sagas, in the plural.
    const SAGAS: &'static str = "sagas";

    /// The services. Each runs in processes of this program.
    fn services(&self) -> Vec<ServiceProgram>;

    /// The cases of customers. The first one is the usual one.
    fn cases(&self) -> Vec<Case<Self::Case>>;

    /// Plays one customer: publishes events, or calls services. Returns the saga that it began, with the expected end.
    /// An error means a request without an answer: it may have begun a saga, which must end as well. `number` counts
    /// the customers.
    fn play(
        &self,
        case: &Self::Case,
        number: usize,
        site: &Site,
    ) -> impl Future<Output = Result<BegunSaga>>;

    /// Makes the system ready for customers: goods on the shelves, prices. The services are ready by then.
    fn prepare(&self, _site: &Site) -> impl Future<Output = Result<()>> {
        ready(Ok(()))
    }

    /// Runs activities besides the customers until that time.
    fn meanwhile(&self, _site: &Site, _until: Instant) -> impl Future<Output = Result<()>> {
        ready(Ok(()))
    }

    /// Shows more than the demo's table, such as a page with a map, until it is dropped. While `calm` is true it must
    /// not begin sagas: those under way end, and everything is checked.
    fn show(
        &self,
        _site: &Arc<Site>,
        _calm: watch::Receiver<bool>,
    ) -> impl Future<Output = Result<()>> {
        pending()
    }

    /// Observes a published event, for the audit. The same event may come again.
    fn saw(&self, _event_type: &str, _id: MessageId, _body: &[u8]) {}

    /// Checks the invariants in the rows of the services and between them. An error means that a service or a database
    /// did not answer.
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
    /// already come. This method makes what the operations need, such as a client of their own; they share the site.
    fn operations(&self, _site: &Arc<Site>) -> impl Future<Output = Result<Vec<Operation>>> {
        ready(Ok(Vec::new()))
    }

    /// A deadline that passes while a service is down.
    fn overdue(&self) -> Option<OverdueDeadline> {
        None
    }

    /// The reason why no customer leads a service to this fault point, in the notation of `kills`. The cases and the
    /// activities besides them have to reach all other points.
    fn unreachable(&self, _service: &str, _point: &str) -> Option<&'static str> {
        None
    }

    /// Additional cases for a run in which days pass in seconds: sagas that take days.
    fn cases_of_days(&self) -> Vec<Case<Self::Case>> {
        Vec::new()
    }

    /// Additional variables for such a run.
    fn env_of_days(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// The basis of an audit.
#[derive(Debug, Clone, Copy)]
pub struct Audit<'a> {
    /// The addresses of the services and their databases.
    pub at: &'a Endpoints,
    /// The findings in the framework's own tables.
    pub framework: &'a Report,
    /// A saga without a change for this long is quiescent, and is judged.
    pub quiescent_after: SignedDuration,
}

/// A deadline that passes because a service is down.
#[derive(Debug, Clone, Copy)]
pub struct OverdueDeadline {
    /// The owner of the sagas.
    pub owner: &'static str,
    /// The owner's variable for the time to the deadline, in seconds.
    pub variable: &'static str,
    /// The service without which no saga is decided.
    pub without: &'static str,
    /// The reason of the abort.
    pub reason: &'static str,
    /// The case of a customer who begins such a saga while `without` is down, and does not wait for its end.
    pub case: &'static str,
}

/// An outside provider that a service plays itself, in a table of its database. Without the table it fails.
#[derive(Debug, Clone, Copy)]
pub struct Sandbox {
    /// The service.
    pub service: &'static str,
    /// The table.
    pub table: &'static str,
}
