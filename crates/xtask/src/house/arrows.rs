//! The names that each file takes from each other file.

use std::collections::{BTreeMap, BTreeSet};

use crate::house::resolve::{self, PathTarget};
use crate::house::tree::{MentionKind, Tree};

/// The names that one file takes from another, each with the first line that mentions it.
pub(super) type NameLines = BTreeMap<String, usize>;

/// The arrows of a package, from the file that takes a name to the file that defines it, by their paths.
#[derive(Debug, Default)]
pub(super) struct Arrows {
    pub(super) files: BTreeSet<String>,
    pub(super) all: BTreeMap<(String, String), NameLines>,
}

impl Arrows {
    /// Adds the arrows of a target. A face has none: it only re-exports.
    pub(super) fn add(&mut self, tree: &Tree) {
        let faces: BTreeSet<&str> =
            tree.files.iter().filter(|file| !file.has_items).map(|file| &*file.path).collect();
        self.files.extend(tree.files.iter().map(|file| file.path.clone()));
        for mention in &tree.mentions {
            let from = &tree.files[tree.modules[mention.module].file].path;
            let targets = match mention.kind {
                MentionKind::Macro => resolve::called(tree, mention.module, &mention.path),
                _ => resolve::targets(tree, mention.module, &mention.path),
            };
            for target in targets {
                let (name, file) = match target {
                    PathTarget::Item { name, file } => (name, file),
                    // From serde's `with = "crate::text"`. A `use` of a module is no arrow yet.
                    PathTarget::Module(module)
                        if mention.kind == MentionKind::Path && mention.path.segments.len() > 1 =>
                    {
                        let name = tree.modules[module].name.clone().unwrap_or_default();
                        (name, tree.modules[module].file)
                    }
                    _ => continue,
                };
                let to = &tree.files[file].path;
                if from == to || faces.contains(&**from) || faces.contains(&**to) {
                    continue;
                }
                let names = self.all.entry((from.clone(), to.clone())).or_default();
                let line = names.entry(name).or_insert(mention.path.line);
                *line = mention.path.line.min(*line);
            }
        }
    }
}
