//! Variables for a shell in which `cargo ballet` works on the running demo.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ballet_stage::{Servers, TestEnv};

/// Writes the file. Only we may read it, because it holds passwords.
pub(crate) fn write(
    servers: &Servers,
    env: &TestEnv,
    names: &[&str],
    folder: &Path,
) -> Result<PathBuf> {
    let ops = env.ops_amqp_url();
    let user = ops.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
    let (user, _) = user.context("the broker's URL has no user")?;
    let management = servers.rabbitmq().management_url();
    let management = management.replacen("://", &format!("://{user}@"), 1);
    let mut all = vec![
        ("BALLET_AMQP_URL".to_owned(), ops.to_owned()),
        ("BALLET_MANAGEMENT_URL".to_owned(), management),
        ("BALLET_VHOST".to_owned(), env.vhost().to_owned()),
    ];
    for name in names {
        let url = env.admin_database_url(name);
        if all.len() == 3 {
            let all_databases = url.replace(&format!("/{name}"), "/{service}");
            all.push(("BALLET_DATABASE_URL".to_owned(), all_databases));
        }
        all.push((format!("{}_DATABASE", name.to_uppercase()), url.to_owned()));
    }
    let mut text = String::new();
    for (name, value) in all {
        writeln!(text, "export {name}='{value}'")?;
    }
    let file = folder.join("env");
    // It may be that of an earlier demo.
    fs::remove_file(&file).ok();
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
    let written = written.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}
