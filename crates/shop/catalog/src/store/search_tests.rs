//! How long a search takes among a hundred thousand products. It prints figures, and is run by hand:
//! `cargo test --release -p catalog --lib -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use ballet_testkit::{Database, Postgres};
use sqlx::Executor;

use super::*;
use crate::search::document::Document;

const PRODUCTS: usize = 100_000;
/// Of each kind.
const SEARCHES: usize = 200;
const SYLLABLES: [&str; 24] = [
    "ba", "ce", "di", "fo", "gu", "ha", "ke", "li", "mo", "nu", "pa", "re", "si", "to", "vu", "wa",
    "ze", "bri", "clo", "dra", "ster", "tle", "ning", "lamp",
];

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit
    }

    /// A word of 20,000. Few are in many products, and many in few.
    fn word(&mut self) -> String {
        let most = [200, 2_000, 20_000][self.below(3)];
        word(self.below(most))
    }

    fn words(&mut self, from: usize, to: usize) -> String {
        let count = from + self.below(to - from + 1);
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }
}

fn word(number: usize) -> String {
    let mut rest = number * 7 + 24 * 24;
    let mut word = String::new();
    while rest > 0 {
        word.push_str(SYLLABLES[rest % SYLLABLES.len()]);
        rest /= SYLLABLES.len();
    }
    word
}

async fn fill(db: &PgPool, dice: &mut Dice) {
    db.execute(include_str!("../../../../../migrations/catalog/0001_product.sql")).await.unwrap();
    for first in (0..PRODUCTS).step_by(1_000) {
        let [mut skus, mut titles, mut texts, mut headings, mut all] = [const { Vec::new() }; 5];
        let mut vocabulary = Vec::new();
        for number in first..first + 1_000 {
            let (sku, title, text) =
                (format!("sku-{number}"), dice.words(2, 6), dice.words(20, 80));
            let heading = [('A', title.as_str()), ('B', "category"), ('C', sku.as_str())];
            let document = Document::new(heading, &text);
            headings.push(document.heading);
            all.push(document.words);
            vocabulary.extend(document.vocabulary);
            skus.push(sku);
            titles.push(title);
            texts.push(text);
        }
        sqlx::query(
            "with product as (
                 insert into product (sku, version, title, description, price_minor, currency,
                     category, tags, published_at, changed_at)
                 select sku, 1, title, text, 100, 'EUR', 'category', '{}', now(), now()
                 from unnest($1::text[], $2::text[], $3::text[]) as p (sku, title, text)
             ), word as (
                 insert into word select distinct unnest($6::text[]) on conflict do nothing
             )
             insert into product_words
             select sku, heading::tsvector, words::tsvector
             from unnest($1::text[], $4::text[], $5::text[]) as p (sku, heading, words)",
        )
        .bind(skus)
        .bind(titles)
        .bind(texts)
        .bind(headings)
        .bind(all)
        .bind(vocabulary)
        .execute(db)
        .await
        .unwrap();
    }
    db.execute("analyze").await.unwrap();
}

/// The same with two letters swapped.
fn misspelt(word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    letters.swap(2, 3);
    letters.into_iter().collect()
}

#[tokio::test]
#[ignore = "a measurement, which takes minutes"]
async fn a_search_among_a_hundred_thousand_products() {
    let database = Database::new(Postgres::shared().await.unwrap(), "many").await.unwrap();
    let db = PgPool::connect(database.url()).await.unwrap();
    let mut dice = Dice(7);
    let begun = Instant::now();
    fill(&db, &mut dice).await;
    eprintln!("{PRODUCTS} products in {:.0?}", begun.elapsed());
    let page = Limit::try_from(20).unwrap();
    type Kind = (&'static str, fn(&mut Dice) -> String);
    let kinds: [Kind; 6] = [
        ("any word", Dice::word),
        ("one of the 200 most frequent words", |dice| word(dice.below(200))),
        ("two words", |dice| dice.words(2, 2)),
        ("the first three letters", |dice| dice.word()[..3].to_owned()),
        ("the first two letters", |dice| dice.word()[..2].to_owned()),
        ("a misspelt word", |dice| misspelt(&dice.word())),
    ];
    for (kind, typed) in kinds {
        let mut times: Vec<Duration> = Vec::new();
        let mut found = 0;
        for _ in 0..SEARCHES {
            let query = Query::read(&typed(&mut dice));
            let begun = Instant::now();
            found += find(&db, &query, None, page).await.unwrap().len();
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        let at = |percent: usize| times[SEARCHES * percent / 100];
        eprintln!("{kind}: p50 {:.1?}, p99 {:.1?}, {found} products", at(50), at(99));
        assert!(found > 0, "{kind} finds nothing");
    }
}
