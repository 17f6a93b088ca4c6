//! The type of a step, and the ways to its service's methods.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::Signature;

use crate::service::method::{Method, Methods};

/// A step's type: a unit, or the service's value if one of its methods takes `&self`.
pub(crate) struct StepType<'a> {
    pub(crate) name: Ident,
    service: &'a Ident,
    has_value: bool,
}

impl<'a> StepType<'a> {
    /// The type of a method's step, which calls these methods.
    pub(crate) fn new(method: &Method, methods: &'a Methods, calls: &[&Signature]) -> Self {
        let has_value = calls.iter().any(|called| called.receiver().is_some());
        Self { name: method.type_name(), service: &methods.service, has_value }
    }

    /// The type itself. It is as visible as the method.
    pub(crate) fn declared(&self, method: &Method) -> TokenStream {
        let Self { name, service, has_value } = self;
        let (docs, seen) = (method.docs(), &method.item.vis);
        if !has_value {
            return quote! {
                #docs
                #[allow(unreachable_pub, reason = "it is as visible as its method")]
                #[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy)]
                #seen struct #name;
            };
        }
        let text = name.to_string();
        quote! {
            #docs
            #[allow(unreachable_pub, reason = "it is as visible as its method")]
            #[derive(::core::clone::Clone)]
            #seen struct #name(#seen ::std::sync::Arc<#service>);

            impl ::core::fmt::Debug for #name {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.write_str(#text)
                }
            }
        }
    }

    /// A value of the type, in a method of the service.
    pub(crate) fn value(&self) -> TokenStream {
        let name = &self.name;
        if self.has_value { quote!(#name(::std::sync::Arc::clone(self))) } else { quote!(#name) }
    }

    /// A call of a method of the service, in one of the step, by the word that names it: an editor finds it so.
    pub(crate) fn call(&self, called: &Signature, name: &Ident) -> TokenStream {
        let service = self.service;
        if called.receiver().is_some() { quote!(self.0.#name) } else { quote!(#service::#name) }
    }
}
