//! One schedule: its actions are chosen or given, and played one at a time.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::future::Future;

use ballet::core::fault::FaultPoint;
use ballet::core::topology;
use ballet_amqp::Publish;
use ballet_ops::audit::Report;
use fastrand::Rng;
use futures_util::future::{FutureExt, LocalBoxFuture};
use tokio::time::timeout;
use uuid::Uuid;

use crate::explore::action::{Action, CallName, MessageName, POINTS};
use crate::explore::rest::LIMIT;
use crate::explore::stage::{Done, ExploredService, Stage};
use crate::explore::time::WaitingCall;

/// The maximum number of actions that a seed chooses.
const MOST_ACTIONS: usize = 80;
/// In one schedule of so many a service may die.
const DYING: usize = 3;
/// So many of a hundred moves lose their commit.
const LOST: usize = 25;
/// The maximum number of messages that come after them.
const MOST_LEFT: usize = 1_000;
/// The maximum number of calls in a row that change nothing.
const MOST_ASKED: usize = 100;

/// A system, or a service, whose schedules are explored.
pub trait Explored {
    /// The clients' way to a running system.
    type Scene;

    /// The services.
    fn services(&self) -> Vec<ExploredService>;

    /// Makes the system ready for clients. Messages are handed over at once.
    fn open(&self, stage: &Stage) -> impl Future<Output = Result<Self::Scene, String>>;

    /// What the clients of one schedule do. What this function does itself is done before the schedule, at once. The seed
    /// chooses the number.
    fn moves<'a>(
        &'a self,
        scene: &'a Self::Scene,
        number: usize,
    ) -> impl Future<Output = Result<Vec<Move<'a>>, String>>;

    /// Returns what is wrong now that everything is over, a sentence each with the row. `framework` has the findings in
    /// the framework's own tables and queues.
    fn judge(
        &self,
        scene: &Self::Scene,
        framework: &Report,
    ) -> impl Future<Output = Result<Vec<String>, String>>;
}

/// A move of a client: one request that changes something, or one event.
pub struct Move<'a> {
    name: &'static str,
    is_optional: bool,
    act: Box<dyn Fn() -> LocalBoxFuture<'a, Result<bool, String>> + 'a>,
}

impl<'a> Move<'a> {
    /// A move that every schedule has, after those before it. It returns false if it is not possible yet.
    pub fn new<F, E>(name: &'static str, act: impl Fn() -> F + 'a) -> Self
    where
        F: Future<Output = Result<bool, E>> + 'a,
        E: fmt::Display + 'a,
    {
        let late = |_| format!("waited {LIMIT:?} for an answer");
        let act = move || {
            let acted = timeout(LIMIT, act()).map(move |acted| acted.map_err(late));
            acted.map(|acted| acted?.map_err(|error| format!("{error:#}")))
        };
        Self { name, is_optional: false, act: Box::new(move || act().boxed_local()) }
    }

    /// The same move, which some schedules do not have.
    #[must_use]
    pub fn optional(self) -> Self {
        Self { is_optional: true, ..self }
    }
}

impl fmt::Debug for Move<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Move").field("name", &self.name).finish_non_exhaustive()
    }
}

fn maybe_lost(next: Action, is_lost: bool) -> Action {
    match next {
        Action::Move(number, name) if is_lost => Action::LoseRequest(number, name),
        next => next,
    }
}

/// Where the actions come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Plan<'a> {
    Seed(u64),
    Actions(&'a [Action]),
}

/// What came of a schedule.
#[derive(Debug, Default)]
pub(super) struct Played {
    pub(super) actions: Vec<Action>,
    pub(super) sagas: Vec<Uuid>,
}

pub(super) struct Player<'a> {
    stage: &'a mut Stage,
    moves: Vec<Move<'a>>,
    next_move: usize,
    played: &'a mut Played,
    /// Whether a service may die yet. A death takes as long as five schedules.
    may_die: bool,
    passed: HashSet<usize>,
}

impl<'a> Player<'a> {
    pub(super) fn new(stage: &'a mut Stage, moves: Vec<Move<'a>>, played: &'a mut Played) -> Self {
        Self { stage, moves, next_move: 0, played, may_die: false, passed: HashSet::new() }
    }

    /// Plays the actions, and then all that is left, in order.
    pub(super) async fn play(&mut self, plan: Plan<'_>) -> Done<()> {
        match plan {
            Plan::Seed(seed) => {
                let mut choices = Rng::with_seed(seed);
                self.may_die = choices.usize(..DYING) == 0;
                for _ in 0..MOST_ACTIONS {
                    let Some(action) = self.choose(&mut choices).await? else { break };
                    self.perform(action).await?;
                }
            }
            Plan::Actions(actions) => {
                for action in actions {
                    self.perform(action.clone()).await?;
                }
            }
        }
        self.rest_in_order().await
    }

    async fn choose(&mut self, choices: &mut Rng) -> Done<Option<Action>> {
        while let Some(next) = self.moves.get(self.next_move)
            && next.is_optional
            && choices.usize(..8) == 0
        {
            self.next_move += 1;
        }
        let messages = self.messages();
        let waits: Vec<_> =
            topology::RETRIES.iter().flat_map(|(queue, _)| self.named(queue)).collect();
        let next = self
            .moves
            .get(self.next_move)
            .map(|next| Action::Move(self.next_move, next.name.to_owned()));
        let message = choices.choice(&messages).cloned();
        let roll = choices.usize(..100);
        let Some(message) = message else {
            let back = choices.choice(&waits).cloned().map(Action::Return);
            let asks = self.waiting_calls().await?;
            let ask = choices.choice(&asks).map(|(name, _)| Action::Ask(name.clone()));
            let next = next.map(|next| maybe_lost(next, roll < LOST));
            let all: Vec<_> = [next, back, ask].into_iter().flatten().collect();
            return Ok(choices.choice(&all).cloned());
        };
        Ok(Some(match roll {
            0 if self.may_die => {
                self.may_die = false;
                Action::Crash(message, POINTS[choices.usize(..POINTS.len())])
            }
            1..3 if self.may_die && self.stage.calling.contains(&*message.queue) => {
                self.may_die = false;
                Action::Crash(message, FaultPoint::AfterCall)
            }
            1..15 => Action::Repeat(message),
            15..35 => {
                let beside =
                    |other: &&MessageName| other.queue == message.queue && **other != message;
                let beside: Vec<_> = messages.iter().filter(beside).collect();
                match choices.choice(&beside) {
                    Some(other) => Action::Together(message, (*other).clone()),
                    None => Action::Deliver(message),
                }
            }
            35 => match self.open_deadline().await? {
                Some((service, saga)) => Action::Deadline(service, saga),
                None => Action::Deliver(message),
            },
            36..40 if !waits.is_empty() => {
                choices.choice(&waits).cloned().map_or(Action::Deliver(message), Action::Return)
            }
            40..44 => {
                let asks = self.waiting_calls().await?;
                let ask = choices.choice(&asks).map(|(name, _)| Action::Ask(name.clone()));
                ask.unwrap_or(Action::Deliver(message))
            }
            44..55 => next.map_or(Action::Deliver(message), |next| maybe_lost(next, roll < 49)),
            55..65 => match next {
                Some(Action::Move(number, name)) => Action::Beside(number, name, message),
                _ => Action::Deliver(message),
            },
            65..68 => Action::Lose(message),
            _ => Action::Deliver(message),
        }))
    }

    /// The calls that wait to be made again, in an order that is the same in every run.
    async fn waiting_calls(&mut self) -> Done<Vec<(CallName, WaitingCall)>> {
        let calls = self.stage.waiting_calls().await?;
        let mut named: Vec<_> = calls
            .into_iter()
            .map(|call| {
                let saga = self.number(call.saga);
                let (service, step, undo) = (call.service, call.step.clone(), call.undo);
                (CallName { service, step, undo, saga }, call)
            })
            .collect();
        named.sort_by(|(one, call), (other, of)| {
            let key = |name: &CallName| (name.saga, name.step.clone(), name.undo);
            let order = (call.is_taken, call.attempts).cmp(&(of.is_taken, of.attempts));
            order.then_with(|| key(one).cmp(&key(other)))
        });
        Ok(named)
    }

    async fn open_deadline(&mut self) -> Done<Option<(String, usize)>> {
        for service in self.stage.names() {
            let open = self.stage.deadlines(service).await?;
            let number = |saga: &Uuid| self.played.sagas.iter().position(|known| known == saga);
            let open = open.iter().filter_map(number).filter(|saga| !self.passed.contains(saga));
            // By number, since ids differ between runs.
            if let Some(saga) = open.min() {
                self.passed.insert(saga);
                return Ok(Some((service.to_owned(), saga)));
            }
        }
        Ok(None)
    }

    /// The messages that wait for the services.
    fn messages(&mut self) -> Vec<MessageName> {
        self.stage.names().into_iter().flat_map(|service| self.named(service)).collect()
    }

    fn named(&mut self, queue: &str) -> Vec<MessageName> {
        let waiting = self.stage.waiting(queue);
        let name = |(event, saga): (String, Option<Uuid>)| {
            let saga = saga.map(|saga| self.number(saga));
            MessageName { queue: queue.to_owned(), event, saga }
        };
        waiting.into_iter().map(name).collect()
    }

    fn number(&mut self, saga: Uuid) -> usize {
        let sagas = &mut self.played.sagas;
        sagas.iter().position(|known| *known == saga).unwrap_or_else(|| {
            sagas.push(saga);
            sagas.len() - 1
        })
    }

    fn find(&mut self, message: &MessageName) -> Option<usize> {
        self.named(&message.queue).iter().position(|named| named == message)
    }

    async fn perform(&mut self, action: Action) -> Done<()> {
        self.played.actions.push(action.clone());
        if !self.is_performed(&action).await? {
            self.played.actions.pop();
        }
        // So that new sagas have their numbers.
        self.messages();
        Ok(())
    }

    /// Plays an action, if it is possible.
    async fn is_performed(&mut self, action: &Action) -> Done<bool> {
        match action {
            Action::Move(number, _) => {
                if !self.is_due(*number) || !self.act(*number).await? {
                    return Ok(false);
                }
            }
            Action::Beside(number, name, message) => {
                let Some(at) = self.find(message).filter(|_| self.is_due(*number)) else {
                    return Ok(false);
                };
                let before = self.stage.memory.broker.depths();
                let acting = (self.moves[*number].act)();
                let acted = self.stage.beside(&message.queue, at, acting).await?;
                self.sort_beyond(&before);
                if acted.map_err(|error| format!("the client {name}: {error}"))? {
                    self.next_move = number + 1;
                }
            }
            Action::Lose(message) => {
                let Some(at) = self.find(message) else { return Ok(false) };
                self.stage.lose(message, at).await?;
            }
            Action::LoseRequest(number, name) => {
                if !self.is_due(*number) {
                    return Ok(false);
                }
                let acting = (self.moves[*number].act)();
                let acted = self.stage.lose_request(name, acting).await?;
                if acted.map_err(|error| format!("the client {name}: {error}"))? {
                    self.next_move = number + 1;
                }
            }
            Action::Deliver(message) | Action::Repeat(message) => {
                let Some(at) = self.find(message) else { return Ok(false) };
                let is_copy = matches!(action, Action::Repeat(_));
                self.stage.deliver(message, at, is_copy).await?;
            }
            Action::Together(one, other) => {
                let (Some(first), Some(second)) = (self.find(one), self.find(other)) else {
                    return Ok(false);
                };
                let second = if second > first { second - 1 } else { second };
                self.stage.together(&one.queue, first, second).await?;
            }
            Action::Crash(message, point) => {
                let Some(at) = self.find(message) else { return Ok(false) };
                let before = self.stage.memory.broker.depths();
                self.stage.crash(&message.queue, at, *point).await?;
                self.sort_beyond(&before);
            }
            Action::Return(message) => {
                let Some(at) = self.find(message) else { return Ok(false) };
                self.stage.memory.broker.bring_back(&message.queue, at);
            }
            Action::Ask(name) => {
                let calls = self.waiting_calls().await?;
                let Some((_, call)) = calls.into_iter().find(|(call, _)| call == name) else {
                    return Ok(false);
                };
                self.ask(&call).await?;
            }
            Action::Deadline(service, saga) => {
                let Some(saga) = self.played.sagas.get(*saga).copied() else { return Ok(false) };
                if !self.stage.deadlines(service).await?.contains(&saga) {
                    return Ok(false);
                }
                self.stage.pass_deadline(service, saga).await?;
            }
        }
        Ok(true)
    }

    async fn ask(&mut self, call: &WaitingCall) -> Done<()> {
        let before = self.stage.memory.broker.depths();
        self.stage.ask(call).await?;
        self.sort_beyond(&before);
        Ok(())
    }

    /// Which of several processes, or of the calls of one, published first is chance, and a schedule has none.
    fn sort_beyond(&self, before: &BTreeMap<String, u64>) {
        let broker = &self.stage.memory.broker;
        broker.sort_beyond(before, |message: &Publish| {
            let saga = message.properties.correlation_id().as_ref();
            let saga = saga.and_then(|id| id.as_str().parse::<Uuid>().ok());
            let saga = self.played.sagas.iter().position(|known| Some(*known) == saga);
            (saga, message.routing_key.clone())
        });
    }

    fn is_due(&self, number: usize) -> bool {
        let skipped = self.moves.get(self.next_move..number).unwrap_or_default();
        let is_left = number >= self.next_move && number < self.moves.len();
        is_left && skipped.iter().all(|one| one.is_optional)
    }

    async fn act(&mut self, number: usize) -> Done<bool> {
        let Some(next) = self.moves.get(number) else { return Ok(false) };
        let acted =
            (next.act)().await.map_err(|error| format!("the client {}: {error}", next.name))?;
        if acted {
            self.next_move = number + 1;
            self.stage.rest_all().await?;
        }
        Ok(acted)
    }

    /// Plays the moves that are left, and hands everything over in its order until nothing waits.
    async fn rest_in_order(&mut self) -> Done<()> {
        // The number of calls that were made one after the other, and with which number of messages.
        let mut asked = (0, 0);
        for _ in 0..MOST_LEFT {
            if let Some(message) = self.messages().first().cloned() {
                self.stage.deliver(&message, 0, false).await?;
                continue;
            }
            let left = (self.next_move..self.moves.len()).find(|at| !self.moves[*at].is_optional);
            if let Some(left) = left
                && self.act(left).await?
            {
                continue;
            }
            let waits = topology::RETRIES.iter().map(|(queue, _)| *queue);
            let Some(queue) = waits.into_iter().find(|queue| !self.named(queue).is_empty()) else {
                if let Some((name, call)) = self.waiting_calls().await?.first() {
                    let taken = self.stage.memory.broker.taken_count();
                    asked = (if asked.1 == taken { asked.0 + 1 } else { 0 }, taken);
                    if asked.0 > MOST_ASKED {
                        return Err(format!("{} again and again", Action::Ask(name.clone())));
                    }
                    self.ask(call).await?;
                    continue;
                }
                return match left.and_then(|left| self.moves.get(left)) {
                    Some(left) => Err(format!("the client never {}", left.name)),
                    None => Ok(()),
                };
            };
            self.stage.memory.broker.bring_back(queue, 0);
        }
        Err(format!("messages still wait after {MOST_LEFT} more were handled"))
    }
}
