//! The tray application: tray, window, notifications, autostart over the core. It decides nothing.

use std::process::ExitCode;

use tauri::{Manager as _, RunEvent, WebviewUrl, WebviewWindowBuilder};

/// Runs the app until it is quit.
#[must_use]
pub fn run() -> ExitCode {
    let window = std::env::args().any(|argument| argument == "--window");
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_single_instance::init(|app, _, _| show(app)))
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_notification::init())
        .plugin(tauri_plugin_shell::init())
        .setup(move |app| {
            if window {
                show(app.handle());
            }
            Ok(())
        })
        .build(tauri::generate_context!());
    let Ok(app) = app else {
        return ExitCode::FAILURE;
    };
    app.run(|_, event| {
        if let RunEvent::ExitRequested { code: None, api, .. } = event {
            api.prevent_exit();
        }
    });
    ExitCode::SUCCESS
}

fn show(app: &tauri::AppHandle) {
    if let Some(window) = app.get_webview_window("main") {
        let _ = window.set_focus();
        return;
    }
    let _ = WebviewWindowBuilder::new(app, "main", WebviewUrl::default())
        .title("Pilot Light")
        .build();
}
