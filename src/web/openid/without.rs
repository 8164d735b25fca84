//! A build without OpenID Connect. In: settings. Out: a refusal, where they ask for it.

use axum::Router;

use super::settings::Settings;
use crate::settings::{Invalid, require};
use crate::web::client::Client;

/// Nobody's provider.
#[derive(Clone)]
pub enum OpenId {}

impl OpenId {
    pub fn of(settings: &Settings) -> Result<Option<OpenId>, Invalid> {
        let reason = "is set, but this handwave was built without OpenID Connect: build it with the feature openid";
        require(settings.issuer.is_none(), "web.openid.issuer", reason)?;
        Ok(None)
    }

    pub fn name(&self) -> String {
        match *self {}
    }

    pub async fn sign_out(&self, _: &str, _: &Client) -> Option<String> {
        match *self {}
    }
}

/// None, whatever the others need.
pub fn routes<C: Clone + Send + Sync + 'static>(_: &C) -> Router<C> {
    Router::new()
}
