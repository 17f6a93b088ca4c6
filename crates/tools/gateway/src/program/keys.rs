//! `ballet-gateway keys`: makes a key set for development.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder for `signing-key.json` and `jwks.json`.
    folder: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    /// PKCS #8, in base64.
    pub(crate) pkcs8: String,
}

pub(crate) const SIGNING_KEY: &str = "signing-key.json";
const KEY_SET: &str = "jwks.json";

/// # Errors
///
/// If there already are keys, or the files cannot be written.
pub(crate) fn make(arguments: &Arguments) -> Result<String, String> {
    let folder = &arguments.folder;
    let (private, public) = (folder.join(SIGNING_KEY), folder.join(KEY_SET));
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| format!("{path}: {error}")
    };
    if public.exists() {
        return Err(format!("{} is there already", public.display()));
    }
    let (signing, jwk) = generate().map_err(|_| "the system gives no random bytes".to_owned())?;
    let kid = signing.kid.clone();
    fs::create_dir_all(folder).map_err(failed(folder))?;
    write(&private, 0o600, &json!(signing)).map_err(failed(&private))?;
    write(&public, 0o644, &json!({ "keys": [jwk] })).map_err(failed(&public))?;
    let (private, public) = (private.display(), public.display());
    Ok(format!("key {kid}\n{private}: signs tokens, keep it secret\n{public}: for the gateway\n"))
}

fn generate() -> Result<(SigningKey, Value), ring::error::Unspecified> {
    let random = SystemRandom::new();
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random)?;
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).map_err(|_| ring::error::Unspecified)?;
    let mut kid = [0; 8];
    random.fill(&mut kid)?;
    let kid: String = kid.iter().map(|byte| format!("{byte:02x}")).collect();
    let x = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    let jwk = json!({
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x
    });
    let pkcs8 = BASE64_URL_SAFE_NO_PAD.encode(pkcs8.as_ref());
    Ok((SigningKey { kid, pkcs8 }, jwk))
}

fn write(path: &Path, mode: u32, value: &Value) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(format!("{value:#}\n").as_bytes())
}
