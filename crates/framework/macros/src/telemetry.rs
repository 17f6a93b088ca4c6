//! `#[telemetry]`.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Item, LitInt};

use crate::crates::Crates;
use crate::derives::{attributes, parts};
use crate::keys::FieldPath;
use crate::words::{Mistakes, Vocabulary, once, stand_in, value};

const VOCABULARY: Vocabulary = Vocabulary {
    of: "telemetry",
    first: "`#[telemetry(\"location.position.v1\", key = vehicle)]`",
    words: &["key", "partitions", "kept_days", "kept_bytes"],
};

pub(crate) fn expand(words: TokenStream, item: &Item, crates: &Crates) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let mut key = None;
    let mut limits: BTreeMap<String, Option<TokenStream>> = BTreeMap::new();
    let name =
        VOCABULARY.read_named(words, &mut mistakes, |word, input| match &*word.to_string() {
            "key" => once(&mut key, word, value::<FieldPath>(word, input)?),
            _ => {
                let number: LitInt = value(word, input)?;
                once(limits.entry(word.to_string()).or_default(), word, quote!(.#word(#number)))
            }
        });
    let Some((ident, own)) = parts(item, "telemetry", &mut mistakes) else {
        let mistakes = mistakes.tokens();
        return quote!(#item #mistakes);
    };
    let core = &crates.core;
    let attributes = attributes(own, crates);
    let name = name.unwrap_or_else(|| stand_in("unnamed.telemetry.v1"));
    let key = if let Some(key) = key {
        let place = key.of(&quote!(self));
        quote!(&#place)
    } else {
        let text = "telemetry has a key: `key = FIELD`, the thing that is measured, so that its \
                    measurements keep their order";
        mistakes.at(ident, text);
        quote!("")
    };
    let limits = limits.values();
    let constant = quote_spanned!(name.span()=> #core::TelemetryType::new(#name));
    let mistakes = mistakes.tokens();
    quote! {
        #attributes
        #item

        impl #core::Telemetry for #ident {
            const TYPE: #core::TelemetryType = #constant #(#limits)*;

            fn key(&self) -> impl ::core::convert::AsRef<[u8]> {
                #key
            }
        }

        #mistakes
    }
}
