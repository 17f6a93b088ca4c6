//! One test's world: a vhost with its topology, its users, and a database per service.

pub(crate) mod databases;
pub(crate) mod definitions;
mod ready;

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::{Value, json};

use crate::error::{Error, Result, machine};
use crate::management::Management;
use crate::servers::{OPS, Servers};
use crate::{random, url};
use databases::Database;
use definitions::{User, World};

/// A vhost, users and databases that nobody else uses; gone when it is closed or dropped.
#[derive(Debug)]
pub struct Bed {
    vhost: String,
    amqp: BTreeMap<String, Url>,
    ops: Url,
    databases: BTreeMap<String, Database>,
    management: Management,
    leftovers: Option<Leftovers>,
}

/// What has to go away again, by the administrators of both servers.
#[derive(Debug, Clone)]
struct Leftovers {
    management: Management,
    vhost: String,
    users: Vec<String>,
    postgres: Url,
    databases: Vec<String>,
}

impl Bed {
    /// Makes a world from the definitions of one vhost, for a test of that name. The vhost, the
    /// users and the databases get unique names, so that nothing else on the servers is touched.
    pub async fn new(
        servers: &Servers,
        name: &str,
        definitions: &Value,
        services: &[&str],
    ) -> Result<Self> {
        let suffix = format!("_{}_{}", identifier(name, 16), random::hex::<3>()?);
        Self::with(servers, &suffix, definitions, services).await
    }

    /// Makes a world that people look at: vhost, users and databases keep their plain names.
    /// Only on servers of our own; on others it is the same as [`Bed::new`].
    pub async fn with_plain_names(
        servers: &Servers,
        definitions: &Value,
        services: &[&str],
    ) -> Result<Self> {
        if servers.rabbitmq().is_private() && servers.postgres().is_private() {
            return Self::with(servers, "", definitions, services).await;
        }
        Self::new(servers, "plain", definitions, services).await
    }

    async fn with(
        servers: &Servers,
        suffix: &str,
        definitions: &Value,
        services: &[&str],
    ) -> Result<Self> {
        let mut world = definitions::rewrite(definitions, suffix)?;
        if let Some(unknown) = services.iter().find(|service| !world.users.contains_key(**service))
        {
            return Err(Error::Definitions(format!("they have no user for service {unknown}")));
        }
        let management = servers.rabbitmq().management().in_vhost(&world.vhost);
        let server = servers.rabbitmq().url();
        // With a suffix the administrator is one of the bed's own, too: what a test does as `ops`
        // ends with it.
        let ops = ops(server, &mut world, suffix)?;
        if !suffix.is_empty() {
            definitions::push(&mut world.document, "policies", quick_retries(&world.vhost))?;
        }
        let wanted = database_names(services, suffix);
        let mut bed = Self {
            amqp: world
                .users
                .iter()
                .map(|(of, user)| (of.clone(), login(server, user, &world)))
                .collect(),
            ops,
            databases: BTreeMap::new(),
            management: management.clone(),
            leftovers: Some(Leftovers {
                management,
                vhost: world.vhost.clone(),
                users: world.users.values().map(|user| user.name.clone()).collect(),
                postgres: servers.postgres().admin().clone(),
                databases: wanted.values().cloned().collect(),
            }),
            vhost: world.vhost.clone(),
        };
        // From here on dropping the bed removes what there is of it.
        let (broker, databases) = tokio::join!(
            ready::apply(&bed.management, &world, &bed.amqp, services, &bed.ops),
            databases::create(servers.postgres().admin(), &wanted),
        );
        broker?;
        bed.databases = databases?;
        Ok(bed)
    }

    /// The vhost's name.
    pub fn vhost(&self) -> &str {
        &self.vhost
    }

    /// Where a service, or another user of the definitions, connects to the broker.
    ///
    /// # Panics
    /// If the definitions have no such user.
    pub fn amqp_url(&self, user: &str) -> &str {
        let known = || format!("{:?}", self.amqp.keys());
        let found = self.amqp.get(user);
        found.unwrap_or_else(|| panic!("this bed has no user {user}, only {}", known())).as_str()
    }

    /// Where an administrator of the vhost connects.
    pub fn ops_amqp_url(&self) -> &str {
        self.ops.as_str()
    }

    /// Where a service connects to its database, which it owns.
    ///
    /// # Panics
    /// If the bed was made without that service.
    pub fn database_url(&self, service: &str) -> &str {
        self.database(service).url.as_str()
    }

    /// The same database for an administrator of the server.
    ///
    /// # Panics
    /// If the bed was made without that service.
    pub fn admin_database_url(&self, service: &str) -> &str {
        self.database(service).admin_url.as_str()
    }

    fn database(&self, service: &str) -> &Database {
        let known = || format!("{:?}", self.databases.keys());
        let found = self.databases.get(service);
        found.unwrap_or_else(|| panic!("this bed has no service {service}, only {}", known()))
    }

    /// The management API for this vhost.
    pub fn management(&self) -> &Management {
        &self.management
    }

    /// Removes vhost, users, databases and roles.
    pub async fn close(mut self) -> Result<()> {
        match self.leftovers.take() {
            Some(leftovers) => leftovers.remove().await,
            None => Ok(()),
        }
    }
}

impl Drop for Bed {
    /// Best effort, for tests that fail: in a thread, because the test's runtime is busy with us.
    fn drop(&mut self) {
        let Some(leftovers) = self.leftovers.take() else { return };
        clean_up(async move { leftovers.remove().await });
    }
}

/// Waits for a clean-up in a thread of its own.
pub(crate) fn clean_up(remove: impl Future<Output = Result<()>> + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(machine("clean up after a test"))?;
        let limit = Duration::from_secs(60);
        runtime.block_on(async { tokio::time::timeout(limit, remove).await.unwrap_or(Ok(())) })
    });
    // Nobody is left to tell: the servers may be gone on purpose.
    drop(thread.join());
}

impl Leftovers {
    async fn remove(&self) -> Result<()> {
        let broker = async {
            self.delete(&["vhosts", &self.vhost]).await?;
            for user in &self.users {
                self.delete(&["users", user]).await?;
            }
            Ok(())
        };
        let databases = databases::drop_all(&self.postgres, &self.databases);
        let (broker, databases) = tokio::join!(broker, databases);
        broker.and(databases)
    }

    async fn delete(&self, path: &[&str]) -> Result<()> {
        match self.management.call(Method::DELETE, path, None).await {
            Err(Error::Server { cause, .. }) if cause.starts_with("404") => Ok(()),
            other => other.map(drop),
        }
    }
}

/// The bed's administrator: a new user, or the server's own where names are plain.
fn ops(server: &Url, world: &mut World, suffix: &str) -> Result<Url> {
    let name = if suffix.is_empty() {
        let own = url::credentials(server).map(|(name, _)| name);
        own.unwrap_or_else(|| OPS.to_owned())
    } else {
        format!("{OPS}{suffix}")
    };
    let permission = json!({
        "user": name, "vhost": world.vhost, "configure": ".*", "write": ".*", "read": ".*"
    });
    definitions::push(&mut world.document, "permissions", permission)?;
    if suffix.is_empty() {
        return Ok(url::with_path(server, &world.vhost));
    }
    let user = User { name, password: random::hex::<12>()? };
    definitions::push(&mut world.document, "users", definitions::administrator(&user)?)?;
    let url = login(server, &user, world);
    world.users.insert(OPS.to_owned(), user);
    Ok(url)
}

/// What waits for a retry waits for moments: the shorter of a queue's own time and a policy's
/// holds.
fn quick_retries(vhost: &str) -> Value {
    json!({ "vhost": vhost, "name": "quick-retries", "pattern": r"^retry\.", "apply-to": "queues",
        "priority": 9, "definition": { "message-ttl": 300 } })
}

fn login(server: &Url, user: &User, world: &World) -> Url {
    url::for_user(server, &user.name, &user.password, &world.vhost)
}

fn database_names(services: &[&str], suffix: &str) -> BTreeMap<String, String> {
    let name = |service: &str| format!("{}{suffix}", identifier(service, 30));
    services.iter().map(|service| ((*service).to_owned(), name(service))).collect()
}

/// A name that needs no quoting in SQL and no encoding in a URL.
pub(crate) fn identifier(name: &str, longest: usize) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    name.chars().map(plain).take(longest).collect()
}
