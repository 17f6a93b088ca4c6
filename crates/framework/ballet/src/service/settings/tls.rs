//! Certificates for the ways to the broker and to the database.

use std::path::PathBuf;

use ballet_amqp::TlsFiles;
use clap::Args;

use crate::service::settings::error::SettingsError;

/// Certificates, as PEM files. TLS itself is asked for in the URLs: `amqps://`, and
/// `?sslmode=verify-full` for Postgres, which a CA file implies.
#[derive(Debug, Clone, Default, Args)]
pub struct TlsSettings {
    /// The CA that signed the broker's certificate, if it is none that everybody trusts.
    #[arg(long, global = true, env = "AMQP_CA_FILE", value_name = "FILE")]
    pub amqp_ca_file: Option<PathBuf>,

    /// Our own certificate, for a broker that asks for one.
    #[arg(
        long,
        global = true,
        env = "AMQP_CERT_FILE",
        value_name = "FILE",
        requires = "amqp_key_file"
    )]
    pub amqp_cert_file: Option<PathBuf>,

    /// The key of that certificate.
    #[arg(
        long,
        global = true,
        env = "AMQP_KEY_FILE",
        value_name = "FILE",
        requires = "amqp_cert_file"
    )]
    pub amqp_key_file: Option<PathBuf>,

    /// The CA that signed the database's certificate, if it is none that everybody trusts.
    #[arg(long, global = true, env = "DATABASE_CA_FILE", value_name = "FILE")]
    pub database_ca_file: Option<PathBuf>,

    /// Our own certificate, for a database that asks for one.
    #[arg(
        long,
        global = true,
        env = "DATABASE_CERT_FILE",
        value_name = "FILE",
        requires = "database_key_file"
    )]
    pub database_cert_file: Option<PathBuf>,

    /// The key of that certificate.
    #[arg(
        long,
        global = true,
        env = "DATABASE_KEY_FILE",
        value_name = "FILE",
        requires = "database_cert_file"
    )]
    pub database_key_file: Option<PathBuf>,
}

impl TlsSettings {
    /// The certificates for the broker's URL.
    ///
    /// # Errors
    ///
    /// If a file cannot be used, or if files are set and the URL asks for no TLS.
    pub fn amqp(&self, url: &str) -> Result<TlsFiles, SettingsError> {
        let files = TlsFiles {
            ca: self.amqp_ca_file.clone(),
            certificate: self.amqp_cert_file.clone(),
            key: self.amqp_key_file.clone(),
        };
        // Without it everything would be sent in the clear, and look as if it were not.
        if files.any() && url.trim_start().starts_with("amqp://") {
            return Err(SettingsError::new(
                "certificates are set for the broker, but AMQP_URL begins with amqp://, which is \
                 without TLS: write amqps://"
                    .to_owned(),
            ));
        }
        files.check().map_err(SettingsError::new)?;
        Ok(files)
    }

    /// The certificates for the database's URL.
    ///
    /// # Errors
    ///
    /// If a file cannot be used.
    pub fn database(&self) -> Result<TlsFiles, SettingsError> {
        let files = TlsFiles {
            ca: self.database_ca_file.clone(),
            certificate: self.database_cert_file.clone(),
            key: self.database_key_file.clone(),
        };
        files.check().map_err(SettingsError::new)?;
        Ok(files)
    }
}
