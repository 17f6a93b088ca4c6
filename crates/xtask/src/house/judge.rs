//! All findings of one package.

use anyhow::Result;

use crate::house::arrows::Arrows;
use crate::house::finding::Finding;
use crate::house::read::{self, Sources};
use crate::house::rules;

/// A package: its name, its folder, and the root files of its library and programs.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) folder: String,
    pub(super) roots: Vec<String>,
    /// The root files of the targets whose tests cargo does not build.
    pub(super) without_tests: Vec<String>,
}

/// The findings of a package, and the number of its files.
#[derive(Debug)]
pub(super) struct PackageFindings {
    pub(super) files: usize,
    pub(super) findings: Vec<Finding>,
}

pub(super) fn judge(package: &Package, sources: &Sources) -> Result<PackageFindings> {
    let mut arrows = Arrows::default();
    let mut each = Vec::new();
    for root in &package.roots {
        let tree = read::read(root, sources)?;
        arrows.add(&tree);
        each.extend(rules::faces(&tree));
        each.extend(rules::impls(&tree));
    }
    let mut findings = rules::files(&arrows);
    findings.extend(rules::folders(&arrows));
    findings.extend(each);
    findings.extend(rules::headers(&arrows.files, sources));
    findings.extend(rules::docs(sources));
    findings.extend(rules::sql(&package.name, &arrows.files, sources));
    findings.extend(rules::paths(&package.folder, sources));
    findings.extend(rules::tests(&package.without_tests, &package.roots, sources));
    Ok(PackageFindings { files: arrows.files.len(), findings })
}
