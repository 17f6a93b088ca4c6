//! Follows a path to the file that defines the name, through re-exports over any number of steps, renames and `*`.

use std::collections::BTreeSet;

use crate::house::tree::{CodePath, NamedItem, Tree};

/// The item or module that a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathTarget {
    Module(usize),
    /// An item, or something inside one, with the file that defines it.
    Item {
        name: String,
        file: usize,
    },
    /// A name of another crate, or a local name.
    Outside,
}

/// The kind of name that is looked up: a module and a function may share a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameScope {
    /// All names, as in a `use`.
    Any,
    /// A name that can stand before `::`.
    Scope,
    Macro,
}

/// The uses that a search has already followed.
type FollowedUses = BTreeSet<(usize, usize)>;

/// Everything that a path names: a `use` may import a module and a function of the same name.
pub(super) fn targets(tree: &Tree, module: usize, path: &CodePath) -> Vec<PathTarget> {
    walk(tree, module, &path.segments, NameScope::Any, &mut FollowedUses::new())
}

/// Whether a module, or an enum, has something with this name.
pub(super) fn has(tree: &Tree, target: &PathTarget, name: &str) -> bool {
    match target {
        PathTarget::Module(module) => {
            !lookup(tree, *module, name, NameScope::Any, &mut FollowedUses::new()).is_empty()
        }
        PathTarget::Item { name: of, file } => has_variant(tree, of, *file, name),
        PathTarget::Outside => false,
    }
}

/// The macro that a call names. It may be defined further up, in an outer module.
pub(super) fn called(tree: &Tree, module: usize, path: &CodePath) -> Vec<PathTarget> {
    let found = walk(tree, module, &path.segments, NameScope::Macro, &mut FollowedUses::new());
    let [name] = &path.segments[..] else { return found };
    if found.iter().any(|target| *target != PathTarget::Outside) {
        return found;
    }
    let outer = tree.ancestors(module).find_map(|at| {
        let mut items = tree.modules[at].items.get(name).into_iter().flatten();
        items.find(|item| item.is_macro)
    });
    outer.map(|item| item_target(name, item)).into_iter().collect()
}

fn walk(
    tree: &Tree,
    module: usize,
    path: &[String],
    wanted: NameScope,
    seen: &mut FollowedUses,
) -> Vec<PathTarget> {
    if let Some((at, rest)) = anchored(tree, module, path) {
        return below(tree, at, rest, wanted, seen);
    }
    let Some((first, rest)) = path.split_first() else { return Vec::new() };
    let first_wanted = if rest.is_empty() { wanted } else { NameScope::Scope };
    // A block sees the names of the module around it.
    let mut at = module;
    let found = loop {
        let found = lookup(tree, at, first, first_wanted, seen);
        match tree.modules[at].parent {
            Some(parent) if found.is_empty() && tree.modules[at].name.is_none() => at = parent,
            _ => break found,
        }
    };
    if found.is_empty() {
        return vec![PathTarget::Outside];
    }
    found.into_iter().flat_map(|target| further(tree, target, rest, wanted, seen)).collect()
}

/// The module that a path with `crate`, `self` or `super` starts from, and the rest of the path.
pub(super) fn anchored<'p>(
    tree: &Tree,
    module: usize,
    path: &'p [String],
) -> Option<(usize, &'p [String])> {
    let (first, mut rest) = path.split_first()?;
    let mut at = match first.as_str() {
        "crate" => 0,
        "self" => tree.named(module),
        "super" => tree.above(module)?,
        _ => return None,
    };
    while let [next, after @ ..] = rest
        && next == "super"
    {
        at = tree.above(at)?;
        rest = after;
    }
    Some((at, rest))
}

fn below(
    tree: &Tree,
    module: usize,
    path: &[String],
    wanted: NameScope,
    seen: &mut FollowedUses,
) -> Vec<PathTarget> {
    let Some((first, rest)) = path.split_first() else { return vec![PathTarget::Module(module)] };
    let first_wanted = if rest.is_empty() { wanted } else { NameScope::Scope };
    let found = lookup(tree, module, first, first_wanted, seen);
    if found.is_empty() {
        // A macro has defined it.
        return vec![PathTarget::Item { name: first.clone(), file: tree.modules[module].file }];
    }
    found.into_iter().flat_map(|target| further(tree, target, rest, wanted, seen)).collect()
}

fn further(
    tree: &Tree,
    target: PathTarget,
    rest: &[String],
    wanted: NameScope,
    seen: &mut FollowedUses,
) -> Vec<PathTarget> {
    match target {
        PathTarget::Module(module) => below(tree, module, rest, wanted, seen),
        target => vec![target],
    }
}

/// The meanings of a name within one module.
fn lookup(
    tree: &Tree,
    at: usize,
    name: &str,
    wanted: NameScope,
    seen: &mut FollowedUses,
) -> Vec<PathTarget> {
    let module = &tree.modules[at];
    let mut found = Vec::new();
    if wanted != NameScope::Macro {
        found.extend(module.modules.get(name).copied().map(PathTarget::Module));
    }
    let fits = |item: &&NamedItem| match wanted {
        NameScope::Any => true,
        NameScope::Scope => !item.is_macro,
        NameScope::Macro => item.is_macro,
    };
    let items = module.items.get(name).into_iter().flatten();
    found.extend(items.filter(fits).map(|item| item_target(name, item)));
    for (number, one) in module.uses.iter().enumerate() {
        if one.name.as_deref() != Some(name) || !seen.insert((at, number)) {
            continue;
        }
        if one.outside {
            found.push(PathTarget::Outside);
        } else {
            found.extend(walk(tree, at, &one.path.segments, wanted, seen));
        }
    }
    if found.is_empty() {
        found = through_globs(tree, at, name, wanted, seen);
    }
    found
}

fn through_globs(
    tree: &Tree,
    at: usize,
    name: &str,
    wanted: NameScope,
    seen: &mut FollowedUses,
) -> Vec<PathTarget> {
    let mut found = Vec::new();
    for (number, one) in tree.modules[at].uses.iter().enumerate() {
        if one.name.is_some() || one.outside || !seen.insert((at, number)) {
            continue;
        }
        for target in walk(tree, at, &one.path.segments, NameScope::Scope, seen) {
            match target {
                PathTarget::Module(module) => {
                    found.extend(lookup(tree, module, name, wanted, seen));
                }
                PathTarget::Item { name: of, file } if has_variant(tree, &of, file, name) => {
                    found.push(PathTarget::Item { name: of, file });
                }
                _ => {}
            }
        }
    }
    found
}

fn has_variant(tree: &Tree, name: &str, file: usize, variant: &str) -> bool {
    let modules = tree.modules.iter().filter(|module| module.file == file);
    let mut items = modules.filter_map(|module| module.items.get(name)).flatten();
    items.any(|item| item.variants.iter().any(|one| one == variant))
}

fn item_target(name: &str, item: &NamedItem) -> PathTarget {
    PathTarget::Item { name: name.to_owned(), file: item.file }
}
