//! What a system says about itself so that it can be tried.

use std::fmt::Debug;
use std::future::{Future, pending, ready};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use ballet::{EventType, MessageId};
use ballet_ops::audit::Report;
use jiff::SignedDuration;
use tokio::sync::watch;

use crate::customers::begun::Begun;
use crate::customers::case::Case;
use crate::customers::operation::Operation;
use crate::processes::endpoints::Endpoints;
use crate::processes::gateway::Front;
use crate::processes::program::ServiceProgram;
use crate::scene::site::Site;

/// A system that can be tried. What has no default is enough for all trials.
pub trait Trial: Debug + Send + Sync + 'static {
    /// What a customer does, as [`Trial::play`] is told.
    type Case: Debug + Send + Sync + 'static;

    /// The system's name, which is also the virtual host's.
    const NAME: &'static str;

    /// The events that are the good end of a saga. The others are aborts, which the services declare.
    const COMPLETED: &'static [EventType];

    /// Events that a saga may have several times. Every other event that comes twice was doubled.
    const REPEATED: &'static [EventType] = &[];

    /// What a saga is to its customers, in the plural.
    const SAGAS: &'static str = "sagas";

    /// The services. Each runs in processes of this program.
    fn services(&self) -> Vec<ServiceProgram>;

    /// What customers do. The first case is the usual one.
    fn cases(&self) -> Vec<Case<Self::Case>>;

    /// One customer does this: publishes events, or calls services. Returns the saga that it began, and how
    /// that must end. An error is a request without an answer: it may have begun a saga, which must end as
    /// well. `number` counts the customers.
    fn play(
        &self,
        case: &Self::Case,
        number: usize,
        site: &Site,
    ) -> impl Future<Output = Result<Begun>>;

    /// Makes the system ready for its customers: goods on the shelves, prices. Services are ready by then.
    fn prepare(&self, _site: &Site) -> impl Future<Output = Result<()>> {
        ready(Ok(()))
    }

    /// What goes on until then beside the customers.
    fn meanwhile(&self, _site: &Site, _until: Instant) -> impl Future<Output = Result<()>> {
        ready(Ok(()))
    }

    /// What the demo shows besides its table, such as a page with a map. It goes on until it is dropped. While `calm`
    /// is true no saga is to begin: what has begun ends, and everything is checked.
    fn show(
        &self,
        _site: &Arc<Site>,
        _calm: watch::Receiver<bool>,
    ) -> impl Future<Output = Result<()>> {
        pending()
    }

    /// Sees an event that was published, for the audit. It may come again.
    fn saw(&self, _event_type: &str, _id: MessageId, _body: &[u8]) {}

    /// What must hold in the rows of the services and between them. An error says that a service or a
    /// database did not answer.
    fn audit(&self, _audit: Audit<'_>) -> impl Future<Output = Result<Report>> {
        ready(Ok(Report::default()))
    }

    /// Variables of all services in a trial.
    fn env(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The providers outside that services play themselves.
    fn sandboxes(&self) -> &'static [Sandbox] {
        &[]
    }

    /// The gateway in front of the services, for trials in which clients go through it.
    fn front(&self) -> Option<Front> {
        None
    }

    /// What a client can do, for the trial that kills each service in turn. The system is ready, and clients
    /// come already: what the operations need, such as a client of their own, is made here, and the site is theirs
    /// as well.
    fn operations(&self, _site: &Arc<Site>) -> impl Future<Output = Result<Vec<Operation>>> {
        ready(Ok(Vec::new()))
    }

    /// A deadline that is let pass while a service is down.
    fn overdue(&self) -> Option<Overdue> {
        None
    }

    /// Why no customer leads a service to this fault point, as `kills` writes it. All other points have to be
    /// reached by the cases and by what goes on meanwhile.
    fn unreachable(&self, _service: &str, _point: &str) -> Option<&'static str> {
        None
    }

    /// Cases for a run in which days pass in seconds, besides the others: sagas that take days.
    fn cases_of_days(&self) -> Vec<Case<Self::Case>> {
        Vec::new()
    }

    /// Variables for such a run besides the others.
    fn env_of_days(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The days for which a service's ledger remembers a saga.
    fn remembers_days(&self, _service: &str) -> u32 {
        90
    }
}

/// What an audit goes by.
#[derive(Debug, Clone, Copy)]
pub struct Audit<'a> {
    /// Where the services and their databases are.
    pub at: &'a Endpoints,
    /// What was found before in the framework's own tables.
    pub framework: &'a Report,
    /// What has not changed for so long is quiescent, and is judged.
    pub quiescent_after: SignedDuration,
}

/// A deadline that passes because a service is down.
#[derive(Debug, Clone, Copy)]
pub struct Overdue {
    /// The owner of the sagas.
    pub owner: &'static str,
    /// Its variable for the time to the deadline, in seconds.
    pub variable: &'static str,
    /// The service without which no saga is decided.
    pub without: &'static str,
    /// The reason of the abort.
    pub reason: &'static str,
    /// The case of a customer who begins one without `without`, and does not wait for what becomes of it.
    pub case: &'static str,
}

/// A provider outside that a service plays itself, in a table of its database. Without the table it fails.
#[derive(Debug, Clone, Copy)]
pub struct Sandbox {
    /// The service.
    pub service: &'static str,
    /// The table.
    pub table: &'static str,
}
