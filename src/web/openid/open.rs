//! A provider that people sign in by, and the sign-ins that are under way. In: the settings. Out: what `routes` and the
//! page need of them.

use std::time::Duration;

use super::provider::Provider;
use super::settings::Settings;
use crate::settings::Invalid;
use crate::web::client::Client;
use crate::web::sessions::Sessions;

/// How long somebody may take at the provider.
pub(super) const LONGEST: Duration = Duration::from_secs(10 * 60);

/// Clones are the same.
#[derive(Clone)]
pub struct OpenId {
    pub(super) provider: Provider,
    /// What each browser has begun.
    pub(super) begun: Sessions,
}

impl OpenId {
    /// None: the settings name no provider.
    pub fn of(settings: &Settings) -> Result<Option<OpenId>, Invalid> {
        let provider = Provider::of(settings)?;
        Ok(provider.map(|provider| OpenId { provider, begun: Sessions::new(LONGEST) }))
    }

    /// By what people know the provider.
    pub fn name(&self) -> String {
        self.provider.name()
    }

    /// Where this client signs out of the provider too. None: there is no such place.
    pub async fn sign_out(&self, token: &str, client: &Client) -> Option<String> {
        self.provider.sign_out(token, format!("{}/", client.origin()?)).await
    }
}
