//! Payments is killed around its calls to a provider over HTTP, which counts what it does.

use std::path::PathBuf;
use std::time::Duration;

use crate::process::KillableService;
use crate::shop_processes::{ShopProcesses, goods};
use ballet_stage::wait_until;
use serde_json::{Value, json};
use shop_rig::partner::Partner;
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(60);

/// The fault point at which payments dies, and the path of the call at that point.
const AIMS: [(&str, &str); 7] = [
    ("before_call@authorize_payment", "/authorizations"),
    ("after_call@authorize_payment", "/authorizations"),
    ("before_commit@done:authorize_payment", "/authorizations"),
    ("after_call@capture_payment", "/captures"),
    ("before_commit@done:capture_payment", "/captures"),
    ("after_call@undo:authorize_payment", "/voids"),
    ("before_commit@undone:authorize_payment", "/voids"),
];

fn decides(path: &str, key: Uuid, request: &Value) -> Value {
    let result = match path {
        "/authorizations" => "approved",
        "/captures" => "captured",
        "/voids" => "voided",
        "/refunds" => "refunded",
        other => panic!("{other} is no path of the provider"),
    };
    let reference = request.get("reference").cloned();
    json!({ "result": result, "reference": reference.unwrap_or(json!(format!("auth_{key}"))) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_provider_did_for_a_process_that_was_killed_is_done_once() {
    let place =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("outside-{}", std::process::id()));
    let shop = ShopProcesses::new("outside").await;
    let partner = Partner::start(decides).await;
    let process = |service| KillableService::new(service, &shop.env, &place).calling(&partner.url);
    let mut processes = shop.start(process).await;
    shop.fill().await;
    let at = processes.iter().position(|one| one.service == "payments").expect("a service");
    for (aim, path) in AIMS {
        let payments = &mut processes[at];
        payments.aim(aim);
        let mut order = goods("card_approved");
        let (paths, end) = if path == "/voids" {
            // The carrier does not deliver there, so the money is released.
            order["ship_to"]["country"] = json!("AQ");
            (["/authorizations", "/voids"], "cancelled")
        } else {
            (["/authorizations", "/captures"], "completed")
        };
        let order = shop.place(&order).await;
        payments.died().await;
        let left = partner.operations(path, &order).len();
        assert_eq!(left, usize::from(!aim.starts_with("before_call")), "{aim}");
        payments.start();
        shop.services.serves("payments", payments.serving().await);
        shop.ends(&order, end).await;
        for path in paths {
            wait_until("the provider to be asked", SOON, || async {
                Ok::<_, String>((!partner.operations(path, &order).is_empty()).then_some(()))
            })
            .await
            .expect("a request");
            let done = partner.operations(path, &order);
            assert_eq!(done.len(), 1, "{aim}: {path} of {order}: {done:?}");
        }
        // The rest of this order must not reach the next fault point.
        shop.has_no_open_calls("payments").await;
    }
    drop(processes);
    std::fs::remove_dir_all(&place).expect("removed");
}
