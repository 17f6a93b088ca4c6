//! `#[event]`.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Fields, GenericArgument, Item, LitStr, Member, PathArguments, Result, Token, Type};

use crate::crates::Crates;
use crate::derives::{attributes, fields, parts};
use crate::keys::{FieldPath, Key};
use crate::words::{Mistakes, Vocabulary, list, once, stand_in, value};

const VOCABULARY: Vocabulary = Vocabulary {
    of: "an event",
    first: "`#[event(\"orders.order_placed.v1\", in_saga)]`",
    words: &["in_saga", "starts_saga", "also_from", "packs", "keys", "carries", "removes"],
};

/// What an event says of an entity.
enum OfEntity {
    /// The field with its state.
    Carries(Member),
    Removes(Box<Removed>),
}

/// `removes(Product, id = sku, version = version)`.
struct Removed {
    entity: Type,
    id: FieldPath,
    version: FieldPath,
}

impl Parse for Removed {
    fn parse(list: ParseStream<'_>) -> Result<Self> {
        let input;
        syn::parenthesized!(input in list);
        let entity = input.parse()?;
        let part = |wanted: &str| {
            let name = input.parse::<Token![,]>().and_then(|_| input.parse::<Ident>());
            let name = name.ok().filter(|name| name == wanted);
            value(&name.ok_or_else(|| syn::Error::new(input.span(), REMOVES))?, &input)
        };
        let removed = Self { entity, id: part("id")?, version: part("version")? };
        input.parse::<Option<Token![,]>>()?;
        if !input.is_empty() {
            return Err(input.error(REMOVES));
        }
        Ok(removed)
    }
}

const REMOVES: &str = "an event that removes an entity names it, and the fields with its id and its version, an `i64`: \
    `removes(Product, id = sku, version = version)`";

pub(crate) fn expand(words: TokenStream, item: &Item, crates: &Crates) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let (mut role, mut also_from, mut keys) = (None, None, None);
    let (mut of_entity, mut packs) = (None, None);
    let name =
        VOCABULARY.read_named(words, &mut mistakes, |word, input| match &*word.to_string() {
            "also_from" => once(&mut also_from, word, list::<LitStr>(word, input)?),
            "packs" => once(&mut packs, word, ()),
            "keys" => once(&mut keys, word, list::<Key>(word, input)?),
            "carries" => once(&mut of_entity, word, OfEntity::Carries(value(word, input)?)),
            "removes" => once(&mut of_entity, word, OfEntity::Removes(Box::new(input.parse()?))),
            _ => match role.replace(word.clone()) {
                Some(_) => Err(syn::Error::new(
                    word.span(),
                    "keep one: `starts_saga` if each such event begins a saga, `in_saga` if it is published in a saga that \
                     has begun",
                )),
                None => Ok(()),
            },
        });
    let Some((ident, own)) = parts(item, "an event", &mut mistakes) else {
        let mistakes = mistakes.tokens();
        return quote!(#item #mistakes);
    };
    let core = &crates.core;
    let attributes = attributes(own, crates);
    let name = name.unwrap_or_else(|| stand_in("unnamed.event.v1"));
    let role = role.map_or_else(|| quote!(plain), |role| quote!(#role));
    let also_from = also_from.map(|from| quote!(.also_from(&[#(#from),*])));
    let packs = packs.map(|()| quote!(.packs()));
    let fields = fields(item);
    let keys: Vec<Key> = keys.unwrap_or_default();
    let given: Vec<_> = keys.iter().map(|key| key.expression(crates)).collect();
    let constant_keys =
        (!given.is_empty()).then(|| quote!(const KEYS: &'static [#core::Key] = &[#(#given),*];));
    let named: Vec<_> = keys.iter().filter_map(Key::field).collect();
    let named = (mistakes.is_empty() && !named.is_empty()).then(|| {
        quote! {
            /// The fields of the keys: an editor finds them by this.
            const _: fn(&#ident) = |event| { let _ = (#(&event.#named),*); };
        }
    });
    let of_entity =
        of_entity.and_then(|of| mistakes.take(entity_event(ident, &of, fields, crates)));
    let constant = quote_spanned!(name.span()=> #core::EventType::#role(#name));
    let mistakes = mistakes.tokens();
    quote! {
        #attributes
        #item

        impl #core::Event for #ident {
            const TYPE: #core::EventType = #constant #also_from #packs;
            #constant_keys
        }

        #named
        #of_entity
        #mistakes
    }
}

/// `impl EntityEvent`.
fn entity_event(
    ident: &Ident,
    of: &OfEntity,
    fields: Option<&Fields>,
    crates: &Crates,
) -> Result<TokenStream> {
    let core = &crates.core;
    let (entity, version) = match of {
        OfEntity::Carries(member) => {
            let field = fields.and_then(|fields| {
                fields.iter().enumerate().find(|(at, field)| match member {
                    Member::Named(name) => field.ident.as_ref() == Some(name),
                    Member::Unnamed(index) => index.index as usize == *at,
                })
            });
            let Some((_, field)) = field else {
                let text = "the event has no such field: `carries` names the field whose type has `#[entity(..)]`";
                return Err(syn::Error::new_spanned(member, text));
            };
            let entity = of_version(&field.ty).unwrap_or(&field.ty);
            (entity, quote!(::core::convert::Into::into(self.#member)))
        }
        OfEntity::Removes(removed) => {
            let Removed { entity, id, version } = &**removed;
            let this = quote!(self);
            let (id, version) = (id.of(&this), version.of(&this));
            let id = quote!(::std::string::ToString::to_string(&#id));
            (entity, quote!(#core::Versioned::removed(#id, #version)))
        }
    };
    Ok(quote! {
        impl #core::EntityEvent for #ident {
            type Entity = #entity;

            fn into_version(self) -> #core::Versioned<#entity> {
                #version
            }
        }
    })
}

/// The `E` of `Versioned<E>`.
fn of_version(field: &Type) -> Option<&Type> {
    let Type::Path(path) = field else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Versioned")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(entity) => Some(entity),
        _ => None,
    }
}
