//! The programs that scripts run: those of the table, those that run source, and those that only build.

use crate::{
    detect::{
        frameworks::{self, Tool},
        has_word, is_in, port_of,
    },
    import::base_name,
};

/// Returns the tool that a command runs.
pub(crate) fn of(words: &[String]) -> Option<&'static Tool> {
    let name = base_name(words.first()?);
    let next = words.get(1).map(String::as_str);
    frameworks::TABLE
        .tool
        .iter()
        .find(|tool| tool.is_run_by(name, next))
}

/// Returns the port that the words of a command give it.
pub(super) fn port_in(words: &[String], options: &str) -> Option<u16> {
    let number = |text: &str| port_of(text.rsplit(':').next()?);
    words.iter().enumerate().find_map(|(at, word)| {
        if has_word(options, word) {
            return number(words.get(at + 1)?);
        }
        let (name, value) = word.split_once('=')?;
        has_word(options, name).then(|| number(value))?
    })
}

/// Whether the words give a port in any way: `--port $PORT` too.
pub(super) fn names_port(words: &[String], options: &str) -> bool {
    words
        .iter()
        .any(|word| has_word(options, word.split('=').next().unwrap_or(word)))
}

/// Whether the command runs a server of the project's own.
pub(super) fn runs_source(words: &[String]) -> bool {
    let name = words.first().map_or("", |word| base_name(word));
    is_in("source_runners", name)
        || (name == "tsup" && words.iter().any(|word| word.starts_with("--onSuccess")))
}

/// Whether the command only builds something for others, again and again.
pub(super) fn only_builds(words: &[String]) -> bool {
    let name = words.first().map_or("", |word| base_name(word));
    let has = |word: &str| words.iter().any(|it| it == word);
    is_in("builders", name)
        || (has_word("astro next ng nuxt parcel vite vp webpack", name) && has("build"))
        || (name == "vp" && has("pack"))
        || (name == "node" && (has("-e") || has("--eval")))
        || (name == "webpack" && (has("--watch") || has("-w")))
}

/// Whether the command serves what was built.
pub(super) fn shows_build(words: &[String]) -> bool {
    of(words).is_some() && words.get(1).is_some_and(|word| word == "preview")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::node::script::words;

    #[test]
    fn a_tool_is_known_by_its_program_and_its_command() {
        for (command, expected) in [
            ("vite", Some(("vite", 5173))),
            ("vite --host", Some(("vite", 5173))),
            ("vite apps/web", Some(("vite", 5173))),
            ("vite preview", Some(("vite", 4173))),
            ("vite build --watch", None),
            ("next dev --turbo", Some(("next", 3000))),
            ("next lint", None),
            ("ng serve", Some(("@angular/cli", 4200))),
            ("ng build", None),
            ("eleventy --serve", Some(("@11ty/eleventy", 8080))),
            ("node server.js", None),
        ] {
            let tool = of(&words(command)).map(|tool| (tool.framework.as_str(), tool.port));
            assert_eq!(tool, expected, "{command}");
        }
    }

    #[test]
    fn a_port_is_found_among_words() {
        for (command, expected) in [
            ("vite --port 3001", Some(3001)),
            ("vite --port=3001", Some(3001)),
            ("next dev -p 3001", Some(3001)),
            ("serve -l tcp://0.0.0.0:3001", Some(3001)),
            ("vite --port $PORT", None),
            ("vite", None),
        ] {
            assert_eq!(
                port_in(&words(command), "--port -p -l"),
                expected,
                "{command}"
            );
        }
    }
}
