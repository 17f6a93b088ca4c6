//! Call steps without their types.

use std::time::Duration;

use ballet_core::{AnyEvent, StepPart, Trigger};
use ballet_store::calls::key::CallKey;

use crate::declare::call_step::{Ask, CallCompensate, CallStep};
use crate::declare::erased::any::{
    AnyCompensated, AnyOutcome, AnyStep, Compensation, Future, no_compensation,
};
use crate::declare::erased::codec::{
    assemble, decode_stored, encode_compensated, encode_json, encode_outcome,
};
use crate::declare::failure::Failure;
use crate::declare::retry::Retry;
use crate::declare::tx::Tx;

/// How a [`CallStep`] is undone.
pub(crate) struct CallCompensation<S> {
    request: Compensation<S>,
    call: for<'a> fn(&'a S, CallKey, &'a str) -> Future<'a, String>,
    look_up: for<'a> fn(&'a S, CallKey, &'a str) -> Future<'a, Option<String>>,
    answered: for<'a> fn(&'a S, Tx<'a>, &'a str, &'a str) -> Future<'a, AnyCompensated>,
}

impl<S: CallCompensate> CallCompensation<S> {
    pub(crate) fn of() -> Self {
        Self {
            request: |step, mut tx, done| {
                Box::pin(async move {
                    let done = decode_stored::<S::Done>(S::NAME, "outcome", done)?;
                    match step.compensate_request(&mut tx, done).await? {
                        Ask::Call(request) => {
                            Ok(AnyCompensated::Call(encode_json(S::NAME, &request)?))
                        }
                        Ask::Known(undone) => encode_compensated(undone),
                    }
                })
            },
            call: |step, key, request| {
                Box::pin(async move {
                    let request = decode_stored(S::NAME, "request", request)?;
                    encode_json(S::NAME, &step.compensate_call(key, &request).await?)
                })
            },
            look_up: |step, key, request| {
                Box::pin(async move {
                    let request = decode_stored(S::NAME, "request", request)?;
                    let known = step.compensate_look_up(key, &request).await?;
                    known.map(|answer| encode_json(S::NAME, &answer)).transpose()
                })
            },
            answered: |step, mut tx, request, answer| {
                Box::pin(async move {
                    let request = decode_stored(S::NAME, "request", request)?;
                    let answer = decode_stored(S::NAME, "answer", answer)?;
                    encode_compensated(step.compensate_answered(&mut tx, request, answer).await?)
                })
            },
        }
    }
}

/// A [`CallStep`], with its compensation if it has one.
pub(crate) struct OutsideStep<S> {
    pub(crate) step: S,
    pub(crate) part: StepPart,
    pub(crate) undo: Option<CallCompensation<S>>,
}

impl<S: CallStep> AnyStep for OutsideStep<S> {
    fn part(&self) -> &StepPart {
        &self.part
    }

    fn part_mut(&mut self) -> &mut StepPart {
        &mut self.part
    }

    fn retry(&self) -> Retry {
        S::RETRY
    }

    fn decode(&self, place: usize, body: &[u8]) -> Result<AnyEvent, serde_json::Error> {
        S::On::decode(place, body)
    }

    fn key(&self, event: &AnyEvent) -> String {
        event.downcast_ref::<S::On>().and_then(S::key).unwrap_or_default()
    }

    fn run<'a>(&'a self, mut tx: Tx<'a>, events: Vec<AnyEvent>) -> Future<'a, AnyOutcome> {
        Box::pin(async move {
            let on = assemble::<S::On>(S::NAME, events)?;
            match self.step.request(&mut tx, on).await? {
                Ask::Call(request) => Ok(AnyOutcome::Call(encode_json(S::NAME, &request)?)),
                Ask::Known(outcome) => encode_outcome(outcome),
            }
        })
    }

    fn compensate<'a>(&'a self, tx: Tx<'a>, done: &'a str) -> Future<'a, AnyCompensated> {
        match &self.undo {
            Some(compensation) => (compensation.request)(&self.step, tx, done),
            None => no_compensation(S::NAME),
        }
    }

    fn call_time(&self) -> Duration {
        S::CALL_TIME
    }

    fn call<'a>(&'a self, undo: bool, key: CallKey, request: &'a str) -> Future<'a, String> {
        match (&self.undo, undo) {
            (Some(compensation), true) => (compensation.call)(&self.step, key, request),
            (None, true) => no_compensation(S::NAME),
            (_, false) => Box::pin(async move {
                let request = decode_stored(S::NAME, "request", request)?;
                encode_json(S::NAME, &self.step.call(key, &request).await?)
            }),
        }
    }

    fn looks_up(&self) -> bool {
        self.step.looks_up()
    }

    fn look_up<'a>(
        &'a self,
        undo: bool,
        key: CallKey,
        request: &'a str,
    ) -> Future<'a, Option<String>> {
        match (&self.undo, undo) {
            (Some(compensation), true) => (compensation.look_up)(&self.step, key, request),
            (None, true) => no_compensation(S::NAME),
            (_, false) => Box::pin(async move {
                let request = decode_stored(S::NAME, "request", request)?;
                let known = self.step.look_up(key, &request).await?;
                known.map(|answer| encode_json(S::NAME, &answer)).transpose()
            }),
        }
    }

    fn not_taken(&self, request: &str, why: &str) -> Result<Option<String>, Failure> {
        let request = decode_stored(S::NAME, "request", request)?;
        let answer = self.step.not_taken(&request, why);
        answer.map(|answer| encode_json(S::NAME, &answer)).transpose()
    }

    fn keys_kept(&self) -> Option<Duration> {
        self.step.keys_kept()
    }

    fn answered<'a>(
        &'a self,
        mut tx: Tx<'a>,
        request: &'a str,
        answer: &'a str,
    ) -> Future<'a, AnyOutcome> {
        Box::pin(async move {
            let request = decode_stored(S::NAME, "request", request)?;
            let answer = decode_stored(S::NAME, "answer", answer)?;
            encode_outcome(self.step.answered(&mut tx, request, answer).await?)
        })
    }

    fn compensate_answered<'a>(
        &'a self,
        tx: Tx<'a>,
        request: &'a str,
        answer: &'a str,
    ) -> Future<'a, AnyCompensated> {
        match &self.undo {
            Some(compensation) => (compensation.answered)(&self.step, tx, request, answer),
            None => no_compensation(S::NAME),
        }
    }
}
