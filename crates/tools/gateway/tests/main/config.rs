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
fn a_good_file_is_in_order() {
    let (good, out, error) = check(GOOD);
    assert!(good, "{error}");
    assert_eq!(out, "shop.toml: in order (1 route, 1 page, 1 upstream)\n");
}

#[test]
fn a_wrong_file_is_refused_with_file_line_and_field() {
    for (from, to, sentence) in [
        (
            "requests = 100",
            "requests = \"many\"",
            "line 11, requests: invalid type: string \"many\", expected u32",
        ),
        (
            "window = \"1m\"",
            "window = \"soon\"",
            "line 12, window: expected a time like \"500ms\", \"10s\", \"5m\" or \"24h\", found \"soon\"",
        ),
        (
            "window = \"1m\"",
            "window = \"500ms\"",
            "line 12, rate.window: expected whole seconds, found \"500ms\"",
        ),
        (
            "upstream = \"orders\"\nscopes",
            "upstream = \"order\"\nscopes",
            "line 21, route.upstream: there is no upstream \"order\"; expected one of orders",
        ),
        (
            "rate = \"default\"",
            "rate = \"fast\"",
            "line 23, route.rate: there is no rate \"fast\"; expected one of default",
        ),
        (
            "methods = [\"GET\"]",
            "methods = [\"FETCH\"]",
            "line 20, methods: expected one of GET, HEAD, POST, PUT, PATCH, DELETE, found \"FETCH\"",
        ),
        (
            "prefix = \"/orders\"",
            "prefix = \"/orders/\"",
            "line 19, prefix: expected a path like \"/orders\" of letters, digits and -._~, without a slash at the end, found \"/orders/\"",
        ),
        (
            "prefix = \"/orders\"",
            "prefix = \"/orders;v=1\"",
            "line 19, prefix: expected a path like \"/orders\" of letters, digits and -._~, without a slash at the end, found \"/orders;v=1\"",
        ),
        (
            "scopes = [\"orders:read\"]",
            "",
            "line 18, route.scopes: nobody is named; expected public = true, or scopes = [\"...\"], or scopes = [] for every client that signs in",
        ),
        (
            "servers = [\"http://127.0.0.1:7001\"]",
            "servers = [\"127.0.0.1:7001\"]",
            "line 16, servers: expected an address like \"http://orders:8080\", found \"127.0.0.1:7001\"",
        ),
        (
            "[database]",
            "[listen]\ntrusted_proxies = [\"10.0.0.0/33\"]\n[database]",
            "line 3, trusted_proxies: expected an address or a network, like 10.0.0.0/8 or fd00::/8, found \"10.0.0.0/33\"",
        ),
        (
            "[database]",
            "[cors]\norigins = []\nallowed_headers = [\"x y\"]\n[database]",
            "line 4, allowed_headers: expected a header like \"x-request-id\", found \"x y\"",
        ),
        (
            "[database]",
            "[jwt]\nissuer = \"i\"\naudience = \"a\"\nkeys = \"k\"\nmax_age = \"1m\"\n[database]",
            "line 6, jwt.max_age: expected more than refresh = \"5m\"",
        ),
        (
            "hash = \"00",
            "hash = \"",
            "line 7, api_key.hash: expected 64 hex digits, as `ballet-gateway api-key` prints them",
        ),
        (
            "[[rate]]",
            "[[scope]]\nname = \"orders:all\"\nincludes = []\n\n[[rate]]",
            "line 11, scope.includes: expected at least one scope that \"orders:all\" includes",
        ),
        (
            "[[rate]]",
            "[[scope]]\nname = \"all\"\nincludes = [\"all\"]\n\n[[rate]]",
            "line 11, scope.includes: \"all\" is a [[scope]] itself; expected what that includes",
        ),
        (
            "path = \"/orders/{id}\"",
            "path = \"/orders/{key}\"",
            "line 31, page.part.path: the page's path has no {key}",
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
            "line 27, route.methods: GET /Orders is taken by another route",
        ),
        (
            "url = \"postgres://gateway:geheim",
            "url = \"mysql://gateway:geheim",
            "line 3, database.url: expected an address like postgres://user:password@host/name",
        ),
        (
            "url = \"postgres://gateway:geheim@127.0.0.1/gateway\"",
            "url = \"env:NOT_SET_ANYWHERE\"",
            "line 3, database.url: the environment has no variable NOT_SET_ANYWHERE, which this names",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let (good, _, error) = check(&GOOD.replacen(from, to, 1));
        assert!(!good, "{to}");
        assert!(error.starts_with("error: shop.toml, line "), "{error}");
        assert!(error.contains(sentence), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(!error.contains("geheim"), "{error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let (good, _, error) = command(&["run", "nowhere.toml"]);
    assert!(!good);
    assert!(error.starts_with("error: nowhere.toml: the file cannot be read: "), "{error}");
}

#[test]
fn what_is_in_force_is_printed_without_secrets_and_can_be_read_again() {
    let folder = Folder::new();
    let file = folder.write("shop.toml", GOOD);
    let (good, printed, error) = command(&["check", "--print-config", file.to_str().unwrap()]);
    assert!(good, "{error}");
    assert!(printed.contains("postgres://***@127.0.0.1/gateway"), "{printed}");
    assert!(!printed.contains("geheim"), "{printed}");
    assert!(printed.contains("body = \"1MiB\""), "{printed}");
    let (again, _, error) = check(&printed);
    assert!(again, "{error}\n{printed}");
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
fn the_file_on_the_page_is_in_order_and_names_the_defaults() {
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
    let in_force = |name: &str, text: &str| {
        let file = folder.write(name, text);
        let (good, printed, error) = command(&["check", "--print-config", file.to_str().unwrap()]);
        assert!(good, "{error}");
        printed
    };
    let (on_page, defaults) = (in_force("page.toml", &text), in_force("good.toml", GOOD));
    for table in ["[listen]", "[limits]", "[timeouts]", "[upstream.breaker]"] {
        let part = |printed: &str| {
            let (_, rest) = printed.split_once(table).unwrap();
            rest.split("\n[").next().unwrap().trim().to_owned()
        };
        assert_eq!(part(&on_page), part(&defaults), "{table}");
    }
}
