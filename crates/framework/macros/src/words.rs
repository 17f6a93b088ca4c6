//! The words of an attribute: `"name", word, word = value, word(values)`.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::discouraged::Speculative as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Error, LitStr, Result, Token, parenthesized};

/// Collects the mistakes of one use, so that all of them are reported at once.
#[derive(Default)]
pub(crate) struct Mistakes(Option<Error>);

impl Mistakes {
    pub(crate) fn add(&mut self, mistake: Error) {
        match &mut self.0 {
            Some(all) => all.combine(mistake),
            None => self.0 = Some(mistake),
        }
    }

    /// Adds a mistake at these tokens.
    pub(crate) fn at(&mut self, place: impl ToTokens, text: impl std::fmt::Display) {
        self.add(Error::new_spanned(place, text));
    }

    /// The value, or nothing and the mistake is added.
    pub(crate) fn take<T>(&mut self, given: Result<T>) -> Option<T> {
        given.map_err(|mistake| self.add(mistake)).ok()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The errors for the compiler; empty if there are none.
    pub(crate) fn tokens(self) -> TokenStream {
        self.0.map(|all| all.to_compile_error()).unwrap_or_default()
    }
}

/// The words that an attribute, or a list in one, may have.
pub(crate) struct Vocabulary {
    /// For errors: `an event`.
    pub(crate) of: &'static str,
    /// What stands first, as the caller would write it; empty if nothing does.
    pub(crate) first: &'static str,
    pub(crate) words: &'static [&'static str],
}

impl Vocabulary {
    /// Reads the name, and then the words, each with `word`, which parses what follows it.
    pub(crate) fn read_named(
        &self,
        attribute: TokenStream,
        mistakes: &mut Mistakes,
        word: impl FnMut(&Ident, ParseStream<'_>) -> Result<()>,
    ) -> Option<LitStr> {
        let mut name = None;
        let mut word = word;
        let read = |input: ParseStream<'_>| {
            if !input.peek(LitStr) {
                return Err(Error::new(
                    input.span(),
                    format!("{} begins with its name: {}", self.of, self.first),
                ));
            }
            name = Some(input.parse()?);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
            self.read_words(input, &mut word)
        };
        mistakes.take(read.parse2(attribute));
        name
    }

    /// Reads words alone.
    pub(crate) fn read(
        &self,
        attribute: TokenStream,
        mistakes: &mut Mistakes,
        mut word: impl FnMut(&Ident, ParseStream<'_>) -> Result<()>,
    ) {
        let read = |input: ParseStream<'_>| self.read_words(input, &mut word);
        mistakes.take(read.parse2(attribute));
    }

    fn read_words(
        &self,
        input: ParseStream<'_>,
        word: &mut impl FnMut(&Ident, ParseStream<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut mistakes = Mistakes::default();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            if !self.words.contains(&&*name.to_string()) {
                let known = self.words.join("`, `");
                let of = self.of;
                let text =
                    format!("unknown word `{name}`: {of} takes `{known}`{}", elsewhere(&name));
                mistakes.add(Error::new(name.span(), text));
                skip(input);
            } else if let Err(mistake) = word(&name, input) {
                mistakes.add(mistake);
                skip(input);
            } else if !input.is_empty() && !input.peek(Token![,]) {
                mistakes.add(input.error(format!("`{name}` ends here: a comma is wanted")));
                skip(input);
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        mistakes.0.map_or(Ok(()), Err)
    }
}

/// Where a word stands that only steps that are undone have.
fn elsewhere(word: &Ident) -> &'static str {
    match &*word.to_string() {
        "undo" | "undo_touches" => "; a step that is undone is `#[compensatable(undo = METHOD)]`",
        "undone_by" => "; a step of which an event undoes one repetition is `#[repeating(...)]`",
        _ => "",
    }
}

/// Goes on behind a mistake, at the next comma.
fn skip(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let ahead = input.fork();
        if ahead.parse::<TokenTree>().is_ok() {
            input.advance_to(&ahead);
        }
    }
}

/// Parses `= value`.
pub(crate) fn value<T: Parse>(word: &Ident, input: ParseStream<'_>) -> Result<T> {
    if !input.peek(Token![=]) {
        return Err(Error::new(word.span(), format!("`{word}` has a value: `{word} = ...`")));
    }
    input.parse::<Token![=]>()?;
    input.parse()
}

/// Parses `(value, value)`.
pub(crate) fn list<T: Parse>(word: &Ident, input: ParseStream<'_>) -> Result<Vec<T>> {
    if !input.peek(syn::token::Paren) {
        let ahead = input.fork();
        let given = ahead.parse::<Token![=]>().and_then(|_| ahead.parse::<TokenTree>());
        let given = given.map_or_else(|_| "...".to_owned(), |given| given.to_string());
        let text = format!("`{word}` has a list in brackets: `{word}({given})`");
        return Err(Error::new(word.span(), text));
    }
    let inside;
    parenthesized!(inside in input);
    Ok(Punctuated::<T, Token![,]>::parse_terminated(&inside)?.into_iter().collect())
}

/// Sets what may be given once.
pub(crate) fn once<T>(slot: &mut Option<T>, word: &Ident, given: T) -> Result<()> {
    match slot.replace(given) {
        Some(_) => Err(Error::new(word.span(), format!("`{word}` is given twice"))),
        None => Ok(()),
    }
}

/// Adds what may be given many times: each of `word(value, value)`.
pub(crate) fn many<T: Parse>(
    slot: &mut Vec<T>,
    word: &Ident,
    input: ParseStream<'_>,
) -> Result<()> {
    slot.extend(list::<T>(word, input)?);
    Ok(())
}

/// A string in place of a name that could not be read, so that no further error follows from it.
pub(crate) fn stand_in(name: &str) -> LitStr {
    LitStr::new(name, Span::call_site())
}
