//! The service `dispatch`.

use ballet::Settings;
use clap::Args;
use common::cards::ProviderSettings;
use dispatch::Dispatch;
use dispatch::config::DispatchSettings;

#[derive(Debug, Args)]
struct OwnSettings {
    #[command(flatten)]
    dispatch: DispatchSettings,
    #[command(flatten)]
    provider: ProviderSettings,
}

ballet::main!(OwnSettings, |own: OwnSettings, all: &Settings| {
    let provider = own.provider.provider(all);
    provider.map(|provider| Dispatch::new(own.dispatch, provider).service())
});
