//! Paths in unparsed tokens: the arguments of a macro, or its expansion.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::declare::without_raw_prefix;
use crate::house::tree::CodePath;

/// A path in tokens. With a `!` after it, it names a macro.
pub(super) struct TokenPath {
    pub(super) path: CodePath,
    pub(super) is_macro: bool,
}

/// The paths in the tokens, in order. `.name`, `'name` and `$name` are no paths, `$crate` is one.
pub(super) fn paths(tokens: &TokenStream) -> Vec<TokenPath> {
    let mut found = Vec::new();
    scan(tokens.clone(), &[], &mut found);
    found
}

fn scan(tokens: TokenStream, before: &[String], found: &mut Vec<TokenPath>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(first) if begins_a_path(&tokens[..at], &first.to_string()) => {
                let line = first.span().start().line;
                let mut segments = before.to_vec();
                segments.push(without_raw_prefix(first));
                let mut ends_in_group = false;
                at += 1;
                while colons(&tokens, at) {
                    at += 2;
                    match tokens.get(at) {
                        Some(TokenTree::Ident(next)) => segments.push(without_raw_prefix(next)),
                        // The names of a `use`.
                        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                            scan(group.stream(), &segments, found);
                            ends_in_group = true;
                        }
                        _ => break,
                    }
                    at += 1;
                }
                if segments.len() > 1 {
                    segments.pop_if(|last| last == "self");
                }
                let is_macro = is(tokens.get(at), '!') && !is(tokens.get(at + 1), '=');
                if !ends_in_group {
                    found.push(TokenPath { path: CodePath { segments, line }, is_macro });
                }
            }
            // `pub(in crate::place)` is no use of that module.
            TokenTree::Group(_) if at > 0 && is_pub(&tokens[at - 1]) => at += 1,
            TokenTree::Group(group) => {
                scan(group.stream(), &[], found);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// Attributes of serde and others name functions in quotes: `with = "crate::text"`.
pub(super) fn quoted(tokens: &TokenStream) -> Vec<TokenPath> {
    let literals = tokens.clone().into_iter().filter_map(|token| match token {
        TokenTree::Literal(literal) => Some(literal),
        _ => None,
    });
    literals.filter_map(|one| unquoted(&one.to_string(), one.span().start().line)).collect()
}

fn unquoted(literal: &str, line: usize) -> Option<TokenPath> {
    let text = literal.strip_prefix('"')?.strip_suffix('"')?;
    let segments: Vec<String> = text.split("::").map(str::to_owned).collect();
    let is_name =
        |text: &String| !text.is_empty() && text.chars().all(|c| c == '_' || c.is_alphanumeric());
    let is_path = segments.len() > 1 && segments.iter().all(is_name);
    is_path.then_some(TokenPath { path: CodePath { segments, line }, is_macro: false })
}

fn begins_a_path(before: &[TokenTree], name: &str) -> bool {
    let is_crate = name == "crate";
    match before.last() {
        Some(TokenTree::Punct(last)) => match last.as_char() {
            '\'' => false,
            '.' => before.len() > 1 && is(before.get(before.len() - 2), '.'),
            '$' => is_crate,
            ':' => !colons(before, before.len().saturating_sub(2)),
            _ => true,
        },
        _ => true,
    }
}

fn colons(tokens: &[TokenTree], at: usize) -> bool {
    is(tokens.get(at), ':') && is(tokens.get(at + 1), ':')
}

fn is(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn is_pub(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Ident(name) if name == "pub")
}
