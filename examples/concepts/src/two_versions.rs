//! Add a step that may refuse while sagas are in flight: a party in the lounge was accepted, held and confirmed; now
//! the number of guests is checked before the lounge is held. Those that were accepted before end as they began.
//!
//! A message carries no version. So the two versions part where they begin: the second publishes the next major version of
//! an event, and what waits for that is of the second version. `docs/versions-of-a-saga.md` has the order of releases.
//!
//! The steps are types with their traits here, and the builder declares them: this example is both releases.

use ballet::{
    Compensate, CompensateResult, Failure, Migration, Never, Owner, Participant, Service, Step,
    StepResult, Tx, compensated, compensated_silently, done, event, refused, saga,
};

#[event("lounge.party_wanted.v1", starts_saga, also_from("website"))]
pub struct PartyWanted {
    pub guests: u16,
}

#[event("lounge.party_accepted.v1", in_saga)]
pub struct PartyAcceptedV1 {
    pub guests: u16,
}

#[event("lounge.party_accepted.v2", in_saga)]
pub struct PartyAccepted {
    pub guests: u16,
}

#[event("lounge.guests_checked.v1", in_saga)]
pub struct GuestsChecked {
    pub guests: u16,
}

#[event("lounge.too_many_guests.v1", in_saga)]
pub struct TooManyGuests {
    pub guests: u16,
}

#[event("lounge.lounge_held.v1", in_saga)]
pub struct LoungeHeld {
    pub guests: u16,
}

#[event("lounge.lounge_freed.v1", in_saga)]
pub struct LoungeFreed {}

#[event("lounge.deposit_paid.v1", in_saga, also_from("till"))]
pub struct DepositPaid {}

#[event("lounge.party_confirmed.v1", in_saga)]
pub struct PartyConfirmed {
    pub guests: u16,
}

#[event("lounge.party_cancelled.v1", in_saga)]
pub struct PartyCancelled {
    pub reason: String,
}

#[saga("party", owner = "lounge", abort = PartyCancelled)]
pub struct Party;

#[derive(Debug)]
pub struct NoRows;

impl Owner for NoRows {
    type Saga = Party;

    async fn abort(&self, _: &mut Tx<'_>, _: &PartyCancelled) -> Result<(), Failure> {
        Ok(())
    }
}

/// The first step of a party before. Its successor has another name, because the ledger knows steps by their names.
#[derive(Debug)]
pub struct AcceptPartyV1;

impl Step for AcceptPartyV1 {
    const NAME: &'static str = "accept_party";
    type On = PartyWanted;
    type Done = PartyAcceptedV1;
    type Refused = PartyCancelled;

    async fn run(&self, _: &mut Tx<'_>, party: PartyWanted) -> StepResult<Self> {
        done(PartyAcceptedV1 { guests: party.guests })
    }
}

#[derive(Debug)]
pub struct AcceptParty;

impl Step for AcceptParty {
    const NAME: &'static str = "accept_party_v2";
    type On = PartyWanted;
    type Done = PartyAccepted;
    type Refused = PartyCancelled;

    async fn run(&self, _: &mut Tx<'_>, party: PartyWanted) -> StepResult<Self> {
        done(PartyAccepted { guests: party.guests })
    }
}

/// The new step.
#[derive(Debug)]
pub struct CheckGuests;

impl Step for CheckGuests {
    const NAME: &'static str = "check_guests";
    type On = PartyAccepted;
    type Done = GuestsChecked;
    type Refused = TooManyGuests;

    async fn run(&self, _: &mut Tx<'_>, party: PartyAccepted) -> StepResult<Self> {
        let guests = party.guests;
        if guests > 12 { refused(TooManyGuests { guests }) } else { done(GuestsChecked { guests }) }
    }
}

impl Compensate for CheckGuests {
    type Compensated = Never;

    async fn compensate(&self, _: &mut Tx<'_>, _: GuestsChecked) -> CompensateResult<Self> {
        compensated_silently()
    }
}

#[derive(Debug)]
pub struct HoldLoungeV1;

impl Step for HoldLoungeV1 {
    const NAME: &'static str = "hold_lounge";
    type On = PartyAcceptedV1;
    type Done = LoungeHeld;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, party: PartyAcceptedV1) -> StepResult<Self> {
        hold(tx, party.guests).await?;
        done(LoungeHeld { guests: party.guests })
    }
}

impl Compensate for HoldLoungeV1 {
    type Compensated = LoungeFreed;

    async fn compensate(&self, tx: &mut Tx<'_>, _: LoungeHeld) -> CompensateResult<Self> {
        free(tx).await?;
        compensated(LoungeFreed {})
    }
}

/// The same step behind the new one. Its event is the same in both versions, and so is everything after it.
#[derive(Debug)]
pub struct HoldLounge;

impl Step for HoldLounge {
    const NAME: &'static str = "hold_lounge_v2";
    type On = GuestsChecked;
    type Done = LoungeHeld;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, party: GuestsChecked) -> StepResult<Self> {
        hold(tx, party.guests).await?;
        done(LoungeHeld { guests: party.guests })
    }
}

impl Compensate for HoldLounge {
    type Compensated = LoungeFreed;

    async fn compensate(&self, tx: &mut Tx<'_>, _: LoungeHeld) -> CompensateResult<Self> {
        free(tx).await?;
        compensated(LoungeFreed {})
    }
}

async fn hold(tx: &mut Tx<'_>, guests: u16) -> Result<(), Failure> {
    let hold = sqlx::query("insert into held values ($1, $2)").bind(tx.saga_id());
    hold.bind(i32::from(guests)).execute(tx.db()).await?;
    Ok(())
}

async fn free(tx: &mut Tx<'_>) -> Result<(), Failure> {
    let free = sqlx::query("delete from held where saga_id = $1").bind(tx.saga_id());
    free.execute(tx.db()).await?;
    Ok(())
}

/// The decision, in both versions.
#[derive(Debug)]
pub struct ConfirmParty;

impl Step for ConfirmParty {
    const NAME: &'static str = "confirm_party";
    type On = (LoungeHeld, DepositPaid);
    type Done = PartyConfirmed;
    type Refused = Never;

    async fn run(&self, _: &mut Tx<'_>, (held, _): Self::On) -> StepResult<Self> {
        done(PartyConfirmed { guests: held.guests })
    }
}

/// `begins` is 1 in the first release, and 2 in the next. A third one leaves out version 1.
#[must_use]
pub fn participant(begins: u32) -> Participant {
    Participant::new("lounge").owns(NoRows, |saga| {
        saga.begins(begins)
            .until(1, |old| old.starts(AcceptPartyV1).compensatable(HoldLoungeV1))
            .since(2, |new| {
                new.starts(AcceptParty).compensatable(CheckGuests).compensatable(HoldLounge)
            })
            .aborts_on(|many: TooManyGuests| PartyCancelled {
                reason: format!("{} guests are too many", many.guests),
            })
            .decides(ConfirmParty)
    })
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_held",
    sql: "create table held (saga_id uuid primary key, guests int not null)",
}];

#[must_use]
pub fn service(begins: u32) -> Service {
    Service::new(participant(begins)).migrations(TABLES)
}
