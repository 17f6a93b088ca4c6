//! A service with three steps of one saga: a lift is held, a part is ordered outside, a note is
//! made. The first two can be undone, the third cannot.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, RequestResult, call, known,
};
use ballet::{
    Compensate, CompensateResult, Compensated, Failure, Migration, Never, Participant, Step,
    StepResult, Tx, compensated, compensated_silently, done,
};
use tokio::sync::Semaphore;

use crate::trip::{Trip, TripBooked};
use crate::world::{WorldPart, part};

ballet_testkit::events! {
    LiftHeld = "garage.lift_held.v1" { city: String }
    LiftFreed = "garage.lift_freed.v1"
    PartOrdered = "garage.part_ordered.v1" { needed: bool }
    PartReturned = "garage.part_returned.v1"
    NoteMade = "garage.note_made.v1"
}

/// In this city no part is needed.
pub(crate) const NO_PART: &str = "Bern";

const TABLES: &[Migration] = &[Migration {
    name: "0001_garage",
    sql: "create table lift (saga_id uuid primary key, state text not null);
          create table part (saga_id uuid primary key)",
}];

/// The supplier of the garage's parts: the requests to it, and its behaviour.
#[derive(Debug, Clone)]
pub(crate) struct Supplier(Arc<SupplierState>);

#[derive(Debug)]
struct SupplierState {
    asked: Mutex<Vec<(CallKey, &'static str)>>,
    returns: Semaphore,
    unreadable: AtomicBool,
}

impl Supplier {
    /// One that takes back this many parts for now.
    pub(crate) fn new(returns: usize) -> Self {
        Self(Arc::new(SupplierState {
            asked: Mutex::default(),
            returns: Semaphore::new(returns),
            unreadable: AtomicBool::new(false),
        }))
    }

    pub(crate) fn take_back(&self, more: usize) {
        self.0.returns.add_permits(more);
    }

    /// Whether taking in its answers fails.
    pub(crate) fn unreadable(&self, unreadable: bool) {
        self.0.unreadable.store(unreadable, Ordering::SeqCst);
    }

    fn ask(&self, key: CallKey, what: &'static str) {
        self.0.asked.lock().expect("not poisoned").push((key, what));
    }

    /// The keys under which it was asked for something, in order.
    pub(crate) fn asked(&self, for_what: &str) -> Vec<CallKey> {
        let asked = self.0.asked.lock().expect("not poisoned");
        asked.iter().filter(|(_, what)| *what == for_what).map(|(key, _)| *key).collect()
    }
}

pub(crate) fn garage(supplier: &Supplier) -> WorldPart {
    let supplier = supplier.clone();
    let garage = Participant::new("garage").saga::<Trip>(|saga| {
        saga.compensatable(HoldLift).compensatable(OrderPart { supplier }).retriable(MakeNote)
    });
    part(garage, TABLES)
}

struct HoldLift;

impl Step for HoldLift {
    const NAME: &'static str = "hold_lift";
    type On = TripBooked;
    type Done = LiftHeld;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, trip: TripBooked) -> StepResult<Self> {
        execute(tx, "insert into lift values ($1, 'held')").await?;
        done(LiftHeld { city: trip.city })
    }
}

impl Compensate for HoldLift {
    type Compensated = LiftFreed;

    async fn compensate(&self, tx: &mut Tx<'_>, _: LiftHeld) -> CompensateResult<Self> {
        let free = "update lift set state = 'free' where saga_id = $1 and state = 'held'";
        if execute(tx, free).await? == 0 {
            return Err(Failure::permanent("the lift is not as it was when it was held"));
        }
        compensated(LiftFreed {})
    }
}

struct OrderPart {
    supplier: Supplier,
}

impl CallStep for OrderPart {
    const NAME: &'static str = "order_part";
    type On = LiftHeld;
    type Done = PartOrdered;
    type Refused = Never;
    type Request = ();
    type Answer = ();

    async fn request(&self, _: &mut Tx<'_>, lift: LiftHeld) -> RequestResult<Self> {
        if lift.city == NO_PART { known(done(PartOrdered { needed: false })) } else { call(()) }
    }

    async fn call(&self, key: CallKey, (): &()) -> Result<(), Failure> {
        self.supplier.ask(key, "order");
        Ok(())
    }

    async fn answered(&self, tx: &mut Tx<'_>, (): (), (): ()) -> CallStepResult<Self> {
        execute(tx, "insert into part values ($1)").await?;
        if self.supplier.0.unreadable.load(Ordering::SeqCst) {
            return Err(Failure::transient("the answer cannot be taken in"));
        }
        done(PartOrdered { needed: true })
    }
}

impl CallCompensate for OrderPart {
    type Compensated = PartReturned;
    type UndoRequest = ();
    type UndoAnswer = ();

    async fn compensate_request(
        &self,
        _: &mut Tx<'_>,
        ordered: PartOrdered,
    ) -> CompensateRequestResult<Self> {
        if ordered.needed { call(()) } else { known(compensated_silently()) }
    }

    async fn compensate_call(&self, key: CallKey, (): &()) -> Result<(), Failure> {
        self.supplier.ask(key, "return");
        self.supplier.0.returns.acquire().await?.forget();
        Ok(())
    }

    async fn compensate_answered(
        &self,
        tx: &mut Tx<'_>,
        (): (),
        (): (),
    ) -> CallCompensateResult<Self> {
        execute(tx, "delete from part where saga_id = $1").await?;
        Ok(Compensated::With(PartReturned {}))
    }
}

struct MakeNote;

impl Step for MakeNote {
    const NAME: &'static str = "make_note";
    type On = PartOrdered;
    type Done = NoteMade;
    type Refused = Never;

    async fn run(&self, _: &mut Tx<'_>, _: PartOrdered) -> StepResult<Self> {
        done(NoteMade {})
    }
}

async fn execute(tx: &mut Tx<'_>, statement: &'static str) -> Result<u64, Failure> {
    let saga = tx.saga_id().map(|saga| saga.0);
    Ok(sqlx::query(statement).bind(saga).execute(tx.db()).await?.rows_affected())
}
