//! The tables of `knowledge/*.toml`: entries, and an index of the literals that lead to them.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::IgnoredAny};

use crate::Made;

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

/// Returns the code of all tables of a folder.
pub(crate) fn compile(folder: &Path) -> Made<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
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
    Ok(code)
}

/// An entry as in its file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
struct Source {
    id: String,
    /// Literals that are sufficient on their own.
    #[serde(default)]
    words: Vec<String>,
    /// Literals of which one must occur before the patterns are tried.
    #[serde(default)]
    literal: Vec<String>,
    /// Patterns.
    #[serde(default)]
    says: Vec<String>,
    kind: Option<String>,
    ecosystem: Option<Ecosystem>,
    #[serde(default)]
    own: bool,
    title: Option<String>,
    remedy: Option<String>,
    #[serde(default)]
    restart_helps: bool,
    #[serde(default)]
    of_another: bool,
    #[serde(default)]
    passes: bool,
    lookup: Option<Lookup>,
    port: Option<u16>,
    #[serde(rename = "examples")]
    _examples: Option<IgnoredAny>,
    #[serde(rename = "unlike")]
    _unlike: Option<IgnoredAny>,
}

/// Named as the variants in `diagnose/evidence/log.rs`, like [`Lookup`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Ecosystem {
    Python,
    Node,
    Other,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Lookup {
    Server,
    Connections,
    Version,
    Application,
    Inotify,
}

struct Entry {
    rank: usize,
    /// The name of its file: the ecosystem.
    file: String,
    source: Source,
    /// The meaning, as Rust code.
    meaning: String,
}

fn read(file: &Path, errors: &mut Vec<Entry>, others: &mut BTreeMap<&str, Vec<Entry>>) -> Made<()> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let file: BTreeMap<String, Vec<Source>> = toml::from_str(&fs::read_to_string(file)?)?;
    for (section, sources) in file {
        for source in sources {
            let id = source.id.clone();
            let is_empty = source.words.len() + source.says.len() == 0;
            if is_empty || source.literal.is_empty() != source.says.is_empty() {
                return Err(format!("{id}: it needs `words`, or `literal` and `says`").into());
            }
            let (rank, meaning) = match section.as_str() {
                "error" => of_error(&source).map_err(|error| format!("{id}: {error}"))?,
                "address" => (0, format!("{:?}", source.port)),
                _ => (0, "()".to_owned()),
            };
            let entries = match section.as_str() {
                "error" => &mut *errors,
                other => others
                    .get_mut(other)
                    .ok_or_else(|| format!("`{other}` is no section"))?,
            };
            entries.push(Entry {
                rank,
                file: name.to_string(),
                source,
                meaning,
            });
        }
    }
    Ok(())
}

fn of_error(source: &Source) -> Made<(usize, String)> {
    let kind = source.kind.as_deref().unwrap_or("known");
    let known = KINDS.iter().position(|(name, _)| *name == kind);
    let rank = known.ok_or_else(|| format!("`{kind}` is no kind"))?;
    let about = match kind {
        "known" => "Known".to_owned(),
        "module-missing" => {
            let ecosystem = source.ecosystem.as_ref().ok_or("it needs `ecosystem`")?;
            let own = source.own;
            format!("Module {{ ecosystem: Ecosystem::{ecosystem:?}, own: {own} }}")
        }
        _ => KINDS[rank].1.to_owned(),
    };
    let lookup = source.lookup.as_ref().map_or_else(
        || "None".to_owned(),
        |lookup| format!("Some(Lookup::{lookup:?})"),
    );
    let advice = match &source.remedy {
        Some(remedy) => format!(
            "Some(Advice {{ title: {:?}, remedy: {remedy:?}, restart_helps: {}, of_another: {}, \
             passes: {}, lookup: {lookup} }})",
            source.title, source.restart_helps, source.of_another, source.passes,
        ),
        None if kind == "known" => return Err("it has neither a kind nor a remedy".into()),
        None => "None".to_owned(),
    };
    let meaning = format!("Meaning {{ about: About::{about}, advice: {advice} }}");
    // Of two entries of one kind, the one with advice comes first.
    Ok((2 * rank + usize::from(source.remedy.is_none()), meaning))
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
        let Source {
            id,
            words,
            literal,
            says,
            ..
        } = &entry.source;
        for text in words {
            add(text, place, true);
        }
        for text in literal {
            add(text, place, false);
        }
        let Entry { file, meaning, .. } = entry;
        writeln!(
            code,
            "Entry {{ file: {file:?}, id: {id:?}, says: &{says:?}, meaning: {meaning} }},"
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
