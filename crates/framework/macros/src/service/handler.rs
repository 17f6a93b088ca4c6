//! The handlers beside steps: the owner, projections, readers of telemetry.

use quote::quote;
use syn::{Error, Result, Signature};

use crate::service::emit::StepType;
use crate::service::method::{Method, Methods};
use crate::service::signature::{Handled, of_readings};
use crate::service::step::{Emitted, retry};

/// Emits the owner of a saga: the method that writes the abort to the owner's rows.
pub(crate) fn owner(method: &Method, methods: &Methods) -> Result<Emitted> {
    let signature = method.signature();
    let handled = Handled::read(signature, "the owner")?;
    let (Some(saga), [event]) = (&method.words.saga, &handled.events[..]) else {
        let text =
            "the owner takes the abort event, behind its transaction: `event: &OrderCancelled`";
        return Err(Error::new_spanned(&signature.ident, text));
    };
    let step = StepType::new(method, methods, &[signature]);
    let (declared, value, name) = (step.declared(method), step.value(), &step.name);
    let abort = step.call(signature, &signature.ident);
    let items = quote! {
        #declared

        impl ::ballet::Owner for #name {
            type Saga = #saga;

            async fn abort(
                &self,
                tx: &mut ::ballet::Tx<'_>,
                abort_event: #event,
            ) -> ::core::result::Result<(), ::ballet::Failure> {
                #abort(tx, abort_event).await
            }
        }
    };
    Ok(Emitted { items, value })
}

/// Emits a projection.
pub(crate) fn projection(method: &Method, methods: &Methods) -> Result<Emitted> {
    let signature = method.signature();
    let handled = Handled::read(signature, "a projection")?;
    let [event] = handled.events[..] else {
        let text = "a projection takes one event, behind its transaction";
        return Err(Error::new_spanned(&signature.ident, text));
    };
    let step = StepType::new(method, methods, &[signature]);
    let (declared, value, name) = (step.declared(method), step.value(), &step.name);
    let (text, apply) = (method.name(), step.call(signature, &signature.ident));
    let retry = retry(method.words.retry.as_ref());
    let items = quote! {
        #declared

        impl ::ballet::Projection for #name {
            const NAME: &'static str = #text;
            type On = #event;
            #retry

            async fn apply(
                &self,
                tx: &mut ::ballet::Tx<'_>,
                event: #event,
            ) -> ::core::result::Result<(), ::ballet::Failure> {
                #apply(tx, event).await
            }
        }
    };
    Ok(Emitted { items, value })
}

/// Emits a reader of telemetry.
pub(crate) fn reader(method: &Method, methods: &Methods) -> Result<Emitted> {
    let signature = method.signature();
    let handled = Handled::read(signature, "a reader")?;
    let read = match handled.events[..] {
        [batch] => of_readings(batch),
        _ => None,
    };
    let read = read.ok_or_else(|| {
        let text = "a reader takes a batch, behind its transaction: `batch: &[Reading<Position>]`";
        Error::new_spanned(&signature.inputs, text)
    })?;
    let Some(reset) = &method.words.reset else {
        let text = "a reader needs `reset = METHOD`, the method that deletes what it wrote, when it begins again: \
                    `async fn METHOD(tx: &mut Tx<'_>) -> Result<(), Failure>`";
        return Err(Error::new_spanned(&signature.ident, text));
    };
    let (named, reset): (_, &Signature) = (reset, methods.named(reset)?);
    Handled::read(reset, "a reset")?;
    let step = StepType::new(method, methods, &[signature, reset]);
    let (declared, value, name) = (step.declared(method), step.value(), &step.name);
    let (text, reads, resets) =
        (method.name(), step.call(signature, &signature.ident), step.call(reset, named));
    let items = quote! {
        #declared

        impl ::ballet::TelemetryReader for #name {
            const NAME: &'static str = #text;
            type Reads = #read;

            async fn read(
                &self,
                tx: &mut ::ballet::Tx<'_>,
                batch: &[::ballet::Reading<#read>],
            ) -> ::core::result::Result<(), ::ballet::Failure> {
                #reads(tx, batch).await
            }

            async fn reset(
                &self,
                tx: &mut ::ballet::Tx<'_>,
            ) -> ::core::result::Result<(), ::ballet::Failure> {
                #resets(tx).await
            }
        }
    };
    Ok(Emitted { items, value })
}
