//! The documents that commands print as JSON, and their published schemas. Fields are added; they are not
//! renamed or removed while [`VERSION`] is the same.

use std::path::Path;

use jiff::Timestamp;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    container::Publisher, facts::Holder, finding::Finding, history::HistoryEvent, view::Snapshot,
};
use crate::stack::Port;

/// The version of the documents, a part of the path of each schema.
pub const VERSION: u32 = 1;

/// Of `doctor --json`.
#[derive(Serialize, JsonSchema)]
pub struct DoctorReport<'a> {
    /// Whether there are no findings.
    pub healthy: bool,
    /// The findings, root causes first.
    pub findings: &'a [Finding],
    /// Commands and requests that were withheld because the stack file was never started in this
    /// version.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub withheld: &'a [String],
}

/// Of `port N --json`.
#[derive(Serialize, JsonSchema)]
pub struct PortReport<'a> {
    /// The port.
    pub port: Port,
    /// The processes that listen on it.
    pub holders: Vec<Listener<'a>>,
    /// Listeners whose processes this user cannot see.
    pub hidden: Vec<HiddenListener<'a>>,
    /// The container that publishes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<PublishedBy<'a>>,
}

/// A container that publishes a port.
#[derive(Serialize, JsonSchema)]
pub struct PublishedBy<'a> {
    /// Its identifier.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The name of its image.
    pub image: &'a str,
    /// Its compose project.
    pub project: Option<&'a str>,
    /// The folder of that project.
    pub folder: Option<&'a Path>,
}

impl<'a> From<&'a Publisher> for PublishedBy<'a> {
    fn from(container: &'a Publisher) -> Self {
        let project = container.project.as_ref();
        Self {
            id: &container.id,
            name: &container.name,
            image: &container.image,
            project: project.map(|(name, _)| name.as_str()),
            folder: project.map(|(_, folder)| folder.as_path()),
        }
    }
}

/// A listener whose process this user cannot see.
#[derive(Serialize, JsonSchema)]
pub struct HiddenListener<'a> {
    /// Its address.
    pub address: Option<String>,
    /// Its user, if known.
    pub user: Option<&'a str>,
}

/// Of `port N --free --json`.
#[derive(Serialize, JsonSchema)]
pub struct PortFreed<'a> {
    /// The port.
    pub port: Port,
    /// Whether it is free now.
    pub free: bool,
    /// The processes that were stopped.
    pub ended: Vec<Listener<'a>>,
    /// The container that was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<PublishedBy<'a>>,
    /// The reason why it is not free.
    pub reason: Option<String>,
}

/// A process that listens on a port.
#[derive(Serialize, JsonSchema)]
pub struct Listener<'a> {
    /// Its PID.
    pub pid: u32,
    /// Its program.
    pub name: &'a str,
    /// Its user.
    pub user: Option<&'a str>,
    /// When it started.
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// Its command line.
    pub command_line: Option<&'a str>,
    /// Its working folder.
    pub folder: Option<&'a Path>,
    /// The addresses on which it listens.
    pub addresses: Vec<String>,
    /// The service that it belongs to.
    pub service: Option<ServiceRun<'a>>,
}

/// The service that a process belongs to.
#[derive(Serialize, JsonSchema)]
pub struct ServiceRun<'a> {
    /// The identifier of the stack.
    pub stack: &'a str,
    /// The name of the service.
    pub name: &'a str,
    /// The number of its run.
    pub run: u64,
}

impl<'a> From<&'a Holder> for Listener<'a> {
    fn from(holder: &'a Holder) -> Self {
        Self {
            pid: holder.process.pid,
            name: &holder.name,
            user: holder.user.as_deref(),
            since: holder.since.and_then(|since| since.try_into().ok()),
            command_line: holder.command_line.as_deref(),
            folder: holder.folder.as_deref(),
            addresses: holder.addresses.iter().map(ToString::to_string).collect(),
            service: holder.mark.as_ref().map(|mark| ServiceRun {
                stack: &mark.stack.0,
                name: mark.service.as_str(),
                run: mark.run.0,
            }),
        }
    }
}

/// Of `init --json`.
#[derive(Serialize, JsonSchema)]
pub struct InitReport<'a> {
    /// The stack file.
    pub file: String,
    /// Whether it was written.
    pub written: bool,
    /// The text of the stack file, as it is or would be.
    pub text: &'a str,
    /// The number of files that were read.
    pub files: usize,
    /// The files of other tools that were read.
    pub read: Vec<InitSource<'a>>,
    /// The decisions made without a question.
    pub decided: &'a [String],
    /// The open questions: `id`, `text`, `choices` and `default`, the number of the likely choice.
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub questions: Value,
    /// The draft, for Pilot Light itself. It may change without a new version.
    #[schemars(with = "Map<String, Value>")]
    pub draft: Value,
}

/// A file of another tool.
#[derive(Serialize, JsonSchema)]
pub struct InitSource<'a> {
    /// The tool: `procfile`, `compose`.
    pub tool: &'static str,
    /// The file.
    pub file: &'a str,
    /// The number of services in it.
    pub services: usize,
}

/// Returns the schemas of all documents, by the names of their files.
#[must_use]
pub fn json_schemas() -> Vec<(&'static str, Value)> {
    fn schema<T: JsonSchema>(command: &str) -> Value {
        let generator = SchemaSettings::draft2020_12().for_serialize();
        let mut schema = generator.into_generator().into_root_schema_for::<T>();
        let title = format!("The JSON of `pilotlight {command}`, version {VERSION}");
        schema.insert("title".to_owned(), json!(title));
        schema.to_value()
    }
    vec![
        ("status", schema::<Snapshot>("status --json")),
        ("doctor", schema::<DoctorReport<'_>>("doctor --json")),
        ("events", schema::<HistoryEvent>("events --json")),
        ("port", schema::<PortReport<'_>>("port N --json")),
        ("port-free", schema::<PortFreed<'_>>("port N --free --json")),
        ("init", schema::<InitReport<'_>>("init --json")),
    ]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_committed_schemas_are_current() {
        let folder = format!("{}/../../schema/v{VERSION}", env!("CARGO_MANIFEST_DIR"));
        for (document, schema) in json_schemas() {
            let path = format!("{folder}/{document}.schema.json");
            if std::env::var_os("UPDATE_SCHEMA").is_some() {
                fs::create_dir_all(&folder).unwrap();
                fs::write(&path, format!("{schema:#}\n")).unwrap();
            }
            let committed = fs::read_to_string(&path).unwrap_or_default();
            let committed: Option<Value> = serde_json::from_str(&committed).ok();
            assert!(
                committed == Some(schema),
                "{document} is out of date: run `cargo xtask generate`"
            );
        }
    }
}
