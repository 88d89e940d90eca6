//! State that all parts of the app share: the daemon and the app state.

use std::{path::Path, sync::Mutex};

use clap::Parser as _;
use pilotlight::{
    app::{AppState, settings::Settings, window::Update},
    control::Outcome,
    fs::home::Home,
    host::daemon::{Daemon, DaemonError},
    sync::lock,
};
use tauri::{AppHandle, Manager as _, async_runtime::spawn};
use tokio::sync::watch;

use crate::{
    arguments::Arguments, autostart::Autostart, news, page::Page, quit::Quit, tray, window,
};

/// The shared state.
pub(crate) struct Host {
    pub(crate) state: AppState,
    pub(crate) page: Page,
    pub(crate) autostart: Autostart,
    pub(crate) quit: Quit,
    /// Whether the desktop has a tray; `None` until that is known.
    pub(crate) tray: watch::Sender<Option<bool>>,
    daemon: Mutex<Option<Daemon>>,
}

impl Host {
    /// Becomes the daemon, even if a command-line daemon is running.
    pub(crate) async fn begin(app: &AppHandle, home: &Home) -> Result<Self, DaemonError> {
        let mut daemon = Daemon::take_over(home).await?;
        let (state, remark) = AppState::open(home, &daemon.handle);
        state.find_variables();
        let page = Page::default();
        let mut remarks = std::mem::take(&mut daemon.remarks);
        remarks.extend(remark);
        let autostart = Autostart::of_this_program(app);
        remarks.extend(in_step(&state, &autostart));
        for text in remarks {
            tracing::warn!("{text}");
            page.tell(Update::Remark { text });
        }
        tracing::info!(pid = std::process::id(), "this process is the daemon");
        Ok(Self {
            state,
            page,
            autostart,
            quit: Quit::default(),
            tray: watch::channel(None).0,
            daemon: Mutex::new(Some(daemon)),
        })
    }

    /// Takes the daemon, to stop it.
    pub(crate) fn take_daemon(&self) -> Option<Daemon> {
        let mut daemon = lock(&self.daemon);
        daemon.take()
    }

    /// Changes the settings and the autostart entry.
    pub(crate) fn set_settings(&self, settings: Settings) -> Outcome {
        let on = settings.start_at_login;
        if on != self.state.settings().borrow().start_at_login
            && let Err(error) = self.autostart.set(on)
        {
            return Outcome::Failed {
                message: format!("the autostart entry cannot be changed: {error}"),
                findings: Vec::new(),
            };
        }
        self.state.set_settings(settings)
    }
}

/// Updates the settings from the desktop, whose own settings may have been used meanwhile.
fn in_step(state: &AppState, autostart: &Autostart) -> Option<String> {
    let settings = state.settings().borrow().clone();
    let on = match autostart.is_on() {
        Ok(on) => on,
        Err(error) => {
            tracing::warn!("the autostart entry cannot be read: {error}");
            return None;
        }
    };
    if on == settings.start_at_login {
        // The program may have been moved.
        return on
            .then(|| autostart.set(true).err())
            .flatten()
            .map(|error| format!("the autostart entry cannot be updated: {error}"));
    }
    let settings = Settings {
        start_at_login: on,
        ..settings
    };
    match state.set_settings(settings) {
        Outcome::Failed { message, .. } | Outcome::Refused(message) => Some(message),
        Outcome::Done | Outcome::Overruled(_) | Outcome::Ending { .. } => None,
    }
}

/// Starts all background work.
pub(crate) fn attend(app: &AppHandle, arguments: &Arguments) {
    tray::attend(app);
    news::attend(app);
    crate::quit::attend(app);
    let host = app.state::<Host>();
    if arguments.at_login {
        for file in host.state.wanted_at_login() {
            start(app, &file);
        }
    } else {
        window::open_without_tray(app);
    }
    follow(app, arguments, Path::new("."));
}

/// Handles another start of the app, with these arguments and in this folder.
pub(crate) fn called_again(app: &AppHandle, arguments: &[String], folder: &str) {
    let arguments = Arguments::try_parse_from(arguments).unwrap_or_default();
    // Before the host exists, the app is still starting and cannot open the window yet.
    if arguments.at_login || app.try_state::<Host>().is_none() {
        return;
    }
    let arguments = Arguments {
        window: true,
        ..arguments
    };
    follow(app, &arguments, Path::new(folder));
}

fn follow(app: &AppHandle, arguments: &Arguments, folder: &Path) {
    let host = app.state::<Host>();
    if let Some(stack) = &arguments.stack {
        match host.state.add(&folder.join(stack)) {
            Ok(file) => {
                if arguments.start {
                    start(app, &file);
                }
                host.page.tell(Update::Show {
                    file,
                    service: None,
                });
            }
            Err(error) => {
                let text = error.to_string();
                tracing::warn!("{text}");
                host.page.tell(Update::Remark { text });
            }
        }
    }
    if arguments.window || arguments.stack.is_some() {
        window::show(app);
    }
}

/// Starts a stack without waiting for it.
pub(crate) fn start(app: &AppHandle, file: &Path) {
    let (app, file) = (app.clone(), file.to_owned());
    spawn(async move {
        let outcome = app.state::<Host>().state.start(&file, Vec::new()).await;
        told(&app, outcome);
    });
}

/// Reports the outcome of a tray action: a rejected one is shown in the window, a failed one by the
/// light and a notification.
pub(crate) fn told(app: &AppHandle, outcome: Outcome) {
    match outcome {
        Outcome::Done => {}
        Outcome::Failed { message, .. } | Outcome::Overruled(message) => {
            tracing::info!("not done: {message}");
        }
        Outcome::Ending { .. } => tracing::info!("not done: the daemon is exiting"),
        Outcome::Refused(text) => {
            tracing::warn!("refused: {text}");
            app.state::<Host>().page.tell(Update::Remark { text });
            window::show(app);
        }
    }
}
