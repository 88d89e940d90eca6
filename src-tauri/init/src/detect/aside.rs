//! Files without evidence about a development stack: tests, examples, recorded answers, CI, deployment, and settings of
//! other environments.

use super::{
    listing::{file_name, folder, is_in},
    source::has_extension,
};

/// Whether a file is no evidence of a development stack.
pub(super) fn is_aside(path: &str) -> bool {
    let name = file_name(path);
    // Instructions for developers are evidence, and often in `docs`.
    let is_text = has_extension(name, "md") || has_extension(name, "rst");
    // Below the sources of Java, folders are packages: `com/example`.
    let folder = folder(path).split("src/main/").next().unwrap_or_default();
    let is_site = folder.starts_with("apps/docs") || folder.starts_with("packages/docs");
    folder.split('/').any(|part| {
        is_in("folders_aside", part)
            // A template of cookiecutter.
            || part.starts_with("{{")
            || (part == "docs" && !is_text && !is_site)
            || part.ends_with("-e2e")
            || part.ends_with(".Tests")
            || part.ends_with(".IntegrationTests")
            || part.ends_with(".UnitTests")
    }) || is_of_other_environment(name)
        || name == "conftest.py"
        || [".stories.", ".d.ts", ".min.js", ".cy."]
            .iter()
            .any(|mark| name.contains(mark))
}

/// `settings/production.py`, `application-prod.yml`, `main.test.ts`, `test_api.py`
fn is_of_other_environment(name: &str) -> bool {
    // These are evidence under any name.
    if name.starts_with("requirements") || name.starts_with("Dockerfile") {
        return false;
    }
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    stem.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| is_in("environments", word.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_developer_runs_is_evidence() {
        for path in [
            "test/vcr_cassettes/link.yml",
            ".github/workflows/ci.yml",
            "src/main.test.ts",
            "api/test_main.py",
            "config/environments/production.rb",
            "src/main/resources/application-prod.yml",
            "src/test/java/A.java",
            "docs/conf.py",
            "Shop.Tests/Shop.Tests.csproj",
        ] {
            assert!(is_aside(path), "{path}");
        }
        for path in [
            "src/contest.py",
            "docs/development.md",
            "requirements-test.txt",
            "config/environments/development.rb",
            "latest.py",
            "src/main/java/com/example/Application.java",
            "apps/docs/package.json",
            "src/main.ts",
            ".env",
        ] {
            assert!(!is_aside(path), "{path}");
        }
    }
}
