//! `pilotlight mcp install`: adds the server to the configuration of a client and changes nothing else.

use std::{
    collections::BTreeMap,
    env::{consts::OS, current_dir, home_dir},
    fs,
    io::{self, Write as _},
    path::Path,
};

use pilotlight::{
    effects::remedy::stack_file_text::{create, exchange},
    fs::project_file::{Reader, TIME_LIMIT},
};
use regex::{Captures, Regex};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    args::Install,
    failure::{Ending, Failure, tell},
    paint::{self, DIM, GREEN, paint},
};

const CLIENTS: &str = include_str!("clients.toml");

/// The lines for a project's AGENTS.md.
const ADVICE: &str = "\
- Do not start servers yourself: this project's services are run by Pilot Light (MCP server `pilotlight`, or the \
`pilotlight` command).
- Bring them up with `start` (`pilotlight up -d`), read them with `logs`; never kill processes or ports.
- When something does not work, call `diagnose` (`pilotlight doctor`) first; it names the cause and the fix.";

#[derive(Deserialize)]
struct Clients {
    client: Vec<Client>,
}

#[derive(Deserialize)]
struct Client {
    name: String,
    title: String,
    project: Option<String>,
    user: String,
    user_macos: Option<String>,
    user_windows: Option<String>,
    key: String,
    #[serde(default)]
    entry: BTreeMap<String, String>,
    signs: Vec<String>,
    note: Option<String>,
}

pub(crate) fn run(asked: &Install) -> Result<Ending, Failure> {
    let clients: Clients =
        toml::from_str(CLIENTS).map_err(|error| Failure::Refused(error.to_string()))?;
    let home = home_dir().ok_or_else(|| Failure::Usage("there is no home folder".to_owned()))?;
    let is_present = |client: &&Client| client.signs.iter().any(|sign| home.join(sign).exists());
    let all = &clients.client;
    let chosen: Vec<&Client> = if asked.clients.is_empty() {
        all.iter().filter(is_present).collect()
    } else {
        let find = |name: &String| {
            let known = all.iter().find(|client| client.name == *name);
            known.ok_or_else(|| {
                let names: Vec<&str> = all.iter().map(|client| &*client.name).collect();
                Failure::Usage(format!(
                    "no client named `{name}`; clients are: {}",
                    names.join(", ")
                ))
            })
        };
        asked.clients.iter().map(find).collect::<Result<_, _>>()?
    };
    if chosen.is_empty() {
        tell(
            "no client was found",
            Some("name one: `pilotlight mcp install claude`"),
        )?;
        return Ok(Ending::Undone);
    }
    let mut ending = Ending::Done;
    for client in chosen {
        let file = match &client.project {
            Some(project) if !asked.user => current_dir()?.join(project),
            _ => home.join(client.user()),
        };
        if !client.install(&file, asked.dry_run)? {
            ending = Ending::Undone;
        }
    }
    let mut out = paint::out();
    writeln!(
        out,
        "\nFor AGENTS.md or CLAUDE.md of the project:\n\n{ADVICE}"
    )?;
    Ok(ending)
}

impl Client {
    fn user(&self) -> &str {
        let own = match OS {
            "macos" => self.user_macos.as_deref(),
            "windows" => self.user_windows.as_deref(),
            _ => None,
        };
        own.unwrap_or(&self.user)
    }

    /// Adds the server to a file. Returns whether the file has it now.
    fn install(&self, file: &Path, dry_run: bool) -> Result<bool, Failure> {
        let mut err = paint::err();
        let old = match fs::symlink_metadata(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            _ => Some(Reader::within(TIME_LIMIT).text(file)?),
        };
        let shown = file.display();
        let new = match self.added(old.as_deref().unwrap_or_default()) {
            Added::Already => {
                let has = format!("{}: {shown} has it already", self.title);
                writeln!(err, "{}", paint(DIM, &has))?;
                return Ok(true);
            }
            Added::Unclear => {
                let what = format!("{shown} cannot be changed safely");
                tell(
                    &what,
                    Some(&format!("add this by hand: {}", self.snippet())),
                )?;
                return Ok(false);
            }
            Added::Text(new) => new,
        };
        writeln!(err, "{}: {shown}", self.title)?;
        let old_lines: Vec<&str> = old.as_deref().unwrap_or_default().lines().collect();
        for line in new.lines() {
            // Lines are only added, and the added lines must not exist already.
            if !old_lines.contains(&line) {
                writeln!(err, "{}", paint(GREEN, &format!("+ {line}")))?;
            }
        }
        if dry_run {
            return Ok(true);
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        match &old {
            Some(old) => exchange(file, old, &new)?,
            None => create(file, &new)?,
        }
        if let Some(note) = &self.note {
            writeln!(err, "{}", paint(DIM, note))?;
        }
        Ok(true)
    }

    /// Returns the server as one line of the file.
    fn snippet(&self) -> String {
        if self.is_toml() {
            let key = &self.key;
            return format!("[{key}.pilotlight]\ncommand = \"pilotlight\"\nargs = [\"mcp\"]\n");
        }
        let more = self.entry.iter();
        let more = more.map(|(key, value)| format!("\"{key}\": \"{value}\", "));
        let more: Vec<String> = more.collect();
        let more = more.concat();
        format!("\"pilotlight\": {{{more}\"command\": \"pilotlight\", \"args\": [\"mcp\"]}}")
    }

    fn is_toml(&self) -> bool {
        Path::new(&self.user)
            .extension()
            .is_some_and(|it| it == "toml")
    }

    fn added(&self, old: &str) -> Added {
        if self.is_toml() {
            return self.added_to_toml(old);
        }
        let (entry, key) = (self.snippet(), &self.key);
        if old.trim().is_empty() {
            return Added::Text(format!("{{\n  \"{key}\": {{\n    {entry}\n  }}\n}}\n"));
        }
        let plain = plain_json(old);
        let plain = plain.and_then(|plain| Some((serde_json::from_str(&plain).ok()?, plain)));
        let Some((Value::Object(root), plain)) = plain else {
            return Added::Unclear;
        };
        let comma = |is_empty: bool| if is_empty { "" } else { "," };
        let place = match root.get(key) {
            None => {
                let end = comma(root.is_empty());
                let insert = format!("\n  \"{key}\": {{\n    {entry}\n  }}{end}");
                plain.find('{').map(|brace| (brace + 1, insert))
            }
            Some(Value::Object(servers)) if servers.contains_key("pilotlight") => {
                return Added::Already;
            }
            Some(Value::Object(servers)) => {
                let last = if servers.is_empty() { "\n  " } else { "" };
                let insert = format!("\n    {entry}{}{last}", comma(servers.is_empty()));
                begin_of(&plain, key).map(|begin| (begin, insert))
            }
            Some(_) => None,
        };
        match place {
            Some((at, insert)) => Added::Text(format!("{}{insert}{}", &old[..at], &old[at..])),
            None => Added::Unclear,
        }
    }

    fn added_to_toml(&self, old: &str) -> Added {
        let Ok(table) = old.parse::<toml::Table>() else {
            return Added::Unclear;
        };
        if table
            .get(&self.key)
            .is_some_and(|servers| servers.get("pilotlight").is_some())
        {
            return Added::Already;
        }
        let gap = match old {
            "" => "",
            old if old.ends_with('\n') => "\n",
            _ => "\n\n",
        };
        let new = format!("{old}{gap}{}", self.snippet());
        match new.parse::<toml::Table>() {
            Ok(_) => Added::Text(new),
            Err(_) => Added::Unclear,
        }
    }
}

enum Added {
    Text(String),
    Already,
    Unclear,
}

/// Returns a JSON text with spaces in place of its comments and trailing commas. Each byte keeps its position.
fn plain_json(text: &str) -> Option<String> {
    let comments = Regex::new(r#"(?s)"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/|\u{feff}"#).ok()?;
    let commas = Regex::new(r#"(?s)"(?:\\.|[^"\\])*"|,\s*[}\]]"#).ok()?;
    let text = comments.replace_all(text, |found: &Captures<'_>| match &found[0] {
        string if string.starts_with('"') => string.to_owned(),
        comment => " ".repeat(comment.len()),
    });
    let text = commas.replace_all(&text, |found: &Captures<'_>| match &found[0] {
        string if string.starts_with('"') => string.to_owned(),
        end => end.replacen(',', " ", 1),
    });
    Some(text.into_owned())
}

/// Returns the position after the opening brace of the object under `key` in the outermost object.
fn begin_of(json: &str, key: &str) -> Option<usize> {
    let tokens = Regex::new(r#"(?s)"(?:\\.|[^"\\])*"|[{}\[\]]"#).ok()?;
    let mut depth = 0;
    for token in tokens.find_iter(json) {
        let rest = &json[token.end()..];
        match token.as_str() {
            "{" | "[" => depth += 1,
            "}" | "]" => depth -= 1,
            name if depth == 1 && rest.trim_start().starts_with(':') => {
                let name: String = serde_json::from_str(name).ok()?;
                if name == key {
                    return rest.find('{').map(|brace| token.end() + brace + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(client: &str, old: &str) -> Option<String> {
        let clients: Clients = toml::from_str(CLIENTS).unwrap();
        let client = clients.client.into_iter().find(|it| it.name == client);
        match client.unwrap().added(old) {
            Added::Text(text) => Some(text),
            Added::Already => Some("already".to_owned()),
            Added::Unclear => None,
        }
    }

    #[test]
    fn the_server_is_added_and_the_rest_is_unchanged() {
        for (client, old, key) in [
            ("claude", "", "mcpServers"),
            ("claude", "{}", "mcpServers"),
            (
                "vscode",
                "{\n  \"inputs\": [1, {\"a\": \"}\"}],\n}\n",
                "servers",
            ),
            (
                "cursor",
                "{\"mcpServers\": {\"other\": {\"command\": \"x\"}}}",
                "mcpServers",
            ),
            ("cursor", "{\"mcpServers\": {}}", "mcpServers"),
            (
                "zed",
                "// mine\n{\n  /* dark */ \"theme\": \"a\\\"b\", // yes\n}",
                "context_servers",
            ),
        ] {
            let new = added(client, old).unwrap();
            let at = new.find("\"pilotlight\"").unwrap();
            assert!(new[..at].contains(&format!("\"{key}\"")), "{new}");
            assert_eq!(added(client, &new).as_deref(), Some("already"), "{new}");
            let rest = old.lines().filter(|line| line.len() > 3);
            for line in rest.filter(|line| !line.contains("mcpServers")) {
                assert!(new.contains(line), "{new}");
            }
            if !old.contains(['/', '\\']) && !old.contains(",\n}") {
                let document: Value = serde_json::from_str(&new).unwrap();
                assert_eq!(document[key]["pilotlight"]["args"][0], "mcp", "{new}");
            }
        }
    }

    #[test]
    fn a_toml_file_gets_a_table_at_its_end() {
        let old = "model = \"x\" # mine\n[mcp_servers.other]\ncommand = \"y\"";
        let new = added("codex", old).unwrap();
        assert!(
            new.starts_with(old) && new.ends_with("args = [\"mcp\"]\n"),
            "{new}"
        );
        assert_eq!(added("codex", &new).as_deref(), Some("already"));
        assert_eq!(added("codex", "mcp_servers = { a = 1 }\n"), None);
        assert_eq!(added("codex", "broken = "), None);
    }

    #[test]
    fn an_invalid_file_is_not_changed() {
        for old in [
            "[1]",
            "{",
            "{\"a\" 1}",
            "{\"mcpServers\": 7}",
            "{\"a\": \"x}",
            "{\"a\": /* }",
        ] {
            assert_eq!(added("claude", old), None, "{old}");
        }
        assert_eq!(added("claude", &"{\"a\":".repeat(10_000)), None);
    }
}
