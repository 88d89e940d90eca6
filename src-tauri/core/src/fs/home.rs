//! The paths of settings, state, logs, and the control socket.

use std::{
    env,
    ffi::OsString,
    io,
    path::{Path, PathBuf, absolute},
};

use directories::ProjectDirs;

use crate::{fs::fingerprint::fingerprint, model::facts::StackId, platform::local};

/// The folders of one user's Pilot Light. Each home has one daemon at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    settings: PathBuf,
    state: PathBuf,
    logs: PathBuf,
}

/// Why the folders cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The operating system reports no home folder of the user.
    #[error("your home folder is unknown; set HOME, or PILOTLIGHT_HOME to a separate folder")]
    Unknown,
    /// A path cannot be made absolute.
    #[error("the folder {} cannot be used: {source}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A folder cannot be created, or belongs to another user.
    #[error("the private folder {} cannot be created: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

impl Home {
    /// The environment variable that sets a single folder for everything.
    pub const VARIABLE: &'static str = "PILOTLIGHT_HOME";

    /// Returns the home of the current user: under `PILOTLIGHT_HOME` if that is set and not empty,
    /// otherwise in the platform's standard folders. Creates nothing.
    pub fn locate() -> Result<Self, HomeError> {
        Self::from_variable(env::var_os(Self::VARIABLE))
    }

    /// Returns the home under this folder. Creates nothing.
    pub fn under(folder: &Path) -> Result<Self, HomeError> {
        Self::at(
            &folder.join("settings"),
            &folder.join("state"),
            &folder.join("logs"),
        )
    }

    /// Returns the home for this value of `PILOTLIGHT_HOME`, if it is valid.
    pub(crate) fn of(folder: Option<OsString>) -> Option<Self> {
        Self::from_variable(folder).ok()
    }

    fn from_variable(folder: Option<OsString>) -> Result<Self, HomeError> {
        if let Some(folder) = folder.filter(|folder| !folder.is_empty()) {
            return Self::under(Path::new(&folder));
        }
        let places = ProjectDirs::from("", "", "Pilot Light").ok_or(HomeError::Unknown)?;
        let state = places
            .state_dir()
            .unwrap_or_else(|| places.data_local_dir());
        Self::at(places.config_dir(), state, &state.join("logs"))
    }

    fn at(settings: &Path, state: &Path, logs: &Path) -> Result<Self, HomeError> {
        let resolve = |path: &Path| {
            resolved(path).map_err(|source| HomeError::Path {
                path: path.to_owned(),
                source,
            })
        };
        Ok(Self {
            settings: resolve(settings)?,
            state: resolve(state)?,
            logs: resolve(logs)?,
        })
    }

    /// Creates the folders, accessible only by the current user.
    pub fn prepare(&self) -> Result<(), HomeError> {
        for path in [&self.settings, &self.state, &self.logs] {
            local::private_folder(path).map_err(|source| HomeError::Folder {
                path: path.clone(),
                source,
            })?;
        }
        Ok(())
    }

    /// Returns the folder of the settings.
    #[must_use]
    pub fn settings(&self) -> &Path {
        &self.settings
    }

    /// Returns the folder of the daemon's state.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Returns the folder of the logs.
    #[must_use]
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// Returns the address of the control socket: a path on Unix, the name of a pipe on Windows.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        local::socket_address(&self.state, &self.key())
    }

    /// Returns a unique identifier of this home.
    fn key(&self) -> String {
        let key = fingerprint(&[self.state.as_os_str().as_encoded_bytes()]);
        format!("{key:016x}")
    }

    /// Returns the file that a daemon locks.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.state.join("keeper.lock")
    }

    /// Returns a second file that a daemon locks, outside of the home, so that the home counts as
    /// locked even if its folders are deleted. `None` if the address of the control socket is
    /// already unique.
    #[must_use]
    pub fn second_lock(&self) -> Option<PathBuf> {
        local::second_lock(&self.key())
    }

    /// Returns the identifier of the stack in this file: a readable name, and a fingerprint of this
    /// home and the file that does not depend on how the path is written. It is stable across
    /// versions of the program, and safe in a file name on every platform.
    #[must_use]
    pub fn stack_id(&self, file: &Path) -> StackId {
        let file = resolved(file).unwrap_or_else(|_| file.to_owned());
        let sum = fingerprint(&[
            self.state.as_os_str().as_encoded_bytes(),
            file.as_os_str().as_encoded_bytes(),
        ]);
        let short = (sum >> 32) ^ (sum & 0xffff_ffff);
        StackId(format!("{}-{short:08x}", readable_name(&file)))
    }
}

/// Returns the file's own name if it has one, otherwise that of its folder, in letters that every
/// file system supports.
fn readable_name(file: &Path) -> String {
    let own = file.file_stem().filter(|stem| *stem != "pilotlight");
    let folder = || file.parent().and_then(Path::file_name);
    let name = own.or_else(folder).unwrap_or_default().to_string_lossy();
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .take(24)
        .collect();
    match name.trim_matches('-') {
        "" => "stack".to_owned(),
        name => name.to_owned(),
    }
}

/// Returns the absolute path, with the links of its existing part resolved, so that a folder has
/// the same path before and after it is created.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    let path = absolute(path)?;
    for ancestor in path.ancestors() {
        if let Ok(real) = ancestor.canonicalize() {
            let missing = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
            return Ok(if missing.as_os_str().is_empty() {
                real
            } else {
                real.join(missing)
            });
        }
    }
    Ok(path)
}

/// Returns the path with `~` for the home folder of the user.
#[must_use]
pub fn short(path: &Path) -> String {
    let home = env::home_dir().filter(|home| home.as_os_str().len() > 1);
    match home.and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned)) {
        Some(rest) => Path::new("~").join(rest).display().to_string(),
        None => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_puts_everything_under_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let home = Home::from_variable(Some(folder.path().into())).unwrap();
        assert_eq!(home.settings(), root.join("settings"));
        assert_eq!(home.state(), root.join("state"));
        assert_eq!(home.logs(), root.join("logs"));
        assert_eq!(home.lock(), root.join("state/keeper.lock"));
    }

    #[test]
    fn without_the_variable_the_standard_folders_are_used() {
        let usual = Home::from_variable(None).unwrap();
        assert_eq!(Home::from_variable(Some(OsString::new())).unwrap(), usual);
        assert!(usual.state().is_absolute());
        assert_ne!(usual.state(), usual.settings());
    }

    #[test]
    fn a_home_is_the_same_before_and_after_it_is_created() {
        let folder = tempfile::tempdir().unwrap();
        let before = Home::under(&folder.path().join("not/yet")).unwrap();
        before.prepare().unwrap();
        let after = Home::under(&folder.path().join("not/yet")).unwrap();
        assert_eq!(before, after);
        assert_eq!(before.socket(), after.socket());
    }

    #[test]
    fn a_stack_is_recognized_by_its_folder_or_by_its_own_name() {
        let home = Home::under(Path::new("/home/ada/.pilotlight")).unwrap();
        let id = |file: &str| home.stack_id(Path::new(file)).0;
        assert!(id("/srv/Nexus Chat/pilotlight.toml").starts_with("nexus-chat-"));
        assert!(id("/srv/nexus/staging.toml").starts_with("staging-"));
        assert!(id("/pilotlight.toml").starts_with("stack-"));
        assert!(id("/srv/日本/pilotlight.toml").starts_with("stack-"));
    }

    #[test]
    fn the_id_of_a_stack_is_stable_across_versions() {
        let home = Home {
            settings: "/h/settings".into(),
            state: "/h/state".into(),
            logs: "/h/logs".into(),
        };
        let (file, id) = match env::consts::OS {
            "windows" => (r"C:\nowhere\nexus\pilotlight.toml", "nexus-9094b33d"),
            _ => ("/nowhere/nexus/pilotlight.toml", "nexus-5316979b"),
        };
        assert_eq!(home.stack_id(Path::new(file)).0, id);
    }

    #[test]
    fn stacks_of_the_same_name_have_different_ids() {
        let home = Home::under(Path::new("/home/ada/.pilotlight")).unwrap();
        let other = Home::under(Path::new("/home/ben/.pilotlight")).unwrap();
        let file = Path::new("/srv/a/nexus/pilotlight.toml");
        assert_ne!(
            home.stack_id(file),
            home.stack_id(Path::new("/srv/b/nexus/pilotlight.toml"))
        );
        assert_ne!(home.stack_id(file), other.stack_id(file));
        assert!(home.stack_id(file).0.len() <= 33);
    }
}
