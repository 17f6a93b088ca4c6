//! `ballet-gateway api-key`: makes a key for a program, whose hash goes to the config file.

use crate::auth::api_key::generate;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The program's name.
    id: String,
    /// The scopes, separated by spaces.
    #[arg(long, default_value = "")]
    scopes: String,
}

/// # Errors
///
/// If the system gives no random bytes.
pub(crate) fn make(arguments: &Arguments) -> Result<String, String> {
    let id = &arguments.id;
    let (key, hash) = generate(id).map_err(|_| "the system gives no random bytes".to_owned())?;
    let scopes: Vec<&str> = arguments.scopes.split_whitespace().collect();
    Ok(format!(
        "{key}\n\n# For the config file. The key itself is shown only now.\n[[api_key]]\n\
         id = {id:?}\nhash = {hash:?}\nscopes = {scopes:?}\n"
    ))
}
