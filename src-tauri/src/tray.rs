//! The tray: shows what the core computes and carries out its actions.

use std::sync::Arc;

use pilotlight::{
    app::{
        settings::Settings,
        tray::{Choice, Target, Tray, tray},
        window::Update,
    },
    model::view::Snapshot,
};
use tauri::{AppHandle, Manager as _, async_runtime::spawn};
use tokio::sync::watch;

use crate::{
    host::{Host, told},
    links, platform, quit, window,
};

/// Shows the tray and updates it.
pub(crate) fn attend(app: &AppHandle) {
    let host = app.state::<Host>();
    let mut view = host.state.view();
    let mut settings = host.state.settings();
    let shown = |view: &mut watch::Receiver<Arc<Snapshot>>,
                 settings: &mut watch::Receiver<Settings>| {
        let starts_at_login = settings.borrow_and_update().start_at_login;
        Arc::new(tray(&view.borrow_and_update(), starts_at_login))
    };
    let (sender, trays) = watch::channel(shown(&mut view, &mut settings));
    spawn(async move {
        loop {
            tokio::select! {
                Ok(()) = view.changed() => {}
                Ok(()) = settings.changed() => {}
                else => return,
            }
            let new: Arc<Tray> = shown(&mut view, &mut settings);
            sender.send_if_modified(|old| {
                let differs = *old != new;
                *old = new;
                differs
            });
        }
    });
    platform::show_tray(app, trays);
}

/// Carries out an action of the tray. Returns at once.
pub(crate) fn choose(app: &AppHandle, choice: Choice) {
    tracing::info!(?choice, "chosen");
    match choice {
        Choice::Start(_) | Choice::Stop(_) | Choice::Restart(_) | Choice::Profile { .. } => {
            act(app, choice);
        }
        Choice::OpenLink {
            file,
            service,
            label,
        } => {
            let address = app
                .state::<Host>()
                .state
                .link(&file, &service, label.as_deref());
            let opened = address.map(|address| links::page(app, &address));
            if let Some(Err(text)) = opened {
                app.state::<Host>().page.tell(Update::Remark { text });
                window::show(app);
            }
        }
        Choice::Show { file, service } => {
            let service = Some(service);
            app.state::<Host>()
                .page
                .tell(Update::Show { file, service });
            window::show(app);
        }
        Choice::OpenWindow => window::show(app),
        Choice::StartAtLogin(on) => {
            let host = app.state::<Host>();
            let settings = Settings {
                start_at_login: on,
                ..host.state.settings().borrow().clone()
            };
            told(app, host.set_settings(settings));
        }
        Choice::Quit => quit::ask(app),
    }
}

fn act(app: &AppHandle, choice: Choice) {
    let app = app.clone();
    spawn(async move {
        let state = app.state::<Host>().state.clone();
        let names = |target: &Target| target.service.iter().cloned().collect();
        let outcome = match &choice {
            Choice::Start(target) => state.start(&target.file, names(target)).await,
            Choice::Stop(target) => state.stop(&target.file, names(target)).await,
            Choice::Profile { file, name } => state.choose_profile(file, name).await,
            Choice::Restart(target) => state.restart(&target.file, names(target)).await,
            _ => return,
        };
        told(&app, outcome);
    });
}
