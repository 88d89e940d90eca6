//! Translates a fault of a probe or a check into a code and a clause.

use crate::model::{
    facts::{ProbeFault, ProbeFaultKind, Refusal},
    finding::Code,
    memory::size,
};

/// The code of a fault, and a clause with the thing that was asked as its subject: `GET
/// http://localhost:8001/v1/health answers 503`.
pub(crate) fn meaning(fault: &ProbeFault) -> (Code, String) {
    let target = &fault.target;
    match &fault.kind {
        ProbeFaultKind::Refused => (
            Code::NotListening,
            format!("nothing is listening at {target}"),
        ),
        ProbeFaultKind::Unreachable(why) => (
            Code::NotListening,
            format!("{target} cannot be reached: {why}"),
        ),
        ProbeFaultKind::TimedOut { connected: true } => (
            Code::Hung,
            format!("{target} accepts the connection but does not respond in time"),
        ),
        ProbeFaultKind::TimedOut { connected: false } => {
            (Code::Hung, format!("{target} does not respond in time"))
        }
        ProbeFaultKind::Reset => (
            Code::ProtocolError,
            format!("{target} resets the connection"),
        ),
        ProbeFaultKind::Empty => (
            Code::ProtocolError,
            format!("{target} closes the connection without a response"),
        ),
        ProbeFaultKind::Protocol(what) => (Code::ProtocolError, format!("{target}: {what}")),
        ProbeFaultKind::Status {
            status: status @ (401 | 403),
            ..
        } => (Code::AuthRequired, format!("{target} answers {status}")),
        ProbeFaultKind::Status { status, .. } => {
            (Code::HttpStatus, format!("{target} answers {status}"))
        }
        ProbeFaultKind::Body(what) | ProbeFaultKind::Header(what) => {
            (Code::UnhealthyBody, format!("{target}: {what}"))
        }
        ProbeFaultKind::Redis { code, message } => {
            (redis(code), format!("{target} answers: {message}"))
        }
        ProbeFaultKind::NotRedis(what) => {
            (Code::NotRedis, format!("{target} is not Redis: {what}"))
        }
        ProbeFaultKind::Server {
            protocol,
            refusal,
            message,
        } => refused(target, protocol.title(), *refusal, message),
        ProbeFaultKind::WebSocketRefused(status) => (
            Code::WebsocketRefused,
            format!("{target} refuses the handshake with {status}"),
        ),
        ProbeFaultKind::Command { exit, last_line } => (Code::RequirementMissing, {
            let detail = last_line
                .as_ref()
                .map_or_else(String::new, |line| format!(": {line}"));
            format!("{target} exited with {exit}{detail}")
        }),
        ProbeFaultKind::Launch(fault) => {
            let code = match fault.code() {
                Code::StartupError => Code::RequirementMissing,
                code => code,
            };
            (code, format!("{target} cannot run: {fault}"))
        }
        ProbeFaultKind::HealthCheck { starting, output } => {
            let output = output
                .as_ref()
                .map_or_else(String::new, |line| format!(": {line}"));
            let how = if *starting {
                "has not passed yet"
            } else {
                "fails"
            };
            (Code::ContainerUnhealthy, format!("{target} {how}{output}"))
        }
        ProbeFaultKind::LogUnmatched => (Code::Slow, format!("no log line matches {target}")),
        ProbeFaultKind::Tls(why) => (
            Code::ProtocolError,
            format!("{target}: no secure connection: {why}"),
        ),
        ProbeFaultKind::Memory { used, limit } => (
            Code::OutOfMemory,
            format!(
                "{target} uses {} of memory, more than its limit of {}",
                size(*used),
                size(*limit)
            ),
        ),
        ProbeFaultKind::Address(why) => (
            Code::WrongAddress,
            format!("{target} is not a valid address: {why}"),
        ),
    }
}

/// The same for a server with a protocol of its own.
fn refused(target: &str, protocol: &str, refusal: Refusal, message: &str) -> (Code, String) {
    let (code, how) = match refusal {
        Refusal::Starting => (Code::ServerStarting, "answers".to_owned()),
        Refusal::Login => (Code::LoginRefused, "rejects the login".to_owned()),
        Refusal::NotIt => (Code::WrongServer, format!("is not {protocol}")),
        Refusal::Other => (Code::ServerRefuses, "answers".to_owned()),
    };
    (code, format!("{target} {how}: {message}"))
}

fn redis(code: &str) -> Code {
    match code {
        "NOAUTH" | "WRONGPASS" | "NOPERM" => Code::RedisAuth,
        "LOADING" => Code::RedisLoading,
        "READONLY" => Code::RedisReadOnly,
        "MISCONF" => Code::RedisWriteBlocked,
        "OOM" => Code::RedisOutOfMemory,
        _ => Code::UnhealthyBody,
    }
}
