//! What all parts of the app share: the daemon that it is, and the desk over it.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use clap::Parser as _;
use pilotlight::{
    app::{AppState, settings::Settings, window::Update},
    control::Outcome,
    fs::home::Home,
    host::daemon::{Daemon, DaemonError},
};
use tauri::{AppHandle, Manager as _, async_runtime::spawn};
use tokio::sync::watch;

use crate::{
    arguments::Arguments, autostart::Autostart, news, page::Page, quit::Quit, tray, usage::Usage,
    window,
};

/// See the module.
pub(crate) struct Host {
    pub(crate) desk: AppState,
    pub(crate) page: Page,
    pub(crate) usage: Arc<Usage>,
    pub(crate) autostart: Autostart,
    pub(crate) quit: Quit,
    /// Whether there is a tray for the icon; nothing until that is known.
    pub(crate) tray: watch::Sender<Option<bool>>,
    keeping: Mutex<Option<Daemon>>,
}

impl Host {
    /// Becomes the daemon, also where a command-line daemon is one already.
    pub(crate) async fn begin(app: &AppHandle, home: &Home) -> Result<Self, DaemonError> {
        let mut keeping = Daemon::take_over(home).await?;
        let (desk, remark) = AppState::open(home, keeping.handle.clone()).await;
        desk.find_variables();
        let page = Page::default();
        let mut remarks = std::mem::take(&mut keeping.remarks);
        remarks.extend(remark);
        let autostart = Autostart::of_this_program(app);
        remarks.extend(in_step(&desk, &autostart));
        for text in remarks {
            tracing::warn!("{text}");
            page.tell(Update::Remark { text });
        }
        tracing::info!(pid = std::process::id(), "keeping");
        Ok(Self {
            desk,
            page,
            usage: Arc::default(),
            autostart,
            quit: Quit::default(),
            tray: watch::channel(None).0,
            keeping: Mutex::new(Some(keeping)),
        })
    }

    /// The daemon, to be ended.
    pub(crate) fn take_keeping(&self) -> Option<Daemon> {
        let mut keeping = self.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        keeping.take()
    }

    /// Chooses something else, and sees to what that changes outside.
    pub(crate) fn set_settings(&self, settings: Settings) -> Outcome {
        let on = settings.start_at_login;
        if on != self.desk.settings().borrow().start_at_login
            && let Err(error) = self.autostart.set(on)
        {
            return Outcome::Failed {
                message: format!("failed to change what starts with the desktop: {error}"),
                findings: Vec::new(),
            };
        }
        self.desk.set_settings(settings)
    }
}

/// The desktop is what counts: its own settings may have been used meanwhile.
fn in_step(desk: &AppState, autostart: &Autostart) -> Option<String> {
    let settings = desk.settings().borrow().clone();
    let on = match autostart.is_on() {
        Ok(on) => on,
        Err(error) => {
            tracing::warn!("failed to look at what starts with the desktop: {error}");
            return None;
        }
    };
    if on == settings.start_at_login {
        // The program may have been moved.
        return on
            .then(|| autostart.set(true).err())
            .flatten()
            .map(|error| format!("failed to renew what starts with the desktop: {error}"));
    }
    let settings = Settings {
        start_at_login: on,
        ..settings
    };
    match desk.set_settings(settings) {
        Outcome::Failed { message, .. } | Outcome::Refused(message) => Some(message),
        Outcome::Done | Outcome::Overruled(_) | Outcome::Ending { .. } => None,
    }
}

/// Begins everything that goes on by itself.
pub(crate) fn attend(app: &AppHandle, arguments: &Arguments) {
    tray::attend(app);
    news::attend(app);
    crate::quit::attend(app);
    let host = app.state::<Host>();
    if arguments.at_login {
        for file in host.desk.wanted_at_login() {
            start(app, &file);
        }
    } else {
        window::open_without_tray(app);
    }
    follow(app, arguments, Path::new("."));
}

/// The app was started once more, with these arguments and in this folder.
pub(crate) fn called_again(app: &AppHandle, arguments: &[String], folder: &str) {
    let arguments = Arguments::try_parse_from(arguments).unwrap_or_default();
    // It is just beginning: the window can be asked for in a moment.
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
        match host.desk.add(&folder.join(stack)) {
            Ok(file) => {
                if arguments.start {
                    start(app, &file);
                }
                host.page.tell(Update::Show {
                    file,
                    service: None,
                });
            }
            Err(text) => {
                tracing::warn!("{text}");
                host.page.tell(Update::Remark { text });
            }
        }
    }
    if arguments.window || arguments.stack.is_some() {
        window::show(app);
    }
}

/// Starts a stack, and does not wait for it.
pub(crate) fn start(app: &AppHandle, file: &Path) {
    let (app, file) = (app.clone(), file.to_owned());
    spawn(async move {
        let outcome = app.state::<Host>().desk.start(&file, Vec::new()).await;
        told(&app, outcome);
    });
}

/// What was asked for from the tray and was not even tried is said in the window; what was tried and
/// failed is told by the light and a notification.
pub(crate) fn told(app: &AppHandle, outcome: Outcome) {
    match outcome {
        Outcome::Done => {}
        Outcome::Failed { message, .. } | Outcome::Overruled(message) => {
            tracing::info!("not done: {message}");
        }
        Outcome::Ending { .. } => tracing::info!("not done: the daemon is ending"),
        Outcome::Refused(text) => {
            tracing::warn!("refused: {text}");
            app.state::<Host>().page.tell(Update::Remark { text });
            window::show(app);
        }
    }
}
