//! The inherent `impl` blocks of a type are in the type's file.

use crate::house::finding::{Finding, Rule};
use crate::house::resolve::{self, PathTarget};
use crate::house::tree::{MentionKind, Tree};

pub(in crate::house) fn impls(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for mention in &tree.mentions {
        let MentionKind::Impl(names) = &mention.kind else { continue };
        let here = tree.modules[mention.module].file;
        for target in resolve::targets(tree, mention.module, &mention.path) {
            let PathTarget::Item { name, file } = target else { continue };
            if file == here {
                continue;
            }
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let text = format!(
                "{}:{} `impl {name}` ({}) is away from its type: move it to {}, or make it functions \
                 or a type of this file",
                tree.files[here].path,
                mention.path.line,
                names.join(", "),
                tree.files[file].path,
            );
            findings.push(Finding { rule: Rule::Impls, text });
        }
    }
    findings
}
