//! The derives of what is sent and stored as JSON, under the paths of this project.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, Item, Path, Token};

use crate::crates::Crates;
use crate::words::Mistakes;

/// The derives, and whether each is of `serde` or `schemars`.
const DERIVES: [&str; 6] =
    ["Debug", "Clone", "PartialEq", "Serialize", "Deserialize", "JsonSchema"];

/// The attributes that a type of JSON has, without the derives that it names itself.
pub(crate) fn attributes(own: &[Attribute], crates: &Crates) -> TokenStream {
    let named = derived(own);
    let is_named = |name: &str| named.iter().any(|known| known == name);
    let core = &crates.core;
    let derives = DERIVES.into_iter().filter(|name| !is_named(name)).map(|name| match name {
        "Debug" => quote!(::core::fmt::Debug),
        "Clone" => quote!(::core::clone::Clone),
        "PartialEq" => quote!(::core::cmp::PartialEq),
        "Serialize" => quote!(#core::private::serde::Serialize),
        "Deserialize" => quote!(#core::private::serde::Deserialize),
        _ => quote!(#core::private::schemars::JsonSchema),
    });
    let mut all = quote!(#[derive(#(#derives),*)]);
    if !names_crate(own, "serde") {
        let path = quote!(#core::private::serde).to_string().replace(' ', "");
        all.extend(quote!(#[serde(crate = #path)]));
    }
    if !names_crate(own, "schemars") {
        let path = quote!(#core::private::schemars).to_string().replace(' ', "");
        all.extend(quote!(#[schemars(crate = #path)]));
    }
    all
}

/// The last words of the derives that an item names.
fn derived(own: &[Attribute]) -> Vec<String> {
    let lists = own.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let paths = lists.filter_map(|attribute| {
        attribute.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated).ok()
    });
    paths
        .flatten()
        .filter_map(|path| path.segments.last().map(|last| last.ident.to_string()))
        .collect()
}

/// Whether an item says itself where `serde` or `schemars` is.
fn names_crate(own: &[Attribute], of: &str) -> bool {
    own.iter()
        .filter(|attribute| attribute.path().is_ident(of))
        .any(|attribute| attribute.to_token_stream().to_string().contains("crate ="))
}

/// The fields of an item, and what they are called as JSON. An enum has none that could be named.
pub(crate) fn fields(item: &Item) -> Option<&syn::Fields> {
    match item {
        Item::Struct(item) => Some(&item.fields),
        _ => None,
    }
}

/// The name, attributes and generics of a struct or an enum.
pub(crate) fn parts<'a>(
    item: &'a Item,
    of: &str,
    mistakes: &mut Mistakes,
) -> Option<(&'a Ident, &'a [Attribute])> {
    let (name, attributes, generics) = match item {
        Item::Struct(item) => (&item.ident, &item.attrs, &item.generics),
        Item::Enum(item) => (&item.ident, &item.attrs, &item.generics),
        other => {
            mistakes.at(other, format!("{of} is a struct or an enum"));
            return None;
        }
    };
    if !generics.params.is_empty() {
        mistakes.at(&generics.params, format!("{of} has no parameters: it is one type of JSON"));
        return None;
    }
    Some((name, attributes))
}

/// `#[value]`: a type that stands in events, entities and telemetry.
pub(crate) fn expand_value(words: TokenStream, item: &Item, crates: &Crates) -> TokenStream {
    let mut mistakes = Mistakes::default();
    if !words.is_empty() {
        mistakes.at(words, "a value has no words: it is `#[value]`");
    }
    let attributes = parts(item, "a value", &mut mistakes)
        .map(|(_, own)| attributes(own, crates))
        .unwrap_or_default();
    let mistakes = mistakes.tokens();
    quote!(#attributes #item #mistakes)
}
