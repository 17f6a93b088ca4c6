//! The public items of a crate, sorted, as its sources write them. A change to them is a line in a review.
//!
//! Users can reach every `pub` item of a library: the lint `unreachable_pub` makes sure of that. Items that a macro
//! makes are not listed.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use quote::ToTokens;
use syn::{
    Attribute, Fields, File, ImplItem, Item, ItemImpl, Meta, TraitItem, Type, UseTree, Visibility,
};

use crate::rust_files::rust_files;

/// The crates whose public items are listed.
pub(super) const CRATES: [&str; 2] = ["ballet", "ballet-core"];

/// The file with the public items of a crate.
pub(super) fn path(name: &str) -> String {
    format!("docs/public/{name}.txt")
}

/// The public items of a crate, one a line.
pub(super) fn text(root: &Path, name: &str, command: &str) -> Result<String> {
    let paths = rust_files(&root.join("crates").join(name).join("src"))?;
    let mut files = paths.iter().map(|path| read(path)).collect::<Result<Vec<File>>>()?;
    let mut public = PublicItems::default();
    files.iter().for_each(|file| public.define(&file.items));
    for file in &mut files {
        public.list("", std::mem::take(&mut file.items));
    }
    let head = format!("# The public items of the crate {name}, by `{command}`.\n");
    Ok(public.lines.iter().fold(head, |text, line| text + line + "\n"))
}

fn read(path: &Path) -> Result<File> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    syn::parse_file(&text).with_context(|| format!("cannot parse {}", path.display()))
}

#[derive(Default)]
struct PublicItems {
    /// The names of the public types and traits.
    names: BTreeSet<String>,
    lines: BTreeSet<String>,
}

impl PublicItems {
    /// Adds the names whose implementations are listed.
    fn define(&mut self, items: &[Item]) {
        for item in items {
            let (vis, ident) = match item {
                Item::Enum(item) => (&item.vis, &item.ident),
                Item::Struct(item) => (&item.vis, &item.ident),
                Item::Trait(item) => (&item.vis, &item.ident),
                _ => continue,
            };
            if is_public(vis) {
                self.names.insert(ident.to_string());
            }
        }
    }

    fn add(&mut self, item: &impl ToTokens) {
        self.lines.insert(tidy(&item.to_token_stream().to_string()));
    }

    /// Lists the items of a module. `at` is the path of a module that is written inside its parent.
    fn list(&mut self, at: &str, items: Vec<Item>) {
        for item in items {
            match item {
                Item::Const(item) if shown(&item.vis, &item.attrs) => {
                    self.lines.insert(tidy(&format!(
                        "pub const {}: {}",
                        item.ident,
                        item.ty.to_token_stream()
                    )));
                }
                Item::Enum(mut item) if shown(&item.vis, &item.attrs) => {
                    strip(&mut item.attrs);
                    for variant in &mut item.variants {
                        strip(&mut variant.attrs);
                        variant.fields.iter_mut().for_each(|field| strip(&mut field.attrs));
                    }
                    self.add(&item);
                }
                Item::Fn(item) if shown(&item.vis, &item.attrs) => {
                    let sig = item.sig.to_token_stream();
                    self.lines.insert(tidy(&format!("pub {sig}")));
                }
                Item::Impl(item) => self.implementation(item),
                Item::Macro(item) => {
                    let is_exported = |one: &Attribute| one.path().is_ident("macro_export");
                    if let Some(name) = item.ident.filter(|_| item.attrs.iter().any(is_exported)) {
                        self.lines.insert(format!("pub macro {name}!"));
                    }
                }
                Item::Mod(item) if shown(&item.vis, &item.attrs) => {
                    self.lines.insert(format!("pub mod {at}{}", item.ident));
                    if let Some((_, items)) = item.content {
                        self.list(&format!("{at}{}::", item.ident), items);
                    }
                }
                Item::Struct(mut item) if shown(&item.vis, &item.attrs) => {
                    strip(&mut item.attrs);
                    hide_fields(&mut item.fields);
                    self.add(&item);
                }
                Item::Trait(mut item) if shown(&item.vis, &item.attrs) => {
                    strip(&mut item.attrs);
                    item.items.retain_mut(in_trait);
                    self.add(&item);
                }
                Item::Type(mut item) if shown(&item.vis, &item.attrs) => {
                    strip(&mut item.attrs);
                    self.add(&item);
                }
                Item::Use(item) if shown(&item.vis, &item.attrs) => {
                    let mut names = Vec::new();
                    imported_names(&item.tree, &mut names);
                    let used = names.into_iter().map(|name| format!("pub use {at}{name}"));
                    self.lines.extend(used);
                }
                _ => {}
            }
        }
    }

    /// Lists the public items of an inherent `impl`, or the fact that a trait is implemented.
    fn implementation(&mut self, mut item: ItemImpl) {
        let Type::Path(of) = &*item.self_ty else { return };
        let Some(name) = of.path.segments.last().map(|last| last.ident.to_string()) else { return };
        if is_hidden(&item.attrs) || !self.names.contains(&name) {
            return;
        }
        strip(&mut item.attrs);
        if item.trait_.is_some() {
            item.items.clear();
            return self.add(&item);
        }
        for inner in item.items {
            let line = match inner {
                ImplItem::Fn(inner) if shown(&inner.vis, &inner.attrs) => {
                    inner.sig.to_token_stream().to_string()
                }
                ImplItem::Const(inner) if shown(&inner.vis, &inner.attrs) => {
                    format!("const {}: {}", inner.ident, inner.ty.to_token_stream())
                }
                _ => continue,
            };
            let of = item.self_ty.to_token_stream();
            self.lines.insert(tidy(&format!("impl {of}: pub {line}")));
        }
    }
}

fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

fn shown(vis: &Visibility, attrs: &[Attribute]) -> bool {
    is_public(vis) && !is_hidden(attrs)
}

/// Whether an item is hidden from users, or is only for tests.
fn is_hidden(attrs: &[Attribute]) -> bool {
    let says = |attr: &Attribute, name: &str, word: &str| match &attr.meta {
        Meta::List(list) => list.path.is_ident(name) && list.tokens.to_string() == word,
        _ => false,
    };
    attrs.iter().any(|one| says(one, "doc", "hidden") || says(one, "cfg", "test"))
}

/// Keeps only the attributes that matter to users.
fn strip(attrs: &mut Vec<Attribute>) {
    attrs.retain(|one| one.path().is_ident("derive") || one.path().is_ident("non_exhaustive"));
}

fn hide_fields(fields: &mut Fields) {
    for field in fields.iter_mut() {
        strip(&mut field.attrs);
    }
    if let Fields::Named(named) = fields {
        let shown = std::mem::take(&mut named.named).into_iter();
        named.named = shown.filter(|field| is_public(&field.vis)).collect();
    } else if fields.iter().any(|field| !is_public(&field.vis)) {
        *fields = Fields::Unit;
    }
}

/// Removes the body, and returns whether the trait shows the item.
fn in_trait(item: &mut TraitItem) -> bool {
    let attrs = match item {
        TraitItem::Fn(item) => {
            if item.default.take().is_some() {
                // The semicolon goes: that shows that implementations may omit the type.
                item.semi_token = None;
            }
            &mut item.attrs
        }
        TraitItem::Const(item) => &mut item.attrs,
        TraitItem::Type(item) => &mut item.attrs,
        _ => return true,
    };
    let is_shown = !is_hidden(attrs);
    strip(attrs);
    is_shown
}

/// Collects the names that a `use` imports.
fn imported_names(tree: &UseTree, names: &mut Vec<String>) {
    match tree {
        UseTree::Path(path) => imported_names(&path.tree, names),
        UseTree::Name(name) => names.push(name.ident.to_string()),
        UseTree::Rename(rename) => names.push(rename.rename.to_string()),
        UseTree::Glob(_) => names.push("*".to_owned()),
        UseTree::Group(group) => group.items.iter().for_each(|tree| imported_names(tree, names)),
    }
}

/// Tokens with about the spaces that people write.
fn tidy(tokens: &str) -> String {
    let mut text = tokens.split_whitespace().collect::<Vec<_>>().join(" ");
    for (from, to) in [
        (" :: ", "::"),
        ("::<", "::<"),
        (" : ", ": "),
        (" , ", ", "),
        (" ,", ","),
        (" ;", ";"),
        ("& ", "&"),
        (" < ", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" ! ", "!"),
        ("# [", "#["),
        ("[ ", "["),
        (" ]", "]"),
        (", }", " }"),
        (", >", ">"),
        (", )", ")"),
    ] {
        text = text.replace(from, to);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_can_name_is_listed_and_nothing_else() {
        let file = "
            pub struct Seat { pub row: u8, taken: bool }
            impl Seat {
                pub fn take(&mut self) -> bool { true }
                pub(crate) fn free(&mut self) {}
            }
            #[doc(hidden)] pub struct Secret;
            pub(crate) struct Own;
            pub trait Show { fn name() -> String { String::new() } }
            #[cfg(test)] pub mod tests {}
        ";
        let file = syn::parse_file(file).expect("Rust");
        let mut public = PublicItems::default();
        public.define(&file.items);
        public.list("", file.items);
        let lines: Vec<&str> = public.lines.iter().map(String::as_str).collect();
        let expected = [
            "impl Seat: pub fn take(&mut self) -> bool",
            "pub struct Seat { pub row: u8 }",
            "pub trait Show { fn name() -> String; }",
        ];
        assert_eq!(lines, expected);
    }
}
