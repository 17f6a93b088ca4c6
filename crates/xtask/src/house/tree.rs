//! A crate as it is written: its files and modules, their definitions, and every name that they mention.

use std::collections::BTreeMap;

/// A path as it is written.
#[derive(Debug, Clone)]
pub(super) struct CodePath {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
}

/// A source file, by its path in the repository.
#[derive(Debug)]
pub(super) struct SourceFile {
    pub(super) path: String,
    /// Whether it defines something. A file that only declares modules and re-exports is a face.
    pub(super) has_items: bool,
}

/// A module, or a block of a function that declares items.
#[derive(Debug)]
pub(super) struct Module {
    /// `None` for a block.
    pub(super) name: Option<String>,
    pub(super) parent: Option<usize>,
    pub(super) file: usize,
    pub(super) modules: BTreeMap<String, usize>,
    pub(super) items: BTreeMap<String, Vec<NamedItem>>,
    pub(super) uses: Vec<Use>,
}

/// A named item that is no module.
#[derive(Debug, Clone)]
pub(super) struct NamedItem {
    pub(super) file: usize,
    pub(super) is_macro: bool,
    /// The variants of an enum.
    pub(super) variants: Vec<String>,
}

/// One name of a `use`, or a `*`.
#[derive(Debug)]
pub(super) struct Use {
    /// The name in this module; `None` for `*`.
    pub(super) name: Option<String>,
    pub(super) path: CodePath,
    /// Whether the path begins with `::`, and so is of another crate.
    pub(super) outside: bool,
}

/// A mention of a name in the code.
#[derive(Debug)]
pub(super) struct Mention {
    pub(super) module: usize,
    pub(super) path: CodePath,
    pub(super) kind: MentionKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MentionKind {
    /// A `use` of one name.
    Import,
    /// A path in code.
    Path,
    /// The name of a macro that is called.
    Macro,
    /// The type of an inherent `impl`, with the names of the items in it.
    Impl(Vec<String>),
}

/// One target of a package: a library or a program.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: Vec<SourceFile>,
    /// All modules; the first is the root.
    pub(super) modules: Vec<Module>,
    pub(super) mentions: Vec<Mention>,
}

impl Tree {
    pub(super) fn add_file(&mut self, path: &str) -> usize {
        self.files.push(SourceFile { path: path.to_owned(), has_items: false });
        self.files.len() - 1
    }

    pub(super) fn add_module(
        &mut self,
        name: Option<String>,
        parent: Option<usize>,
        file: usize,
    ) -> usize {
        self.modules.push(Module {
            name,
            parent,
            file,
            modules: BTreeMap::new(),
            items: BTreeMap::new(),
            uses: Vec::new(),
        });
        self.modules.len() - 1
    }

    /// The module itself, or for a block the module around it.
    pub(super) fn named(&self, mut module: usize) -> usize {
        while let (None, Some(parent)) = (&self.modules[module].name, self.modules[module].parent) {
            module = parent;
        }
        module
    }

    /// The parent of a module, past blocks.
    pub(super) fn above(&self, module: usize) -> Option<usize> {
        let parent = self.modules[self.named(module)].parent?;
        Some(self.named(parent))
    }

    /// The module and its parents, from the inside out.
    pub(super) fn ancestors(&self, module: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(module), |&at| self.modules[at].parent)
    }

    /// A module's path from `crate`.
    pub(super) fn path(&self, module: usize) -> Vec<String> {
        let mut path: Vec<String> =
            self.ancestors(module).filter_map(|at| self.modules[at].name.clone()).collect();
        path.reverse();
        path
    }
}
