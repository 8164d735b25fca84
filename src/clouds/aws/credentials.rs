//! Credentials that have their own time. In: where credentials come from. Out: the same credentials, loaded in a task
//! of their own. A request that runs out of time meanwhile does not cut the load off: the next request waits for it
//! too.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// For one load. A credential process may wait for a person, who looks for a key to touch or a code to type.
pub const LOADED_WITHIN: Duration = Duration::from_secs(60);
/// How long a load that nobody waited for counts as fresh.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// Loads from one source, never twice at once.
#[derive(Clone, Debug)]
pub struct OwnTime {
    source: SharedCredentialsProvider,
    load: Arc<Mutex<Load>>,
}

#[derive(Debug)]
enum Load {
    None,
    Running(JoinHandle<(Instant, provider::Result)>),
    /// Ended at that time, and not handed out yet.
    Ended(Instant, provider::Result),
}

impl OwnTime {
    pub fn new(source: SharedCredentialsProvider) -> OwnTime {
        OwnTime { source, load: Arc::new(Mutex::new(Load::None)) }
    }

    /// Waits until the next request will find credentials, or the reason why there are none.
    pub async fn ready(&self) {
        drop(self.ended().await);
    }

    /// The load once it has ended; starts one where there is none. May be dropped at any time.
    async fn ended(&self) -> MutexGuard<'_, Load> {
        let mut load = self.load.lock().await;
        loop {
            *load = match &mut *load {
                Load::Ended(at, _) if at.elapsed() < FRESH_FOR => return load,
                Load::None | Load::Ended(..) => Load::Running(tokio::spawn(loaded(self.source.clone()))),
                Load::Running(task) => match task.await {
                    Ok((at, result)) => Load::Ended(at, result),
                    Err(error) => Load::Ended(Instant::now(), Err(CredentialsError::unhandled(error))),
                },
            };
        }
    }

    async fn take(&self) -> provider::Result {
        let mut load = self.ended().await;
        match std::mem::replace(&mut *load, Load::None) {
            Load::Ended(_, result) => result,
            Load::None | Load::Running(_) => Err(CredentialsError::not_loaded_no_source()),
        }
    }
}

async fn loaded(source: SharedCredentialsProvider) -> (Instant, provider::Result) {
    let result = timeout(LOADED_WITHIN, source.provide_credentials()).await;
    (Instant::now(), result.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(LOADED_WITHIN))))
}

impl ProvideCredentials for OwnTime {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.take())
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.source.fallback_on_interrupt()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use aws_credential_types::credential_fn::provide_credentials_fn;
    use tokio::time::{advance, sleep};

    use super::*;

    /// A source that takes so long; the n-th load has the key `n`.
    fn source(takes: Duration) -> OwnTime {
        let loads = Arc::new(AtomicU32::new(0));
        OwnTime::new(SharedCredentialsProvider::new(provide_credentials_fn(move || {
            let loads = loads.clone();
            async move {
                let n = loads.fetch_add(1, Ordering::Relaxed) + 1;
                sleep(takes).await;
                Ok(Credentials::new(n.to_string(), "secret", None, None, "test"))
            }
        })))
    }

    async fn key(from: &OwnTime) -> String {
        from.provide_credentials().await.unwrap().access_key_id().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_runs_out_of_time_does_not_cut_the_load_off() {
        let credentials = source(Duration::from_secs(40));
        for _ in 0..2 {
            assert!(timeout(Duration::from_secs(14), key(&credentials)).await.is_err());
        }
        assert_eq!(timeout(Duration::from_secs(14), key(&credentials)).await.unwrap(), "1");
        assert_eq!(key(&credentials).await, "2");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_ready_is_handed_out_once_and_while_it_is_fresh() {
        let credentials = source(Duration::from_secs(1));
        credentials.ready().await;
        credentials.ready().await;
        assert_eq!(key(&credentials).await, "1");
        credentials.ready().await;
        advance(FRESH_FOR).await;
        assert_eq!(key(&credentials).await, "3");
    }

    #[tokio::test(start_paused = true)]
    async fn a_load_ends() {
        let error = source(LOADED_WITHIN * 2).provide_credentials().await.unwrap_err();
        assert_eq!(error.to_string(), "credentials provider timed out after 60 seconds");
    }
}
