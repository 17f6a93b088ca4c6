//! The names that an item mentions.

use proc_macro2::TokenStream;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, ImplItem, Item, ItemImpl, ItemMacro, Local, Macro, Meta, Path, Stmt, Type,
    Visibility,
};

use super::declare::{declare, without_raw_prefix};
use super::{cfg, tokens};
use crate::house::tree::{self, Mention, MentionKind, Tree};

/// Adds the names that an item mentions to the tree.
pub(super) fn read(tree: &mut Tree, module: usize, item: &Item) {
    BodyReader { tree, module }.visit_item(item);
}

struct BodyReader<'a> {
    tree: &'a mut Tree,
    /// The module, or the block, that holds the code.
    module: usize,
}

impl BodyReader<'_> {
    fn path(&mut self, path: &Path, kind: MentionKind) {
        let Some(first) = path.segments.first().filter(|_| path.leading_colon.is_none()) else {
            return;
        };
        let line = first.ident.span().start().line;
        let segments =
            path.segments.iter().map(|segment| without_raw_prefix(&segment.ident)).collect();
        let path = tree::CodePath { segments, line };
        self.tree.mentions.push(Mention { module: self.module, path, kind });
    }

    fn tokens(&mut self, tokens: &TokenStream) {
        self.found(tokens::paths(tokens));
    }

    fn found(&mut self, found: Vec<tokens::TokenPath>) {
        for found in found {
            let kind = if found.is_macro { MentionKind::Macro } else { MentionKind::Path };
            self.tree.mentions.push(Mention { module: self.module, path: found.path, kind });
        }
    }
}

impl<'ast> Visit<'ast> for BodyReader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !cfg::only_for_tests(cfg::of_item(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if !cfg::only_for_tests(cfg::of_impl_item(item)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_local(&mut self, local: &'ast Local) {
        if !cfg::only_for_tests(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if let (None, Type::Path(of)) = (&item.trait_, &*item.self_ty) {
            let names = item.items.iter().filter_map(name_of).collect();
            self.path(&of.path, MentionKind::Impl(names));
        }
        visit::visit_item_impl(self, item);
    }

    /// A block that declares items is a scope of its own.
    fn visit_block(&mut self, block: &'ast Block) {
        let items: Vec<&Item> = block
            .stmts
            .iter()
            .filter_map(|stmt| match stmt {
                Stmt::Item(item) => Some(item),
                _ => None,
            })
            .filter(|item| !cfg::only_for_tests(cfg::of_item(item)))
            .collect();
        let around = self.module;
        if !items.is_empty() {
            let file = self.tree.modules[around].file;
            self.module = self.tree.add_module(None, Some(around), file);
            declare(self.tree, self.module, &items);
        }
        visit::visit_block(self, block);
        self.module = around;
    }

    fn visit_path(&mut self, path: &'ast Path) {
        self.path(path, MentionKind::Path);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.path(&call.path, MentionKind::Macro);
        self.tokens(&call.tokens);
    }

    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        // A `macro_rules!` has a name; only calls are mentions.
        if item.ident.is_some() {
            self.tokens(&item.mac.tokens);
        } else {
            self.visit_macro(&item.mac);
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("doc") || attribute.path().is_ident("cfg") {
            return;
        }
        match &attribute.meta {
            Meta::Path(_) => {}
            Meta::List(list) => {
                self.tokens(&list.tokens);
                self.found(tokens::quoted(&list.tokens));
            }
            Meta::NameValue(pair) => self.visit_expr(&pair.value),
        }
    }

    /// The path in `pub(in ..)` is no use of that module.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

fn name_of(item: &ImplItem) -> Option<String> {
    match item {
        ImplItem::Const(item) => Some(item.ident.to_string()),
        ImplItem::Fn(item) => Some(item.sig.ident.to_string()),
        ImplItem::Type(item) => Some(item.ident.to_string()),
        _ => None,
    }
}
