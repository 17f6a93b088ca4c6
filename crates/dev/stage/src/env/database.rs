//! Databases for a test that needs no broker.

use std::collections::BTreeMap;

use url::Url;

use crate::env::clean_up::clean_up;
use crate::env::databases::{DatabaseContent, create, drop_all};
use crate::env::names::identifier;
use crate::env::reader::TableReader;
use crate::error::Result;
use crate::servers::postgres::Postgres;
use crate::{random, urls};

/// A database that nobody else uses. It is removed when this is dropped.
#[derive(Debug)]
pub struct Database {
    url: Url,
    name: String,
    admin: Url,
}

impl Database {
    /// Creates a database with its own owner, named after the test.
    pub async fn new(postgres: &Postgres, name: &str) -> Result<Self> {
        Self::with(postgres, name, DatabaseContent::Nothing).await
    }

    /// Creates a database with the framework's tables for each service. See
    /// [`TestEnv::prepared`](crate::TestEnv::prepared).
    pub async fn prepared(
        postgres: &Postgres,
        test: &str,
        services: &[&str],
    ) -> Result<BTreeMap<String, Self>> {
        let mut made = BTreeMap::new();
        for service in services {
            let name = format!("{service}_{test}");
            let database = Self::with(postgres, &name, DatabaseContent::Prepared).await?;
            made.insert((*service).to_owned(), database);
        }
        Ok(made)
    }

    async fn with(postgres: &Postgres, name: &str, content: DatabaseContent) -> Result<Self> {
        let name = format!("{}_{}", identifier(name, 40), random::hex::<3>()?);
        let admin = postgres.admin().clone();
        let wanted = BTreeMap::from([(name.clone(), name.clone())]);
        let made = create(&admin, &wanted, content).await?;
        let url = made.into_values().next().map_or_else(|| admin.clone(), |made| made.url);
        Ok(Self { url, name, admin })
    }

    /// Returns the URL for its owner.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Lets a reader lock all tables, as `pg_dump` does.
    pub async fn hold_tables(&self) -> Result<TableReader> {
        TableReader::new(&urls::with_path(&self.admin, &self.name), true).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin, names) = (self.admin.clone(), vec![std::mem::take(&mut self.name)]);
        clean_up(async move { drop_all(&admin, &names).await });
    }
}
