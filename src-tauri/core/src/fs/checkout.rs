//! Recognizes the checkouts of one repository by the files of git and jj, without these programs.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::project_file::Reader;

/// The checkout to which a stack file belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// The folder that all checkouts of the repository share.
    pub repository: PathBuf,
    /// The path of the stack file in the checkout.
    pub file: PathBuf,
    /// The branch, or the name of the folder if no branch is checked out.
    pub name: String,
}

impl Checkout {
    /// Returns the checkout of a stack file. `None` outside of a repository. Blocks.
    #[must_use]
    pub fn of(file: &Path, reader: &Reader) -> Option<Self> {
        let file = file.canonicalize().ok()?;
        let mut folders = file.ancestors().skip(1);
        let is_root = |folder: &&Path| [".git", ".jj"].iter().any(|it| folder.join(it).exists());
        let root = folders.find(is_root)?;
        let folder_name = root.file_name().map(OsStr::to_string_lossy);
        let (repository, branch) = match jj(root, reader) {
            Some(repository) => (repository, None),
            None => git(root, reader)?,
        };
        Some(Self {
            repository: repository.canonicalize().ok()?,
            file: file.strip_prefix(root).ok()?.to_owned(),
            name: branch.or_else(|| Some(folder_name?.into_owned()))?,
        })
    }

    /// Returns whether both are checkouts with the same stack file.
    #[must_use]
    pub fn is_sibling_of(&self, other: &Self) -> bool {
        self.repository == other.repository && self.file == other.file
    }
}

/// Returns the common git folder of a working tree, and its branch
/// (<https://git-scm.com/docs/gitrepository-layout>).
fn git(root: &Path, reader: &Reader) -> Option<(PathBuf, Option<String>)> {
    let git = root.join(".git");
    let mut own = git.clone();
    if !git.is_dir() {
        let text = reader.text(&git).ok()?;
        own = root.join(line(text.strip_prefix("gitdir:")?));
    }
    // Only a linked worktree has this file: neither a submodule nor a separate git folder does.
    let common = match reader.text(&own.join("commondir")) {
        Ok(text) => own.join(line(&text)),
        Err(_) => own.clone(),
    };
    let head = reader.text(&own.join("HEAD")).unwrap_or_default();
    let branch = line(&head).strip_prefix("ref: refs/heads/");
    // With reftable, the branch is not in a separate file.
    let branch = branch.filter(|branch| *branch != ".invalid");
    Some((common, branch.map(str::to_owned)))
}

/// Returns the repository of a jj workspace: a folder in the first workspace, a file with its path
/// in others.
fn jj(root: &Path, reader: &Reader) -> Option<PathBuf> {
    let repository = root.join(".jj").join("repo");
    if repository.is_dir() {
        return Some(repository);
    }
    let path = reader.text(&repository).ok()?;
    Some(root.join(".jj").join(line(&path)))
}

fn line(text: &str) -> &str {
    text.trim_start().trim_end_matches(['\n', '\r'])
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;

    fn of(file: &Path) -> Option<Checkout> {
        Checkout::of(file, &Reader::within(Duration::from_secs(10)))
    }

    fn write(file: &Path, text: &str) {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    #[test]
    fn a_worktree_is_a_sibling_of_the_main_checkout_and_a_clone_or_submodule_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let stack = |checkout: &str| {
            let file = root.join(checkout).join("dev/pilotlight.toml");
            write(&file, "");
            file
        };
        write(&root.join("main/.git/HEAD"), "ref: refs/heads/main\n");
        write(&root.join("clone/.git/HEAD"), "ref: refs/heads/main\n");
        let linked = root.join("main/.git/worktrees/wt");
        write(&linked.join("HEAD"), "ref: refs/heads/feature/x\n");
        write(&linked.join("commondir"), "../..\n");
        write(
            &root.join("wt/.git"),
            &format!("gitdir: {}\n", linked.display()),
        );
        // The same as with `worktree.useRelativePaths`.
        let detached = root.join("main/.git/worktrees/other");
        write(
            &detached.join("HEAD"),
            "d670460b4b4aece5915caf5c68d12f560a9fe3e4\n",
        );
        write(&detached.join("commondir"), "../..\n");
        write(
            &root.join("other/.git"),
            "gitdir: ../main/.git/worktrees/other\n",
        );
        write(
            &root.join("main/.git/modules/sub/HEAD"),
            "ref: refs/heads/main\n",
        );
        write(&root.join("main/sub/.git"), "gitdir: ../.git/modules/sub\n");

        let main = of(&stack("main")).unwrap();
        let worktree = of(&stack("wt")).unwrap();
        let detached = of(&stack("other")).unwrap();
        assert_eq!((&*main.name, &*worktree.name), ("main", "feature/x"));
        assert_eq!(detached.name, "other");
        assert!(main.is_sibling_of(&worktree) && worktree.is_sibling_of(&detached));
        for other in ["clone", "main/sub"] {
            assert!(!of(&stack(other)).unwrap().is_sibling_of(&main), "{other}");
        }
        // Another stack file of the same repository is another stack.
        write(&root.join("wt/pilotlight.toml"), "");
        assert!(
            !of(&root.join("wt/pilotlight.toml"))
                .unwrap()
                .is_sibling_of(&main)
        );
    }

    #[test]
    fn a_second_workspace_of_jj_is_a_sibling_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(&root.join("first/.jj/repo/store/type"), "git");
        write(&root.join("second/.jj/repo"), "../../first/.jj/repo");
        for workspace in ["first", "second"] {
            write(&root.join(workspace).join("pilotlight.toml"), "");
        }
        let first = of(&root.join("first/pilotlight.toml")).unwrap();
        let second = of(&root.join("second/pilotlight.toml")).unwrap();
        assert!(first.is_sibling_of(&second));
        assert_eq!(second.name, "second");
    }
}
