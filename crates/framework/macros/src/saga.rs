//! `#[saga]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Item, LitStr, Type};

use crate::crates::Crates;
use crate::derives::parts;
use crate::words::{Mistakes, Vocabulary, once, stand_in, value};

const VOCABULARY: Vocabulary = Vocabulary {
    of: "a saga",
    first: "`#[saga(\"order_fulfillment\", owner = \"orders\", abort = OrderCancelled)]`",
    words: &["owner", "abort"],
};

pub(crate) fn expand(words: TokenStream, item: &Item, crates: &Crates) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let (mut owner, mut abort) = (None, None);
    let name =
        VOCABULARY.read_named(words, &mut mistakes, |word, input| match &*word.to_string() {
            "owner" => once(&mut owner, word, value::<LitStr>(word, input)?),
            _ => once(&mut abort, word, value::<Type>(word, input)?),
        });
    let Some((ident, _)) = parts(item, "a saga", &mut mistakes) else {
        let mistakes = mistakes.tokens();
        return quote!(#item #mistakes);
    };
    let core = &crates.core;
    let name = name.unwrap_or_else(|| stand_in("unnamed"));
    let owner = owner.unwrap_or_else(|| {
        let text =
            "a saga has an owner, the service that decides how it ends: `owner = \"orders\"`";
        mistakes.at(ident, text);
        stand_in("nobody")
    });
    let abort = abort.map_or_else(|| quote!(#core::Never), |abort| quote!(#abort));
    let mistakes = mistakes.tokens();
    quote! {
        #[derive(::core::fmt::Debug)]
        #item

        impl #core::Saga for #ident {
            const NAME: &'static str = #name;
            const OWNER: &'static str = #owner;
            type Abort = #abort;
        }

        #mistakes
    }
}
