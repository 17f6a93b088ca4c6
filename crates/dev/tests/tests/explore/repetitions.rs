//! Repetitions under two keys, in two sagas under one id, beside joins and versions. In any order, each is done and
//! undone by itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use ballet::{Clock, SagaId};
use ballet_store::operators::restored_database::hold_aborts;
use ballet_testkit::explore::orders;
use jiff::SignedDuration;
use serde_json::Value;
use uuid::Uuid;

use crate::crew::{self, CREW_TABLES, crew};
use crate::expected_crew::CrewInput::{
    self, Abort, Answer, Arrange, Carry, Dismiss, EndCover, Hire, Insure, Lapse, Pay, Rent, Return,
    Ship,
};
use crate::expected_crew::ExpectedCrew;
use crate::facts::SagaFacts;
use crate::judge::equal;
use crate::numbers::samples;
use crate::outside::{ProviderRequest, RefusedRequest, SaleProvider, account_of};
use crate::sale::Cancelled;
use crate::stage::{ExploreStage, report};

const ANN: &str = "ann";
const BOB: &str = "bob";

struct CrewRun {
    saga: SagaId,
    /// Each of its events has it, so an event of another saga, or a changed one, is noticed.
    rate: f64,
    order: Vec<CrewInput>,
}

struct CrewExploration {
    stage: ExploreStage,
    runs: Vec<CrewRun>,
    /// Whether undoing inputs wait until all else has come.
    is_restored: bool,
    /// One replica handles the things of a saga in their order.
    in_order: bool,
}

impl CrewExploration {
    async fn new(test: &str) -> Self {
        let outside = SaleProvider::new();
        let stage = ExploreStage::new(test, crew(&outside), CREW_TABLES, outside).await;
        Self { stage, runs: Vec::new(), is_restored: false, in_order: true }
    }

    fn every_order_of(&mut self, things: &[CrewInput]) {
        let held: Vec<&str> = things
            .iter()
            .filter_map(|thing| if let Answer(who) = thing { Some(*who) } else { None })
            .collect();
        let rates = samples().skip(self.runs.len());
        for (order, rate) in orders(things).into_iter().zip(rates) {
            let saga = self.stage.new_saga();
            for who in [ANN, BOB] {
                let holds: &[_] =
                    if held.contains(&who) { &[ProviderRequest::Authorize] } else { &[] };
                let account = account_of(saga.0, who);
                self.stage.outside.open_account(account, RefusedRequest::Never, holds, false);
            }
            self.runs.push(CrewRun { saga, rate, order });
        }
    }

    fn put(&self, run: &CrewRun, thing: CrewInput) {
        let CrewRun { saga, rate, .. } = *run;
        let (stage, id, of) = (&self.stage, self.stage.new_id(), saga.0);
        let name = str::to_owned;
        match thing {
            Hire(who) => stage.put(id, saga, &crew::Hire { who: name(who), rate }),
            Dismiss(who) => stage.put(id, saga, &crew::Dismiss { who: name(who) }),
            Rent(who) => stage.put(id, saga, &crew::Rent { who: name(who), rate }),
            Return(who) => stage.put(id, saga, &crew::Return { who: name(who) }),
            Insure(who) => stage.put(id, saga, &crew::Insure { who: name(who), rate }),
            Lapse(who) => stage.put(id, saga, &crew::Lapse { who: name(who) }),
            Answer(who) => {
                stage.outside.answer(account_of(of, who), &[ProviderRequest::Authorize]);
            }
            Arrange => stage.put(id, saga, &crew::Arranged { arranged: of }),
            Pay => stage.put(id, saga, &crew::Paid { paid: of }),
            Ship => stage.put(id, saga, &crew::Shipped { shipped: of }),
            Carry(1) => stage.put(id, saga, &crew::Carry {}),
            Carry(_) => stage.put(id, saga, &crew::CarryV2 {}),
            Abort => stage.put(id, saga, &Cancelled { reason: "test".into() }),
            EndCover => stage.put(id, saga, &crew::CoverEnded {}),
        }
    }

    async fn play(&self, is_rest_between: bool) {
        let put = |run: &CrewRun, thing| self.put(run, thing);
        self.stage.play(&self.runs, |run| &run.order, put, is_rest_between).await;
    }

    /// Returns each event once, by its saga.
    fn told(&self) -> HashMap<Uuid, Vec<(String, Value)>> {
        let mut told: HashMap<Uuid, BTreeMap<String, (String, Value)>> = HashMap::new();
        for message in self.stage.broker.taken() {
            if message.routing_key.starts_with("crew.") {
                let text = |value: &Option<_>| value.as_ref().map(ToString::to_string);
                let saga = text(message.properties.correlation_id()).expect("a saga");
                let id = text(message.properties.message_id()).expect("an id");
                let body = serde_json::from_slice(&message.body).expect("JSON");
                let of_saga = told.entry(saga.parse().expect("an id")).or_default();
                of_saga.insert(id, (message.routing_key, body));
            }
        }
        told.into_iter().map(|(saga, of_saga)| (saga, of_saga.into_values().collect())).collect()
    }

    async fn judge(&self, what: &str, began: Instant) {
        self.stage.settle().await;
        self.stage.publish_all().await;
        let (facts, told) = (self.stage.facts().await, self.told());
        let mut notes: HashMap<Uuid, Vec<(String, String, bool)>> = HashMap::new();
        let rows: Vec<(Uuid, String, String, bool)> =
            sqlx::query_as("select saga_id, step, who, struck from note")
                .fetch_all(&self.stage.db)
                .await
                .expect("notes");
        for (saga, step, who, struck) in rows {
            notes.entry(saga).or_default().push((step, who, struck));
        }
        let mut wrong = Vec::new();
        for CrewRun { saga, rate, order } in &self.runs {
            let waits = |thing: &CrewInput| self.is_restored && thing.takes_back();
            let (later, now): (Vec<_>, Vec<_>) = order.iter().copied().partition(waits);
            let expected = ExpectedCrew::after(saga.0, *rate, &[now, later].concat());
            let is = facts.get(&saga.0).cloned().unwrap_or_default();
            let told = told.get(&saga.0).cloned().unwrap_or_default();
            let notes = notes.get(&saga.0).cloned().unwrap_or_default();
            if let Err(why) = self.compare(*saga, &expected, &is, told, notes) {
                wrong.push(format!("{order:?}: {why}\n    should be {expected:?}\n    {is:?}"));
            }
        }
        report(what, began, self.runs.len(), &wrong);
    }

    fn compare(
        &self,
        saga: SagaId,
        expected: &ExpectedCrew,
        is: &SagaFacts,
        told: Vec<(String, Value)>,
        mut notes: Vec<(String, String, bool)>,
    ) -> Result<(), String> {
        let row = |row: &[&str; 4]| row.join(" ");
        let mut rows: Vec<String> = is
            .ledger
            .iter()
            .map(|is| {
                row(&[is.step.as_str(), is.key.as_str(), is.entry.as_str(), is.arrived.as_str()])
            })
            .collect();
        let mut expected_rows: Vec<String> = expected.rows.iter().map(row).collect();
        if !self.in_order {
            rows.sort();
            expected_rows.sort();
        }
        // As texts, because two zeros are equal as numbers.
        let mut told: Vec<String> =
            told.into_iter().map(|(name, body)| format!("{name} {body}")).collect();
        told.sort();
        let mut expected_told: Vec<String> =
            expected.told.iter().map(|(name, body)| format!("{name} {body}")).collect();
        expected_told.sort();
        notes.sort();
        let dead = is.told.get("dead: crew").map_or(0, BTreeSet::len);
        equal("the ledger", &rows, &expected_rows)?;
        equal("the events", &told, &expected_told)?;
        equal("the notes", &notes, &expected.notes())?;
        equal("the dead letters", &dead, &expected.dead)?;
        for who in [ANN, BOB] {
            let account = self.stage.outside.account(account_of(saga.0, who));
            equal("asked outside", &account.wrong, &Vec::new())?;
            let rents = account.authorized && !account.voided;
            equal("what is rented", &rents, &expected.rents_for(who))?;
        }
        Ok(())
    }
}

/// Things without calls. Each order of them has one end, also in one batch.
const WITHOUT_CALLS: [&[CrewInput]; 5] = [
    &[Hire(ANN), Hire(BOB), Dismiss(ANN), Insure(ANN), Abort, EndCover],
    &[Hire(ANN), Hire(BOB), Dismiss(ANN), Insure(ANN), Lapse(ANN), Abort],
    &[Arrange, Pay, Pay, Ship, Hire(ANN)],
    &[Arrange, Pay, Ship, Hire(ANN), Abort],
    &[Carry(1), Carry(2), Insure(ANN), Hire(ANN), Abort],
];

const WITH_CALLS: [&[CrewInput]; 4] = [
    &[Rent(ANN), Rent(BOB), Return(ANN), Answer(ANN), Hire(ANN), Abort],
    &[Hire(ANN), Hire(ANN), Dismiss(ANN), Dismiss(ANN), Rent(ANN), Return(ANN)],
    &[Rent(ANN), Return(ANN), Answer(ANN), Insure(ANN), Abort, EndCover],
    &[Rent(ANN), Rent(BOB), Return(BOB), Answer(ANN), Answer(BOB), Abort],
];

#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_repetitions_joins_and_versions_in_two_sagas_of_one_id() {
    let began = Instant::now();
    let mut all = CrewExploration::new("repetitions").await;
    all.stage.start(1).await;
    // The first sagas have the numbers at the ends of the range, which also go through calls.
    WITH_CALLS.into_iter().chain(WITHOUT_CALLS).for_each(|things| all.every_order_of(things));
    all.play(true).await;
    all.judge("repetitions, one by one", began).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_repetitions_at_once() {
    let began = Instant::now();
    let mut all = CrewExploration::new("repetitions_at_once").await;
    all.stage.start(1).await;
    // A failing message is handled apart from its batch.
    let all_succeed = |things: &&[CrewInput]| !things.contains(&Carry(1));
    for things in WITHOUT_CALLS.into_iter().filter(all_succeed) {
        all.every_order_of(things);
    }
    all.play(false).await;
    all.judge("repetitions, at once", began).await;
}

/// These have the same end in any order.
#[tokio::test(flavor = "multi_thread")]
async fn t65_every_order_of_joins_and_repetitions_at_once_at_two_replicas() {
    let began = Instant::now();
    let mut all = CrewExploration::new("repetitions_of_two").await;
    all.in_order = false;
    all.stage.start(2).await;
    all.stage.start(2).await;
    all.every_order_of(&[Arrange, Pay, Ship, Hire(ANN), Hire(BOB), Insure(ANN)]);
    all.play(false).await;
    all.judge("repetitions, at two replicas", began).await;
}

/// Whatever takes something back waits until the service has caught up.
#[tokio::test(flavor = "multi_thread")]
async fn t204_every_order_after_a_restore_takes_nothing_back_before_all_else_has_come() {
    let began = Instant::now();
    let mut all = CrewExploration::new("restored").await;
    // All that waited comes back at once, and a call of an undo is answered meanwhile.
    (all.is_restored, all.in_order) = (true, false);
    all.stage.start(1).await;
    let mut db = all.stage.connect().await;
    hold_aborts(&mut db, Clock::system().now(), SignedDuration::from_hours(1)).await.expect("held");
    all.every_order_of(&[Hire(ANN), Hire(BOB), Dismiss(ANN), Insure(ANN), Abort, EndCover]);
    all.every_order_of(&[Rent(ANN), Return(ANN), Answer(ANN), Lapse(ANN), Abort]);
    all.play(true).await;
    all.stage.end_hold_and_bring_back().await;
    all.judge("repetitions after a restore", began).await;
}
