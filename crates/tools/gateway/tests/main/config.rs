//! Config files as an operator sees them.

use crate::support::gateway::{Folder, command};

const GOOD: &str = "
[database]
url = \"postgres://gateway:geheim@127.0.0.1/gateway\"

[[api_key]]
id = \"mobile\"
hash = \"0000000000000000000000000000000000000000000000000000000000000000\"

[[rate]]
name = \"default\"
requests = 100
window = \"1m\"

[[upstream]]
name = \"orders\"
servers = [\"http://127.0.0.1:7001\"]

[[route]]
prefix = \"/orders\"
methods = [\"GET\"]
upstream = \"orders\"
scopes = [\"orders:read\"]
rate = \"default\"

[[page]]
path = \"/pages/order/{id}\"
public = true
[[page.part]]
name = \"order\"
upstream = \"orders\"
path = \"/orders/{id}\"
";

fn check(text: &str) -> (bool, String, String) {
    let folder = Folder::new();
    let file = folder.write("shop.toml", text);
    let (good, out, error) = command(&["check", file.to_str().unwrap()]);
    let place = format!("{}/", folder.path().display());
    (good, out.replace(&place, ""), error.replace(&place, ""))
}

#[test]
fn a_good_file_is_in_order_and_a_wrong_one_is_refused_with_a_sentence() {
    let (good, out, error) = check(GOOD);
    assert!(good, "{error}");
    assert_eq!(out, "shop.toml: in order\n");
    for (from, to, sentence) in [
        ("requests = 100", "requests = \"many\"", "line 11, column 12"),
        ("window = \"1m\"", "window = \"500ms\"", "[[rate]] 1, window: expected whole seconds"),
        (
            "upstream = \"orders\"\nscopes",
            "upstream = \"order\"\nscopes",
            "[[route]] 1, upstream: there is no upstream \"order\"; expected one of orders",
        ),
        ("methods = [\"GET\"]", "methods = [\"FETCH\"]", "expected one of GET, HEAD, POST"),
        ("prefix = \"/orders\"", "prefix = \"/orders/\"", "expected a path like \"/orders\""),
        ("scopes = [\"orders:read\"]", "", "[[route]] 1, scopes: nobody is named; expected public"),
        (
            "servers = [\"http://127.0.0.1:7001\"]",
            "servers = [\"127.0.0.1:7001\"]",
            "expected an address like \"http://orders:8080\"",
        ),
        (
            "[database]",
            "[listen]\ntrusted_proxies = [\"10.0.0.0/33\"]\n[database]",
            "expected an address or a network, like 10.0.0.0/8",
        ),
        ("hash = \"00", "hash = \"", "[[api_key]] 1, hash: expected 64 hex digits"),
        (
            "[[rate]]",
            "[[scope]]\nname = \"all\"\nincludes = [\"all\"]\n\n[[rate]]",
            "[[scope]] 1, includes: \"all\" is a [[scope]] itself",
        ),
        (
            "path = \"/orders/{id}\"",
            "path = \"/orders/{key}\"",
            "[[page]] 1, [[page.part]] 1, path: the page's path has no {key}",
        ),
        (
            "rate = \"default\"\n\n[[page]]",
            "idempotency = \"required\"\n[database2]\n[[page]]",
            "unknown field `database2`",
        ),
        (
            "[[page]]\npath",
            "[[route]]\nprefix = \"/Orders\"\nmethods = [\"GET\"]\nupstream = \"orders\"\n\
             public = true\n[[page]]\npath",
            "[[route]] 2, methods: GET /Orders is taken by another route",
        ),
        (
            "url = \"postgres://gateway:geheim",
            "url = \"mysql://gateway:geheim",
            "database.url: expected an address like postgres://user:password@host/name",
        ),
        (
            "url = \"postgres://gateway:geheim@127.0.0.1/gateway\"",
            "url = \"env:NOT_SET_ANYWHERE\"",
            "database.url: the environment has no variable NOT_SET_ANYWHERE",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let (good, _, error) = check(&GOOD.replacen(from, to, 1));
        assert!(!good, "{to}");
        assert!(error.starts_with("error: shop.toml: "), "{error}");
        assert!(error.contains(sentence), "{error}");
        assert!(!error.contains("geheim"), "{error}");
    }
    let (good, _, error) = command(&["run", "nowhere.toml"]);
    assert!(!good);
    assert!(error.starts_with("error: nowhere.toml: the file cannot be read: "), "{error}");
}

const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/shop.toml");

#[test]
fn neither_a_token_nor_the_document_needs_the_database() {
    let folder = Folder::new();
    let keys = folder.path().join("keys");
    let keys = keys.to_str().unwrap();
    assert!(command(&["keys", keys]).0);
    let (good, token, error) = command(&["token", SHOP, "--keys", keys, "--subject", "alice"]);
    assert!(good, "{error}");
    assert_eq!(token.trim().split('.').count(), 3);
    let (good, document, error) = command(&["openapi", SHOP]);
    assert!(good, "{error}");
    // `cargo xtask generate` writes this file.
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/openapi/shop.json");
    assert!(document == std::fs::read_to_string(committed).unwrap(), "it is out of date");
}

#[test]
fn the_file_on_the_page_is_in_order() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/gateway.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, block) = page.split_once("```toml\n").unwrap();
    let (text, _) = block.split_once("```").unwrap();
    let folder = Folder::new();
    assert!(command(&["keys", folder.path().join("keys").to_str().unwrap()]).0);
    std::fs::create_dir(folder.path().join("secrets")).unwrap();
    folder.write("secrets/orders", "a-secret-of-thirty-two-characters");
    let documents = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/openapi");
    let text = text.replace("\"openapi\"", &format!("\"{documents}\""));
    let text = text.replace("env:GATEWAY_DATABASE", "postgres://gateway@localhost/gateway");
    let file = folder.write("page.toml", &text);
    let (good, _, error) = command(&["check", file.to_str().unwrap()]);
    assert!(good, "{error}");
}
