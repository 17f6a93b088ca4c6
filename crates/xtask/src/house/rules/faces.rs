//! A name is imported from the module that defines it: not through the face of the crate, nor, within a folder, through
//! the folder's.

use std::collections::BTreeSet;

use crate::house::finding::{Finding, Rule};
use crate::house::resolve::{self, PathTarget};
use crate::house::tree::{CodePath, Mention, Tree, Use};

/// The limit on re-exports of re-exports.
const STEPS: usize = 16;

/// A path that skips a face, and that face.
struct DirectPath {
    path: Vec<String>,
    face: usize,
}

pub(in crate::house) fn faces(tree: &Tree) -> Vec<Finding> {
    let texts: BTreeSet<(&str, usize, String)> =
        tree.mentions.iter().filter_map(|mention| judge(tree, mention)).collect();
    let finding =
        |(file, line, text)| Finding { rule: Rule::Faces, text: format!("{file}:{line} {text}") };
    texts.into_iter().map(finding).collect()
}

fn judge<'t>(tree: &'t Tree, mention: &Mention) -> Option<(&'t str, usize, String)> {
    let Mention { module, path: CodePath { segments, line }, .. } = mention;
    let first = skip_face(tree, *module, segments)?;
    let face = &tree.files[first.face].path;
    let mut path = first.path;
    for _ in 0..STEPS {
        let Some(next) = skip_face(tree, *module, &path) else { break };
        path = next.path;
    }
    let text = format!(
        "`{}` goes through the face {face}: write `{}`",
        segments.join("::"),
        path.join("::")
    );
    Some((&tree.files[tree.modules[*module].file].path, *line, text))
}

/// The path without the first face on its way. `None` if it goes through none.
fn skip_face(tree: &Tree, from: usize, path: &[String]) -> Option<DirectPath> {
    let (mut at, mut rest) = match resolve::anchored(tree, from, path) {
        Some(start) => start,
        None => {
            let (first, rest) = path.split_first()?;
            (*tree.modules[tree.named(from)].modules.get(first)?, rest)
        }
    };
    while let Some((name, after)) = rest.split_first() {
        let module = &tree.modules[at];
        if module.items.contains_key(name) {
            return None;
        }
        if let Some(&child) = module.modules.get(name) {
            (at, rest) = (child, after);
            continue;
        }
        let (one, kept) = find_use(tree, at, name, rest)?;
        let own_file = tree.modules[from].file;
        if module.file != own_file && tree.ancestors(from).any(|above| above == at) {
            let path = absolute(tree, at, one).into_iter().chain(kept.iter().cloned()).collect();
            return Some(DirectPath { path, face: module.file });
        }
        // The face of another folder.
        (at, rest) = (module_of(tree, at, one)?, kept);
    }
    None
}

fn module_of(tree: &Tree, at: usize, one: &Use) -> Option<usize> {
    let targets = if one.outside { Vec::new() } else { resolve::targets(tree, at, &one.path) };
    targets.into_iter().find_map(|target| match target {
        PathTarget::Module(module) => Some(module),
        _ => None,
    })
}

/// The `use` that imports a path's name into a module, and the rest of the path.
fn find_use<'t, 'p>(
    tree: &'t Tree,
    at: usize,
    name: &str,
    rest: &'p [String],
) -> Option<(&'t Use, &'p [String])> {
    let uses = &tree.modules[at].uses;
    if let Some(one) = uses.iter().find(|one| one.name.as_deref() == Some(name)) {
        return Some((one, &rest[1..]));
    }
    let has = |one: &&Use| {
        let places = resolve::targets(tree, at, &one.path);
        places.iter().any(|place| resolve::has(tree, place, name))
    };
    uses.iter().filter(|one| one.name.is_none() && !one.outside).find(has).map(|one| (one, rest))
}

/// The path of a `use`, valid anywhere in the crate or outside.
fn absolute(tree: &Tree, at: usize, one: &Use) -> Vec<String> {
    let path = &one.path.segments;
    if one.outside {
        return vec![format!("::{}", path.join("::"))];
    }
    let (start, rest) = match resolve::anchored(tree, at, path) {
        Some(start) => start,
        None => {
            let module = &tree.modules[at];
            let own = path.first().is_some_and(|first| {
                module.modules.contains_key(first)
                    || module.items.contains_key(first)
                    || module.uses.iter().any(|other| {
                        other.name.as_ref() == Some(first) && !std::ptr::eq(other, one)
                    })
            });
            if !own {
                return path.clone();
            }
            (at, &path[..])
        }
    };
    tree.path(start).into_iter().chain(rest.iter().cloned()).collect()
}
