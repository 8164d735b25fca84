//! S3's few calls: signed by rusty-s3, sent by reqwest. In: keys and bytes. Out: the same, or why not. Each call is
//! tried again where trying again may help.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as Login;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use axum::body::Bytes;
use reqwest::{Method, StatusCode, Url};
use rusty_s3::actions::{DeleteObjects, DeleteObjectsResponse, ListObjectsV2, ObjectIdentifier};
use rusty_s3::{Credentials, S3Action, UrlStyle};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::aws::{deepest, in_one_line};

/// How long a signature holds; a call takes less.
const SIGNED_FOR: Duration = Duration::from_secs(300);
/// Credentials that end so soon are asked for anew.
const SPARE: Duration = Duration::from_secs(120);
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
const TRIES: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Beside each answer: all that is told of it, as JSON.
const ANSWER: &str = "x-amz-meta-answer";

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the S3 address {0:?} is none: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL is such as http://127.0.0.1:5000")]
    Endpoint(String),
    #[error("{0:?} can't be a bucket's name: a name has 3 to 63 small letters, digits and hyphens")]
    Name(String),
    #[error("there are no credentials for S3: {0}")]
    Credentials(String),
    #[error("S3 doesn't answer: {0}")]
    Silent(String),
    #[error("there is no bucket {0}: run `recognizer setup` first, or name another")]
    NoBucket(String),
    #[error("S3 refuses {call} in the bucket {bucket}: {reason}")]
    Refused { call: &'static str, bucket: String, reason: String },
    #[error("the bucket {0} belongs to somebody else: choose another name")]
    Taken(String),
}

/// What all buckets share.
struct Shared {
    http: reqwest::Client,
    provider: SharedCredentialsProvider,
    login: Mutex<Option<Login>>,
    region: String,
    endpoint: Url,
    style: UrlStyle,
}

#[derive(Clone)]
pub struct Store(Arc<Shared>);

impl Store {
    pub fn new(region: &str, endpoint: Option<&str>, provider: SharedCredentialsProvider) -> Result<Store, StoreError> {
        // A stand-in has no host name for each bucket.
        let style = if endpoint.is_some() { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let ending = if region.starts_with("cn-") { ".cn" } else { "" };
        let url = endpoint.map_or_else(|| format!("https://s3.{region}.amazonaws.com{ending}"), str::to_owned);
        let endpoint = Url::parse(&url).map_err(|_| StoreError::Endpoint(url))?;
        // Without a proxy, as the SDK's client for SQS.
        let http = reqwest::Client::builder().no_proxy().timeout(ANSWER_WITHIN);
        let http = http.connect_timeout(Duration::from_secs(5)).build();
        let http = http.map_err(|error| StoreError::Silent(deepest(&error)))?;
        let region = region.to_owned();
        Ok(Store(Arc::new(Shared { http, provider, login: Mutex::new(None), region, endpoint, style })))
    }

    pub fn bucket(&self, name: &str) -> Result<Bucket, StoreError> {
        let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        if !(3..=63).contains(&name.len()) || !name.chars().all(is_letter) {
            return Err(StoreError::Name(name.to_owned()));
        }
        let Shared { endpoint, style, region, .. } = &*self.0;
        let bucket = rusty_s3::Bucket::new(endpoint.clone(), *style, name.to_owned(), region.clone());
        Ok(Bucket { store: self.clone(), bucket: bucket.map_err(|_| StoreError::Name(name.to_owned()))? })
    }

    async fn credentials(&self) -> Result<Credentials, StoreError> {
        let mut kept = self.0.login.lock().await;
        let soon = SystemTime::now() + SPARE;
        let login = match &*kept {
            Some(login) if login.expiry().is_none_or(|end| end > soon) => login.clone(),
            _ => {
                let login = self.0.provider.provide_credentials().await;
                let login = login.map_err(|error| StoreError::Credentials(in_one_line(&deepest(&error))))?;
                kept.insert(login).clone()
            }
        };
        let (key, secret) = (login.access_key_id(), login.secret_access_key());
        Ok(match login.session_token() {
            Some(token) => Credentials::new_with_token(key, secret, token),
            None => Credentials::new(key, secret),
        })
    }
}

/// One bucket.
#[derive(Clone)]
pub struct Bucket {
    store: Store,
    bucket: rusty_s3::Bucket,
}

/// An object of the output bucket.
pub struct Stored {
    pub text: String,
    /// What was stored beside it, if anything was.
    pub answer: Option<String>,
}

impl Bucket {
    pub fn name(&self) -> &str {
        self.bucket.name()
    }

    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        let credentials = self.store.credentials().await?;
        let action = self.bucket.put_object(Some(&credentials), key);
        self.send("PutObject", Method::PUT, action, bytes, &[]).await.map(|_| ())
    }

    /// Stores an answer unless there is one. Whether it is stored now; false may also mean that an earlier try of this
    /// very call was, whose reply was lost.
    pub async fn put_answer(&self, key: &str, text: &str, answer: &str) -> Result<bool, StoreError> {
        let credentials = self.store.credentials().await?;
        let action = self.bucket.put_object(Some(&credentials), key);
        let headers = [("content-type", "text/plain; charset=utf-8"), ("if-none-match", "*"), (ANSWER, answer)];
        let reply =
            self.send("PutObject", Method::PUT, action, Bytes::copy_from_slice(text.as_bytes()), &headers).await?;
        Ok(reply.status() != StatusCode::PRECONDITION_FAILED)
    }

    /// An object's bytes, if it is there.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        match self.ask(key).await? {
            Some(reply) => Ok(Some(reply.bytes().await.map_err(|error| StoreError::Silent(deepest(&error)))?)),
            None => Ok(None),
        }
    }

    /// An answer, if it is there.
    pub async fn get_answer(&self, key: &str) -> Result<Option<Stored>, StoreError> {
        let Some(reply) = self.ask(key).await? else { return Ok(None) };
        let answer = reply.headers().get(ANSWER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let text = reply.text().await.map_err(|error| StoreError::Silent(deepest(&error)))?;
        Ok(Some(Stored { text, answer }))
    }

    async fn ask(&self, key: &str) -> Result<Option<reqwest::Response>, StoreError> {
        let credentials = self.store.credentials().await?;
        let action = self.bucket.get_object(Some(&credentials), key);
        let reply = self.send("GetObject", Method::GET, action, Bytes::new(), &[]).await?;
        Ok(Some(reply).filter(|reply| reply.status() != StatusCode::NOT_FOUND))
    }

    /// Every key.
    pub async fn keys(&self) -> Result<Vec<String>, StoreError> {
        let (mut keys, mut next) = (Vec::new(), None::<String>);
        loop {
            let credentials = self.store.credentials().await?;
            let mut action = self.bucket.list_objects_v2(Some(&credentials));
            if let Some(token) = &next {
                action.with_continuation_token(token.clone());
            }
            let reply = self.send("ListObjectsV2", Method::GET, action, Bytes::new(), &[]).await?;
            let page = reply.text().await.map_err(|error| StoreError::Silent(deepest(&error)))?;
            let page = ListObjectsV2::parse_response(&page).map_err(|error| self.refused("ListObjectsV2", &error))?;
            keys.extend(page.contents.into_iter().map(|object| object.key));
            next = page.next_continuation_token;
            if next.is_none() {
                return Ok(keys);
            }
        }
    }

    pub async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        // S3's bound for one call.
        for some in keys.chunks(1000) {
            let credentials = self.store.credentials().await?;
            let objects: Vec<_> = some.iter().cloned().map(ObjectIdentifier::new).collect();
            let action = DeleteObjects::new(&self.bucket, Some(&credentials), objects.iter());
            let url = action.sign(SIGNED_FOR);
            let (body, md5) = action.body_with_md5();
            let headers = [("content-md5", md5.as_str()), ("content-type", "application/xml")];
            let reply = self.send_to("DeleteObjects", Method::POST, &url, body.into(), &headers).await?;
            let said = reply.text().await.map_err(|error| StoreError::Silent(deepest(&error)))?;
            let said = DeleteObjectsResponse::parse(&said).map_err(|error| self.refused("DeleteObjects", &error))?;
            if let Some(error) = said.errors.first() {
                return Err(self.refused("DeleteObjects", &format!("{}: {}", error.key, error.message)));
            }
        }
        Ok(())
    }

    /// It must be there.
    pub async fn check(&self) -> Result<(), StoreError> {
        let credentials = self.store.credentials().await?;
        let action = self.bucket.head_bucket(Some(&credentials));
        self.send("HeadBucket", Method::HEAD, action, Bytes::new(), &[]).await.map(|_| ())
    }

    /// Makes the bucket. Whether it was absent.
    pub async fn create(&self) -> Result<bool, StoreError> {
        match self.check().await {
            Ok(()) => return Ok(false),
            Err(StoreError::NoBucket(_)) => {}
            Err(StoreError::Refused { reason, .. }) if reason.contains("403") => {
                return Err(StoreError::Taken(self.name().to_owned()));
            }
            Err(error) => return Err(error),
        }
        let credentials = self.store.credentials().await?;
        let action = self.bucket.create_bucket(&credentials);
        // The first region has no name in S3's eyes.
        let body = match self.store.0.region.as_str() {
            "us-east-1" => String::new(),
            _ => action.body(),
        };
        self.send("CreateBucket", Method::PUT, action, body.into(), &[]).await.map(|_| true)
    }

    /// A call with headers that are signed too.
    async fn send<'a>(
        &self,
        call: &'static str,
        method: Method,
        mut action: impl S3Action<'a>,
        body: Bytes,
        headers: &[(&'static str, &'a str)],
    ) -> Result<reqwest::Response, StoreError> {
        for (name, value) in headers {
            action.headers_mut().insert(*name, *value);
        }
        self.send_to(call, method, &action.sign(SIGNED_FOR), body, headers).await
    }

    /// 200, or 404 for an object that is absent, or 412 for one that is there.
    async fn send_to(
        &self,
        call: &'static str,
        method: Method,
        url: &Url,
        body: Bytes,
        headers: &[(&str, &str)],
    ) -> Result<reqwest::Response, StoreError> {
        let mut wait = FIRST_WAIT;
        for tried in 1.. {
            let mut request = self.store.0.http.request(method.clone(), url.clone());
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            // S3 wants to know the length of nothing as well.
            if method == Method::PUT && body.is_empty() {
                request = request.header("content-length", "0");
            }
            let error = match request.body(body.clone()).send().await {
                Ok(reply) if reply.status().is_success() || reply.status() == StatusCode::PRECONDITION_FAILED => {
                    return Ok(reply);
                }
                Ok(reply) => {
                    let status = reply.status();
                    let isnt_key = !matches!(call, "GetObject");
                    let said = reply.text().await.unwrap_or_default();
                    let code = between(&said, "<Code>", "</Code>");
                    match (status, code) {
                        (StatusCode::NOT_FOUND, code) if code == Some("NoSuchBucket") || isnt_key => {
                            return Err(StoreError::NoBucket(self.name().to_owned()));
                        }
                        (StatusCode::NOT_FOUND, _) => return Ok(absent()),
                        (StatusCode::CONFLICT, Some("BucketAlreadyExists")) => {
                            return Err(StoreError::Taken(self.name().to_owned()));
                        }
                        // Two writers at once: the next try sees who won.
                        (StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS, _) => {}
                        (status, _) if status.is_server_error() => {}
                        (status, code) => {
                            let message = between(&said, "<Message>", "</Message>").unwrap_or_default();
                            let reason = format!("{} {message}", code.unwrap_or(status.as_str()));
                            return Err(self.refused(call, &reason.trim()));
                        }
                    }
                    StoreError::Silent(format!("{call} fails with {status}"))
                }
                Err(error) => StoreError::Silent(deepest(&error)),
            };
            if tried == TRIES {
                return Err(error);
            }
            sleep(wait).await;
            wait *= 3;
        }
        unreachable!("the last try returns")
    }

    fn refused(&self, call: &'static str, reason: &dyn std::fmt::Display) -> StoreError {
        StoreError::Refused { call, bucket: self.name().to_owned(), reason: reason.to_string() }
    }
}

fn absent() -> reqwest::Response {
    let mut reply = axum::http::Response::new(reqwest::Body::default());
    *reply.status_mut() = StatusCode::NOT_FOUND;
    reply.into()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(inside, _)| inside)
}
