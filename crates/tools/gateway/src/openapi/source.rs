//! The services' own documents, from files, so no service has to run.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::config::file::{Config, OpenApi};

pub(crate) type Documents = BTreeMap<String, Value>;

/// A relative folder is beside the config file.
///
/// # Errors
///
/// If a document is missing or is not one.
pub(crate) fn read(
    config: &Config,
    openapi: &OpenApi,
    config_file: &Path,
) -> Result<Documents, String> {
    let folder = config_file.parent().unwrap_or(Path::new("")).join(&openapi.documents);
    let documented = config.upstreams.iter().filter(|upstream| upstream.documented);
    let read = documented.map(|upstream| {
        let file = folder.join(format!("{}.json", upstream.name));
        let text = std::fs::read_to_string(&file).map_err(|error| {
            let file = file.display();
            format!(
                "openapi.documents: {file} cannot be read: {error}; write `documented = false` if \
                 the upstream {} has no OpenAPI document",
                upstream.name
            )
        })?;
        Ok((upstream.name.clone(), parse(&file.display().to_string(), &text)?))
    });
    read.collect()
}

/// # Errors
///
/// If the text is not an OpenAPI 3.1 document.
pub(crate) fn parse(place: &str, text: &str) -> Result<Value, String> {
    let document: Value = serde_json::from_str(text)
        .map_err(|error| format!("openapi.documents: {place} is not JSON: {error}"))?;
    let version = &document["openapi"];
    if version.as_str().is_some_and(|version| version.starts_with("3.1.")) {
        return Ok(document);
    }
    Err(format!("openapi.documents: {place}: expected an OpenAPI 3.1 document, found {version}"))
}
