//! The commands of the window. `build.rs` and `capabilities/window.json` list the same names.

mod acts;
mod choices;
mod outside;

use tauri::{Wry, ipc::Invoke};

/// Returns the handler of all commands.
pub(crate) fn all() -> impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        acts::subscribe,
        acts::start,
        acts::stop,
        acts::restart,
        acts::doctor,
        acts::preview_remedy,
        acts::carry_out,
        acts::apply_change,
        acts::follow_log,
        acts::unfollow_log,
        acts::describe,
        acts::run_checks,
        acts::reveal,
        acts::events,
        acts::probe_paths,
        acts::answer_quit,
        choices::add_stack,
        choices::remove_stack,
        choices::try_example,
        choices::look_at_folder,
        choices::write_draft,
        choices::set_settings,
        choices::set_start_at_login,
        outside::open_link,
        outside::open_log_file,
        outside::open_own_log,
        outside::open_stack_file,
        outside::open_folder,
        outside::save_text,
        outside::pick_stack,
        outside::pick_folder,
    ]
}
