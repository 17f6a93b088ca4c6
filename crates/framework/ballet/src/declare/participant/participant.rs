//! A service's contract: its steps in each saga, the events that it follows, and those that it
//! publishes.

use std::fmt;
use std::sync::Arc;

use ballet_core::{
    Entity, Event, EventSchema, EventType, ExceptionPart, Part, ReaderPart, Saga, ServiceContract,
    SubscriptionPart, Telemetry, TelemetrySchema,
};

use crate::declare::erased::others::AnyProjection;
use crate::declare::participant::copies::{CopyEntry, CopyOf, ShareEntry};
use crate::declare::participant::saga_entry::SagaEntry;
use crate::declare::participant::saga_steps::{OwnerSteps, SagaSteps};
use crate::declare::step::owner::Owner;
use crate::declare::step::projection::Projection;
use crate::declare::telemetry::{
    AnyFollower, AnyReader, Codec, TelemetryFollower, TelemetryReader,
};

/// Declares everything that one service does. [`Participant::part`] returns the declaration without
/// running anything.
///
/// ```
/// # use ballet::*;
/// # #[event("orders.order_confirmed.v1", in_saga)] struct Confirmed { points: i64 }
/// /// Counts a customer's points.
/// struct Points;
///
/// impl Projection for Points {
///     const NAME: &'static str = "points";
///     type On = Confirmed;
///
///     async fn apply(&self, tx: &mut Tx<'_>, order: Confirmed) -> Result<(), Failure> {
///         sqlx::query("update total set points = points + $1")
///             .bind(order.points)
///             .execute(tx.db())
///             .await?;
///         Ok(())
///     }
/// }
///
/// let loyalty = Participant::new("loyalty").projects(Points);
/// assert_eq!(loyalty.part().consumes(), [Confirmed::TYPE]);
/// ```
#[derive(Clone)]
pub struct Participant {
    pub(crate) service: &'static str,
    pub(crate) sagas: Vec<SagaEntry>,
    pub(crate) projections: Vec<Arc<dyn AnyProjection>>,
    pub(crate) publishes: Vec<EventType>,
    pub(crate) shares: Vec<ShareEntry>,
    pub(crate) copies: Vec<CopyEntry>,
    pub(crate) telemetry: Vec<TelemetrySchema>,
    pub(crate) readers: Vec<Arc<dyn AnyReader>>,
    pub(crate) followers: Vec<Arc<dyn AnyFollower>>,
    pub(crate) exceptions: Vec<ExceptionPart>,
    /// The events outside of sagas and copies, for the contract.
    events: Vec<EventSchema>,
}

impl Participant {
    /// Creates a service without any part. Its name is the name of its queue and its database, and
    /// the first part of its event names.
    #[must_use]
    pub const fn new(service: &'static str) -> Self {
        Self {
            service,
            sagas: Vec::new(),
            projections: Vec::new(),
            publishes: Vec::new(),
            shares: Vec::new(),
            copies: Vec::new(),
            telemetry: Vec::new(),
            readers: Vec::new(),
            followers: Vec::new(),
            exceptions: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Adds the service's part in a saga that another service owns. A second call for the same saga
    /// adds further steps to that part.
    #[must_use]
    pub fn saga<Sg: Saga>(mut self, steps: impl FnOnce(SagaSteps<Sg>) -> SagaSteps<Sg>) -> Self {
        let entry = steps(SagaSteps::new()).entry;
        let same = |known: &&mut SagaEntry| {
            (known.saga, known.owner_service, known.abort)
                == (entry.saga, entry.owner_service, entry.abort)
        };
        match self.sagas.iter_mut().find(same) {
            // One part, so that all of its steps are undone in one order.
            Some(known) => {
                known.steps.extend(entry.steps);
                known.keyed_compensations.extend(entry.keyed_compensations);
                known.events.extend(entry.events);
            }
            None => self.sagas.push(entry),
        }
        self
    }

    /// Adds the service's part in a saga that it owns.
    #[must_use]
    pub fn owns<O: Owner>(
        mut self,
        owner: O,
        steps: impl FnOnce(OwnerSteps<O::Saga>) -> OwnerSteps<O::Saga>,
    ) -> Self {
        let mut entry = steps(OwnerSteps::new()).entry;
        entry.owner = Some(Arc::new(owner));
        self.sagas.push(entry);
        self
    }

    /// Follows an event outside of sagas.
    #[must_use]
    pub fn projects<P: Projection>(mut self, projection: P) -> Self {
        self.projections.push(Arc::new(projection));
        self.events.push(EventSchema::of::<P::On>());
        self
    }

    /// Publishes an event that is not the outcome of a step.
    #[must_use]
    pub fn publishes<E: Event>(mut self) -> Self {
        self.publishes.push(E::TYPE);
        self.events.push(EventSchema::of::<E>());
        self
    }

    /// Shares an entity, so that other services can keep copies of it. `view` is a view, or a table,
    /// of the service's database with the columns
    ///
    /// - `id`: the entity's id, with an index in its order;
    /// - `version` (`bigint`): the number of the last change;
    /// - `state` (`jsonb`): the whole state as the events carry it; null for a removed entity, which
    ///   stays in the view.
    ///
    /// The service publishes an [`EntityEvent`](crate::EntityEvent) for each change, in the
    /// transaction of the change. From the view the framework publishes all entities again, when a
    /// reader asks.
    #[must_use]
    pub fn shares<E: Entity>(mut self, view: &'static str) -> Self {
        self.shares.push(ShareEntry::new::<E>(view));
        self
    }

    /// Keeps a copy of another service's entities, fed by these events. [`copies`](crate::copies)
    /// reads it.
    ///
    /// ```
    /// # use ballet::core::Versioned;
    /// # use ballet::*;
    /// # #[entity(
    /// #     "product",
    /// #     republished = "catalog.products_republished.v1",
    /// #     requests("cart.products_requested.v1")
    /// # )]
    /// # struct Product { price_minor: i64 }
    /// # #[event("catalog.product_price_changed.v1", carries = product)]
    /// # struct PriceChanged { product: Versioned<Product> }
    /// let cart =
    ///     Participant::new("cart").copies::<Product>(|copy| copy.fed_by::<PriceChanged>());
    ///
    /// async fn price(tx: &mut Tx<'_>, sku: &str) -> Result<Option<i64>, Failure> {
    ///     let product = copies::get::<Product>(tx.db(), sku).await?;
    ///     Ok(product.and_then(|product| product.state).map(|state| state.price_minor))
    /// }
    /// # assert_eq!(cart.part().consumes().len(), 2);
    /// ```
    #[must_use]
    pub fn copies<E: Entity>(mut self, feeds: impl FnOnce(CopyOf<E>) -> CopyOf<E>) -> Self {
        self.copies.push(CopyEntry::new(self.service, feeds));
        self
    }

    /// Excepts something of the service from a rule of `ballet check`, and says why it does not matter here: a step, a
    /// saga, an event, a field of one (`EVENT/FIELD`), an entity, or the service as a whole if the name is empty. The
    /// contract has it. A rule without which a service does not start has no exceptions.
    ///
    /// ```
    /// # use ballet::Participant;
    /// let orders = Participant::new("orders")
    ///     .excepts("B066", "order_fulfillment", "an order that waits longer is worth nothing");
    /// # assert_eq!(orders.part().exceptions.len(), 1);
    /// ```
    #[must_use]
    pub fn excepts(mut self, rule: &'static str, of: &'static str, reason: &'static str) -> Self {
        self.exceptions.push(ExceptionPart { rule, of, reason });
        self
    }

    /// Publishes telemetry, with [`Handle::telemetry`](crate::Handle::telemetry).
    #[must_use]
    pub fn publishes_telemetry<T: Telemetry>(mut self) -> Self {
        self.telemetry.push(TelemetrySchema::of::<T>());
        self
    }

    /// Reads telemetry. Several readers of one type go each at its own pace.
    #[must_use]
    pub fn reads_telemetry<R: TelemetryReader>(mut self, reader: R) -> Self {
        self.readers.push(Arc::new(reader));
        self
    }

    /// Follows telemetry in the memory of each process.
    #[must_use]
    pub fn follows_telemetry<F: TelemetryFollower>(mut self, follower: F) -> Self {
        self.followers.push(Arc::new(follower));
        self
    }

    /// Returns the service's name.
    #[must_use]
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// Returns the service's contract: the declaration with the schemas of its events, as a file that
    /// tools read.
    #[must_use]
    pub fn contract(&self) -> ServiceContract {
        let of_sagas = self.sagas.iter().flat_map(|saga| &saga.events);
        let of_shares = self.shares.iter().flat_map(|share| &share.events);
        let of_copies = self.copies.iter().flat_map(|copy| &copy.events);
        let all = of_sagas.chain(&self.events).chain(of_shares).chain(of_copies);
        let read = self.codecs().map(|(codec, _)| codec.schema);
        let telemetry = self.telemetry.iter().copied().chain(read);
        ServiceContract::new(&self.part(), all.copied()).with_telemetry(telemetry)
    }

    /// Returns the declaration as data: the source of the choreography graph.
    #[must_use]
    pub fn part(&self) -> Part {
        Part {
            service: self.service,
            takes_packs: true,
            sagas: self.sagas.iter().map(SagaEntry::part).collect(),
            subscriptions: self
                .projections
                .iter()
                .map(|p| SubscriptionPart { name: p.name(), on: p.event_type() })
                .collect(),
            publishes: self.publishes.clone(),
            shares: self.shares.iter().map(|share| share.part.clone()).collect(),
            copies: self.copies.iter().map(|copy| copy.part.clone()).collect(),
            telemetry: self.telemetry.iter().map(TelemetrySchema::telemetry).collect(),
            readers: self.codecs().map(reader_part).collect(),
            exceptions: self.exceptions.clone(),
        }
    }

    /// Returns the codecs of the readers and followers of telemetry; true marks a follower, which reads into memory.
    fn codecs(&self) -> impl Iterator<Item = (Codec, bool)> {
        let readers = self.readers.iter().map(|reader| (reader.codec(), false));
        readers.chain(self.followers.iter().map(|follower| (follower.codec(), true)))
    }
}

fn reader_part((codec, in_memory): (Codec, bool)) -> ReaderPart {
    ReaderPart { name: codec.name, reads: codec.reads(), in_memory }
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Participant").field(&self.part()).finish()
    }
}
