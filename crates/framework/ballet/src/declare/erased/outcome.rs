//! The outcomes of handlers without their types.

use ballet_store::ledger::event::EncodedEvent;
use futures_util::future::BoxFuture;

use crate::declare::handler::failure::Failure;

pub(crate) type Future<'a, T> = BoxFuture<'a, Result<T, Failure>>;

/// The outcome of a step, or the call that it waits for.
#[derive(Debug)]
pub(crate) enum AnyOutcome {
    Done(EncodedEvent),
    Refused(EncodedEvent),
    Call(String),
}

/// The outcome of a compensation, or the call that it waits for.
#[derive(Debug)]
pub(crate) enum AnyCompensated {
    With(EncodedEvent),
    Silently,
    Call(String),
}

/// The failure to compensate a step that has no compensation. The ledger may want one that another
/// version of the service declared.
pub(crate) fn no_compensation(step: &str) -> Failure {
    Failure::permanent(format!("{step} is declared without a compensation"))
}
