//! The world of one rehearsal: servers, a virtual host, databases, and the services of the build.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use ballet::core::{System, topology};
use ballet_stage::{Children, Launch, Options, Servers, ServiceProcess, TestEnv};
use futures_util::future::{join_all, try_join_all};
use reqwest::Client;
use uuid::Uuid;

use crate::rehearse::build::Build;
use crate::rehearse::prepare;
use crate::rehearse::setting::{self, Setting};
use crate::ui;

/// How often the services' processes are looked at.
const WATCH: Duration = Duration::from_millis(200);
/// For an answer of a service.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is to be set up.
pub(crate) struct Plan {
    pub(crate) system: &'static System,
    pub(crate) build: Build,
    pub(crate) settings: Vec<Setting>,
    pub(crate) prepare: Option<String>,
    /// The broker, its management API and the databases' server, if they are not brought up.
    pub(crate) given: Option<(String, Option<String>, String)>,
}

/// Everything that ends with the command. It is set up step by step, and can be torn down after each.
pub(crate) struct World {
    children: Children,
    http: Client,
    servers: Option<Servers>,
    env: Option<TestEnv>,
    services: Vec<ServiceProcess>,
    /// For the services' logs.
    folder: PathBuf,
}

impl World {
    pub(crate) fn new(id: Uuid) -> Result<Self> {
        let http = Client::builder().no_proxy().timeout(PATIENCE).build();
        let http = http.context("cannot set up HTTP")?;
        let folder = std::env::temp_dir().join(format!("ballet-rehearse-{id}"));
        // The logs may have what concerns nobody else.
        let made = DirBuilder::new().mode(0o700).create(&folder);
        made.with_context(|| format!("cannot create {}", folder.display()))?;
        let children = Children::new()?;
        Ok(Self { children, http, servers: None, env: None, services: Vec::new(), folder })
    }

    /// Brings up everything, and waits until all services are ready and prepared.
    pub(crate) async fn set(&mut self, plan: Plan) -> Result<()> {
        let Plan { system, build, settings, prepare, given } = plan;
        let servers = match given {
            Some((amqp, management, database)) => Servers::at(amqp, management, database).await?,
            None => Servers::private(Options::fast().progress(ui::say)).await?,
        };
        let servers = self.servers.insert(servers);
        let names: Vec<_> = system.parts.iter().map(|part| part.service).collect();
        let definitions = topology::definitions(system, |_| String::new());
        let env = TestEnv::new(servers, "rehearsal", &definitions, &names).await?;
        let env = self.env.insert(env);
        let vhost = env.vhost();
        ui::say(&format!("starting {} at the virtual host {vhost}", names.join(", ")));
        for (name, program) in build.programs() {
            let management =
                ("RABBITMQ_MANAGEMENT_URL".to_owned(), env.management().url().to_owned());
            let own = setting::of_service(&settings, name);
            let launch = Launch {
                name,
                program,
                env: [vec![management], own].concat(),
                isolated: true,
                amqp_url: env.amqp_url(name).to_owned(),
                database_url: env.database_url(name).to_owned(),
                log: self.folder.join(format!("{name}.log")),
            };
            self.services.push(ServiceProcess::start(&self.children, launch).await?);
        }
        let (http, env) = (&self.http, &*env);
        try_join_all(self.services.iter_mut().map(|service| ready(service, http, env))).await?;
        if let Some(command) = prepare {
            let (variables, children) = (self.variables()?, self.children.clone());
            tokio::select! {
                prepared = prepare::run(&children, &command, &variables) => prepared?,
                failed = self.failed() => return Err(failed),
            }
        }
        Ok(())
    }

    /// The broker's URL for an administrator of the virtual host.
    pub(crate) fn ops_url(&self) -> Result<&str> {
        Ok(self.env()?.ops_amqp_url())
    }

    /// Waits until a service ends, and says which.
    pub(crate) async fn failed(&mut self) -> anyhow::Error {
        loop {
            for service in &mut self.services {
                if let Err(error) = service.check() {
                    return anyhow!(error);
                }
            }
            tokio::time::sleep(WATCH).await;
        }
    }

    /// Says how to look at the world from another shell.
    pub(crate) fn show(&self) -> Result<()> {
        let file = self.folder.join("env");
        // It holds passwords.
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
        let written = opened.and_then(|mut file| {
            let mut line = |(name, value)| writeln!(file, "export {name}='{value}'");
            self.variables().unwrap_or_default().into_iter().try_for_each(&mut line)
        });
        written.with_context(|| format!("cannot write {}", file.display()))?;
        ui::say(&format!(
            "everything stays up until Ctrl-C; the logs are in {}. In another shell:",
            self.folder.display()
        ));
        ui::say(&format!("  . {}", file.display()));
        ui::say(&format!("  {} sagas list", ui::ballet()));
        Ok(())
    }

    /// Ends everything, also what is half set up.
    pub(crate) async fn tear_down(self, keep_logs: bool) -> Result<()> {
        let Self { children, servers, env, services, folder, http: _ } = self;
        let (keep_logs, is_private) = (
            keep_logs && !services.is_empty(),
            servers.as_ref().is_some_and(|servers| servers.dir().is_some()),
        );
        join_all(services.into_iter().map(ServiceProcess::stop)).await;
        drop(children);
        // The file with the passwords goes with what they are for.
        fs::remove_file(folder.join("env")).ok();
        if keep_logs {
            ui::say(&format!("the services' logs are in {}", folder.display()));
        } else {
            fs::remove_dir_all(&folder).ok();
        }
        // Servers of our own end with all that they hold.
        let (env, given) = if is_private { (env, None) } else { (None, env) };
        let closed = match given {
            Some(env) => env.close().await,
            None => Ok(()),
        };
        if let Some(servers) = servers {
            servers.stop().await?;
        }
        drop(env);
        Ok(closed?)
    }

    fn env(&self) -> Result<&TestEnv> {
        self.env.as_ref().context("there is no virtual host yet")
    }

    /// Where everything is, for a shell and for programs in it.
    fn variables(&self) -> Result<Vec<(String, String)>> {
        let env = self.env()?;
        let ops = env.ops_amqp_url();
        let management = env.management_url();
        let mut all = vec![
            ("AMQP_URL".to_owned(), ops.to_owned()),
            ("RABBITMQ_MANAGEMENT_URL".to_owned(), management.clone()),
            ("BALLET_VHOST".to_owned(), env.vhost().to_owned()),
            ("BALLET_AMQP_URL".to_owned(), ops.to_owned()),
            ("BALLET_MANAGEMENT_URL".to_owned(), management),
        ];
        let of = |service: &ServiceProcess| {
            let name = service.launch.name;
            (name, env.admin_database_url(name).to_owned())
        };
        let databases: Vec<_> = self.services.iter().map(of).collect();
        if let Some((first, url)) = databases.first() {
            let any = url.replace(&format!("/{first}_"), "/{service}_");
            if databases.iter().all(|(name, url)| any.replace("{service}", name) == *url) {
                all.push(("BALLET_DATABASE_URL".to_owned(), any));
            }
        }
        for (service, (name, database)) in self.services.iter().zip(databases) {
            let name = name.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            all.push((format!("{name}_URL"), service.url.clone()));
            all.push((format!("{name}_DATABASE_URL"), database));
        }
        Ok(all)
    }
}

/// Waits until a service is ready: it says so, or, if it serves no HTTP, it consumes its queue.
async fn ready(service: &mut ServiceProcess, http: &Client, env: &TestEnv) -> Result<()> {
    while !service.find_address() {
        service.check()?;
        // A queue that cannot be looked at is looked at again.
        let depth = env.management().depth(service.launch.name).await;
        if depth.is_ok_and(|depth| depth.consumers > 0) && !service.find_address() {
            return Ok(());
        }
        tokio::time::sleep(WATCH).await;
    }
    Ok(service.ready(http).await?)
}
