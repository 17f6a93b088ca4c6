//! The declaration of a service, from its methods and its words.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::{Error, Expr, Result, Type};

use crate::service::duration::duration;
use crate::service::kind::Kind;
use crate::service::method::{Method, Methods};
use crate::service::signature::{last, written};
use crate::service::words::{Copy, Exception, MethodWords, Origin, ServiceWords, Share};
use crate::words::Mistakes;

/// A declared method, with the expression of what it declares.
pub(crate) struct Declared<'a> {
    pub(crate) method: &'a Method,
    pub(crate) value: TokenStream,
}

/// A service's part in one saga.
struct SagaPart<'a> {
    saga: &'a Type,
    owner: Option<&'a Declared<'a>>,
    steps: TokenStream,
}

/// `Participant::new(..)`, with all parts.
pub(crate) fn participant(
    name: &syn::LitStr,
    words: &ServiceWords,
    methods: &Methods,
    declared: &[Declared<'_>],
    mistakes: &mut Mistakes,
) -> TokenStream {
    let mut all = quote!(::ballet::Participant::new(#name));
    for Copy { entity, feeds } in &words.copies {
        all.extend(quote!(.copies::<#entity>(|copy| copy #(.fed_by::<#feeds>())*)));
    }
    for Share { entity, view } in &words.shares {
        all.extend(quote!(.shares::<#entity>(#view)));
    }
    for declared in declared.iter().filter(|it| !it.method.kind.is_step()) {
        if declared.method.kind != Kind::Owns {
            let (builder, value) = (&declared.method.attribute, &declared.value);
            all.extend(quote!(.#builder(#value)));
        }
    }
    for part in parts(words, methods, declared, mistakes) {
        let (saga, steps) = (part.saga, part.steps);
        all.extend(match part.owner {
            Some(Declared { value, .. }) => quote!(.owns(#value, |saga| saga #steps)),
            None => quote!(.saga::<#saga>(|saga| saga #steps)),
        });
    }
    let (published, telemetry) = (&words.publishes, &words.publishes_telemetry);
    for Exception { rule, of, reason } in &words.exceptions {
        let (rule, of) =
            (rule.to_string(), of.as_ref().map(syn::LitStr::value).unwrap_or_default());
        all.extend(quote!(.excepts(#rule, #of, #reason)));
    }
    all.extend(quote!(#(.publishes::<#published>())* #(.publishes_telemetry::<#telemetry>())*));
    all
}

/// The parts in sagas, in the order in which the methods name them.
fn parts<'a>(
    words: &'a ServiceWords,
    methods: &Methods,
    declared: &'a [Declared<'a>],
    mistakes: &mut Mistakes,
) -> Vec<SagaPart<'a>> {
    let owners: Vec<&Declared<'_>> =
        declared.iter().filter(|it| it.method.kind == Kind::Owns).collect();
    let mut parts: Vec<SagaPart<'_>> = Vec::new();
    for one in declared.iter().filter(|it| it.method.kind == Kind::Owns || it.method.kind.is_step())
    {
        let Some(saga) = mistakes.take(saga_of(one.method, words, &owners)) else { continue };
        // Two paths with the same end are one saga, whose other path is reported below.
        let is_same = |other: &Type| match (last(other), last(saga)) {
            (Some(other), Some(saga)) => other.ident == saga.ident,
            _ => written(other) == written(saga),
        };
        let owner =
            owners.iter().copied().find(|it| it.method.words.saga.as_ref().is_some_and(is_same));
        let at = parts.iter().position(|part| is_same(part.saga)).unwrap_or_else(|| {
            parts.push(SagaPart { saga, owner, steps: TokenStream::new() });
            parts.len() - 1
        });
        let Some(part) = parts.get_mut(at) else { continue };
        let is_owner = one.method.kind == Kind::Owns;
        let (known, given) = (written(part.saga), written(saga));
        if known != given {
            let text = format!(
                "is this the saga `{known}`? A service names a saga by one path, and two sagas by different names"
            );
            mistakes.at(saga, text);
            continue;
        }
        if let Some(first) = owner.filter(|first| is_owner && !std::ptr::eq(*first, one)) {
            let text = format!("`{}` owns `{given}` already: once is enough", first.method.name());
            mistakes.at(&one.method.signature().ident, text);
            continue;
        }
        let added = if is_owner {
            owned(&one.method.words, methods)
        } else {
            step(one, saga, owner.is_some(), methods)
        };
        if let Some(added) = mistakes.take(added) {
            part.steps.extend(added);
        }
    }
    parts
}

/// The saga of a step: the one that it names, or that of the service.
fn saga_of<'a>(
    method: &'a Method,
    words: &'a ServiceWords,
    owners: &[&'a Declared<'_>],
) -> Result<&'a Type> {
    if let Some(saga) = method.words.saga.as_ref() {
        return Ok(saga);
    }
    let owned = match owners {
        [one] => one.method.words.saga.as_ref(),
        _ => None,
    };
    let default = if method.kind.is_of_owner() { owned } else { words.saga.as_ref().or(owned) };
    default.ok_or_else(|| {
        if method.kind.is_of_owner() && owners.is_empty() {
            let saga = words.saga.as_ref().map_or_else(|| "SAGA".to_owned(), written);
            return no_owner(method, &saga);
        }
        let of = method.kind.vocabulary().of;
        let text = if method.kind.is_of_owner() {
            format!("{of} names its saga, since this service owns several: `saga = SAGA`")
        } else {
            format!(
                "{of} belongs to a saga: `saga = SAGA`, here or for all steps in `#[service(...)]`"
            )
        };
        Error::new_spanned(&method.signature().ident, text)
    })
}

/// The mistake that a step of the owner stands in a service that does not own its saga.
fn no_owner(method: &Method, saga: &str) -> Error {
    let attribute = &method.attribute;
    let text = format!(
        "`#[{attribute}]` is for the service that owns the saga, and this `impl` does not: move the method there, or \
         make this the owner with a method for the abort event: `#[owns({saga})] async fn METHOD(tx: &mut Tx<'_>, \
         event: &ABORT) -> Result<(), Failure>`"
    );
    Error::new_spanned(&method.signature().ident, text)
}

/// What the owner of a saga declares besides steps.
fn owned(words: &MethodWords, methods: &Methods) -> Result<TokenStream> {
    let MethodWords { originates, begins, aborts_on, deadline, .. } = words;
    let mut all = TokenStream::new();
    if let Some(version) = begins {
        all.extend(quote!(.begins(#version)));
    }
    for Origin { name, event } in originates {
        let text = crate::keys::unraw(name);
        all.extend(quote!(.originates::<#event>(#text)));
    }
    for abort_event in aborts_on {
        let abort_event = function(abort_event, methods);
        all.extend(quote!(.aborts_on(#abort_event)));
    }
    if let Some(given) = deadline {
        let [time, passed, abort_event] = &given[..] else {
            let text = "a deadline has three parts: `deadline(\"15m\", PASSED, ABORT)`: the time, the function that \
                        makes the event of the deadline, and the one that makes the abort event of that";
            let place = given.first().map(|first| first.to_token_stream()).unwrap_or_default();
            return Err(Error::new_spanned(place, text));
        };
        let time = duration(time)?;
        let (passed, abort_event) = (function(passed, methods), function(abort_event, methods));
        all.extend(quote!(.deadline(#time, #passed, #abort_event)));
    }
    Ok(all)
}

/// A function that a word names.
fn function(given: &Expr, methods: &Methods) -> TokenStream {
    match given {
        Expr::Path(path) => methods.function(&path.path),
        other => quote!(#other),
    }
}

/// The declaration of a step.
fn step(
    declared: &Declared<'_>,
    saga: &Type,
    is_owner: bool,
    methods: &Methods,
) -> Result<TokenStream> {
    let Declared { method, value } = declared;
    if method.kind.is_of_owner() && !is_owner {
        return Err(no_owner(method, &written(saga)));
    }
    if method.kind == Kind::Pivot && is_owner {
        let text = "a pivot cannot be in the service that owns the saga: if this method records the outcome of another \
                    service's pivot, write `#[decides]`; if it is the pivot itself, move it to another service";
        return Err(Error::new_spanned(&method.signature().ident, text));
    }
    let builder = &method.attribute;
    let added = match (&method.words.undone_by, method.kind) {
        (Some(undone_by), _) => {
            let undone_by = function(undone_by, methods);
            quote!(.#builder(#value, #undone_by))
        }
        (None, Kind::Repeating) => {
            let text = "a repeating step says which event undoes one repetition, and its key: \
                        `undone_by = |ended: &OfferEnded| ended.offer_id.to_string()`; if repetitions are \
                        undone only together, when the saga is aborted, it is `#[compensatable(undo = .., key = ..)]`";
            return Err(Error::new_spanned(&method.signature().ident, text));
        }
        (None, _) => quote!(.#builder(#value)),
    };
    Ok(match (&method.words.since, &method.words.until) {
        (None, None) => added,
        (Some(since), None) => quote!(.since(#since, |saga| saga #added)),
        (None, Some(until)) => quote!(.until(#until, |saga| saga #added)),
        (Some(since), Some(until)) => {
            quote!(.since(#since, |saga| saga.until(#until, |saga| saga #added)))
        }
    })
}
