//! The commands of the window. `build.rs` and `capabilities/window.json` list the same names.

mod acts;
mod choices;
mod outside;

use tauri::{Wry, ipc::Invoke};

/// Returns the handler of all commands.
pub(crate) fn all() -> impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        acts::subscribe,
        acts::call,
        acts::follow_log,
        acts::unfollow_log,
        acts::answer_quit,
        choices::add_stack,
        choices::look_at_folder,
        choices::write_draft,
        choices::set_settings,
        choices::set_start_at_login,
        outside::open,
        outside::save_text,
        outside::pick_stack,
        outside::pick_folder,
    ]
}
