//! The methods of a service, and which of them are steps.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Error, ImplItem, ImplItemFn, ItemImpl, Meta, Path, Result, ReturnType, Signature,
    Type,
};

use crate::keys::unraw;
use crate::service::kind::Kind;
use crate::service::signature::{Handled, has_self, returned};
use crate::service::words::{MethodWords, name_self};
use crate::words::Mistakes;

/// A method that an attribute declares.
pub(crate) struct Method {
    pub(crate) kind: Kind,
    /// The attribute's name, which is that of the builder's method, too.
    pub(crate) attribute: Ident,
    pub(crate) words: MethodWords,
    pub(crate) item: ImplItemFn,
}

/// A service's `impl`: its type, and its methods.
pub(crate) struct Methods {
    pub(crate) service: Ident,
    /// Those that an attribute declares, in their order.
    pub(crate) declared: Vec<Method>,
    /// The signatures of all.
    pub(crate) all: Vec<Signature>,
    /// Whether the words of an attribute name `self`.
    words_name_self: bool,
}

impl Methods {
    /// Takes the attributes of this project off the methods of `block`, which is `written` so.
    ///
    /// # Errors
    ///
    /// It is no `impl` of one type.
    pub(crate) fn take(
        block: &mut ItemImpl,
        written: &TokenStream,
        mistakes: &mut Mistakes,
    ) -> Result<Self> {
        let text =
            "a service is `impl Loyalty { ... }`: the methods of one type, without parameters";
        if let Some((of_trait, _)) = &block.trait_ {
            return Err(Error::new_spanned(of_trait, text));
        }
        let service = match &*block.self_ty {
            Type::Path(path) if block.generics.params.is_empty() => path.path.get_ident().cloned(),
            _ => None,
        };
        let service = service.ok_or_else(|| Error::new_spanned(&block.self_ty, text))?;
        let (mut declared, mut all, mut words_name_self) = (Vec::new(), Vec::new(), false);
        for item in &mut block.items {
            let ImplItem::Fn(method) = item else { continue };
            let attributes = method.attrs.len();
            if let Some((kind, attribute)) = take_kind(&mut method.attrs, mistakes) {
                let name = attribute.path().segments.last().map(|last| last.ident.clone());
                let Some(name) = name else { continue };
                let words = match attribute.meta {
                    Meta::List(list) => list.tokens,
                    Meta::Path(_) => TokenStream::new(),
                    Meta::NameValue(given) => {
                        let text = format!("`{name}` has no value: its words are `#[{name}(...)]`");
                        mistakes.at(given, text);
                        TokenStream::new()
                    }
                };
                words_name_self |= name_self(words.clone());
                let words = MethodWords::read(kind, words, mistakes);
                declared.push(Method { kind, attribute: name, words, item: method.clone() });
            } else if attributes == method.attrs.len()
                && looks_like_step(&method.sig)
                && count(written.clone(), &method.sig.ident) == 1
            {
                mistakes.at(&method.sig.ident, FORGOTTEN);
            }
            all.push(method.sig.clone());
        }
        Ok(Self { service, declared, all, words_name_self })
    }

    /// Whether the service has a value: a method takes `self`, or its words name it.
    pub(crate) fn use_self(&self) -> bool {
        self.words_name_self || self.all.iter().any(|method| method.receiver().is_some())
    }

    /// The method of this name, which another one names.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(crate) fn named(&self, name: &Ident) -> Result<&Signature> {
        self.all.iter().find(|method| method.ident == *name).ok_or_else(|| {
            Error::new(
                name.span(),
                format!("there is no method `{name}` in this `impl`: write it, or name one that is there"),
            )
        })
    }

    /// The path of a function that a word names: a method of the service, or any other one.
    pub(crate) fn function(&self, path: &Path) -> TokenStream {
        let service = &self.service;
        if let Some(name) = path.get_ident()
            && self.all.iter().any(|method| method.ident == *name)
        {
            return quote!(#service::#name);
        }
        if path.segments.first().is_some_and(|first| first.ident == "Self") {
            let rest = path.segments.iter().skip(1);
            return quote!(#service #(::#rest)*);
        }
        quote!(#path)
    }
}

const FORGOTTEN: &str = "this returns what a step does, but no attribute says which step it is: write `#[retriable]` \
    if it cannot refuse and is never undone, or `#[compensatable(undo = METHOD)]` if an abort of the saga undoes it \
    (rarer: `#[pivot]`, `#[repeating]`; in the saga's owner: `#[starts]`, `#[decides]`). A function that is no step \
    stands outside of this `impl`";

/// Whether it takes a transaction and returns what a step does.
fn looks_like_step(signature: &Signature) -> bool {
    Handled::read(signature, "").is_ok()
        && ["Does", "DoesAll"].iter().any(|alias| returned(signature, alias, "").is_ok())
}

/// How often a name stands in these tokens.
fn count(tokens: TokenStream, name: &Ident) -> usize {
    let of_one = |token| match token {
        TokenTree::Ident(other) => usize::from(other == *name),
        TokenTree::Group(group) => count(group.stream(), name),
        _ => 0,
    };
    tokens.into_iter().map(of_one).sum()
}

/// Takes the attribute that says what a method is.
fn take_kind(
    attributes: &mut Vec<Attribute>,
    mistakes: &mut Mistakes,
) -> Option<(Kind, Attribute)> {
    let mut found: Option<(Kind, Attribute)> = None;
    attributes.retain(|attribute| {
        let path = attribute.path();
        let is_ours = path.segments.len() == 1
            || path.segments.first().is_some_and(|first| first.ident == "ballet");
        let Some(name) = path.segments.last().map(|last| &last.ident).filter(|_| is_ours) else {
            return true;
        };
        let Some(kind) = Kind::named(name) else { return true };
        if let Some((first, _)) = &found {
            let text = format!("a method is one thing, and this one is `{}` already", first.name());
            mistakes.at(path, text);
        } else {
            found = Some((kind, attribute.clone()));
        }
        false
    });
    found
}

impl Method {
    pub(crate) const fn signature(&self) -> &Signature {
        &self.item.sig
    }

    /// Whether it returns a step that is a type with its traits, and is none itself.
    pub(crate) fn is_constructor(&self) -> bool {
        let signature = self.signature();
        let parameters = signature.inputs.len() - usize::from(signature.receiver().is_some());
        signature.asyncness.is_none()
            && parameters == 0
            && !matches!(signature.output, ReturnType::Default)
    }

    /// The method's name: that of the step.
    pub(crate) fn name(&self) -> String {
        unraw(&self.signature().ident)
    }

    /// The name of the step's type.
    pub(crate) fn type_name(&self) -> Ident {
        let capital = |word: &str| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect()
        };
        let words: Vec<String> = self.name().split('_').map(capital).collect();
        format_ident!("{}", words.concat(), span = self.signature().ident.span())
    }

    /// The documentation of the step's type.
    pub(crate) fn docs(&self) -> TokenStream {
        let docs = self.item.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
        let docs: Vec<_> = docs.collect();
        if docs.is_empty() {
            let text = format!("`{}`, as the service's method does it.", self.name());
            return quote!(#[doc = #text]);
        }
        quote!(#(#docs)*)
    }

    /// The expression of a step that is a type with its traits.
    ///
    /// # Errors
    ///
    /// It has words that its traits have instead.
    pub(crate) fn constructed(&self) -> Result<TokenStream> {
        let MethodWords { undo, touches, undo_touches, key, retry, look, reset, .. } = &self.words;
        let names = [undo, look, reset].into_iter().flatten().map(Ident::span);
        let others = touches.iter().chain(undo_touches).map(|path| path.span());
        let others = others.chain(key.iter().chain(retry).map(|given| given.span()));
        if let Some(place) = names.chain(others).next() {
            let text = "the step that this method returns has its traits, which say this";
            return Err(Error::new(place, text));
        }
        let Signature { ident: name, output, .. } = self.signature();
        let has_self = has_self(self.signature())?;
        let value = |place| {
            if has_self {
                quote_spanned!(place=> self.#name())
            } else {
                quote_spanned!(place=> Self::#name())
            }
        };
        let (Kind::Owns, Some(saga), ReturnType::Type(_, owner)) =
            (self.kind, &self.words.saga, output)
        else {
            return Ok(value(Span::call_site()));
        };
        // The owner of another saga is reported where the method names it.
        let place = owner.span();
        let value = value(place);
        Ok(quote_spanned!(place=> ::ballet::private::owner_of::<#saga, _>(#value)))
    }
}
