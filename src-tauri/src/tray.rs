//! The tray: shows what the core computes and carries out its actions.

use std::{sync::Arc, time::Duration};

use pilotlight::{
    app::{
        settings::Settings,
        tray::{Choice, Target, Tray, tray},
        window::Update,
    },
    host::clock,
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
        Arc::new(tray(
            &view.borrow_and_update(),
            &settings.borrow_and_update(),
            clock::timestamp(),
        ))
    };
    let (sender, trays) = watch::channel(shown(&mut view, &mut settings));
    spawn(async move {
        loop {
            let muted = settings.borrow().muted_until;
            let muted = muted.map(|until| until.duration_since(clock::timestamp()));
            let muted = muted.and_then(|left| Duration::try_from(left).ok());
            tokio::select! {
                Ok(()) = view.changed() => {}
                Ok(()) = settings.changed() => {}
                () = tokio::time::sleep(muted.unwrap_or_default()), if muted.is_some() => {}
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
            if let Some(Err(error)) = opened {
                let text = error.to_string();
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
        Choice::Mute(on) => change(app, |settings| settings.muted(on, clock::timestamp())),
        Choice::StartAtLogin(on) => change(app, |settings| Settings {
            start_at_login: on,
            ..settings
        }),
        Choice::Quit => quit::ask(app),
    }
}

/// Changes the settings.
fn change(app: &AppHandle, change: impl FnOnce(Settings) -> Settings) {
    let host = app.state::<Host>();
    let settings = host.state.settings().borrow().clone();
    told(app, host.set_settings(change(settings)));
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
