//! `http`: the response to a request is as expected. Protocol errors are detected here, in the
//! received bytes.

use std::{error::Error, future::poll_fn, io, pin::pin, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{self, HeaderName, HeaderValue},
    http::response,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncReadExt,
    time::{Instant, timeout, timeout_at},
};

use super::{
    address::Address,
    connection::{self, Stream},
    expectation::beginning,
};
use crate::{
    model::facts::ProbeFaultKind,
    stack::{Body, Expect, HttpRequest},
};

/// The maximum number of body bytes that are read.
const MOST: usize = 1024 * 1024;
/// The number of body bytes kept to explain an unexpected status.
const EXPLAINING: usize = 2048;
/// The time limit for receiving such an explanation.
const EXPLANATION: Duration = Duration::from_millis(250);
/// The time limit for data after the end of a response. A server that should close the
/// connection closes it at once.
const AFTERWARDS: Duration = Duration::from_millis(30);

/// The fault if the server speaks TLS.
pub(super) const SPEAKS_TLS: &str = "the server speaks TLS: use https://";

/// The thoroughness of reading a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::effects) enum Look {
    /// For frequent probes: no extra time.
    Brief,
    /// For a check: also the data after the end of the response, and the protocol if it is not
    /// HTTP.
    Close,
}

/// A response.
pub(in crate::effects) struct Answer {
    pub(in crate::effects) head: response::Parts,
    /// The body, as far as it was read.
    pub(in crate::effects) body: Vec<u8>,
    /// Whether the body was longer.
    cut: bool,
    /// The fault that interrupted the response after its head.
    fault: Option<ProbeFaultKind>,
    /// When its head was complete.
    pub(in crate::effects) headed: Instant,
}

impl Answer {
    /// Returns its status.
    pub(in crate::effects) fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    /// Returns the beginning of its body, as an explanation.
    pub(in crate::effects) fn explanation(&self) -> String {
        let end = self.body.len().min(EXPLAINING);
        String::from_utf8_lossy(&self.body[..end]).into_owned()
    }

    /// Compares it with the expectation.
    pub(in crate::effects) fn judge(&self, expect: &Expect<String>) -> Result<(), ProbeFaultKind> {
        let status = self.status();
        if !expect.takes_status(status) {
            // The status is reported first; an incomplete body only explains less.
            let body = self.explanation();
            return Err(ProbeFaultKind::Status { status, body });
        }
        expect.judge_headers(&self.head.headers)?;
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        expect.judge_body(&self.body, self.cut)
    }
}

/// Builds the request for the connection.
pub(super) fn build(
    request: &HttpRequest<String>,
    address: &Address,
) -> Result<Request<Full<Bytes>>, ProbeFaultKind> {
    let invalid = |what: &str| ProbeFaultKind::Address(format!("{what} cannot be sent"));
    let (body, content_type) = match &request.body {
        None => (Bytes::new(), None),
        Some(Body::Text(text)) => (text.clone().into(), None),
        Some(Body::Json(value)) => (value.to_string().into(), Some("application/json")),
    };
    let target = address.target();
    let mut built = Request::builder()
        .method(request.method.as_str())
        .uri(target.as_str())
        .body(Full::new(body))
        .map_err(|_| invalid(&format!("`{} {target}`", request.method)))?;
    let headers = built.headers_mut();
    for (name, value) in &request.headers {
        let what = || invalid(&format!("the header `{name}`"));
        let name = HeaderName::try_from(name.as_str()).map_err(|_| what())?;
        headers.insert(name, HeaderValue::try_from(value).map_err(|_| what())?);
    }
    let authority = address.authority();
    let agent = concat!("pilotlight/", env!("CARGO_PKG_VERSION"));
    for (name, value) in [
        (header::HOST, Some(authority.as_str())),
        (header::USER_AGENT, Some(agent)),
        (header::ACCEPT, Some("*/*")),
        (header::CONTENT_TYPE, content_type),
    ] {
        if let Some(value) = value
            && !headers.contains_key(&name)
        {
            let value = HeaderValue::try_from(value);
            let value = value.map_err(|_| invalid(&format!("the header `{name}`")))?;
            headers.insert(name, value);
        }
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(built)
}

/// Sends the request over a new connection and reads the response, as much of it as `expect` needs.
/// Returns the connection with the unused bytes that were read.
pub(super) async fn exchange<S: Stream + 'static>(
    stream: S,
    request: Request<Full<Bytes>>,
    expect: &Expect<String>,
    look: Look,
    deadline: Instant,
) -> Result<(Answer, S, Bytes), ProbeFaultKind> {
    let (mut sender, mut connection) = http1::Builder::new()
        .max_buf_size(64 * 1024)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| fault(&error, &[]))?;
    let outcome = {
        let mut answer = pin!(async {
            let response = sender.send_request(request).await?;
            Ok(read(response, expect, deadline).await)
        });
        // The connection makes progress only while it is polled. Its end is less informative than
        // the response, or the lack of one.
        tokio::select! {
            biased;
            outcome = &mut answer => outcome,
            _ = poll_fn(|cx| connection.poll_without_shutdown(cx)) => answer.await,
        }
    };
    let parts = connection.into_parts();
    let (mut stream, unread) = (parts.io.into_inner(), parts.read_buf);
    let mut answer = outcome.map_err(|error| fault(&error, &unread))?;
    let whole = !answer.cut && answer.fault.is_none();
    if whole && !answer.head.status.is_informational() {
        let mut more = unread.len();
        if more == 0 && look == Look::Close {
            let mut rest = [0];
            let read = timeout(AFTERWARDS, stream.read(&mut rest)).await;
            // Neither silence nor the end of the connection is part of a response.
            more = read.ok().and_then(Result::ok).unwrap_or(0);
        }
        if more > 0 {
            answer.fault = Some(ProbeFaultKind::Protocol(longer(&answer)));
        }
    }
    Ok((answer, stream, unread))
}

async fn read(response: Response<Incoming>, expect: &Expect<String>, deadline: Instant) -> Answer {
    let headed = Instant::now();
    let (head, mut body) = response.into_parts();
    let mut answer = Answer {
        head,
        body: Vec::new(),
        cut: true,
        fault: None,
        headed,
    };
    if !expect.takes_status(answer.status()) {
        let explanation = collect(&mut body, &mut answer, EXPLAINING);
        let _ = timeout_at(deadline.min(headed + EXPLANATION), explanation).await;
    } else if expect.reads_body() || !is_endless(answer.head.headers.get(header::CONTENT_TYPE)) {
        collect(&mut body, &mut answer, MOST).await;
    }
    answer
}

/// Returns whether the body is an event stream, which does not end.
fn is_endless(content_type: Option<&HeaderValue>) -> bool {
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

async fn collect(body: &mut Incoming, answer: &mut Answer, most: usize) {
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let data = frame.data_ref();
                answer.body.extend_from_slice(data.map_or(&[], |data| data));
            }
            Err(error) => {
                answer.fault = Some(broken(&error, answer));
                return;
            }
        }
        if answer.body.len() >= most {
            return;
        }
    }
    answer.cut = false;
}

/// Returns the fault for an error in the body.
fn broken(error: &hyper::Error, answer: &Answer) -> ProbeFaultKind {
    let Some(cause) = io_error(error) else {
        return ProbeFaultKind::Protocol(explain(error));
    };
    let came = answer.body.len();
    match (cause.kind(), stated(answer)) {
        (io::ErrorKind::UnexpectedEof, Some(length)) => ProbeFaultKind::Protocol(format!(
            "its Content-Length is {length}, and its body ends after {came} bytes"
        )),
        (io::ErrorKind::UnexpectedEof, None) => ProbeFaultKind::Protocol(format!(
            "its body comes in chunks, and ends after {came} bytes without the last one"
        )),
        _ if connection::fault(cause) == ProbeFaultKind::Reset => ProbeFaultKind::Reset,
        _ => ProbeFaultKind::Protocol(format!(
            "its body comes in chunks, and is broken after {came} bytes: {cause}"
        )),
    }
}

/// Returns the fault of a response that continues after its end.
fn longer(answer: &Answer) -> String {
    match stated(answer) {
        Some(length) => format!("its Content-Length is {length}, and its body is longer"),
        None => "more data follows its end".to_owned(),
    }
}

/// Returns the `Content-Length` of the response.
fn stated(answer: &Answer) -> Option<&str> {
    answer
        .head
        .headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()
}

/// Returns the fault for an error before the body; `unread` are the bytes received so far.
fn fault(error: &hyper::Error, unread: &[u8]) -> ProbeFaultKind {
    let start = || beginning(&String::from_utf8_lossy(unread));
    if let Some(error) = io_error(error) {
        connection::fault(error)
    } else if error.is_parse() && unread.starts_with(b"HTTP/1.") {
        ProbeFaultKind::Protocol(explain(error))
    } else if error.is_parse() && unread.starts_with(b"\x15\x03") {
        ProbeFaultKind::Protocol(SPEAKS_TLS.into())
    } else if error.is_parse() {
        ProbeFaultKind::Protocol(format!("the answer is not HTTP: {:?}", start()))
    } else if unread.is_empty() {
        ProbeFaultKind::Empty
    } else {
        ProbeFaultKind::Protocol(format!("the answer ends in its head: {:?}", start()))
    }
}

fn io_error(error: &hyper::Error) -> Option<&io::Error> {
    error.source()?.downcast_ref()
}

/// Formats the error with its cause.
fn explain(error: &hyper::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
