//! Sign-ups, and what they reveal.

use reqwest::StatusCode;
use serde_json::json;

use crate::world::StreamingWorld;

const ACCOUNTS: &str = "select count(*) from account";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ups_are_once_and_tell_nothing() {
    let world = StreamingWorld::open("sign_ups").await;
    a_sign_up_that_is_sent_again_is_the_same_account(&world).await;
    a_sign_up_does_not_tell_who_has_an_account(&world).await;
    world.system.close(0).await;
}

async fn a_sign_up_that_is_sent_again_is_the_same_account(world: &StreamingWorld) {
    let person =
        json!({ "email": "ada@example.org", "name": "Ada", "plan": "duo", "region": "DE" });
    let signs_up =
        async |key, person| world.system.post_under_key("accounts", "/sign-up", key, person).await;
    let (status, first) = signs_up("k1", &person).await;
    assert_eq!(status, StatusCode::CREATED, "{first}");
    let (status, again) = signs_up("k1", &person).await;
    assert_eq!((status, &again["account_id"]), (StatusCode::CREATED, &first["account_id"]));
    // The key is for one person.
    let mut other = person.clone();
    other["email"] = "eve@example.org".into();
    let (status, answer) = signs_up("k1", &other).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    assert!(!answer.to_string().contains("ada"), "{answer}");
    assert_eq!(world.system.value::<i64>("accounts", ACCOUNTS).await, 1);
}

async fn a_sign_up_does_not_tell_who_has_an_account(world: &StreamingWorld) {
    let person = |email| json!({ "email": email, "name": "Ada", "plan": "duo", "region": "DE" });
    let mut answers = Vec::new();
    for email in ["tom@example.org", "TOM@example.org", "tom@example.org", "liz@example.org"] {
        let (status, answer) = world.system.post("accounts", "/sign-up", &person(email)).await;
        let fields: Vec<String> = answer.as_object().expect("fields").keys().cloned().collect();
        answers.push((status, fields));
    }
    assert_eq!(answers[0].0, StatusCode::CREATED);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(world.system.value::<i64>("accounts", ACCOUNTS).await, 5);
}
