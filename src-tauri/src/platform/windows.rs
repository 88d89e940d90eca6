//! Windows: an icon of the notification area.

use std::{env, io, path::PathBuf};

use tauri::Env;

pub(crate) use super::system_tray::show_tray;

/// What starts this program again.
pub(crate) fn program(_env: &Env) -> io::Result<PathBuf> {
    env::current_exe()
}

/// The registry has a command line, in which a path with spaces is one word only in quotes. No path has
/// a quote in it.
pub(crate) fn as_word(path: &str) -> String {
    format!("\"{path}\"")
}

#[cfg(test)]
mod tests {
    use super::as_word;

    #[test]
    fn a_path_is_one_word_of_a_command_line() {
        assert_eq!(
            as_word(r"C:\Program Files\Pilot Light\pilot-light.exe"),
            r#""C:\Program Files\Pilot Light\pilot-light.exe""#
        );
    }
}
