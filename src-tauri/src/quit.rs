//! Quits the app: on request of the user or the system.

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

/// The time limit for stopping everything. Each stop has its own limit; this is only a safeguard.
const LAST_RESORT: Duration = Duration::from_mins(2);

/// The time limit for the daemon's own tasks.
const DRAIN: Duration = Duration::from_secs(3);

/// Whether everything is being stopped.
#[derive(Default)]
pub(crate) struct Quit(Arc<AtomicBool>);

/// Handles all requests to quit the app.
pub(crate) fn attend(app: &AppHandle) {
    let told = app.clone();
    spawn(async move {
        let mut endings = match Endings::listen() {
            Ok(endings) => endings,
            Err(error) => return tracing::error!("signals cannot be received: {error}"),
        };
        loop {
            match endings.next().await {
                // Ctrl-C in a terminal, as in `pilotlight up`.
                Ending::Interrupt => stop_all(&told),
                // A desktop session that ends sends this too: services keep running, and nothing is awaited.
                Ending::Terminate | Ending::HangUp => {
                    tracing::info!("quitting on a signal; services keep running");
                    told.exit(0);
                }
            }
        }
    });
    let ended = app.clone();
    spawn(async move {
        // By `pilotlight`, or by another daemon that replaces this one.
        ended.state::<Host>().state.daemon().ended().await;
        tracing::info!("the daemon was stopped");
        ended.exit(0);
    });
}

/// Quits as the settings say, or asks the user what happens to the services.
pub(crate) fn ask(app: &AppHandle) {
    let host = app.state::<Host>();
    let snapshot = host.state.daemon().snapshot();
    if left(&snapshot.borrow()) == 0 {
        return app.exit(0);
    }
    let chosen = host.state.settings().borrow().on_quit;
    // A second request while everything is being stopped kills the rest.
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

/// Carries out the user's choice.
pub(crate) fn answer(app: &AppHandle, choice: QuitChoice) {
    match choice {
        QuitChoice::StopAll => stop_all(app),
        QuitChoice::LeaveRunning => app.exit(0),
        QuitChoice::Cancel => {}
    }
}

/// Stops everything, shows the progress, and exits.
fn stop_all(app: &AppHandle) {
    let host = app.state::<Host>();
    if host.quit.0.swap(true, Ordering::AcqRel) {
        return kill_all(app);
    }
    tracing::info!("stopping everything");
    let app = app.clone();
    spawn(async move {
        let host = app.state::<Host>();
        let daemon = host.state.daemon().clone();
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
    tracing::info!("killing the remaining services");
    let app = app.clone();
    spawn(async move {
        let daemon = app.state::<Host>().state.daemon().clone();
        let kill = Down {
            file: None,
            services: Vec::new(),
            kill: true,
        };
        let outcome = daemon.down(kill).await;
        tracing::info!(?outcome, "killed");
    });
}

/// Returns the number of services that are not off.
fn left(snapshot: &Snapshot) -> usize {
    let services = snapshot.stacks.iter().flat_map(|stack| &stack.services);
    services
        .filter(|service| service.light != Light::Off)
        .count()
}

/// Stops the daemon when the app exits, and leaves running services.
pub(crate) fn end(app: &AppHandle) {
    let Some(daemon) = app.try_state::<Host>().and_then(|host| host.take_daemon()) else {
        return;
    };
    if block_on(async { tokio::time::timeout(DRAIN, daemon.end()).await }).is_err() {
        tracing::error!("the daemon did not stop in time");
    }
}
