//! Plays a run of `ballet check` on a real broker and databases. The services are stand-ins that answer as the run
//! says: ledger, inbox, outbox, calls and deadlines are the engine's own. Nothing goes to a service by itself, so that
//! the run chooses each delivery.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use ballet::core::{EventType, Graph, Part, Runs, SagaId, System, topology};
use ballet::stand_in::{self, Answer, Answers, Asked, KEY};
use ballet::{Clock, Running, Service, Settings, Unit};
use ballet_check::search::{Act, Counterexample, Deed, Judgement, KeyedEvent, Row, judge};
use ballet_stage::{Servers, TestEnv};
use ballet_store::ledger::event::EncodedEvent;
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::watch;
use uuid::Uuid;

/// The queue that has a copy of all events.
const COPIES: &str = "played";
const AT_ONCE: u32 = 1_000;
/// A move that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(10);
const ROWS: &str =
    "select step, key, entry, arrived from ballet.ledger where saga_id = $1 order by ordinal";
const PASS: &str = "update ballet.deadline set due_at = ballet.now() where saga_id = $1";

/// What came of a run on real servers.
#[derive(Debug)]
pub(crate) struct Played {
    /// The ledgers of all services at last.
    pub(crate) rows: Vec<Row>,
    /// The events in the order in which the broker took them.
    pub(crate) published: Vec<EventType>,
    pub(crate) judgement: Judgement,
}

/// Plays a run, whose environment goes with it.
pub(crate) async fn play(
    servers: &Servers,
    system: &System,
    run: &Counterexample,
) -> Result<Played> {
    let parts = parts(system, run);
    let names: Vec<_> = parts.iter().map(|part| part.service).collect();
    let env = TestEnv::prepared(servers, "check", &definitions(&parts), &names).await?;
    let mut player = Player::new(env, run);
    let played = async {
        player.start(&parts).await?;
        for (number, act) in (1..).zip(&run.acts) {
            let done = player.act(act).await;
            done.with_context(|| format!("move {number}, {}", act.words))?;
        }
        player.end(system, run).await
    };
    let played = played.await;
    player.close().await?;
    played
}

/// The services with this saga alone, in the version of the run.
fn parts(system: &System, run: &Counterexample) -> Vec<Part> {
    let graph = Graph::new(system.clone()).in_version(run.saga, run.version);
    let played = |part: &Part| {
        let mut sagas = part.sagas.clone();
        sagas.iter_mut().for_each(|saga| saga.begins = run.version);
        Part { service: part.service, takes_packs: true, sagas, ..Part::default() }
    };
    let parts = graph.system().parts.iter().filter(|part| !part.sagas.is_empty());
    parts.map(played).collect()
}

/// Without the bindings that bring events to services, and with a queue that gets all.
fn definitions(parts: &[Part]) -> Value {
    let system = System { name: "played", parts: parts.to_vec() };
    let mut definitions = topology::definitions(&system, |_| String::new());
    let is_service = |name: &Value| parts.iter().any(|part| *name == part.service);
    let mut add = |section: &str, entry: Value| {
        let Some(entries) = definitions[section].as_array_mut() else { return };
        entries.retain(|one| one["source"] != topology::ROUTE || !is_service(&one["destination"]));
        entries.push(entry);
    };
    let vhost = system.name;
    add(
        "queues",
        json!({ "name": COPIES, "vhost": vhost, "durable": true, "auto_delete": false,
            "arguments": { "x-queue-type": "classic" } }),
    );
    add(
        "bindings",
        json!({ "source": topology::EVENTS, "vhost": vhost, "destination": COPIES,
            "destination_type": "queue", "routing_key": "#", "arguments": {} }),
    );
    definitions
}

fn body(key: &str) -> String {
    if key.is_empty() { "{}".to_owned() } else { json!({ KEY: key }).to_string() }
}

fn text(key: Option<usize>) -> String {
    key.map(|key| key.to_string()).unwrap_or_default()
}

/// What the steps are told to say. Those that call outside wait for it.
type Told = watch::Sender<HashMap<Asked, Answer>>;

struct Player {
    env: TestEnv,
    saga: &'static str,
    saga_id: SagaId,
    clock: Clock,
    running: BTreeMap<&'static str, (Running, PgConnection)>,
    told: Told,
    /// Steps whose answer comes later.
    calls: HashSet<(&'static str, &'static str)>,
    /// What was published, as the management API writes messages.
    published: Vec<Value>,
    delivered: HashSet<(&'static str, String)>,
}

impl Player {
    fn new(env: TestEnv, run: &Counterexample) -> Self {
        let clock = Clock::system();
        let saga_id = SagaId(clock.new_id(clock.now()));
        Self {
            env,
            saga: run.saga,
            saga_id,
            clock,
            running: BTreeMap::new(),
            told: watch::Sender::new(HashMap::new()),
            calls: HashSet::new(),
            published: Vec::new(),
            delivered: HashSet::new(),
        }
    }

    async fn start(&mut self, parts: &[Part]) -> Result<()> {
        for part in parts {
            let steps = part.sagas.iter().flat_map(|saga| &saga.steps);
            let later = steps.filter(|step| step.runs != Runs::Here);
            self.calls.extend(later.map(|step| (part.service, step.name)));
        }
        let answers = answers(&self.told, self.calls.clone());
        for part in parts {
            let name = part.service;
            let mut settings = Settings::new(self.env.amqp_url(name), self.env.database_url(name));
            settings.management_url = Some("off".to_owned());
            let service = Service::new(stand_in::participant(part, &answers));
            let running = service.start(settings).await.with_context(|| name.to_owned())?;
            let ledger = PgConnection::connect(self.env.admin_database_url(name)).await?;
            self.running.insert(name, (running, ledger));
        }
        Ok(())
    }

    async fn act(&mut self, act: &Act) -> Result<()> {
        self.tell(act);
        match act.deed {
            Deed::Begin => {
                let (event, _) = act.publishes.first().context("nothing begins it")?;
                let event = EncodedEvent { event_type: event.event, body: "{}".into() };
                let mut unit = self.unit(act.service).await?;
                unit.begin(event).await.map_err(|failure| said(&failure))?;
                unit.commit().await.map_err(|failure| said(&failure))?;
            }
            Deed::Cancel => {
                let (event, _) = act.publishes.first().context("nothing aborts it")?;
                let event = EncodedEvent { event_type: event.event, body: "{}".into() };
                let mut unit = self.unit(act.service).await?;
                unit.abort_by(self.saga, event).await.map_err(|failure| said(&failure))?;
                unit.commit().await.map_err(|failure| said(&failure))?;
            }
            Deed::Deliver(event) => {
                if let Some((_, by)) = act.publishes.iter().find(|(new, _)| *new == event) {
                    self.publish(event, by).await?;
                }
                self.deliver(act.service, event).await?;
            }
            Deed::Answer { .. } => {}
            Deed::PassDeadline => {
                let (_, ledger) = self.running.get_mut(act.service).context("no such service")?;
                sqlx::query(PASS).bind(self.saga_id.0).execute(ledger).await?;
            }
            Deed::Publish(event) => {
                let by = act.publishes.first().map_or(event.event.service(), |(_, by)| *by);
                self.publish(event, by).await?;
            }
        }
        self.until_done(act).await
    }

    fn tell(&self, act: &Act) {
        let Some(step) = act.step else { return };
        let is_answer = matches!(act.deed, Deed::Answer { .. });
        if !is_answer && self.calls.contains(&(act.service, step)) {
            return;
        }
        let undo = act.deed == Deed::Answer { undo: true };
        let asked = Asked { service: act.service, step, key: text(act.key), undo };
        let answer =
            Answer { refuses: act.refuses, body: body(&text(act.outcome_key.or(act.key))) };
        self.told.send_modify(|told| drop(told.insert(asked, answer)));
    }

    async fn unit(&self, service: &str) -> Result<Unit> {
        let (running, _) = self.running.get(service).context("no such service")?;
        running.handle().saga_unit(self.saga_id).await.map_err(|failure| said(&failure))
    }

    /// Publishes an event as somebody beside the steps.
    async fn publish(&mut self, event: KeyedEvent, by: &str) -> Result<()> {
        let name = event.event.name();
        let properties = json!({ "message_id": self.new_id(), "type": name, "app_id": by,
            "correlation_id": self.saga_id.0, "content_type": "application/json", "delivery_mode": 2 });
        let (management, body) = (self.env.management(), body(&text(event.key)));
        management.publish(topology::EVENTS, name, &properties, body).await?;
        let begun = Instant::now();
        while self.message(event).is_none() {
            self.look().await?;
            if begun.elapsed() > PATIENCE {
                bail!("{name} was published, and did not come to the broker's queue");
            }
        }
        Ok(())
    }

    /// Brings an event to the queue of a service. What it got before comes as a copy under another id.
    async fn deliver(&mut self, service: &'static str, event: KeyedEvent) -> Result<()> {
        let message = self.message(event).cloned();
        let message = message.with_context(|| format!("{} was not published", event.event))?;
        let mut properties = message["properties"].clone();
        let id = properties["message_id"].as_str().unwrap_or_default().to_owned();
        if !self.delivered.insert((service, id)) {
            properties["message_id"] = json!(self.new_id());
        }
        let body = message["payload"].as_str().unwrap_or_default();
        self.env.management().publish("amq.default", service, &properties, body).await?;
        Ok(())
    }

    fn new_id(&self) -> Uuid {
        self.clock.new_id(self.clock.now())
    }

    fn message(&self, event: KeyedEvent) -> Option<&Value> {
        self.published.iter().find(|message| {
            let (name, key) = named(message);
            name == event.event.name() && (event.key.is_none() || event.key == key)
        })
    }

    async fn look(&mut self) -> Result<()> {
        let new = self.env.management().take(COPIES, AT_ONCE).await?;
        if new.is_empty() {
            tokio::time::sleep(LOOK).await;
        }
        self.published.extend(new);
        Ok(())
    }

    async fn rows(&mut self, service: &str) -> Result<Vec<Row>> {
        let (_, ledger) = self.running.get_mut(service).context("no such service")?;
        let found: Vec<(String, String, String, String)> =
            sqlx::query_as(ROWS).bind(self.saga_id.0).fetch_all(ledger).await?;
        let row = |(step, key, entry, arrived): (String, String, String, String)| Row {
            service: service.to_owned(),
            step,
            key: key.parse().ok(),
            entry,
            arrived,
        };
        Ok(found.into_iter().map(row).collect())
    }

    /// Waits for the rows and the events of a move.
    async fn until_done(&mut self, act: &Act) -> Result<()> {
        let begun = Instant::now();
        loop {
            let rows = self.rows(act.service).await?;
            let row = act.rows.iter().find(|row| !rows.iter().any(|is| is_same(is, row)));
            let event = act.publishes.iter().find(|(event, _)| self.message(*event).is_none());
            if row.is_none() && event.is_none() {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                let row =
                    row.map(|row| format!("its ledger does not say {} {}", row.step, row.entry));
                let event = event.map(|(event, _)| format!("{} does not come", event.event));
                let missing: Vec<String> = row.into_iter().chain(event).collect();
                bail!("{} does not do it: {}", act.service, missing.join(", and "));
            }
            self.look().await?;
        }
    }

    async fn end(&mut self, system: &System, run: &Counterexample) -> Result<Played> {
        self.look().await?;
        let mut rows = Vec::new();
        for name in self.running.keys().copied().collect::<Vec<_>>() {
            rows.extend(self.rows(name).await?);
        }
        let known = system.known_types();
        let event = |message: &Value| {
            let (name, key) = named(message);
            let event = known.iter().find(|event| event.name() == name)?;
            Some(KeyedEvent { event: *event, key })
        };
        let published: Vec<KeyedEvent> = self.published.iter().filter_map(event).collect();
        // Of an event that does not repeat, the key says nothing.
        let plain = published.iter().map(|one| KeyedEvent { key: None, ..*one });
        let both: Vec<KeyedEvent> = published.iter().copied().chain(plain).collect();
        let judgement = judge(system, run, &rows, &both);
        let published = published.into_iter().map(|one| one.event).collect();
        Ok(Played { rows, published, judgement })
    }

    async fn close(self) -> Result<()> {
        drop(self.told);
        for (running, ledger) in self.running.into_values() {
            drop(ledger);
            running.stop().await;
        }
        Ok(self.env.close().await?)
    }
}

fn answers(told: &Told, calls: HashSet<(&'static str, &'static str)>) -> Answers {
    let told = told.subscribe();
    Arc::new(move |asked: Asked| {
        let (mut told, is_call) = (told.clone(), calls.contains(&(asked.service, asked.step)));
        let answer = async move {
            let known = if is_call {
                let is_told = |told: &HashMap<Asked, Answer>| told.contains_key(&asked);
                told.wait_for(is_told).await.ok().and_then(|told| told.get(&asked).cloned())
            } else {
                told.borrow().get(&asked).cloned()
            };
            known.unwrap_or_else(|| Answer { refuses: false, body: body(&asked.key) })
        };
        answer.boxed()
    })
}

fn named(message: &Value) -> (&str, Option<usize>) {
    let body = message["payload"].as_str().unwrap_or_default();
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let key = body[KEY].as_str().and_then(|key| key.parse().ok());
    (message["routing_key"].as_str().unwrap_or_default(), key)
}

/// A key tells rows apart only where a step repeats.
fn is_same(is: &Row, should: &Row) -> bool {
    let of = |row: &Row| (row.step.clone(), row.entry.clone(), row.arrived.clone());
    of(is) == of(should) && (should.key.is_none() || is.key == should.key)
}

fn said(failure: &ballet::Failure) -> anyhow::Error {
    anyhow!("{failure}")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use ballet::core::ServiceContract;
    use ballet_check::search::search;

    use super::*;

    /// The services of a system of this repository, one of them changed.
    fn system(name: &str, service: &str, change: impl Fn(&mut Value)) -> System {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/contracts");
        let files = fs::read_dir(folder.join(name)).expect("a folder");
        let part = |file: fs::DirEntry| {
            let text = fs::read(file.path()).expect("a contract");
            let mut contract: Value = serde_json::from_slice(&text).expect("JSON");
            if contract["service"] == service {
                change(&mut contract["sagas"][0]);
            }
            let contract = ServiceContract::read(contract.to_string().as_bytes());
            contract.expect("a contract").part().expect("a part")
        };
        let parts = files.map(|file| part(file.expect("a file"))).collect();
        System { name: "broken", parts }
    }

    async fn shows(rule: &str, of: &str, system: System) {
        let servers = Servers::shared().await.expect("servers");
        let sagas = search(&system);
        let runs = sagas.iter().flat_map(|saga| &saga.counterexamples);
        let run = runs.into_iter().find(|run| run.problem.rule.id == rule && run.problem.of == of);
        let run = run.unwrap_or_else(|| panic!("no {rule} of {of}: {sagas:?}"));
        let played = Box::pin(play(servers, &system, run)).await;
        let played = played.unwrap_or_else(|error| panic!("{error:#}: {:#?}", run.acts));
        assert_eq!(played.judgement.differs, [], "{:#?}", run.acts);
        let fault = played.judgement.fault.expect("a fault");
        assert!(run.problem.detail.ends_with(&fault), "{fault}, not {}", run.problem.detail);
    }

    fn without(list: &mut Value, event: &str) {
        list.as_array_mut().expect("a list").retain(|one| one != event);
    }

    #[tokio::test]
    async fn a_swallowed_refusal_hangs_on_real_servers() {
        let part =
            |part: &mut Value| without(&mut part["aborts_on"], "payments.payment_declined.v1");
        shows("B074", "authorize_payment", system("shop", "orders", part)).await;
    }

    #[tokio::test]
    async fn what_hears_of_no_abort_stays_done_on_real_servers() {
        let deaf = |part: &mut Value| drop(part.as_object_mut().expect("a part").remove("abort"));
        shows("B075", "reserve_driver", system("rides", "location", deaf)).await;
    }

    #[tokio::test]
    async fn an_owners_refusal_after_the_decision_is_heard_by_nobody_on_real_servers() {
        let late = |part: &mut Value| {
            let check = json!({
                "name": "check_order",
                "kind": "compensatable",
                "on": ["orders.order_confirmed.v1"],
                "done": "orders.order_completed.v1",
                "refused": "orders.order_cancelled.v1",
            });
            part["steps"].as_array_mut().expect("steps").push(check);
        };
        shows("B074", "check_order", system("shop", "orders", late)).await;
    }
}
