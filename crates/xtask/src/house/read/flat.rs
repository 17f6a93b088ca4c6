//! A `use` taken apart into one path for each name.

use syn::{Ident, ItemUse, UseTree};

use crate::house::tree::{Path, Use};

/// All names that a `use` brings, and where from.
pub(super) fn flat(item: &ItemUse) -> Vec<Use> {
    let mut all = Vec::new();
    let outside = item.leading_colon.is_some();
    walk(&item.tree, &mut Vec::new(), &mut |name, path| all.push(Use { name, path, outside }));
    all
}

fn walk(tree: &UseTree, before: &mut Vec<String>, found: &mut impl FnMut(Option<String>, Path)) {
    match tree {
        UseTree::Path(one) => {
            before.push(plain(&one.ident));
            walk(&one.tree, before, found);
            before.pop();
        }
        UseTree::Name(one) => {
            let path = path(before, &one.ident);
            found(path.segments.last().cloned(), path);
        }
        UseTree::Rename(one) => found(Some(plain(&one.rename)), path(before, &one.ident)),
        UseTree::Glob(one) => {
            let line = one.star_token.spans[0].start().line;
            found(None, Path { segments: before.clone(), line });
        }
        UseTree::Group(group) => {
            for one in &group.items {
                walk(one, before, found);
            }
        }
    }
}

fn path(before: &[String], last: &Ident) -> Path {
    let name = Some(plain(last)).filter(|name| before.is_empty() || name != "self");
    Path { segments: before.iter().cloned().chain(name).collect(), line: last.span().start().line }
}

fn plain(name: &Ident) -> String {
    name.to_string().trim_start_matches("r#").to_owned()
}
