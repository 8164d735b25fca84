//! The routes. In: requests of the page, and of any HTTP client. Out: answers, each failure with a sentence.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{StreamExt, stream};
use multer::Multipart;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tower_http::csrf::CsrfLayer;

use super::upload::{LARGEST, UploadError};
use super::{Context, ID_HEADER, assets};
use crate::message::{self, Id, Verdict};

/// How long `POST /` waits for its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(15 * 60);
/// How long a picture may take to arrive: 10 MB by a slow phone.
const RECEIVED_WITHIN: Duration = Duration::from_secs(300);
/// A form's own lines, beside the picture.
const FORM: usize = 16_000;
/// Answers that one page may ask for at once.
const ASKED: usize = 5_000;
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
        // Another site's page must not upload in its reader's name.
        .layer(CsrfLayer::new())
        .with_state(context)
}

fn failure(status: StatusCode, sentence: &str) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], format!("{sentence}\n")).into_response()
}

impl IntoResponse for UploadError {
    fn into_response(self) -> Response {
        let status = match self {
            UploadError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            UploadError::Empty | UploadError::Cut(_) => StatusCode::BAD_REQUEST,
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
            let _turn = context.0.uploads.acquire().await;
            let (name, bytes) = timeout(RECEIVED_WITHIN, read_form(&headers, body))
                .await
                .unwrap_or_else(|_| Err(UploadError::Cut("it took longer than 5 minutes".to_owned())))?;
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

/// The file's name and bytes.
async fn read_form(headers: &HeaderMap, body: Body) -> Result<(String, Vec<u8>), UploadError> {
    if length(headers).is_some_and(|length| length > LARGEST + FORM) {
        return Err(UploadError::TooLarge);
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(kind).map_err(|_| UploadError::Empty)?;
    let mut form = Multipart::new(body.into_data_stream(), boundary);
    let cut = |error: multer::Error| UploadError::Cut(crate::aws::deepest(&error));
    while let Some(mut field) = form.next_field().await.map_err(cut)? {
        if field.name() != Some("myfile") {
            continue;
        }
        let name = field.file_name().unwrap_or("picture").to_owned();
        let mut bytes = Vec::new();
        while let Some(piece) = field.chunk().await.map_err(cut)? {
            add(&mut bytes, &piece)?;
        }
        return Ok((name, bytes));
    }
    Err(UploadError::Empty)
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
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
    Query(Upload { name, stream }): Query<Upload>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, UploadError> {
    if length(&headers).is_some_and(|length| length > LARGEST) {
        return Err(UploadError::TooLarge);
    }
    let _turn = context.0.uploads.acquire().await;
    let read = async {
        let (mut bytes, mut pieces) = (Vec::new(), body.into_data_stream());
        while let Some(piece) = pieces.next().await {
            add(&mut bytes, &piece.map_err(|error| UploadError::Cut(crate::aws::deepest(&error)))?)?;
        }
        Ok(bytes)
    };
    let bytes = timeout(RECEIVED_WITHIN, read).await;
    let bytes = bytes.unwrap_or_else(|_| Err(UploadError::Cut("it took longer than 5 minutes".to_owned())))?;
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
    Query(OfStream { stream }): Query<OfStream>,
    Json(ids): Json<Vec<Id>>,
) -> Response {
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
async fn answers(State(context): State<Context>, Query(OfStream { stream }): Query<OfStream>) -> Response {
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
