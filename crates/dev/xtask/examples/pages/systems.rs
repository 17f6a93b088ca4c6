//! The systems, for the generated files.

use ballet::core::{ServiceContract, System};
use ballet::openapi::Document;

#[derive(Debug, Clone, Copy)]
pub(crate) enum SystemName {
    Shop,
    Streaming,
    Rides,
}

pub(crate) struct SystemDescription {
    pub(crate) system: System,
    pub(crate) contracts: Vec<ServiceContract>,
    pub(crate) documents: Vec<(&'static str, Document)>,
}

impl SystemName {
    pub(crate) const ALL: [Self; 3] = [Self::Shop, Self::Streaming, Self::Rides];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Streaming => "streaming",
            Self::Rides => "rides",
        }
    }

    pub(crate) fn describe(self) -> SystemDescription {
        match self {
            Self::Shop => SystemDescription {
                system: shop::system(),
                contracts: shop::contracts(),
                documents: shop::documents(),
            },
            Self::Streaming => SystemDescription {
                system: streaming::system(),
                contracts: streaming::contracts(),
                documents: streaming::documents(),
            },
            Self::Rides => SystemDescription {
                system: rides::system(),
                contracts: rides::contracts(),
                documents: rides::documents(),
            },
        }
    }

    pub(crate) fn gateway(self) -> String {
        format!("crates/tools/gateway/{}.toml", self.as_str())
    }

    pub(crate) fn definitions(self) -> String {
        match self {
            Self::Shop => "broker/definitions.json".to_owned(),
            Self::Streaming | Self::Rides => format!("broker/{}.json", self.as_str()),
        }
    }
}
