//! A workload generator: sends pictures to the web tier as `curl -F myfile=@picture URL` does. In: a folder of
//! pictures, a number, a URL. Out: a summary of what was answered, on standard output.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::redirect::Policy;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::cli::Load;
use crate::say;
use crate::web::ID_HEADER;

/// Separates the parts of a form. No picture has it.
const BOUNDARY: &str = "recognizer-3f0c1f6be04b4b6f9a5c";

/// What came of one request.
#[derive(Clone, Debug)]
struct Reply {
    picture: String,
    /// The answer, and the picture's id where the server tells it. Or why there is none.
    said: Result<(String, Option<String>), String>,
    took: Duration,
}

/// What came of all.
#[derive(Debug, PartialEq, Serialize)]
struct Summary {
    sent: usize,
    answered: usize,
    /// Answers that are not the label in the file of labels.
    wrong: usize,
    /// Requests without an answer, and why, once each.
    lost: usize,
    reasons: BTreeSet<String>,
    /// Answers to an id that another request's answer had too. Unknown where the answers tell no ids.
    doubled: Option<usize>,
    p50_ms: u128,
    p95_ms: u128,
    wall_ms: u128,
    labels: BTreeMap<String, usize>,
}

pub async fn run(load: Load) -> anyhow::Result<()> {
    let url = reqwest::Url::parse(&load.url).with_context(|| format!("{:?} is no URL", load.url))?;
    let pictures = pictures(&load.folder)?;
    let labels = load.labels.as_deref().map(labels).transpose()?;
    if let Some(labels) = &labels
        && let Some((name, _)) = pictures.iter().find(|(name, _)| !labels.contains_key(name))
    {
        bail!("the file of labels has no line for {name}: add `{name},LABEL`");
    }
    // The server itself is asked, and neither a proxy nor where it sends us: that may be a page to sign in at.
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .build()?;
    let at_once = Arc::new(Semaphore::new(load.concurrency.unwrap_or(load.num_request) as usize));
    let (start, mut sends) = (Instant::now(), JoinSet::new());
    for i in 0..load.num_request as usize {
        let (name, bytes) = pictures[i % pictures.len()].clone();
        let (http, url, at_once, longest) = (http.clone(), url.clone(), Arc::clone(&at_once), load.timeout);
        sends.spawn(async move {
            let _turn = at_once.acquire().await;
            let start = Instant::now();
            let said = timeout(longest, send(&http, url, &name, &bytes)).await;
            let said = said.unwrap_or_else(|_| Err(format!("no answer within {} s", longest.as_secs())));
            Reply { picture: name, said, took: start.elapsed() }
        });
    }
    let replies = sends.join_all().await;
    let summary = summary(&replies, labels.as_ref(), start.elapsed());
    match load.json {
        true => say::line(serde_json::to_string(&summary)?)?,
        false => say::exactly(in_words(&summary, labels.is_some()))?,
    }
    let bad = summary.wrong + summary.lost + summary.doubled.unwrap_or(0);
    ensure!(bad == 0, "{bad} of {} pictures were not answered rightly and once", summary.sent);
    Ok(())
}

async fn send(
    http: &reqwest::Client,
    url: reqwest::Url,
    name: &str,
    bytes: &[u8],
) -> Result<(String, Option<String>), String> {
    let name = name.replace(['"', '\r', '\n'], "_");
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"myfile\"; filename=\"{name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    let body = [head.as_bytes(), bytes, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat();
    let form = format!("multipart/form-data; boundary={BOUNDARY}");
    let told = |error: reqwest::Error| crate::aws::deepest(&error);
    let reply = http.post(url).header("content-type", form).body(body).send().await.map_err(told)?;
    let status = reply.status();
    let id = reply.headers().get(ID_HEADER).and_then(|id| id.to_str().ok()).map(str::to_owned);
    let text = in_one_line(&reply.text().await.map_err(told)?);
    match status.is_success() {
        true if text.is_empty() => Err(format!("{status}: the answer is empty")),
        true => Ok((text, id)),
        false => Err(format!("{status}: {text}")),
    }
}

/// What a server said, fit for a terminal.
fn in_one_line(text: &str) -> String {
    let words: Vec<_> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(200).collect()
}

/// The files of a folder, by name.
fn pictures(folder: &Path) -> anyhow::Result<Vec<(String, Arc<[u8]>)>> {
    let mut files = Vec::new();
    let told = || format!("cannot read the folder {}", folder.display());
    for entry in std::fs::read_dir(folder).with_context(told)? {
        let path = entry.with_context(told)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        if path.is_file() && ["jpg", "jpeg", "png", "gif", "webp", "bmp", "tif", "tiff"].contains(&ending.as_str()) {
            files.push(path);
        }
    }
    files.sort();
    ensure!(!files.is_empty(), "there is no picture in {}: it needs .jpg, .png or the like", folder.display());
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok((name, bytes.into()))
    };
    files.into_iter().map(read).collect()
}

/// `picture,label` lines. Labels may have commas.
fn labels(file: &Path) -> anyhow::Result<HashMap<String, String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut labels = HashMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let pair = line.split_once(',');
        let (name, label) = pair.with_context(|| format!("{line:?} is no `picture,label` line"))?;
        labels.insert(name.trim().to_owned(), label.trim().to_owned());
    }
    Ok(labels)
}

fn summary(replies: &[Reply], labels: Option<&HashMap<String, String>>, wall: Duration) -> Summary {
    let (mut wrong, mut doubled, mut without_id, mut seen) = (0, 0, 0, BTreeSet::new());
    let (mut found, mut reasons) = (BTreeMap::new(), BTreeSet::new());
    let mut times = Vec::new();
    for reply in replies {
        match &reply.said {
            Ok((label, id)) => {
                times.push(reply.took.as_millis());
                *found.entry(label.clone()).or_insert(0) += 1;
                let is_wrong = labels.is_some_and(|labels| labels.get(&reply.picture) != Some(label));
                wrong += usize::from(is_wrong);
                doubled += usize::from(id.as_ref().is_some_and(|id| !seen.insert(id.clone())));
                without_id += usize::from(id.is_none());
            }
            Err(reason) => {
                reasons.insert(reason.clone());
            }
        }
    }
    times.sort_unstable();
    // The nearest rank.
    let share = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    let (p50_ms, p95_ms) = (share(50).unwrap_or(0), share(95).unwrap_or(0));
    let (sent, answered) = (replies.len(), times.len());
    let wall_ms = wall.as_millis();
    let doubled = (doubled > 0 || without_id == 0).then_some(doubled);
    Summary { sent, answered, wrong, lost: sent - answered, reasons, doubled, p50_ms, p95_ms, wall_ms, labels: found }
}

fn in_words(summary: &Summary, is_checked: bool) -> String {
    let Summary { sent, answered, wrong, lost, reasons, doubled, p50_ms, p95_ms, wall_ms, labels } = summary;
    let wrong = if is_checked { wrong.to_string() } else { "not checked (--labels)".to_owned() };
    let doubled = doubled.map_or_else(|| "not known: answers came without an id".to_owned(), |n| n.to_string());
    let mut text = format!(
        "sent     {sent}\nanswered {answered}\nwrong    {wrong}\nlost     {lost}\ndoubled  {doubled}\n\
         p50      {p50_ms} ms\np95      {p95_ms} ms\nin all   {wall_ms} ms\n"
    );
    labels.iter().for_each(|(label, count)| text += &format!("  {count} x {label}\n"));
    reasons.iter().for_each(|reason| text += &format!("  lost: {reason}\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(picture: &str, said: Result<(&str, &str), &str>, millis: u64) -> Reply {
        let said = said.map(|(label, id)| (label.into(), Some(id.into()))).map_err(str::to_owned);
        Reply { picture: picture.into(), said, took: Duration::from_millis(millis) }
    }

    #[test]
    fn a_summary_counts_each_kind() {
        let labels = HashMap::from([("cat.jpg".into(), "tabby".into())]);
        let replies = [
            reply("cat.jpg", Ok(("tabby", "1")), 10),
            reply("cat.jpg", Ok(("tiger", "2")), 30),
            reply("cat.jpg", Ok(("tabby", "1")), 20),
            reply("cat.jpg", Err("503: later"), 99),
        ];
        let found = summary(&replies, Some(&labels), Duration::from_millis(100));
        assert_eq!((found.sent, found.answered, found.wrong, found.lost, found.doubled), (4, 3, 1, 1, Some(1)));
        assert_eq!((found.p50_ms, found.p95_ms, found.wall_ms), (20, 30, 100));
        let words = in_words(&found, true);
        for said in ["wrong    1", "lost     1", "doubled  1", "2 x tabby", "lost: 503: later"] {
            assert!(words.contains(said), "{words}");
        }
        let unchecked = summary(&replies, None, Duration::ZERO);
        assert!(in_words(&unchecked, false).contains("not checked"));
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let replies: Vec<_> = (1..=100).map(|i| reply("a", Ok(("b", "c")), i)).collect();
        let found = summary(&replies, None, Duration::ZERO);
        assert_eq!((found.p50_ms, found.p95_ms, found.doubled), (50, 95, Some(99)));
        assert_eq!(summary(&[], None, Duration::ZERO).p95_ms, 0);
    }

    #[test]
    fn without_ids_nobody_knows_what_came_twice() {
        let said = |id: Option<&str>| Ok(("tabby".to_owned(), id.map(str::to_owned)));
        let of = |ids: &[Option<&str>]| {
            let reply = |id| Reply { picture: "a".into(), said: said(id), took: Duration::ZERO };
            summary(&ids.iter().copied().map(reply).collect::<Vec<_>>(), None, Duration::ZERO)
        };
        assert_eq!(of(&[Some("1"), None]).doubled, None);
        assert_eq!(of(&[Some("1"), Some("1"), None]).doubled, Some(1));
        assert!(in_words(&of(&[None]), false).contains("doubled  not known"));
    }

    #[test]
    fn what_a_server_says_is_one_line_and_short() {
        assert_eq!(in_one_line("\u{1b}[31mred\nline2 \n"), "[31mred line2");
        assert_eq!(in_one_line(&"boom ".repeat(2000)).len(), 200);
    }
}
