//! `ballet-gateway openapi`: the document of the whole system.

use std::path::Path;

use crate::config::file::{Config, OpenApi};
use crate::config::read::read_file;
use crate::openapi::{assemble, source};

/// # Errors
///
/// The mistake in the config file or in the services' documents.
pub(crate) fn make(file: &Path) -> Result<String, String> {
    let (config, openapi) = read(file)?;
    assemble::document(&config, &openapi, &source::read(&config, &openapi, file)?)
}

pub(crate) fn assemble_from<'a>(
    file: &Path,
    documents: impl IntoIterator<Item = (&'a str, String)>,
) -> Result<String, String> {
    let (config, openapi) = read(file)?;
    let known = documents.into_iter().filter(|(name, _)| {
        config.upstreams.iter().any(|upstream| upstream.documented && upstream.name == *name)
    });
    let read = known.map(|(name, text)| Ok((name.to_owned(), source::parse(name, &text)?)));
    assemble::document(&config, &openapi, &read.collect::<Result<_, String>>()?)
}

fn read(file: &Path) -> Result<(Config, OpenApi), String> {
    let config = read_file(file)?;
    let none = || format!("{}: it has no [openapi], so there is no document", file.display());
    let openapi = config.openapi.clone().ok_or_else(none)?;
    Ok((config, openapi))
}
