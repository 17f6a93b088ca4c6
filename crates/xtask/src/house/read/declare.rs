//! The names that a module, or a block, declares.

use syn::{Attribute, Ident, Item, ItemUse, UseTree};

use super::cfg;
use crate::house::tree::{self, CodePath, Mention, MentionKind, Tree, Use};

/// Adds the names that a module, or a block, declares to the tree.
pub(super) fn declare(tree: &mut Tree, module: usize, items: &[&Item]) {
    let file = tree.modules[module].file;
    for item in items {
        if let Item::Use(item) = item {
            for one in flatten_use(item) {
                if !one.outside {
                    let path = one.path.clone();
                    tree.mentions.push(Mention { module, path, kind: MentionKind::Import });
                }
                tree.modules[module].uses.push(one);
            }
            continue;
        }
        let (name, is_macro, variants) = match item {
            Item::Const(item) => (&item.ident, false, Vec::new()),
            Item::Fn(item) => (&item.sig.ident, false, Vec::new()),
            Item::Static(item) => (&item.ident, false, Vec::new()),
            Item::Struct(item) => (&item.ident, false, Vec::new()),
            Item::Trait(item) => (&item.ident, false, Vec::new()),
            Item::TraitAlias(item) => (&item.ident, false, Vec::new()),
            Item::Type(item) => (&item.ident, false, Vec::new()),
            Item::Union(item) => (&item.ident, false, Vec::new()),
            Item::Enum(item) => {
                let variants = item.variants.iter().map(|variant| variant.ident.to_string());
                (&item.ident, false, variants.collect())
            }
            Item::Macro(item) => match &item.ident {
                Some(name) => (name, true, Vec::new()),
                None => continue,
            },
            _ => continue,
        };
        let defined = tree::NamedItem { file, is_macro, variants };
        let name = without_raw_prefix(name);
        if is_macro && exported(cfg::of_item(item)) && module != 0 {
            tree.modules[0].items.entry(name.clone()).or_default().push(defined.clone());
        }
        tree.modules[module].items.entry(name).or_default().push(defined);
    }
}

fn exported(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("macro_export"))
}

/// The names that a `use` imports, each with its path.
fn flatten_use(item: &ItemUse) -> Vec<Use> {
    let mut all = Vec::new();
    let outside = item.leading_colon.is_some();
    walk(&item.tree, &mut Vec::new(), &mut |name, path| all.push(Use { name, path, outside }));
    all
}

fn walk(
    tree: &UseTree,
    before: &mut Vec<String>,
    found: &mut impl FnMut(Option<String>, CodePath),
) {
    match tree {
        UseTree::Path(one) => {
            before.push(without_raw_prefix(&one.ident));
            walk(&one.tree, before, found);
            before.pop();
        }
        UseTree::Name(one) => {
            let path = path(before, &one.ident);
            found(path.segments.last().cloned(), path);
        }
        UseTree::Rename(one) => {
            found(Some(without_raw_prefix(&one.rename)), path(before, &one.ident));
        }
        UseTree::Glob(one) => {
            let line = one.star_token.spans[0].start().line;
            found(None, CodePath { segments: before.clone(), line });
        }
        UseTree::Group(group) => {
            for one in &group.items {
                walk(one, before, found);
            }
        }
    }
}

fn path(before: &[String], last: &Ident) -> CodePath {
    let name = Some(without_raw_prefix(last)).filter(|name| before.is_empty() || name != "self");
    CodePath {
        segments: before.iter().cloned().chain(name).collect(),
        line: last.span().start().line,
    }
}

/// The name without the `r#` of a raw identifier.
pub(super) fn without_raw_prefix(name: &Ident) -> String {
    name.to_string().trim_start_matches("r#").to_owned()
}
