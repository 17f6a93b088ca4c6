//! A service's contract: its steps in each saga, the events that it follows, and those that it
//! publishes.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use ballet_core::{
    DeadlinePart, Entity, Event, EventSchema, EventType, Part, Saga, ServiceContract, StepKind,
    StepPart, SubscriptionPart,
};
use jiff::SignedDuration;

use crate::declare::erased::others::{
    AnyProjection, KeyedCompensation, TypedOwner, TypedProjection, TypedRefusal,
};
use crate::declare::erased::step::ErasedStep;
use crate::declare::handler::json::encoded;
use crate::declare::participant::copies::{CopyEntry, CopyOf, ShareEntry};
use crate::declare::participant::deadline::{Deadline, Due};
use crate::declare::participant::declarable::{Compensatable, Decides, Retriable, Starts};
use crate::declare::participant::saga_entry::SagaEntry;
use crate::declare::step::owner::Owner;
use crate::declare::step::projection::Projection;

/// Declares everything that one service does. [`Participant::part`] returns the declaration without
/// running anything.
///
/// ```
/// # use ballet::*;
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, JsonSchema)] struct Confirmed { points: i64 }
/// # impl Event for Confirmed {
/// #     const TYPE: EventType = EventType::in_saga("orders.order_confirmed.v1");
/// # }
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
        let mut entry = steps(OwnerSteps(SagaSteps::new())).0.entry;
        entry.owner = Some(Arc::new(TypedOwner(owner)));
        self.sagas.push(entry);
        self
    }

    /// Follows an event outside of sagas.
    #[must_use]
    pub fn projects<P: Projection>(mut self, projection: P) -> Self {
        self.projections.push(Arc::new(TypedProjection(projection)));
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
    /// transaction of the change. From the view the framework publishes all entities anew, when a
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
    /// # use schemars::JsonSchema;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize, JsonSchema)] struct Product { price_minor: i64 }
    /// # impl Entity for Product {
    /// #     const NAME: &'static str = "product";
    /// #     const REPUBLISHED: EventType = EventType::plain("catalog.products_republished.v1");
    /// #     const REQUESTS: &'static [EventType] =
    /// #         &[EventType::plain("cart.products_requested.v1")];
    /// # }
    /// # #[derive(Serialize, Deserialize, JsonSchema)]
    /// # struct PriceChanged { product: Versioned<Product> }
    /// # impl Event for PriceChanged {
    /// #     const TYPE: EventType = EventType::plain("catalog.product_price_changed.v1");
    /// # }
    /// # impl EntityEvent for PriceChanged {
    /// #     type Entity = Product;
    /// #     fn into_version(self) -> Versioned<Product> { self.product }
    /// # }
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
        ServiceContract::new(&self.part(), all.copied())
    }

    /// Returns the declaration as data: the source of the choreography graph.
    #[must_use]
    pub fn part(&self) -> Part {
        Part {
            service: self.service,
            sagas: self.sagas.iter().map(SagaEntry::part).collect(),
            subscriptions: self
                .projections
                .iter()
                .map(|p| SubscriptionPart { name: p.name(), on: p.event_type() })
                .collect(),
            publishes: self.publishes.clone(),
            shares: self.shares.iter().map(|share| share.part.clone()).collect(),
            copies: self.copies.iter().map(|copy| copy.part.clone()).collect(),
        }
    }
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Participant").field(&self.part()).finish()
    }
}

/// Collects a service's steps of one saga.
pub struct SagaSteps<Sg> {
    entry: SagaEntry,
    saga: PhantomData<fn(Sg)>,
}

impl<Sg: Saga> SagaSteps<Sg> {
    fn new() -> Self {
        Self { entry: SagaEntry::new::<Sg>(), saga: PhantomData }
    }

    fn push(mut self, erased: ErasedStep) -> Self {
        self.entry.steps.push(Arc::new(erased.step));
        self.entry.events.extend(erased.events);
        self
    }

    /// Adds a step that may refuse, and is undone when the saga is aborted.
    #[must_use]
    pub fn compensatable<Via, S: Compensatable<Via>>(self, step: S) -> Self {
        self.push(step.erase(StepKind::Compensatable))
    }

    /// Adds the step that decides the saga: once its outcome is recorded, the saga is never
    /// aborted. The step is undone if an abort is committed first.
    #[must_use]
    pub fn pivot<Via, S: Compensatable<Via>>(self, step: S) -> Self {
        self.push(step.erase(StepKind::Pivot))
    }

    /// Adds a step that cannot refuse and is retried until it is done.
    #[must_use]
    pub fn retriable<Via, S: Retriable<Via>>(self, step: S) -> Self {
        self.push(step.erase(StepKind::Retriable))
    }

    /// Adds a step that repeats in a saga, each time under another key. One event undoes one
    /// repetition while the saga goes on: a driver declines, and the next one is asked.
    #[must_use]
    pub fn repeating<Via, S, E>(mut self, step: S, compensated_by: fn(&E) -> String) -> Self
    where
        S: Compensatable<Via>,
        E: Event,
    {
        let step = step.erase(StepKind::Compensatable);
        let undo = KeyedCompensation::new(step.step.part().name, compensated_by);
        self.entry.keyed_compensations.push(Arc::new(undo));
        self.entry.events.push(EventSchema::of::<E>());
        self.push(step)
    }
}

impl<Sg> fmt::Debug for SagaSteps<Sg> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SagaSteps").field(&self.entry.part()).finish()
    }
}

/// Collects the owner's steps of its saga.
#[derive(Debug)]
pub struct OwnerSteps<Sg>(SagaSteps<Sg>);

impl<Sg: Saga> OwnerSteps<Sg> {
    /// Starts the saga with this event, on an external request. See
    /// [`Unit::originate`](crate::Unit::originate).
    #[must_use]
    pub fn originates<E: Event>(mut self, name: &'static str) -> Self {
        self.0.entry.origins.push(StepPart {
            name,
            kind: StepKind::Origin,
            on: Vec::new(),
            done: E::TYPE,
            refused: None,
            compensated: None,
            compensated_by: Vec::new(),
            calls_outside: false,
        });
        self.0.entry.events.push(EventSchema::of::<E>());
        self
    }

    /// Starts the saga with this step, triggered by an event. Its refusal is the abort event.
    #[must_use]
    pub fn starts<Via, S: Starts<Sg, Via>>(self, step: S) -> Self {
        Self(self.0.push(step.erase()))
    }

    /// Aborts the saga on this refusal. `abort_event` creates the abort event.
    #[must_use]
    pub fn aborts_on<E: Event>(
        mut self,
        abort_event: impl Fn(E) -> Sg::Abort + Send + Sync + 'static,
    ) -> Self {
        self.0.entry.refusals.push(Arc::new(TypedRefusal { abort_event, event: PhantomData }));
        self.0.entry.events.push(EventSchema::of::<E>());
        self
    }

    /// Sets the time in which the saga must be decided, counted from its start. When it has passed,
    /// the owner publishes the event `passed` to itself, and aborts with the abort event from
    /// `abort_event`, unless another outcome was committed first.
    #[must_use]
    pub fn deadline<E: Event>(
        mut self,
        after: SignedDuration,
        passed: impl Fn(Due) -> E + Send + Sync + 'static,
        abort_event: impl Fn(E) -> Sg::Abort + Send + Sync + 'static,
    ) -> Self {
        self.0.entry.deadline = Some(Deadline {
            part: DeadlinePart { passed: E::TYPE, after },
            passed_event: Arc::new(move |due| encoded(&passed(due))),
            abort_event: Arc::new(TypedRefusal { abort_event, event: PhantomData }),
        });
        self.0.entry.events.push(EventSchema::of::<E>());
        self
    }

    /// Adds the step that records the pivot's outcome. It does not run if an abort was committed
    /// first.
    #[must_use]
    pub fn decides<Via, S: Decides<Via>>(self, step: S) -> Self {
        Self(self.0.push(step.erase()))
    }

    /// Adds a step that may refuse, and is undone when the saga is aborted.
    #[must_use]
    pub fn compensatable<Via, S: Compensatable<Via>>(self, step: S) -> Self {
        Self(self.0.compensatable(step))
    }

    /// Adds a step that cannot refuse and is retried until it is done.
    #[must_use]
    pub fn retriable<Via, S: Retriable<Via>>(self, step: S) -> Self {
        Self(self.0.retriable(step))
    }

    /// Adds a step that repeats in a saga. See [`SagaSteps::repeating`].
    #[must_use]
    pub fn repeating<Via, S, E>(self, step: S, compensated_by: fn(&E) -> String) -> Self
    where
        S: Compensatable<Via>,
        E: Event,
    {
        Self(self.0.repeating(step, compensated_by))
    }
}
