//! What the items of a module, or of a block, are called.

use syn::{Attribute, Item};

use super::{cfg, flat};
use crate::house::tree::{self, Kind, Mention, Tree};

/// Notes down what the items of a module, or of a block, are called.
pub(super) fn declare(tree: &mut Tree, module: usize, items: &[&Item]) {
    let file = tree.modules[module].file;
    for item in items {
        if let Item::Use(item) = item {
            for one in flat::flat(item) {
                if !one.outside {
                    let path = one.path.clone();
                    tree.mentions.push(Mention { module, path, kind: Kind::Import });
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
        let defined = tree::Item { file, is_macro, variants };
        let name = name.to_string().trim_start_matches("r#").to_owned();
        if is_macro && exported(cfg::of_item(item)) && module != 0 {
            tree.modules[0].items.entry(name.clone()).or_default().push(defined.clone());
        }
        tree.modules[module].items.entry(name).or_default().push(defined);
    }
}

fn exported(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("macro_export"))
}
