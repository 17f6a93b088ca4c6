//! The migrations of a service, read from a folder when it is compiled.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, LitStr, Result};

use crate::service::words::{Migrations, Other};

/// The list of migrations, an expression.
pub(crate) fn list(migrations: &Migrations) -> Result<TokenStream> {
    let (folder, others) = match migrations {
        Migrations::Given(list) => return Ok(quote!(#list)),
        Migrations::In { folder, others } => (folder, others),
    };
    let place = place(folder);
    let names = names(folder, &place)?;
    let path = place.to_string_lossy();
    let others = others.iter().map(|Other { name, sql }| quote!(#name = #sql));
    Ok(quote!(::ballet::migrations! { in #path, #(#names,)* #(#others,)* }))
}

/// The folder, beside the `Cargo.toml` of the service.
fn place(folder: &LitStr) -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    manifest.join(folder.value())
}

/// The names of the files, in their order, without `.sql`.
fn names(folder: &LitStr, place: &Path) -> Result<Vec<String>> {
    let (said, mistake) = (folder.value(), |text: String| Error::new_spanned(folder, text));
    let files = fs::read_dir(place).map_err(|why| {
        mistake(format!(
            "the folder `{said}` cannot be read: {why}. It stands beside Cargo.toml, and has a file for each \
             migration, such as `0001_account.sql`"
        ))
    })?;
    let mut names = Vec::new();
    for file in files {
        let path = file.map_err(|why| mistake(format!("`{said}` cannot be read: {why}")))?.path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(|first: char| first.is_ascii_digit()) {
                let text = format!("`{name}` would be left out: a migration's name ends in `.sql`");
                return Err(mistake(text));
            }
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let number = name.split('_').next().unwrap_or_default();
        if number.len() != 4 || !number.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(mistake(format!(
                "`{name}.sql` has no number: a migration is called `NNNN_what_it_does.sql`"
            )));
        }
        names.push(name);
    }
    if names.is_empty() {
        let text = format!(
            "the folder `{said}` has no migration: a file such as `0001_account.sql`; a service without tables has no \
             `migrations`"
        );
        return Err(mistake(text));
    }
    names.sort_unstable();
    Ok(names)
}
