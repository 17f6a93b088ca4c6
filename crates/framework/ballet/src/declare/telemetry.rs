//! The traits of those who read telemetry, into rows or into memory, and both without their types.

use std::any::Any;
use std::ops::Range;

use ballet_core::{Telemetry, TelemetrySchema, TelemetryType};
use jiff::{SignedDuration, Timestamp};

use crate::declare::erased::outcome::Future;
use crate::declare::handler::failure::Failure;
use crate::declare::handler::tx::Tx;

/// Keeps rows that follow from telemetry. Its rows and its place in the stream commit together, so each
/// measurement counts exactly once, whatever dies in between.
///
/// ```
/// use ballet::{Failure, Participant, Reading, Telemetry, TelemetryReader, Tx};
/// # use ballet::telemetry;
/// # #[telemetry("location.position.v1", key = vehicle)]
/// # struct Position { vehicle: String, metres: u32 }
///
/// /// How far each vehicle is.
/// struct Distances;
///
/// impl TelemetryReader for Distances {
///     const NAME: &'static str = "distances";
///     type Reads = Position;
///
///     async fn read(&self, tx: &mut Tx<'_>, batch: &[Reading<Position>]) -> Result<(), Failure> {
///         let vehicles: Vec<&str> = batch.iter().map(|one| &*one.value.vehicle).collect();
///         let metres: Vec<i64> = batch.iter().map(|one| one.value.metres.into()).collect();
///         sqlx::query(
///             "insert into distance as d select vehicle, max(metres) \
///              from unnest($1::text[], $2::bigint[]) as new (vehicle, metres) group by vehicle \
///              on conflict (vehicle) do update set metres = greatest(d.metres, excluded.metres)",
///         )
///         .bind(&vehicles)
///         .bind(&metres)
///         .execute(tx.db())
///         .await?;
///         Ok(())
///     }
///
///     async fn reset(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
///         sqlx::query("delete from distance").execute(tx.db()).await?;
///         Ok(())
///     }
/// }
///
/// let dispatch = Participant::new("dispatch").reads_telemetry(Distances);
/// assert_eq!(dispatch.part().readers[0].reads, Position::TYPE);
/// ```
pub trait TelemetryReader: Send + Sync + 'static {
    /// The reader's name: what it keeps. Its place in the streams is stored under this name.
    const NAME: &'static str;
    /// The telemetry that it reads.
    type Reads: Telemetry;

    /// Writes what follows from a batch of one partition, in the order of the stream. There is one reading when
    /// little comes, and up to `TELEMETRY_BATCH` in a backlog.
    ///
    /// # Errors
    ///
    /// A failure rolls the batch back, and it is tried again, in halves. A reading that fails alone is set aside: at
    /// once if the failure is permanent, else after five tries. A conflict sets none aside: it waits.
    fn read(
        &self,
        tx: &mut Tx<'_>,
        batch: &[Reading<Self::Reads>],
    ) -> impl std::future::Future<Output = Result<(), Failure>> + Send;

    /// Deletes all that [`read`](Self::read) has written. It runs in one transaction with the new place, when
    /// somebody rewinds the reader to the beginning. Each of its statements may take ten minutes.
    ///
    /// # Errors
    ///
    /// A failure. The reader goes on where it was, and the reset is tried again.
    fn reset(
        &self,
        tx: &mut Tx<'_>,
    ) -> impl std::future::Future<Output = Result<(), Failure>> + Send;
}

/// Keeps in memory what follows from telemetry. Each process follows all partitions, so each has the whole picture.
/// A process that starts reads back as far as [`reaches_back`](Self::reaches_back), and takes no messages until it is
/// at the end of what was there.
///
/// A reading may come twice, and again after the connection was lost, so of two the type says which counts.
///
/// ```
/// use std::{collections::HashMap, sync::Mutex};
/// use ballet::{Participant, Reading, TelemetryFollower};
/// # use ballet::telemetry;
/// use jiff::{SignedDuration, Timestamp};
/// # #[telemetry("location.position.v1", key = vehicle)]
/// # struct Position { vehicle: String, metres: u32 }
///
/// /// How far each vehicle is.
/// #[derive(Default)]
/// struct Distances(Mutex<HashMap<String, u32>>);
///
/// impl TelemetryFollower for Distances {
///     const NAME: &'static str = "distances";
///     type Follows = Position;
///
///     fn reaches_back(&self) -> SignedDuration {
///         SignedDuration::from_mins(10)
///     }
///
///     fn take(&self, _: Timestamp, batch: &[Reading<Position>]) {
///         let mut distances = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
///         for Reading { value, .. } in batch {
///             let metres = distances.entry(value.vehicle.clone()).or_default();
///             *metres = value.metres.max(*metres);
///         }
///     }
/// }
///
/// let dispatch = Participant::new("dispatch").follows_telemetry(Distances::default());
/// assert!(dispatch.part().readers[0].in_memory);
/// ```
pub trait TelemetryFollower: Send + Sync + 'static {
    /// The follower's name: what it keeps.
    const NAME: &'static str;
    /// The telemetry that it follows.
    type Follows: Telemetry;

    /// How far back a process reads that starts.
    fn reaches_back(&self) -> SignedDuration;

    /// Takes a batch of one partition, in the order of the stream. If it panics, each reading comes again alone, and
    /// one with which it panics alone is passed over.
    fn take(&self, now: Timestamp, batch: &[Reading<Self::Follows>]);
}

/// A measurement, and its place in the stream.
#[derive(Debug, Clone)]
pub struct Reading<T> {
    /// The measurement.
    pub value: T,
    /// The partition.
    pub partition: u16,
    /// Its place in the partition.
    pub offset: u64,
    /// When its service published it, in whole seconds.
    pub received: Timestamp,
}

/// Readings of one type, erased.
pub(crate) type AnyReadings = Box<dyn Any + Send + Sync>;

#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadingPlace {
    pub(crate) partition: u16,
    pub(crate) offset: u64,
    pub(crate) received: Timestamp,
}

/// Reads bodies of one type for a reader or follower of this name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Codec {
    pub(crate) name: &'static str,
    pub(crate) schema: TelemetrySchema,
    pub(crate) none: fn() -> AnyReadings,
    /// Decodes a body, and adds it to the list.
    pub(crate) decode: fn(&mut AnyReadings, ReadingPlace, &[u8]) -> Result<(), String>,
}

impl Codec {
    fn of<T: Telemetry>(name: &'static str) -> Self {
        let none = || -> AnyReadings { Box::new(Vec::<Reading<T>>::new()) };
        Self { name, schema: TelemetrySchema::of::<T>(), none, decode: decode::<T> }
    }

    pub(crate) fn reads(&self) -> TelemetryType {
        self.schema.telemetry()
    }
}

const OF_ANOTHER: &str = "the list is of another reader";

fn decode<T: Telemetry>(
    into: &mut AnyReadings,
    at: ReadingPlace,
    body: &[u8],
) -> Result<(), String> {
    let list = into.downcast_mut::<Vec<Reading<T>>>().ok_or(OF_ANOTHER)?;
    let value = ballet_core::json::from_slice(body).map_err(|error| error.to_string())?;
    let ReadingPlace { partition, offset, received } = at;
    list.push(Reading { value, partition, offset, received });
    Ok(())
}

pub(crate) trait AnyReader: Send + Sync {
    fn codec(&self) -> Codec;
    fn name(&self) -> &'static str {
        self.codec().name
    }
    fn reads(&self) -> TelemetryType {
        self.codec().reads()
    }
    fn read<'a>(
        &'a self,
        tx: Tx<'a>,
        readings: &'a AnyReadings,
        range: Range<usize>,
    ) -> Future<'a, ()>;
    fn reset<'a>(&'a self, tx: Tx<'a>) -> Future<'a, ()>;
}

impl<R: TelemetryReader> AnyReader for R {
    fn codec(&self) -> Codec {
        Codec::of::<R::Reads>(R::NAME)
    }

    fn read<'a>(
        &'a self,
        mut tx: Tx<'a>,
        readings: &'a AnyReadings,
        range: Range<usize>,
    ) -> Future<'a, ()> {
        Box::pin(async move {
            let list = readings.downcast_ref::<Vec<Reading<R::Reads>>>();
            let batch = list.and_then(|list| list.get(range));
            let batch = batch.ok_or_else(|| Failure::permanent(OF_ANOTHER))?;
            TelemetryReader::read(self, &mut tx, batch).await
        })
    }

    fn reset<'a>(&'a self, mut tx: Tx<'a>) -> Future<'a, ()> {
        Box::pin(async move { TelemetryReader::reset(self, &mut tx).await })
    }
}

pub(crate) trait AnyFollower: Send + Sync {
    fn codec(&self) -> Codec;
    fn reaches_back(&self) -> SignedDuration;
    fn take(&self, now: Timestamp, readings: &AnyReadings, range: Range<usize>);
}

impl<F: TelemetryFollower> AnyFollower for F {
    fn codec(&self) -> Codec {
        Codec::of::<F::Follows>(F::NAME)
    }

    fn reaches_back(&self) -> SignedDuration {
        TelemetryFollower::reaches_back(self)
    }

    fn take(&self, now: Timestamp, readings: &AnyReadings, range: Range<usize>) {
        let list = readings.downcast_ref::<Vec<Reading<F::Follows>>>();
        if let Some(batch) = list.and_then(|list| list.get(range)).filter(|it| !it.is_empty()) {
            TelemetryFollower::take(self, now, batch);
        }
    }
}
