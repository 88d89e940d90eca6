//! The codes of probe and check faults.

use std::mem::{Discriminant, discriminant};

use crate::model::{
    facts::{ProbeFault, ProbeFaultKind, Refusal},
    finding::Code,
};

impl ProbeFault {
    /// Returns the code of the fault.
    pub(crate) fn code(&self) -> Code {
        match &self.kind {
            ProbeFaultKind::Refused | ProbeFaultKind::Unreachable(_) => Code::NotListening,
            ProbeFaultKind::TimedOut { .. } => Code::Hung,
            ProbeFaultKind::Reset
            | ProbeFaultKind::Empty
            | ProbeFaultKind::Protocol(_)
            | ProbeFaultKind::Tls(_) => Code::ProtocolError,
            ProbeFaultKind::Status { status, .. } => match status {
                401 | 403 => Code::AuthRequired,
                _ => Code::HttpStatus,
            },
            ProbeFaultKind::Body(_) | ProbeFaultKind::Header(_) => Code::UnhealthyBody,
            ProbeFaultKind::Redis { code, .. } => match code.as_str() {
                "NOAUTH" | "WRONGPASS" | "NOPERM" => Code::RedisAuth,
                "LOADING" => Code::RedisLoading,
                "READONLY" => Code::RedisReadOnly,
                "MISCONF" => Code::RedisWriteBlocked,
                "OOM" => Code::RedisOutOfMemory,
                _ => Code::UnhealthyBody,
            },
            ProbeFaultKind::NotRedis(_) => Code::NotRedis,
            ProbeFaultKind::Server { refusal, .. } => match refusal {
                Refusal::Starting => Code::ServerStarting,
                Refusal::Login => Code::LoginRefused,
                Refusal::NotIt => Code::WrongServer,
                Refusal::Other => Code::ServerRefuses,
            },
            ProbeFaultKind::WebSocketRefused(_) => Code::WebsocketRefused,
            ProbeFaultKind::Command { .. } => Code::RequirementMissing,
            ProbeFaultKind::Launch(fault) => match fault.code() {
                Code::StartupError => Code::RequirementMissing,
                code => code,
            },
            ProbeFaultKind::HealthCheck { .. } => Code::ContainerUnhealthy,
            ProbeFaultKind::LogUnmatched => Code::Slow,
            ProbeFaultKind::Memory { .. } => Code::OutOfMemory,
            ProbeFaultKind::Address(_) => Code::WrongAddress,
        }
    }

    /// Returns the parts that distinguish the fault from others, without details that may differ
    /// each time, such as a time in a body.
    pub(crate) fn key(&self) -> (String, Discriminant<ProbeFaultKind>, Code, String) {
        let detail = match &self.kind {
            ProbeFaultKind::Status { status, .. } | ProbeFaultKind::WebSocketRefused(status) => {
                status.to_string()
            }
            ProbeFaultKind::Redis { code, .. } => code.clone(),
            ProbeFaultKind::HealthCheck { starting, .. } => starting.to_string(),
            _ => String::new(),
        };
        let kind = discriminant(&self.kind);
        (self.target.clone(), kind, self.code(), detail)
    }
}
