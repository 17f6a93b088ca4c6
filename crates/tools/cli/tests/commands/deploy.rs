//! `ballet deploy kubernetes`: what it writes, and what it refuses.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ballet::core::topology;
use ballet_stage::{left_out, program};
use ballet_testkit::command::{CommandOutput, has_all};
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

/// A project with the shop's contracts, and with its gateway's config.
struct ShopProject(PathBuf);

impl Drop for ShopProject {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").join(path)
}

impl ShopProject {
    fn new(name: &str) -> Self {
        let place =
            std::env::temp_dir().join(format!("ballet-deploy-{name}-{}", std::process::id()));
        fs::create_dir_all(&place).expect("a folder");
        let config = fs::read_to_string(workspace("crates/tools/gateway/shop.toml"));
        let documents = workspace("docs/openapi").canonicalize().expect("the documents");
        let documents = documents.to_str().expect("a path").to_owned();
        let config = config.expect("a config").replace("../../../docs/openapi", &documents);
        fs::write(place.join("gateway.toml"), config).expect("written");
        Self(place)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.join("deploy/kubernetes").join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).expect(path)
    }

    fn deploy(&self) -> CommandOutput {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
        command.env_remove("BALLET_CONTRACTS").current_dir(&self.0);
        command.arg("--contracts").arg(workspace("docs/contracts/shop"));
        command.args(["deploy", "kubernetes"]).output().expect("it runs").into()
    }
}

fn objects(text: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(text).expect("YAML")
}

fn names_of<'a>(objects: &'a [Yaml], kind: &str) -> BTreeSet<&'a str> {
    let of_kind = objects.iter().filter(|one| one["kind"].as_str() == Some(kind));
    of_kind.map(|one| one["metadata"]["name"].as_str().expect("a name")).collect()
}

#[test]
fn a_system_is_written_whole_and_the_second_time_nothing_changes() {
    let project = ShopProject::new("whole");
    project.deploy().ends_with(0);
    let listed = project.read("base/kustomization.yaml");
    for part in &shop::system().parts {
        let file = format!("base/{}.yaml", part.service);
        let (text, objects) = (project.read(&file), objects(&project.read(&file)));
        for kind in [
            "ServiceAccount",
            "Deployment",
            "Service",
            "PodDisruptionBudget",
            "NetworkPolicy",
            "PodMonitor",
            "ScaledObject",
        ] {
            assert_eq!(names_of(&objects, kind), BTreeSet::from([part.service]), "{kind}");
        }
        // The job is the service's name, which the alarms compare with its queue's.
        has_all(&text, &["jobLabel: app.kubernetes.io/name"]);
        let deployment = objects.iter().find(|one| one["kind"].as_str() == Some("Deployment"));
        let pod = &deployment.expect("a Deployment")["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let variables = container["env"].as_vec().expect("variables");
        let seconds = |name: &str| {
            let found = variables.iter().find(|one| one["name"].as_str() == Some(name));
            let value = found.and_then(|one| one["value"].as_str()).expect(name);
            value.parse::<i64>().expect(name)
        };
        // A stop leaves three quarters to handlers, and then has a few steps more.
        assert!(seconds("DRAIN_SECONDS") * 3 / 4 >= seconds("HANDLER_SECONDS"), "{text}");
        let stop = seconds("SHUTDOWN_DELAY_SECONDS") + seconds("DRAIN_SECONDS");
        let grace = pod["terminationGracePeriodSeconds"].as_i64().expect("seconds");
        assert!(grace >= stop + 10, "{text}");
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            assert!(!container[probe].is_badvalue(), "{probe}: {text}");
        }
        // The overlays set its value.
        assert_eq!(variables[0]["name"].as_str(), Some("ENVIRONMENT"));
        // Only who calls another company gets out.
        let calls = ["payments", "shipping"].contains(&part.service);
        assert_eq!(text.contains("0.0.0.0/0"), calls, "{}", part.service);
        assert!(listed.contains(&format!("- {}.yaml\n", part.service)), "{listed}");
    }
    for folder in ["base", "overlays/staging", "overlays/production"] {
        for entry in fs::read_dir(project.at(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let text = fs::read_to_string(&path).expect("text");
                let left = ["BALLET_", "my_service", "my-service", "my_system", "my-system"];
                let left = left.iter().find(|word| text.contains(**word));
                assert_eq!(left, None, "{}", path.display());
            }
        }
    }
    has_all(
        &project.read("base/gateway.toml"),
        &["http://orders:8080", "file:secrets/{upstream}", "10.0.0.0/8", "drain = \"20s\""],
    );

    fs::write(project.at("base/mine.yaml"), "# mine").expect("written");
    let old = project.read("base/orders.yaml");
    fs::write(project.at("base/loyalty.yaml"), old).expect("written");
    let said = project.deploy().succeeds();
    assert!(said.starts_with("removed ") && said.ends_with("base/loyalty.yaml\n"), "{said}");
    assert!(project.at("base/mine.yaml").exists());
}

#[test]
fn the_broker_gets_all_that_is_declared_and_keeps_its_queues() {
    let project = ShopProject::new("broker");
    project.deploy().ends_with(0);
    let objects = objects(&project.read("base/topology.yaml"));
    let definitions = topology::definitions(&shop::system(), |_| String::new());
    let declared = |section: &str| definitions[section].as_array().expect("a list").clone();
    for (kind, section) in [
        ("Vhost", "vhosts"),
        ("User", "users"),
        ("Permission", "permissions"),
        ("TopicPermission", "topic_permissions"),
        ("Queue", "queues"),
        ("Binding", "bindings"),
        ("Policy", "policies"),
    ] {
        assert_eq!(names_of(&objects, kind).len(), declared(section).len(), "{kind}");
    }
    let named = |one: &Value| one["name"].as_str().expect("a name").to_owned();
    let exchanges = declared("exchanges");
    let external: BTreeSet<String> =
        exchanges.iter().filter(|one| one["internal"] == false).map(named).collect();
    let written = names_of(&objects, "Exchange");
    assert_eq!(written.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), external);
    for one in objects.iter().filter(|one| one["kind"].as_str() == Some("Queue")) {
        assert_eq!(one["spec"]["deletionPolicy"].as_str(), Some("retain"));
    }
    // Internal exchanges are the command's to make.
    has_all(&project.read("base/jobs.yaml"), &["[ballet, topology, apply]"]);
    let secrets = project.read("secrets.sh");
    has_all(&secrets, &["rabbitmq.com/topology-operator=true", "cnpg.io/reload=true"]);
    for user in declared("users").iter().map(named) {
        assert!(secrets.contains(&format!(" {user} ")), "{user}: {secrets}");
    }
}

#[test]
fn the_gateways_pods_have_the_time_the_authorities_and_the_port_that_its_config_names() {
    let project = ShopProject::new("gateway");
    let file = project.0.join("gateway.toml");
    let shops = fs::read_to_string(&file).expect("a config");
    let (in_a_file, elsewhere) = (
        "keys = \"keys/jwks.json\"",
        "keys = \"https://login.example:8443/keys\"\nca_file = \"own.pem\"",
    );
    assert!(shops.contains(in_a_file), "{shops}");
    let own = shops.replace(in_a_file, elsewhere);
    fs::write(&file, format!("{own}\n[timeouts]\ndrain = \"soon\"\n")).expect("written");
    project.deploy().ends_with(2).says(&["jwt.ca_file: ", "own.pem"]);
    fs::write(project.0.join("own.pem"), "a certificate\n").expect("written");
    project.deploy().ends_with(2).says(&["gateway.toml: timeouts.drain: "]);
    fs::write(&file, format!("{own}\n[timeouts]\ndrain = \"90500ms\"\n")).expect("written");
    project.deploy().ends_with(0);
    has_all(&project.read("base/gateway.toml"), &["ca_file = \"jwt-ca.pem\"", "\"90500ms\""]);
    assert_eq!(project.read("base/jwt-ca.pem"), "a certificate\n");
    let listed = project.read("base/kustomization.yaml");
    has_all(&listed, &["{name: gateway-config, files: [jwt-ca.pem, gateway.toml]}"]);
    assert!(!listed.contains("  - jwt-ca.pem\n"), "{listed}");

    let text = project.read("base/gateway.yaml");
    has_all(&text, &["ports: [{port: 80}, {port: 443}, {port: 8443}]"]);
    let objects = objects(&text);
    let deployment = objects.iter().find(|one| one["kind"].as_str() == Some("Deployment"));
    let pod = &deployment.expect("a Deployment")["spec"]["template"]["spec"];
    let grace = pod["terminationGracePeriodSeconds"].as_i64().expect("seconds");
    let variables = pod["containers"][0]["env"].as_vec().expect("variables");
    let is_delay = |one: &&Yaml| one["name"].as_str() == Some("GATEWAY_SHUTDOWN_DELAY");
    let delay = variables.iter().find(is_delay).and_then(|one| one["value"].as_str());
    let delay = delay.and_then(|text| text.strip_suffix('s')).expect("seconds");
    assert!(grace >= delay.parse::<i64>().expect("a number") + 91 + 10, "{grace}");
}

#[test]
fn what_cannot_run_is_refused_by_name() {
    let project = ShopProject::new("refused");
    project.deploy().ends_with(0);
    let whole = project.read("overlay.toml");
    for (from, to, said) in [
        ("pods = [2, 4]", "pods = [0, 4]", "overlays.production.pods: expected the fewest"),
        ("pods = [2, 4]", "pods = [4, 2]", "overlays.production.pods: expected the fewest"),
        ("instances = 3", "instances = 1", "overlays.production.postgres.instances"),
        (
            "[overlays.staging]",
            "[services.orderz]\n[overlays.staging]",
            "shop has no service orderz",
        ),
        ("cpu = ", "cpus = ", "unknown field `cpus`"),
        ("handler_seconds = 30", "handler_seconds = 1501", "1501 is not between 1 and 1500"),
        (
            "[overlays.staging]",
            "[services.orders]\nhandler_seconds = 0\n[overlays.staging]",
            "services.orders.handler_seconds: 0 is not between 1 and 1500",
        ),
        (
            "seconds_behind = 10",
            "seconds_behind = 0",
            "service.seconds_behind: expected at least 1",
        ),
        (
            "[overlays.staging]",
            "[services.orders]\nenv = { DRAIN_SECONDS = \"5\" }\n[overlays.staging]",
            "services.orders.env.DRAIN_SECONDS: the manifests of each service set this variable",
        ),
        (
            "[overlays.staging]",
            "[services.orders]\nenv = { DATABASE_URL_FILE = \"/url\" }\n[overlays.staging]",
            "services.orders.env.DATABASE_URL_FILE: the manifests",
        ),
        ("../../gateway.toml", "../../door.toml", "`ballet new gateway` writes one"),
    ] {
        assert!(whole.contains(from), "{from}");
        fs::write(project.at("overlay.toml"), whole.replace(from, to)).expect("written");
        project.deploy().ends_with(2).says(&[said]);
    }
}

/// Kubernetes' schemas of five versions, and those of the operators if `BALLET_CRDS` names a folder with them.
#[test]
fn both_overlays_are_rendered_and_are_valid() {
    let Some(kubectl) = program("kubectl") else { return left_out("kubectl") };
    let project = ShopProject::new("valid");
    project.deploy().ends_with(0);
    let overlay = project.read("overlay.toml");
    let own = "[services.orders]\nenv = { ORDER_WATCHERS = \"500\" }\n\n[overlays.staging]";
    fs::write(project.at("overlay.toml"), overlay.replace("[overlays.staging]", own))
        .expect("written");
    project.deploy().ends_with(0);
    for (name, pods) in [("staging", "minReplicaCount: 1"), ("production", "minReplicaCount: 2")] {
        let environment = format!("name: ENVIRONMENT\n          value: {name}\n");
        let folder = project.at(&format!("overlays/{name}"));
        let mut render = Command::new(&kubectl);
        let rendered = render.arg("kustomize").arg(folder).output().expect("it runs");
        let text = CommandOutput::from(rendered).succeeds();
        has_all(&text, &[pods, "ORDER_WATCHERS", "image: registry.example/shop:"]);
        assert_eq!(text.matches(&environment).count(), shop::system().parts.len(), "{text}");
        let file = project.at(&format!("{name}.yaml"));
        fs::write(&file, text).expect("written");
        // Its Python has the package.
        let Some(validate) = program("kubernetes-validate") else {
            return left_out("kubernetes-validate");
        };
        let mut check = Command::new(validate.with_file_name("python3"));
        check.arg(workspace(".ci/kubernetes.py")).arg(file);
        CommandOutput::from(check.output().expect("it runs")).ends_with(0);
    }
}
