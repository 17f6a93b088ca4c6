//! The steps that stay open until a look says that they are over: `impl Watch`.

use quote::quote;
use syn::{Error, Result};

use crate::service::emit::StepType;
use crate::service::method::{Method, Methods};
use crate::service::signature::{Handled, Triggers, joined, returned};
use crate::service::step::{Emitted, retry};

/// Emits a watch.
pub(crate) fn watch(method: &Method, methods: &Methods) -> Result<Emitted> {
    let signature = method.signature();
    let handled = Handled::read(signature, "a watch")?;
    let triggers = Triggers::read(signature, &handled, "a watch")?;
    let Some(look) = &method.words.look else {
        let text = "a watch needs `look = METHOD`, the method that says whether it is over: `async fn METHOD(tx: &mut \
             Tx<'_>) -> Result<Look<EVENT>, Failure>`, with `Ok(Look::Open(TIME))`, the `SignedDuration` until the next \
             look, or `Ok(Look::Over(EVENT { .. }))`. It asks the rows of the saga `tx.saga_id()`";
        return Err(Error::new_spanned(&signature.ident, text));
    };
    let (named, look) = (look, methods.named(look)?);
    Handled::read(look, "a look")?;
    let text = "a look returns whether the watch is over: `Result<Look<EVENT>, Failure>`";
    let [over] = returned(look, "Look", text)?[..] else {
        return Err(Error::new_spanned(&look.output, text));
    };
    let step = StepType::new(method, methods, &[signature, look]);
    let (declared, value, name) = (step.declared(method), step.value(), &step.name);
    let (begin, looks) = (step.call(signature, &signature.ident), step.call(look, named));
    let (text, on) = (method.name(), joined(&triggers.events));
    let retry = retry(method.words.retry.as_ref());
    let (names, pattern) = triggers.names();
    let items = quote! {
        #declared

        impl ::ballet::Watch for #name {
            const NAME: &'static str = #text;
            type On = #on;
            type Done = #over;
            #retry

            async fn begin(
                &self,
                tx: &mut ::ballet::Tx<'_>,
                #pattern: #on,
            ) -> ::core::result::Result<(), ::ballet::Failure> {
                #begin(tx, #(#names),*).await
            }

            async fn look(
                &self,
                tx: &mut ::ballet::Tx<'_>,
            ) -> ::core::result::Result<::ballet::Look<#over>, ::ballet::Failure> {
                #looks(tx).await
            }
        }
    };
    Ok(Emitted { items, value })
}
