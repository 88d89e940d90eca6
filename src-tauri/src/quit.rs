//! The end of the app: asked for, or told by the desktop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use pilotlight::{
    app::{
        settings::OnQuit,
        window::{QuitChoice, Update},
    },
    control::{Control as _, Down},
    host::signals::{Ending, Endings},
    model::view::{Light, Snapshot},
};
use tauri::{
    AppHandle, Manager as _,
    async_runtime::{block_on, spawn},
};

use crate::{host::Host, window};

/// A stop is bounded by itself; this is for what nobody has thought of.
const LAST_RESORT: Duration = Duration::from_mins(2);

/// The daemon has nothing to wait for but its own tasks.
const DRAIN: Duration = Duration::from_secs(3);

/// Whether all is being stopped.
#[derive(Default)]
pub(crate) struct Quit(Arc<AtomicBool>);

/// Hears of every wish that the app should end.
pub(crate) fn attend(app: &AppHandle) {
    let told = app.clone();
    spawn(async move {
        let mut endings = match Endings::listen() {
            Ok(endings) => endings,
            Err(error) => return tracing::error!("failed to listen for signals: {error}"),
        };
        loop {
            match endings.next().await {
                // Ctrl-C in a terminal, as with `pilotlight up`.
                Ending::Interrupt => stop_all(&told),
                // The end of a session, too: nothing is stopped by surprise, nothing is waited for.
                Ending::Terminate | Ending::HangUp => {
                    tracing::info!("told to end: the services go on");
                    told.exit(0);
                }
            }
        }
    });
    let ended = app.clone();
    spawn(async move {
        // By `pilotlight`, or by another daemon that takes over.
        ended.state::<Host>().desk.daemon().ended().await;
        tracing::info!("the daemon has been ended");
        ended.exit(0);
    });
}

/// Somebody wants to quit: what becomes of the services is chosen, or is asked now.
pub(crate) fn ask(app: &AppHandle) {
    let host = app.state::<Host>();
    let snapshot = host.desk.daemon().snapshot();
    if left(&snapshot.borrow()) == 0 {
        return app.exit(0);
    }
    let chosen = host.desk.settings().borrow().on_quit;
    // Who asks again while all is being stopped means it.
    if host.quit.0.load(Ordering::Acquire) {
        return kill_all(app);
    }
    match chosen {
        OnQuit::StopAll => stop_all(app),
        OnQuit::LeaveRunning => app.exit(0),
        OnQuit::Ask => {
            host.page.tell(Update::QuitAsked);
            window::show(app);
        }
    }
}

/// Somebody has answered.
pub(crate) fn answer(app: &AppHandle, choice: QuitChoice) {
    match choice {
        QuitChoice::StopAll => stop_all(app),
        QuitChoice::LeaveRunning => app.exit(0),
        QuitChoice::Cancel => {}
    }
}

/// Stops everything, shows how far that is, and ends.
fn stop_all(app: &AppHandle) {
    let host = app.state::<Host>();
    if host.quit.0.swap(true, Ordering::AcqRel) {
        return kill_all(app);
    }
    tracing::info!("stopping everything");
    let app = app.clone();
    spawn(async move {
        let host = app.state::<Host>();
        let daemon = host.desk.daemon().clone();
        let mut snapshot = daemon.snapshot();
        let show = async {
            loop {
                let stopping = left(&snapshot.borrow_and_update());
                host.page.tell(Update::Quitting { stopping });
                if snapshot.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            outcome = daemon.quit(false) => tracing::info!(?outcome, "stopped"),
            () = show => {}
            () = tokio::time::sleep(LAST_RESORT) => tracing::error!("not everything could be stopped"),
        }
        app.exit(0);
    });
}

fn kill_all(app: &AppHandle) {
    tracing::info!("killing what is left");
    let app = app.clone();
    spawn(async move {
        let daemon = app.state::<Host>().desk.daemon().clone();
        let kill = Down {
            file: None,
            services: Vec::new(),
            kill: true,
        };
        let outcome = daemon.down(kill).await;
        tracing::info!(?outcome, "killed");
    });
}

/// How many services are not off.
fn left(snapshot: &Snapshot) -> usize {
    let services = snapshot.stacks.iter().flat_map(|stack| &stack.services);
    services
        .filter(|service| service.light != Light::Off)
        .count()
}

/// The app is about to be gone: the daemon says goodbye, and leaves what still runs.
pub(crate) fn end(app: &AppHandle) {
    let Some(keeping) = app.try_state::<Host>().and_then(|host| host.take_keeping()) else {
        return;
    };
    if block_on(async { tokio::time::timeout(DRAIN, keeping.end()).await }).is_err() {
        tracing::error!("the daemon did not end in time");
    }
}
