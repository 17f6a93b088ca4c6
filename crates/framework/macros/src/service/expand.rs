//! `#[service]` as a whole.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ItemImpl};

use crate::service::handler::{owner, projection, reader};
use crate::service::kind::Kind;
use crate::service::method::{Method, Methods};
use crate::service::migrations;
use crate::service::participant::{Declared, participant};
use crate::service::step::{Emitted, step};
use crate::service::watch::watch;
use crate::service::words::{ServiceWords, name_self};
use crate::words::{Mistakes, stand_in};

pub(crate) fn expand(attribute: TokenStream, item: &TokenStream) -> TokenStream {
    let Ok(mut block) = syn::parse2::<ItemImpl>(item.clone()) else {
        let text = "a service is an `impl`: write the attribute above `impl Loyalty { .. }`, whose methods are its steps. \
                    It declares the type `Loyalty` too, unless a method takes `&self`";
        let mistake = Error::new_spanned(item, text).to_compile_error();
        return quote!(#item #mistake);
    };
    let mut mistakes = Mistakes::default();
    // `self` in it says that the service has a value, whose fields it uses.
    let uses_self = name_self(attribute.clone());
    let words = ServiceWords::read(attribute, &mut mistakes);
    let methods = match Methods::take(&mut block, item, &mut mistakes) {
        Ok(methods) => methods,
        Err(mistake) => {
            mistakes.add(mistake);
            let mistakes = mistakes.tokens();
            return quote!(#block #mistakes);
        }
    };
    let has_value = uses_self || methods.use_self();
    let mut items = TokenStream::new();
    let mut declared: Vec<Declared<'_>> = Vec::new();
    for method in &methods.declared {
        if let Some(twin) = declared.iter().find(|it| it.method.type_name() == method.type_name()) {
            let text = format!(
                "`{}` and `{}` both make the type `{}`, the method's name without underscores: rename one of them",
                twin.method.name(),
                method.name(),
                method.type_name()
            );
            mistakes.at(&method.signature().ident, text);
        } else if let Some(emitted) = mistakes.take(emitted(method, &methods)) {
            items.extend(emitted.items);
            declared.push(Declared { method, value: emitted.value });
        }
    }
    let name = words.name.clone().unwrap_or_else(|| stand_in("unnamed"));
    let participant = participant(&name, &words, &methods, &declared, &mut mistakes);
    let service = service(&words, &mut mistakes);
    let functions = functions(has_value, &participant, &service);
    let of = &methods.service;
    let unit = (!has_value).then(|| {
        let docs = docs(&mut block, &name.value());
        quote! {
            #(#docs)*
            #[allow(unreachable_pub, reason = "its program uses it")]
            #[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy)]
            pub struct #of;
        }
    });
    let mistakes = mistakes.tokens();
    quote! {
        #unit

        #block

        #items

        #[allow(unreachable_pub, dead_code, reason = "its tests use the participant, its program the service")]
        impl #of {
            #functions
        }

        #mistakes
    }
}

/// The type of a declared method with its traits; nothing for one that returns such a type.
fn emitted(method: &Method, methods: &Methods) -> syn::Result<Emitted> {
    if method.is_constructor() {
        return Ok(Emitted { items: TokenStream::new(), value: method.constructed()? });
    }
    match method.kind {
        Kind::Owns => owner(method, methods),
        Kind::Projects => projection(method, methods),
        Kind::ReadsTelemetry => reader(method, methods),
        Kind::Watches => watch(method, methods),
        Kind::FollowsTelemetry => Err(Error::new_spanned(
            &method.signature().ident,
            "a follower keeps what it reads in memory: this method returns a type with `impl TelemetryFollower`",
        )),
        _ => step(method, methods),
    }
}

/// `Service::new(..)` with what it has besides its participant, which stands for `#participant`.
fn service(words: &ServiceWords, mistakes: &mut Mistakes) -> TokenStream {
    let mut all = TokenStream::new();
    let list = words.migrations.as_ref().map(migrations::list);
    if let Some(list) = list.and_then(|list| mistakes.take(list)) {
        all.extend(quote!(.migrations(const { #list })));
    }
    if let Some(routes) = &words.routes {
        all.extend(quote!(.routes(#routes)));
    }
    all
}

/// `participant` and `service`.
fn functions(has_value: bool, participant: &TokenStream, service: &TokenStream) -> TokenStream {
    let (of_participant, of_service) = (
        quote!(#[doc = "Returns the participant: what the service does in sagas and besides."]),
        quote!(#[doc = "Returns the service: its participant, its tables, its HTTP routes."]),
    );
    if !has_value {
        return quote! {
            #of_participant
            #[must_use]
            pub fn participant() -> ::ballet::Participant {
                #participant
            }

            #of_service
            #[must_use]
            pub fn service() -> ::ballet::Service {
                ::ballet::Service::new(Self::participant()) #service
            }
        };
    }
    quote! {
        #of_participant
        #[must_use]
        pub fn participant(self) -> ::ballet::Participant {
            ::std::sync::Arc::new(self).shared_participant()
        }

        #of_service
        #[must_use]
        pub fn service(self) -> ::ballet::Service {
            ::std::sync::Arc::new(self).shared_service()
        }

        fn shared_participant(self: &::std::sync::Arc<Self>) -> ::ballet::Participant {
            #participant
        }

        fn shared_service(self: ::std::sync::Arc<Self>) -> ::ballet::Service {
            let participant = self.shared_participant();
            ::ballet::Service::new(participant) #service
        }
    }
}

/// Takes the documentation of the `impl` for the type.
fn docs(block: &mut ItemImpl, name: &str) -> Vec<TokenStream> {
    let is_doc = |attribute: &syn::Attribute| attribute.path().is_ident("doc");
    let docs: Vec<_> = block.attrs.iter().filter(|it| is_doc(it)).map(|it| quote!(#it)).collect();
    block.attrs.retain(|attribute| !is_doc(attribute));
    if docs.is_empty() {
        let text = format!("The service `{name}`.");
        return vec![quote!(#[doc = #text])];
    }
    docs
}
