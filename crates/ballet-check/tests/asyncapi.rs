//! The generated documents are AsyncAPI: the official schema accepts them.

use std::path::Path;

use ballet_check::{Contracts, asyncapi};
use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

struct Official {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Official {
    fn new() -> Self {
        let schema = include_str!("asyncapi/3.0.0.json");
        let schema: Value = serde_json::from_str(schema).expect("JSON");
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("asyncapi.json", schema).expect("a schema");
        let index = compiler.compile("asyncapi.json", &mut schemas).expect("a schema");
        Self { schemas, index }
    }

    fn refuses(&self, document: &Value) -> Option<String> {
        self.schemas.validate(document, self.index).err().map(|error| format!("{error:#}"))
    }
}

fn shop() -> Contracts {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/contracts/shop");
    Contracts::read(&folder).expect("contracts")
}

fn documents() -> Vec<Value> {
    let shop = shop();
    let (system, contracts) = (shop.system(), shop.contracts());
    let services = system.parts.iter().map(|part| {
        asyncapi::of_service(system, contracts, part.service).expect("a service of the system")
    });
    let all = services.chain([asyncapi::of_system(system, contracts)]);
    all.map(|text| serde_json::from_str(&text).expect("JSON")).collect()
}

#[test]
fn the_official_schema_accepts_every_document() {
    let official = Official::new();
    let documents = documents();
    assert_eq!(documents.len(), 8);
    for document in documents {
        assert_eq!(official.refuses(&document), None, "{}", document["info"]["title"]);
    }
}

#[test]
fn the_official_schema_refuses_what_is_none() {
    let official = Official::new();
    let document = documents().pop().expect("the system's");
    for (at, wrong) in [
        ("/asyncapi", json!("2.6.0")),
        ("/info", json!({ "title": "shop" })),
        ("/operations/cart.send.cart.checked_out.v1/action", json!("publish")),
        ("/channels/orders/bindings/amqp/queue", json!("orders")),
        ("/components/messages/cart.checked_out.v1/correlationId", json!({ "location": "saga" })),
        ("/components/schemas/cart.checked_out.v1/type", json!("thing")),
    ] {
        let mut broken = document.clone();
        *broken.pointer_mut(at).unwrap_or_else(|| panic!("no {at}")) = wrong;
        assert!(official.refuses(&broken).is_some(), "{at}");
    }
}
