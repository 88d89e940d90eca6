//! The services of the example: a store that speaks a little Redis, an API in front of it, and a page.

use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    net::Ipv4Addr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{self, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use redis::Value;
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::{ADDRESS, DELAY, ORIGIN, setting};
use crate::{host::background, sync::lock};

/// The key of the store that holds the messages.
const MESSAGES: &str = "messages";

/// The longest message of the chat, and the longest word of a command of the store.
const LONGEST: usize = 4096;

/// The pause between two looks for the marker of the other program.
const LOOK: Duration = Duration::from_millis(100);

/// The time after which the other program ends by itself.
const OTHER_PROGRAM: Duration = Duration::from_mins(30);

const PAGE: &str = include_str!("page.html");

/// Serves what the command line names, until it fails or is killed.
pub(super) async fn serve(arguments: &[String]) -> io::Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["store", port] => store(listen(port).await?).await,
        ["api", port, store] => {
            let store: u16 = number(store)?;
            site(listen(port).await?, move |request| api(request, store)).await
        }
        ["page", port] => site(listen(port).await?, page).await,
        ["other-program", port, marker] => other_program(port, Path::new(marker)).await,
        _ => Err(io::Error::other("no such service of the example")),
    }
}

fn number(port: &str) -> io::Result<u16> {
    port.parse().map_err(io::Error::other)
}

async fn listen(port: &str) -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, number(port)?)).await?;
    println!("listening on http://localhost:{port}");
    Ok(listener)
}

/// Occupies a port, as an unrelated program does, until its marker is deleted.
async fn other_program(port: &str, marker: &Path) -> io::Result<()> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, number(port)?)).await;
    let failure = bound.as_ref().err().map(ToString::to_string);
    background::detach()?;
    background::announce(failure.as_deref().map_or(Ok(()), Err))?;
    let listener = bound?;
    let accept = async {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    };
    let until_told = async {
        while marker.exists() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        () = accept => {}
        () = until_told => {}
        () = tokio::time::sleep(OTHER_PROGRAM) => {}
    }
    Ok(())
}

/// Lists of texts, by their keys.
type Lists = Arc<Mutex<HashMap<String, Vec<String>>>>;

async fn store(listener: TcpListener) -> io::Result<()> {
    let lists = Lists::default();
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(converse(stream, lists.clone()));
    }
}

/// Answers the commands of one connection.
async fn converse(stream: TcpStream, lists: Lists) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(words) = command(&mut stream).await? {
        let reply = reply(&words, &lists);
        stream.write_all(reply.as_bytes()).await?;
    }
    Ok(())
}

/// Reads a command; `None` at the end of the connection.
async fn command(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<String>>> {
    let Some(count) = length(stream, '*').await? else {
        return Ok(None);
    };
    let mut words = Vec::new();
    for _ in 0..count {
        let length = length(stream, '$').await?.unwrap_or(0);
        let mut word = vec![0; length + "\r\n".len()];
        stream.read_exact(&mut word).await?;
        word.truncate(length);
        words.push(String::from_utf8_lossy(&word).into_owned());
    }
    Ok(Some(words))
}

async fn length(stream: &mut (impl AsyncBufRead + Unpin), kind: char) -> io::Result<Option<usize>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let number = line.strip_prefix(kind).map(str::trim);
    let number = number.and_then(|number| number.parse().ok());
    let number = number.filter(|&number| number <= LONGEST);
    number
        .map(Some)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn reply(words: &[String], lists: &Lists) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut lists = lock(lists);
    match words[..] {
        ["PING"] => "+PONG\r\n".to_owned(),
        // Health checks write to a key that does not exist.
        ["SET", _, _, "XX"] => "$-1\r\n".to_owned(),
        ["RPUSH", key, text] => {
            let list = lists.entry(key.to_owned()).or_default();
            list.push(text.to_owned());
            format!(":{}\r\n", list.len())
        }
        ["LRANGE", key, ..] => {
            let list = lists.get(key).map_or(&[][..], Vec::as_slice);
            let items = list.iter();
            let items = items.map(|text| format!("${}\r\n{text}\r\n", text.len()));
            format!("*{}\r\n{}", list.len(), items.collect::<String>())
        }
        _ => "-ERR unknown command\r\n".to_owned(),
    }
}

/// Sends a command to the store and returns its answer.
async fn ask(store: u16, words: &[&str]) -> io::Result<Value> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, store)).await?;
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(word);
    }
    stream.write_all(&command.get_packed_command()).await?;
    stream.shutdown().await?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await?;
    redis::parse_redis_value(&reply).map_err(io::Error::other)
}

type Answer = Response<Full<Bytes>>;

/// Serves a site, with a line in the log for each request.
async fn site<F>(
    listener: TcpListener,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) -> io::Result<()>
where
    F: Future<Output = Answer> + Send,
{
    loop {
        let (stream, _) = listener.accept().await?;
        let answer = answer.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let line = format!("{} {}", request.method(), request.uri());
            let answering = answer(request);
            async move {
                let answer = answering.await;
                println!("INFO \"{line} HTTP/1.1\" {}", answer.status().as_u16());
                Ok::<_, Infallible>(answer)
            }
        });
        let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move { drop(serving.await) });
    }
}

/// Answers a request to the API. An error of the store leaves the headers for browsers out, as
/// frameworks do for errors that nothing has handled.
async fn api(request: Request<Incoming>, store: u16) -> Answer {
    let delay = setting(DELAY);
    let delay = delay.and_then(|delay| delay.parse().ok()).unwrap_or(0);
    tokio::time::sleep(Duration::from_millis(delay)).await;
    let answered = match (request.method().clone(), request.uri().path()) {
        (_, "/health") => Ok(answer(
            StatusCode::OK,
            "application/json",
            r#"{"status":"ok"}"#,
        )),
        (Method::OPTIONS, "/messages") => Ok(answer(StatusCode::NO_CONTENT, "text/plain", "")),
        (method @ (Method::GET | Method::POST), "/messages") => {
            messages(method, request, store).await
        }
        _ => Ok(answer(StatusCode::NOT_FOUND, "text/plain", "Not found")),
    };
    match answered {
        Ok(mut answer) => {
            let origin = setting(ORIGIN).unwrap_or_default();
            let fixed = [
                (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.as_str()),
                (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
                (header::VARY, "Origin"),
            ];
            for (name, value) in fixed {
                insert(&mut answer, name, value);
            }
            answer
        }
        Err(error) => {
            eprintln!("ERROR the store at 127.0.0.1:{store} cannot be reached: {error}");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            answer(status, "text/plain", "Internal Server Error")
        }
    }
}

/// Adds the message of a POST request, and returns all messages.
async fn messages(method: Method, request: Request<Incoming>, store: u16) -> io::Result<Answer> {
    if method == Method::POST {
        let body = Limited::new(request.into_body(), LONGEST).collect().await;
        let body = body.map_err(io::Error::other)?.to_bytes();
        ask(store, &["RPUSH", MESSAGES, &String::from_utf8_lossy(&body)]).await?;
    }
    let messages = ask(store, &["LRANGE", MESSAGES, "0", "-1"]).await?;
    let messages: Vec<String> = redis::from_redis_value(messages).map_err(io::Error::other)?;
    let text = serde_json::to_string(&messages)?;
    Ok(answer(StatusCode::OK, "application/json", &text))
}

async fn page(request: Request<Incoming>) -> Answer {
    if request.uri().path() != "/" {
        return answer(StatusCode::NOT_FOUND, "text/plain", "Not found");
    }
    let address = setting(ADDRESS).unwrap_or_default();
    let text = PAGE.replace("{{API_URL}}", &address);
    answer(StatusCode::OK, "text/html; charset=utf-8", &text)
}

fn answer(status: StatusCode, kind: &str, text: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text.to_owned())));
    *answer.status_mut() = status;
    insert(&mut answer, header::CONTENT_TYPE, kind);
    answer
}

fn insert(answer: &mut Answer, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}
