//! `#[entity]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Item, LitStr};

use crate::crates::Crates;
use crate::derives::{attributes, parts};
use crate::keys::FieldPath;
use crate::words::{Mistakes, Vocabulary, list, once, stand_in, value};

const VOCABULARY: Vocabulary = Vocabulary {
    of: "an entity",
    first: "`#[entity(\"product\", republished = \"catalog.products_republished.v1\")]`",
    words: &["republished", "requests", "id", "version"],
};

pub(crate) fn expand(words: TokenStream, item: &Item, crates: &Crates) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let (mut republished, mut requests) = (None, None);
    let (mut id, mut version) = (None, None);
    let name =
        VOCABULARY.read_named(words, &mut mistakes, |word, input| match &*word.to_string() {
            "republished" => once(&mut republished, word, value::<LitStr>(word, input)?),
            "requests" => once(&mut requests, word, list::<LitStr>(word, input)?),
            "id" => once(&mut id, word, value::<FieldPath>(word, input)?),
            _ => once(&mut version, word, value::<FieldPath>(word, input)?),
        });
    let Some((ident, own)) = parts(item, "an entity", &mut mistakes) else {
        let mistakes = mistakes.tokens();
        return quote!(#item #mistakes);
    };
    let core = &crates.core;
    let attributes = attributes(own, crates);
    let name = name.unwrap_or_else(|| stand_in("unnamed"));
    let republished = republished.unwrap_or_else(|| {
        let text = "an entity needs `republished = \"catalog.products_republished.v1\"`, the name that you give to the event \
                    in which its owner, here `catalog`, publishes all of them again; the framework makes the event";
        mistakes.at(ident, text);
        stand_in("unnamed.entities_republished.v1")
    });
    let requests: Vec<LitStr> = requests.unwrap_or_default();
    let versioned = match (id, version) {
        (Some(id), Some(version)) => {
            let state = quote!(state);
            let (id, version) = (id.of(&state), version.of(&state));
            quote! {
                impl ::core::convert::From<#ident> for #core::Versioned<#ident> {
                    fn from(state: #ident) -> Self {
                        Self::of(::std::string::ToString::to_string(&#id), #version, state)
                    }
                }
            }
        }
        (None, None) => TokenStream::new(),
        (Some(_), None) | (None, Some(_)) => {
            let text = "`id` and `version` come together, each with its field: `id = sku, version = version`; the \
                        version is an `i64` that grows with each change";
            mistakes.at(ident, text);
            TokenStream::new()
        }
    };
    let mistakes = mistakes.tokens();
    quote! {
        #attributes
        #item

        impl #core::Entity for #ident {
            const NAME: &'static str = #name;
            const REPUBLISHED: #core::EventType = #core::EventType::plain(#republished);
            const REQUESTS: &'static [#core::EventType] =
                &[#(#core::EventType::plain(#requests)),*];
        }

        #versioned
        #mistakes
    }
}
