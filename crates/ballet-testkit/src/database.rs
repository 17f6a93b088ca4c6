use std::collections::BTreeMap;

use reqwest::Url;

use crate::bed::databases::{create, drop_all};
use crate::bed::{clean_up, identifier};
use crate::error::Result;
use crate::random;
use crate::servers::Postgres;

/// A database that nobody else uses, for a test that needs no broker; gone when it is dropped.
#[derive(Debug)]
pub struct Database {
    url: Url,
    name: String,
    admin: Url,
}

impl Database {
    /// Makes a database with an owner of its own, for a test of that name.
    pub async fn new(postgres: &Postgres, name: &str) -> Result<Self> {
        let name = format!("{}_{}", identifier(name, 40), random::hex::<3>()?);
        let admin = postgres.admin().clone();
        let made = create(&admin, &BTreeMap::from([(name.clone(), name.clone())])).await?;
        let url = made.into_values().next().map_or_else(|| admin.clone(), |made| made.url);
        Ok(Self { url, name, admin })
    }

    /// Where its owner connects.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin, names) = (self.admin.clone(), vec![std::mem::take(&mut self.name)]);
        clean_up(async move { drop_all(&admin, &names).await });
    }
}
