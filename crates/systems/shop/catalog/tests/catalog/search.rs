//! Searches in a small shop, and their products in order.

use crate::test_catalog::{TestCatalog, product, skus};

const SHOP: &[(&str, &str, &str)] = &[
    ("kettle", "Kettle", "Boils a litre in two minutes."),
    ("descaler", "Kettle descaler", "Cleans kettles."),
    ("kettel", "Kettel", "Somebody misspelt it."),
    ("tea-towel", "Tea towel", "Linen, 50 x 70 cm."),
    ("teapot", "Teapot", "For four cups."),
    ("mug", "Blue mug", "Holds a lot of tea."),
    ("mug-tree", "Mug tree", "Oak. Holds six blue mugs."),
    ("brulee", "Crème brûlée dishes", "Set of four, with a torch."),
    ("knife", "Müller chef's knife", "Solingen steel."),
    ("spoon", "Smørrebrød spoon", "Steel from Łódź."),
    ("shirt", "T-shirt", "Cotton, with a teapot on it."),
    ("x200", "Toaster X200", "Two slices."),
    ("x300", "Toaster X300", "Three slices."),
    ("samovar", "Самовар", "Для чая."),
    ("briki", "Μπρίκι καφές", "Για δύο."),
    ("enamel-1", "Coffee pot", "Enamel."),
];

async fn stocked(name: &str) -> TestCatalog {
    let service = TestCatalog::new(name).await;
    for (sku, title, description) in SHOP {
        let mut product = product(sku, title, description);
        product["tags"] = serde_json::json!(["household"]);
        service.published(&product).await;
    }
    service
}

async fn found(service: &TestCatalog, q: &str) -> Vec<String> {
    let page = service.read(&format!("/products/search?q={q}")).await;
    skus(&page).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn what_people_type_is_found_the_best_first() {
    let service = stocked("typed").await;
    for (q, expected) in [
        // The title ranks before the description.
        ("teapot", &["teapot", "shirt"][..]),
        ("KETTLE descaler", &["descaler"]),
        // Still being typed.
        ("kettle de", &["descaler"]),
        ("kett", &["descaler", "kettel", "kettle"]),
        // Words in any order, and in several fields.
        ("mug tree blue", &["mug-tree"]),
        ("teapot cotton", &["shirt"]),
        ("t-shirt", &["shirt"]),
        ("chef's knife", &["knife"]),
        ("toaster x200", &["x200"]),
        ("mug-tree", &["mug-tree"]),
        ("household mug-tree", &["mug-tree"]),
        ("brûlée", &["brulee"]),
        ("Самовар", &["samovar"]),
        ("unicorn", &[]),
        ("kettle unicorn", &[]),
    ] {
        let mut found = found(&service, q).await;
        if q == "kett" {
            found.sort_unstable();
        }
        assert_eq!(found, expected, "{q}");
    }
    service.close().await;
}

#[tokio::test]
async fn pages_of_a_search_have_each_product_once_and_in_order() {
    let service = stocked("pages").await;
    let all = found(&service, "household").await;
    assert_eq!(all.len(), SHOP.len());
    for q in ["household", "steel", "kettle"] {
        let (mut paged, mut after) = (Vec::new(), String::new());
        loop {
            let page = service.read(&format!("/products/search?q={q}&limit=2{after}")).await;
            paged.extend(skus(&page).into_iter().map(str::to_owned));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(paged, found(&service, q).await, "{q}");
    }
    service.close().await;
}

#[tokio::test]
async fn a_product_is_found_from_its_publication_to_its_withdrawal() {
    let service = TestCatalog::new("found").await;
    assert_eq!(found(&service, "mug").await, [""; 0]);
    service.published(&product("mug", "Mug", "")).await;
    assert_eq!(found(&service, "mug").await, ["mug"]);
    service.set_price("mug", Some("\"1\""), 1).await;
    assert_eq!(found(&service, "mug").await, ["mug"]);
    service.withdraw("mug", Some("\"2\"")).await;
    assert_eq!(found(&service, "mug").await, [""; 0]);
    service.close().await;
}
