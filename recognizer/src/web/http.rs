//! The routes. In: requests of the page, and of any HTTP client. Out: answers, each failure with a sentence.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{Stream, StreamExt, stream};
use multer::Multipart;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{SemaphorePermit, mpsc};
use tokio::time::{Instant, timeout};
use tower_http::csrf::CsrfLayer;

use super::upload::{LARGEST, UploadError};
use super::{Context, ID_HEADER, assets};
use crate::message::{self, Id, Verdict};

/// How long `POST /` waits for its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(15 * 60);
/// How long a picture may take to arrive: 10 MB by a slow phone.
const RECEIVED_WITHIN: Duration = Duration::from_secs(300);
/// How long a body may pause. Each upload has one of few turns, which who sends nothing must not keep.
const PAUSE: Duration = Duration::from_secs(10);
/// A form's own lines, beside the picture.
const FORM: usize = 16_000;
/// Answers that one page may ask for at once.
const ASKED: usize = 5_000;
const UNNAMED: &str = "Say what the picture is called and which stream waits for it, by ?name=NAME&stream=UUID.";
const PING: Duration = Duration::from_secs(15);

pub fn router(context: Context) -> Router {
    let mut router = Router::new();
    for (path, kind, text) in assets::ALL {
        router = match path {
            "/" => router.route(path, get(move || async move { assets::serve(kind, text) }).post(form)),
            path => router.route(path, get(move || async move { assets::serve(kind, text) })),
        };
    }
    router
        .route("/pictures", post(picture))
        .route("/answers", get(answers))
        .route("/waiting", post(waiting))
        .fallback(|| async { failure(StatusCode::NOT_FOUND, "There is nothing here: the page is at /.") })
        .method_not_allowed_fallback(|| async {
            failure(StatusCode::METHOD_NOT_ALLOWED, "This path knows no such method: the page is at /.")
        })
        // Another site's page must not upload in its reader's name.
        .layer(CsrfLayer::new().with_rejection_response(|_| {
            failure(StatusCode::FORBIDDEN, "Another site's page may not do this in your name: use the page at /.")
        }))
        .with_state(context)
}

fn failure(status: StatusCode, sentence: &str) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], format!("{sentence}\n")).into_response()
}

impl IntoResponse for UploadError {
    fn into_response(self) -> Response {
        let status = match self {
            UploadError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            UploadError::NoFile | UploadError::Empty | UploadError::Two | UploadError::Cut(_) => {
                StatusCode::BAD_REQUEST
            }
            UploadError::Store(_) | UploadError::Queue(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        failure(status, &self.to_string())
    }
}

/// `POST /`: a form with the picture in its field `myfile`. Waits, and answers the label as text.
async fn form(State(context): State<Context>, headers: HeaderMap, body: Body) -> Response {
    let id = Id::new();
    // Dropped after the receiver, also where the client hangs up.
    let _caller = Caller { context: context.clone(), id: id.clone() };
    let answered = timeout(ANSWER_WITHIN, async {
        let answer = {
            let (pieces, _turn) = turn(&context, &headers, body, LARGEST + FORM).await?;
            let (name, bytes) = in_time(read_form(&headers, pieces)).await?;
            let mut answer = None;
            context.take(&id, &name, bytes, || answer = Some(context.desk().call(&id, Instant::now()))).await?;
            answer
        };
        let Some(answer) = answer else { return Ok(None) };
        tokio::select! {
            answer = answer => Ok::<_, UploadError>(answer.ok()),
            () = context.0.stop.wait() => Ok(None),
        }
    });
    let answered = answered.await;
    let told = [(ID_HEADER, id.as_str())];
    match answered {
        Ok(Ok(Some(response))) => {
            let status = match &response.verdict {
                Verdict::Label { .. } => StatusCode::OK,
                Verdict::Error { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            };
            (status, told, format!("{}\n", response.verdict.text())).into_response()
        }
        Ok(Err(error)) => (told, error).into_response(),
        Ok(Ok(None)) | Err(_) => {
            let output = context.0.places.output.name();
            let sentence = format!("There is no answer yet. It will be in the bucket {output}, under the key {id}.");
            (told, failure(StatusCode::GATEWAY_TIMEOUT, &sentence)).into_response()
        }
    }
}

/// A call of `POST /`, while it lasts.
struct Caller {
    context: Context,
    id: Id,
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.context.desk().forget(&self.id);
    }
}

/// A body's pieces, and this upload's turn. Who has sent nothing of the body has no turn yet.
async fn turn<'a>(
    context: &'a Context,
    headers: &HeaderMap,
    body: Body,
    most: usize,
) -> Result<(impl Stream<Item = Result<Bytes, UploadError>> + Send + Unpin + use<>, SemaphorePermit<'a>), UploadError> {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > most) {
        return Err(UploadError::TooLarge);
    }
    let mut pieces = Box::pin(pieces(body, most));
    let first = pieces.next().await;
    let turn = context.0.uploads.acquire().await.map_err(|_| UploadError::Cut("the server ends".to_owned()))?;
    Ok((stream::iter(first).chain(pieces), turn))
}

/// The pieces of a body as they come: at most so many bytes in all, whatever they are of, and none long after another.
/// Ends after an error.
fn pieces(body: Body, most: usize) -> impl Stream<Item = Result<Bytes, UploadError>> {
    stream::unfold(Some((body.into_data_stream(), 0)), move |state| async move {
        let (mut body, so_far) = state?;
        let piece = match timeout(PAUSE, body.next()).await {
            Ok(piece) => piece?.map_err(|error| UploadError::Cut(crate::aws::deepest(&error))),
            Err(_) => Err(UploadError::Cut("nothing came for 10 seconds".to_owned())),
        };
        match piece {
            Ok(piece) if so_far + piece.len() > most => Some((Err(UploadError::TooLarge), None)),
            Ok(piece) => {
                let so_far = so_far + piece.len();
                Some((Ok(piece), Some((body, so_far))))
            }
            Err(error) => Some((Err(error), None)),
        }
    })
}

async fn in_time<T>(read: impl Future<Output = Result<T, UploadError>>) -> Result<T, UploadError> {
    let late = |_| Err(UploadError::Cut("it took longer than 5 minutes".to_owned()));
    timeout(RECEIVED_WITHIN, read).await.unwrap_or_else(late)
}

/// The file's name and bytes.
async fn read_form(
    headers: &HeaderMap,
    pieces: impl Stream<Item = Result<Bytes, UploadError>> + Send + 'static,
) -> Result<(String, Vec<u8>), UploadError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(kind).map_err(|_| UploadError::NoFile)?;
    let mut form = Multipart::new(pieces, boundary);
    let mut file = None;
    while let Some(mut field) = form.next_field().await.map_err(cut)? {
        if field.name() != Some("myfile") {
            continue;
        }
        if file.is_some() {
            return Err(UploadError::Two);
        }
        let name = field.file_name().unwrap_or("picture").to_owned();
        let mut bytes = Vec::new();
        while let Some(piece) = field.chunk().await.map_err(cut)? {
            add(&mut bytes, &piece)?;
        }
        file = Some((name, bytes));
    }
    file.ok_or(UploadError::NoFile)
}

/// Why a form's reader stopped: what its stream said, or what it says itself.
fn cut(error: multer::Error) -> UploadError {
    match error {
        multer::Error::StreamReadFailed(error) => match error.downcast() {
            Ok(ours) => *ours,
            Err(error) => UploadError::Cut(crate::aws::deepest(&*error)),
        },
        error => UploadError::Cut(crate::aws::deepest(&error)),
    }
}

fn add(bytes: &mut Vec<u8>, piece: &Bytes) -> Result<(), UploadError> {
    if bytes.len() + piece.len() > LARGEST {
        return Err(UploadError::TooLarge);
    }
    bytes.extend_from_slice(piece);
    Ok(())
}

#[derive(Deserialize)]
struct Upload {
    name: String,
    stream: Id,
}

/// `POST /pictures`: the picture is the body. Its answer comes by the stream.
async fn picture(
    State(context): State<Context>,
    query: Result<Query<Upload>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, UploadError> {
    let Ok(Query(Upload { name, stream })) = query else {
        return Ok(failure(StatusCode::BAD_REQUEST, UNNAMED));
    };
    let (mut pieces, _turn) = turn(&context, &headers, body, LARGEST).await?;
    let read = async {
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next().await {
            add(&mut bytes, &piece?)?;
        }
        Ok(bytes)
    };
    let bytes = in_time(read).await?;
    let id = Id::new();
    // Where the stream is not connected now, the page asks for the answer when it is.
    let mut is_watched = false;
    context
        .take(&id, &name, bytes, || is_watched = context.desk().watch(&stream.to_string(), &id, Instant::now()))
        .await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "id": id, "is_watched": is_watched }))).into_response())
}

#[derive(Deserialize)]
struct OfStream {
    stream: Id,
}

/// `POST /waiting`: the ids that a page still waits for, after its stream has connected.
async fn waiting(
    State(context): State<Context>,
    query: Result<Query<OfStream>, QueryRejection>,
    ids: Result<Json<Vec<Id>>, JsonRejection>,
) -> Response {
    let (Ok(Query(OfStream { stream })), Ok(Json(ids))) = (query, ids) else {
        return failure(StatusCode::BAD_REQUEST, "Send ?stream=UUID, and the pictures' ids as a JSON array.");
    };
    if ids.len() > ASKED {
        return failure(StatusCode::PAYLOAD_TOO_LARGE, "A page may wait for 5,000 pictures at once, and no more.");
    }
    let (now, stream) = (Instant::now(), stream.to_string());
    let mut desk = context.desk();
    for id in ids {
        if !desk.watch(&stream, &id, now) {
            return failure(StatusCode::CONFLICT, "This stream is not connected: connect it first.");
        }
        // Its message may have gone to this process before it ended, or to another.
        desk.hurry(&id, now);
    }
    StatusCode::NO_CONTENT.into_response()
}

/// `GET /answers`: the answers of one stream as they come.
async fn answers(State(context): State<Context>, query: Result<Query<OfStream>, QueryRejection>) -> Response {
    let Ok(Query(OfStream { stream })) = query else {
        return failure(StatusCode::BAD_REQUEST, "Say which stream, by ?stream=UUID.");
    };
    let stream = stream.to_string();
    let (connection, from) = context.desk().connect(&stream);
    let reader = Reader { context, stream, connection, from, is_new: true };
    let events = stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    // A proxy must not wait for more.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    (unbuffered, Sse::new(events).keep_alive(KeepAlive::new().interval(PING))).into_response()
}

struct Reader {
    context: Context,
    stream: String,
    connection: u64,
    from: mpsc::Receiver<message::Response>,
    is_new: bool,
}

impl Reader {
    async fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.is_new) {
            return Some(Event::default().event("connected").data("{}"));
        }
        let response = tokio::select! {
            response = self.from.recv() => response?,
            () = self.context.0.stop.wait() => return None,
        };
        Event::default().event("answer").json_data(&response).ok()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.context.desk().disconnect(&self.stream, self.connection);
    }
}
