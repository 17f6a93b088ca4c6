//! A running system: its environment on servers, and its services as processes.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ballet::core::{System, topology};
use futures_util::future::{join_all, try_join_all};
use serde_json::Value;

use crate::env::test_env::TestEnv;
use crate::error::{Error, Result, machine};
use crate::processes::children::Children;
use crate::processes::service::{ServiceLaunch, ServiceProcess};
use crate::servers::pair::Servers;

const WATCH: Duration = Duration::from_millis(200);

/// A system on servers, with its started services. Everything ends with this value.
#[derive(Debug)]
pub struct Stage {
    /// The services' processes.
    pub services: Vec<ServiceProcess>,
    /// Starts processes that end with this program.
    pub children: Children,
    /// The system's virtual host, users and databases.
    pub env: TestEnv,
    /// The servers that it runs on.
    pub servers: Box<Servers>,
    /// The folder of the services' logs.
    pub logs: PathBuf,
}

/// A stage before it is on servers.
#[derive(Debug)]
pub struct StageSetting {
    definitions: Value,
    services: Vec<&'static str>,
    name: Option<String>,
}

impl StageSetting {
    /// Gives virtual host, users and databases unique names with this one in them. By default they have plain names on
    /// our own servers.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// Makes the environment on these servers, with the logs in this folder.
    pub async fn on(self, servers: Servers, logs: PathBuf) -> Result<Stage> {
        let Self { definitions, services, name } = self;
        let env = match name {
            Some(name) => TestEnv::new(&servers, &name, &definitions, &services).await?,
            None => TestEnv::with_plain_names(&servers, &definitions, &services).await?,
        };
        let (children, services) = (Children::new()?, Vec::new());
        Ok(Stage { services, children, env, servers: Box::new(servers), logs })
    }
}

impl Stage {
    /// Returns the setting for a system, before anything runs.
    #[must_use]
    pub fn of(system: &System) -> StageSetting {
        StageSetting {
            definitions: topology::definitions(system, |_| String::new()),
            services: system.parts.iter().map(|part| part.service).collect(),
            name: None,
        }
    }

    /// Makes the launch of a service from a program, with these variables.
    pub fn launch(
        &self,
        name: &'static str,
        program: PathBuf,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> ServiceLaunch {
        let management = self.env.management().url().to_owned();
        let management = [("RABBITMQ_MANAGEMENT_URL".to_owned(), management)];
        ServiceLaunch {
            name,
            program,
            env: management.into_iter().chain(env).collect(),
            isolated: false,
            amqp_url: self.env.amqp_url(name).to_owned(),
            database_url: self.env.database_url(name).to_owned(),
            log: self.logs.join(format!("{name}.log")),
        }
    }

    /// Starts a service.
    pub async fn start(&mut self, launch: ServiceLaunch) -> Result<()> {
        self.services.push(ServiceProcess::start(&self.children, launch).await?);
        Ok(())
    }

    /// Waits until all services are ready, and their addresses are known.
    ///
    /// # Errors
    ///
    /// If one has ended, or is not ready after minutes.
    pub async fn ready(&mut self) -> Result<()> {
        try_join_all(self.services.iter_mut().map(ServiceProcess::ready)).await?;
        Ok(())
    }

    /// Like [`ready`](Self::ready), but services without HTTP are ready once they consume.
    pub async fn ready_or_consuming(&mut self) -> Result<()> {
        let env = &self.env;
        let all = self.services.iter_mut().map(|service| ready_or_consuming(service, env));
        try_join_all(all).await?;
        Ok(())
    }

    /// Waits until a service ends, and returns the error that names it.
    pub async fn failed(&mut self) -> Error {
        loop {
            for service in &mut self.services {
                if let Err(error) = service.check() {
                    return error;
                }
            }
            tokio::time::sleep(WATCH).await;
        }
    }

    /// Returns the variables with all addresses, for a shell and the command `ballet`.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let services = self.services.iter().map(|service| (service.launch.name, &*service.url));
        variables(&self.env, &services.collect::<Vec<_>>())
    }

    /// Ends the services, the environment, and our own servers.
    pub async fn end(self, keep_logs: bool) -> Result<()> {
        let Self { services, children, env, servers, logs } = self;
        join_all(services.into_iter().map(ServiceProcess::stop)).await;
        drop(children);
        if !keep_logs {
            // They are in a temporary folder anyway.
            fs::remove_dir_all(&logs).ok();
        }
        // Our own servers' data goes with them.
        if servers.rabbitmq().is_private() && servers.postgres().is_private() {
            servers.stop().await?;
            drop(env);
            return Ok(());
        }
        let closed = env.close().await;
        servers.stop().await?;
        closed
    }
}

/// Returns the variables with an environment's addresses and these services' URLs.
#[must_use]
pub fn variables(env: &TestEnv, services: &[(&'static str, &str)]) -> Vec<(String, String)> {
    let mut all = vec![
        ("BALLET_AMQP_URL".to_owned(), env.ops_amqp_url().to_owned()),
        ("BALLET_MANAGEMENT_URL".to_owned(), env.management_url()),
        ("BALLET_VHOST".to_owned(), env.vhost().to_owned()),
    ];
    let database = |(name, _): &(&'static str, &str)| env.admin_database_url(name).to_owned();
    let databases: Vec<_> = services.iter().map(database).collect();
    if let Some(((first, _), url)) = services.first().zip(databases.first()) {
        let any = url.replace(&format!("/{first}"), "/{service}");
        let is_any =
            |((name, _), url): (&(&str, &str), &String)| any.replace("{service}", name) == *url;
        if services.iter().zip(&databases).all(is_any) {
            all.push(("BALLET_DATABASE_URL".to_owned(), any));
        }
    }
    for ((name, url), database) in services.iter().zip(databases) {
        let name = name.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        if !url.is_empty() {
            all.push((format!("{name}_URL"), (*url).to_owned()));
        }
        all.push((format!("{name}_DATABASE_URL"), database));
    }
    all
}

/// Writes variables, with passwords, to a file for a shell, after these commands.
pub fn write_exports(file: &Path, first: &str, variables: &[(String, String)]) -> Result<()> {
    let exports = variables.iter().map(|(name, value)| format!("export {name}='{value}'\n"));
    let text = exports.fold(first.to_owned(), |text, export| text + &export);
    write_private(file, text.as_bytes())
}

/// Writes a file that only this user may read.
pub fn write_private(file: &Path, text: &[u8]) -> Result<()> {
    // A file of an earlier run may have other rights.
    fs::remove_file(file).ok();
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let written = opened.and_then(|mut file| file.write_all(text));
    written.map_err(machine(format!("write {}", file.display())))
}

async fn ready_or_consuming(service: &mut ServiceProcess, env: &TestEnv) -> Result<()> {
    while !service.find_address() {
        service.check()?;
        // An unreadable queue is read again.
        let depth = env.management().depth(service.launch.name).await;
        if depth.is_ok_and(|depth| depth.consumers > 0) && !service.find_address() {
            return Ok(());
        }
        tokio::time::sleep(WATCH).await;
    }
    service.ready().await
}
