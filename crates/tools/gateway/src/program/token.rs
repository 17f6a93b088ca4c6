//! `ballet-gateway token`: tokens for development, signed with the key of `ballet-gateway keys`.

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::Ed25519KeyPair;
use serde_json::{Value, json};

use crate::config::read::read_file;
use crate::config::units::Span;
use crate::http::wall_clock::unix_seconds;
use crate::program::keys::{SIGNING_KEY, SigningKey};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The config file, which names issuer and audience.
    file: PathBuf,
    /// The folder with `signing-key.json`.
    #[arg(long)]
    keys: PathBuf,
    /// The subject of the token. If it is given several times, each gets a token on a line of its own.
    #[arg(long, required = true)]
    subject: Vec<String>,
    /// The scopes, separated by spaces.
    #[arg(long, default_value = "")]
    scopes: String,
    /// The time for which it is valid: `15m`, `1h`.
    #[arg(long, default_value = "1h")]
    valid: Span,
}

/// # Errors
///
/// If the config names no issuer, or the key cannot be read.
pub(crate) fn make(arguments: &Arguments) -> Result<String, String> {
    let config = read_file(&arguments.file)?;
    let no_tokens =
        || format!("{}: it has no [jwt], so it takes no tokens", arguments.file.display());
    let jwt = config.jwt.ok_or_else(no_tokens)?;
    let path = arguments.keys.join(SIGNING_KEY);
    let wrong = |why: String| format!("{}: {why}", path.display());
    let text = std::fs::read(&path).map_err(|error| wrong(error.to_string()))?;
    let key: SigningKey =
        serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    let pkcs8 = BASE64_URL_SAFE_NO_PAD.decode(&key.pkcs8);
    let pair = pkcs8.ok().and_then(|pkcs8| Ed25519KeyPair::from_pkcs8(&pkcs8).ok());
    let pair = pair.ok_or_else(|| wrong("this is no key of `ballet-gateway keys`".to_owned()))?;
    let now = unix_seconds();
    let valid = i64::try_from(arguments.valid.0.as_secs()).unwrap_or(0);
    let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": key.kid });
    // Where the gateway reads them.
    let claim = jwt.scope_claims.first().map_or("scope", String::as_str);
    let names: Vec<&str> =
        claim.strip_prefix('/').map_or_else(|| vec![claim], |path| path.split('/').collect());
    let scopes =
        names.iter().rev().fold(json!(arguments.scopes), |inner, name| json!({ (*name): inner }));
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let token = |subject: &String| {
        let mut claims = scopes.clone();
        claims["iss"] = json!(jwt.issuer);
        claims["aud"] = json!(jwt.audience);
        claims["sub"] = json!(subject);
        claims["iat"] = json!(now);
        claims["nbf"] = json!(now);
        claims["exp"] = json!(now + valid);
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes()).as_ref());
        format!("{signed}.{signature}\n")
    };
    Ok(arguments.subject.iter().map(token).collect())
}
