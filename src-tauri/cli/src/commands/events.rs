//! `pilotlight events`

use std::io::Write as _;

use jiff::tz::TimeZone;
use pilotlight::{
    effects::log::Watcher,
    model::history::{EventKind, HistoryEvent},
    state::events::EventReader,
};

use crate::{
    args::Events,
    context::Context,
    daemon::listen,
    failure::{Ending, Failure},
    json,
    paint::{self, AMBER, BOLD, DIM, GREEN, PLAIN, RED, paint, tame},
    time,
};

pub(crate) async fn run(context: &Context, asked: &Events) -> Result<Ending, Failure> {
    let file = if asked.all {
        None
    } else {
        Some(context.find()?)
    };
    let wanted = |event: &HistoryEvent| {
        let service = event.service.as_ref();
        event.time >= time::timestamp(asked.since.0)
            && file.as_ref().is_none_or(|file| event.file == *file)
            && (asked.services.is_empty()
                || service.is_some_and(|service| asked.services.contains(service)))
    };
    let mut reader = EventReader::of(&context.home);
    let mut printer = Printer {
        is_json: asked.json,
        shows_stack: asked.all,
        day: None,
    };
    let unreadable = Failure::log(context.home.state());
    let events = reader.read().map_err(&unreadable)?;
    printer.print(events.into_iter().filter(wanted))?;
    if asked.follow {
        context.home.prepare()?;
        let (watcher, mut endings) = (Watcher::new(), listen()?);
        loop {
            tokio::select! {
                events = reader.next(&watcher) => {
                    let events = events.map_err(&unreadable)?;
                    printer.print(events.into_iter().filter(wanted))?;
                }
                _ = endings.next() => break,
            }
        }
    }
    if printer.day.is_none() && !asked.json && !asked.follow {
        writeln!(paint::err(), "No events since then.")?;
    }
    Ok(Ending::Done)
}

struct Printer {
    is_json: bool,
    shows_stack: bool,
    /// The day of the last event.
    day: Option<jiff::civil::Date>,
}

impl Printer {
    fn print(&mut self, events: impl Iterator<Item = HistoryEvent>) -> Result<(), Failure> {
        let mut out = paint::out();
        for event in events {
            if self.is_json {
                out.write_all(json::line(&event)?.as_bytes())?;
                continue;
            }
            let day = event.time.to_zoned(TimeZone::system()).date();
            if self.day.replace(day) != Some(day) {
                writeln!(out, "{}", paint(BOLD, &day.to_string()))?;
            }
            writeln!(out, "{}", self.line(&event))?;
        }
        Ok(out.flush()?)
    }

    fn line(&self, event: &HistoryEvent) -> String {
        let style = match event.event {
            EventKind::Ready | EventKind::Completed | EventKind::Resolved => GREEN,
            EventKind::Failed | EventKind::Blocked | EventKind::Finding => RED,
            EventKind::Unhealthy | EventKind::Exited => AMBER,
            _ => PLAIN,
        };
        let at = time::of_day(event.time.into());
        let stack = if self.shows_stack {
            format!("{}  ", tame(&event.stack))
        } else {
            String::new()
        };
        let service = event
            .service
            .as_ref()
            .map_or("", |service| service.as_str());
        let words = tame(&event.words());
        format!(
            "{}  {stack}{service:<12}  {}",
            paint(DIM, &at),
            paint(style, &words)
        )
    }
}
