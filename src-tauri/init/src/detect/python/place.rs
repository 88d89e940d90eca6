//! The folder in which a Python application runs, from which its imports are found, and its module name there.

use std::sync::LazyLock;

use regex::Regex;

use super::{packages::is_project, project::Project, run::from, server::ServerCommand};
use crate::{
    detect::{
        ancestors, file_name, folder, join,
        source::{has_extension, pattern},
    },
    draft::{DraftService, Origin, plain},
};

/// A file as a module of Python.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The folder in which the service runs.
    pub(super) directory: String,
    /// The folder that must be on the path of modules, from the directory; empty if it is that.
    pub(super) path: String,
    /// The folder of a library that several services share, from the directory; empty if there is none.
    library: String,
    /// `app.main`
    pub(super) module: String,
}

impl Place {
    /// Sets the folder of the modules, unless the command names it, or that of a shared library.
    pub(super) fn set_path(&self, service: &mut DraftService, is_told: bool) {
        let path = if is_told || self.path.is_empty() {
            &self.library
        } else {
            &self.path
        };
        if !path.is_empty() {
            let because = Origin::known("the folder of the modules");
            let path = because.says(plain(path));
            service.env.push(("PYTHONPATH".to_owned(), path));
        }
    }
}

/// A command of the project, its file, and the file's rank: 0 is for development, 1 is a page of text, 2 is for a container.
#[derive(Debug, Clone)]
pub(super) struct Hint {
    pub(super) file: String,
    pub(super) rank: u8,
    pub(super) command: ServerCommand,
}

impl Hint {
    /// Returns the folder in which the command runs, as far as its file says.
    pub(super) fn folder(&self) -> String {
        let at = folder(&self.file);
        match self.command.directory.as_deref() {
            None | Some(".") => at.to_owned(),
            Some(directory) => join(at, directory.trim_start_matches("./")),
        }
    }

    /// Whether the command serves this file, by its object: `shop:app`.
    pub(super) fn serves(&self, file: &str) -> bool {
        let target = self.command.target.as_deref();
        target.is_some_and(|target| target.contains(':')) && self.base_of(file).is_some()
    }

    /// Returns the folder from which the module of the command is this file, if there is one.
    pub(super) fn base_of(&self, file: &str) -> Option<String> {
        let target = self.command.target.as_deref()?;
        let module = target.split_once(':').map_or(target, |(module, _)| module);
        let path = if has_extension(module, "py") {
            module.trim_start_matches("./").to_owned()
        } else {
            module.replace('.', "/")
        };
        let stems = ["", ".py", "/__init__.py"].map(|end| format!("{path}{end}"));
        stems
            .iter()
            .find_map(|stem| match file.strip_suffix(stem.as_str())? {
                "" => Some(String::new()),
                base => base.strip_suffix('/').map(str::to_owned),
            })
    }
}

/// Returns the best hint for a file: of those that can mean it, one that runs in the right folder, then the lowest rank.
pub(super) fn hint_for<'a>(hints: &'a [Hint], file: &str) -> Option<(&'a Hint, String)> {
    hints
        .iter()
        .filter_map(|hint| Some((hint, hint.base_of(file)?)))
        .min_by_key(|(hint, base)| (u8::from(hint.folder() != *base), hint.rank))
        // A command of another folder means that folder's file.
        .filter(|(hint, base)| {
            hint.folder() == *base || base.starts_with(&hint.folder()) || hint.rank == 2
        })
}

static IMPORT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?m)^[ \t]*(?:from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+(\w+)?|import[ \t]+([\w.]+))")
});

impl Project<'_> {
    /// Returns where a file belongs in the project. A hint's base takes precedence over the imports.
    /// `is_module`: a server imports the file as a module, so that it may run from the folder of the manifest.
    pub(super) fn place(&self, file: &str, hinted: Option<&str>, is_module: bool) -> Place {
        let hinted = hinted.map(str::to_owned);
        let base = hinted.unwrap_or_else(|| self.base(file, is_module));
        let within = file
            .strip_prefix(&base)
            .unwrap_or(file)
            .trim_start_matches('/');
        let stem = within.strip_suffix(".py").unwrap_or(within);
        let module = stem
            .strip_suffix("/__init__")
            .unwrap_or(stem)
            .replace('/', ".");
        // `src` is no folder to run in: settings and data are beside it.
        let (above, last) = base.rsplit_once('/').unwrap_or(("", &base));
        let inside = base.starts_with(&with_slash(&self.root)) && base != self.root;
        let library = self.shared(file, &base).map(|to| from(&base, to));
        let library = library.map_or_else(String::new, |to| to.trim_end_matches('/').to_owned());
        let (directory, path) = match last {
            "src" | "lib" | "python" if inside => (above.to_owned(), last.to_owned()),
            _ => (base, String::new()),
        };
        Place {
            directory,
            path,
            library,
            module,
        }
    }

    /// Returns the folder from which most of the file's imports are found.
    fn base(&self, file: &str, is_module: bool) -> String {
        let (listing, codes, root) = (self.listing, &self.codes, self.root.as_str());
        let own = folder(file);
        let is_package = |folder: &str| listing.has(&join(folder, "__init__.py"));
        // Relative imports need the folder to be a package.
        let code = codes.get(file).map_or("", String::as_str);
        let mut relative = 0;
        let mut absolute: Vec<&str> = Vec::new();
        for found in IMPORT.captures_iter(code).take(256) {
            match (found.get(1), found.get(2), found.get(4)) {
                (Some(dots), _, _) if !dots.is_empty() => relative = relative.max(dots.len()),
                (_, Some(module), _) | (_, _, Some(module)) => absolute.push(module.as_str()),
                _ => {}
            }
        }
        let above = |folder: &str, levels: usize| ancestors(folder).nth(levels).map(str::to_owned);
        let top = ancestors(own)
            .find(|folder| !is_package(folder))
            .unwrap_or_default()
            .to_owned();
        let mut candidates: Vec<String> = vec![root.to_owned(), top.clone(), own.to_owned()];
        candidates.extend(ancestors(own).map(str::to_owned).take(4));
        // What one dot means is beside the file, so the package is at least one folder above.
        let highest = above(own, relative);
        candidates.retain(|base| match &highest {
            Some(highest) if relative > 0 => {
                highest == base || highest.starts_with(&with_slash(base))
            }
            _ => own == base || own.starts_with(&with_slash(base)),
        });
        let is_found = |base: &str, module: &str| {
            let path = join(base, module.split('.').next().unwrap_or_default());
            let itself = format!("{path}.py");
            // A file does not import itself.
            itself != file && (listing.has(&itself) || listing.has_folder(&path))
        };
        let mut best: Option<(usize, String)> = None;
        for candidate in candidates {
            let found = absolute
                .iter()
                .filter(|module| is_found(&candidate, module));
            let count = found.count();
            if best.as_ref().is_none_or(|(most, _)| count > *most) {
                best = Some((count, candidate));
            }
        }
        match best {
            Some((0, _)) if !is_package(own) && relative == 0 && !own.is_empty() => {
                // No import decides. A module is named from the folder with the manifest, but at the top of a project a
                // folder may be a part of its own. A file that runs itself runs in its own folder.
                let is_part = root.is_empty() && file_name(own) != "app";
                let runs_itself = !is_module || code.contains("__main__");
                if own == join(root, "src")
                    || (is_project(listing, root) && !runs_itself && !is_part)
                {
                    root.to_owned()
                } else {
                    own.to_owned()
                }
            }
            Some((0, _)) if relative == 0 => top,
            Some((_, base)) => base,
            None => top,
        }
    }

    /// Returns the folder above the base with a package that the file imports and the base does not have: a library that
    /// several services share.
    fn shared<'b>(&self, file: &str, base: &'b str) -> Option<&'b str> {
        let listing = self.listing;
        let code = self.codes.get(file)?;
        let imports = IMPORT.captures_iter(code).take(256);
        let modules = imports.filter_map(|found| {
            let is_relative = found.get(1).is_some_and(|dots| !dots.is_empty());
            let module = found.get(2).or(found.get(4)).filter(|_| !is_relative)?;
            module
                .as_str()
                .split('.')
                .next()
                .filter(|name| !name.is_empty())
        });
        let has = |folder: &str, module: &str| {
            let path = join(folder, module);
            listing.has(&format!("{path}.py"))
                || listing.under(&path).any(|it| has_extension(it, "py"))
        };
        let mut above = modules
            .filter(|module| !has(base, module))
            .filter_map(|module| {
                let mut above = ancestors(base).skip(1);
                above.find(|folder| has(folder, module))
            });
        above.next()
    }
}

fn with_slash(folder: &str) -> String {
    if folder.is_empty() {
        String::new()
    } else {
        format!("{folder}/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{
        Host, Listing,
        python::{app::code, routes::Codes},
    };

    fn place_of(files: &[(&str, &str)], root: &str) -> (String, String, String) {
        let mut listing = Listing::new("shop", Host::default());
        let mut codes = Codes::new();
        for (path, text) in files {
            listing.add(*path, Some(text));
            codes.insert((*path).to_owned(), code(text));
        }
        let root = root.to_owned();
        let project = Project::new(&listing, codes, &[], root, &mut Vec::new());
        let place = project.place(files[0].0, None, true);
        (place.directory, place.path, place.module)
    }

    fn said(directory: &str, path: &str, module: &str) -> (String, String, String) {
        (directory.to_owned(), path.to_owned(), module.to_owned())
    }

    #[test]
    fn the_imports_say_from_where_it_runs() {
        let inside = [
            ("backend/main.py", "import os\nfrom routers import a\n"),
            ("backend/routers/a.py", ""),
        ];
        assert_eq!(place_of(&inside, ""), said("backend", "", "main"));
        let outside = [
            ("backend/main.py", "from backend.routers import a\n"),
            ("backend/routers/a.py", ""),
        ];
        assert_eq!(place_of(&outside, ""), said("", "", "backend.main"));
        let relative = [("app/main.py", "from .db import x\n"), ("app/db.py", "")];
        assert_eq!(place_of(&relative, ""), said("", "", "app.main"));
    }

    #[test]
    fn a_package_without_imports_runs_above_itself() {
        let package = [("api/app/main.py", ""), ("api/app/__init__.py", "")];
        assert_eq!(place_of(&package, "api"), said("api", "", "app.main"));
        let plain = [("backend/main.py", "")];
        assert_eq!(place_of(&plain, ""), said("backend", "", "main"));
    }

    #[test]
    fn a_module_is_named_from_the_folder_with_the_manifest() {
        let alone = [("backend/app/main.py", ""), ("backend/pyproject.toml", "")];
        assert_eq!(place_of(&alone, "backend"), said("backend", "", "app.main"));
        let itself = [
            ("backend/app/main.py", "if __name__ == '__main__': ...\n"),
            ("backend/pyproject.toml", ""),
        ];
        assert_eq!(
            place_of(&itself, "backend"),
            said("backend/app", "", "main")
        );
    }

    #[test]
    fn a_source_folder_is_a_path_and_no_place_to_run() {
        let layout = [
            ("src/shop/main.py", "from shop.db import x\n"),
            ("src/shop/db.py", ""),
            ("src/shop/__init__.py", ""),
        ];
        assert_eq!(place_of(&layout, ""), said("", "src", "shop.main"));
    }

    #[test]
    fn an_application_in_the_package_s_own_file_is_the_package() {
        let package = [
            ("shop/__init__.py", "from . import views\n"),
            ("shop/views.py", ""),
        ];
        assert_eq!(place_of(&package, ""), said("", "", "shop"));
    }
}
