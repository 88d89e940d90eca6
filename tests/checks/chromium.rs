//! The rules of CORS in comparison with a real browser: the same requests to the same server, from a page
//! in Chromium and from a check. Both must send the same and see the same.

#[path = "chromium/cases.rs"]
mod cases;

use std::{
    fmt::Write,
    sync::{Arc, Mutex},
};

use tokio::sync::mpsc;

use self::cases::{Case, Content, cases};
use super::*;

/// The requests that reached both servers, as `METHOD path` with the request of a preflight, and the origin.
type Seen = Arc<Mutex<Vec<String>>>;

/// The page's server and the other server.
struct Both {
    page: Server,
    api: Server,
    seen: Seen,
    results: mpsc::UnboundedReceiver<String>,
}

impl Both {
    async fn start() -> Self {
        let seen = Seen::default();
        let ports = Arc::new(Mutex::new([0; 2]));
        let (told, results) = mpsc::unbounded_channel();
        let serve = {
            let (seen, ports) = (seen.clone(), ports.clone());
            move |mut stream: TcpStream, head: String| {
                let (seen, told) = (seen.clone(), told.clone());
                let [page, api] = *ports.lock().unwrap();
                async move {
                    let answer = answer(&head, page, api, &seen, &told);
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                    let _ = stream.read(&mut [0]).await;
                }
            }
        };
        let page = Server::start(serve.clone()).await;
        let api = Server::start(serve).await;
        *ports.lock().unwrap() = [page.port, api.port];
        Self {
            page,
            api,
            seen,
            results,
        }
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

fn answer(
    head: &str,
    page: u16,
    api: u16,
    seen: &Seen,
    told: &mpsc::UnboundedSender<String>,
) -> String {
    let first = head.lines().next().unwrap_or_default();
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap_or_default());
    if let Some(result) = path.strip_prefix("/result/") {
        told.send(result.to_owned()).unwrap();
        return said("204 No Content\n", "");
    }
    let cases = cases();
    let Some(rest) = path.strip_prefix("/case/") else {
        return said("200 OK\nContent-Type: text/html", &script(&cases, api));
    };
    let (number, on) = match rest.split_once('/') {
        Some((number, _)) => (number, true),
        None => (rest, false),
    };
    seen.lock().unwrap().push(shown(method, path, head));
    let case = &cases[number.parse::<usize>().unwrap()];
    let (preflight, answer) = match &case.on {
        Some((preflight, answer)) if on => (preflight, answer),
        _ => (&case.preflight, &case.answer),
    };
    let chosen = if method == "OPTIONS" {
        preflight
    } else {
        answer
    };
    let filled = chosen
        .replace("{page}", &format!("http://localhost:{page}"))
        .replace("{api}", &format!("http://localhost:{api}"))
        .replace("{path}", path);
    said(&filled, "")
}

fn said(head: &str, body: &str) -> String {
    let lines: Vec<&str> = head.lines().filter(|line| !line.is_empty()).collect();
    format!(
        "HTTP/1.1 {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{body}",
        lines.join("\r\n"),
        body.len()
    )
}

/// Returns the parts that distinguish one request from another.
fn shown(method: &str, path: &str, head: &str) -> String {
    let mut shown = format!("{method} {path}");
    for name in [
        "origin",
        "access-control-request-method",
        "access-control-request-headers",
        "content-type",
        "sec-fetch-mode",
    ] {
        let value = head.lines().find_map(|line| {
            let (this, value) = line.split_once(':')?;
            this.eq_ignore_ascii_case(name).then(|| value.trim())
        });
        if let Some(value) = value {
            write!(shown, " | {name}: {value}").unwrap();
        }
    }
    shown
}

/// Returns the page, which sends one request after the other and records what it sees.
fn script(cases: &[Case], api: u16) -> String {
    let cases = serde_json::to_string(cases).unwrap();
    format!(
        r#"<!doctype html><script type="module">
        for (const [number, it] of ({cases}).entries()) {{
          const headers = it.headers
          if (it.content === 'json') headers.push(['Content-Type', 'application/json'])
          const url = `${{it.own ? location.origin : 'http://localhost:{api}'}}/case/${{number}}`
          const body = {{ json: '{{}}', text: 'text' }}[it.content]
          const credentials = it.cookies ? 'include' : 'same-origin'
          let saw
          try {{
            saw = (await fetch(url, {{ method: it.method, headers, body, credentials }})).status
          }} catch {{
            saw = 'nothing'
          }}
          await fetch(`/result/${{number}}/${{saw}}`)
        }}
        </script>"#
    )
}

/// Returns the check for the same request.
fn check_of(case: &Case, number: usize, both: &Both) -> Check<String> {
    let server = if case.own { &both.page } else { &both.api };
    let mut request = request(case.method, server.url(&format!("/case/{number}")));
    for (name, value) in &case.headers {
        request.headers.insert((*name).to_owned(), value.clone());
    }
    request.body = match case.content {
        Content::Nothing => None,
        Content::Json => Some(Body::Json(json!({}))),
        Content::Text => Some(Body::Text("text".to_owned())),
    };
    Check {
        origin: Some(both.page.url("")),
        credentials: case.cookies,
        ..http(request)
    }
}

/// Returns what the page would see according to the check.
fn saw(answer: &CheckAnswer) -> String {
    match &answer.outcome {
        CheckOutcome::Passed => {
            let last = answer.exchange(Stage::Request).unwrap();
            last.status.unwrap().to_string()
        }
        CheckOutcome::Failed(CheckFault::Plain(ProbeFaultKind::Status { status, .. })) => {
            status.to_string()
        }
        _ => "nothing".to_owned(),
    }
}

/// Chromium with its own folder, which is killed at the end of the test.
struct Browser {
    child: Child,
    _folder: tempfile::TempDir,
}

impl Browser {
    fn open(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu"])
            .args(["--disable-background-networking", "--no-first-run"])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            _folder: folder,
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn a_check_sends_and_sees_the_same_as_a_browser() {
    let mut both = Both::start().await;
    let _browser = Browser::open(&both.page.url("/"));
    let cases = cases();
    let mut browser_saw = Vec::new();
    for number in 0..cases.len() {
        let result = tokio::time::timeout(DEADLINE, both.results.recv()).await;
        let result = result.unwrap().unwrap();
        let saw = result.strip_prefix(&format!("{number}/")).unwrap();
        browser_saw.push(saw.to_owned());
    }
    let browser_sent = both.seen();

    let mut differences = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let answer = ask(&check_of(case, number, &both)).await;
        let mut sent = both.seen();
        let mut stages = stages(&answer).into_iter();
        sent.retain(|_| stages.next() != Some(Stage::Inquiry));
        let is_of_case = |line: &&String| {
            let mut words = line.split([' ', '/']);
            words.nth(3) == Some(&number.to_string())
        };
        let browser_sent: Vec<_> = browser_sent.iter().filter(is_of_case).cloned().collect();
        let browser_saw = &browser_saw[number];
        println!("{:40} {browser_saw:8} {}", case.name, browser_sent.len());
        if (browser_saw, &browser_sent) != (&saw(&answer), &sent) {
            differences.push(format!(
                "{}\n  the browser saw {browser_saw}, the check {}\n  {browser_sent:#?}\n  {sent:#?}",
                case.name,
                saw(&answer),
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
