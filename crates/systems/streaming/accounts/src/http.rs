//! The HTTP routes of accounts.

use axum::extract::State;
use axum::http::StatusCode;
use ballet::http::{Json, Path, Problem, Query};
use ballet::openapi::{Accepted, Api, Created, IdempotencyKey, NoContent, Operation, json};
use ballet::{Handle, SagaId};
use common::paging::{Limit, Page, cursor};
use schemars::JsonSchema;
use serde::Deserialize;
use streaming_events::access::Caller;
use streaming_events::accounts::{AccountClosed, AccountOpened, DeviceRemoved, PlanChanged};
use streaming_events::{AccountId, ClosureId, DeviceId};

use crate::account::{Closure, Device, Plan, StoredAccount};
use crate::refusals::{no_device, no_plan, require_open, too_many_devices};
use crate::requests::{NewAccount, NewDevice, NewPlan, OneDevice, checked};
use crate::store::{account, closure, device};

pub(crate) fn api() -> Api<Handle> {
    let (ok, none, gone) = (StatusCode::OK, "There is no such account.", "The account is closed.");
    let (missing, closed) = (StatusCode::NOT_FOUND, StatusCode::GONE);
    Api::new("accounts", "People, their plans and devices, and the slots of their streams.")
        .get(
            "/plans",
            plans,
            Operation::new("list_plans", "List the plans"),
        )
        .post(
            "/sign-up",
            sign_up,
            Operation::new("sign_up", "Sign up")
                .example(json!({
                    "email": "ada@example.org", "name": "Ada", "plan": "duo", "region": "DE",
                }))
                .about(
                    "With an `Idempotency-Key` the request may be sent again when no answer came: it gets the \
                     same account.",
                ),
        )
        .get(
            "/accounts/{account_id}",
            read,
            Operation::new("read_account", "Read an account")
                .refuses(missing, none)
                .refuses(closed, gone),
        )
        .put(
            "/accounts/{account_id}/plan",
            change_plan,
            Operation::new("change_plan", "Change the plan")
                .about("Streams beyond the new plan end, the oldest first.")
                .example(json!({ "plan": "family" }))
                .answers(ok, "The account with this plan.")
                .refuses(missing, none)
                .refuses(closed, gone),
        )
        .delete(
            "/accounts/{account_id}",
            close,
            Operation::new("close_account", "Close an account")
                .about(
                    "Playing sessions end. Address and name are deleted before the answer. Every service erases \
                     its data, and the closure names the services that have not done so yet.",
                )
                .answers(StatusCode::ACCEPTED, "The closure.")
                .refuses(missing, none)
                .refuses(closed, "The account was closed before."),
        )
        .get(
            "/accounts/{account_id}/closure",
            read_closure,
            Operation::new("read_closure", "Read the closure of an account")
                .refuses(missing, "The account was not closed."),
        )
        .get(
            "/accounts/{account_id}/devices",
            devices,
            Operation::new("list_devices", "List devices and their sessions")
                .refuses(missing, none)
                .refuses(closed, gone),
        )
        .post(
            "/accounts/{account_id}/devices",
            add_device,
            Operation::new("add_device", "Add a device")
                .example(json!({ "name": "Television" }))
                .refuses(missing, none)
                .refuses(closed, gone)
                .refuses(StatusCode::CONFLICT, "The account has too many devices."),
        )
        .delete(
            "/accounts/{account_id}/devices/{device_id}",
            remove_device,
            Operation::new("remove_device", "Remove a device")
                .about("Its sessions end.")
                .answers(StatusCode::NO_CONTENT, "The device is removed.")
                .refuses(missing, "There is no such account or device.")
                .refuses(closed, gone),
        )
        .get(
            "/closures",
            closures,
            Operation::new("list_closures", "List closures")
                .about("The newest come first. For operators of streaming.")
                .refuses(StatusCode::FORBIDDEN, "The caller is an account."),
        )
}

async fn plans(State(handle): State<Handle>) -> Result<Json<Page<Plan>>, Problem> {
    Ok(Json(Page { items: account::plans(handle.db()).await?, next: None }))
}

async fn sign_up(
    State(handle): State<Handle>,
    key: IdempotencyKey,
    Json(new): Json<NewAccount>,
) -> Result<Created<StoredAccount>, Problem> {
    let new = new.checked()?;
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    if !account::has_plan(tx.db(), &new.plan).await? {
        return Err(no_plan(&new.plan));
    }
    let (account_id, now) = (handle.new_id::<AccountId>(), tx.now());
    let Some(opened) = account::open(tx.db(), account_id, &new, key.text(), now).await? else {
        let before = account::find_asked(tx.db(), key.text().unwrap_or_default()).await?;
        unit.rollback();
        let is_same = |old: &StoredAccount| {
            (&old.email, &old.name) == (&Some(new.email.clone()), &Some(new.name.clone()))
        };
        return before.filter(is_same).map(opened_account).ok_or_else(IdempotencyKey::taken);
    };
    tx.publish(&AccountOpened(opened.event())).await?;
    unit.commit().await?;
    Ok(opened_account(opened))
}

fn opened_account(body: StoredAccount) -> Created<StoredAccount> {
    Created { location: format!("/accounts/{}", body.account_id), body }
}

async fn read(
    State(handle): State<Handle>,
    caller: Caller,
    Path(account_id): Path<AccountId>,
) -> Result<Json<StoredAccount>, Problem> {
    require_open(account::find(handle.db(), account_id).await?, account_id, &caller).map(Json)
}

async fn change_plan(
    State(handle): State<Handle>,
    caller: Caller,
    Path(account_id): Path<AccountId>,
    Json(NewPlan { plan }): Json<NewPlan>,
) -> Result<Json<StoredAccount>, Problem> {
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let account =
        require_open(account::find_to_change(tx.db(), account_id).await?, account_id, &caller)?;
    let changed = account::change_plan(tx.db(), &account, &plan, now).await?;
    let (changed, displaced) = changed.ok_or_else(|| no_plan(&plan))?;
    tx.publish(&PlanChanged { account: changed.event(), displaced }).await?;
    unit.commit().await?;
    Ok(Json(changed))
}

async fn close(
    State(handle): State<Handle>,
    caller: Caller,
    Path(account_id): Path<AccountId>,
) -> Result<Accepted<Closure>, Problem> {
    let closure_id = handle.new_id::<ClosureId>();
    let mut unit = handle.saga_unit(SagaId(closure_id.0)).await?;
    let mut tx = unit.tx();
    let now = tx.now();
    require_open(account::find_to_change(tx.db(), account_id).await?, account_id, &caller)?;
    closure::close(tx.db(), closure_id, account_id, now).await?;
    let closure = closure::of_account(tx.db(), account_id).await?;
    unit.originate(AccountClosed { closure_id, account_id, closed_at: now }).await?;
    unit.commit().await?;
    closure.map(Accepted).ok_or_else(|| Problem::not_found("the closure is gone"))
}

async fn read_closure(
    State(handle): State<Handle>,
    caller: Caller,
    Path(account_id): Path<AccountId>,
) -> Result<Json<Closure>, Problem> {
    let closure = closure::of_account(handle.db(), account_id).await?;
    let closure = closure.filter(|closure| caller.is_allowed(closure.account_id));
    let none = || Problem::not_found(format!("no account {account_id} was closed"));
    closure.map(Json).ok_or_else(none)
}

async fn devices(
    State(handle): State<Handle>,
    caller: Caller,
    Path(account_id): Path<AccountId>,
) -> Result<Json<Page<Device>>, Problem> {
    require_open(account::find(handle.db(), account_id).await?, account_id, &caller)?;
    Ok(Json(Page { items: device::list(handle.db(), account_id).await?, next: None }))
}

async fn add_device(
    State(handle): State<Handle>,
    caller: Caller,
    Path(account_id): Path<AccountId>,
    Json(NewDevice { name }): Json<NewDevice>,
) -> Result<Created<Device>, Problem> {
    checked("name", &name)?;
    let device_id = handle.new_id::<DeviceId>();
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let added_at = tx.now();
    require_open(account::find_to_change(tx.db(), account_id).await?, account_id, &caller)?;
    if !device::add(tx.db(), account_id, device_id, &name, added_at).await? {
        return Err(too_many_devices());
    }
    unit.commit().await?;
    let location = format!("/accounts/{account_id}/devices/{device_id}");
    Ok(Created { location, body: Device { device_id, name, added_at, sessions: Vec::new() } })
}

async fn remove_device(
    State(handle): State<Handle>,
    caller: Caller,
    Path(OneDevice { account_id, device_id }): Path<OneDevice>,
) -> Result<NoContent, Problem> {
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    require_open(account::find_to_change(tx.db(), account_id).await?, account_id, &caller)?;
    if !device::remove(tx.db(), account_id, device_id).await? {
        return Err(no_device(device_id));
    }
    tx.publish(&DeviceRemoved { account_id, device_id }).await?;
    unit.commit().await?;
    Ok(NoContent)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ClosureFilter {
    /// Only those that are overdue.
    #[serde(default)]
    overdue: bool,
    /// The `next` of the page before. Without it, the list begins.
    #[serde(default, deserialize_with = "cursor")]
    after: Option<ClosureId>,
    /// The most items on the page.
    #[serde(default)]
    limit: Limit,
}

async fn closures(
    State(handle): State<Handle>,
    caller: Caller,
    Query(ClosureFilter { overdue, after, limit }): Query<ClosureFilter>,
) -> Result<Json<Page<Closure>>, Problem> {
    caller.must_be_behind()?;
    let overdue_at = overdue.then(|| handle.now());
    let closures = closure::page(handle.db(), overdue_at, after, limit).await?;
    Ok(Json(Page::new(closures, limit, |closure| closure.closure_id)))
}
