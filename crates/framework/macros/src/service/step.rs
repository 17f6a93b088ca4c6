//! The steps of sagas: `impl Step`, `impl Compensate`.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{Error, Path, Result, Signature};

use crate::service::emit::StepType;
use crate::service::kind::Kind;
use crate::service::method::{Method, Methods};
use crate::service::signature::{Handled, Triggers, joined, last, of_items, returned, written};

const DOES: &str = "a step returns `Does<EVENT>` and ends with `done(EVENT { .. })`; one that may refuse returns \
    `Does<EVENT, REFUSAL>`, two events, and may end with `refused(REFUSAL { .. })`. A technical failure is no REFUSAL: \
    `?` passes it on";
const DOES_ALL: &str = "a step that takes its messages together returns what it does with each, in their order: \
    `DoesAll<EVENT>`, made with `Ok(vec![Ok(EVENT { .. })])`, or `DoesAll<EVENT, REFUSAL>`, with \
    `Err(REFUSAL { .. })` in it";
const UNDOES: &str = "a compensation cannot refuse: it returns `Undoes<EVENT>` and ends with \
    `compensated(EVENT { .. })`, or `Undoes` and ends with `compensated_silently()`. A failure goes on \
    with `?`, and it is tried again";
const UNDOES_ALL: &str = "a compensation that takes its messages together returns one answer for each, in their order: \
    `UndoesAll<EVENT>`, made with `Ok(vec![Compensated::With(EVENT { .. })])`, or `UndoesAll`, with \
    `Compensated::Silently`";

/// A step's type with its traits, and the expression of its value.
pub(crate) struct Emitted {
    pub(crate) items: TokenStream,
    pub(crate) value: TokenStream,
}

/// Emits a step that its events trigger.
pub(crate) fn step(method: &Method, methods: &Methods) -> Result<Emitted> {
    let (signature, words, kind) = (method.signature(), &method.words, method.kind);
    let of = kind.vocabulary().of;
    let handled = Handled::read(signature, of)?;
    let triggers = Triggers::read(signature, &handled, of)?;
    let (alias, text) = if triggers.together { ("DoesAll", DOES_ALL) } else { ("Does", DOES) };
    let outcome = returned(signature, alias, text)?;
    let (done, refused) = match outcome[..] {
        [done] => (done, None),
        [done, refused] => (done, Some(refused)),
        _ => return Err(Error::new_spanned(&signature.output, text)),
    };
    if matches!(kind, Kind::Retriable | Kind::Decides)
        && let Some(refused) = refused
        && last(refused).is_none_or(|never| never.ident != "Never")
    {
        let text = format!(
            "{of} cannot refuse, since what came before it is not undone: it returns `Does<EVENT>`, or it is \
             `compensatable` and comes before the decision"
        );
        return Err(Error::new_spanned(refused, text));
    }
    let undo = match (&words.undo, kind.is_undone()) {
        (Some(name), true) => Some((methods.named(name)?, name)),
        (None, true) => {
            let event = written(done);
            let undo = if triggers.together {
                format!("tx: &mut BulkTx<'_>, done: Vec<Item<{event}>>) -> UndoesAll<EVENT>")
            } else {
                format!("tx: &mut Tx<'_>, done: {event}) -> Undoes<EVENT>")
            };
            let text = format!(
                "{of} needs `undo = METHOD`, the method that undoes it: `async fn METHOD({undo}`; a step after which \
                 nothing can be refused is never undone: it is `#[retriable]`"
            );
            return Err(Error::new_spanned(&signature.ident, text));
        }
        (_, false) => None,
    };
    let calls: Vec<&Signature> =
        [Some(signature), undo.map(|(undo, _)| undo)].into_iter().flatten().collect();
    let step = StepType::new(method, methods, &calls);
    let (declared, value, name) = (step.declared(method), step.value(), &step.name);
    let text = method.name();
    let on = joined(&triggers.events);
    let refused = refused.map_or_else(|| quote!(::ballet::Never), |refused| quote!(#refused));
    let retry = retry(words.retry.as_ref());
    let key = key(method, &triggers)?;
    if let (Some(rows), [_, _, ..]) = (&words.touches, &triggers.events[..]) {
        let text = "delete `touches`: the rows are named from one event, before the step runs, and a step that joins \
             events needs all of them to know its rows";
        return Err(Error::new_spanned(rows, text));
    }
    let touches = touches(words.touches.as_ref(), methods, &format_ident!("touches"), &on);
    let run = run(&step, signature, &triggers, &on);
    let undone = undo
        .map(|(undo, named)| compensate(&step, (undo, named), triggers.together, method, methods))
        .transpose()?;
    let items = quote! {
        #declared

        impl ::ballet::Step for #name {
            const NAME: &'static str = #text;
            type On = #on;
            type Done = #done;
            type Refused = #refused;
            #retry
            #key
            #touches
            #run
        }

        #undone
    };
    Ok(Emitted { items, value })
}

fn run(
    step: &StepType<'_>,
    signature: &Signature,
    triggers: &Triggers<'_>,
    on: &TokenStream,
) -> TokenStream {
    let call = step.call(signature, &signature.ident);
    if triggers.together {
        return quote! {
            const TOGETHER: bool = true;

            async fn run_all(
                &self,
                tx: &mut ::ballet::bulk::BulkTx<'_>,
                events: ::std::vec::Vec<::ballet::bulk::Item<#on>>,
            ) -> ::ballet::bulk::BulkResult<Self> {
                #call(tx, events).await
            }
        };
    }
    let (names, pattern) = triggers.names();
    quote! {
        async fn run(&self, tx: &mut ::ballet::Tx<'_>, #pattern: #on) -> ::ballet::StepResult<Self> {
            #call(tx, #(#names),*).await
        }
    }
}

fn compensate(
    step: &StepType<'_>,
    (undo, named): (&Signature, &Ident),
    together: bool,
    method: &Method,
    methods: &Methods,
) -> Result<TokenStream> {
    let handled = Handled::read(undo, "a compensation")?;
    let [done] = handled.events[..] else {
        let text = "a compensation takes the event that its step published, behind its transaction";
        return Err(Error::new_spanned(&undo.ident, text));
    };
    let items = of_items(done);
    if items.is_some() != together || handled.is_bulk != together {
        let text =
            "a step and its compensation both take their messages together, or none of them does";
        return Err(Error::new_spanned(done, text));
    }
    let (alias, text) = if together { ("UndoesAll", UNDOES_ALL) } else { ("Undoes", UNDOES) };
    let event = match returned(undo, alias, text)?[..] {
        [] => quote!(::ballet::Never),
        [event] => quote!(#event),
        _ => return Err(Error::new_spanned(&undo.output, text)),
    };
    let (name, call) = (&step.name, step.call(undo, named));
    let of = items.unwrap_or(done);
    let touches = touches(
        method.words.undo_touches.as_ref(),
        methods,
        &format_ident!("compensate_touches"),
        &quote!(#of),
    );
    let handler = if together {
        quote! {
            async fn compensate_all(
                &self,
                tx: &mut ::ballet::bulk::BulkTx<'_>,
                done: #done,
            ) -> ::ballet::bulk::BulkCompensateResult<Self> {
                #call(tx, done).await
            }
        }
    } else {
        // The type is the method's own, so that another event is reported at the method.
        quote! {
            async fn compensate(
                &self,
                tx: &mut ::ballet::Tx<'_>,
                done: #done,
            ) -> ::ballet::CompensateResult<Self> {
                #call(tx, done).await
            }
        }
    };
    Ok(quote! {
        impl ::ballet::Compensate for #name {
            type Compensated = #event;
            #touches
            #handler
        }
    })
}

/// `const RETRY`.
pub(crate) fn retry(given: Option<&syn::Expr>) -> Option<TokenStream> {
    given.map(|retry| quote!(const RETRY: ::ballet::Retry = #retry;))
}

/// `fn key`.
fn key(method: &Method, triggers: &Triggers<'_>) -> Result<Option<TokenStream>> {
    let Some(key) = &method.words.key else {
        if method.kind == Kind::Repeating {
            let text = "a repeating step needs `key = |event| event.FIELD.to_string()`, the text by which its \
                 repetitions in one saga differ";
            return Err(Error::new_spanned(&method.signature().ident, text));
        }
        return Ok(None);
    };
    let [event] = triggers.events[..] else {
        let text = "delete `key`: it tells the repetitions of a step apart, and a step that joins events runs once \
             in a saga";
        return Err(Error::new_spanned(key, text));
    };
    Ok(Some(quote! {
        fn key(event: &#event) -> ::core::option::Option<::std::string::String> {
            let key_of: fn(&#event) -> _ = #key;
            ::core::convert::Into::into(key_of(event))
        }
    }))
}

/// `fn touches`, and that of a compensation.
fn touches(
    given: Option<&Path>,
    methods: &Methods,
    name: &Ident,
    of: &TokenStream,
) -> Option<TokenStream> {
    let rows = methods.function(given?);
    // The rows that a step touches follow from references to its triggers, those of a compensation from its events.
    let item = if name == "touches" { quote!(&#of) } else { quote!(#of) };
    Some(quote! {
        async fn #name(
            db: &mut ::ballet::private::PgConnection,
            events: &[::ballet::bulk::Item<#item>],
        ) -> ::core::result::Result<::ballet::Rows, ::ballet::Failure> {
            #rows(db, events).await
        }
    })
}
