//! The tray application: tray, window, notifications and autostart on top of the core, without any
//! decisions of its own.

mod arguments;
mod autostart;
mod commands;
mod error;
mod host;
mod links;
mod news;
mod page;
mod platform;
mod quit;
mod tray;
mod window;

use std::process::ExitCode;

use clap::Parser as _;
use pilotlight::{
    app::window::Update,
    effects::process::{helper_subcommand, seal_descriptors},
    example,
    fs::home::Home,
    host::logging,
};
use tauri::{AppHandle, DragDropEvent, Manager as _, RunEvent, WindowEvent};
use tauri_plugin_dialog::{DialogExt as _, MessageDialogKind};

use crate::{arguments::Arguments, host::Host};

/// The name of the app's own log.
const DIARY: &str = "app";

/// Runs the app until the user quits it, or passes its arguments to an app that is already running.
#[must_use]
pub fn run() -> ExitCode {
    if let Some(code) = helper_subcommand().or_else(example::service) {
        return code;
    }
    // Services must not inherit the descriptors of the desktop.
    seal_descriptors();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(shown) => {
            // Without a terminal the user sees neither this message nor an app.
            drop(shown.print());
            return if shown.use_stderr() {
                ExitCode::from(2)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    if let Err(error) = platform::prepare() {
        eprintln!("the app cannot be started without OpenGL: {error}");
    }
    let home = match prepared_home() {
        Ok(home) => home,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let single_instance = tauri_plugin_single_instance::Builder::new()
        .dbus_id(instance_name(&home))
        .callback(|app, arguments, folder| host::called_again(app, &arguments, &folder))
        .build();
    let built = tauri::Builder::default()
        .plugin(single_instance)
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_notification::init())
        .plugin(tauri_plugin_shell::init())
        .invoke_handler(commands::all())
        .setup(move |app| {
            if let Err(error) = platform::make_known(app.handle(), home.state()) {
                tracing::warn!(
                    "the app cannot be registered as a sender of notifications: {error}"
                );
            }
            begin(app.handle(), &home, &arguments);
            Ok(())
        })
        .on_window_event(|window, event| match event {
            WindowEvent::Destroyed => window.state::<Host>().page.close(),
            WindowEvent::DragDrop(DragDropEvent::Drop { paths, .. }) => {
                let host = window.state::<Host>();
                if let Some(path) = paths.first().cloned() {
                    host.state.picked(&path);
                    host.page.tell(Update::Dropped { path });
                }
            }
            _ => {}
        })
        .build(context());
    let app = match built {
        Ok(app) => app,
        Err(error) => {
            tracing::error!("Pilot Light cannot start: {error}");
            eprintln!("Pilot Light cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = app.run_return(|app, event| match event {
        // Without a code, only the last window was closed: the tray stays.
        RunEvent::ExitRequested {
            code: None, api, ..
        } => api.prevent_exit(),
        RunEvent::Exit => quit::end(app),
        _ => {}
    });
    tracing::info!("ended");
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

#[expect(clippy::exit, reason = "the macro generates it")]
fn context() -> tauri::Context {
    tauri::generate_context!()
}

fn prepared_home() -> Result<Home, Box<dyn std::error::Error>> {
    let home = Home::locate()?;
    home.prepare()?;
    logging::open(home.state(), DIARY)?;
    Ok(home)
}

/// Returns the instance name of the app. It depends on the home, so that tests can have apps of their own.
fn instance_name(home: &Home) -> String {
    const NAME: &str = "dev.pilotlight.desktop";
    let own = std::env::var_os(Home::VARIABLE).filter(|folder| !folder.is_empty());
    if own.is_none() {
        return NAME.to_owned();
    }
    let id = home.stack_id(home.state()).0;
    format!("{NAME}.{}", id.replace('-', "_"))
}

/// Becomes the daemon and starts the app.
fn begin(app: &AppHandle, home: &Home, arguments: &Arguments) {
    match tauri::async_runtime::block_on(Host::begin(app, home)) {
        Ok(host) => {
            app.manage(host);
            host::attend(app, arguments);
        }
        Err(why) => {
            tracing::error!("{why}");
            eprintln!("{why}");
            let app_to_end = app.clone();
            app.dialog()
                .message(format!("Pilot Light cannot start: {why}."))
                .title("Pilot Light")
                .kind(MessageDialogKind::Error)
                .show(move |_| app_to_end.exit(1));
        }
    }
}
