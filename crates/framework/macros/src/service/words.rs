//! The words of `#[service]`, and those of a method.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, LitInt, LitStr, Path, Result, Token, Type, parenthesized};

use crate::service::kind::Kind;
use crate::words::{Mistakes, Vocabulary, list, many, once, value};

const VOCABULARY: Vocabulary = Vocabulary {
    of: "a service",
    first: "`#[ballet::service(\"loyalty\", migrations = \"migrations\")]`",
    words: &[
        "saga",
        "migrations",
        "routes",
        "publishes",
        "shares",
        "copies",
        "publishes_telemetry",
        "excepts",
    ],
};

/// Whether the value `self` stands in these words; in `self::cancel::overdue` it is a path.
pub(crate) fn name_self(words: TokenStream) -> bool {
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let is_self = match word {
            TokenTree::Ident(name) => {
                let next = words.peek();
                name == "self"
                    && !matches!(next, Some(TokenTree::Punct(next)) if next.as_char() == ':')
            }
            TokenTree::Group(group) => name_self(group.stream()),
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        };
        if is_self {
            return true;
        }
    }
    false
}

/// The words of `#[service]`.
#[derive(Default)]
pub(crate) struct ServiceWords {
    pub(crate) name: Option<LitStr>,
    /// The saga of the steps that name none.
    pub(crate) saga: Option<Type>,
    pub(crate) migrations: Option<Migrations>,
    pub(crate) routes: Option<Expr>,
    pub(crate) publishes: Vec<Type>,
    pub(crate) publishes_telemetry: Vec<Type>,
    pub(crate) shares: Vec<Share>,
    pub(crate) copies: Vec<Copy>,
    pub(crate) exceptions: Vec<Exception>,
}

impl ServiceWords {
    pub(crate) fn read(attribute: TokenStream, mistakes: &mut Mistakes) -> Self {
        let mut read = Self::default();
        let name =
            VOCABULARY.read_named(attribute, mistakes, |word, input| match &*word.to_string() {
                "saga" => once(&mut read.saga, word, value(word, input)?),
                "routes" => once(&mut read.routes, word, value(word, input)?),
                "migrations" => {
                    let migrations = Migrations::read(word, input)?;
                    once(&mut read.migrations, word, migrations)
                }
                "publishes" => many(&mut read.publishes, word, input),
                "publishes_telemetry" => many(&mut read.publishes_telemetry, word, input),
                "shares" => many(&mut read.shares, word, input),
                "excepts" => many(&mut read.exceptions, word, input),
                _ => {
                    read.copies.push(input.parse()?);
                    Ok(())
                }
            });
        read.name = name;
        read
    }
}

/// Where the migrations are.
pub(crate) enum Migrations {
    /// In a folder, and some that have no file there.
    In { folder: LitStr, others: Vec<Other> },
    /// A list.
    Given(Expr),
}

impl Migrations {
    fn read(word: &Ident, input: ParseStream<'_>) -> Result<Self> {
        if input.peek(syn::token::Paren) {
            let inside;
            parenthesized!(inside in input);
            let folder = inside.parse()?;
            inside.parse::<Option<Token![,]>>()?;
            let others = inside.parse_terminated(Other::parse, Token![,])?;
            return Ok(Self::In { folder, others: others.into_iter().collect() });
        }
        if input.peek2(LitStr) {
            return Ok(Self::In { folder: value(word, input)?, others: Vec::new() });
        }
        value(word, input).map(Self::Given)
    }
}

/// `"0002_sandbox" = SQL`.
pub(crate) struct Other {
    pub(crate) name: LitStr,
    pub(crate) sql: Expr,
}

impl Parse for Other {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.parse()?;
        input.parse::<Token![=]>()?;
        Ok(Self { name, sql: input.parse()? })
    }
}

/// `Product = "shared_product"`.
pub(crate) struct Share {
    pub(crate) entity: Type,
    pub(crate) view: Expr,
}

impl Parse for Share {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let entity = input.parse()?;
        input.parse::<Token![=]>()?;
        Ok(Self { entity, view: input.parse()? })
    }
}

/// `B066("order_fulfillment") = "an order that waits longer is worth nothing"`.
pub(crate) struct Exception {
    pub(crate) rule: Ident,
    /// What of the service is excepted; the service as a whole without it.
    pub(crate) of: Option<LitStr>,
    pub(crate) reason: LitStr,
}

impl Parse for Exception {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let rule = input.parse()?;
        let mut of = None;
        if input.peek(syn::token::Paren) {
            let inside;
            parenthesized!(inside in input);
            of = Some(inside.parse()?);
        }
        input.parse::<Token![=]>()?;
        Ok(Self { rule, of, reason: input.parse()? })
    }
}

/// `(Product, fed_by(ProductPublished, ProductWithdrawn))`.
pub(crate) struct Copy {
    pub(crate) entity: Type,
    pub(crate) feeds: Vec<Type>,
}

impl Parse for Copy {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let inside;
        parenthesized!(inside in input);
        let entity = inside.parse()?;
        inside.parse::<Token![,]>()?;
        let word: Ident = inside.parse()?;
        if word != "fed_by" {
            let text = "a copy names its events: `copies(Product, fed_by(ProductPublished))`";
            return Err(Error::new(word.span(), text));
        }
        let feeds = list(&word, &inside)?;
        inside.parse::<Option<Token![,]>>()?;
        Ok(Self { entity, feeds })
    }
}

/// The words of a method.
#[derive(Default)]
pub(crate) struct MethodWords {
    pub(crate) saga: Option<Type>,
    pub(crate) undo: Option<Ident>,
    pub(crate) undone_by: Option<Expr>,
    pub(crate) touches: Option<Path>,
    pub(crate) undo_touches: Option<Path>,
    pub(crate) key: Option<Expr>,
    pub(crate) retry: Option<Expr>,
    pub(crate) since: Option<LitInt>,
    pub(crate) until: Option<LitInt>,
    /// The method that looks whether a watch is over.
    pub(crate) look: Option<Ident>,
    /// The method that deletes what a reader of telemetry wrote.
    pub(crate) reset: Option<Ident>,
    pub(crate) originates: Vec<Origin>,
    pub(crate) begins: Option<LitInt>,
    pub(crate) aborts_on: Vec<Expr>,
    pub(crate) deadline: Option<Vec<Expr>>,
}

/// `place_order = OrderPlaced`.
pub(crate) struct Origin {
    pub(crate) name: Ident,
    pub(crate) event: Type,
}

impl Parse for Origin {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.parse()?;
        input.parse::<Token![=]>()?;
        Ok(Self { name, event: input.parse()? })
    }
}

impl MethodWords {
    /// Reads the words of a method of this kind; those of an owner begin with its saga.
    pub(crate) fn read(kind: Kind, attribute: TokenStream, mistakes: &mut Mistakes) -> Self {
        let mut read = Self::default();
        let mut words = attribute;
        if kind == Kind::Owns {
            let split = |input: ParseStream<'_>| {
                let saga: Type = input.parse().map_err(|_| input.error(OWNS))?;
                input.parse::<Option<Token![,]>>()?;
                Ok((saga, input.parse::<TokenStream>()?))
            };
            let split = syn::parse::Parser::parse2(split, words);
            let Some((saga, rest)) = mistakes.take(split) else { return read };
            (read.saga, words) = (Some(saga), rest);
        }
        kind.vocabulary().read(words, mistakes, |word, input| read.word(word, input));
        read
    }

    fn word(&mut self, word: &Ident, input: ParseStream<'_>) -> Result<()> {
        match &*word.to_string() {
            "saga" => once(&mut self.saga, word, value(word, input)?),
            "undo" => once(&mut self.undo, word, value(word, input)?),
            "undone_by" => once(&mut self.undone_by, word, value(word, input)?),
            "touches" => once(&mut self.touches, word, value(word, input)?),
            "undo_touches" => once(&mut self.undo_touches, word, value(word, input)?),
            "key" => once(&mut self.key, word, value(word, input)?),
            "retry" => once(&mut self.retry, word, value(word, input)?),
            "since" => once(&mut self.since, word, value(word, input)?),
            "until" => once(&mut self.until, word, value(word, input)?),
            "look" => once(&mut self.look, word, value(word, input)?),
            "reset" => once(&mut self.reset, word, value(word, input)?),
            "begins" => once(&mut self.begins, word, value(word, input)?),
            "deadline" => once(&mut self.deadline, word, list(word, input)?),
            "originates" => many(&mut self.originates, word, input),
            _ => many(&mut self.aborts_on, word, input),
        }
    }
}

const OWNS: &str = "the owner names its saga: `#[owns(OrderFulfillment)]`";
