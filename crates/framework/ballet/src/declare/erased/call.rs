//! Call steps without their types. Requests and answers pass as JSON.

use std::sync::Arc;
use std::time::Duration;

use ballet_core::AnyEvent;
use ballet_store::calls::key::CallKey;
use ballet_store::calls::stored::NewCall;

use crate::declare::erased::codec::{
    assemble, decode_stored, encode_compensated, encode_json, encode_outcome, misfit,
};
use crate::declare::erased::outcome::{AnyCompensated, AnyOutcome, Future, no_compensation};
use crate::declare::handler::failure::Failure;
use crate::declare::handler::tx::Tx;
use crate::declare::step::call_step::{Ask, CallCompensate, CallStep, LookUp};
use crate::declare::step::step::StepError;

pub(crate) struct CallHandlers {
    pub(crate) name: &'static str,
    pub(crate) step: Arc<dyn AnyCall>,
    pub(crate) compensation: Option<Arc<dyn AnyCallCompensation>>,
}

impl CallHandlers {
    /// Makes the call of the step or of its compensation.
    pub(crate) async fn call(&self, call: &NewCall) -> Result<String, Failure> {
        if call.undo {
            return self.compensation()?.call(call.key, &call.request).await;
        }
        self.step.call(call.key, &call.request).await
    }

    pub(crate) fn compensation(&self) -> Result<&dyn AnyCallCompensation, Failure> {
        self.compensation.as_deref().ok_or_else(|| no_compensation(self.name))
    }
}

pub(crate) trait AnyCall: Send + Sync {
    fn request<'a>(&'a self, tx: Tx<'a>, events: Vec<AnyEvent>) -> Future<'a, AnyOutcome>;
    fn call<'a>(&'a self, key: CallKey, request: &'a str) -> Future<'a, String>;
    fn look_up<'a>(&'a self, _key: CallKey, _request: &'a str) -> Future<'a, LookUp<String>> {
        Box::pin(async { Ok(LookUp::Unable) })
    }
    fn answered<'a>(
        &'a self,
        tx: Tx<'a>,
        request: &'a str,
        answer: &'a str,
    ) -> Future<'a, AnyOutcome>;
    fn call_time(&self) -> Duration;
    fn keys_kept(&self) -> Option<Duration> {
        None
    }
    /// Returns where and why a text is no answer, for tests.
    fn misfit(&self, answer: &str) -> Option<(String, String)>;
    /// Returns the step as one that looks at its service's rows and calls nobody, if it is one.
    fn watch(&self) -> Option<&dyn AnyWatch> {
        None
    }
}

pub(crate) trait AnyWatch: Send + Sync {
    /// Looks whether it is over: `None`, or the time until the next look.
    fn look<'a>(&'a self, tx: Tx<'a>) -> Future<'a, Option<Duration>>;
}

pub(crate) trait AnyCallCompensation: Send + Sync {
    fn request<'a>(&'a self, tx: Tx<'a>, done: &'a str) -> Future<'a, AnyCompensated>;
    fn call<'a>(&'a self, key: CallKey, request: &'a str) -> Future<'a, String>;
    fn answered<'a>(
        &'a self,
        tx: Tx<'a>,
        request: &'a str,
        answer: &'a str,
    ) -> Future<'a, AnyCompensated>;
    /// Returns where and why a text is no answer, for tests.
    fn misfit(&self, answer: &str) -> Option<(String, String)>;
}

impl<S: CallStep> AnyCall for S {
    fn request<'a>(&'a self, mut tx: Tx<'a>, events: Vec<AnyEvent>) -> Future<'a, AnyOutcome> {
        Box::pin(async move {
            let on = assemble::<S::On>(S::NAME, events)?;
            match StepError::outcome(CallStep::request(self, &mut tx, on).await)? {
                Ok(Ask::Call(request)) => Ok(AnyOutcome::Call(encode_json(S::NAME, &request)?)),
                Ok(Ask::Known(done)) => encode_outcome::<_, S::Refused>(Ok(done)),
                Err(refusal) => encode_outcome::<S::Done, _>(Err(refusal)),
            }
        })
    }

    fn call<'a>(&'a self, key: CallKey, request: &'a str) -> Future<'a, String> {
        Box::pin(async move {
            let request = decode_stored(S::NAME, "request", request)?;
            encode_json(S::NAME, &CallStep::call(self, key, &request).await?)
        })
    }

    fn look_up<'a>(&'a self, key: CallKey, request: &'a str) -> Future<'a, LookUp<String>> {
        Box::pin(async move {
            let request = decode_stored(S::NAME, "request", request)?;
            Ok(match CallStep::look_up(self, key, &request).await? {
                LookUp::Answered(answer) => LookUp::Answered(encode_json(S::NAME, &answer)?),
                LookUp::Nothing => LookUp::Nothing,
                LookUp::Unable => LookUp::Unable,
            })
        })
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
            let outcome = CallStep::answered(self, &mut tx, request, answer).await;
            encode_outcome(StepError::outcome(outcome)?)
        })
    }

    fn misfit(&self, answer: &str) -> Option<(String, String)> {
        misfit::<S::Answer>(answer)
    }

    fn call_time(&self) -> Duration {
        S::CALL_TIME
    }

    fn keys_kept(&self) -> Option<Duration> {
        CallStep::keys_kept(self)
    }
}

impl<S: CallCompensate> AnyCallCompensation for S {
    fn request<'a>(&'a self, mut tx: Tx<'a>, done: &'a str) -> Future<'a, AnyCompensated> {
        Box::pin(async move {
            let done = decode_stored::<S::Done>(S::NAME, "outcome", done)?;
            match self.compensate_request(&mut tx, done).await? {
                Ask::Call(request) => Ok(AnyCompensated::Call(encode_json(S::NAME, &request)?)),
                Ask::Known(compensated) => encode_compensated(compensated),
            }
        })
    }

    fn call<'a>(&'a self, key: CallKey, request: &'a str) -> Future<'a, String> {
        Box::pin(async move {
            let request = decode_stored(S::NAME, "request", request)?;
            encode_json(S::NAME, &self.compensate_call(key, &request).await?)
        })
    }

    fn answered<'a>(
        &'a self,
        mut tx: Tx<'a>,
        request: &'a str,
        answer: &'a str,
    ) -> Future<'a, AnyCompensated> {
        Box::pin(async move {
            let request = decode_stored(S::NAME, "request", request)?;
            let answer = decode_stored(S::NAME, "answer", answer)?;
            encode_compensated(self.compensate_answered(&mut tx, request, answer).await?)
        })
    }

    fn misfit(&self, answer: &str) -> Option<(String, String)> {
        misfit::<S::UndoAnswer>(answer)
    }
}
