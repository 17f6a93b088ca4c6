//! Times in attributes: `"15m"`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Error, Expr, ExprLit, Lit, Result};

const EXPECTED: &str = "a time is a number and `s`, `m`, `h` or `d`, such as `\"15m\"`, or an \
    expression of the type `SignedDuration`";

/// The time as an expression.
pub(crate) fn duration(time: &Expr) -> Result<TokenStream> {
    let Expr::Lit(ExprLit { lit, .. }) = time else { return Ok(quote!(#time)) };
    let Lit::Str(text) = lit else { return Err(Error::new_spanned(lit, EXPECTED)) };
    let value = text.value();
    let seconds = value.char_indices().next_back().and_then(|(at, unit)| {
        let each = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        value[..at].parse::<u32>().ok().map(|number| i64::from(number) * each)
    });
    let seconds = seconds.ok_or_else(|| Error::new_spanned(text, EXPECTED))?;
    Ok(quote_spanned!(text.span()=> ::ballet::private::SignedDuration::from_secs(#seconds)))
}
