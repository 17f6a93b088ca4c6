//! The comparison of two recordings of the same sagas, as `ballet replay --expect` makes it.

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use ballet_stream::{ComparedSagas, Comparison, Difference, DifferenceKind, Recording};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::stream::orders::{OrderFault, fault, order_of, saga};

/// The result of a comparison, and its times in seconds.
#[derive(Debug, Serialize, Deserialize)]
pub struct ComparisonResult {
    /// The number of sagas.
    pub sagas: u64,
    /// The number of sagas with a difference.
    pub different: u64,
    /// The number of sagas that were broken on purpose.
    pub broken: u64,
    /// The number of differences that were not made on purpose.
    pub wrong: u64,
    /// Until the expected events were read, in seconds.
    pub expected: f64,
    /// Until the actual events were read, in seconds.
    pub came: f64,
    /// Until all sagas were compared, in seconds.
    pub compared: f64,
}

/// Compares the recording of a run with one of a run with faults.
///
/// # Errors
///
/// If the files cannot be read, or the folder for the parts cannot be written.
pub fn compare(
    expected: (&Path, u64),
    came: (&Path, u64),
    sagas: u64,
    folder: &Path,
) -> Result<ComparisonResult> {
    let begun = Instant::now();
    let recorded = |order| saga(expected.1, order);
    let all: ComparedSagas = (0..sagas).map(|order| (recorded(order), recorded(order))).collect();
    let sent: ComparedSagas =
        (0..sagas).map(|order| (saga(came.1, order), recorded(order))).collect();
    let mut comparison = Comparison::new(folder, all, sent, HashSet::new())?;
    for record in Recording::open(expected.0)? {
        comparison.expect(&record?)?;
    }
    let expected = begun.elapsed().as_secs_f64();
    for record in Recording::open(came.0)? {
        comparison.came(&record?)?;
    }
    let came = begun.elapsed().as_secs_f64();
    let (mut wrong, mut seen) = (0, HashSet::new());
    let compared = comparison.finish(|difference| {
        let is_first = seen.insert(difference.saga.clone());
        wrong += u64::from(!is_first || !is_on_purpose(&difference));
    })?;
    Ok(ComparisonResult {
        sagas: compared.sagas,
        different: compared.different,
        broken: (0..sagas).filter_map(fault).count() as u64,
        wrong,
        expected,
        came,
        compared: begun.elapsed().as_secs_f64(),
    })
}

fn is_on_purpose(difference: &Difference) -> bool {
    let Ok(saga) = Uuid::try_parse(&difference.saga) else { return false };
    let event = difference.path.last().map(String::as_str);
    match (fault(order_of(saga)), &difference.change) {
        (Some(OrderFault::Missing), DifferenceKind::Missing { .. }) => {
            event == Some("orders.order_completed.v1")
        }
        (Some(OrderFault::New), DifferenceKind::New { .. }) => {
            event == Some("payments.payment_refunded.v1")
        }
        (Some(OrderFault::Value), DifferenceKind::Field { pointer, .. }) => {
            event == Some("payments.payment_captured.v1") && pointer == "/amount/amount_minor"
        }
        _ => false,
    }
}

impl ComparisonResult {
    /// Parses the output of a comparison's process.
    pub(crate) fn read(text: &str) -> Result<Self> {
        serde_json::from_str(text).with_context(|| format!("the comparison printed {text:?}"))
    }

    /// Whether it found exactly the differences that were made on purpose.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.different == self.broken && self.wrong == 0
    }
}
