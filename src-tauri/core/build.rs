//! Compiles `knowledge/*.toml` into tables, so that a running program parses nothing. The examples in
//! these files are tests only.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

/// The kinds of errors, most specific first: if two entries match a line, the earlier one wins.
const KINDS: [(&str, &str); 16] = [
    ("known", ""),
    ("port-moved", "Moved"),
    ("address-forbidden", "Forbidden"),
    ("address-in-use", "InUse"),
    ("module-missing", ""),
    ("script-missing", "Script"),
    ("program-missing", "Program"),
    ("table-missing", "Table"),
    ("login-refused", "Login"),
    ("variable-missing", "Variable"),
    ("out-of-memory", "Memory"),
    ("too-many-files", "Files"),
    ("disk-full", "Disk"),
    ("file-missing", "File"),
    ("unreachable", "Unreachable"),
    ("syntax", "Syntax"),
];

/// The sections besides `error`, their tables, and the meaning of an entry.
const SECTIONS: [(&str, &str, &str); 4] = [
    ("address", "ADDRESSES", "Option<u16>"),
    ("aftermath", "AFTERMATH", "()"),
    ("ended", "ENDED", "()"),
    ("hint", "HINTS", "()"),
];

/// The automaton that searches for literals contains only their prefixes, so that it builds quickly.
const BEGINNING: usize = 5;

type Made<T> = Result<T, Box<dyn Error>>;

fn main() -> Made<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let folder = root.join("../../knowledge");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Made<_>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    // Entries that apply to any program come last.
    files.sort_by_key(|file| (file.ends_with("common.toml"), file.clone()));
    let mut errors = Vec::new();
    let mut others: BTreeMap<&str, Vec<Entry>> =
        SECTIONS.map(|(name, ..)| (name, Vec::new())).into();
    for file in &files {
        read(file, &mut errors, &mut others)
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    errors.sort_by_key(|entry| entry.rank);
    let mut code = String::new();
    write_table(&mut code, "ERRORS", "Meaning", &errors)?;
    for (section, table, meaning) in SECTIONS {
        write_table(&mut code, table, meaning, &others[section])?;
    }
    fs::write(
        PathBuf::from(env::var("OUT_DIR")?).join("knowledge.rs"),
        code,
    )?;
    Ok(())
}

struct Entry {
    rank: usize,
    id: String,
    /// Literals that are sufficient on their own.
    words: Vec<String>,
    /// Literals of which one must occur before the patterns are tried.
    literals: Vec<String>,
    says: Vec<String>,
    /// The meaning, as Rust code.
    meaning: String,
}

fn read(file: &Path, errors: &mut Vec<Entry>, others: &mut BTreeMap<&str, Vec<Entry>>) -> Made<()> {
    let file: Table = fs::read_to_string(file)?.parse()?;
    for (section, entries) in &file {
        let into = match section.as_str() {
            "error" => &mut *errors,
            other => others
                .get_mut(other)
                .ok_or_else(|| format!("`{other}` is no section"))?,
        };
        let entries = entries.as_array().ok_or("a section is not a list")?;
        for entry in entries {
            let entry = entry.as_table().ok_or("an entry is not a table")?;
            let id = text(entry, "id")?;
            into.push(made(section, entry).map_err(|error| format!("{id}: {error}"))?);
        }
    }
    Ok(())
}

fn made(section: &str, entry: &Table) -> Made<Entry> {
    let (rank, meaning) = match section {
        "error" => of_error(entry)?,
        "address" => {
            let port = entry.get("port").and_then(Value::as_integer);
            (0, format!("{port:?}"))
        }
        _ => (0, "()".to_owned()),
    };
    let made = Entry {
        rank,
        id: text(entry, "id")?,
        words: texts(entry, "words")?,
        literals: texts(entry, "literal")?,
        says: texts(entry, "says")?,
        meaning,
    };
    if made.literals.is_empty() != made.says.is_empty() || made.words.len() + made.says.len() == 0 {
        return Err("it needs `words`, or `literal` and `says`".into());
    }
    Ok(made)
}

fn of_error(entry: &Table) -> Made<(usize, String)> {
    let kind = entry.get("kind").and_then(Value::as_str).unwrap_or("known");
    let known = KINDS.iter().position(|(name, _)| *name == kind);
    let rank = known.ok_or_else(|| format!("`{kind}` is no kind"))?;
    let is = |key: &str| entry.get(key).and_then(Value::as_bool).unwrap_or_default();
    let about = match kind {
        "known" => "Known".to_owned(),
        "module-missing" => {
            let ecosystem = match text(entry, "ecosystem")?.as_str() {
                "python" => "Python",
                "node" => "Node",
                "other" => "Other",
                other => return Err(format!("`{other}` is no ecosystem").into()),
            };
            let own = is("own");
            format!("Module {{ ecosystem: Ecosystem::{ecosystem}, own: {own} }}")
        }
        _ => KINDS[rank].1.to_owned(),
    };
    let lookup = match entry.get("lookup").and_then(Value::as_str) {
        None => "None",
        Some("server") => "Some(Lookup::Server)",
        Some("connections") => "Some(Lookup::Connections)",
        Some("version") => "Some(Lookup::Version)",
        Some("application") => "Some(Lookup::Application)",
        Some(other) => return Err(format!("`{other}` is no lookup").into()),
    };
    let advice = match entry.contains_key("remedy") {
        true => format!(
            "Some(Advice {{ title: {:?}, remedy: {:?}, restart_helps: {}, of_another: {}, lookup: {lookup} }})",
            entry
                .get("title")
                .map(|_| text(entry, "title"))
                .transpose()?,
            text(entry, "remedy")?,
            is("restart_helps"),
            is("of_another"),
        ),
        false if kind == "known" => return Err("it has neither a kind nor a remedy".into()),
        false => "None".to_owned(),
    };
    let meaning = format!("Meaning {{ about: About::{about}, advice: {advice} }}");
    // Of two entries of one kind, the one with advice comes first.
    Ok((2 * rank + usize::from(advice == "None"), meaning))
}

fn text(entry: &Table, key: &str) -> Made<String> {
    let value = entry.get(key).and_then(Value::as_str);
    Ok(value
        .ok_or_else(|| format!("`{key}` is no text"))?
        .to_owned())
}

/// Returns the strings of a list, or none if there is no list.
fn texts(entry: &Table, key: &str) -> Made<Vec<String>> {
    let Some(values) = entry.get(key) else {
        return Ok(Vec::new());
    };
    let values = values
        .as_array()
        .ok_or_else(|| format!("`{key}` is no list"))?;
    let texts = values.iter().map(|value| match value.as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(format!("`{key}` has something that is no text").into()),
    });
    texts.collect()
}

/// Writes the entries, and an index of all literals by their prefix.
fn write_table(code: &mut String, name: &str, meaning: &str, entries: &[Entry]) -> Made<()> {
    let mut beginnings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut add = |text: &str, place: usize, suffices: bool| {
        let text = text.to_ascii_lowercase();
        let beginning: String = text.chars().take(BEGINNING).collect();
        let of_it = beginnings.entry(beginning).or_default();
        of_it.push(format!(
            "Literal {{ text: {text:?}, entry: {place}, suffices: {suffices} }}"
        ));
    };
    writeln!(
        code,
        "static {name}: Table<{meaning}> = Table {{ entries: &["
    )?;
    for (place, entry) in entries.iter().enumerate() {
        for text in &entry.words {
            add(text, place, true);
        }
        for text in &entry.literals {
            add(text, place, false);
        }
        let Entry {
            id, says, meaning, ..
        } = entry;
        writeln!(
            code,
            "Entry {{ id: {id:?}, says: &{says:?}, meaning: {meaning} }},"
        )?;
    }
    writeln!(code, "], beginnings: &[")?;
    for beginning in beginnings.keys() {
        write!(code, "{beginning:?},")?;
    }
    writeln!(code, "], literals: &[")?;
    for literals in beginnings.values() {
        writeln!(code, "&[{}],", literals.join(", "))?;
    }
    writeln!(code, "] }};")?;
    Ok(())
}
