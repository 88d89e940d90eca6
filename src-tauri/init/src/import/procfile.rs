//! `Procfile`: one line per process. Every tool that runs one (foreman, overmind, hivemind, honcho) sets `PORT` and
//! reads `.env`.

use super::{
    Tool,
    command::line,
    source_file::{SourceFile, env_file},
};
use crate::{
    detect::{Listing, join},
    draft::{DraftService, Kind, Origin},
};
use pilotlight::stack::{Need, Restart};

/// The first port that these tools assign.
const FIRST_PORT: u16 = 5000;

pub(super) fn read(listing: &Listing, file: &str, text: &str) -> SourceFile {
    let mut source = SourceFile::new(Tool::Procfile, file);
    let variables = join(source.folder(), ".env");
    let known = env_file(listing, &variables);
    let first_port = known.get("PORT").and_then(|port| port.parse().ok());
    let folder = source.path("");
    let mut release = None;
    let mut number: u16 = 0;
    for (at, row) in text.lines().enumerate() {
        let at = at + 1;
        let row = row.trim();
        if row.is_empty() || row.starts_with('#') {
            continue;
        }
        let Some((name, command)) = row.split_once(':').filter(|(name, command)| {
            let is_name = |it: char| it.is_ascii_alphanumeric() || "-_".contains(it);
            name.trim_end().chars().all(is_name) && !name.is_empty() && !command.trim().is_empty()
        }) else {
            source.leave_out(at, row, "the line is not `name: command`");
            continue;
        };
        let name = name.trim_end();
        let because = source.because(at, format!("the process `{name}`"));
        let read = line(command, folder.as_deref());
        let is_job = name == "release";
        // A deployment runs it before the others start.
        if is_job && file == "Procfile" {
            continue;
        }
        let is_web = name == "web";
        let kind = match () {
            () if is_job => Kind::Job,
            () if is_web || read.port.is_some() || read.takes_port => Kind::Backend,
            () => Kind::Worker,
        };
        let mut service = DraftService::new(name, kind, because.clone());
        let counted = || {
            let (first, from) =
                first_port.map_or((FIRST_PORT, "5000"), |port| (port, "PORT in .env"));
            let port = first.checked_add(number.saturating_mul(100))?;
            let text = format!("counted from {from}, as for every process of a Procfile");
            Some(source.because(at, text).says(port))
        };
        let port = match read.port {
            // `.env` wins over a default in the line.
            Some(port) if first_port.is_none() || !read.takes_port => Some(because.says(port)),
            _ if read.takes_port || (is_web && first_port.is_some()) => counted(),
            _ => None,
        };
        read.apply(&mut service, &because);
        service.port = port;
        if listing.has(&variables) {
            let read_by = Origin::file(&variables, "tools that run a Procfile read it");
            service.env_file.push(read_by.says(format!("{variables}?")));
        }
        if is_job {
            service.restart = Some(because.says(Restart::Never));
            release = Some((name.to_owned(), because));
        } else {
            number += 1;
        }
        source.services.push(service);
    }
    if let Some((job, because)) = release {
        for service in source.services.iter_mut().filter(|it| it.kind != Kind::Job) {
            service.need(&job, Need::Completed, &because);
        }
    }
    source
}
