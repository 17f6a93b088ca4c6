//! TLS to the broker and to the database, with the test's own certificate authority.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ballet::{Service, Settings};
use ballet_amqp::{Broker, RabbitMq, TlsFiles};
use ballet_stage::{Options, Servers, TlsIdentity};
use ballet_testkit::certificates::Authority;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::scene::rome;
use crate::trip::{HOTEL_TABLES, RoomBooked};
use crate::world::{TripWorld, the_hotel};
use crate::{external, rotation};

const SOON: Duration = Duration::from_secs(60);

pub(crate) struct Files(PathBuf);

impl Files {
    pub(crate) fn new(name: &str) -> Self {
        let mut path = std::env::temp_dir();
        path.push(format!("ballet-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Stops the services. `None` where servers with TLS cannot be started from local programs.
async fn world(name: &str, options: Options) -> Option<(TripWorld, Servers)> {
    let servers = Servers::private(options).await.unwrap();
    if servers.rabbitmq().tls_port().is_none() {
        use std::io::Write;
        // Past the harness, which hides what a passing test prints.
        writeln!(std::io::stderr(), "SKIPPED {name}: TLS needs servers from local programs").ok();
        return None;
    }
    let mut world = Box::pin(TripWorld::on(&servers, name, vec![the_hotel()])).await;
    for service in std::mem::take(&mut world.services) {
        service.stop().await;
    }
    Some((world, servers))
}

pub(crate) fn amqps(world: &TripWorld, servers: &Servers, host: &str) -> String {
    let url = world.env.amqp_url("hotel").replace("amqp://", "amqps://");
    let (before, after) = url.split_once("@127.0.0.1:").unwrap();
    let (_, vhost) = after.split_once('/').unwrap();
    format!("{before}@{host}:{}/{vhost}", servers.rabbitmq().tls_port().unwrap())
}

pub(crate) fn database(world: &TripWorld, host: &str) -> String {
    world.env.database_url("hotel").replace("127.0.0.1", host)
}

pub(crate) fn settings(amqp: String, database: String, ca: PathBuf) -> Settings {
    let mut settings = Settings::new(amqp, database);
    settings.tls.amqp_ca_file = Some(ca.clone());
    settings.tls.database_ca_file = Some(ca);
    settings
}

/// Returns why the service does not start.
async fn complaint(settings: Settings) -> String {
    let service = Service::new(the_hotel().participant).migrations(HOTEL_TABLES);
    match tokio::time::timeout(SOON, service.start(settings)).await.expect("an answer") {
        Ok(_) => panic!("it starts"),
        Err(error) => error.to_string(),
    }
}

/// Returns why the broker is unavailable.
pub(crate) async fn refusal(url: &str, tls: TlsFiles) -> String {
    let broker = RabbitMq::new(url).unwrap().tls(tls);
    match broker.connect("test").await {
        Ok(_) => panic!("it connects to {url}"),
        Err(error) => error.to_string(),
    }
}

fn trusts(ca: PathBuf) -> TlsFiles {
    TlsFiles { ca: Some(ca), ..TlsFiles::default() }
}

#[tokio::test]
async fn t161_t228_with_tls_it_works_what_is_wrong_is_told_and_certificates_may_change() {
    let [authority, old] = ["ours", "old"].map(Authority::new);
    let options = Options::fast().tls(&old.identity(&["localhost"]));
    let options = options.client_authority(authority.certificate());
    let Some((world, servers)) = world("t161", options).await else { return };
    let files = Files::new("t161");
    let ca = files.file("ca.pem", authority.certificate());
    let stranger = files.file("stranger.pem", Authority::new("a stranger's").certificate());
    let (amqp, postgres) = (amqps(&world, &servers, "localhost"), database(&world, "localhost"));

    let ours = authority.identity(&["hotel"]);
    let mut good = settings(amqp.clone(), postgres.clone(), ca.clone());
    good.tls.amqp_cert_file = Some(files.file("hotel.pem", &ours.certificate));
    good.tls.amqp_key_file = Some(files.file("hotel.key", &ours.key));
    let both = [&old, &authority];
    let world = rotation::certificates_change(world, &servers, both, good.clone()).await;
    let service = Service::new(the_hotel().participant).migrations(HOTEL_TABLES);
    let running = service.start(good).await.unwrap();
    let saga = world.new_saga();
    world.publish(saga, &rome()).await;
    world.event::<RoomBooked>(saga).await;
    ballet_stage::wait_until("connections with TLS", SOON, || async {
        let open = world.env.management().connections().await.map_err(|e| e.to_string())?;
        let of_hotel = |c: &&serde_json::Value| {
            c["client_properties"]["connection_name"].as_str().is_some_and(|n| n.contains("hotel"))
        };
        let ssl: Vec<_> = open.iter().filter(of_hotel).map(|c| c["ssl"].clone()).collect();
        let both = ssl.len() == 2 && ssl.iter().all(|ssl| *ssl == true);
        if both { Ok(Some(())) } else { Err(format!("{ssl:?} of {}", open.len())) }
    })
    .await
    .unwrap();
    let clear = "pg_stat_ssl join pg_stat_activity using (pid) \
                 where not ssl and application_name = 'hotel'";
    world.until_count("hotel", clear, 0).await;
    assert!(world.count("hotel", &clear.replace("not ssl", "ssl")).await > 0);
    running.stop().await;

    let wrong_ca = complaint(settings(amqp.clone(), postgres.clone(), stranger.clone())).await;
    assert!(wrong_ca.contains("set DATABASE_CA_FILE to the CA"), "{wrong_ca}");
    let wrong_ca = refusal(&amqp, trusts(stranger)).await;
    assert!(wrong_ca.contains("set AMQP_CA_FILE to the CA"), "{wrong_ca}");
    let no_ca = refusal(&amqp, TlsFiles::default()).await;
    assert!(no_ca.contains("set AMQP_CA_FILE to the CA"), "{no_ca}");
    let nobody = refusal(&amqp, trusts(ca.clone())).await;
    // With TLS 1.3 the broker may hang up without its refusal.
    assert!(nobody.contains("set AMQP_CERT_FILE and AMQP_KEY_FILE"), "{nobody}");

    let wrong_host = settings(amqp.clone(), database(&world, "127.0.0.1"), ca.clone());
    let wrong_host = complaint(wrong_host).await;
    assert!(wrong_host.contains("for another host name"), "{wrong_host}");
    let wrong_host = refusal(&amqps(&world, &servers, "127.0.0.1"), trusts(ca.clone())).await;
    assert!(wrong_host.contains("for another host name"), "{wrong_host}");

    let plain = world.env.amqp_url("hotel").to_owned();
    let not_tls = refusal(&plain.replace("amqp://", "amqps://"), trusts(ca.clone())).await;
    assert!(not_tls.contains("does not speak TLS"), "{not_tls}");
    let in_the_clear = complaint(settings(plain, postgres.clone(), ca.clone())).await;
    assert!(in_the_clear.contains("write amqps://"), "{in_the_clear}");
    let nothing = files.file("nothing.pem", "nothing");
    let nothing = complaint(settings(amqp.clone(), postgres.clone(), nothing)).await;
    assert!(nothing.contains("nothing.pem contains no certificate"), "{nothing}");

    let mut said = String::new();
    for sentence in [wrong_ca, no_ca, nobody, wrong_host, not_tls, in_the_clear, nothing] {
        writeln!(said, "{sentence}").unwrap();
    }
    let password = world.env.amqp_url("hotel").split([':', '@']).nth(2).unwrap();
    assert!(!said.contains(password), "{said}");

    database_asks_for_a_certificate(&world, &servers, &authority, &ca).await;
    external::a_certificate_signs_in_without_a_password(&world, &servers, &authority, &ca).await;
    replace_certificates(&servers, &authority.expired_identity(&["localhost"])).await;
    let old = complaint(settings(amqp.clone(), postgres, ca.clone())).await;
    assert!(old.contains("has expired"), "{old}");
    let old = refusal(&amqp, trusts(ca)).await;
    assert!(old.contains("has expired"), "{old}");
}

pub(crate) async fn replace_certificates(servers: &Servers, identity: &TlsIdentity) {
    assert_eq!(replace(servers.dir().unwrap(), identity), 4);
    servers.rabbitmq().control(&["eval", "ssl:clear_pem_cache()."]).await.unwrap();
    let mut db = PgConnection::connect(servers.postgres().url()).await.unwrap();
    db.execute("select pg_reload_conf()").await.unwrap();
}

/// Returns the number of files below the folder.
fn replace(folder: &Path, identity: &TlsIdentity) -> usize {
    let mut replaced = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = match path.file_name().and_then(|name| name.to_str()) {
            _ if path.is_dir() => {
                replaced += replace(&path, identity);
                continue;
            }
            Some("server.pem") => &identity.certificate,
            Some("server.key") => &identity.key,
            _ => continue,
        };
        std::fs::write(&path, text).unwrap();
        replaced += 1;
    }
    replaced
}

/// The hotel's role needs TLS and a certificate that this CA signed.
async fn asks_for_certificates(world: &TripWorld, servers: &Servers, ca: &Path) {
    let mut db = PgConnection::connect(servers.postgres().url()).await.unwrap();
    let role = url_user(world.env.database_url("hotel"));
    let trusted = format!("alter system set ssl_ca_file = '{}'", ca.display());
    db.execute(AssertSqlSafe(trusted)).await.unwrap();
    let (rules,): (String,) = sqlx::query_as("show hba_file").fetch_one(&mut db).await.unwrap();
    let before = std::fs::read_to_string(&rules).unwrap();
    let first = format!(
        "hostssl all {role} 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n\
         hostnossl all {role} 127.0.0.1/32 reject\n"
    );
    std::fs::write(&rules, first + &before).unwrap();
    db.execute("select pg_reload_conf()").await.unwrap();
    ballet_stage::wait_until("the rules to hold", SOON, || async {
        let plain = format!("{}?sslmode=disable", world.env.database_url("hotel"));
        let refused = PgConnection::connect(&plain).await.is_err();
        Ok::<_, String>(refused.then_some(()))
    })
    .await
    .unwrap();
}

pub(crate) fn url_user(url: &str) -> &str {
    url.split("://").nth(1).and_then(|rest| rest.split(':').next()).unwrap()
}

/// The database gets our certificate, or the service reports what is missing.
async fn database_asks_for_a_certificate(
    world: &TripWorld,
    servers: &Servers,
    authority: &Authority,
    ca: &Path,
) {
    let files = Files::new("t161-client");
    asks_for_certificates(world, servers, ca).await;
    let shown = |name: &str, identity: Option<TlsIdentity>| {
        let amqp = world.env.amqp_url("hotel").to_owned();
        let mut settings = Settings::new(amqp, database(world, "localhost"));
        settings.tls.database_ca_file = Some(ca.to_owned());
        if let Some(identity) = identity {
            let file = |ending, text| files.file(&format!("{name}.{ending}"), text);
            settings.tls.database_cert_file = Some(file("pem", &identity.certificate));
            settings.tls.database_key_file = Some(file("key", &identity.key));
        }
        settings
    };

    let nothing = complaint(shown("nothing", None)).await;
    assert!(nothing.contains("set DATABASE_CERT_FILE and DATABASE_KEY_FILE"), "{nothing}");
    let stranger = Authority::new("a stranger's").identity(&["hotel"]);
    let stranger = complaint(shown("stranger", Some(stranger))).await;
    assert!(stranger.contains("DATABASE_CERT_FILE"), "{stranger}");
    assert!(stranger.contains("does not know the CA"), "{stranger}");
    let expired = authority.expired_identity(&["hotel"]);
    let expired = complaint(shown("expired", Some(expired))).await;
    assert!(expired.contains("the certificate in DATABASE_CERT_FILE has expired"), "{expired}");

    let ours = shown("ours", Some(authority.identity(&["hotel"])));
    let service = Service::new(the_hotel().participant).migrations(HOTEL_TABLES);
    let running = service.start(ours).await.unwrap();
    let saga = world.new_saga();
    world.publish(saga, &rome()).await;
    world.event::<RoomBooked>(saga).await;
    let mut db = PgConnection::connect(world.env.admin_database_url("hotel")).await.unwrap();
    let sql = "select count(*), count(*) filter (where ssl and client_dn is not null) \
               from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'hotel'";
    let (all, with): (i64, i64) = sqlx::query_as(sql).fetch_one(&mut db).await.unwrap();
    assert!(all > 0 && with == all, "{with} of {all} with a certificate");
    running.stop().await;
}
