//! Records the normal state before the first fault, and restores it after each. A failed command may have had its
//! effect.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use ballet_stage::{ManagementClient, Method, RabbitMq};
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::running::long_run::LongRun;
use crate::system::trial::Sandbox;

/// The sections of the broker's definitions that faults change.
const SECTIONS: [&str; 6] =
    ["permissions", "topic_permissions", "policies", "exchanges", "queues", "bindings"];

#[derive(Debug)]
pub(crate) struct Baseline {
    definitions: Value,
    /// Each node's memory and disk limits, as an Erlang term. A node in a container takes no commands, and is left out.
    limits: BTreeMap<String, String>,
    roles: Vec<DatabaseRole>,
}

#[derive(Debug)]
pub(super) struct DatabaseRole {
    pub(super) service: &'static str,
    pub(super) url: String,
    pub(super) name: String,
    connections: i32,
    /// The tables of the providers that the service plays.
    tables: Vec<&'static str>,
}

impl Baseline {
    pub(crate) async fn record(run: &LongRun, sandboxes: &[Sandbox]) -> Result<Self> {
        let definitions = definitions(run.stage.env.management()).await?;
        let mut limits = BTreeMap::new();
        for node in run.stage.servers.nodes() {
            if let Some(name) = node.node_name() {
                let both = "{vm_memory_monitor:get_vm_memory_high_watermark(), \
                            rabbit_disk_monitor:get_disk_free_limit()}.";
                limits.insert(name, node.control(&["eval", both]).await?);
            }
        }
        let mut roles = Vec::new();
        for service in run.services() {
            let url = run.stage.env.admin_database_url(service);
            let of_service = sandboxes.iter().filter(|sandbox| sandbox.service == service);
            let tables = of_service.map(|sandbox| sandbox.table).collect();
            roles.push(DatabaseRole::of(service, url.to_owned(), tables).await?);
        }
        Ok(Self { definitions, limits, roles })
    }

    pub(super) fn roles(&self) -> &[DatabaseRole] {
        &self.roles
    }

    /// Lets a node connect to the others, and ends its alarms. On a paused node only the first succeeds.
    pub(super) async fn node(&self, node: &RabbitMq) -> Result<()> {
        let limits = node.node_name().and_then(|name| self.limits.get(&name));
        let Some(limits) = limits else { return Ok(()) };
        let nodes: Vec<_> = self.limits.keys().map(|name| format!("'{name}'")).collect();
        let normal = format!(
            "[erlang:set_cookie(Node, erlang:get_cookie()) || Node <- [{}], Node =/= node()], \
             {{Memory, Disk}} = {limits}, vm_memory_monitor:set_vm_memory_high_watermark(Memory), \
             rabbit_disk_monitor:set_disk_free_limit(Disk).",
            nodes.join(", ")
        );
        Ok(node.control(&["eval", &normal]).await.map(drop)?)
    }

    /// Imports the broker's definitions that are missing or changed.
    pub(super) async fn define(&self, management: &ManagementClient) -> Result<()> {
        management.call(Method::POST, &["definitions"], Some(&self.definitions)).await?;
        // A busy broker sometimes omits a queue and reports success.
        let now = definitions(management).await?;
        for section in SECTIONS {
            let entries = |all: &Value| all[section].as_array().cloned().unwrap_or_default();
            let present = entries(&now);
            let missing = entries(&self.definitions).into_iter().find(|one| !present.contains(one));
            ensure!(missing.is_none(), "the {section} lack {}", missing.unwrap_or_default());
        }
        Ok(())
    }

    /// Restores connections of roles and the providers' tables.
    pub(super) async fn databases(&self) -> Result<()> {
        for role in &self.roles {
            let mut db = PgConnection::connect(&role.url).await?;
            role.limit(&mut db, role.connections).await?;
            for table in &role.tables {
                let back = format!("alter table if exists {table}_away rename to {table}");
                db.execute(AssertSqlSafe(back)).await?;
            }
        }
        Ok(())
    }
}

impl DatabaseRole {
    async fn of(service: &'static str, url: String, tables: Vec<&'static str>) -> Result<Self> {
        let mut db = PgConnection::connect(&url).await?;
        let (name, connections) = sqlx::query_as(
            "select r.rolname::text, r.rolconnlimit from pg_database d \
             join pg_roles r on r.oid = d.datdba where d.datname = current_database()",
        )
        .fetch_one(&mut db)
        .await
        .with_context(|| format!("the role of {service}"))?;
        Ok(Self { service, url, name, connections, tables })
    }

    pub(super) async fn limit(
        &self,
        db: &mut PgConnection,
        connections: i32,
    ) -> Result<(), sqlx::Error> {
        let statement = format!("alter role \"{}\" connection limit {connections}", self.name);
        db.execute(AssertSqlSafe(statement)).await.map(drop)
    }
}

async fn definitions(management: &ManagementClient) -> Result<Value> {
    let mut all = management.call(Method::GET, &["definitions"], None).await?;
    let mut found = Map::new();
    for section in SECTIONS {
        let mut entries = all[section].take();
        if let Some(entries) = entries.as_array_mut() {
            entries.sort_by_cached_key(Value::to_string);
        }
        found.insert(section.to_owned(), entries);
    }
    Ok(found.into())
}
