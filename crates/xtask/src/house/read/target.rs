//! The files of a target, from its root along the `mod` declarations.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use syn::{Attribute, Expr, ExprLit, Item, ItemMod, Lit, Meta};

use super::declare::{declare, without_raw_prefix};
use super::{body, cfg};
use crate::house::tree::Tree;

/// The text of each file, by its path in the repository.
pub(in crate::house) type Sources = BTreeMap<String, String>;

/// Reads a target from the file at `root`. Code that is only compiled for tests is left out.
pub(in crate::house) fn read(root: &str, sources: &Sources) -> Result<Tree> {
    let mut reader = TargetReader { tree: Tree::default(), sources };
    let file = reader.tree.add_file(root);
    let module = reader.tree.add_module(Some("crate".to_owned()), None, file);
    let (folder, _) = split(root);
    reader.file(
        module,
        root,
        &ModuleFolders { folder: folder.to_owned(), own: folder.to_owned() },
    )?;
    Ok(reader.tree)
}

struct TargetReader<'a> {
    tree: Tree,
    sources: &'a Sources,
}

/// The folders that hold the children of a module.
struct ModuleFolders {
    /// The folder of `mod child;`.
    folder: String,
    /// The folder that a `#[path]` is relative to.
    own: String,
}

impl TargetReader<'_> {
    fn file(&mut self, module: usize, path: &str, place: &ModuleFolders) -> Result<()> {
        let text = self.sources.get(path).with_context(|| format!("there is no {path}"))?;
        let parsed = syn::parse_file(text).map_err(|error| {
            let at = error.span().start();
            anyhow::anyhow!("{path}:{}:{}: {error}", at.line, at.column + 1)
        })?;
        if cfg::only_for_tests(&parsed.attrs) {
            return Ok(());
        }
        self.items(module, &parsed.items, place)
    }

    fn items(&mut self, module: usize, items: &[Item], place: &ModuleFolders) -> Result<()> {
        let items: Vec<&Item> =
            items.iter().filter(|item| !cfg::only_for_tests(cfg::of_item(item))).collect();
        declare(&mut self.tree, module, &items);
        let file = self.tree.modules[module].file;
        for item in items {
            match item {
                Item::Mod(child) => self.child(module, child, place)?,
                Item::Use(_) | Item::ExternCrate(_) => {}
                item => {
                    self.tree.files[file].has_items = true;
                    body::read(&mut self.tree, module, item);
                }
            }
        }
        Ok(())
    }

    fn child(&mut self, parent: usize, child: &ItemMod, place: &ModuleFolders) -> Result<()> {
        let name = without_raw_prefix(&child.ident);
        let named = named_file(&child.attrs);
        if let Some((_, items)) = &child.content {
            let file = self.tree.modules[parent].file;
            let module = self.tree.add_module(Some(name.clone()), Some(parent), file);
            self.tree.modules[parent].modules.insert(name.clone(), module);
            let folder = join(&place.folder, named.as_deref().unwrap_or(&name));
            return self.items(module, items, &ModuleFolders { own: folder.clone(), folder });
        }
        let (path, folder) = if let Some(named) = named {
            let path = join(&place.own, &named);
            let folder = split(&path).0.to_owned();
            (path, folder)
        } else {
            self.default_file(&place.folder, &name)?
        };
        let file = self.tree.add_file(&path);
        let module = self.tree.add_module(Some(name.clone()), Some(parent), file);
        self.tree.modules[parent].modules.insert(name, module);
        let own = split(&path).0.to_owned();
        self.file(module, &path, &ModuleFolders { folder, own })
    }

    /// The child's file, `x.rs` or `x/mod.rs`, and the folder of the child's own children.
    fn default_file(&self, folder: &str, name: &str) -> Result<(String, String)> {
        let below = join(folder, name);
        for path in [format!("{below}.rs"), join(&below, "mod.rs")] {
            if self.sources.contains_key(&path) {
                return Ok((path, below));
            }
        }
        bail!("there is neither {below}.rs nor {below}/mod.rs");
    }
}

/// The value of `#[path = ".."]`.
fn named_file(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}

/// The folder of a path, and its last part.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// A path relative to a folder, from the root.
pub(in crate::house) fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
