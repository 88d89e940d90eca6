//! Notifications of the desktop: one for an incident, from the core's notices.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI32, Ordering},
    },
};

use jiff::Timestamp;
use pilotlight::{
    app::{
        notices::{Notice, Notices},
        window::Update,
    },
    host::clock,
    stack::ServiceName,
};
use tauri::{AppHandle, Manager as _, async_runtime::spawn};
use tauri_plugin_notification::{ActiveNotification, NotificationExt as _};

use crate::{host::Host, platform, window};

/// Those that may still be clicked, by their number. The oldest are forgotten.
type Shown = Arc<Mutex<BTreeMap<i32, (PathBuf, ServiceName)>>>;

/// More are not looked for when one is clicked.
const REMEMBERED: usize = 50;

/// Tells whatever is worth telling from now on.
pub(crate) fn attend(app: &AppHandle) {
    let shown = Shown::default();
    listen(app, &shown);
    let app = app.clone();
    spawn(async move {
        let desk = app.state::<Host>().desk.clone();
        let mut view = desk.view();
        let mut notices = Notices::default();
        loop {
            let snapshot = view.borrow_and_update().clone();
            let now = Timestamp::try_from(clock::now().wall).unwrap_or_default();
            let wanted = desk.settings().borrow().notifications;
            for notice in notices.take(&snapshot, now) {
                tracing::info!("{}: {}", notice.title, notice.body);
                if wanted {
                    tell(&app, &notice, &shown);
                }
            }
            if view.changed().await.is_err() {
                return;
            }
        }
    });
}

fn tell(app: &AppHandle, notice: &Notice, shown: &Shown) {
    static NUMBER: AtomicI32 = AtomicI32::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    {
        let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.insert(number, (notice.file.clone(), notice.service.clone()));
        if shown.len() > REMEMBERED {
            shown.pop_first();
        }
    }
    let notification = app.notification().builder().id(number).title(&notice.title);
    let sent = if notice.body.is_empty() {
        notification.show()
    } else {
        notification.body(platform::body(notice)).show()
    };
    if let Err(error) = sent {
        tracing::warn!("failed to show a notification: {error}");
    }
}

/// A click opens the window on what it is about, where the desktop tells of clicks.
fn listen(app: &AppHandle, shown: &Shown) {
    let (clicked, shown) = (app.clone(), shown.clone());
    let listening = app.notification().on_action(move |action| {
        let number = action.notification().map(ActiveNotification::id);
        let shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
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
        tracing::warn!("failed to listen for clicks on notifications: {error}");
    }
}
