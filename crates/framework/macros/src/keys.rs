//! The keys of an event: `customer = customer_id`, `product = "lines[].sku"`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, Ident, Lit, LitStr, Member, Result, Token};

use crate::crates::Crates;

/// An entry of `keys`: a name and the field that holds it.
pub(crate) struct Key {
    name: Ident,
    field: KeyField,
    made_here: bool,
}

/// Where the key is: a field, or a path of names as `lines[].sku`.
enum KeyField {
    Field(Ident),
    Path(LitStr),
}

impl Parse for Key {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if !(input.peek(Ident) && input.peek2(Token![=])) {
            return Err(input.error(EXPECTED));
        }
        let name: Ident = input.parse()?;
        input.parse::<Token![=]>()?;
        let (place, made_here) = match input.parse()? {
            Expr::MethodCall(call) if call.method == "made_here" && call.args.is_empty() => {
                (*call.receiver, true)
            }
            place => (place, false),
        };
        let field = match place {
            Expr::Path(path) if path.path.get_ident().is_some() => {
                KeyField::Field(path.path.require_ident()?.clone())
            }
            Expr::Lit(text) => match text.lit {
                Lit::Str(path) => KeyField::Path(path),
                other => return Err(Error::new_spanned(other, EXPECTED)),
            },
            other => return Err(Error::new_spanned(other, EXPECTED)),
        };
        Ok(Self { name, field, made_here })
    }
}

const EXPECTED: &str = "a key is in a field: `order = order_id`, or in each item of a list: \
    `product = \"lines[].sku\"`; one that the service makes with this event ends with `.made_here()`";

impl Key {
    /// The key as an expression of the type `Key`.
    pub(crate) fn expression(&self, crates: &Crates) -> TokenStream {
        let core = &crates.core;
        let Self { name, field, made_here } = self;
        let path = match field {
            KeyField::Field(field) => LitStr::new(&unraw(field), field.span()),
            KeyField::Path(path) => path.clone(),
        };
        let name = LitStr::new(&unraw(name), name.span());
        let made_here = made_here.then(|| quote!(.made_here()));
        quote!(#core::Key::of(#name, #path) #made_here)
    }

    /// The field, if the key names one.
    pub(crate) const fn field(&self) -> Option<&Ident> {
        match &self.field {
            KeyField::Field(field) => Some(field),
            KeyField::Path(_) => None,
        }
    }
}

/// The text of a name, without `r#`.
pub(crate) fn unraw(name: &Ident) -> String {
    let text = name.to_string();
    text.strip_prefix("r#").map(str::to_owned).unwrap_or(text)
}

/// A path of fields of the item itself: `title.title_id`, `0.sku`.
pub(crate) struct FieldPath(Vec<Member>);

impl Parse for FieldPath {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut path = vec![input.parse()?];
        while input.peek(Token![.]) {
            input.parse::<Token![.]>()?;
            path.push(input.parse()?);
        }
        Ok(Self(path))
    }
}

impl FieldPath {
    /// The place in a value.
    pub(crate) fn of(&self, value: &TokenStream) -> TokenStream {
        let path = &self.0;
        quote!(#value #(.#path)*)
    }
}
