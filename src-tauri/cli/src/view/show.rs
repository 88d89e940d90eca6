//! Shows stacks while a request is carried out: a picture that is redrawn on a terminal, otherwise a
//! line for each event.

use std::{
    future::{Future, pending},
    io::{Stderr, Write, stderr},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use pilotlight::{
    control::{ClientError, Watch},
    effects::log::Line,
    fs::home::Home,
    host::{clock, signals::Resizes},
    model::{
        finding::Finding,
        view::{Snapshot, StackView},
    },
    stack::Stack,
};

use super::{
    Look, Screen, card,
    frame::{Key, Picture},
    log::LogLines,
    plain,
    screen::size_of_errors,
    tails::Tails,
    words,
};
use crate::{paint, time};

/// The pause between two pictures. A start of a hundred services changes more often than the eye sees.
const BETWEEN: Duration = Duration::from_millis(33);

/// The time that a watch may be behind an answer.
const CATCH_UP: Duration = Duration::from_secs(1);

/// The number of rows that the services may take below streamed logs, even if it is more than half of the
/// terminal.
const MOST_PINNED: usize = 12;

/// The time in which a line arrives that a service wrote before it stopped.
const LAST_LINES: Duration = Duration::from_millis(120);

const SILENT: &str = "the daemon is not responding";

/// The stacks that are shown.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// The stack of this file.
    Stack(PathBuf),
    /// Every stack.
    All,
}

/// The line below the services: the status, and what the user can do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Footer {
    pub(crate) status: String,
    pub(crate) hint: &'static str,
}

/// Why the view is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// All services are stopped.
    Dark,
    /// The daemon has exited.
    DaemonEnded,
}

/// The live view.
pub(crate) struct Show {
    subject: Subject,
    watch: Option<Watch>,
    stacks: Vec<Arc<StackView>>,
    face: Face,
    look: Look,
    footer: Footer,
    home: Home,
    tails: Tails,
    /// The lines to print above the picture, if `up` streams them.
    lines: Option<LogLines>,
    /// Whether the user has turned them off.
    is_quiet: bool,
    /// The keys that do something, below the footer.
    keys: &'static str,
    /// The findings that were shown.
    told: Vec<Arc<Finding>>,
}

enum Face {
    Drawn {
        screen: Screen<Stderr>,
        resizes: Option<Resizes>,
        /// The time of the last picture.
        drawn: Option<Instant>,
        dirty: bool,
    },
    Lines,
    /// The output is closed.
    Gone,
}

impl Show {
    /// Shows nothing yet. Must be called within the runtime.
    pub(crate) fn new(home: &Home, subject: Subject, watch: Watch) -> Self {
        let face = if paint::errors_are_drawn() {
            Face::Drawn {
                screen: Screen::new(stderr(), paint::errors_are_coloured()),
                // A picture that does not follow the terminal is better than none.
                resizes: Resizes::listen().ok(),
                drawn: None,
                dirty: false,
            }
        } else {
            Face::Lines
        };
        Self {
            subject,
            watch: Some(watch),
            stacks: Vec::new(),
            face,
            look: Look::unlimited(),
            footer: Footer::default(),
            home: home.clone(),
            tails: Tails::new(),
            lines: None,
            is_quiet: false,
            keys: "",
            told: Vec::new(),
        }
    }

    /// Prints the log lines of the runs that start from now on above the picture, on a terminal.
    pub(crate) fn stream_logs(&mut self, stack: &Stack) {
        if matches!(self.face, Face::Drawn { .. }) {
            self.tails.pass_on(time::now());
            self.lines = Some(LogLines::new(stack));
        }
    }

    /// Shows the keys that do something, as long as the picture is redrawn.
    pub(crate) fn offer(&mut self, keys: &'static str) {
        self.keys = keys;
        self.mark_dirty();
    }

    /// Returns whether the picture is redrawn.
    pub(crate) fn is_drawn(&self) -> bool {
        matches!(self.face, Face::Drawn { .. })
    }

    /// Turns the log lines above the picture off, or on again from now on. Returns whether they are on.
    pub(crate) fn toggle_logs(&mut self) -> bool {
        self.is_quiet = !self.is_quiet;
        !self.is_quiet
    }

    /// Returns the stacks that are shown.
    pub(crate) fn stacks(&self) -> &[Arc<StackView>] {
        &self.stacks
    }

    /// Sets the state that is known already, which makes no event lines.
    pub(crate) fn begin_with(&mut self, snapshot: &Snapshot) {
        self.stacks = self.of_subject(snapshot);
    }

    /// Sets the status and the hint below the services.
    pub(crate) fn say(&mut self, status: impl Into<String>, hint: &'static str) {
        let status = status.into();
        if matches!(self.face, Face::Lines) && !status.is_empty() && status != self.footer.status {
            self.print(std::slice::from_ref(&status));
        }
        self.footer = Footer { status, hint };
        self.mark_dirty();
    }

    /// Shows changes until the work is done.
    pub(crate) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.step() => {}
            }
        }
    }

    /// Shows changes until the stacks are stopped or the daemon has exited. Cancel-safe.
    pub(crate) async fn until_over(&mut self) -> Over {
        loop {
            if self.is_dark() {
                return Over::Dark;
            }
            if self.watch.is_none() {
                return Over::DaemonEnded;
            }
            self.step().await;
        }
    }

    /// Waits until the daemon has exited, with a time limit. Returns whether it has.
    pub(crate) async fn until_daemon_ends(&mut self, at_most: Duration) -> bool {
        let ended = async {
            while self.watch.is_some() {
                self.step().await;
            }
        };
        tokio::time::timeout(at_most, ended).await.is_ok()
    }

    /// Shows changes until this snapshot is reached: the watch reports each step in order, later than an
    /// answer reports the last one.
    pub(crate) async fn until_shown(&mut self, snapshot: &Snapshot) {
        let reached = async {
            while self.watch.is_some() && self.is_behind(snapshot) {
                self.step().await;
            }
        };
        // A later watch is not waited for.
        let _ = tokio::time::timeout(CATCH_UP, reached).await;
        if self.is_behind(snapshot) {
            self.take(snapshot);
            self.draw_if_due();
        }
    }

    /// Returns whether the snapshot is newer than what is shown.
    fn is_behind(&self, snapshot: &Snapshot) -> bool {
        self.of_subject(snapshot).iter().any(|stack| {
            let shown = self.stacks.iter().find(|shown| shown.file == stack.file);
            stack.services.iter().enumerate().any(|(place, service)| {
                let shown = shown.and_then(|shown| shown.service(&service.name, place));
                shown.is_none_or(|shown| shown.since < service.since)
            })
        })
    }

    /// Prints the log lines that the stopped services wrote last.
    pub(crate) async fn until_logs_end(&mut self) {
        if self.lines.is_none() {
            return;
        }
        let until = clock::now().instant + CATCH_UP;
        while clock::now().instant < until
            && let Ok(line) = tokio::time::timeout(LAST_LINES, self.tails.next()).await
        {
            if let Some((key, line)) = line {
                self.add_line(key, line);
            }
        }
    }

    /// Leaves the last picture.
    pub(crate) fn finish(&mut self) {
        if matches!(self.face, Face::Drawn { .. }) {
            self.tails.look();
            if let (Some(lines), Some(stack)) = (&mut self.lines, self.stacks.first()) {
                lines.end(stack);
            }
        }
        self.draw();
    }

    /// Shows the findings that are not shown with the services.
    pub(crate) fn show_findings(&mut self, findings: &[Finding]) {
        let services = self.stacks.iter().flat_map(|stack| &stack.services);
        let shown: Vec<_> = match self.face {
            Face::Lines => self.told.iter().collect(),
            Face::Drawn { .. } | Face::Gone => services
                .filter_map(|service| service.finding.as_ref())
                .collect(),
        };
        let is_shown = |finding: &Finding| {
            let mut shown = shown.iter();
            shown.any(|shown| shown.service == finding.service && shown.code == finding.code)
        };
        let hidden = findings.iter().filter(|finding| !is_shown(finding));
        let look = Look {
            width: matches!(self.face, Face::Drawn { .. }).then(|| size_of_errors().0),
            ..self.look
        };
        let lines: Vec<String> = hidden.flat_map(|finding| card(finding, look)).collect();
        if !lines.is_empty() {
            if matches!(self.face, Face::Drawn { .. }) {
                self.settle();
                self.print(&[String::new()]);
            }
            self.print(&lines);
        }
    }

    /// Leaves the picture as it is; the next one is drawn below it.
    fn settle(&mut self) {
        self.draw();
        if let Face::Drawn { screen, .. } = &mut self.face {
            screen.settle();
        }
    }

    /// Returns whether all services shown are stopped.
    pub(crate) fn is_dark(&self) -> bool {
        !self.stacks.is_empty() && self.shows_nothing()
    }

    /// Returns whether no service is shown, or all are stopped.
    pub(crate) fn shows_nothing(&self) -> bool {
        self.stacks.iter().all(|stack| stack.is_dark())
    }

    /// Waits for a change and shows it. Cancel-safe.
    async fn step(&mut self) {
        self.draw_if_due();
        let due = self.due();
        let counts = matches!(self.face, Face::Drawn { .. }) && self.is_counting();
        let resizes = match &mut self.face {
            Face::Drawn { resizes, .. } => resizes.as_mut(),
            Face::Lines | Face::Gone => None,
        };
        // All arms are cancel-safe.
        tokio::select! {
            told = next(&mut self.watch) => match told {
                Told::Snapshot(snapshot) => self.take(&snapshot),
                Told::Silence => self.say(SILENT, self.footer.hint),
                Told::End => {}
            },
            line = self.tails.next() => {
                if let Some((key, line)) = line {
                    self.add_line(key, line);
                }
                self.mark_dirty();
            }
            () = resized(resizes) => self.mark_dirty(),
            () = until(due) => {}
            () = tokio::time::sleep(Duration::from_secs(1)), if counts => self.mark_dirty(),
        }
        self.draw_if_due();
    }

    fn add_line(&mut self, key: Key, line: Line) {
        let stack = self.stacks.iter().find(|stack| stack.file == key.0);
        if let (Some(lines), Some(stack)) = (&mut self.lines, stack)
            && !self.is_quiet
        {
            lines.add(stack, key, line);
        }
    }

    fn take(&mut self, snapshot: &Snapshot) {
        let stacks = self.of_subject(snapshot);
        if matches!(self.face, Face::Lines) {
            let now = time::now();
            let mut lines = Vec::new();
            for stack in &stacks {
                let old = self.stacks.iter().find(|old| old.file == stack.file);
                lines.extend(plain::changes(
                    old.map(|old| &**old),
                    stack,
                    now,
                    self.look,
                    &mut self.told,
                ));
            }
            self.print(&lines);
        } else {
            for stack in &stacks {
                self.tails.follow(&self.home, stack);
            }
        }
        self.stacks = stacks;
        self.mark_dirty();
    }

    fn of_subject(&self, snapshot: &Snapshot) -> Vec<Arc<StackView>> {
        let of_subject = |stack: &&Arc<StackView>| match &self.subject {
            Subject::Stack(file) => stack.file == *file,
            Subject::All => true,
        };
        snapshot.stacks.iter().filter(of_subject).cloned().collect()
    }

    fn is_counting(&self) -> bool {
        let mut services = self.stacks.iter().flat_map(|stack| &stack.services);
        services.any(|service| words::is_counting(service))
    }

    fn mark_dirty(&mut self) {
        if let Face::Drawn { dirty, .. } = &mut self.face {
            *dirty = true;
        }
    }

    /// Returns when the next picture is due, if one is.
    fn due(&self) -> Option<Instant> {
        match &self.face {
            Face::Drawn {
                drawn, dirty: true, ..
            } => Some(drawn.map_or_else(|| clock::now().instant, |drawn| drawn + BETWEEN)),
            _ => None,
        }
    }

    fn draw_if_due(&mut self) {
        if self.due().is_some_and(|due| due <= clock::now().instant) {
            self.draw();
        }
    }

    fn draw(&mut self) {
        let Face::Drawn {
            screen,
            drawn,
            dirty,
            ..
        } = &mut self.face
        else {
            return;
        };
        let (columns, height) = size_of_errors();
        let mut footer = match (self.footer.status.as_str(), self.footer.hint) {
            (status, "") => status.to_owned(),
            ("", hint) => hint.to_owned(),
            (status, hint) => format!("{status}  {}  {hint}", self.look.signs.dot()),
        };
        if !self.keys.is_empty() {
            footer.extend(["\n", self.keys]);
        }
        let above = self.lines.as_mut().map(LogLines::take).unwrap_or_default();
        let picture = Picture {
            logs: match &self.lines {
                Some(lines) => lines.open(),
                None => self.tails.logs(),
            },
            footer: &footer,
            now: time::now(),
            look: Look {
                width: Some(columns),
                ..self.look
            },
            height: match self.lines {
                Some(_) => (height / 2).max(MOST_PINNED.min(height)),
                None => height,
            },
        };
        *drawn = Some(clock::now().instant);
        *dirty = false;
        let picture = picture.draw(&self.stacks);
        if screen.draw_below(&above, picture, columns).is_err() {
            self.face = Face::Gone;
        }
    }

    fn print(&mut self, lines: &[String]) {
        let mut out = paint::err();
        // A closed standard error must not stop the request.
        if lines.iter().any(|line| writeln!(out, "{line}").is_err()) {
            self.face = Face::Gone;
        }
    }
}

/// The state of a watched daemon.
enum Told {
    Snapshot(Arc<Snapshot>),
    /// Connected but silent; it may recover.
    Silence,
    End,
}

/// Returns the next snapshot. Returns [`Told::End`] once, when the daemon has exited, and then never
/// resolves. Cancel-safe.
async fn next(watch: &mut Option<Watch>) -> Told {
    let Some(following) = watch else {
        return pending().await;
    };
    match following.next().await {
        Ok(Some(snapshot)) => Told::Snapshot(snapshot),
        Err(ClientError::Silent { .. }) => Told::Silence,
        Ok(None) | Err(_) => {
            *watch = None;
            Told::End
        }
    }
}

async fn resized(resizes: Option<&mut Resizes>) {
    match resizes {
        Some(resizes) => resizes.next().await,
        None => pending().await,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => pending().await,
    }
}
