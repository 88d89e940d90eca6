//! The commands of a package script.

use std::collections::BTreeMap;

use crate::{
    detect::{has_word, is_in},
    import::{self, base_name, concurrent, short},
};

/// A script, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    /// The words of its last command, without programs that only prepare it.
    pub(super) words: Vec<String>,
    /// The variables that it sets for that command.
    pub(super) variables: Vec<(String, String)>,
    /// Whether an argument after the script reaches the last command and nothing else.
    pub(super) takes_arguments: bool,
}

/// What a script starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// Runs one thing.
    Runs(Script),
    /// Starts scripts of other packages: turbo, `pnpm -r`.
    Others,
    /// Starts several at once here: concurrently.
    Several(Vec<String>),
}

/// The scripts that refer to each other and are followed.
const DEEPEST: usize = 6;

/// Returns what the script with this name starts.
pub(super) fn read(scripts: &BTreeMap<String, String>, name: &str) -> Does {
    follow(scripts, name, DEEPEST)
}

fn follow(scripts: &BTreeMap<String, String>, name: &str, depth: usize) -> Does {
    let Some(text) = scripts.get(name) else {
        return Does::Runs(Script::default());
    };
    if starts_others(text) {
        return Does::Others;
    }
    if let Some(several) = several(scripts, text) {
        return Does::Several(several);
    }
    let commands = commands(text);
    let Some(last) = commands.last() else {
        return Does::Runs(Script::default());
    };
    if starts_others(last) {
        return Does::Others;
    }
    let mut script = unwrapped(&words(last));
    // `npm run with:env -- next dev`, where `with:env` is `dotenv --`.
    if let Some(name) = other_script(&script.words).filter(|name| *name != "--")
        && let Some(before) = scripts
            .get(name)
            .filter(|text| text.trim_end().ends_with("--"))
        && let Some(at) = script.words.iter().position(|word| word == name)
    {
        let own = script.words[at + 1..].iter().filter(|word| *word != "--");
        let all: Vec<String> = words(before).into_iter().chain(own.cloned()).collect();
        script = unwrapped(&all);
    }
    // `a & b`: two things at once, and no telling which takes arguments.
    script.takes_arguments = !text.contains(['|', '>', ';']) && !has_single_and(text);
    if let Some(other) = other_script(&script.words).filter(|other| *other != name)
        && depth > 0
        && scripts.contains_key(other)
    {
        let hands_on = script.takes_arguments && script.words[0] != "npm";
        return match follow(scripts, other, depth - 1) {
            Does::Runs(mut inner) => {
                inner.takes_arguments &= hands_on;
                inner.variables.splice(0..0, script.variables);
                Does::Runs(inner)
            }
            others => others,
        };
    }
    Does::Runs(script)
}

/// Returns the commands of a line: between `&&`, `;`, `||` and `&`.
fn commands(text: &str) -> Vec<&str> {
    let parts = text.split(['&', ';', '|']);
    parts
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

fn has_single_and(text: &str) -> bool {
    text.replace("&&", "").contains('&')
}

/// Returns the words of a command, without their quotes.
pub(super) fn words(command: &str) -> Vec<String> {
    shell_words::split(command)
        .unwrap_or_else(|_| command.split_whitespace().map(str::to_owned).collect())
}

/// Parses a command without the variables before it and the programs that only prepare it.
fn unwrapped(words: &[String]) -> Script {
    let own = import::unwrapped(words);
    let before = words[..words.len() - own.len()].iter();
    let set = before.filter(|word| !word.starts_with('-'));
    let set = set.filter_map(|word| word.split_once('='));
    Script {
        words: own.to_vec(),
        variables: set
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        takes_arguments: false,
    }
}

/// Returns the script of the same package that a command runs: `npm run dev:vite`.
fn other_script(words: &[String]) -> Option<&str> {
    let mut words = words.iter().map(String::as_str);
    let first = base_name(words.next()?);
    let second = words.next()?;
    if second.starts_with('-') {
        return None;
    }
    match (first, second) {
        ("npm" | "pnpm" | "yarn" | "bun", "run" | "run-script") => {
            words.next().filter(|word| !word.starts_with('-'))
        }
        ("npm", "start") => Some("start"),
        ("pnpm" | "yarn" | "bun", script) => Some(script),
        _ => None,
    }
}

/// Whether it starts the same script of all packages: `turbo dev`, `pnpm -r dev`.
pub(super) fn starts_all(text: &str) -> bool {
    let words = words(text);
    let mut words = words
        .iter()
        .map(|word| word.split('=').next().unwrap_or(word));
    words.any(|word| {
        has_word(
            "turbo lerna moon nx -r --recursive --parallel --workspaces -ws foreach",
            word,
        )
    })
}

/// Returns the packages of a workspace that a script starts, if it names them: `turbo run dev --filter=web`.
pub(super) fn filters(text: &str) -> Vec<String> {
    let words = words(text);
    let is_filtered = words
        .iter()
        .any(|word| has_word("turbo pnpm", base_name(word)));
    let option = |word: &String| has_word("--filter -F", word.split('=').next().unwrap_or(word));
    let places = words
        .iter()
        .enumerate()
        .filter(|(_, word)| is_filtered && option(word));
    let values = places.filter_map(|(at, word)| match word.split_once('=') {
        Some((_, value)) => Some(value.to_owned()),
        None => words.get(at + 1).cloned(),
    });
    values.collect()
}

/// Whether it starts scripts of other packages.
fn starts_others(text: &str) -> bool {
    let words = words(text);
    let first = unwrapped(&words).words;
    let first = first.first().map_or("", |word| base_name(word));
    // The options by which a manager runs scripts of other packages.
    let elsewhere = match first {
        // These have files of their own with their commands.
        _ if is_in("stack_starters", first) => return true,
        "pm2" => return words.iter().any(|word| word.contains("ecosystem")),
        "nx" => "run-many affected serve dev run",
        "pnpm" => "-r --recursive --filter -F --parallel -C --dir",
        "npm" => "--workspaces -ws --workspace -w --prefix",
        "yarn" => "workspace workspaces --cwd",
        "bun" => "--filter --cwd",
        "cd" => return text.contains("&&") && (text.contains(" run ") || text.contains(" start")),
        _ => return false,
    };
    let mut names = words
        .iter()
        .map(|word| word.split('=').next().unwrap_or(word));
    names.any(|name| has_word(elsewhere, name))
}

/// Returns the commands that a script starts at the same time, if it starts several.
fn several(scripts: &BTreeMap<String, String>, text: &str) -> Option<Vec<String>> {
    let words = unwrapped(&words(text)).words;
    let first = base_name(words.first()?);
    let parallel = match first {
        "concurrently" | "conc" | "run-p" => true,
        "npm-run-all" | "npm-run-all2" => words
            .iter()
            .any(|word| word == "-p" || word == "--parallel"),
        _ => false,
    };
    if !parallel {
        return None;
    }
    let commands = if first.starts_with("conc") {
        concurrent(&words[1..]).1
    } else {
        let mut names = words[1..].to_vec();
        names.retain(|word| !word.starts_with('-'));
        names
    };
    let mut found = Vec::new();
    for word in &commands {
        let name = short(word).unwrap_or(word);
        match name.strip_suffix('*') {
            Some(start) => {
                let all = scripts.keys().filter(|script| script.starts_with(start));
                found.extend(all.map(|script| format!("npm run {script}")));
            }
            None if scripts.contains_key(name) => found.push(format!("npm run {name}")),
            None => found.push(name.to_owned()),
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn does(scripts: &[(&str, &str)]) -> Does {
        let scripts = scripts
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        read(&scripts, "dev")
    }

    fn runs(scripts: &[(&str, &str)]) -> (String, bool) {
        match does(scripts) {
            Does::Runs(script) => (script.words.join(" "), script.takes_arguments),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_only_prepares_a_command_is_left_out() {
        for (text, expected, takes) in [
            ("vite", "vite", true),
            (
                "cross-env NODE_ENV=development PORT=4000 next dev",
                "next dev",
                true,
            ),
            ("dotenv -e ../../.env -- next dev", "next dev", true),
            ("tsc && node dist/index.js", "node dist/index.js", true),
            ("tsc -w & node dist/index.js", "node dist/index.js", false),
            ("vite | tee log", "tee log", false),
            ("./node_modules/.bin/vite", "./node_modules/.bin/vite", true),
        ] {
            assert_eq!(
                runs(&[("dev", text)]),
                (expected.to_owned(), takes),
                "{text}"
            );
        }
        let Does::Runs(script) = does(&[("dev", "PORT=4000 node a.js")]) else {
            panic!("it runs");
        };
        assert_eq!(script.variables, [("PORT".to_owned(), "4000".to_owned())]);
    }

    #[test]
    fn a_script_that_runs_another_is_followed_and_never_for_ever() {
        let two = [
            ("dev", "npm run dev:vite"),
            ("dev:vite", "vite --port 3000"),
        ];
        assert_eq!(runs(&two), ("vite --port 3000".to_owned(), false));
        let pnpm = [("dev", "pnpm dev:vite"), ("dev:vite", "vite")];
        assert_eq!(runs(&pnpm), ("vite".to_owned(), true));
        let ring = [("dev", "npm run start"), ("start", "npm run dev")];
        runs(&ring);
    }

    #[test]
    fn one_that_starts_others_is_known() {
        for text in [
            "turbo run dev",
            "pnpm -r --parallel dev",
            "npm run dev --workspace web",
            "cd web && npm run dev",
            "yarn workspace web dev",
            "npm --prefix web run dev",
        ] {
            assert_eq!(does(&[("dev", text)]), Does::Others, "{text}");
        }
        let both = [
            ("dev", "concurrently -n a,b \"npm:dev:*\" 'node server.js'"),
            ("dev:web", "vite"),
        ];
        let expected = ["npm run dev:web", "node server.js"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(does(&both), Does::Several(expected));
    }
}
