//! An OpenID Connect provider, which says who somebody is. In: the settings, what a browser brings back. Out: where to
//! send a browser, and the claims of a token that was proved.
//!
//! Its addresses and keys are read when they are first needed, and again where a token has a key that is not known:
//! providers change their keys. The proofs are openidconnect's: signature, issuer, audience, expiry, nonce.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod, CoreErrorResponseType,
    CoreGenderClaim, CoreIdTokenVerifier, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndSessionUrl, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdToken, IdTokenFields,
    IssuerUrl, LogoutRequest, Nonce, PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl,
    ProviderMetadataWithLogout, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError,
    StandardErrorResponse, StandardTokenResponse, TokenResponse,
};
use reqwest::redirect::Policy;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::claims::{self, NotLetIn};
use super::settings::Settings;
use crate::settings::Invalid;
use crate::web::people::Person;
use crate::web::remote::users::is_open_to_others;

/// How long a provider may take for one answer.
const WITHIN: Duration = Duration::from_secs(10);
/// Its keys are not read more often than this, whatever tokens come.
const BETWEEN_READS: Duration = Duration::from_secs(5);

/// Signatures that only the provider can make: with HS256 the page's own secret could, and "none" is none.
const SIGNATURES: [CoreJwsSigningAlgorithm; 10] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EcdsaP521Sha512,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// What a provider's tokens say besides the standard's claims.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Others(Map<String, Value>);

impl AdditionalClaims for Others {}

type Token = IdToken<Others, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type Answer = StandardTokenResponse<
    IdTokenFields<
        Others,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;
type Client = openidconnect::Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Answer,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why a provider's word lets nobody in.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("the provider {issuer} does not answer as it should: {reason}")]
    Unreachable { issuer: String, reason: String },
    #[error("the provider refuses the code of a sign-in: {0}")]
    Code(String),
    #[error("the provider's token is not proved: {0}")]
    Token(String),
    #[error(transparent)]
    NotLetIn(#[from] NotLetIn),
}

/// A sign-in that was begun. Kept here until its browser comes back.
#[derive(Serialize, Deserialize)]
pub struct Begun {
    pub state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    back: RedirectUrl,
}

/// Clones are the same.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    settings: Settings,
    issuer: IssuerUrl,
    secret: Option<ClientSecret>,
    http: reqwest::Client,
    known: Mutex<Option<Known>>,
}

/// What the provider says of itself, and when.
#[derive(Clone)]
struct Known {
    client: Client,
    end_session: Option<EndSessionUrl>,
    read: Instant,
}

impl Provider {
    /// The provider of these settings. None: they have none.
    pub fn of(settings: &Settings) -> Result<Option<Provider>, Invalid> {
        let Some(issuer) = &settings.issuer else { return Ok(None) };
        let invalid = |key, reason: String| Invalid { key, reason };
        let issuer = IssuerUrl::new(issuer.clone())
            .map_err(|error| invalid("web.openid.issuer", format!("is no URL: {error}")))?;
        let secret = settings.client_secret_file.as_deref().map(secret).transpose();
        let secret = secret.map_err(|reason| invalid("web.openid.client_secret_file", reason))?;
        // A provider that leads elsewhere would get the code sent there.
        let http = reqwest::Client::builder().redirect(Policy::none()).timeout(WITHIN).build();
        let http = http.map_err(|error| invalid("web.openid.issuer", format!("cannot be asked: {}", whole(&error))))?;
        Ok(Some(Provider(Arc::new(Inner {
            settings: settings.clone(),
            issuer,
            secret,
            http,
            known: Mutex::default(),
        }))))
    }

    /// By what people know it: its host.
    pub fn name(&self) -> String {
        self.0.issuer.url().host_str().unwrap_or_default().to_owned()
    }

    /// Whether this is the provider's name for itself.
    pub fn is_issuer(&self, name: &str) -> bool {
        self.0.issuer.as_str() == name
    }

    /// Begins a sign-in. Answers where its browser goes, to come back to `back`.
    pub async fn begin(&self, back: String) -> Result<(String, Begun), ProviderError> {
        let back = RedirectUrl::new(back).map_err(|error| self.unreachable(&error))?;
        let Known { client, .. } = self.known(None).await?;
        let client = client.set_redirect_uri(back.clone());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let scopes = self.0.settings.scopes.iter().cloned().map(Scope::new);
        let (url, state, nonce) = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(scopes)
            .set_pkce_challenge(challenge)
            .url();
        Ok((url.into(), Begun { state, nonce, verifier, back }))
    }

    /// Ends a sign-in. Answers who it is, and the token that says so.
    pub async fn end(&self, begun: Begun, code: String) -> Result<(Person, String), ProviderError> {
        let Begun { nonce, verifier, back, .. } = begun;
        let known = self.known(None).await?;
        let client = known.client.clone().set_redirect_uri(back);
        let request = client.exchange_code(AuthorizationCode::new(code)).map_err(|error| self.unreachable(&error))?;
        let answer = request.set_pkce_verifier(verifier).request_async(&self.0.http).await;
        let answer = answer.map_err(|error| match error {
            RequestTokenError::ServerResponse(refused) => ProviderError::Code(refused.to_string()),
            other => self.unreachable(&other),
        })?;
        let token = answer.id_token().ok_or_else(|| ProviderError::Token("there is none".to_owned()))?;
        let mut claims = token.claims(&verifier_of(&known), &nonce);
        if claims.as_ref().is_err_and(is_another_key) {
            claims = token.claims(&verifier_of(&self.known(Some(known.read)).await?), &nonce);
        }
        let claims = claims.map_err(|error| ProviderError::Token(whole(&error)))?;
        let claims = serde_json::to_value(claims).map_err(|error| ProviderError::Token(error.to_string()))?;
        Ok((claims::person(&claims, &self.0.settings)?, token.to_string()))
    }

    /// Where a browser signs out of the provider too, to come to `page` afterwards. None: the provider has no such
    /// place.
    pub async fn sign_out(&self, token: &str, page: String) -> Option<String> {
        if let Some(url) = &self.0.settings.sign_out_url {
            return Some(url.clone());
        }
        let request = LogoutRequest::from(self.known(None).await.ok()?.end_session?);
        let token: Token = token.parse().ok()?;
        let request = request.set_id_token_hint(&token).set_client_id(self.client_id());
        let page = PostLogoutRedirectUrl::new(page).ok()?;
        Some(request.set_post_logout_redirect_uri(page).http_get_url().into())
    }

    /// What the provider says of itself; read again where it was read at `outdated`, and not just now.
    async fn known(&self, outdated: Option<Instant>) -> Result<Known, ProviderError> {
        let mut kept = self.0.known.lock().await;
        if let Some(known) = kept.as_ref() {
            let is_good = outdated.is_none_or(|read| known.read > read) || known.read.elapsed() < BETWEEN_READS;
            if is_good {
                return Ok(known.clone());
            }
        }
        let Inner { settings, issuer, secret, http, .. } = &*self.0;
        let metadata = ProviderMetadataWithLogout::discover_async(issuer.clone(), http).await;
        let metadata = metadata.map_err(|error| self.unreachable(&error))?;
        let end_session = metadata.additional_metadata().end_session_endpoint.clone();
        let ways = metadata.token_endpoint_auth_methods_supported().cloned().unwrap_or_default();
        let is_by_body = ways.contains(&CoreClientAuthMethod::ClientSecretPost)
            && !ways.contains(&CoreClientAuthMethod::ClientSecretBasic);
        let client_id = ClientId::new(settings.client_id.clone());
        let client = Client::from_provider_metadata(metadata, client_id, secret.clone()).set_auth_type(if is_by_body {
            AuthType::RequestBody
        } else {
            AuthType::BasicAuth
        });
        let known = Known { client, end_session, read: Instant::now() };
        *kept = Some(known.clone());
        Ok(known)
    }

    fn client_id(&self) -> ClientId {
        ClientId::new(self.0.settings.client_id.clone())
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> ProviderError {
        ProviderError::Unreachable { issuer: self.0.issuer.to_string(), reason: whole(error) }
    }
}

fn verifier_of(known: &Known) -> CoreIdTokenVerifier<'_> {
    known.client.id_token_verifier().set_allowed_algs(SIGNATURES)
}

/// Whether a token may be proved by keys that are newer.
fn is_another_key(error: &ClaimsVerificationError) -> bool {
    use SignatureVerificationError::{AmbiguousKeyId, CryptoError, NoMatchingKey};
    let ClaimsVerificationError::SignatureVerification(error) = error else { return false };
    matches!(error, NoMatchingKey | CryptoError(_) | AmbiguousKeyId(_))
}

/// An error with its causes, on one line.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut said: Vec<String> = causes.map(|error| error.to_string().replace('\n', " ")).collect();
    said.dedup();
    said.join(": ")
}

/// Reads a secret from a file that is its owner's alone.
fn secret(path: &Path) -> Result<ClientSecret, String> {
    let name = path.display();
    let unreadable = |error: io::Error| format!("is {name}, which cannot be read: {error}");
    let file = File::open(path).map_err(unreadable)?;
    if is_open_to_others(&file).map_err(unreadable)? {
        return Err(format!("is {name}, which others can read or write: take that away by `chmod 600 {name}`"));
    }
    let text = io::read_to_string(file).map_err(unreadable)?;
    match text.trim() {
        "" => Err(format!("is {name}, which is empty")),
        secret => Ok(ClientSecret::new(secret.to_owned())),
    }
}
