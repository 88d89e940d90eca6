//! The window, created when it is first shown and destroyed when it is closed.

use std::time::Duration;

use pilotlight::app::settings::Theme as Chosen;
use tauri::{
    AppHandle, Manager as _, Theme, WebviewUrl, WebviewWindowBuilder, async_runtime::spawn,
    window::Color,
};

use crate::host::Host;

/// Its name in the capability file.
const LABEL: &str = "main";

/// The background of the page, `--bg` in `ui/src/theme.css`: the window has this colour until the
/// page is drawn.
const LIGHT: Color = Color(0xf5, 0xf6, 0xf8, 0xff);
const DARK: Color = Color(0x12, 0x14, 0x18, 0xff);

/// How long a starting desktop may take to show a tray.
const TRAY: Duration = Duration::from_secs(2);

/// Shows or creates the window. Returns at once.
pub(crate) fn show(app: &AppHandle) {
    let app_there = app.clone();
    let asked = app.run_on_main_thread(move || {
        if let Err(error) = show_here(&app_there) {
            tracing::error!("the window cannot be opened: {error}");
        }
    });
    if let Err(error) = asked {
        tracing::error!("the window cannot be requested: {error}");
    }
}

fn show_here(app: &AppHandle) -> tauri::Result<()> {
    if let Some(window) = app.get_webview_window(LABEL) {
        window.unminimize()?;
        window.show()?;
        return window.set_focus();
    }
    let chosen = app.state::<Host>().state.settings().borrow().theme;
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title("Pilot Light")
        .inner_size(1040.0, 720.0)
        .min_inner_size(380.0, 420.0)
        .center()
        .background_color(if chosen == Chosen::Dark { DARK } else { LIGHT })
        .visible(false)
        .build()?;
    // Only a window can query the theme of the desktop.
    if chosen == Chosen::System && window.theme()? == Theme::Dark {
        window.set_background_color(Some(DARK))?;
    }
    window.show()
}

/// Opens the window if the desktop has no tray, since the app would be invisible otherwise.
pub(crate) fn open_without_tray(app: &AppHandle) {
    let app = app.clone();
    spawn(async move {
        let mut tray = app.state::<Host>().tray.subscribe();
        let there = tray.wait_for(|tray| *tray == Some(true));
        if tokio::time::timeout(TRAY, there).await.is_err() {
            show(&app);
        }
    });
}
