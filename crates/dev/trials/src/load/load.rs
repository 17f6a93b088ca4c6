//! The load: customers of all kinds at a steady rate.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use uuid::Uuid;

use crate::customers::customer_sagas::CustomerSagas;
use crate::load::turnout::Turnout;
use crate::processes::gateway::Gateway;
use crate::running::long_run::LongRun;
use crate::scene::record::Recorder;
use crate::scene::site::Site;
use crate::system::subject::Subject;

/// The usual limit on open sagas.
pub(crate) const MOST_OPEN: usize = 400;

pub(crate) struct CustomerMix {
    /// The numbers of the cases, in turn.
    pub(crate) cases: Vec<usize>,
    pub(crate) rate: u32,
    /// Without it customers call the services.
    pub(crate) gateway: Option<Gateway>,
}

impl CustomerMix {
    /// Customers come one by one, and call the services.
    pub(crate) fn of(subject: &Subject) -> Self {
        Self { cases: subject.mix(), rate: 1, gateway: None }
    }
}

pub(crate) struct Load {
    subject: Arc<Subject>,
    pub(crate) site: Arc<Site>,
    recorder: Recorder,
    cases: Vec<usize>,
    next: AtomicUsize,
    every: Duration,
    /// This also counts those being begun.
    pub(crate) most_open: usize,
    pub(crate) sagas: CustomerSagas,
    /// The number of requests without an answer in time.
    pub(crate) unanswered: AtomicUsize,
    turnout: Mutex<Turnout>,
    pub(crate) under_way: AtomicUsize,
}

impl Load {
    pub(crate) fn new(
        run: &LongRun,
        subject: &Arc<Subject>,
        recorder: &Recorder,
        mix: CustomerMix,
    ) -> Result<Self> {
        ensure!(
            !mix.cases.is_empty(),
            "{} has no cases: nobody would do anything",
            subject.system.name
        );
        let mut site = Site::of(run, recorder.clone())?;
        site.gateway = mix.gateway;
        Ok(Self {
            subject: Arc::clone(subject),
            sagas: site.sagas.clone(),
            site: Arc::new(site),
            recorder: recorder.clone(),
            cases: mix.cases,
            next: AtomicUsize::new(0),
            every: Duration::from_secs(1) / mix.rate.max(1),
            most_open: MOST_OPEN,
            unanswered: AtomicUsize::new(0),
            turnout: Mutex::default(),
            under_way: AtomicUsize::new(0),
        })
    }

    pub(crate) fn open(&self) -> (usize, usize) {
        let record = self.recorder.record();
        self.sagas.open(|id| record.ended(id).is_some())
    }

    /// Waits for the customers under way.
    pub(crate) async fn run(&self, is_over: impl Fn() -> bool) -> Result<()> {
        let mut under_way = FuturesUnordered::new();
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !is_over() {
            tokio::select! {
                _ = ticks.tick() => {}
                Some(_) = under_way.next() => continue,
            }
            if self.open().0 + under_way.len() < self.most_open {
                under_way.push(self.play());
            }
        }
        while under_way.next().await.is_some() {}
        Ok(())
    }

    /// A request without an answer may have begun a saga, which must end like any other, with an unknown expected end.
    pub(crate) async fn play(&self) -> Result<()> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.play_case(self.cases[number % self.cases.len()], number).await.map(drop)
    }

    /// Returns the saga of the customer with this number.
    pub(crate) async fn play_case(&self, case: usize, number: usize) -> Result<Uuid> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let begun = self.subject.tried.play(case, number, &self.site).await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        let case = self.subject.cases[case].name;
        let error = begun.as_ref().err().map(|error| format!("{error:#}"));
        self.turnout.lock().unwrap_or_else(PoisonError::into_inner).add(case, error);
        match begun {
            Ok(begun) => {
                let saga = begun.saga;
                self.sagas.add(case, begun);
                Ok(saga)
            }
            Err(error) => {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// A sentence for each case with which no customer got through.
    pub(crate) fn not_tried(&self) -> Vec<String> {
        self.turnout.lock().unwrap_or_else(PoisonError::into_inner).not_tried()
    }

    pub(crate) fn begun(&self) -> usize {
        self.next.load(Ordering::Relaxed)
    }

    pub(crate) async fn meanwhile(&self, until: Instant) -> Result<()> {
        self.subject.tried.meanwhile(&self.site, until).await
    }
}
