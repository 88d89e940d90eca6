//! Takes the pictures of the README into the given folder: the window, the panel with its open menu, and the terminal.
#![expect(
    clippy::disallowed_methods,
    reason = "no event reports that a screen is at rest; the bans are for the code that runs services"
)]

fn main() {
    #[cfg(target_os = "linux")]
    linux::take();
}

#[cfg(target_os = "linux")]
mod terminal;

#[cfg(target_os = "linux")]
mod linux {
    use std::{env, path::PathBuf};

    use pilotlight_app_tests::{
        desktop::Desktop, display::Picture, panel::Panel, stack::Stack, until, until_so,
    };
    use serde_json::json;

    /// The colour of `icons/tray/green.svg`.
    const GREEN: [u8; 3] = [0x2f, 0xc8, 0x73];
    /// The background of the page in the dark theme (`ui/src/theme.css`).
    const PANEL: [u8; 3] = [0x1a, 0x1d, 0x23];
    const TITLE: &str = "Pilot Light";

    pub(super) fn take() {
        let into = env::args_os().nth(1).map(PathBuf::from);
        let into = into.expect("no folder is given");
        super::terminal::take(&into);
        let desktop = Desktop::without_tray();
        let _panel = Panel::start(&desktop);
        let file = nexus().write(&desktop);
        desktop.knows(&[&file], &json!({ "theme": "dark" }));
        let app = desktop.start(&[&file.display().to_string(), "--start", "--window"]);
        until_so("the window", || desktop.display.windows(TITLE) == 1);
        desktop.display.move_window(TITLE, 0, 40);
        let flame = until("a green flame in the panel", || {
            desktop.display.picture().middle_of(GREEN, 32)
        });
        until_so("a page in the window", || {
            desktop.display.picture().share_of(PANEL) > 0.1
        });
        let _ = at_rest(&desktop);
        desktop.display.click(flame, 3);
        until("the menu", || {
            let menu = desktop.display.windows("") > 3;
            menu.then_some(())
        });
        at_rest(&desktop).save(&into.join("app.png"));
        drop(app);
    }

    /// Returns the example of the repository, without the parts that it would have to install.
    fn nexus() -> Stack {
        let links = "links = { docs = \"http://127.0.0.1:{port}/docs\" }";
        Stack::new("nexus")
            .redis("redis", "")
            .service("backend", "", &format!("needs = [\"redis\"]\n{links}"))
            .service("frontend", "", "needs = [\"backend\"]")
    }

    /// Returns the screen once it hardly changes any more.
    fn at_rest(desktop: &Desktop) -> Picture {
        let mut last = desktop.display.picture();
        until("a screen at rest", || {
            std::thread::sleep(std::time::Duration::from_millis(500));
            let now = desktop.display.picture();
            let still = now.difference(&last) < 0.002;
            last = now;
            still.then(|| last.clone())
        })
    }
}
