//! Takes one picture. In: its bytes and its file's name. Out: its id, once it lies in the input bucket and its request
//! in the queue.

use jiff::Timestamp;

use super::Context;
use crate::message::{Id, Request};
use crate::queues::QueueError;
use crate::store::StoreError;

/// The largest picture, in bytes.
pub const LARGEST: usize = 10_000_000;
/// What is kept of a file's name.
const NAME: usize = 200;

#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("This picture is larger than 10 MB: send a smaller one.")]
    TooLarge,
    #[error("There is no picture in this request: send a form with a file in its field myfile.")]
    NoFile,
    #[error("There is no picture in this request: the file is empty. Choose another.")]
    Empty,
    #[error("There are two files in the field myfile: send each picture by a form of its own.")]
    Two,
    #[error("The picture could not be received ({0}): send it again.")]
    Cut(String),
    #[error("The picture could not be stored ({0}). Nothing is waiting; send it again later.")]
    Store(#[from] StoreError),
    #[error("The picture could not be queued ({0}). Nothing is waiting; send it again later.")]
    Queue(#[from] QueueError),
}

impl Context {
    /// Stores and queues it. `waits` is called before a worker could answer.
    pub(super) async fn take(
        &self,
        id: &Id,
        name: &str,
        bytes: Vec<u8>,
        waits: impl FnOnce(),
    ) -> Result<(), UploadError> {
        if bytes.is_empty() {
            return Err(UploadError::Empty);
        }
        // The picture first: a worker that has the message looks for it.
        self.0.places.input.put(id.as_str(), bytes.into()).await?;
        let request = Request { id: id.clone(), name: name.chars().take(NAME).collect(), sent: Timestamp::now() };
        waits();
        let json = serde_json::to_string(&request).expect("strings and times become JSON");
        Ok(self.0.places.requests.send(&json).await?)
    }
}
