//! The notifications of the desktop: one for each service, updated by the notices of the core.

use std::{
    collections::BTreeMap,
    error::Error,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI32, Ordering},
    },
};

use pilotlight::{
    app::{
        notices::{Kind, Notice, Notices},
        window::Update,
    },
    host::clock,
    stack::ServiceName,
    sync::lock,
};
use tauri::{
    AppHandle, Manager as _,
    async_runtime::{spawn, spawn_blocking},
};
use tauri_plugin_notification::{ActiveNotification, NotificationExt as _};

use crate::{host::Host, platform, window};

/// The services with a notification, by its number. The oldest are forgotten.
type Shown = Arc<Mutex<BTreeMap<i32, (PathBuf, ServiceName)>>>;

type Failed = Box<dyn Error + Send + Sync>;

/// The limit of notifications that can be clicked or updated.
const REMEMBERED: usize = 50;

/// Shows notifications from now on.
pub(crate) fn attend(app: &AppHandle) {
    let shown = Shown::default();
    listen(app, &shown);
    let app = app.clone();
    spawn(async move {
        let state = app.state::<Host>().state.clone();
        let mut view = state.view();
        let mut notices = Notices::default();
        loop {
            let snapshot = view.borrow_and_update().clone();
            let now = clock::timestamp();
            let settings = state.settings().borrow().clone();
            let wanted = settings.notifications && !settings.is_muted(now);
            for notice in notices.take(&snapshot, now) {
                tracing::info!("{}: {}", notice.title, notice.body);
                if wanted {
                    let (app, shown) = (app.clone(), shown.clone());
                    // Removing the earlier one blocks, which a worker thread of the runtime must not do.
                    let told = spawn_blocking(move || tell(&app, &notice, &shown)).await;
                    let told = told.map_err(Into::into).flatten();
                    if let Err::<_, Failed>(error) = told {
                        tracing::warn!("failed to show a notification: {error}");
                    }
                }
            }
            if view.changed().await.is_err() {
                return;
            }
        }
    });
}

fn tell(app: &AppHandle, notice: &Notice, shown: &Shown) -> Result<(), Failed> {
    static NUMBER: AtomicI32 = AtomicI32::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let about = (notice.file.clone(), notice.service.clone());
    let earlier: Vec<i32> = {
        let mut shown = lock(shown);
        let same = shown.iter().filter(|(_, other)| **other == about);
        let earlier: Vec<i32> = same.map(|(number, _)| *number).collect();
        shown.retain(|number, _| !earlier.contains(number));
        shown.insert(number, about);
        if shown.len() > REMEMBERED {
            shown.pop_first();
        }
        earlier
    };
    let mut notification = app.notification().builder().id(number).title(&notice.title);
    if !notice.body.is_empty() {
        notification = notification.body(platform::body(notice));
    }
    if notice.kind == Kind::Recovered {
        notification = notification.silent();
    }
    app.notification().remove_active(earlier)?;
    notification.show()?;
    Ok(())
}

/// Opens the window on the service of a notification that is clicked, where the desktop reports clicks.
fn listen(app: &AppHandle, shown: &Shown) {
    let (clicked, shown) = (app.clone(), shown.clone());
    let listening = app.notification().on_action(move |action| {
        let number = action.notification().map(ActiveNotification::id);
        let shown = lock(&shown);
        let about = number.and_then(|number| shown.get(&number).cloned());
        drop(shown);
        if let Some((file, service)) = about {
            clicked.state::<Host>().page.tell(Update::Show {
                file,
                service: Some(service),
            });
        }
        window::show(&clicked);
    });
    if let Err(error) = listening {
        tracing::warn!("clicks on notifications cannot be received: {error}");
    }
}
