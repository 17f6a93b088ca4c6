//! Publishes the products, and measures searches among them.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use ballet::Settings;
use ballet::core::{System, topology};
use ballet_stage::TestEnv;
use futures_util::{StreamExt, stream};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::runs::stage::{BenchStage, admin};
use crate::search::figures::{SearchFigures, SearchKind};
use crate::search::vocabulary::{Vocabulary, beginning, misspelt, plain};

/// The number of products that are published side by side.
const SIDE_BY_SIDE: usize = 16;
const SEED: u64 = 7;

/// One product in this many is remembered, for searches that find something.
const REMEMBERED: usize = 100;

/// Makes the text to type, given the texts of some products.
type TypedText = fn(&mut Vocabulary, &[String]) -> String;

/// The kinds of searches.
const KINDS: [(&str, TypedText); 9] = [
    ("any word", |words, _| words.word()),
    ("a word that many products have", |words, _| words.frequent()),
    ("a word without its accents", |words, _| plain(&words.word())),
    ("two words of a product", |words, texts| words.together(texts, 2).join(" ")),
    ("four words of a product", |words, texts| words.together(texts, 4).join(" ")),
    ("the first two letters", |words, _| beginning(&words.word(), 2)),
    ("the first four letters", |words, _| beginning(&words.word(), 4)),
    ("a misspelt word", |words, _| misspelt(&words.word())),
    ("two misspelt words of a product", |words, texts| {
        let words = words.together(texts, 2);
        words.iter().map(|word| misspelt(word)).collect::<Vec<_>>().join(" ")
    }),
];

/// Measures searches of each kind among this many products. `say` is called with each task.
///
/// # Errors
///
/// If the service does not start, or does not answer as it should.
pub async fn measure(
    stage: &BenchStage,
    products: usize,
    searches: usize,
    say: impl Fn(&str),
) -> Result<SearchFigures> {
    let system = System { name: "shop", parts: vec![catalog::participant().part()] };
    let definitions = topology::definitions(&system, |_| String::new());
    let env = TestEnv::new(&stage.servers, "search", &definitions, &["catalog"]).await?;
    let settings = Settings::new(env.amqp_url("catalog"), env.database_url("catalog"));
    let running = catalog::service().start(settings).await?;
    let url = format!("http://{}", running.address());
    let measured = async {
        let texts = fill(&env, &url, products, &say).await?;
        search(&url, products, &texts, searches, &say).await
    };
    let measured = measured.await;
    running.stop().await;
    env.close().await?;
    measured
}

/// Publishes the products over HTTP, and returns the texts of some. The search indexes are created at the end, which is
/// faster.
async fn fill(
    env: &TestEnv,
    url: &str,
    products: usize,
    say: &impl Fn(&str),
) -> Result<Vec<String>> {
    let begun = Instant::now();
    let mut db = admin(env, "catalog").await?;
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "select indexname::text, indexdef from pg_indexes
         where schemaname = 'public' and indexdef like '% USING gin %'",
    )
    .fetch_all(&mut db)
    .await?;
    for (name, _) in &indexes {
        db.execute(AssertSqlSafe(format!("drop index {name}"))).await?;
    }
    let (client, mut words, mut texts) = (client()?, Vocabulary::new(SEED), Vec::new());
    let product = |number| {
        let price = json!({ "amount_minor": 100 + number, "currency": "EUR" });
        let (title, description) = (words.words(2, 6), words.words(20, 80));
        if number % REMEMBERED == 0 {
            texts.push(format!("{title} {description}"));
        }
        json!({ "sku": format!("sku-{number}"), "title": title, "price": price,
            "description": description, "category": "category" })
    };
    let publish = async |product: Value| {
        let answer = client.post(format!("{url}/products")).json(&product).send().await?;
        let status = answer.status();
        ensure!(status == StatusCode::CREATED, "{status}: {}", answer.text().await?);
        Ok(())
    };
    let published = stream::iter((0..products).map(product)).map(publish);
    let mut published = published.buffer_unordered(SIDE_BY_SIDE).enumerate();
    while let Some((number, done)) = published.next().await {
        done.context("a product cannot be published")?;
        if (number + 1) % 10_000 == 0 {
            say(&format!("search: {} products in {:.0?}", number + 1, begun.elapsed()));
        }
    }
    for (_, definition) in indexes {
        db.execute(AssertSqlSafe(definition)).await?;
    }
    db.execute("vacuum analyze").await?;
    say(&format!("search: {products} products and their indexes in {:.0?}", begun.elapsed()));
    db.close().await?;
    drop(published);
    Ok(texts)
}

async fn search(
    url: &str,
    products: usize,
    texts: &[String],
    searches: usize,
    say: &impl Fn(&str),
) -> Result<SearchFigures> {
    let client = client()?;
    let mut kinds = Vec::new();
    for (name, typed) in KINDS {
        let mut words = Vocabulary::new(SEED + 1);
        let mut kind = SearchKind { name, example: String::new(), latencies: Vec::new(), found: 0 };
        for _ in 0..searches {
            kind.example = typed(&mut words, texts);
            let begun = Instant::now();
            let request = client.get(format!("{url}/products/search"));
            let request = request.query(&[("q", kind.example.as_str()), ("limit", "20")]);
            let answer = request.send().await?.error_for_status()?;
            let page: Value = answer.json().await?;
            kind.latencies.push(begun.elapsed().as_secs_f64() * 1_000.0);
            kind.found += page["items"].as_array().map_or(0, Vec::len);
        }
        if kind.found == 0 {
            bail!("searches for {name}, such as {:?}, find nothing", kind.example);
        }
        say(&format!("search: {name}"));
        kinds.push(kind);
    }
    Ok(SearchFigures { products, kinds })
}

fn client() -> Result<Client> {
    Client::builder().no_proxy().build().context("cannot set up HTTP")
}
