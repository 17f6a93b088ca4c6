//! What the signature of a method says: its events, and what may come of it.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, format_ident, quote};
use syn::spanned::Spanned as _;
use syn::{
    Error, FnArg, GenericArgument, PathArguments, PathSegment, Receiver, ReceiverKind, Result,
    ReturnType, Signature, Type,
};

/// The parameters of a method that handles something.
pub(crate) struct Handled<'a> {
    /// What follows the transaction.
    pub(crate) events: Vec<&'a Type>,
    /// Whether the transaction is that of many messages.
    pub(crate) is_bulk: bool,
}

impl<'a> Handled<'a> {
    /// Reads a signature.
    ///
    /// # Errors
    ///
    /// A method that is not async, takes `self` otherwise, or does not begin with its transaction. `of` says what it is.
    pub(crate) fn read(signature: &'a Signature, of: &str) -> Result<Self> {
        if signature.asyncness.is_none() {
            let text = format!("{of} is async, since it waits for the database: `async fn`");
            return Err(Error::new(signature.fn_token.span(), text));
        }
        if !signature.generics.params.is_empty() {
            let text = format!("{of} has no parameters of types: it is one step of one service");
            return Err(Error::new_spanned(&signature.generics.params, text));
        }
        has_self(signature)?;
        let mut types = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(&*typed.ty),
            FnArg::Receiver(_) => None,
        });
        let text = format!("{of} takes its transaction first: `tx: &mut Tx<'_>`");
        let Some(first) = types.next() else {
            return Err(Error::new(signature.paren_token.span.join(), text));
        };
        let name = transaction(first).ok_or_else(|| Error::new_spanned(first, text))?;
        Ok(Self { events: types.collect(), is_bulk: name == "BulkTx" })
    }
}

/// The triggers of a step.
pub(crate) struct Triggers<'a> {
    pub(crate) events: Vec<&'a Type>,
    /// Whether it takes its messages together.
    pub(crate) together: bool,
}

impl<'a> Triggers<'a> {
    /// Reads what follows the transaction.
    ///
    /// # Errors
    ///
    /// Nothing triggers it, or messages come together in another form. `of` says what it is.
    pub(crate) fn read(signature: &'a Signature, handled: &Handled<'a>, of: &str) -> Result<Self> {
        let items = handled.events.iter().find_map(|event| of_items(event));
        match (items, &handled.events[..]) {
            (_, []) => Err(Error::new_spanned(
                &signature.inputs,
                format!("{of} takes the event that triggers it, behind its transaction"),
            )),
            (Some(event), [_]) if handled.is_bulk => {
                Ok(Self { events: vec![event], together: true })
            }
            (Some(_), [_]) => Err(Error::new_spanned(
                &signature.inputs,
                format!(
                    "{of} that takes its messages together has one transaction for all: `tx: &mut BulkTx<'_>`"
                ),
            )),
            (Some(_), several) => Err(Error::new_spanned(
                several[1],
                "events that are joined come one at a time: `Vec<Item<E>>` is one event of many sagas",
            )),
            (None, [one]) if handled.is_bulk => Err(Error::new_spanned(
                one,
                "messages that come together are `Vec<Item<EVENT>>`, or the transaction is `tx: &mut Tx<'_>`",
            )),
            (None, events) if handled.is_bulk || events.len() > 4 => {
                Err(Error::new_spanned(events[events.len() - 1], "a step joins two to four events"))
            }
            (None, events) => Ok(Self { events: events.to_vec(), together: false }),
        }
    }

    /// The names of the events, and the pattern that takes them apart.
    pub(crate) fn names(&self) -> (Vec<Ident>, TokenStream) {
        if self.events.len() == 1 {
            let event = format_ident!("event");
            return (vec![event.clone()], quote!(#event));
        }
        let of_each = ["first", "second", "third", "fourth"].into_iter().take(self.events.len());
        let names: Vec<Ident> = of_each.map(|name| format_ident!("{name}")).collect();
        let pattern = quote!((#(#names),*));
        (names, pattern)
    }
}

/// Whether a method takes `&self`.
///
/// # Errors
///
/// It takes `self` otherwise.
pub(crate) fn has_self(signature: &Signature) -> Result<bool> {
    match signature.inputs.first() {
        Some(FnArg::Receiver(receiver)) if !is_shared(receiver) => Err(Error::new_spanned(
            receiver,
            "a method of a service takes `&self`, or nothing of it: all steps share one value",
        )),
        Some(FnArg::Receiver(_)) => Ok(true),
        Some(FnArg::Typed(_)) | None => Ok(false),
    }
}

const fn is_shared(receiver: &Receiver) -> bool {
    matches!(receiver.kind, ReceiverKind::Reference(_, _, None))
}

/// The last name of the type of a transaction: `Tx` or `BulkTx`.
fn transaction(given: &Type) -> Option<String> {
    let Type::Reference(reference) = given else { return None };
    reference.mutability?;
    let name = last(&reference.elem)?.ident.to_string();
    ["Tx", "BulkTx"].contains(&&*name).then_some(name)
}

/// The last segment of a type's path.
pub(crate) fn last(of: &Type) -> Option<&PathSegment> {
    match of {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// The types in the brackets of a path's segment.
fn arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(argument) => Some(argument),
        _ => None,
    });
    types.collect()
}

/// The `E` of `Vec<Item<E>>`.
pub(crate) fn of_items(of: &Type) -> Option<&Type> {
    let list = last(of).filter(|list| list.ident == "Vec")?;
    let item = arguments(list).into_iter().next()?;
    let item = last(item).filter(|item| item.ident == "Item")?;
    arguments(item).into_iter().next()
}

/// The `E` of `&[Reading<E>]`.
pub(crate) fn of_readings(of: &Type) -> Option<&Type> {
    let Type::Reference(reference) = of else { return None };
    let Type::Slice(slice) = &*reference.elem else { return None };
    let reading = last(&slice.elem).filter(|reading| reading.ident == "Reading")?;
    arguments(reading).into_iter().next()
}

/// The arguments of the type `name` that a method returns, anywhere in its return type.
///
/// # Errors
///
/// It returns something else; `text` says what it ought to.
pub(crate) fn returned<'a>(
    signature: &'a Signature,
    name: &str,
    text: &str,
) -> Result<Vec<&'a Type>> {
    let ReturnType::Type(_, given) = &signature.output else {
        return Err(Error::new(signature.ident.span(), text));
    };
    find(given, name).ok_or_else(|| Error::new_spanned(given, text))
}

fn find<'a>(of: &'a Type, name: &str) -> Option<Vec<&'a Type>> {
    let segment = last(of)?;
    let arguments = arguments(segment);
    if segment.ident == name {
        return Some(arguments);
    }
    arguments.into_iter().find_map(|argument| find(argument, name))
}

/// A type as it is written.
pub(crate) fn written(of: &Type) -> String {
    of.to_token_stream().to_string().replace(' ', "")
}

/// One event, or a tuple of several.
pub(crate) fn joined(events: &[&Type]) -> TokenStream {
    match events {
        [one] => quote!(#one),
        several => quote!((#(#several),*)),
    }
}
