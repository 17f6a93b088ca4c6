//! One test's environment: a vhost with its topology, its users, and a database per service.

use std::collections::BTreeMap;

use ballet::core::topology::{DEAD, EVENTS, JOURNAL};
use hyper::Method;
use serde_json::{Value, json};
use url::Url;

use crate::env::clean_up::clean_up;
use crate::env::databases::{self, DatabaseContent, EnvDatabase};
use crate::env::definitions::{EnvDefinitions, rewrite};
use crate::env::import;
use crate::env::names::{database_names, identifier};
use crate::env::reader::TableReader;
use crate::error::{Error, Result};
use crate::management::ManagementClient;
use crate::servers::definitions::{BrokerUser, administrator, push};
use crate::servers::pair::Servers;
use crate::servers::rabbitmq_access::OPS;
use crate::{random, urls};

/// A vhost, users and databases for one user. They are removed when this is closed or dropped.
#[derive(Debug)]
pub struct TestEnv {
    vhost: String,
    amqp: BTreeMap<String, Url>,
    ops: Url,
    databases: BTreeMap<String, EnvDatabase>,
    management: ManagementClient,
    leftovers: Option<Leftovers>,
    suffix: String,
}

/// What to remove, and the administrators' access.
#[derive(Debug, Clone)]
struct Leftovers {
    management: ManagementClient,
    vhost: String,
    users: Vec<String>,
    postgres: Url,
    databases: Vec<String>,
}

impl TestEnv {
    /// Creates the environment of the test with this name, from the definitions of one vhost.
    ///
    /// Vhost, users and databases get unique names, so nothing else on the servers is touched.
    pub async fn new(
        servers: &Servers,
        name: &str,
        definitions: &Value,
        services: &[&str],
    ) -> Result<Self> {
        Self::of_test(servers, name, definitions, services, DatabaseContent::Nothing).await
    }

    /// Like [`new`](Self::new), but the databases have the framework's tables, as after a service's first start. Copies
    /// take a tenth of the time.
    ///
    /// The first such environment leaves the copies' template on the server.
    pub async fn prepared(
        servers: &Servers,
        name: &str,
        definitions: &Value,
        services: &[&str],
    ) -> Result<Self> {
        Self::of_test(servers, name, definitions, services, DatabaseContent::Prepared).await
    }

    async fn of_test(
        servers: &Servers,
        name: &str,
        definitions: &Value,
        services: &[&str],
        content: DatabaseContent,
    ) -> Result<Self> {
        let suffix = format!("_{}_{}", identifier(name, 16), random::hex::<3>()?);
        Self::with(servers, &suffix, definitions, services, content).await
    }

    /// Creates an environment for people: vhost, users and databases keep their names.
    ///
    /// On servers that are not our own this is [`TestEnv::new`].
    pub async fn with_plain_names(
        servers: &Servers,
        definitions: &Value,
        services: &[&str],
    ) -> Result<Self> {
        if servers.rabbitmq().is_private() && servers.postgres().is_private() {
            return Self::with(servers, "", definitions, services, DatabaseContent::Nothing).await;
        }
        Self::new(servers, "plain", definitions, services).await
    }

    async fn with(
        servers: &Servers,
        suffix: &str,
        definitions: &Value,
        services: &[&str],
        content: DatabaseContent,
    ) -> Result<Self> {
        let mut rewritten = rewrite(definitions, suffix)?;
        if let Some(unknown) =
            services.iter().find(|service| !rewritten.users.contains_key(**service))
        {
            return Err(Error::Definitions(format!("they have no user for service {unknown}")));
        }
        let management = servers.rabbitmq().management().in_vhost(&rewritten.vhost);
        let server = servers.rabbitmq().url();
        // With a suffix the administrator is removed with the environment.
        let ops = ops(server, &mut rewritten, suffix)?;
        if !suffix.is_empty() {
            let quick = quick_retries(&rewritten);
            push(&mut rewritten.document, "policies", quick)?;
        }
        let wanted = database_names(services, suffix);
        let mut env = Self {
            amqp: rewritten
                .users
                .iter()
                .map(|(of, user)| (of.clone(), login(server, user, &rewritten)))
                .collect(),
            ops,
            databases: BTreeMap::new(),
            management: management.clone(),
            leftovers: Some(Leftovers {
                management,
                vhost: rewritten.vhost.clone(),
                users: rewritten.users.values().map(|user| user.name.clone()).collect(),
                postgres: servers.postgres().admin().clone(),
                databases: wanted.values().cloned().collect(),
            }),
            vhost: rewritten.vhost.clone(),
            suffix: suffix.to_owned(),
        };
        // From here on a drop removes what was created.
        let (broker, databases) = tokio::join!(
            import::apply(&env.management, &rewritten),
            databases::create(servers.postgres().admin(), &wanted, content),
        );
        broker?;
        env.databases = databases?;
        Ok(env)
    }

    /// Adds a database of this name, for a program beside the services.
    pub async fn add_database(&mut self, name: &str) -> Result<()> {
        let Some(leftovers) = &mut self.leftovers else { return Ok(()) };
        let wanted = database_names(&[name], &self.suffix);
        leftovers.databases.extend(wanted.values().cloned());
        let made = databases::create(&leftovers.postgres, &wanted, DatabaseContent::Nothing);
        self.databases.extend(made.await?);
        Ok(())
    }

    /// Returns the vhost's name.
    pub fn vhost(&self) -> &str {
        &self.vhost
    }

    /// Returns the broker's URL for a service, or for another user of the definitions.
    ///
    /// # Panics
    /// If the definitions have no such user.
    pub fn amqp_url(&self, user: &str) -> &str {
        let known = || format!("{:?}", self.amqp.keys());
        let found = self.amqp.get(user);
        found
            .unwrap_or_else(|| panic!("this test environment has no user {user}, only {}", known()))
            .as_str()
    }

    /// Returns the broker's URL for an administrator of the vhost.
    pub fn ops_amqp_url(&self) -> &str {
        self.ops.as_str()
    }

    /// Returns the URL of a service's database for the service, which owns it.
    ///
    /// # Panics
    /// If the environment was created without that service.
    pub fn database_url(&self, service: &str) -> &str {
        self.database(service).url.as_str()
    }

    /// Returns the URL of a service's database for an administrator of the server.
    ///
    /// # Panics
    /// If the environment was created without that service.
    pub fn admin_database_url(&self, service: &str) -> &str {
        self.database(service).admin_url.as_str()
    }

    /// Lets a reader lock all tables of a service's database, with a snapshot, as `pg_dump` does.
    ///
    /// # Panics
    /// If the environment was created without that service.
    pub async fn hold_tables(&self, service: &str) -> Result<TableReader> {
        TableReader::new(&self.database(service).admin_url, true).await
    }

    /// Lets a reader lock all tables of a service's database, without a snapshot that keeps dead rows.
    ///
    /// # Panics
    /// If the environment was created without that service.
    pub async fn lock_tables(&self, service: &str) -> Result<TableReader> {
        TableReader::new(&self.database(service).admin_url, false).await
    }

    fn database(&self, service: &str) -> &EnvDatabase {
        let known = || format!("{:?}", self.databases.keys());
        let found = self.databases.get(service);
        found.unwrap_or_else(|| {
            panic!("this test environment has no service {service}, only {}", known())
        })
    }

    /// Returns the management API for this vhost.
    pub fn management(&self) -> &ManagementClient {
        &self.management
    }

    /// Replaces the journal by an empty one.
    pub async fn journal_anew(&self) -> Result<()> {
        self.management.delete_queue(JOURNAL).await?;
        let stream = json!({ "durable": true, "arguments": { "x-queue-type": "stream" } });
        let path = ["queues", self.vhost(), JOURNAL];
        self.management.call(Method::PUT, &path, Some(&stream)).await?;
        for exchange in [EVENTS, DEAD] {
            let path = ["bindings", self.vhost(), "e", exchange, "q", JOURNAL];
            let all = json!({ "routing_key": "#" });
            self.management.call(Method::POST, &path, Some(&all)).await?;
        }
        Ok(())
    }

    /// Returns the management API's address for the administrator of [`TestEnv::ops_amqp_url`].
    pub fn management_url(&self) -> String {
        let mut url = self.management.address();
        // These fail only for URLs without a host.
        url.set_username(self.ops.username()).ok();
        url.set_password(self.ops.password()).ok();
        url.into()
    }

    /// Removes the vhost, its users, the databases and their roles.
    pub async fn close(mut self) -> Result<()> {
        match self.leftovers.take() {
            Some(leftovers) => leftovers.remove().await,
            None => Ok(()),
        }
    }
}

impl Drop for TestEnv {
    /// Cleans up after tests that fail or do not close it. Errors are ignored.
    fn drop(&mut self) {
        let Some(leftovers) = self.leftovers.take() else { return };
        clean_up(async move { leftovers.remove().await });
    }
}

impl Leftovers {
    async fn remove(&self) -> Result<()> {
        let broker = async {
            self.delete(&["vhosts", &self.vhost]).await?;
            // A missing user may keep the others from being deleted together.
            let all = json!({ "users": self.users });
            let together = ["users", "bulk-delete"];
            if self.management.call(Method::POST, &together, Some(&all)).await.is_ok() {
                return Ok(());
            }
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
            Err(Error::Management(error)) if error.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }
}

/// Adds the environment's administrator: a new user or, with plain names, the server's own.
fn ops(server: &Url, definitions: &mut EnvDefinitions, suffix: &str) -> Result<Url> {
    let name = format!("{OPS}{suffix}");
    let permission = json!({
        "user": name, "vhost": definitions.vhost, "configure": ".*", "write": ".*", "read": ".*"
    });
    push(&mut definitions.document, "permissions", permission)?;
    if suffix.is_empty() {
        return Ok(urls::with_path(server, &definitions.vhost));
    }
    let user = BrokerUser { name, password: random::hex::<12>()? };
    push(&mut definitions.document, "users", administrator(&user)?)?;
    let url = login(server, &user, definitions);
    definitions.users.insert(OPS.to_owned(), user);
    Ok(url)
}

/// Returns a policy that limits the retry queues' times, in place of the declared one and with its limits.
fn quick_retries(rewritten: &EnvDefinitions) -> Value {
    let policies = rewritten.document["policies"].as_array();
    let declared = policies.and_then(|all| all.iter().find(|policy| policy["name"] == "retries"));
    let mut definition = declared.map_or_else(|| json!({}), |policy| policy["definition"].clone());
    definition["message-ttl"] = json!(300);
    json!({ "vhost": rewritten.vhost, "name": "quick-retries", "pattern": r"^retry\.",
        "apply-to": "queues", "priority": 9, "definition": definition })
}

fn login(server: &Url, user: &BrokerUser, definitions: &EnvDefinitions) -> Url {
    urls::for_user(server, &user.name, &user.password, &definitions.vhost)
}
