//! Tells which code is compiled only for tests.

use syn::parse::ParseStream;
use syn::{Attribute, ImplItem, Item};

/// Whether an item with these attributes is compiled only for tests.
pub(super) fn only_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && attribute.parse_args_with(holds).is_ok_and(|holds| holds == Some(false)))
    })
}

/// Whether a `cfg` holds without `test`. `None` if that depends on something else.
fn holds(input: ParseStream) -> syn::Result<Option<bool>> {
    let name: syn::Path = input.parse()?;
    if input.peek(syn::token::Paren) {
        let inside;
        syn::parenthesized!(inside in input);
        let list = inside.parse_terminated(holds, syn::Token![,])?;
        let all: Vec<_> = list.into_iter().collect();
        return Ok(if name.is_ident("not") {
            all.first().copied().flatten().map(|holds| !holds)
        } else if name.is_ident("all") {
            every(&all, true)
        } else {
            every(&all, false)
        });
    }
    if input.peek(syn::Token![=]) {
        input.parse::<syn::Token![=]>()?;
        input.parse::<syn::Lit>()?;
    }
    Ok(name.is_ident("test").then_some(false))
}

/// Combines the parts of `all` (`wanted` is true) or `any` (`wanted` is false).
fn every(parts: &[Option<bool>], wanted: bool) -> Option<bool> {
    if parts.contains(&Some(!wanted)) {
        return Some(!wanted);
    }
    parts.iter().all(|part| *part == Some(wanted)).then_some(wanted)
}

pub(super) fn of_item(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

pub(super) fn of_impl_item(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        ImplItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}
